// SPDX-License-Identifier: GPL-2.0-or-later
/* Several relay ports, several peers behind one NAT, and who has which port. */
#include "relay_sim.h"

/* A spoke whose NAT maps each relay port to another port of its own. */
static void symmetric(struct sim_node *node)
{
	for (int i = 0; i < SIM_PORTS; i++)
		node->nat_port[i] += 5000 * i;
}

static void test_second_port(void)
{
	struct sim *sim = sim_star(2);
	struct sim_flow *there, *back;
	uint64_t start_ns;

	symmetric(&sim->node[1]);
	start_ns = sim->now_ns;
	sim_connect(&sim->node[1], &sim->node[0], 2);
	while (sim_live(sim) < 2 && sim->now_ns < start_ns + SIM_S)
		sim_run(sim, SIM_MS);
	ok(sim->now_ns - start_ns <= 40 * SIM_MS,
	   "a handshake from a new port waits for one challenge (%u ms)",
	   (unsigned int)((sim->now_ns - start_ns) / SIM_MS));
	is_int(sim_outcome(sim, RELAY_OUTCOME_held), 1, "it was held");
	is_int(sim_outcome(sim, RELAY_OUTCOME_challenged), 1, "asked once");
	is_int(sim_legs(sim), 4, "the spoke has a second leg");
	there = sim_flow_add(&sim->node[1], &sim->node[0], 20 * SIM_MS);
	back = sim_flow_add(&sim->node[0], &sim->node[1], 20 * SIM_MS);
	sim_run(sim, SIM_S);
	ok(there->got >= 48 && back->got >= 48, "data flows on it");
	sim_run(sim, 1000 * SIM_S);
	ok(there->got + 2 >= there->sent && back->got + 2 >= back->sent,
	   "for long (%u of %u)", back->got, back->sent);
	is_int(sim->amplified, 0, "nobody got more than he gave");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

/* Each spoke talks to the hub on its own relay port: the hub gets legs. */
static void test_spread(void)
{
	struct sim *sim = sim_star(4);
	unsigned int reached = 0;

	symmetric(&sim->node[0]);
	for (int i = 1; i <= 4; i++)
		sim_connect(&sim->node[0], &sim->node[i], i - 1);
	sim_run(sim, 20 * SIM_S);
	is_int(sim_live(sim), 8, "four pairs on four ports");
	for (int i = 1; i <= 4; i++) {
		sim_flow_add(&sim->node[i], &sim->node[0], 50 * SIM_MS);
		sim_flow_add(&sim->node[0], &sim->node[i], 50 * SIM_MS);
	}
	sim_run(sim, 600 * SIM_S);
	for (unsigned int i = 0; i < sim->flows; i++)
		reached += sim->flow[i].got + 2 >= sim->flow[i].sent &&
			   sim->flow[i].sent > 11900;
	is_int(reached, 8, "all flows go on through rekeys");
	is_int(sim->amplified, 0, "nobody got more than he gave");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

static unsigned int ports_in_use(const struct sim *sim,
				 const struct sim_node *node)
{
	unsigned int ports = 0, count = 0;

	for (size_t i = 0; i < sim->tables.bucket_count * 8; i++) {
		struct relay_slot slot = sim->tables.buckets[i / 8].slot[i % 8];
		const struct relay_leg *leg = &sim->tables.legs[slot.to];

		if (slot.from && slot.to != RELAY_LEG_LOCAL &&
		    !memcmp(leg->addr, node->nat, 16))
			ports |= 1 << (ntohs(leg->local_port) - SIM_PORT);
	}
	for (; ports; ports >>= 1)
		count += ports & 1;
	return count;
}

/* Spokes that initiate keep to the port that the hub has chosen for them. */
static void test_stays_spread(void)
{
	struct sim *sim = sim_star(4);

	symmetric(&sim->node[0]);
	for (int i = 1; i <= 4; i++)
		sim_connect(&sim->node[0], &sim->node[i], i - 1);
	sim_run(sim, 100 * SIM_S);
	for (int i = 1; i <= 4; i++) {
		sim_connect(&sim->node[i], &sim->node[0], 0);
		sim_flow_add(&sim->node[i], &sim->node[0], 50 * SIM_MS);
		sim_flow_add(&sim->node[0], &sim->node[i], 50 * SIM_MS);
	}
	sim_run(sim, 900 * SIM_S);
	is_int(ports_in_use(sim, &sim->node[0]), 4,
	       "four ports still carry the hub");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

/* A NAT that has forgotten one port only: the next attempts try the others. */
static void test_dead_port(void)
{
	struct sim *sim = sim_star(1);

	symmetric(&sim->node[0]);
	sim_connect(&sim->node[0], &sim->node[1], 2);
	sim_run(sim, 10 * SIM_S);
	is_int(sim_live(sim), 2, "the hub is on its third port");
	sim_run(sim, 5 * SIM_S);
	sim_node_up(
		&sim->node[0]); /* its keepalive goes to the first port again */
	sim_run(sim, 20 * SIM_S);
	sim->node[0].opened[2] = false;
	wg_peer_remove(sim->node[1].tunnel,
		       wg_peer_find(sim->node[1].tunnel, &sim->node[0].key));
	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_run(sim, 40 * SIM_S);
	ok(sim_live(sim) >= 4, "a spoke reaches it on another one");
	sim_free(sim);
}

/* Two peers behind one address; one of them initiates from an unproven port:
 * both could be meant, the second guess is right at the latest. */
static void test_shared_nat(void)
{
	struct sim *sim = sim_star(3);

	for (int i = 1; i <= 2; i++) {
		sim_v4(sim->node[i].nat, 192, 0, 2, 9);
		symmetric(&sim->node[i]);
		sim_node_up(&sim->node[i]);
	}
	sim_run(sim, 30 * SIM_S);
	is_int(sim_legs(sim), 4, "two peers share an address");
	sim_connect(&sim->node[1], &sim->node[0], 1);
	sim_connect(&sim->node[2], &sim->node[0], 3);
	sim_run(sim, 20 * SIM_S);
	is_int(sim_live(sim), 4, "both get through from unproven ports");
	is_int(sim->amplified, 0, "nobody got more than he gave");
	ok(sim_sound(sim), "the maps are sound");
	sim_free(sim);
}

/* The NAT gives a lost mapping's port to another peer: its proof wins. */
static void test_taken_over(void)
{
	struct sim *sim = sim_star(2);
	struct sim_flow *flow;

	sim_connect(&sim->node[1], &sim->node[0], 0);
	sim_run(sim, 100 * SIM_MS);
	is_int(sim_live(sim), 2, "the first spoke talks");
	sim->node[1].deaf = true;
	wg_peer_remove(sim->node[1].tunnel, sim->node[1].relay);
	memcpy(sim->node[2].nat, sim->node[1].nat, 16);
	memcpy(sim->node[2].nat_port, sim->node[1].nat_port,
	       sizeof(sim->node[2].nat_port));
	sim_v4(sim->node[1].nat, 192, 0, 2, 200);
	sim_run(sim, 30 * SIM_S);
	ok(sim_outcome(sim, RELAY_OUTCOME_leg_taken) >= 1,
	   "the address changed hands");
	is_int(sim_live(sim), 0, "sessions of the one before are gone");
	is_str(sim_explain(sim, &sim->node[1], NULL), "address-taken",
	       "explain: address-taken");
	ok(sim_sound(sim), "the maps are sound");
	sim_connect(&sim->node[2], &sim->node[0], 0);
	sim_run(sim, SIM_S);
	flow = sim_flow_add(&sim->node[0], &sim->node[2], 100 * SIM_MS);
	sim_run(sim, SIM_S);
	ok(flow->got >= 9, "the new one is reached there");
	sim_free(sim);
}

/* A held handshake whose sender never proves itself is forgotten. */
static void test_hold_expires(void)
{
	struct sim *sim = sim_star(1);
	struct wg_path path = sim_path(&sim->node[1], 0);
	struct wg_initiation forged;
	unsigned int seen = sim->seen[WG_INITIATION];

	path.remote_port = 6000;
	for (int i = 0; i < 300; i++) {
		path.remote_port++;
		sim_forge(&forged, i, &sim->node[0].key);
		sim_inject(sim, &path, &forged, sizeof(forged));
	}
	ok(sim_outcome(sim, RELAY_OUTCOME_hold_full) > 200, "few are held");
	sim_run(sim, 5 * SIM_S);
	is_int(sim_outcome(sim, RELAY_OUTCOME_hold_expired), 8,
	       "and not for long");
	is_int(sim->seen[WG_INITIATION], seen, "none is forwarded");
	is_int(sim_legs(sim), 2, "no leg");
	is_int(sim->amplified, 0, "nobody got more than he gave");
	sim_free(sim);
}

/* Silence: legs go after five minutes, the list stays, the peer comes back. */
static void test_silence(void)
{
	struct sim *sim = sim_star(1);
	struct sim_node *hub = &sim->node[0];
	json_t *peers;

	hub->deaf = true;
	wg_peer_remove(hub->tunnel, hub->relay);
	sim_run(sim, 250 * SIM_S);
	is_int(sim_legs(sim), 2, "four minutes of silence are nothing");
	sim_run(sim, 100 * SIM_S);
	is_int(sim_legs(sim), 1, "six are too much");
	is_str(sim_explain(sim, hub, NULL), "expired", "explain: expired");
	peers = relay_engine_peers(sim->engine, sim->now_ns);
	is_int(json_array_size(json_object_get(peers, "peers")), 2,
	       "but its list is remembered");
	json_decref(peers);
	hub->deaf = false;
	hub->relay = wg_peer_add(hub->tunnel, &sim->key, NULL, 25, NULL);
	sim_node_up(hub);
	sim_connect(&sim->node[1], hub, 0);
	sim_run(sim, 20 * SIM_S);
	is_int(sim_live(sim), 2, "it comes back, and its consent holds");
	sim_free(sim);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_second_port();
	test_spread();
	test_stays_spread();
	test_dead_port();
	test_shared_nat();
	test_taken_over();
	test_hold_expires();
	test_silence();
	return tap_done();
}
