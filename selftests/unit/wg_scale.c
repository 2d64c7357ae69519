// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many peers: what one costs, that nothing walks over all of them, and the
 * containers below (heap, index table) beside plain models.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "tap.h"
#include "wg/state.h"

#define PEERS 16384

static unsigned long sent;

static void count_send(void *ctx, const struct wg_path *path, const void *data,
		       size_t len)
{
	(void)ctx;
	(void)path;
	(void)data;
	(void)len;
	sent++;
}

static void no_proven(void *ctx, struct wg_peer *peer,
		      const struct wg_path *path, bool moved, bool answered)
{
	(void)ctx;
	(void)peer;
	(void)path;
	(void)moved;
	(void)answered;
}

static void no_deliver(void *ctx, struct wg_peer *peer, const void *data,
		       size_t len)
{
	(void)ctx;
	(void)peer;
	(void)data;
	(void)len;
}

static unsigned long given_up;
static void count_gave_up(void *ctx, struct wg_peer *peer)
{
	(void)ctx;
	(void)peer;
	given_up++;
}

static uint64_t wall_ns(void)
{
	return UINT64_C(1700000000) * WG_SECOND_NS;
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec +
	       (now.tv_nsec - start->tv_nsec) / 1e9;
}

static long resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long total, resident;

	if (!file)
		return 0;
	if (fscanf(file, "%ld %ld", &total, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Gives a peer the two keypairs that it has while it is in use. */
static void give_session(struct wg_peer *peer, uint64_t now_ns)
{
	struct wg_session_keys keys = {{1}, {2}};
	uint32_t index;

	peer->tunnel->now_ns = now_ns;
	for (int i = 0; i < 2; i++) {
		wg_tunnel_draw_index(peer, &index);
		wg_session_begin(peer, wg_session_new(peer, 1, true, &keys),
				 index);
	}
	peer->has_path = true;
	peer->keepalive = 25;
	wg_timers_sent(peer, false);
	wg_timers_schedule(peer);
}

static struct wg_tunnel *make_tunnel(void)
{
	static const struct wg_tunnel_ops ops = {
		.send = count_send,
		.proven = no_proven,
		.deliver = no_deliver,
		.gave_up = count_gave_up,
	};
	struct wg_tunnel_settings settings = {
		.max_peers = PEERS,
		.wall_ns = wall_ns,
	};
	struct wg_tunnel *tunnel;

	wg_key_generate_private(&settings.private_key);
	if (wg_tunnel_new(&tunnel, &settings, &ops, NULL))
		abort();
	return tunnel;
}

static struct wg_key keys[PEERS];

static void test_memory(struct wg_tunnel *tunnel, uint64_t now_ns)
{
	long before = resident_kib(), each;
	size_t missed = 0;

	for (int i = 0; i < PEERS; i++) {
		struct wg_peer *peer =
			wg_peer_add(tunnel, &keys[i], NULL, 0, NULL);

		if (peer)
			give_session(peer, now_ns + i);
		else
			missed++;
	}
	is_int(missed, 0, "%d peers fit", PEERS);
	each = (resident_kib() - before) * 1024 / PEERS;
	printf("# %ld bytes a peer with two keypairs; peer %zu, keypair %zu, "
	       "pending %zu\n",
	       each, sizeof(struct wg_peer), sizeof(struct wg_keypair),
	       sizeof(struct wg_pending));
#ifndef __SANITIZE_ADDRESS__
	ok(each > 0 && each < 1400, "a peer with two keypairs takes %ld bytes",
	   each);
#endif
	for (int i = 0; i < PEERS; i++) {
		struct wg_peer *peer = wg_peer_find(tunnel, &keys[i]);

		missed += !peer || !wg_key_equal(wg_peer_key(peer), &keys[i]);
	}
	is_int(missed, 0, "each is found");
}

static void test_ticks(struct wg_tunnel *tunnel, uint64_t now_ns)
{
	struct timespec start;
	size_t held = 0;

	/* A walk over all of them would take minutes here. */
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < 1000000; i++)
		wg_tunnel_tick(tunnel, now_ns + i);
	ok(seconds_since(&start) < 5, "a million idle ticks are cheap");

	sent = 0;
	now_ns += 26 * WG_SECOND_NS;
	wg_tunnel_tick(tunnel, now_ns);
	is_int(sent, PEERS, "each sends its keepalive when due");
	for (int i = 0; i < PEERS; i++) /* no handshakes now: 16 k of them */
		wg_peer_find(tunnel, &keys[i])->keepalive = 0;
	sent = 0;
	now_ns += 25 * WG_SECOND_NS;
	wg_tunnel_tick(tunnel, now_ns);
	is_int(sent, PEERS, "and once more");
	now_ns += 200 * WG_SECOND_NS;
	is_int(wg_tunnel_tick(tunnel, now_ns) == UINT64_MAX, true,
	       "then they rest");
	for (size_t i = 0; i <= tunnel->indices.mask; i++)
		held += tunnel->indices.buckets[i] != NULL;
	is_int(held, 0, "with no index held");
}

static void test_retries(struct wg_tunnel *tunnel, uint64_t now_ns)
{
	struct wg_path path = {.remote_port = 1};

	sent = 0;
	for (int i = 0; i < 256; i++)
		wg_peer_initiate(wg_peer_find(tunnel, &keys[i]), &path, true,
				 now_ns);
	while ((now_ns = wg_tunnel_tick(tunnel, now_ns)) != UINT64_MAX)
		;
	is_int(given_up, 256, "256 unanswered ones give up, tick by tick");
	ok(sent >= 256 * 17 && sent <= 256 * 18, "after all their tries");
}

static void test_many(void)
{
	struct wg_tunnel *tunnel = make_tunnel();
	uint64_t now_ns = 1000 * WG_SECOND_NS;

	randombytes_buf(keys, sizeof(keys));
	test_memory(tunnel, now_ns);
	test_ticks(tunnel, now_ns + PEERS);
	test_retries(tunnel, now_ns + 3600 * WG_SECOND_NS);
	for (int i = 0; i < PEERS; i++)
		wg_peer_remove(tunnel, wg_peer_find(tunnel, &keys[i]));
	ok(!wg_peer_find(tunnel, &keys[0]), "all are removed");
	wg_tunnel_free(tunnel);
}

static void test_heap(void)
{
	enum { N = 500 };
	struct wg_heap_node nodes[N] = {0};
	uint64_t due[N];
	struct wg_heap heap;
	bool held = true;

	srandom(7);
	wg_heap_init(&heap, N);
	for (int i = 0; i < N; i++)
		due[i] = UINT64_MAX;
	for (int step = 0; step < 50000 && held; step++) {
		int at = random() % N;
		uint64_t least = UINT64_MAX;
		struct wg_heap_node *first;

		due[at] = random() % 3 ? (uint64_t)random() % 1000 : UINT64_MAX;
		wg_heap_set(&heap, &nodes[at], due[at]);
		for (int i = 0; i < N; i++)
			if (due[i] < least)
				least = due[i];
		first = wg_heap_first(&heap);
		held = first ? first->due_ns == least : least == UINT64_MAX;
	}
	ok(held, "the heap's first is always the least");
	wg_heap_clear(&heap);
}

static void test_indices(void)
{
	enum { N = 300 };
	struct wg_indexed entries[N] = {0};
	bool in[N] = {0}, held = true;
	struct wg_index_table table;

	wg_index_table_init(&table, 64);
	for (int i = 0; i < N; i++)
		entries[i].index = (uint32_t)i * 64 / 3 + ((uint32_t)i << 20);
	for (int step = 0; step < 20000 && held; step++) {
		int at = random() % N;

		if (in[at])
			wg_index_remove(&table, &entries[at]);
		else
			wg_index_insert(&table, &entries[at]);
		in[at] = !in[at];
		at = random() % N;
		held = wg_index_find(&table, entries[at].index) ==
		       (in[at] ? &entries[at] : NULL);
	}
	ok(held, "the index table finds what is in it, and nothing else");
	wg_index_table_clear(&table);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_heap();
	test_indices();
	test_many();
	return tap_done();
}
