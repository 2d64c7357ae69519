// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * wg_tunnel_input with what a stranger, and a peer gone mad, may send. The input
 * is a list of steps, each a byte of what to do and a byte of how much follows:
 *
 *	raw		a datagram as it stands, mac1 made good or not
 *	genuine		the other end's next initiation, with bytes of it changed
 *	transport	a data message of the live session, changed or not
 *	other steps	time passes, we send, we initiate
 *
 * The random generator is scripted, so that an input means the same each time.
 * Checked throughout: no more bytes out than in to an address that proved
 * nothing, and every index claimed is released in the end.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "wg/state.h"

static uint64_t random_state;

static uint32_t next_random(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) +
		       UINT64_C(1442695040888963407);
	return random_state >> 32;
}

static void fill_random(void *const buf, const size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)buf)[i] = next_random();
}

static const char *name(void)
{
	return "scripted";
}

static struct randombytes_implementation scripted = {
	.implementation_name = name,
	.random = next_random,
	.buf = fill_random,
};

static uint64_t wall_ns(void)
{
	return UINT64_C(1700000000) * WG_SECOND_NS +
	       random_state % WG_SECOND_NS;
}

/* Both ends; what one sends is kept for the other. */
struct end {
	struct wg_tunnel *tunnel;
	struct wg_peer *peer;
	uint8_t sent[2048];
	size_t sent_len, sent_bytes;
	long claims;
};

static struct end us, them;
static const struct wg_path home = {.remote = {[15] = 1}, .remote_port = 1};
static const struct wg_path stranger_path = {.remote = {[15] = 2},
					     .remote_port = 2};

static void on_send(void *ctx, const struct wg_path *path, const void *data,
		    size_t len)
{
	struct end *end = ctx;

	(void)path;
	end->sent_len = len < sizeof(end->sent) ? len : sizeof(end->sent);
	memcpy(end->sent, data, end->sent_len);
	end->sent_bytes += len;
}

static struct wg_peer *on_stranger(void *ctx, const struct wg_key *public_key,
				   const struct wg_path *path)
{
	struct end *end = ctx;

	(void)path;
	return wg_peer_add(end->tunnel, public_key, NULL, 0, NULL);
}

static void on_proven(void *ctx, struct wg_peer *peer,
		      const struct wg_path *path, bool moved, bool answered)
{
	(void)ctx;
	(void)peer;
	(void)path;
	(void)moved;
	(void)answered;
}

static void on_deliver(void *ctx, struct wg_peer *peer, const void *data,
		       size_t len)
{
	static volatile uint8_t sum;

	(void)ctx;
	(void)peer;
	for (size_t i = 0; i < len; i++)
		sum = sum + ((const uint8_t *)data)[i];
}

static bool on_claim(void *ctx, struct wg_peer *peer, uint32_t index)
{
	(void)peer;
	if (index % 8 == 0)
		return false;
	((struct end *)ctx)->claims++;
	return true;
}

static void on_release(void *ctx, struct wg_peer *peer, uint32_t index)
{
	(void)peer;
	(void)index;
	((struct end *)ctx)->claims--;
}

static void on_gave_up(void *ctx, struct wg_peer *peer)
{
	(void)ctx;
	(void)peer;
}

static void make_end(struct end *end)
{
	static const struct wg_tunnel_ops ops = {
		.send = on_send,
		.stranger = on_stranger,
		.proven = on_proven,
		.deliver = on_deliver,
		.claim = on_claim,
		.release = on_release,
		.gave_up = on_gave_up,
	};
	struct wg_tunnel_settings settings = {
		.max_peers = 4, .wall_ns = wall_ns, .load_limit = 8};

	memset(end, 0, sizeof(*end));
	wg_key_generate_private(&settings.private_key);
	if (wg_tunnel_new(&end->tunnel, &settings, &ops, end))
		abort();
}

static void fix_mac1(uint8_t *message, size_t len)
{
	const struct wg_mac1_key *key = &us.tunnel->vault->jar.mac1_key;

	if (len == WG_INITIATION_LEN || len == WG_RESPONSE_LEN)
		wg_mac(message + len - 32, key->bytes, sizeof(key->bytes),
		       message, len - 32);
}

static void change(uint8_t *message, size_t len, const uint8_t *by,
		   size_t by_len)
{
	for (size_t i = 0; i + 1 < by_len && len; i += 2)
		message[by[i] % len] ^= by[i + 1];
}

/* To us, from a place that proved nothing: never more out than in. */
static void feed(const struct wg_path *path, const uint8_t *message, size_t len,
		 uint64_t now_ns)
{
	uint8_t *exact =
		malloc(len ? len : 1); /* its end is the heap's guard */
	size_t before = us.sent_bytes;
	struct wg_peer_stats stats;
	bool proven;

	memcpy(exact, message, len);
	wg_tunnel_input(us.tunnel, path, exact, len, now_ns);
	free(exact);
	wg_peer_stats(us.peer, &stats);
	proven = stats.has_path && wg_path_equal(&stats.path, path);
	if (!proven && us.sent_bytes - before > len)
		abort();
}

static void step(uint8_t what, const uint8_t *data, size_t len,
		 uint64_t *now_ns)
{
	const struct wg_path *path = what & 0x80 ? &stranger_path : &home;
	uint8_t message[2048];
	size_t message_len;

	switch (what & 7) {
	case 0:
		memcpy(message, data, len);
		if (what & 8)
			fix_mac1(message, len);
		feed(path, message, len, *now_ns);
		break;
	case 1: /* a true initiation or retry, or what it was answered with */
		them.sent_len = 0;
		wg_peer_initiate(them.peer, &home, false, *now_ns);
		message_len = them.sent_len;
		memcpy(message, them.sent, message_len);
		change(message, message_len, data, len);
		if (what & 8)
			fix_mac1(message, message_len);
		feed(path, message, message_len, *now_ns);
		break;
	case 2: /* our last datagram reaches them, their answer us */
		them.sent_len = 0;
		wg_tunnel_input(them.tunnel, &home, us.sent, us.sent_len,
				*now_ns);
		message_len = them.sent_len;
		memcpy(message, them.sent, message_len);
		change(message, message_len, data, len);
		if (what & 8)
			fix_mac1(message, message_len);
		feed(path, message, message_len, *now_ns);
		break;
	case 3:
		them.sent_len = 0;
		wg_peer_send(them.peer, data, len, *now_ns);
		if (what & 8 && them.sent_len > 16)
			them.sent[8 + what % 40 % them.sent_len] ^= what;
		feed(path, them.sent, them.sent_len, *now_ns);
		break;
	case 4:
		wg_peer_send(us.peer, data, len, *now_ns);
		break;
	case 5:
		wg_peer_initiate(us.peer, path, what & 8, *now_ns);
		break;
	default:
		*now_ns += (len ? data[0] + 1 : 1) *
			   (what & 8 ? WG_SECOND_NS : UINT64_C(10000000));
		wg_tunnel_tick(us.tunnel, *now_ns);
		wg_tunnel_tick(them.tunnel, *now_ns);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	randombytes_set_implementation(&scripted);
	return sodium_init() < 0 ? -1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t now_ns = 1000 * WG_SECOND_NS;

	random_state = 1;
	make_end(&us);
	make_end(&them);
	us.peer = wg_peer_add(us.tunnel, wg_tunnel_public_key(them.tunnel),
			      NULL, 25, NULL);
	them.peer = wg_peer_add(them.tunnel, wg_tunnel_public_key(us.tunnel),
				NULL, 0, NULL);
	for (int steps = 0; size >= 2 && steps < 64; steps++) {
		size_t len = data[1];

		if (len > size - 2)
			len = size - 2;
		step(data[0], data + 2, len, &now_ns);
		data += 2 + len;
		size -= 2 + len;
	}
	/* Everything runs out: what was claimed must have come back. */
	wg_peer_remove(us.tunnel, us.peer);
	wg_tunnel_tick(us.tunnel, now_ns + 3600 * WG_SECOND_NS);
	if (us.claims)
		abort();
	wg_tunnel_free(us.tunnel);
	wg_tunnel_free(them.tunnel);
	return 0;
}
