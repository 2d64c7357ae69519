// SPDX-License-Identifier: GPL-2.0-or-later
/* What peers say inside the tunnel, and what the relay answers and reports. */
#include "relay_sim.h"

static void test_long_list(void)
{
	struct sim *sim = sim_star(1);
	struct wg_key keys[500];

	randombytes_buf(keys, sizeof(keys));
	sim_list(&sim->node[0], keys, 500, 5);
	sim_run(sim, 100 * SIM_MS);
	is_int(sim->node[0].acks, 1 + 14, "fourteen chunks, each acknowledged");
	is_int(sim->node[0].ack.result, RELAY_LIST_DONE,
	       "the last one: in force");
	is_int(sim_outcome(sim, RELAY_OUTCOME_list_applied), 2, "counted");
	sim_list(&sim->node[0], keys, 500, 5);
	sim_run(sim, 100 * SIM_MS);
	is_int(sim->node[0].ack.result, RELAY_LIST_STALE,
	       "the same again is stale");
	is_int(sim_outcome(sim, RELAY_OUTCOME_list_stale), 14, "and counted");
	sim_free(sim);
}

/* Half a list changes nothing, and is forgotten. */
static void test_half_list(void)
{
	struct sim *sim = sim_star(1);
	struct relay_message message = {.kind = RELAY_LIST_CHUNK,
					.version = 9,
					.chunks = 2,
					.key_count = RELAY_CHUNK_KEYS};
	uint8_t data[RELAY_CONTROL_MAX];
	json_t *routes;
	int len;

	randombytes_buf(message.keys, sizeof(message.keys));
	len = relay_message_build(data, sizeof(data), &message);
	sim_inner(&sim->node[0], data, len);
	sim_run(sim, 60 * SIM_S);
	is_int(sim->node[0].ack.result, RELAY_LIST_MORE, "half a list");
	routes = relay_engine_routes(sim->engine, sim->now_ns);
	is_int(json_array_size(json_object_get(routes, "routes")), 1,
	       "changes nothing");
	json_decref(routes);
	is_int(sim_outcome(sim, RELAY_OUTCOME_list_expired), 1,
	       "and is forgotten");
	sim_free(sim);
}

static void test_query(void)
{
	struct sim *sim = sim_star(1);
	struct relay_message message = {.kind = RELAY_LIST_QUERY, .nonce = 99};
	uint8_t data[RELAY_CONTROL_MAX];
	int len = relay_message_build(data, sizeof(data), &message);

	sim_inner(&sim->node[0], data, len);
	sim_run(sim, 50 * SIM_MS);
	is_int(sim->node[0].ack.nonce, 99, "the question's nonce");
	is_int(sim->node[0].ack.version, 1, "and the version in force");
	data[5] ^= 1;
	sim_inner(&sim->node[0], data, len);
	sim_run(sim, 50 * SIM_MS);
	is_int(sim_outcome(sim, RELAY_OUTCOME_control_malformed), 1,
	       "nonsense is counted");
	sim_free(sim);
}

static void wgx_set_peers(struct sim_node *node, const struct wg_key *keys,
			  size_t count)
{
	uint8_t data[5 + 45 * 32] = {0xdd, 0xcc, 0xbb, 0xaa, 1};

	memcpy(data + 5, keys, count * sizeof(*keys));
	sim_inner(node, data, 5 + count * sizeof(*keys));
}

static void test_wgx(void)
{
	struct sim *sim = sim_new(64, 256);
	struct wg_path path = {.remote_port = 777, .local_port = SIM_PORT};
	uint8_t query[32] = {0x31};
	struct wg_key keys[2];
	uint64_t sent;

	sim->settings.wgx_compat = true;
	sim_star_in(sim, 2);
	ok(sim->config.flags & RELAY_WGX_COMPAT, "the kernel program is told");
	keys[0] = sim->node[1].key;
	keys[1] = sim->key; /* the relay's own */
	wgx_set_peers(&sim->node[0], keys, 2);
	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_connect(&sim->node[2], &sim->node[0], 0);
	sim_run(sim, SIM_S);
	is_int(sim_live(sim), 2, "wgx's list replaces the one before");
	wgx_set_peers(&sim->node[0], keys, 0);
	sim_run(sim, 100 * SIM_MS);
	is_int(sim_live(sim), 0, "also an empty one");
	sim_v4(path.remote, 192, 0, 2, 1);
	sent = sim->tail;
	sim_inject(sim, &path, query, sizeof(query));
	is_int(sim->tail - sent, 1, "the key query is answered");
	is_mem(sim->queue[sent % SIM_QUEUE].data, sim->key.bytes, 32,
	       "with the key");
	sim_inject(sim, &path, query, 31);
	is_int(sim->tail - sent, 1, "a shorter question is not");
	is_int(sim->amplified, 0, "nobody got more than he gave");
	sim->settings.wgx_compat = false;
	relay_engine_reload(sim->engine, &sim->settings, sim->now_ns);
	sim_inject(sim, &path, query, sizeof(query));
	is_int(sim->tail - sent, 1, "nor any when it is off");
	ok(!(sim->config.flags & RELAY_WGX_COMPAT), "the kernel program too");
	sim_free(sim);
}

static uint32_t add(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i += 2)
		sum += data[i] << 8 | (i + 1 < len ? data[i + 1] : 0);
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

static void test_ping(void)
{
	struct sim *sim = sim_star(0);
	struct sim_node *node = &sim->node[0];
	uint8_t ping[48] = {0x45, 0,  0,   44, 0, 0,  0,   0, 64, 1, 0,
			    0,	  10, 120, 0,  1, 10, 120, 0, 2,  8, 0};

	memset(ping + 24, 0x5a, 20);
	put(ping + 22, fold(add(0, ping + 20, 24)));
	put(ping + 10, fold(add(0, ping, 20)));
	node->delivered = 0;
	wg_peer_send(node->relay, ping, sizeof(ping), sim->now_ns);
	sim_run(sim, 50 * SIM_MS);
	is_int(sim_outcome(sim, RELAY_OUTCOME_echo), 1, "a ping is answered");
	is_int(node->delivered, 1, "and arrives");
	is_int(node->last[20], 0, "as an echo reply");
	is_mem(node->last + 12, ping + 16, 4, "from where it was sent to");
	ok(!fold(add(0, node->last, 20)) && !fold(add(0, node->last + 20, 24)),
	   "its checksums are right");
	ping[20] = 13;
	wg_peer_send(node->relay, ping, sizeof(ping), sim->now_ns);
	sim_run(sim, 50 * SIM_MS);
	is_int(sim_outcome(sim, RELAY_OUTCOME_inner_ignored), 1,
	       "other things are not");
	is_int(node->delivered, 1, "nor answered");
	sim_free(sim);
}

static void test_ping_v6(void)
{
	struct sim *sim = sim_star(0);
	struct sim_node *node = &sim->node[0];
	uint8_t ping[64] = {0x60, 0, 0, 0, 0, 24, 58, 64};
	const uint32_t pseudo = 24 + 58;

	sim_v6(ping + 8, 1);
	sim_v6(ping + 24, 2);
	ping[40] = 128;
	memset(ping + 44, 0xa5, 20);
	put(ping + 42, fold(add(pseudo, ping + 8, 56)));
	wg_peer_send(node->relay, ping, sizeof(ping), sim->now_ns);
	sim_run(sim, 50 * SIM_MS);
	is_int(node->last[40], 129, "a ping over IPv6 too");
	is_mem(node->last + 8, ping + 24, 16, "from where it was sent to");
	ok(!fold(add(pseudo, node->last + 8, 56)), "its checksum is right");
	sim_free(sim);
}

static json_int_t number(const json_t *from, const char *outer,
			 const char *name)
{
	return json_integer_value(json_object_get(
		outer ? json_object_get(from, outer) : from, name));
}

static void test_reports(void)
{
	struct sim *sim = sim_star(2);
	json_t *report, *entry;

	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	sim_flow_add(&sim->node[1], &sim->node[0], 100 * SIM_MS);
	sim_run(sim, 5 * SIM_S);

	report = relay_engine_status(sim->engine, sim->now_ns);
	is_int(number(report, "peers", "count"), 3, "status: peers");
	is_int(number(report, "sessions", "live"), 2, "status: sessions");
	ok(number(report, "forwarded", "packets") >= 49, "status: forwarded");
	is_int(number(report, "user_space", "data_packets"), 0,
	       "status: slow path");
	is_str(json_string_value(json_object_get(report, "allowed")), "all",
	       "status: allowed");
	is_int(number(report, NULL, "uptime_s"), 5, "status: uptime");
	json_decref(report);

	report = relay_engine_sessions(sim->engine, sim->now_ns);
	is_int(json_array_size(json_object_get(report, "sessions")), 2,
	       "sessions");
	entry = json_array_get(json_object_get(report, "sessions"), 0);
	is_int(number(entry, NULL, "age_s") + number(entry, NULL, "expires_s"),
	       190, "sessions: age and end");
	json_decref(report);

	report = relay_engine_peers(sim->engine, sim->now_ns);
	is_int(json_array_size(json_object_get(report, "peers")), 3, "peers");
	entry = json_array_get(json_object_get(report, "peers"), 0);
	is_int(json_array_size(json_object_get(entry, "legs")), 1,
	       "peers: legs");
	json_decref(report);

	report = relay_engine_routes(sim->engine, sim->now_ns);
	is_int(json_array_size(json_object_get(report, "routes")), 2, "routes");
	json_decref(report);
	sim_free(sim);
}

static uint16_t leg_of(const struct sim *sim, const struct sim_node *node)
{
	for (size_t i = 1; i < sim->tables.leg_count; i++)
		if (!memcmp(sim->tables.peers[i].public_key, node->key.bytes,
			    WG_KEY_LEN))
			return (uint16_t)i;
	return RELAY_LEG_NONE;
}

/* A handshake was for a leg whose number another peer has by now: that it goes
 * unanswered is nothing that this one did. */
static void test_number_again(void)
{
	struct sim *sim = sim_star(1);
	struct sim_node *hub = &sim->node[0], *gone = &sim->node[1];
	struct sim_node *late = sim_node_add(sim);
	struct wg_key keys[] = {gone->key, late->key};
	struct relay_block_key block = {.prefixlen = 128};
	uint16_t leg = leg_of(sim, gone);

	sim_list(hub, keys, 2, 2);
	sim_run(sim, 100 * SIM_MS);
	gone->deaf = true;
	sim_connect(hub, gone, 0);
	sim_run(sim, 100 * SIM_MS);
	memcpy(block.addr, gone->nat, 16);
	relay_engine_block(sim->engine, &block, sim->now_ns);
	sim_node_up(late);
	sim_run(sim, 100 * SIM_MS);
	ok(leg && leg_of(sim, late) == leg, "the number is another peer's");
	sim_run(sim, 15 * SIM_S);
	ok(sim_outcome(sim, RELAY_OUTCOME_pending_expired) >= 1,
	   "the handshake expired");
	is_str(sim_explain(sim, hub, late), "no-handshake",
	       "explain: nothing is said of the one who has the number");
	sim_free(sim);
}

/* Data that comes up although it is right: forwarded, counted apart. */
static void test_slow_path(void)
{
	struct sim *sim = sim_star(1);
	struct sim_flow *flow;
	json_t *report;

	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	flow = sim_flow_add(&sim->node[1], &sim->node[0], 100 * SIM_MS);
	sim_run(sim, SIM_S);
	sim->slow = true;
	flow->got = flow->sent = 0;
	sim_run(sim, SIM_S);
	ok(flow->got >= 9 && flow->got + 1 >= flow->sent,
	   "the slow way loses nothing");
	report = relay_engine_status(sim->engine, sim->now_ns);
	is_int(number(report, "user_space", "data_packets"),
	       sim_outcome(sim, RELAY_OUTCOME_slow_path),
	       "and is counted apart");
	ok(number(report, "user_space", "data_packets") >= flow->got,
	   "each packet of it");
	json_decref(report);
	is_int(sim_outcome(sim, RELAY_OUTCOME_challenged), 0,
	       "nobody is asked");
	sim_free(sim);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_long_list();
	test_half_list();
	test_query();
	test_wgx();
	test_ping();
	test_ping_v6();
	test_reports();
	test_number_again();
	test_slow_path();
	return tap_done();
}
