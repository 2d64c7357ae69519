// SPDX-License-Identifier: GPL-2.0-or-later
/* Whole networks on the engine: who reaches whom, when, and who does not. */
#include "relay_sim.h"

static void test_join(void)
{
	struct sim *sim = sim_star(3);

	is_int(sim_legs(sim), 4, "each peer has a leg");
	is_int(sim->node[0].acks, 1, "the list was acknowledged");
	is_int(sim->node[0].ack.result, RELAY_LIST_DONE, "and is in force");
	is_int(sim_live(sim), 0, "no session yet");
	ok(sim_sound(sim), "the maps are sound");
	is_int(sim->amplified, 0, "nobody got more than he gave");
	is_str(sim_explain(sim, &sim->node[0], &sim->node[1]), "no-handshake",
	       "explain: no handshake yet");
	is_str(sim_explain(sim, &sim->node[1], &sim->node[2]), "no-consent",
	       "explain: spokes are not for each other");
	sim_free(sim);
}

static void test_spoke_first(void)
{
	struct sim *sim = sim_star(2);
	struct sim_flow *there, *back;

	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	is_int(sim_live(sim), 2, "a session each way");
	there = sim_flow_add(&sim->node[1], &sim->node[0], 20 * SIM_MS);
	back = sim_flow_add(&sim->node[0], &sim->node[1], 20 * SIM_MS);
	sim->up = 0;
	sim_run(sim, SIM_S);
	ok(there->got >= 49 && back->got >= 49, "data flows both ways");
	is_int(sim->up, 0, "no data packet came up");
	is_str(sim_explain(sim, &sim->node[0], &sim->node[1]), "live",
	       "explain: they talk");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

/* wgx defect 4: a hub could not wake an idle spoke. */
static void test_hub_first(void)
{
	struct sim *sim = sim_star(2);
	struct sim_flow *flow;

	sim_run(sim, 60 * SIM_S);
	sim_connect(&sim->node[0], &sim->node[2], 0);
	sim_run(sim, 100 * SIM_MS);
	flow = sim_flow_add(&sim->node[0], &sim->node[2], 20 * SIM_MS);
	sim_run(sim, SIM_S);
	ok(flow->got >= 49, "the hub reaches an idle spoke");
	sim_free(sim);
}

static void test_no_consent(void)
{
	struct sim *sim = sim_star(2);
	unsigned int initiations = sim->seen[WG_INITIATION];

	sim_connect(&sim->node[1], &sim->node[2], 0);
	sim_run(sim, 20 * SIM_S);
	is_int(sim->seen[WG_INITIATION], initiations, "nothing is forwarded");
	ok(sim_outcome(sim, RELAY_OUTCOME_no_consent) >= 3, "and counted");
	is_int(sim_live(sim), 0, "no session");
	is_str(sim_explain(sim, &sim->node[1], &sim->node[2]), "no-consent",
	       "explain: no consent");
	sim_list_one(&sim->node[1], &sim->node[2], 1);
	sim_run(sim, 20 * SIM_S);
	is_int(sim_live(sim), 2, "one of them lists the other: they talk");
	sim_free(sim);
}

static void test_mutual(void)
{
	struct sim *sim = sim_star(1);

	sim->settings.require_mutual = true;
	is_int(relay_engine_reload(sim->engine, &sim->settings, sim->now_ns), 0,
	       "reload to RequireMutual");
	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_run(sim, 20 * SIM_S);
	is_int(sim_live(sim), 0, "the hub's word alone does not do");
	is_str(sim_explain(sim, &sim->node[1], &sim->node[0]), "no-consent",
	       "explain: who does not list whom");
	sim_list_one(&sim->node[1], &sim->node[0], 1);
	sim_run(sim, 20 * SIM_S);
	is_int(sim_live(sim), 2, "both list each other");
	sim_free(sim);
}

/* 8 spokes on 2 hubs, half of the pairs begun by the hub. */
static void test_many(void)
{
	struct sim *sim = sim_new(64, 256);
	struct wg_key keys[8];
	unsigned int first, reached = 0;

	sim_start(sim);
	for (int i = 0; i < 10; i++) {
		struct sim_node *node = sim_node_add(sim);

		sim_node_up(node);
		if (i >= 2)
			keys[i - 2] = node->key;
	}
	sim_run(sim, 100 * SIM_MS);
	for (int hub = 0; hub < 2; hub++)
		sim_list(&sim->node[hub], keys, 8, 1);
	sim_run(sim, 100 * SIM_MS);
	for (int hub = 0; hub < 2; hub++)
		for (int spoke = 2; spoke < 10; spoke++)
			sim_connect(&sim->node[(spoke + hub) % 2 ? hub : spoke],
				    &sim->node[(spoke + hub) % 2 ? spoke : hub],
				    0);
	sim_run(sim, SIM_S);
	is_int(sim_live(sim), 32, "16 pairs, a session each way");
	first = sim->flows;
	for (int hub = 0; hub < 2; hub++)
		for (int spoke = 2; spoke < 10; spoke++) {
			sim_flow_add(&sim->node[hub], &sim->node[spoke], SIM_S);
			sim_flow_add(&sim->node[spoke], &sim->node[hub], SIM_S);
		}
	sim_run(sim, 10 * SIM_S);
	for (unsigned int i = first; i < sim->flows; i++)
		reached += sim->flow[i].got >= 9;
	is_int(reached, 32, "everybody is reached from both sides");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

/* wgx defect 1: a blackout at every rekey. Three hours of flow, keepalive 25. */
static void test_hours(void)
{
	struct sim *sim = sim_star(2);
	struct sim_flow *flow[4];

	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_connect(&sim->node[2], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	for (int i = 0; i < 2; i++) {
		flow[2 * i] = sim_flow_add(&sim->node[1 + i], &sim->node[0],
					   200 * SIM_MS);
		flow[2 * i + 1] = sim_flow_add(&sim->node[0], &sim->node[1 + i],
					       200 * SIM_MS);
	}
	sim_run(sim, 3 * 3600 * SIM_S);
	for (int i = 0; i < 4; i++) {
		ok(flow[i]->got > 53990 && flow[i]->got >= flow[i]->sent - 2,
		   "flow %d: %u of %u", i, flow[i]->got, flow[i]->sent);
		ok(flow[i]->worst_gap_ns <= 400 * SIM_MS, "worst gap %u ms",
		   (unsigned int)(flow[i]->worst_gap_ns / SIM_MS));
	}
	ok(sim_live(sim) <= 12, "old sessions go: %u live", sim_live(sim));
	is_int(sim_legs(sim), 3, "legs stay");
	is_int(sim->amplified, 0, "nobody got more than he gave");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

/* wgx defect 3: roaming took up to 120 s. Here: a round trip of the challenge
 * once the bytes have paid for it. */
static void test_roaming(void)
{
	struct sim *sim = sim_star(1);
	struct sim_flow *there, *back;

	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	there = sim_flow_add(&sim->node[1], &sim->node[0], 10 * SIM_MS);
	back = sim_flow_add(&sim->node[0], &sim->node[1], 10 * SIM_MS);
	sim_run(sim, 3 * SIM_S);
	there->worst_gap_ns = back->worst_gap_ns = 0;
	sim_rebind(&sim->node[1], 77);
	sim_run(sim, 3 * SIM_S);
	ok(there->worst_gap_ns <= 45 * SIM_MS,
	   "spoke to hub: gap %u ms, path 10 ms each way",
	   (unsigned int)(there->worst_gap_ns / SIM_MS));
	ok(back->worst_gap_ns <= 45 * SIM_MS, "hub to spoke: gap %u ms",
	   (unsigned int)(back->worst_gap_ns / SIM_MS));
	is_int(sim_outcome(sim, RELAY_OUTCOME_leg_moved), 1, "one leg moved");
	is_int(sim_live(sim), 2, "the session is the same");
	is_int(sim->amplified, 0, "nobody got more than he gave");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

/* wgx defect 11, and revocation: what consent gave it can take. */
static void test_revoke(void)
{
	struct sim *sim = sim_star(2);
	struct sim_flow *kept, *lost;

	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_connect(&sim->node[2], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	kept = sim_flow_add(&sim->node[1], &sim->node[0], 100 * SIM_MS);
	lost = sim_flow_add(&sim->node[2], &sim->node[0], 100 * SIM_MS);
	sim_run(sim, SIM_S);
	sim_list_one(&sim->node[0], &sim->node[1], 2);
	sim_run(sim, 100 * SIM_MS);
	is_int(sim_live(sim), 2, "the struck-off spoke's sessions are gone");
	kept->got = lost->got = kept->sent = 0;
	sim_run(sim, 10 * SIM_S);
	is_int(lost->got, 0, "nothing passes any more");
	ok(kept->got >= kept->sent - 1, "the other one notices nothing");
	sim_list(&sim->node[0], NULL, 0, 3);
	sim_run(sim, 100 * SIM_MS);
	is_int(sim_live(sim), 0, "the empty list takes the last one away");
	is_int(sim->node[0].ack.result, RELAY_LIST_DONE, "and is acknowledged");
	sim_list_one(&sim->node[0], &sim->node[1], 2);
	sim_run(sim, 100 * SIM_MS);
	is_int(sim->node[0].ack.result, RELAY_LIST_STALE,
	       "an old list is stale");
	is_int(sim->node[0].ack.version, 3, "and told which one is in force");
	sim_free(sim);
}

/* A spoke on IPv6, the hub on IPv4; and a move from one to the other. */
static void test_families(void)
{
	struct sim *sim = sim_star(2);
	struct sim_flow *there, *back;
	unsigned int v6 = 0;

	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	there = sim_flow_add(&sim->node[1], &sim->node[0], 10 * SIM_MS);
	back = sim_flow_add(&sim->node[0], &sim->node[1], 10 * SIM_MS);
	sim_rebind(&sim->node[1], 1);
	sim_v6(sim->node[1].nat, 9);
	sim_run(sim, SIM_S);
	ok(there->got >= 94 && back->got >= 94,
	   "the flow follows to IPv6 (%u, %u)", there->got, back->got);
	for (size_t i = 1; i < sim->tables.leg_count; i++)
		v6 += sim->tables.legs[i].flags & RELAY_LEG_V6 ? 1 : 0;
	is_int(v6, 1, "one leg is an IPv6 one");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_join();
	test_spoke_first();
	test_hub_first();
	test_no_consent();
	test_mutual();
	test_many();
	test_roaming();
	test_families();
	test_revoke();
	test_hours();
	return tap_done();
}
