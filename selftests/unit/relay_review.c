// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Peers that are allowed and hostile: what one of them may do to another, to
 * the room they share, and to addresses that are nobody's.
 */
#include "relay_sim.h"

/* Writes the source of `as` on what `node` sends, without hearing the answers. */
struct mask {
	uint8_t nat[16];
	uint16_t nat_port;
};

static struct mask put_on(struct sim_node *node, const uint8_t nat[16],
			  uint16_t port)
{
	struct mask own = {.nat_port = node->nat_port[0]};

	memcpy(own.nat, node->nat, 16);
	memcpy(node->nat, nat, 16);
	node->nat_port[0] = port;
	return own;
}

static void take_off(struct sim_node *node, const struct mask *own)
{
	memcpy(node->nat, own->nat, 16);
	node->nat_port[0] = own->nat_port;
}

static bool leg_at(const struct sim *sim, const struct sim_node *node,
		   const struct wg_path *path)
{
	for (size_t i = 1; i < sim->tables.leg_count; i++)
		if (sim_from_leg(sim, (uint16_t)i, path) &&
		    !memcmp(sim->tables.peers[i].public_key, node->key.bytes,
			    WG_KEY_LEN))
			return true;
	return false;
}

/* ---- addresses ---- */

/* An authentic packet with another peer's source takes nothing from it. */
static void test_steal(void)
{
	struct sim *sim = sim_star(3);
	struct sim_node *victim = &sim->node[1], *thief = &sim->node[3];
	struct wg_path own = sim_path(thief, 0);
	struct sim_flow *flow;
	struct mask mask;

	sim_connect(victim, &sim->node[0], 0);
	sim_run(sim, 200 * SIM_MS);
	flow = sim_flow_add(victim, &sim->node[0], 50 * SIM_MS);
	sim_run(sim, SIM_S);
	for (int i = 0; i < 40; i++) {
		mask = put_on(thief, victim->nat, victim->nat_port[0]);
		wg_peer_send(thief->relay, "xx", 2, sim->now_ns);
		take_off(thief, &mask);
		sim_run(sim, 500 * SIM_MS);
	}
	ok(flow->got + 1 >= flow->sent, "the victim's flow goes on: %u of %u",
	   flow->got, flow->sent);
	is_int(sim_outcome(sim, RELAY_OUTCOME_leg_taken), 0,
	       "its leg is not taken");
	ok(leg_at(sim, thief, &own), "the thief is where it was");
	ok(sim_outcome(sim, RELAY_OUTCOME_challenged) <= 5,
	   "few questions (%u)",
	   (unsigned int)sim_outcome(sim, RELAY_OUTCOME_challenged));
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

/* Nor does a handshake from there: the response goes to the other one. */
static void test_steal_by_handshake(void)
{
	struct sim *sim = sim_star(2);
	struct sim_node *victim = &sim->node[1], *thief = &sim->node[2];
	struct wg_path own;
	struct mask mask;

	sim_run(sim, 10 * SIM_S);
	mask = put_on(thief, victim->nat, victim->nat_port[0]);
	sim_node_up(thief);
	take_off(thief, &mask);
	sim_run(sim, 20 * SIM_MS);
	mask = put_on(thief, victim->nat, victim->nat_port[0]);
	wg_peer_send(thief->relay, "xx", 2, sim->now_ns);
	take_off(thief, &mask);
	sim_run(sim, 200 * SIM_MS);
	is_int(sim_outcome(sim, RELAY_OUTCOME_leg_taken), 0, "nothing taken");
	/* The same address, another port: not even behind one NAT. */
	memcpy(thief->nat, victim->nat, 16);
	sim_run(sim, 60 * SIM_S);
	own = sim_path(thief, 0);
	ok(leg_at(sim, thief, &own), "behind one NAT now");
	mask = put_on(thief, victim->nat, victim->nat_port[0]);
	wg_peer_send(thief->relay, "xx", 2, sim->now_ns);
	take_off(thief, &mask);
	sim_run(sim, 200 * SIM_MS);
	is_int(sim_outcome(sim, RELAY_OUTCOME_leg_taken), 0,
	       "nothing taken there either");
	ok(leg_at(sim, thief, &own), "and each is where it was");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

/* Who is really there takes an address over that another had before. */
static void test_inherit(void)
{
	struct sim *sim = sim_star(2);
	struct sim_node *heir = &sim->node[2];
	struct wg_path path = sim_path(&sim->node[1], 0);

	sim_rebind(&sim->node[1], 77);
	sim->node[1].deaf = true;
	sim->node[1].nat_port[0] = 1;
	put_on(heir, path.remote, path.remote_port);
	sim_run(sim, 60 * SIM_S);
	is_int(sim_outcome(sim, RELAY_OUTCOME_leg_taken), 1, "taken once");
	ok(leg_at(sim, heir, &path), "by the one that answers there");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

/* Bytes that reached an address in five seconds of a partner's stream. */
static uint64_t bytes_to(struct sim *sim, const uint8_t addr[16])
{
	uint64_t bytes = 0;

	for (int ms = 0; ms < 5000; ms++) {
		size_t before = sim->tail;

		sim->now_ns += SIM_MS;
		sim_step(sim);
		for (size_t i = before; i < sim->tail; i++) {
			const struct sim_packet *packet =
				&sim->queue[i % SIM_QUEUE];

			if (!packet->to_relay &&
			    !memcmp(packet->path.remote, addr, 16))
				bytes += packet->len;
		}
	}
	return bytes;
}

static void test_reflect(void)
{
	struct sim *sim = sim_star(2);
	struct sim_node *node = &sim->node[1];
	struct sim_flow *flow;
	uint8_t victim[16];
	struct mask mask;
	uint64_t bytes;

	sim_connect(node, &sim->node[0], 0);
	sim_run(sim, 200 * SIM_MS);
	flow = sim_flow_add(&sim->node[0], node, 10 * SIM_MS);
	flow->size = 1200;
	sim_run(sim, 100 * SIM_MS);
	sim_v4(victim, 192, 0, 2, 99);
	mask = put_on(node, victim, 4444);
	wg_peer_send(node->relay, NULL, 0, sim->now_ns);
	take_off(node, &mask);
	bytes = bytes_to(sim, victim);
	ok(bytes > 0 && bytes <= WG_INITIATION_LEN,
	   "an address that was only claimed gets one question, %u bytes",
	   (unsigned int)bytes);
	is_int(sim_outcome(sim, RELAY_OUTCOME_leg_moved), 0, "no leg moved");
	sim_free(sim);
}

/* The first packet of a new peer behind a NAT is enough, no question asked. */
static void test_first_contact(void)
{
	struct sim *sim = sim_star(1);
	struct sim_node *node = sim_node_add(sim);
	struct wg_path path = sim_path(node, 0);

	sim_node_up(node);
	sim_run(sim, 3 * SIM_LATENCY - 1);
	ok(!leg_at(sim, node, &path), "its handshake alone gives it no leg");
	sim_run(sim, 1);
	ok(leg_at(sim, node, &path), "its first packet does");
	is_int(sim_outcome(sim, RELAY_OUTCOME_challenged), 0, "unasked");
	sim_free(sim);
}

/* A keepalive from a new address, right after a handshake: one round trip. */
static void test_silent_roam(void)
{
	struct sim *sim = sim_star(1);
	struct sim_node *node = &sim->node[1];
	struct wg_path path;

	sim_rebind(node, 55);
	path = sim_path(node, 0);
	wg_peer_send(node->relay, NULL, 0, sim->now_ns);
	sim_run(sim, SIM_LATENCY);
	ok(!leg_at(sim, node, &path), "a keepalive from elsewhere moves none");
	sim_run(sim, 2 * SIM_LATENCY);
	ok(leg_at(sim, node, &path), "the answer does, a round trip later");
	node->nat_port[0]++;
	path = sim_path(node, 0);
	wg_peer_send(node->relay, NULL, 0, sim->now_ns);
	sim_run(sim, SIM_LATENCY);
	ok(leg_at(sim, node, &path), "a new port of the same NAT at once");
	sim_run(sim, SIM_S);
	sim_rebind(node, 56);
	path = sim_path(node, 0);
	wg_peer_send(node->relay, NULL, 0, sim->now_ns);
	sim_run(sim, 3 * SIM_LATENCY);
	ok(leg_at(sim, node, &path), "elsewhere again a second later");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

/* ---- what is shared ---- */

/* The greatest version there is, and worse, spoil nothing for the others. */
static void test_version(void)
{
	static const uint8_t wgx_list[5 + WG_KEY_LEN] = {[4] = 1};
	struct sim *sim = sim_new(64, 256);
	struct sim_node *peer;
	json_t *state;

	sim->settings.wgx_compat = true;
	sim_star_in(sim, 3);
	peer = &sim->node[2];
	sim_list(peer, &sim->node[1].key, 1, UINT64_C(1) << 63);
	sim_run(sim, 200 * SIM_MS);
	is_int(peer->acks, 0, "a version past the greatest is no message");
	sim_list(peer, &sim->node[1].key, 1, RELAY_LIST_VERSION_MAX);
	sim_run(sim, 200 * SIM_MS);
	is_int(peer->ack.result, RELAY_LIST_DONE, "the greatest one is");
	sim_inner(peer, wgx_list, sizeof(wgx_list));
	sim_run(sim, 200 * SIM_MS);
	is_int(sim_outcome(sim, RELAY_OUTCOME_list_applied), 3,
	       "a list of wgx after it too");
	state = relay_engine_save(sim->engine);
	relay_engine_free(sim->engine);
	memset(sim->tables.buckets, 0, sim->tables.bucket_count * 64);
	memset(sim->tables.legs, 0, sim->tables.leg_count * 64);
	sim_start(sim);
	is_int(relay_engine_restore(sim->engine, state, sim->now_ns), 0,
	       "the state can be restored");
	json_decref(state);
	sim_run(sim, SIM_S);
	is_int(sim_legs(sim), 4, "and everybody is back at once");
	sim_free(sim);
}

/* A saved peer that can not be read is left out alone. */
static void test_spoilt_peer(void)
{
	struct sim *sim = sim_star(3);
	json_t *state = relay_engine_save(sim->engine), *peers;

	peers = json_object_get(state, "peers");
	json_object_set_new(json_array_get(peers, 1), "list_version",
			    json_integer(-1));
	json_array_insert_new(peers, 0, json_integer(7));
	relay_engine_free(sim->engine);
	memset(sim->tables.buckets, 0, sim->tables.bucket_count * 64);
	memset(sim->tables.legs, 0, sim->tables.leg_count * 64);
	sim_start(sim);
	is_int(relay_engine_restore(sim->engine, state, sim->now_ns), 0,
	       "restored");
	json_decref(state);
	sim_run(sim, SIM_S);
	is_int(sim_legs(sim), 3, "all but the one are back at once");
	sim_free(sim);
}

static enum relay_list_result send_list(struct sim_node *node,
					const struct wg_key *keys, size_t count,
					uint64_t version)
{
	sim_list(node, keys, count, version);
	sim_run(node->sim, SIM_S);
	return node->ack.result;
}

/*
 * Keys that nobody has, in one peer's list or in several, leave room for other
 * lists and for every peer that may come.
 */
static void test_greedy_list(void)
{
	struct sim *sim = sim_new(256, 256);
	struct wg_key keys[300];
	unsigned int legs;

	sim->settings.max_peers = 60; /* so 240 keys, 960 pairs */
	sim_star_in(sim, 6);
	randombytes_buf(keys, sizeof(keys));
	is_int(send_list(&sim->node[1], keys, 200, 5), RELAY_LIST_REFUSED,
	       "too many keys for one");
	is_int(send_list(&sim->node[1], keys, 110, 6), RELAY_LIST_DONE,
	       "half of what there is");
	is_int(send_list(&sim->node[1], keys, 140, 7), RELAY_LIST_REFUSED,
	       "nor more in small steps");
	is_int(send_list(&sim->node[2], keys + 150, 25, 8), RELAY_LIST_DONE,
	       "another's list is taken");
	for (int i = 3; i <= 6; i++)
		send_list(&sim->node[i], keys + 100 + 25 * i, 25, 9);
	legs = sim_legs(sim);
	for (int i = 0; i < 53; i++) {
		sim_node_up(sim_node_add(sim));
		sim_run(sim, 20 * SIM_MS);
	}
	is_int(sim_legs(sim) - legs, 53, "MaxPeers come in all the same");
	sim_free(sim);
}

static long in_tunnel(const struct sim *sim)
{
	json_t *status = relay_engine_status(sim->engine, sim->now_ns);
	json_t *peers = json_object_get(status, "peers");
	long count = json_integer_value(json_object_get(peers, "count"));

	json_decref(status);
	return count;
}

/* Initiations that nobody confirms do not keep those out who do. */
static void test_unconfirmed(void)
{
	struct sim *sim = sim_new(64, 256);
	struct sim_node *late;
	unsigned int legs;

	sim->settings.max_peers = 40;
	sim_star_in(sim, 2);
	for (int i = 0; i < 50; i++) {
		struct sim_node *node = sim_node_add(sim);

		node->deaf = true; /* as a forged source would be */
		sim_node_up(node);
		sim_run(sim, 20 * SIM_MS);
	}
	is_int(in_tunnel(sim), 40, "they fill it");
	legs = sim_legs(sim);
	late = sim_node_add(sim);
	sim_node_up(late);
	sim_run(sim, 12 * SIM_S);
	is_int(sim_legs(sim), legs + 1, "a true one is in soon");
	is_int(legs, 3, "and those who were stay");
	for (unsigned int i = 3; i < 53; i++)
		wg_peer_remove(sim->node[i].tunnel, sim->node[i].relay);
	sim_run(sim, 20 * SIM_S);
	is_int(in_tunnel(sim), 4, "the unconfirmed ones are out");
	sim_free(sim);
}

/* One address does not hold all the places for unproven ports. */
static void test_holds(void)
{
	struct sim *sim = sim_star(3);
	struct wg_path path = sim_path(&sim->node[1], 0);
	struct wg_initiation forged;

	for (int i = 0; i < 64; i++) {
		path.remote_port = 1000 + i;
		sim_forge(&forged, i + 1, &sim->node[0].key);
		sim_inject(sim, &path, &forged, sizeof(forged));
	}
	is_int(sim_outcome(sim, RELAY_OUTCOME_held), 8, "a few places for one");
	path = sim_path(&sim->node[2], 1);
	path.remote_port = 7777;
	sim_forge(&forged, 9999, &sim->node[0].key);
	sim_inject(sim, &path, &forged, sizeof(forged));
	is_int(sim_outcome(sim, RELAY_OUTCOME_held), 9, "and one for another");
	sim_run(sim, 4 * SIM_S);
	path = sim_path(&sim->node[1], 0);
	path.remote_port = 2000;
	sim_inject(sim, &path, &forged, sizeof(forged));
	is_int(sim_outcome(sim, RELAY_OUTCOME_held), 10,
	       "soon the first has places again");
	sim_free(sim);
}

/* Initiations under way of a few senders leave room for the others. */
static void test_pending_pool(void)
{
	struct sim *sim = sim_star(10);
	struct wg_initiation forged;
	struct wg_path path;
	uint32_t index = 1;

	sim->node[0].deaf = true;
	for (int spoke = 1; spoke <= 8; spoke++) {
		path = sim_path(&sim->node[spoke], 0);
		for (int i = 0; i < 4096; i++) {
			sim_forge(&forged, index++, &sim->node[0].key);
			sim_inject(sim, &path, &forged, sizeof(forged));
			sim->tail = sim->head;
		}
	}
	is_int(sim_outcome(sim, RELAY_OUTCOME_pending_full), 0, "full by now");
	path = sim_path(&sim->node[9], 0);
	sim_forge(&forged, index++, &sim->node[0].key);
	sim_inject(sim, &path, &forged, sizeof(forged));
	is_int(sim_outcome(sim, RELAY_OUTCOME_pending_full), 1,
	       "the next is refused");
	sim_run(sim, 2500 * SIM_MS);
	path = sim_path(&sim->node[10], 0);
	sim_forge(&forged, index++, &sim->node[0].key);
	sim_inject(sim, &path, &forged, sizeof(forged));
	is_int(sim_outcome(sim, RELAY_OUTCOME_pending_full), 1,
	       "but not after two seconds");
	sim_free(sim);
}

/* ---- handshakes ---- */

/* A response forged by who saw the initiation does not stop the true one. */
static void test_forged_first(void)
{
	struct sim *sim = sim_star(2);
	struct sim_node *spoke = &sim->node[1], *hub = &sim->node[0];
	struct wg_path path = sim_path(hub, 0);
	struct wg_initiation initiation;
	struct sim_packet seen;
	struct wg_response forged;
	struct sim_flow *flow;

	sim_connect(spoke, hub, 0);
	sim_run(sim, 2 * SIM_LATENCY - 1);
	seen = sim->last_in[WG_INITIATION];
	memcpy(&initiation, seen.data, sizeof(initiation));
	sim_forge_response(&forged, 0x99999999, initiation.sender, &spoke->key);
	sim_inject(sim, &path, &forged, sizeof(forged));
	is_int(sim_outcome(sim, RELAY_OUTCOME_response_forwarded), 1,
	       "a forgery goes through");
	sim_run(sim, 100 * SIM_MS);
	is_int(sim_outcome(sim, RELAY_OUTCOME_response_forwarded), 2,
	       "and so does the truth");
	flow = sim_flow_add(spoke, hub, 50 * SIM_MS);
	sim_run(sim, SIM_S);
	ok(flow->got >= 19, "they talk at once (%u)", flow->got);
	seen = sim->last_in[WG_RESPONSE];
	sim_inject(sim, &path, seen.data, seen.len);
	is_int(sim_outcome(sim, RELAY_OUTCOME_response_unmatched), 1,
	       "a doubled response is not forwarded again");
	is_str(sim_explain(sim, spoke, hub), "live", "explain: live");
	sim_run(sim, 15 * SIM_S);
	is_int(sim_outcome(sim, RELAY_OUTCOME_pending_expired), 0,
	       "and it was answered");
	is_int(sim_live(sim), 3, "the forgery has a slot, that is all");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

static void shake(struct sim *sim, const struct wg_path *spoke,
		  const struct wg_path *hub, uint32_t number)
{
	struct wg_initiation first;
	struct wg_response answer;

	sim_forge(&first, 0x88000000 + number, &sim->node[0].key);
	sim_inject(sim, spoke, &first, sizeof(first));
	sim_forge_response(&answer, 0x99000000 + number, 0x88000000 + number,
			   &sim->node[2].key);
	sim_inject(sim, hub, &answer, sizeof(answer));
	sim->tail = sim->head;
}

/* Two peers that made far too many sessions wait seconds, not hours. */
static void test_pair_leak(void)
{
	struct sim *sim = sim_new(256, 256);
	struct wg_path spoke, hub;
	uint64_t before;

	sim->settings.max_sessions = 1100;
	sim_star_in(sim, 2);
	spoke = sim_path(&sim->node[2], 0);
	hub = sim_path(&sim->node[0], 0);
	for (uint32_t i = 0; i < 300; i++)
		shake(sim, &spoke, &hub, i);
	ok(sim_outcome(sim, RELAY_OUTCOME_pair_limit) > 10,
	   "over half of the table one pair is limited");
	before = sim_outcome(sim, RELAY_OUTCOME_response_forwarded);
	ok(before > 250, "below that it is not");
	sim_run(sim, 12 * SIM_S);
	shake(sim, &spoke, &hub, 301);
	is_int(sim_outcome(sim, RELAY_OUTCOME_response_forwarded), before + 1,
	       "a few seconds later it may make another");
	sim_free(sim);
}

/* ---- what stays right over time ---- */

/* A link-local address means nothing without its device. */
static void test_link_local(void)
{
	struct sim *sim = sim_star(2);
	struct sim_node *node = &sim->node[2];
	struct sim_flow *flow;

	node->nat[0] = 0xfe;
	node->nat[1] = 0x80;
	memset(node->nat + 2, 0, 14);
	node->nat[15] = 9;
	node->ifindex = 7;
	sim_run(sim, 10 * SIM_S);
	sim_node_up(node);
	sim_run(sim, SIM_S);
	sim_connect(&sim->node[0], node, 0);
	sim_run(sim, 3 * SIM_LATENCY + 1);
	is_int(sim->last_out[WG_INITIATION].path.ifindex, 7,
	       "a handshake goes out where its receiver is heard");
	sim->slow = true;
	flow = sim_flow_add(&sim->node[0], node, 50 * SIM_MS);
	sim_run(sim, SIM_S);
	ok(flow->got >= 19, "so does data (%u)", flow->got);
	is_int(sim->last_out[WG_DATA].path.ifindex, 7, "on the slow path");
	for (size_t i = 1; i < sim->tables.leg_count; i++)
		if (sim->tables.legs[i].addr[0] == 0xfe)
			sim->tables.legs[i].ifindex = 8;
	sim_kill(sim);
	sim_start(sim);
	sim_run(sim, SIM_S);
	is_int(sim->last_out[WG_DATA].path.ifindex, 8,
	       "and after a restart by what the map says");
	sim_free(sim);
}

/* Legs of a port that nobody listens on any more are not taken over. */
static void test_other_ports(void)
{
	struct sim *sim = sim_star(1);

	sim_connect(&sim->node[1], &sim->node[0], 2);
	sim_run(sim, SIM_S);
	is_int(sim_legs(sim), 3, "two legs on one port, one on another");
	sim_kill(sim);
	sim->settings.port_min = SIM_PORT + 1;
	sim_start(sim);
	is_int(sim_legs(sim), 1, "after ListenPort changed there is one");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

/* The timestamps on disk are never much older than those in use. */
static void test_stamps(void)
{
	struct sim *sim = sim_star(1);
	unsigned int before;

	sim_run(sim, 10 * SIM_S);
	before = sim->dirtied;
	sim_run(sim, 500 * SIM_S);
	is_int(sim->dirtied, before, "nothing to save for minutes");
	sim_run(sim, 300 * SIM_S);
	ok(sim->dirtied > before && sim->dirtied < before + 3,
	   "then new handshakes are");
	sim_free(sim);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_steal();
	test_steal_by_handshake();
	test_inherit();
	test_reflect();
	test_first_contact();
	test_silent_roam();
	test_version();
	test_spoilt_peer();
	test_greedy_list();
	test_unconfirmed();
	test_holds();
	test_pending_pool();
	test_forged_first();
	test_pair_leak();
	test_link_local();
	test_other_ports();
	test_stamps();
	return tap_done();
}
