// SPDX-License-Identifier: GPL-2.0-or-later
/* Tunnels talking to each other: handshakes, paths, refusals, cookies. */
#include "unit/wg_sim.h"

#include <errno.h>

static const char hello[] = "hello, peer";

static int say(struct sim_peer *to)
{
	return wg_peer_send(to->peer, hello, sizeof(hello),
			    to->node->sim->now_ns);
}

static void input(struct sim_node *node, const struct sim_datagram *datagram,
		  const struct wg_path *path, enum wg_verdict want,
		  const char *what)
{
	is_int(wg_tunnel_input(node->tunnel, path, datagram->data,
			       datagram->len, node->sim->now_ns),
	       want, "%s", what);
}

static void test_connect(void)
{
	struct wg_key psk;
	struct sim_pair p;
	struct wg_peer_stats stats;
	struct wg_path b_at_a = sim_path(2, 1), a_at_b = sim_path(1, 2);

	wg_key_generate_preshared(&psk);
	p = sim_pair(&psk, 0);
	is_int(say(p.to_b), -EHOSTUNREACH, "no path, no sending");
	ok(sim_connect(&p), "two tunnels shake hands, with a preshared key");
	is_int(wg_peer_initiate(p.to_b->peer, &b_at_a, true, p.sim->now_ns),
	       -EALREADY, "another to there must wait, though this is done");
	is_int(p.a->sent_type[WG_INITIATION], 1, "by one initiation");
	is_int(p.b->sent_type[WG_RESPONSE], 1, "one response");
	is_int(p.a->sent_type[WG_DATA], 1, "and a keepalive at once");
	is_int(p.b->sent, 1, "the responder adds nothing");
	ok(p.to_b->moved == 1 && wg_path_equal(&p.to_b->proven_path, &b_at_a),
	   "the response proves the responder's path");
	ok(p.to_a->moved == 1 && wg_path_equal(&p.to_a->proven_path, &a_at_b),
	   "the keepalive the initiator's");
	is_int(say(p.to_b), 0, "the initiator sends");
	is_int(say(p.to_a), 0, "and the responder");
	sim_run(p.sim, 100 * SIM_MS);
	ok(p.to_a->delivered == 1 && p.to_b->delivered == 1, "both arrive");
	is_int(p.to_a->last_len, 16, "padded to 16 bytes");
	is_mem(p.to_a->last, hello, sizeof(hello), "as they were");
	wg_peer_stats(p.to_b->peer, &stats);
	is_int(stats.tx_bytes, 148 + 32 + 48, "bytes sent are counted");
	is_int(stats.rx_bytes, 92 + 48, "and received");
	ok(stats.handshake_at_ns && stats.heard_at_ns > stats.handshake_at_ns,
	   "and the times are known");
	ok(p.a->claims == 1 && p.b->claims == 1, "each holds one index");
	wg_peer_remove(p.a->tunnel, p.to_b->peer);
	is_int(p.a->claims, 0, "a removed peer gives its index back");
	sim_free(p.sim);
}

static void test_refusals(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_key psk, low = {{1}};
	struct sim_node *c = sim_node(p.sim, 2, 0);
	struct wg_path path = sim_path(2, 3);
	struct sim_peer *to_b = sim_join(c, &p.b->key, NULL, 0);

	wg_peer_initiate(to_b->peer, &path, false, p.sim->now_ns);
	sim_run(p.sim, WG_SECOND_NS);
	is_int(p.b->strangers, 1, "a stranger is asked about");
	is_int(p.b->verdicts[WG_REFUSED], 1, "and refused");
	is_int(p.b->sent, 0, "in silence");

	p.b->admit_strangers = true;
	sim_run(p.sim, 6 * WG_SECOND_NS);
	wg_peer_initiate(to_b->peer, &path, false, p.sim->now_ns);
	sim_run(p.sim, WG_SECOND_NS);
	is_int(p.b->peer_count, 2, "or admitted");
	is_int(to_b->proven, 1, "and answered");

	errno = 0;
	ok(!wg_peer_add(c->tunnel, &c->key, NULL, 0, NULL) && errno == EINVAL,
	   "our own key is no peer");
	ok(!wg_peer_add(c->tunnel, &low, NULL, 0, NULL) && errno == EINVAL,
	   "a low-order point is no peer");
	ok(!wg_peer_add(c->tunnel, &p.b->key, NULL, 0, NULL) && errno == EEXIST,
	   "nobody is a peer twice");
	ok(wg_peer_add(c->tunnel, &p.a->key, NULL, 0, NULL), "a second peer");
	wg_key_generate_private(&psk);
	wg_key_public(&psk, &psk);
	ok(!wg_peer_add(c->tunnel, &psk, NULL, 0, NULL) && errno == ENOSPC,
	   "a third is one too many");
	ok(wg_peer_find(c->tunnel, &p.a->key) && !wg_peer_find(c->tunnel, &psk),
	   "peers are found by key");
	sim_free(p.sim);
}

static void test_wrong_psk(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_key psk;

	wg_key_generate_preshared(&psk);
	wg_peer_remove(p.b->tunnel, p.to_a->peer);
	p.b->peer_count = 0;
	p.to_a = sim_join(p.b, &p.a->key, &psk, 0);
	ok(!sim_connect(&p), "different preshared keys do not connect");
	is_int(p.a->verdicts[WG_BAD_HANDSHAKE], 1, "the response is refused");
	sim_free(p.sim);
}

static void test_shapes(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path path = sim_path(9, 2);
	struct sim_datagram zero = {.len = 0}, made;
	unsigned long sent;

	sim_connect(&p);
	sent = p.b->sent;
	input(p.b, &zero, &path, WG_MALFORMED, "an empty datagram");
	for (int type = 0; type < 8; type++) {
		bool held = true;

		for (size_t len = 1; len < 200 && held; len++) {
			bool shaped = (type == 1 && len == 148) ||
				      (type == 2 && len == 92) ||
				      (type == 3 && len == 64) ||
				      (type == 4 && len >= 32);

			made = (struct sim_datagram){.len = len};
			randombytes_buf(made.data + 4, sizeof(made.data) - 4);
			made.data[0] = type;
			held = wg_tunnel_input(p.b->tunnel, &path, made.data,
					       len, p.sim->now_ns) ==
			       (shaped ? WG_NOT_OURS : WG_MALFORMED);
		}
		ok(held, "type %d in every length", type);
	}
	made = p.sim->last_of[WG_DATA];
	made.data[2] = 1;
	input(p.b, &made, &path, WG_MALFORMED, "reserved bytes");
	is_int(p.b->sent, sent, "none of it is answered");
	sim_free(p.sim);
}

/* A recorded handshake changes nothing, whoever sends it from wherever. */
static void test_replay(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path thief = sim_path(9, 2), victim = sim_path(1, 2);
	struct sim_datagram initiation, data;
	struct wg_peer_stats before, after;
	uint8_t stamp[WG_TIMESTAMP_LEN];
	unsigned long sent;

	sim_connect(&p);
	initiation = p.sim->last_of[WG_INITIATION];
	say(p.to_b);
	sim_run(p.sim, WG_SECOND_NS);
	data = p.sim->last_of[WG_DATA];
	sent = p.b->sent;
	wg_peer_stats(p.to_a->peer, &before);
	input(p.b, &initiation, &thief, WG_REPLAYED, "a replayed initiation");
	input(p.b, &data, &thief, WG_REPLAYED, "a replayed packet");
	wg_peer_stats(p.to_a->peer, &after);
	ok(wg_path_equal(&before.path, &after.path) &&
		   before.rx_bytes == after.rx_bytes &&
		   before.heard_at_ns == after.heard_at_ns &&
		   before.handshake_at_ns == after.handshake_at_ns,
	   "change nothing");
	is_int(p.b->sent, sent, "and are not answered");
	is_int(p.to_a->delivered, 1, "nothing is delivered twice");

	/* A restart that forgot the stamp: the replay is answered, but binds
	 * nothing and replaces nothing. */
	wg_peer_timestamp(p.to_a->peer, stamp);
	wg_peer_remove(p.b->tunnel, p.to_a->peer);
	p.b->peer_count = 0;
	p.to_a = sim_join(p.b, &p.a->key, NULL, 0);
	p.to_a->moved = p.to_a->delivered = 0;
	sent = p.b->sent_bytes;
	input(p.b, &initiation, &thief, WG_OK, "a replay after forgetting");
	is_int(p.b->sent_bytes - sent, 92, "gets 92 bytes for 148");
	wg_peer_stats(p.to_a->peer, &after);
	ok(!after.has_path && !after.has_keypair && !p.to_a->moved,
	   "but neither path nor keypair");
	is_int(say(p.to_a), -EHOSTUNREACH, "and nothing is sent there");

	/* With the stamp it is not even answered. */
	wg_peer_remove(p.b->tunnel, p.to_a->peer);
	p.b->peer_count = 0;
	p.to_a = sim_join(p.b, &p.a->key, NULL, 0);
	wg_peer_set_timestamp(p.to_a->peer, stamp);
	input(p.b, &initiation, &victim, WG_REPLAYED,
	      "a restored stamp refuses it");
	sim_free(p.sim);
}

/* An initiation that only now arrives, by way of somebody else, while there is a
 * session: the response goes to where it came from, the session stays. */
static bool withheld;
static int withhold(struct sim *sim, const struct sim_datagram *datagram,
		    uint64_t *extra_ns)
{
	(void)sim;
	(void)extra_ns;
	return !(withheld && datagram->data[0] == WG_INITIATION);
}

static void test_diverted(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path thief = sim_path(9, 2), path = sim_path(2, 1);
	struct wg_peer_stats stats;

	sim_connect(&p);
	sim_run(p.sim, 10 * WG_SECOND_NS);
	p.sim->fate = withhold;
	withheld = true;
	wg_peer_initiate(p.to_b->peer, &path, false, p.sim->now_ns);
	withheld = false;
	input(p.b, &p.sim->last_of[WG_INITIATION], &thief, WG_OK,
	      "a diverted initiation is answered");
	is_int(p.sim->last_of[WG_RESPONSE].path.local[15], 9, "to its source");
	sim_run(p.sim, WG_SECOND_NS);
	is_int(p.sim->stray, 1, "where nobody of ours is");
	wg_peer_stats(p.to_a->peer, &stats);
	is_int(stats.path.remote[15], 1, "the path stays");
	is_int(say(p.to_a), 0, "the session too");
	is_int(say(p.to_b), 0, "both ways");
	sim_run(p.sim, WG_SECOND_NS);
	ok(p.to_a->delivered == 1 && p.to_b->delivered == 1, "and delivers");
	sim_free(p.sim);
}

static void test_roaming(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path elsewhere = sim_path(1, 2);
	struct sim_datagram overtaken;
	struct wg_peer_stats stats;

	sim_connect(&p);
	elsewhere.remote_port = 4711;
	withheld = true;
	say(p.to_b);
	overtaken = p.sim->last_of[WG_DATA];
	while (p.sim->flying) { /* lost on the way */
		struct sim_datagram *datagram = p.sim->flying;

		p.sim->flying = datagram->next;
		free(datagram);
	}
	say(p.to_b);
	input(p.b, &p.sim->last_of[WG_DATA], &elsewhere, WG_OK,
	      "a packet from a new port");
	is_int(p.to_a->moved, 2, "moves the peer");
	wg_peer_stats(p.to_a->peer, &stats);
	is_int(stats.path.remote_port, 4711, "there");
	say(p.to_a);
	is_int(p.sim->last_of[WG_DATA].path.local_port, 4711,
	       "it is sent to there");
	elsewhere.remote_port = 1;
	input(p.b, &overtaken, &elsewhere, WG_OK,
	      "a packet that was overtaken is delivered");
	is_int(p.to_a->moved, 2, "but moves nobody back");
	overtaken.data[20] ^= 1;
	overtaken.data[8] = 9;
	input(p.b, &overtaken, &elsewhere, WG_BAD_DATA,
	      "a forged one is refused");
	is_int(p.to_a->moved, 2, "and moves nobody");
	sim_free(p.sim);
}

/* A challenge to a new place: only the peer can answer, and that moves it. */
static void test_challenge(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path nowhere = sim_path(8, 2), there = sim_path(1, 2);
	struct wg_peer_stats stats;
	struct sim_datagram response;
	long claims;

	sim_connect(&p);
	sim_run(p.sim, 10 * WG_SECOND_NS);
	claims = p.b->claims;
	is_int(wg_peer_initiate(p.to_a->peer, &nowhere, false, p.sim->now_ns),
	       0, "a challenge to nowhere");
	is_int(wg_peer_initiate(p.to_a->peer, &nowhere, false, p.sim->now_ns),
	       -EALREADY, "is not repeated at once");
	is_int(wg_peer_initiate(p.to_a->peer, &there, false,
				p.sim->now_ns + 100 * SIM_MS),
	       0, "elsewhere it may go");
	sim_run(p.sim, WG_SECOND_NS);
	wg_peer_stats(p.to_a->peer, &stats);
	is_int(stats.path.remote[15], 1, "the one that is answered counts");
	ok(p.to_a->proven > 1, "as proof");
	response = p.sim->last_of[WG_RESPONSE];
	input(p.b, &response, &nowhere, WG_NOT_OURS,
	      "a second response is none");
	sim_run(p.sim, 10 * WG_SECOND_NS);
	is_int(p.b->claims, claims + 1, "unanswered challenges leave no index");
	is_int(p.to_a->gave_up, 0, "nor count as giving up");

	for (uint8_t host = 20; host < 40; host++) {
		nowhere = sim_path(host, 2);
		wg_peer_initiate(p.to_a->peer, &nowhere, false, p.sim->now_ns);
	}
	ok(p.b->claims <= claims + 1 + 4, "many challenges hold few indices");
	sim_free(p.sim);
}

/* Two answered challenges: the peer keeps state for the later one only. */
static void test_two_answers(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path one = sim_path(1, 2), two = sim_path(1, 2);

	sim_connect(&p);
	sim_run(p.sim, 10 * WG_SECOND_NS);
	two.local_port = 3;
	p.sim->delay_ns = 400 * SIM_MS;
	wg_peer_initiate(p.to_a->peer, &one, false, p.sim->now_ns);
	sim_run(p.sim, 100 * SIM_MS);
	wg_peer_initiate(p.to_a->peer, &two, false, p.sim->now_ns);
	sim_run(p.sim, 5 * WG_SECOND_NS);
	is_int(p.b->verdicts[WG_OK] >= 2, true,
	       "two challenges, both answered");
	say(p.to_a);
	say(p.to_b);
	sim_run(p.sim, 2 * WG_SECOND_NS);
	ok(p.to_a->delivered == 1 && p.to_b->delivered == 1,
	   "and the session works");
	sim_free(p.sim);
}

static void test_at_once(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path at_a = sim_path(2, 1), at_b = sim_path(1, 2);

	wg_peer_initiate(p.to_b->peer, &at_a, true, p.sim->now_ns);
	wg_peer_initiate(p.to_a->peer, &at_b, true, p.sim->now_ns);
	sim_run(p.sim, WG_SECOND_NS);
	/* Long enough to see that somebody feels bound to renew the keys. */
	for (int i = 0; i < 400; i++) {
		say(p.to_a);
		say(p.to_b);
		sim_run(p.sim, WG_SECOND_NS);
	}
	ok(p.to_a->delivered == 400 && p.to_b->delivered == 400,
	   "both initiate at once: every packet arrives, for 400 s");
	sim_free(p.sim);
}

static void test_too_soon(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path path = sim_path(2, 1), from = sim_path(1, 2);
	struct sim_datagram kept[4];
	unsigned long before;

	sim_connect(&p);
	sim_run(p.sim, 10 * WG_SECOND_NS);
	p.sim->fate = withhold;
	withheld = true;
	for (int i = 0; i < 4; i++) {
		path.local_port = 100 + i;
		wg_peer_initiate(p.to_b->peer, &path, false, p.sim->now_ns);
		kept[i] = p.sim->last_of[WG_INITIATION];
	}
	withheld = false;
	before = p.b->sent_type[WG_RESPONSE];
	input(p.b, &kept[0], &from, WG_OK, "one initiation");
	input(p.b, &kept[1], &from, WG_TOO_SOON, "another at once is too soon");
	sim_run(p.sim, 19 * SIM_MS);
	input(p.b, &kept[1], &from, WG_TOO_SOON, "still after 19 ms");
	sim_run(p.sim, SIM_MS);
	input(p.b, &kept[2], &from, WG_OK, "not after 20 ms");
	sim_run(p.sim, 20 * SIM_MS);
	input(p.b, &kept[1], &from, WG_REPLAYED, "an older stamp never");
	is_int(p.b->sent_type[WG_RESPONSE] - before, 2, "two were answered");
	sim_free(p.sim);
}

static void test_claims(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	bool used = false;

	p.a->refuse_claims = p.b->refuse_claims = 3;
	ok(sim_connect(&p), "refused indices are drawn again");
	for (int i = 0; i < 3; i++)
		used |= wg_tunnel_owns(p.a->tunnel, p.a->refused[i]) ||
			wg_tunnel_owns(p.b->tunnel, p.b->refused[i]);
	ok(!used, "and not used");
	sim_run(p.sim, 10 * WG_SECOND_NS);

	p.a->refuse_claims = 1000000;
	is_int(wg_peer_initiate(p.to_b->peer, &(struct wg_path){0}, false,
				p.sim->now_ns),
	       -EAGAIN, "who refuses all gets no handshake");
	say(p.to_b);
	sim_run(p.sim, WG_SECOND_NS);
	is_int(p.to_a->delivered, 1, "but keeps its session");
	sim_free(p.sim);
}

/* Under load a source must show that it is there; it costs one retry. */
static void test_load(void)
{
	struct sim *sim = sim_new();
	struct sim_node *server = sim_node(sim, SIM_PEERS, 3);
	struct sim_node *client = sim_node(sim, SIM_PEERS, 0);
	struct wg_path path = sim_path(1, 2), thief = sim_path(9, 1);
	struct sim_peer *to_client = sim_join(server, &client->key, NULL, 0);
	struct sim_peer *to_server = sim_join(client, &server->key, NULL, 0);
	struct sim_datagram forged, genuine;
	size_t sent;

	/* Anybody can make mac1: take a true message and spoil what follows. */
	sim->fate = withhold;
	withheld = true;
	wg_peer_initiate(to_server->peer, &path, false, sim->now_ns);
	genuine = sim->last_of[WG_INITIATION];
	withheld = false;
	for (int i = 0; i < 3; i++)
		input(server, &genuine, &thief, i ? WG_REPLAYED : WG_OK,
		      "below the limit nobody is asked");
	sent = server->sent_bytes;
	input(server, &genuine, &thief, WG_COOKIE_SENT,
	      "above it the source is");
	is_int(server->sent_bytes - sent, WG_COOKIE_LEN,
	       "with 64 bytes for 148");
	forged = genuine;
	forged.data[120] ^= 1;
	input(server, &forged, &thief, WG_NOT_OURS,
	      "a bad mac1 costs no cookie");

	sim_run(sim, 6 * WG_SECOND_NS);
	for (int i = 0; i < 4; i++) /* load again */
		wg_tunnel_input(server->tunnel, &thief, genuine.data,
				genuine.len, sim->now_ns);
	wg_peer_initiate(to_server->peer, &path, true, sim->now_ns);
	sim_run(sim, 500 * SIM_MS);
	is_int(client->verdicts[WG_OK], 1, "the client takes the cookie");
	is_int(to_server->proven, 0, "and waits");
	sim_run(sim, 4300 * SIM_MS);
	for (int i = 0; i < 4; i++) /* and still */
		wg_tunnel_input(server->tunnel, &thief, genuine.data,
				genuine.len, sim->now_ns);
	sim_run(sim, WG_SECOND_NS);
	is_int(server->verdicts[WG_OK], 2, "its next one is good, under load");
	ok(to_server->proven == 1 && to_client->proven == 1, "and connects");

	genuine = sim->last_of[WG_INITIATION];
	input(server, &genuine, &thief, WG_COOKIE_SENT,
	      "from another address its mac2 is worth nothing");
	thief = sim_path(2, 1);
	thief.remote_port = 99;
	input(server, &genuine, &thief, WG_COOKIE_SENT,
	      "nor from another port");
	thief.remote_port = 2;
	input(server, &genuine, &thief, WG_REPLAYED, "from its own it passes");
	sim_free(sim);
}

/* A forged cookie reply must not spoil the next initiation, a true one is good
 * for the message it answers only. */
static void test_cookie_replies(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path path = sim_path(2, 1);
	struct sim_datagram forged = {.len = WG_COOKIE_LEN};

	p.sim->fate = withhold;
	withheld = true;
	wg_peer_initiate(p.to_b->peer, &path, true, p.sim->now_ns);
	withheld = false;
	randombytes_buf(forged.data, forged.len);
	memcpy(forged.data, (uint8_t[4]){WG_COOKIE}, 4);
	memcpy(forged.data + 4, p.sim->last_of[WG_INITIATION].data + 4, 4);
	input(p.a, &forged, &path, WG_BAD_HANDSHAKE, "a forged cookie reply");
	forged.data[4] ^= 1;
	input(p.a, &forged, &path, WG_NOT_OURS, "one for no index of ours");
	sim_run(p.sim, 6 * WG_SECOND_NS);
	is_int(p.to_b->proven, 1, "the retry connects all the same");
	sim_free(p.sim);
}

/* What a callback may do: remove the peer that it is about. */
static void remove_on_second_proof(void *ctx, struct wg_peer *peer,
				   const struct wg_path *path, bool moved,
				   bool answered)
{
	struct sim_node *node = ctx;

	sim_proven(ctx, peer, path, moved, answered);
	if (node->peers[0].proven == 2)
		wg_peer_remove(node->tunnel, peer);
}

static void test_removal_inside(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_tunnel_settings settings = {.max_peers = 1,
					      .wall_ns = sim_wall_ns};
	struct wg_tunnel_ops ops = sim_ops;

	ops.proven = remove_on_second_proof;
	wg_tunnel_free(p.b->tunnel);
	wg_key_generate_private(&settings.private_key);
	wg_tunnel_new(&p.b->tunnel, &settings, &ops, p.b);
	p.b->key = *wg_tunnel_public_key(p.b->tunnel);
	p.b->peer_count = 0;
	p.to_a = sim_join(p.b, &p.a->key, NULL, 0);
	wg_peer_remove(p.a->tunnel, p.to_b->peer);
	p.a->peer_count = 0;
	p.to_b = sim_join(p.a, &p.b->key, NULL, 0);
	ok(sim_connect(&p), "a session");
	say(p.to_b);
	sim_run(p.sim, WG_SECOND_NS);
	is_int(p.to_a->proven, 2, "a peer is removed when it proves itself");
	is_int(p.to_a->delivered, 0, "and gets nothing delivered any more");
	ok(!wg_peer_find(p.b->tunnel, &p.a->key), "it is gone");
	is_int(p.b->claims, 0, "with its indices");
	p.b->peer_count = 0;
	ok(sim_join(p.b, &p.a->key, NULL, 0), "and may come back");
	sim_free(p.sim);
}

/* Forged initiations must not spoil the handshakes that we begin. */
static void test_load_apart(void)
{
	struct sim *sim = sim_new();
	struct sim_node *server = sim_node(sim, SIM_PEERS, 3);
	struct sim_node *client = sim_node(sim, SIM_PEERS, 0);
	struct sim_node *other = sim_node(sim, SIM_PEERS, 0);
	struct wg_path to_server = sim_path(1, 3), to_client = sim_path(2, 1);
	struct sim_peer *peer = sim_join(server, &client->key, NULL, 0);
	struct sim_datagram *initiation = &sim->last_of[WG_INITIATION];

	sim_join(client, &server->key, NULL, 0);
	wg_peer_initiate(sim_join(other, &server->key, NULL, 0)->peer,
			 &to_server, false, sim->now_ns);
	for (int i = 0; i < 10; i++)
		wg_tunnel_input(server->tunnel, &initiation->path,
				initiation->data, initiation->len, sim->now_ns);
	is_int(server->sent_type[WG_COOKIE] > 0, true, "a server under load");
	wg_peer_initiate(peer->peer, &to_client, false, sim->now_ns);
	sim_run(sim, 500 * SIM_MS);
	ok(peer->proven, "takes a response without a cookie");
	sim_free(sim);
}

/* Only initiations arrive by themselves. */
static int swallow(struct sim *sim, const struct sim_datagram *datagram,
		   uint64_t *extra_ns)
{
	(void)sim;
	(void)extra_ns;
	return datagram->data[0] == WG_INITIATION;
}

/* A source is only answered if the peer had what was sent to it. */
static void test_answered(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path b_at_a = sim_path(2, 1), a_at_b = sim_path(1, 2);
	struct wg_path masked = sim_path(7, 2);

	sim_connect(&p);
	is_int(p.to_b->answered, 1, "a response from where we asked answers");
	is_int(p.to_a->answered, 1, "so does the first packet after ours");
	say(p.to_b);
	sim_run(p.sim, 100 * SIM_MS);
	is_int(p.to_a->answered, 1, "not the next one");
	ok(p.to_a->proven == 2, "though it is authentic");

	p.sim->fate = swallow;
	sim_run(p.sim, 10 * WG_SECOND_NS);
	wg_peer_initiate(p.to_b->peer, &b_at_a, false, p.sim->now_ns);
	sim_run(p.sim, 100 * SIM_MS);
	input(p.a, &p.sim->last_of[WG_RESPONSE], &b_at_a, WG_OK, "a response");
	input(p.b, &p.sim->last_of[WG_DATA], &masked, WG_OK,
	      "whose keypair is first used from elsewhere");
	is_int(p.to_a->answered, 1, "that answers nothing");

	sim_run(p.sim, 10 * WG_SECOND_NS);
	is_int(wg_peer_initiate(p.to_a->peer, &a_at_b, false, p.sim->now_ns), 0,
	       "asked at its place");
	sim_run(p.sim, 100 * SIM_MS);
	input(p.b, &p.sim->last_of[WG_RESPONSE], &masked, WG_OK,
	      "it answers from elsewhere");
	is_int(p.to_a->answered, 1, "that proves the key, not the place");
	is_int(wg_peer_initiate(p.to_a->peer, &masked, false, p.sim->now_ns), 0,
	       "that may be asked at once");
	sim_free(p.sim);
}

int main(void)
{
	test_connect();
	test_refusals();
	test_wrong_psk();
	test_shapes();
	test_replay();
	test_diverted();
	test_roaming();
	test_challenge();
	test_two_answers();
	test_at_once();
	test_too_soon();
	test_claims();
	test_load();
	test_load_apart();
	test_cookie_replies();
	test_removal_inside();
	test_answered();
	return tap_done();
}
