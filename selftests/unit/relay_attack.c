// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What strangers, forgers and bad luck do to the relay. Each case leaves the
 * live flow untouched, moves no leg, sends nobody more than he gave, and is
 * counted under its own name.
 */
#include "relay_sim.h"

static struct sim_flow *flow;

/* A hub and two spokes; the first spoke talks to the hub. */
static struct sim *scene(void)
{
	struct sim *sim = sim_star(2);

	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	flow = sim_flow_add(&sim->node[1], &sim->node[0], 50 * SIM_MS);
	sim_run(sim, SIM_S);
	return sim;
}

static void unharmed(struct sim *sim, const char *what)
{
	unsigned int moved = sim_outcome(sim, RELAY_OUTCOME_leg_moved);

	flow->got = flow->sent = 0;
	sim_run(sim, SIM_S);
	ok(flow->sent >= 20 && flow->got + 1 >= flow->sent,
	   "%s: the flow goes on (%u of %u)", what, flow->got, flow->sent);
	is_int(moved, 0, "%s: no leg moved", what);
	is_int(sim->amplified, 0, "%s: nobody got more than he gave", what);
	ok(sim_sound(sim), "%s: the maps are sound", what);
}

static struct wg_path elsewhere(void)
{
	struct wg_path path = {.remote_port = 6666, .local_port = SIM_PORT};

	sim_v4(path.remote, 192, 0, 2, 66);
	sim_v4(path.local, 203, 0, 113, 1);
	return path;
}

/* wgx defect 2: a replay from elsewhere stole the endpoint. */
static void test_replayed_own_initiation(void)
{
	struct sim *sim = scene();
	struct wg_path path = elsewhere();
	struct sim_packet own;

	sim_run(sim, 200 * SIM_S);
	own = sim->last_in[WG_INITIATION];
	sim_inject(sim, &path, own.data, own.len);
	ok(sim_outcome(sim, RELAY_OUTCOME_tunnel_replayed) +
			   sim_outcome(sim, RELAY_OUTCOME_unknown_sender) ==
		   1,
	   "a replayed initiation is refused and counted");
	unharmed(sim, "replayed initiation");
	sim_free(sim);
}

static void test_replayed_handshake(void)
{
	struct sim *sim = scene();
	struct wg_path spoke = sim_path(&sim->node[1], 0), path = elsewhere();
	struct sim_packet first;
	unsigned int seen;

	sim_connect(&sim->node[2], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	first = sim->last_in[WG_INITIATION];
	spoke = first.path;
	seen = sim->seen[WG_INITIATION];
	sim_inject(sim, &spoke, first.data, first.len);
	sim_run(sim, 50 * SIM_MS);
	is_int(sim->seen[WG_INITIATION], seen, "a replay is not forwarded");
	is_int(sim_outcome(sim, RELAY_OUTCOME_index_collision), 1,
	       "and counted");
	sim_inject(sim, &path, first.data, first.len);
	is_int(sim_outcome(sim, RELAY_OUTCOME_unknown_sender), 1,
	       "nor one from elsewhere");
	unharmed(sim, "replayed handshake");
	sim_free(sim);
}

static void test_collision(void)
{
	struct sim *sim = scene();
	struct wg_path spoke = sim_path(&sim->node[2], 0);
	struct wg_initiation forged;
	uint32_t live = 0;
	unsigned int seen = sim->seen[WG_INITIATION];

	for (size_t i = 0; i < sim->tables.bucket_count * 8; i++) {
		struct relay_slot slot = sim->tables.buckets[i / 8].slot[i % 8];

		if (slot.from && slot.to != RELAY_LEG_LOCAL)
			live = slot.index;
	}
	sim_forge(&forged, live, &sim->node[0].key);
	sim_inject(sim, &spoke, &forged, sizeof(forged));
	sim_run(sim, 50 * SIM_MS);
	is_int(sim->seen[WG_INITIATION], seen,
	       "a colliding index is not forwarded");
	is_int(sim_outcome(sim, RELAY_OUTCOME_index_collision), 1,
	       "but counted");
	is_str(sim_explain(sim, &sim->node[2], &sim->node[0]), "collision",
	       "explain: collision");
	unharmed(sim, "collision");
	sim_free(sim);
}

static void test_response_collision(void)
{
	struct sim *sim = scene();
	struct wg_path spoke = sim_path(&sim->node[2], 0);
	struct wg_path hub = sim_path(&sim->node[0], 0);
	struct wg_initiation forged;
	struct wg_response answer;
	unsigned int live = sim_live(sim);

	sim->node[0].deaf = true;
	sim_forge(&forged, 0x11111111, &sim->node[0].key);
	sim_inject(sim, &spoke, &forged, sizeof(forged));
	sim_forge_response(&answer, 0x11111111, 0x11111111, &sim->node[2].key);
	sim_inject(sim, &hub, &answer, sizeof(answer));
	is_int(sim_outcome(sim, RELAY_OUTCOME_index_collision), 1,
	       "a response with the initiator's own index collides");
	is_int(sim_live(sim), live, "and makes no session");
	sim->node[0].deaf = false;
	unharmed(sim, "colliding response");
	sim_free(sim);
}

static void test_forged_response(void)
{
	struct sim *sim = scene();
	struct wg_path spoke = sim_path(&sim->node[2], 0), other = elsewhere();
	struct wg_path hub = sim_path(&sim->node[0], 0);
	struct wg_path first = sim_path(&sim->node[1], 0);
	struct wg_initiation forged;
	struct wg_response answer;
	unsigned int live = sim_live(sim), seen;

	sim->node[0].deaf = true;
	sim_forge(&forged, 0x22222222, &sim->node[0].key);
	sim_inject(sim, &spoke, &forged, sizeof(forged));
	sim_run(sim, 20 * SIM_MS);
	sim->node[0].deaf = false;
	seen = sim->seen[WG_RESPONSE];
	sim_forge_response(&answer, 1, 0x33333333, &sim->node[2].key);
	sim_inject(sim, &hub, &answer, sizeof(answer));
	is_int(sim_outcome(sim, RELAY_OUTCOME_response_unmatched), 1,
	       "an answer to nothing");
	sim_forge_response(&answer, 1, 0x22222222, &sim->node[2].key);
	sim_inject(sim, &other, &answer, sizeof(answer));
	sim_inject(sim, &first, &answer, sizeof(answer));
	is_int(sim_outcome(sim, RELAY_OUTCOME_response_wrong_source), 2,
	       "an answer from a stranger, or from another peer");
	sim_forge_response(&answer, 1, 0x22222222, &sim->node[1].key);
	sim_inject(sim, &hub, &answer, sizeof(answer));
	is_int(sim_outcome(sim, RELAY_OUTCOME_response_wrong_mac1), 1,
	       "an answer for another key");
	sim_run(sim, 20 * SIM_MS);
	is_int(sim->seen[WG_RESPONSE], seen, "none is forwarded");
	is_int(sim_live(sim), live, "none makes a session");
	unharmed(sim, "forged responses");
	sim_free(sim);
}

static void test_cookies(void)
{
	struct sim *sim = scene();
	struct wg_path spoke = sim_path(&sim->node[2], 0), other = elsewhere();
	struct wg_path hub = sim_path(&sim->node[0], 0);
	struct wg_cookie cookie = {.header.type = WG_COOKIE,
				   .receiver = 0x44444444};
	struct wg_initiation forged;

	sim->node[0].deaf = true;
	sim_forge(&forged, 0x44444444, &sim->node[0].key);
	sim_inject(sim, &spoke, &forged, sizeof(forged));
	sim_inject(sim, &other, &cookie, sizeof(cookie));
	sim_inject(sim, &spoke, &cookie, sizeof(cookie));
	is_int(sim_outcome(sim, RELAY_OUTCOME_cookie_unmatched), 2,
	       "a cookie from a wrong source");
	sim_inject(sim, &hub, &cookie, sizeof(cookie));
	is_int(sim_outcome(sim, RELAY_OUTCOME_cookie_forwarded), 1,
	       "the target's cookie is forwarded");
	sim_inject(sim, &hub, &cookie, sizeof(cookie));
	is_int(sim_outcome(sim, RELAY_OUTCOME_cookie_unmatched), 3, "but once");
	cookie.receiver = 0x55555555;
	sim_inject(sim, &hub, &cookie, sizeof(cookie));
	is_int(sim_outcome(sim, RELAY_OUTCOME_cookie_unmatched), 4,
	       "and none for nothing");
	sim->node[0].deaf = false;
	unharmed(sim, "cookies");
	sim_free(sim);
}

/* A guessed index from elsewhere: asked once a second, never believed. */
static void test_wrong_source(void)
{
	struct sim *sim = scene();
	struct wg_path path = elsewhere();
	uint8_t data[200] = {WG_DATA};
	unsigned int seen;

	for (size_t i = 0; i < sim->tables.bucket_count * 8; i++) {
		struct relay_slot slot = sim->tables.buckets[i / 8].slot[i % 8];

		if (slot.from && slot.to != RELAY_LEG_LOCAL)
			memcpy(data + 4, &slot.index, 4);
	}
	seen = sim->seen[WG_DATA];
	for (int i = 0; i < 100; i++)
		sim_inject(sim, &path, data, sizeof(data));
	is_int(sim->seen[WG_DATA], seen, "nothing reaches a peer");
	is_int(sim_outcome(sim, RELAY_OUTCOME_data_wrong_source), 100,
	       "counted");
	is_int(sim_outcome(sim, RELAY_OUTCOME_challenged), 1, "and asked once");
	unharmed(sim, "guessed index");
	sim_free(sim);
}

/* The question is paid for first, and one a second whatever the sources. */
static void test_ask_price(void)
{
	struct sim *sim = scene();
	struct wg_path path = elsewhere();
	uint8_t data[WG_DATA_MIN_LEN] = {WG_DATA};

	for (size_t i = 0; i < sim->tables.bucket_count * 8; i++) {
		struct relay_slot slot = sim->tables.buckets[i / 8].slot[i % 8];

		if (slot.from && slot.to != RELAY_LEG_LOCAL)
			memcpy(data + 4, &slot.index, 4);
	}
	for (int i = 0; i < 4; i++)
		sim_inject(sim, &path, data, sizeof(data));
	is_int(sim_outcome(sim, RELAY_OUTCOME_challenged), 0,
	       "128 bytes do not pay for 148");
	sim_inject(sim, &path, data, sizeof(data));
	is_int(sim_outcome(sim, RELAY_OUTCOME_challenged), 1, "160 do");
	for (int i = 0; i < 500; i++) {
		path.remote_port = 1000 + i / 5;
		sim_inject(sim, &path, data, sizeof(data));
		sim_run(sim, 10 * SIM_MS);
	}
	ok(sim_outcome(sim, RELAY_OUTCOME_challenged) <= 6 &&
		   sim_outcome(sim, RELAY_OUTCOME_challenged) >= 4,
	   "one a second (%u in five)",
	   (unsigned int)sim_outcome(sim, RELAY_OUTCOME_challenged));
	unharmed(sim, "questions");
	sim_free(sim);
}

/* Two peers alone can not fill the table. */
static void test_pair_limit(void)
{
	struct sim *sim = sim_new(64, 256);
	struct wg_path spoke, hub;
	struct wg_initiation first;
	struct wg_response answer;

	sim->settings.max_sessions = 200;
	sim_star_in(sim, 2);
	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	flow = sim_flow_add(&sim->node[1], &sim->node[0], 50 * SIM_MS);
	spoke = sim_path(&sim->node[2], 0);
	hub = sim_path(&sim->node[0], 0);
	for (uint32_t i = 0; i < 150; i++) {
		sim_forge(&first, 0x88000000 + i, &sim->node[0].key);
		sim_inject(sim, &spoke, &first, sizeof(first));
		sim_forge_response(&answer, 0x99000000 + i, 0x88000000 + i,
				   &sim->node[2].key);
		sim_inject(sim, &hub, &answer, sizeof(answer));
	}
	ok(sim_live(sim) > 80 && sim_live(sim) < 120, "%u of 200 slots live",
	   sim_live(sim));
	ok(sim_outcome(sim, RELAY_OUTCOME_pair_limit) >= 90,
	   "the rest is refused");
	unharmed(sim, "greedy pair");
	sim_free(sim);
}

/* Forged data from many places does not keep the true peer from roaming. */
static void test_roam_under_fire(void)
{
	struct sim *sim = scene();
	uint8_t data[200] = {WG_DATA};
	struct wg_path path = elsewhere();

	memcpy(data + 4, sim->last_in[WG_DATA].data + 4, 4);
	sim_rebind(&sim->node[1], 99);
	flow->worst_gap_ns = 0;
	for (int i = 0; i < 1000; i++) {
		path.remote_port = 2000 + i % 3;
		sim_inject(sim, &path, data, sizeof(data));
		sim_run(sim, 10 * SIM_MS);
	}
	is_int(sim_outcome(sim, RELAY_OUTCOME_leg_moved), 1,
	       "the true one moved");
	ok(flow->worst_gap_ns < 5 * SIM_S, "after %u ms",
	   (unsigned int)(flow->worst_gap_ns / SIM_MS));
	is_int(sim->amplified, 0, "nobody got more than he gave");
	sim_free(sim);
}

static void test_pending(void)
{
	struct sim *sim = scene();
	struct wg_path spoke = sim_path(&sim->node[2], 0);
	struct wg_initiation forged;

	for (uint32_t i = 0; i < 5000; i++) {
		sim_forge(&forged, 0x77000000 + i, &sim->node[0].key);
		sim_inject(sim, &spoke, &forged, sizeof(forged));
		sim->tail = sim->head; /* nobody has to hear it */
	}
	is_int(sim_outcome(sim, RELAY_OUTCOME_pending_full), 5000 - 4096,
	       "a sender's handshakes under way are bounded");
	is_str(sim_explain(sim, &sim->node[2], &sim->node[0]), "rate-limited",
	       "explain: rate-limited");
	sim_run(sim, 15 * SIM_S);
	is_int(sim_outcome(sim, RELAY_OUTCOME_pending_expired), 4096,
	       "those that nobody answers go");
	sim_connect(&sim->node[2], &sim->node[0], 0);
	sim_run(sim, SIM_S);
	is_int(sim_live(sim), 4, "and a true one gets through");
	unharmed(sim, "pending flood");
	sim_free(sim);
}

static void test_full_sessions(void)
{
	struct sim *sim = sim_new(64, 256);

	sim->settings.max_sessions = 3;
	sim_star_in(sim, 2);
	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	flow = sim_flow_add(&sim->node[1], &sim->node[0], 50 * SIM_MS);
	sim_connect(&sim->node[2], &sim->node[0], 0);
	sim_run(sim, SIM_S);
	is_int(sim_live(sim), 2, "no room for another pair");
	ok(sim_outcome(sim, RELAY_OUTCOME_sessions_full) >= 1, "counted");
	is_str(sim_explain(sim, &sim->node[2], &sim->node[0]), "sessions-full",
	       "explain: sessions-full");
	unharmed(sim, "full table");
	sim_free(sim);
}

static void test_full_peers(void)
{
	struct sim *sim = sim_new(64, 256);
	struct sim_node *late;

	sim->settings.max_peers = 3;
	sim_star_in(sim, 2);
	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	flow = sim_flow_add(&sim->node[1], &sim->node[0], 50 * SIM_MS);
	late = sim_node_add(sim);
	sim_node_up(late);
	sim_run(sim, SIM_S);
	is_int(sim_legs(sim), 3, "a fourth peer is refused");
	ok(sim_outcome(sim, RELAY_OUTCOME_peers_full) >= 1, "and counted");
	unharmed(sim, "full roster");
	sim_free(sim);
}

static void test_full_legs(void)
{
	struct sim *sim = sim_new(64, 3);

	sim_star_in(sim, 1);
	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	flow = sim_flow_add(&sim->node[1], &sim->node[0], 50 * SIM_MS);
	sim_node_up(sim_node_add(sim));
	sim_run(sim, SIM_S);
	is_int(sim_legs(sim), 2, "no leg for a third peer");
	ok(sim_outcome(sim, RELAY_OUTCOME_legs_full) >= 1, "counted");
	is_str(sim_explain(sim, &sim->node[2], NULL), "legs-full",
	       "explain: legs-full");
	unharmed(sim, "full legs");
	sim_free(sim);
}

static void test_not_allowed(void)
{
	struct sim *sim = sim_new(64, 256);
	struct wg_key allowed[2];

	sim->settings.allow_all = false;
	sim_star_in(sim, 1);
	is_int(sim_legs(sim), 0, "an empty AllowedPublicKeys is nobody");
	ok(sim_outcome(sim, RELAY_OUTCOME_not_allowed) >= 2, "counted");
	is_str(sim_explain(sim, &sim->node[0], NULL), "not-allowed",
	       "explained");
	for (int i = 0; i < 2; i++)
		allowed[i] = sim->node[i].key;
	if (memcmp(&allowed[0], &allowed[1], sizeof(allowed[0])) > 0) {
		allowed[0] = sim->node[1].key;
		allowed[1] = sim->node[0].key;
	}
	sim->settings.allowed = allowed;
	sim->settings.allowed_count = 2;
	is_int(relay_engine_reload(sim->engine, &sim->settings, sim->now_ns), 0,
	       "reload allows both");
	sim_run(sim, 10 * SIM_S);
	is_int(sim_legs(sim), 2, "they come");
	sim_list_one(&sim->node[0], &sim->node[1], 1);
	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_run(sim, SIM_S);
	is_int(sim_live(sim), 2, "and talk");
	allowed[0] = sim->node[0].key;
	sim->settings.allowed_count = 1;
	relay_engine_reload(sim->engine, &sim->settings, sim->now_ns);
	is_int(sim_live(sim), 0, "struck off: sessions are gone at once");
	is_int(sim_legs(sim), 1, "and its leg");
	ok(sim_sound(sim), "the maps are sound");
	sim->settings.port_max++;
	is_int(relay_engine_reload(sim->engine, &sim->settings, sim->now_ns),
	       -EINVAL, "another port range needs a restart");
	sim->settings.allowed = NULL;
	sim_free(sim);
}

static void test_block(void)
{
	struct sim *sim = scene();
	struct relay_block_key key = {.prefixlen = 128};

	sim_connect(&sim->node[2], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	memcpy(key.addr, sim->node[2].nat, 16);
	relay_engine_block(sim->engine, &key, sim->now_ns);
	is_int(sim_live(sim), 2, "a blocked peer's sessions are gone at once");
	is_int(sim_legs(sim), 2, "and its leg");
	is_str(sim_explain(sim, &sim->node[2], &sim->node[0]), "blocked",
	       "explain: blocked");
	sim->node[2].deaf = true;
	unharmed(sim, "block");
	sim_free(sim);
}

static void test_shapes(void)
{
	struct sim *sim = scene();
	struct wg_path path = elsewhere(), spoke = sim_path(&sim->node[1], 0);
	uint8_t data[200];
	uint64_t sent = sim->tail;

	for (size_t len = 0; len < sizeof(data); len++)
		for (int type = 0; type < 6; type++) {
			memset(data, 0, sizeof(data));
			data[0] = type;
			sim_inject(sim, len % 2 ? &path : &spoke, data, len);
			data[1] = 1;
			sim_inject(sim, &path, data, len);
		}
	is_int(sim->tail, sent,
	       "bad lengths, types and reserved bytes: silence");
	ok(sim_outcome(sim, RELAY_OUTCOME_tunnel_malformed) > 2000, "counted");
	unharmed(sim, "shapes");
	sim_free(sim);
}

/* Anything at all, from anywhere: mutated copies of true messages. */
static void test_random(void)
{
	struct sim *sim = scene();

	sim_connect(&sim->node[2], &sim->node[0], 0);
	sim_run(sim, SIM_S);
	for (int i = 0; i < 20000; i++) {
		struct sim_packet packet =
			i & 1 ? sim->last_in[1 + randombytes_uniform(4)]
			      : sim->last_out[1 + randombytes_uniform(4)];
		struct wg_path path = elsewhere();

		if (!packet.len)
			continue;
		path.remote_port += randombytes_uniform(100);
		path.local_port += randombytes_uniform(SIM_PORTS);
		if (randombytes_uniform(2)) {
			memcpy(path.remote, sim->node[1].nat, 16);
			path.remote_port += 3000;
		}
		for (uint32_t n = randombytes_uniform(4); n; n--)
			packet.data[randombytes_uniform(packet.len)] ^=
				1 << randombytes_uniform(8);
		sim_inject(sim, &path, packet.data, packet.len);
		if (i % 100 == 0)
			sim_run(sim, 10 * SIM_MS);
	}
	is_int(sim_legs(sim), 3, "no leg was made");
	unharmed(sim, "random");
	sim_free(sim);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_replayed_own_initiation();
	test_replayed_handshake();
	test_collision();
	test_response_collision();
	test_forged_response();
	test_cookies();
	test_wrong_source();
	test_ask_price();
	test_roam_under_fire();
	test_pair_limit();
	test_pending();
	test_full_sessions();
	test_full_peers();
	test_full_legs();
	test_not_allowed();
	test_block();
	test_shapes();
	test_random();
	return tap_done();
}
