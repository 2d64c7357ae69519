// SPDX-License-Identifier: GPL-2.0-or-later
/* The agent dies and comes back: with its maps, with its state file, with both,
 * with neither. */
#include "relay_sim.h"

static struct sim_flow *flow;

static struct sim *scene(void)
{
	struct sim *sim = sim_star(3);

	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_connect(&sim->node[0], &sim->node[2], 0);
	sim_run(sim, 100 * SIM_MS);
	flow = sim_flow_add(&sim->node[1], &sim->node[0], 10 * SIM_MS);
	sim_flow_add(&sim->node[0], &sim->node[1], 10 * SIM_MS);
	sim_run(sim, SIM_S);
	return sim;
}

/* kill -9 under load, the state file at hand: nothing is lost, ever. */
static void test_kill(void)
{
	struct sim *sim = scene();
	json_t *state = relay_engine_save(sim->engine);
	unsigned int live = sim_live(sim), legs = sim_legs(sim);

	flow->sent = flow->got = 0;
	sim_kill(sim);
	sim_run(sim, 5 * SIM_S);
	sim_start(sim);
	is_int(relay_engine_restore(sim->engine, state, sim->now_ns), 0,
	       "restored");
	is_int(sim_live(sim), live, "every session is adopted");
	is_int(sim_legs(sim), legs, "every leg");
	ok(sim_sound(sim), "the maps are sound");
	sim_run(sim, 2 * SIM_S);
	ok(flow->got + 1 >= flow->sent, "no packet is lost (%u of %u)",
	   flow->got, flow->sent);
	is_str(sim_explain(sim, &sim->node[1], &sim->node[0]), "live", "live");
	sim_list_one(&sim->node[0], &sim->node[2], 1);
	sim_run(sim, 100 * SIM_MS);
	is_int(sim->node[0].ack.result, RELAY_LIST_STALE,
	       "the tunnel is back, and the list's version was kept");
	sim_run(sim, 600 * SIM_S);
	ok(flow->got + 2 >= flow->sent, "rekeys work (%u of %u)", flow->got,
	   flow->sent);
	ok(flow->worst_gap_ns <= 50 * SIM_MS, "worst gap %u ms",
	   (unsigned int)(flow->worst_gap_ns / SIM_MS));
	is_int(sim_legs(sim), legs, "legs stay");
	is_int(sim->amplified, 0, "nobody got more than he gave");
	ok(sim_sound(sim), "the maps are sound");
	json_decref(state);
	sim_free(sim);
}

/* The state file is lost: sessions go on, consent comes with the next lists. */
static void test_no_state(void)
{
	struct sim *sim = scene();

	sim_kill(sim);
	sim_start(sim);
	sim_run(sim, 2 * SIM_S);
	sim_list_one(&sim->node[0], &sim->node[1], 2);
	sim_run(sim, SIM_S);
	is_int(sim->node[0].ack.result, RELAY_LIST_DONE,
	       "the hub sends its list");
	is_int(sim_live(sim), 4,
	       "what was adopted is not taken back for want of a list");
	sim_list(&sim->node[0], NULL, 0, 3);
	sim_run(sim, SIM_S);
	is_int(sim_live(sim), 2, "what a list confirmed and revoked is");
	sim_run(sim, 250 * SIM_S);
	is_int(sim_live(sim), 0, "the rest ends with its lifetime");
	sim_free(sim);
}

/* The machine rebooted: no maps, but the state file. */
static void test_reboot(void)
{
	struct sim *sim = scene();
	json_t *state = relay_engine_save(sim->engine), *again;
	char *before, *after;

	sim_kill(sim);
	memset(sim->tables.buckets, 0, sim->tables.bucket_count * 64);
	memset(sim->tables.legs, 0, sim->tables.leg_count * 64);
	memset(&sim->config, 0, sizeof(sim->config));
	sim->known_count = 0;
	sim_start(sim);
	is_int(relay_engine_restore(sim->engine, state, sim->now_ns), 0,
	       "restored");
	sim->waking = true;
	sim_run(sim, SIM_S);
	sim->waking = false;
	is_int(sim_legs(sim), 4, "everybody was called and is back");
	again = relay_engine_save(sim->engine);
	before = json_dumps(
		json_object_get(
			json_array_get(json_object_get(state, "peers"), 0),
			"list"),
		JSON_COMPACT);
	after = json_dumps(
		json_object_get(
			json_array_get(json_object_get(again, "peers"), 0),
			"list"),
		JSON_COMPACT);
	is_int(strlen(after), strlen(before), "saved again, lists are as long");
	sim_run(sim, 30 * SIM_S);
	flow->sent = flow->got = 0;
	sim_run(sim, 2 * SIM_S);
	ok(flow->got + 2 >= flow->sent && flow->sent > 100,
	   "and the flow is back by its own rekey (%u of %u)", flow->got,
	   flow->sent);
	ok(sim_sound(sim), "the maps are sound");
	free(before);
	free(after);
	json_decref(again);
	json_decref(state);
	sim_free(sim);
}

/* A replay across the restart: the greatest timestamps were saved. */
static void test_replay(void)
{
	struct sim *sim = sim_star(0);
	struct sim_packet first = sim->last_in[WG_INITIATION];
	json_t *state = relay_engine_save(sim->engine);

	relay_engine_free(sim->engine);
	memset(sim->tables.buckets, 0, sim->tables.bucket_count * 64);
	memset(sim->tables.legs, 0, sim->tables.leg_count * 64);
	sim_start(sim);
	relay_engine_restore(sim->engine, state, sim->now_ns);
	sim_inject(sim, &first.path, first.data, first.len);
	is_int(sim_outcome(sim, RELAY_OUTCOME_tunnel_replayed), 1,
	       "an initiation from before the restart is a replay");
	json_decref(state);
	sim_free(sim);
}

static void test_bad_state(void)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"{\"format\": \"else\", \"version\": 1, \"peers\": []}",
		"{\"format\": \"sluice-relay-state\", \"version\": 2, \"peers\": []}",
		"{\"format\": \"sluice-relay-state\", \"version\": 1, \"peers\": {}}",
	};
	struct sim *sim = sim_new(64, 256);

	sim_start(sim);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		json_t *state = json_loads(texts[i], 0, NULL);

		is_int(relay_engine_restore(sim->engine, state, sim->now_ns),
		       -EINVAL, "refused: %s", texts[i]);
		json_decref(state);
	}
	sim_free(sim);
}

/* A writer killed in the middle of a leg, slots of legs that are not there. */
static void test_torn(void)
{
	struct sim *sim = scene();
	uint16_t torn = 0;

	for (uint16_t i = 1; i < sim->tables.leg_count; i++)
		if (!memcmp(sim->tables.legs[i].addr, sim->node[2].nat, 16))
			torn = i;
	sim_kill(sim);
	sim->tables.legs[torn].seq |= 1;
	sim_start(sim);
	is_int(sim_legs(sim), 3, "the torn leg is dropped");
	is_int(sim_live(sim), 2, "with its sessions");
	ok(sim_sound(sim), "the maps are sound");
	sim_run(sim, 30 * SIM_S);
	is_int(sim_legs(sim), 3, "its peer is not heard yet");
	sim_run(sim, 150 * SIM_S);
	is_int(sim_legs(sim), 4, "and comes back by its own rekey");
	sim_free(sim);
}

/* A key that was struck off while the agent was away. */
static void test_struck_off(void)
{
	struct sim *sim = scene();
	struct wg_key allowed = sim->node[0].key;

	sim_kill(sim);
	sim->settings.allow_all = false;
	sim->settings.allowed = &allowed;
	sim->settings.allowed_count = 1;
	sim_start(sim);
	is_int(sim_legs(sim), 1, "only the allowed peer's leg is adopted");
	is_int(sim_live(sim), 0, "no session");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_kill();
	test_no_state();
	test_reboot();
	test_replay();
	test_bad_state();
	test_torn();
	test_struck_off();
	return tap_done();
}
