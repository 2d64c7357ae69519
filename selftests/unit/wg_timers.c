// SPDX-License-Identifier: GPL-2.0-or-later
/* Hours on a virtual clock: rekeying, keepalives, retries, expiry, loss. */
#include "unit/wg_sim.h"

#include <errno.h>

#include "wg/state.h"

static struct wg_peer_stats stats_of(const struct sim_peer *peer)
{
	struct wg_peer_stats stats;

	wg_peer_stats(peer->peer, &stats);
	return stats;
}

static int say(struct sim_peer *to, size_t len)
{
	uint8_t data[1400] = {0x45};

	return wg_peer_send(to->peer, data, len, to->node->sim->now_ns);
}

static int lose_everything(struct sim *sim, const struct sim_datagram *datagram,
			   uint64_t *extra_ns)
{
	(void)sim;
	(void)datagram;
	(void)extra_ns;
	return 0;
}

/* Three hours of traffic both ways: new keys every 120 s, no packet lost. */
static void test_rekey(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	unsigned long sent_a = 0, sent_b = 0;

	sim_connect(&p);
	for (int i = 0; i < 3 * 3600 * 2; i++) {
		sent_a += !say(p.to_b, 100);
		sent_b += !say(p.to_a, 100);
		sim_run(p.sim, 500 * SIM_MS);
	}
	ok(sent_a == 3 * 3600 * 2 && sent_b == sent_a,
	   "always a key to send under");
	is_int(p.to_a->delivered, sent_a, "all of a's packets arrive");
	is_int(p.to_b->delivered, sent_b, "and b's");
	is_int(p.a->sent_type[WG_INITIATION], 90,
	       "a new handshake every 120 s");
	is_int(p.b->sent_type[WG_INITIATION], 0, "by the one that began");
	ok(p.a->claims <= 2, "the old keypairs are gone");
	is_int(p.to_a->moved, 1, "nobody moved");
	ok(p.a->verdicts[WG_BAD_DATA] + p.b->verdicts[WG_BAD_DATA] == 0,
	   "nothing was refused");
	sim_free(p.sim);
}

/* One end only sends, the other only answers by keepalives. */
static void test_one_way(bool initiator_sends)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct sim_peer *to, *from;
	unsigned long sent = 0;

	sim_connect(&p);
	to = initiator_sends ? p.to_b : p.to_a;
	from = initiator_sends ? p.to_a : p.to_b;
	for (int i = 0; i < 3600; i++) {
		sent += !say(to, 100);
		sim_run(p.sim, WG_SECOND_NS);
	}
	is_int(sent, 3600, "%s sends for an hour",
	       initiator_sends ? "the initiator" : "the responder");
	is_int(from->delivered, 3600, "nothing is lost");
	is_int(from->node->sent_type[WG_DATA] >= 3600 / 11 - 30, true,
	       "the other shows every ten seconds that it lives");
	is_int(p.a->sent_type[WG_INITIATION] >= 3600 / 170 &&
		       p.a->sent_type[WG_INITIATION] <= 31,
	       true, "keys are renewed in time");
	is_int(p.b->sent_type[WG_INITIATION], 0, "by the initiator");
	sim_free(p.sim);
}

/* Silence costs nothing: no timer runs for ever. */
static void test_idle(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	unsigned long sent;

	sim_connect(&p);
	say(p.to_b, 100);
	sim_run(p.sim, 9900 * SIM_MS);
	is_int(p.b->sent_type[WG_DATA], 0, "nothing to say for ten seconds");
	sim_run(p.sim, 200 * SIM_MS);
	is_int(p.b->sent_type[WG_DATA], 1, "then a keepalive");
	sent = p.a->sent + p.b->sent;
	sim_run(p.sim, 169 * WG_SECOND_NS);
	ok(stats_of(p.to_b).has_keypair, "the keypair lives for 180 s");
	ok(p.a->claims == 1, "with its index");
	sim_run(p.sim, 3600 * WG_SECOND_NS);
	is_int(p.a->sent + p.b->sent, sent, "an idle hour sends nothing");
	ok(!stats_of(p.to_b).has_keypair && !stats_of(p.to_a).has_keypair,
	   "the keypairs are gone");
	ok(!p.a->claims && !p.b->claims, "and so are their indices");
	is_int(wg_tunnel_tick(p.a->tunnel, p.sim->now_ns) == UINT64_MAX, true,
	       "nothing is due any more");
	is_int(say(p.to_b, 100), -ENOKEY, "sending finds no key");
	sim_run(p.sim, WG_SECOND_NS);
	is_int(say(p.to_b, 100), 0, "and makes one");
	is_int(say(p.to_a, 100), 0, "for both ends");
	sim_free(p.sim);
}

static void test_persistent(void)
{
	struct sim_pair p = sim_pair(NULL, 25);
	unsigned long at_b;

	sim_connect(&p);
	sim_run(p.sim, 3600 * WG_SECOND_NS);
	at_b = p.to_a->proven;
	ok(at_b >= 3600 / 25 - 5 && at_b <= 3600 / 25 + 40,
	   "a keepalive of 25 s keeps an hour's path (%lu)", at_b);
	ok(stats_of(p.to_a).has_keypair, "and a key at the responder");
	is_int(p.b->sent_type[WG_DATA], 0, "which has nothing to send");
	ok(p.a->sent_type[WG_INITIATION] >= 24 &&
		   p.a->sent_type[WG_INITIATION] <= 30,
	   "rekeyed on the way (%lu)", p.a->sent_type[WG_INITIATION]);
	sim_free(p.sim);
}

/* Only the responder ever sends, and only keepalives: the initiator notices in
 * time that its key will be too old. */
static void test_last_minute(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	int without = 0;

	p.to_a->peer->keepalive = 25;
	sim_connect(&p);
	for (int i = 0; i < 2000; i++) {
		without += !stats_of(p.to_a).has_keypair;
		sim_run(p.sim, WG_SECOND_NS);
	}
	is_int(without, 0, "a listening initiator renews in the last minute");
	is_int(p.b->sent_type[WG_INITIATION], 0, "before the other must");
	sim_free(p.sim);
}

/* Who answers in time with data owes no keepalive. */
static void test_answered(void)
{
	struct sim_pair p = sim_pair(NULL, 0);

	sim_connect(&p);
	say(p.to_b, 100);
	sim_run(p.sim, 5 * WG_SECOND_NS);
	say(p.to_a, 100);
	sim_run(p.sim, 9 * WG_SECOND_NS);
	is_int(p.b->sent_type[WG_DATA], 1, "an answer spares the keepalive");
	sim_run(p.sim, 60 * WG_SECOND_NS);
	is_int(p.a->sent_type[WG_DATA], 3, "which the other owes for it");
	sim_free(p.sim);
}

/* The same, seen second by second: has the responder always a key? */
static void test_no_blackout(void)
{
	struct sim_pair p = sim_pair(NULL, 25);
	int without = 0;

	sim_connect(&p);
	for (int i = 0; i < 2000; i++) {
		without += !stats_of(p.to_a).has_keypair;
		without += !stats_of(p.to_b).has_keypair;
		sim_run(p.sim, WG_SECOND_NS);
	}
	is_int(without, 0,
	       "with keepalives there is never a moment without a key");
	sim_free(p.sim);
}

static uint64_t tries_ns[64];
static int try_count;
static struct wg_path last_try;

static int record_tries(struct sim *sim, const struct sim_datagram *datagram,
			uint64_t *extra_ns)
{
	(void)extra_ns;
	if (datagram->data[0] == WG_INITIATION) {
		tries_ns[try_count++ % 64] = sim->now_ns;
		last_try = datagram->path;
	}
	return 0;
}

static void test_jitter(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path path = sim_path(2, 1);
	int distinct = 0, within = 0;

	try_count = 0;
	p.sim->fate = record_tries;
	wg_peer_initiate(p.to_b->peer, &path, true, p.sim->now_ns);
	sim_run(p.sim, 89 * WG_SECOND_NS);
	for (int i = 1; i < try_count; i++) {
		uint64_t gap_ns = tries_ns[i] - tries_ns[i - 1];

		within += gap_ns >= 5 * WG_SECOND_NS && gap_ns < 5334 * SIM_MS;
		distinct += i > 1 && gap_ns != tries_ns[1] - tries_ns[0];
	}
	is_int(within, try_count - 1, "retries are 5 to 5.333 s apart");
	ok(distinct >= try_count - 3, "and not in step");
	sim_free(p.sim);
}

/* Asking again and again does not put off the day. */
static void test_impatience(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path path = sim_path(2, 1);

	p.sim->fate = record_tries;
	try_count = 0;
	for (int i = 0; i < 2 * 89; i++) {
		wg_peer_initiate(p.to_b->peer, &path, i % 2, p.sim->now_ns);
		sim_run(p.sim, 500 * SIM_MS);
	}
	ok(try_count >= 17 && try_count <= 19, "asking often sends no more");
	sim_run(p.sim, 7 * WG_SECOND_NS);
	is_int(p.to_b->gave_up, 1, "and ends no later");
	sim_free(p.sim);
}

/* The peer moves while we try to renew: the next try goes to where it is. */
static void test_follow(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path moved = sim_path(1, 2);

	sim_connect(&p);
	sim_run(p.sim, 10 * WG_SECOND_NS);
	p.sim->fate = record_tries;
	say(p.to_a, 10); /* unanswered */
	sim_run(p.sim, 16 * WG_SECOND_NS);
	is_int(last_try.local_port, 1, "a handshake to where the peer was");
	say(p.to_b, 10);
	moved.remote_port = 4711;
	wg_tunnel_input(p.b->tunnel, &moved, p.sim->last_of[WG_DATA].data,
			p.sim->last_of[WG_DATA].len, p.sim->now_ns);
	sim_run(p.sim, 6 * WG_SECOND_NS);
	is_int(last_try.local_port, 4711, "then to where it proved to be");
	sim_free(p.sim);
}

/* We insist in vain on one address; the peer calls from another. */
static void test_relaxed(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path nowhere = sim_path(9, 2);

	wg_peer_initiate(p.to_a->peer, &nowhere, true, p.sim->now_ns);
	sim_run(p.sim, WG_SECOND_NS);
	sim_connect(&p);
	sim_run(p.sim, 100 * WG_SECOND_NS);
	is_int(p.b->sent_type[WG_INITIATION], 1,
	       "a peer that called is not called");
	is_int(p.to_a->gave_up, 0, "nor given up");
	is_int(p.b->claims, 1, "nothing of it is left");
	sim_free(p.sim);
}

static void test_retry(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path path = sim_path(2, 1);
	unsigned long sent;

	p.sim->fate = lose_everything;
	is_int(wg_peer_initiate(p.to_b->peer, &path, true, p.sim->now_ns), 0,
	       "an initiation into the void");
	is_int(wg_peer_initiate(p.to_b->peer, &path, true,
				p.sim->now_ns + 4999 * SIM_MS),
	       -EALREADY, "another within 5 s is refused");
	sim_run(p.sim, 4900 * SIM_MS);
	is_int(p.a->sent, 1, "is not repeated before 5 s");
	sim_run(p.sim, 500 * SIM_MS);
	is_int(p.a->sent, 2, "but by 5.4 s");
	sim_run(p.sim, 84 * WG_SECOND_NS);
	is_int(p.to_b->gave_up, 0, "it goes on for 90 s");
	sim_run(p.sim, 6 * WG_SECOND_NS);
	is_int(p.to_b->gave_up, 1, "then gives up, once");
	sent = p.a->sent;
	ok(sent >= 17 && sent <= 18, "after %lu tries", sent);
	is_int(p.a->claims, 0, "holding no index");
	sim_run(p.sim, 3600 * WG_SECOND_NS);
	is_int(p.a->sent, sent, "and rests");

	is_int(wg_peer_initiate(p.to_b->peer, &path, false, p.sim->now_ns), 0,
	       "a single shot");
	sim_run(p.sim, 600 * WG_SECOND_NS);
	is_int(p.a->sent, sent + 1, "is single");
	is_int(p.to_b->gave_up, 1, "and gives nothing up");

	wg_peer_initiate(p.to_b->peer, &path, false, p.sim->now_ns);
	is_int(wg_peer_initiate(p.to_b->peer, &path, true, p.sim->now_ns),
	       -EALREADY, "one that is under way");
	sim_run(p.sim, 20 * WG_SECOND_NS);
	ok(p.a->sent >= sent + 4, "may become insistent");
	p.sim->fate = NULL;
	sim_run(p.sim, 6 * WG_SECOND_NS);
	is_int(p.to_b->proven, 1, "and succeeds when the way is free");
	sim_free(p.sim);
}

/* The other end fell silent while we have something to say. */
static void test_silence(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	unsigned long before;

	sim_connect(&p);
	before = p.a->sent_type[WG_INITIATION];
	p.sim->fate = lose_everything;
	say(p.to_b, 100);
	sim_run(p.sim, 14900 * SIM_MS);
	is_int(p.a->sent_type[WG_INITIATION], before, "unanswered for 15 s");
	sim_run(p.sim, 500 * SIM_MS);
	is_int(p.a->sent_type[WG_INITIATION], before + 1, "a new handshake");
	p.sim->fate = NULL;
	sim_run(p.sim, 6 * WG_SECOND_NS);
	say(p.to_b, 100);
	sim_run(p.sim, WG_SECOND_NS);
	is_int(p.to_a->delivered, 1, "and the session goes on");
	sim_free(p.sim);
}

/* The responder restarts and knows nothing: keepalive + timeout find out. */
static void test_restart(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	bool back = false;
	int seconds = 0;

	sim_connect(&p);
	wg_peer_remove(p.b->tunnel, p.to_a->peer);
	p.b->peer_count = 0;
	p.to_a = sim_join(p.b, &p.a->key, NULL, 0);
	for (; seconds < 60 && !back; seconds++) {
		say(p.to_b, 100);
		sim_run(p.sim, WG_SECOND_NS);
		back = p.to_a->delivered > 0;
	}
	ok(back && seconds <= 17, "a restarted peer is back after %d s",
	   seconds);
	sim_free(p.sim);
}

/* A bad network: a tenth lost, a tenth doubled, a third out of order. */
static int bad_network(struct sim *sim, const struct sim_datagram *datagram,
		       uint64_t *extra_ns)
{
	(void)sim;
	(void)datagram;
	if (random() % 3 == 0)
		*extra_ns = random() % 400 * SIM_MS;
	switch (random() % 10) {
	case 0:
		return 0;
	case 1:
		return 2;
	default:
		return 1;
	}
}

static void test_bad_network(void)
{
	struct sim_pair p = sim_pair(NULL, 25);
	unsigned long sent = 0, keyless = 0, verdicts = 0;

	sim_connect(&p);
	srandom(1);
	p.sim->fate = bad_network;
	for (int i = 0; i < 2 * 3600 * 4; i++) {
		if (say(p.to_b, 100))
			keyless++;
		if (say(p.to_a, 100))
			keyless++;
		sent += 2;
		sim_run(p.sim, 250 * SIM_MS);
	}
	is_int(keyless, 0, "two bad hours never leave an end without a key");
	ok(p.to_a->delivered + p.to_b->delivered > sent * 88 / 100 &&
		   p.to_a->delivered + p.to_b->delivered < sent * 92 / 100,
	   "a tenth is lost, nothing more: %lu of %lu",
	   p.to_a->delivered + p.to_b->delivered, sent);
	verdicts = p.a->verdicts[WG_REPLAYED] + p.b->verdicts[WG_REPLAYED];
	ok(verdicts > sent * 8 / 100, "doubles are noticed (%lu)", verdicts);
	ok(p.to_a->moved == 1 && p.to_b->moved == 1, "nobody moves by that");
	ok(p.a->sent_type[WG_INITIATION] < 150, "no storm of handshakes (%lu)",
	   p.a->sent_type[WG_INITIATION]);
	sim_free(p.sim);
}

/* Both ends send bursts whose order the network turns round. */
static void test_reordered_rekey(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	unsigned long sent = 0;

	sim_connect(&p);
	p.sim->delay_ns = 300 * SIM_MS;
	for (int i = 0; i < 10 * 600; i++) {
		sent += !say(p.to_b, 64);
		sent += !say(p.to_a, 64);
		p.sim->delay_ns = (i % 2 ? 500 : 20) * SIM_MS;
		sim_run(p.sim, 100 * SIM_MS);
	}
	sim_run(p.sim, WG_SECOND_NS);
	is_int(p.to_a->delivered + p.to_b->delivered, sent,
	       "packets under the old key arrive after the new one came");
	ok(p.a->sent_type[WG_INITIATION] >= 5, "through several rekeys");
	sim_free(p.sim);
}

/* Stamps grow though the clock stands still or goes back. */
static uint64_t frozen_wall_ns;
static uint64_t frozen(void)
{
	return frozen_wall_ns;
}

static void test_stamps(void)
{
	struct sim *sim = sim_new();
	struct sim_node *b = sim_node(sim, SIM_PEERS, 0);
	struct sim_node *a = sim_node(sim, SIM_PEERS, 0);
	struct wg_tunnel_settings settings = {.max_peers = 1,
					      .wall_ns = frozen};
	struct wg_path path = sim_path(1, 2);
	struct sim_peer *to_a, *to_b;
	uint8_t last[WG_TIMESTAMP_LEN] = {0}, stamp[WG_TIMESTAMP_LEN];
	int grown = 0, fine = 0;

	wg_tunnel_free(a->tunnel);
	wg_key_generate_private(&settings.private_key);
	wg_tunnel_new(&a->tunnel, &settings, &sim_ops, a);
	frozen_wall_ns = UINT64_C(1700000000) * WG_SECOND_NS + 123456789;
	to_a = sim_join(b, wg_tunnel_public_key(a->tunnel), NULL, 0);
	to_b = sim_join(a, &b->key, NULL, 0);
	for (int i = 0; i < 200; i++) {
		path.local_port = 2 + i; /* not the same path again */
		wg_peer_initiate(to_b->peer, &path, false, sim->now_ns);
		sim_run(sim, 100 * SIM_MS);
		wg_peer_timestamp(to_a->peer, stamp);
		grown += memcmp(stamp, last, sizeof(last)) > 0;
		fine += (stamp[11] | stamp[10] | stamp[9]) != 0;
		memcpy(last, stamp, sizeof(last));
		if (i == 100)
			frozen_wall_ns -= 3600 * WG_SECOND_NS;
	}
	is_int(grown, 200,
	       "200 stamps of a clock that stands still and goes back");
	is_int(fine, 0, "none of them tells more than the 50th of a second");
	is_int(b->verdicts[WG_REPLAYED], 0, "all accepted");
	sim_free(sim);
}

int main(void)
{
	test_rekey();
	test_one_way(true);
	test_one_way(false);
	test_idle();
	test_persistent();
	test_no_blackout();
	test_last_minute();
	test_answered();
	test_jitter();
	test_impatience();
	test_follow();
	test_relaxed();
	test_retry();
	test_silence();
	test_restart();
	test_bad_network();
	test_reordered_rekey();
	test_stamps();
	return tap_done();
}
