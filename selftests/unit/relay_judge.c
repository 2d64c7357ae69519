// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Taking consent back costs what it concerns: a list has the sessions of its own
 * party judged and no others, and lists by the dozen have them judged together.
 */
#include "relay_sim.h"

#include "relay/state.h"

static struct relay_edge *edge_of(const struct sim *sim,
				  const struct sim_node *a,
				  const struct sim_node *b)
{
	const struct relay_roster *roster = &sim->engine->roster;

	return relay_edge_find(roster, relay_party_find(roster, &a->key),
			       relay_party_find(roster, &b->key));
}

/* Consent ends and nobody is told. */
static void close_edge(struct relay_edge *edge)
{
	edge->side[0].lists = edge->side[1].lists = 0;
}

/* Two hubs, nodes 0 and 1, each with a session to a spoke, nodes 2 and 3. */
static struct sim *two_pairs(void)
{
	struct sim *sim = sim_star(3);

	sim_list_one(&sim->node[0], &sim->node[2], 2);
	sim_list_one(&sim->node[1], &sim->node[3], 2);
	sim_run(sim, 100 * SIM_MS);
	sim_connect(&sim->node[0], &sim->node[2], 0);
	sim_connect(&sim->node[1], &sim->node[3], 0);
	sim_run(sim, SIM_S);
	is_int(sim_live(sim), 4, "two pairs talk");
	return sim;
}

static void test_concerned(void)
{
	struct sim *sim = two_pairs();

	close_edge(edge_of(sim, &sim->node[1], &sim->node[3]));
	sim_list(&sim->node[0], NULL, 0, 3);
	sim_run(sim, SIM_S);
	is_int(sim_live(sim), 2, "a list that ends consent ends its sessions");
	relay_engine_reload(sim->engine, &sim->settings, sim->now_ns);
	sim->due_ns = sim->now_ns;
	sim_run(sim, SIM_S);
	is_int(sim_live(sim), 0,
	       "those of other peers are looked at when the settings change");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

/* The one who is listed: the session hangs on the lister's leg as well. */
static void test_lister(void)
{
	struct sim *sim = two_pairs();

	sim_list_one(&sim->node[2], &sim->node[0], 2);
	sim_run(sim, 200 * SIM_MS);
	sim_list(&sim->node[0], NULL, 0, 3);
	sim_run(sim, SIM_S);
	is_int(sim_live(sim), 4, "the other one's list keeps the session");
	sim_list(&sim->node[2], NULL, 0, 3);
	sim_run(sim, SIM_S);
	is_int(sim_live(sim), 2, "until that ends too");
	sim_free(sim);
}

/* A hundred lists in half a second, every other one of which takes back. */
static void test_many_lists(void)
{
	struct sim *sim = two_pairs();
	uint64_t rest_ns = sim->engine->judge.rest_ns;
	unsigned int rounds = 0;

	for (unsigned int i = 0; i < 500; i++) {
		if (i % 10 == 0)
			sim_list_one(&sim->node[0], &sim->node[2], 3 + i);
		else if (i % 10 == 5)
			sim_list(&sim->node[0], NULL, 0, 3 + i);
		sim_run(sim, SIM_MS);
		rounds += sim->engine->judge.rest_ns != rest_ns;
		rest_ns = sim->engine->judge.rest_ns;
	}
	sim_run(sim, 120 * SIM_MS);
	is_int(sim_outcome(sim, RELAY_OUTCOME_list_applied), 103,
	       "all lists are in force");
	ok(rounds >= 4 && rounds <= 6, "few rounds for them: %u", rounds);
	is_int(sim_live(sim), 2, "what they took back is gone");
	sim_free(sim);
}

/* What comes while a round is under way waits for its own. */
static void test_meanwhile(void)
{
	struct sim *sim = two_pairs();
	struct relay_engine *engine = sim->engine;
	struct relay_judge *judge = &engine->judge;

	relay_judge_party(engine,
			  relay_party_find(&engine->roster, &sim->node[0].key));
	relay_judge_step(engine);
	ok(judge->at == RELAY_NOWHERE && !judge->due, "a round, whole");
	close_edge(edge_of(sim, &sim->node[1], &sim->node[3]));
	relay_judge_party(engine,
			  relay_party_find(&engine->roster, &sim->node[1].key));
	sim->due_ns = relay_judge_step(engine);
	is_int(sim->due_ns, engine->now_ns + RELAY_JUDGE_INTERVAL_NS,
	       "the next one is due an interval later");
	is_int(sim_live(sim), 4, "and has not begun");
	sim_run(sim, 2 * RELAY_JUDGE_INTERVAL_NS);
	is_int(sim_live(sim), 2, "then it takes back what is its");
	sim_free(sim);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_concerned();
	test_lister();
	test_many_lists();
	test_meanwhile();
	return tap_done();
}
