// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Figures that need the daemon, taken with peers that know how to shake hands
 * with it (lib/crowd.h). The relay's public key is the last argument.
 *
 *	peers handshakes [SECONDS]	how many handshakes it forwards a second
 *	peers roam			how long a peer that moved is cut off
 *	peers flow			one live session from 10.1.0.1 to 10.2.0.1:
 *					prints its index, keeps it until end of input
 *
 * selftests/bench/run makes the namespaces and starts the daemon.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow.h"
#include "lib/crowd.h"
#include "lib/report.h"

#define NET_A 0x0a010000U
#define NET_B 0x0a020000U
/* 10.1.0.2 is elsewhere for the figures without the daemon (lib/lab.sh). */
#define CROWD_FIRST (NET_A + 16)
#define SECOND 1000000000ULL

static struct crowd crowd;

/* Never zero, never twice, and random to look at. */
static uint32_t fresh_index(void)
{
	static uint32_t next;

	return bench_index(getpid() * 0x01000193U + next++);
}

/* ---- handshakes ---- */

#define PAIRS 64
#define WINDOW 256 /* handshakes under way */
#define PREPARED 200000
#define STALL_NS (SECOND / 5)

static struct wg_initiation *prepared;
static size_t launched, completed;

static struct peer *initiator(uint64_t pair)
{
	return &crowd.peers[2 * (pair % PAIRS)];
}

static struct peer *responder(uint64_t pair)
{
	return &crowd.peers[2 * (pair % PAIRS) + 1];
}

/* mac1 of what starts a handshake is computed before the clock runs. */
static void prepare(void)
{
	prepared = calloc(PREPARED, sizeof(*prepared));
	if (!prepared)
		bench_die("out of memory");
	for (size_t i = 0; i < PREPARED; i++)
		crowd_initiation(&prepared[i], responder(i), fresh_index(), i);
}

static void launch(void)
{
	if (launched == PREPARED)
		return;
	crowd_send(initiator(launched), &prepared[launched], sizeof(*prepared));
	launched++;
}

static void answer(struct peer *peer, const void *data, size_t len,
		   uint64_t now_ns)
{
	const struct wg_initiation *initiation = data;
	struct wg_response response;

	(void)len, (void)now_ns;
	if (initiation->header.type == WG_INITIATION) {
		crowd_response(&response, initiator(crowd_tag(data)),
			       fresh_index(), initiation->sender,
			       crowd_tag(data));
		crowd_send(peer, &response, sizeof(response));
	} else if (initiation->header.type == WG_RESPONSE) {
		completed++;
		launch();
	}
}

static void handshakes(const char *relay_key, double seconds)
{
	uint64_t started, ended, progress;
	size_t before, lost = 0;
	struct site *a;

	crowd_init(&crowd, relay_key, 2 * PAIRS, answer);
	a = crowd_site(&crowd, "a", BENCH_PEER_PORT, 0);
	for (uint32_t i = 0; i < 2 * PAIRS; i++)
		crowd_peer(&crowd, a, CROWD_FIRST + i);
	for (size_t i = 0; i < PAIRS; i++)
		initiator(i)->friend = responder(i);
	crowd_connect(&crowd);
	prepare();
	started = progress = bench_now_ns();
	for (int i = 0; i < WINDOW; i++)
		launch();
	while ((ended = bench_now_ns()) < started + seconds * SECOND &&
	       completed < PREPARED) {
		before = completed;
		crowd_work(&crowd, SECOND / 1000);
		if (completed != before)
			progress = ended;
		if (ended - progress < STALL_NS)
			continue;
		lost += launched - completed;
		for (int i = 0; i < WINDOW; i++)
			launch();
		progress = ended;
	}
	if (!completed)
		bench_die("no handshake came through");
	bench_value("handshake_forward_rate",
		    completed * 1e9 / (ended - started), "handshakes/s");
	bench_note("# handshakes: %zu begun, %zu through, stalls over %zu",
		   launched, completed, lost);
}

/* ---- one session ---- */

static uint32_t index_here, index_there; /* of data to the initiator, from it */

static void establish(struct peer *peer, const void *data, size_t len,
		      uint64_t now_ns)
{
	const struct wg_initiation *initiation = data;
	const struct wg_response *answered = data;
	struct wg_response response;

	(void)len, (void)now_ns;
	if (initiation->header.type == WG_INITIATION) {
		crowd_response(&response, &crowd.peers[0], fresh_index(),
			       initiation->sender, 0);
		crowd_send(peer, &response, sizeof(response));
	} else if (initiation->header.type == WG_RESPONSE) {
		index_there = answered->sender;
	}
}

/* Peer 0 to peer 1; a handshake is tried again as WireGuard would. */
static void session(void)
{
	struct wg_initiation initiation;
	uint64_t tried;

	for (int try = 0; try < 10 && !index_there; try++) {
		index_here = fresh_index();
		crowd_initiation(&initiation, &crowd.peers[1], index_here, 0);
		crowd_send(&crowd.peers[0], &initiation, sizeof(initiation));
		tried = bench_now_ns();
		while (!index_there && bench_now_ns() < tried + SECOND / 2)
			crowd_work(&crowd, SECOND / 1000);
	}
	if (!index_there)
		bench_die("no handshake came through");
}

/* A link exists when one side lists the other. */
static void befriend(void)
{
	crowd.peers[0].friend = &crowd.peers[1];
}

static void flow(const char *relay_key)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	struct site *a, *b;

	crowd_init(&crowd, relay_key, 2, establish);
	a = crowd_site(&crowd, "a", BENCH_PEER_PORT, 0);
	b = crowd_site(&crowd, "b", BENCH_PEER_PORT, 0);
	crowd_peer(&crowd, a, NET_A + 1);
	crowd_peer(&crowd, b, NET_B + 1);
	befriend();
	crowd_connect(&crowd);
	session();
	printf("%u\n", index_there);
	fflush(stdout);
	while (!poll(&input, 1, 0))
		crowd_work(&crowd, SECOND / 100);
}

/* ---- roaming ---- */

#define DELAY_NS 10000000 /* one way between each of the peers and the relay */
#define PROBES 40
#define PROBE_INTERVAL_NS 200000
#define MOVES 5
#define REST_NS (SECOND + SECOND / 5) /* the relay asks a peer once a second */

static uint64_t wanted, arrived_ns; /* a tag, and when it came */

static void roam_message(struct peer *peer, const void *data, size_t len,
			 uint64_t now_ns)
{
	if (*(const uint8_t *)data != WG_DATA)
		establish(peer, data, len, now_ns);
	else if (!arrived_ns && crowd_tag(data) == wanted)
		arrived_ns = now_ns;
}

static void probe(uint64_t tag)
{
	uint8_t data[CROWD_DATA_LEN];

	crowd_data(data, index_there, tag);
	crowd_send(&crowd.peers[0], data, sizeof(data));
}

/* Peer to relay to peer, both equally far: one round trip. */
static double round_trip_ms(void)
{
	double ms[PROBES];

	for (int i = 0; i < PROBES; i++) {
		uint64_t sent = bench_now_ns();

		wanted = 1000 + i;
		arrived_ns = 0;
		probe(wanted);
		while (!arrived_ns && bench_now_ns() < sent + SECOND)
			crowd_work(&crowd, SECOND / 10000);
		if (!arrived_ns)
			bench_die("data did not come through");
		ms[i] = (arrived_ns - sent) / 1e6;
	}
	return bench_median(ms, PROBES);
}

/* From the first packet out of the new source until one of them arrives. */
static double move_ms(struct site *to, uint64_t tag)
{
	uint64_t sent = bench_now_ns(), last = 0;

	crowd.peers[0].site = to;
	wanted = tag;
	arrived_ns = 0;
	while (!arrived_ns && bench_now_ns() < sent + 20 * SECOND) {
		if (bench_now_ns() - last >= PROBE_INTERVAL_NS) {
			last = bench_now_ns();
			probe(tag);
		}
		crowd_work(&crowd, PROBE_INTERVAL_NS);
	}
	if (!arrived_ns)
		bench_die("20 s after the peer moved nothing comes through");
	return (arrived_ns - sent) / 1e6;
}

static void rest(uint64_t ns)
{
	uint64_t until = bench_now_ns() + ns;

	while (bench_now_ns() < until)
		crowd_work(&crowd, SECOND / 1000);
}

static void roam(const char *relay_key)
{
	int moves = bench_quick() ? 1 : MOVES;
	struct site *sites[2], *far;
	double ms[MOVES];

	crowd_init(&crowd, relay_key, 2, roam_message);
	sites[0] = crowd_site(&crowd, "a", BENCH_PEER_PORT, DELAY_NS);
	sites[1] = crowd_site(&crowd, "a", BENCH_PEER_PORT + 1, DELAY_NS);
	/* In another namespace: out of the device it came in by, a frame waits
	 * in a veth until an sk_buff follows, unless a program is at its end. */
	far = crowd_site(&crowd, "b", BENCH_PEER_PORT, DELAY_NS);
	crowd_peer(&crowd, sites[0], NET_A + 1);
	crowd_peer(&crowd, far, NET_B + 1);
	befriend();
	crowd_connect(&crowd);
	session();
	bench_value("roam_rtt_ms", round_trip_ms(), "ms");
	for (int i = 0; i < moves; i++) {
		ms[i] = move_ms(sites[(i + 1) % 2], 1 + i);
		bench_note("# moved %d: %.1f ms", i + 1, ms[i]);
		if (i + 1 < moves)
			rest(REST_NS);
	}
	bench_value("roam_recovery_ms", bench_median(ms, moves), "ms");
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "", *key = argv[argc - 1];

	if (!strcmp(mode, "handshakes"))
		handshakes(key, argc > 3 ? strtod(argv[2], NULL) : 1);
	else if (!strcmp(mode, "roam"))
		roam(key);
	else if (!strcmp(mode, "flow"))
		flow(key);
	else
		bench_die(
			"usage: peers handshakes [SECONDS] | roam | flow RELAY-KEY");
	return 0;
}
