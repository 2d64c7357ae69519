/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network in memory around one relay engine: real WireGuard peers (the
 * agent's own wg_tunnel), each behind a NAT of its own that can change its
 * mind, a model of what the kernel program does with the maps, a virtual clock,
 * and an accountant who watches what the relay sends to whom.
 */
#ifndef SLUICE_RELAY_SIM_H
#define SLUICE_RELAY_SIM_H

#include <blake2.h>

#include "relay/outcome.h"
#include "relay_sim_accounts.h"
#include "relay_sim_kernel.h"
#include "relay_sim_network.h"
#include "relay_sim_world.h"

/* ---- time ---- */

static void sim_flows_run(struct sim *sim)
{
	for (unsigned int i = 0; i < sim->flows; i++) {
		struct sim_flow *flow = &sim->flow[i];
		uint8_t data[1400] = {'F', i};

		if (!flow->interval_ns || flow->next_ns > sim->now_ns)
			continue;
		if (!wg_peer_send(flow->peer, data, flow->size, sim->now_ns))
			flow->sent++;
		flow->next_ns = sim->now_ns + flow->interval_ns;
		flow->from->due_ns = sim->now_ns;
	}
}

static uint64_t sim_next(const struct sim *sim, uint64_t end_ns)
{
	uint64_t next_ns = end_ns;

	if (sim->due_ns < next_ns)
		next_ns = sim->due_ns;
	if (sim->head != sim->tail &&
	    sim->queue[sim->head % SIM_QUEUE].at_ns < next_ns)
		next_ns = sim->queue[sim->head % SIM_QUEUE].at_ns;
	for (unsigned int i = 0; i < sim->nodes; i++)
		if (sim->node[i].due_ns < next_ns)
			next_ns = sim->node[i].due_ns;
	for (unsigned int i = 0; i < sim->flows; i++)
		if (sim->flow[i].interval_ns && sim->flow[i].next_ns < next_ns)
			next_ns = sim->flow[i].next_ns;
	return next_ns > sim->now_ns ? next_ns : sim->now_ns;
}

static void sim_step(struct sim *sim)
{
	while (sim->head != sim->tail &&
	       sim->queue[sim->head % SIM_QUEUE].at_ns <= sim->now_ns) {
		struct sim_packet packet = sim->queue[sim->head++ % SIM_QUEUE];

		if (packet.to_relay && sim->engine)
			sim_at_relay(sim, &packet);
		else if (packet.to_relay && packet.data[0] == WG_DATA)
			sim_data(
				sim,
				&packet); /* the agent is dead, the kernel is not */
		else if (!packet.to_relay)
			sim_at_node(sim, &packet);
	}
	sim_flows_run(sim);
	if (sim->engine && sim->due_ns <= sim->now_ns)
		sim->due_ns = relay_engine_tick(sim->engine, sim->now_ns);
	for (unsigned int i = 0; i < sim->nodes; i++)
		if (sim->node[i].due_ns <= sim->now_ns)
			sim->node[i].due_ns = wg_tunnel_tick(
				sim->node[i].tunnel, sim->now_ns);
}

static void sim_run(struct sim *sim, uint64_t duration_ns)
{
	uint64_t end_ns = sim->now_ns + duration_ns;

	while (sim->now_ns < end_ns) {
		sim->now_ns = sim_next(sim, end_ns);
		sim_step(sim);
	}
}

/* ---- life ---- */

static void sim_start(struct sim *sim)
{
	int err = relay_engine_new(&sim->engine, &sim->settings, &sim->tables,
				   &sim_ops, sim, sim->now_ns);

	if (err) {
		printf("Bail out! relay_engine_new: %s\n", strerror(-err));
		exit(1);
	}
	sim->due_ns = sim->now_ns;
}

/* kill -9: the process is gone, the maps stay. */
static inline void sim_kill(struct sim *sim)
{
	struct relay_bucket *buckets;
	size_t size = sim->tables.bucket_count * sizeof(*buckets);

	buckets = malloc(size);
	memcpy(buckets, sim->tables.buckets, size);
	relay_engine_free(sim->engine);
	memcpy(sim->tables.buckets, buckets, size);
	free(buckets);
	sim->engine = NULL;
	sim->due_ns = UINT64_MAX;
}

static inline struct sim *sim_new(size_t buckets, size_t legs)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	sim_current = sim;
	sim->now_ns = 5000 * SIM_S;
	sim->queue = calloc(SIM_QUEUE, sizeof(*sim->queue));
	sim->leg_counts = calloc(legs, sizeof(*sim->leg_counts));
	sim->tables.config = &sim->config;
	sim->tables.bucket_count = buckets;
	sim->tables.buckets = aligned_alloc(64, buckets * 64);
	memset(sim->tables.buckets, 0, buckets * 64);
	sim->tables.count_stride = buckets * 8 + SIM_SPILL;
	sim->tables.cpus = 2;
	sim->tables.counts = calloc(2 * sim->tables.count_stride,
				    sizeof(struct sluice_count));
	sim->tables.leg_count = legs;
	sim->tables.legs = aligned_alloc(64, legs * 64);
	memset(sim->tables.legs, 0, legs * 64);
	sim->tables.peers = calloc(legs, sizeof(struct relay_peer));
	wg_key_generate_private(&sim->settings.private_key);
	wg_key_public(&sim->key, &sim->settings.private_key);
	sim->settings.port_min = SIM_PORT;
	sim->settings.port_max = SIM_PORT + SIM_PORTS - 1;
	sim->settings.allow_all = true;
	sim->settings.max_peers = 1024;
	sim->settings.max_sessions = 4096;
	return sim;
}

static void sim_free(struct sim *sim)
{
	relay_engine_free(sim->engine);
	for (unsigned int i = 0; i < sim->nodes; i++)
		wg_tunnel_free(sim->node[i].tunnel);
	free(sim->queue);
	free(sim->leg_counts);
	free(sim->tables.buckets);
	free(sim->tables.counts);
	free(sim->tables.legs);
	free(sim->tables.peers);
	free(sim);
}

/* A datagram straight into the agent, as if the kernel program let it up. */
static inline void sim_inject(struct sim *sim, const struct wg_path *path,
			      const void *data, size_t len)
{
	sim_source(sim, path)->in += len;
	relay_engine_input(sim->engine, path, data, len, sim->now_ns);
	sim->due_ns = sim->now_ns;
}

/* ---- forgeries ---- */

static inline void sim_mac1(void *message, size_t len,
			    const struct wg_key *receiver)
{
	struct wg_mac1_key key;
	uint8_t *bytes = message;

	wg_mac1_key(&key, receiver);
	blake2s(bytes + len - 2 * WG_MAC_LEN, bytes, key.bytes, WG_MAC_LEN,
		len - 2 * WG_MAC_LEN, sizeof(key.bytes));
}

/* What anybody can make who knows the receiver's public key. */
static inline void sim_forge(struct wg_initiation *message, uint32_t index_le,
			     const struct wg_key *receiver)
{
	randombytes_buf(message, sizeof(*message));
	memset(&message->header, 0, sizeof(message->header));
	message->header.type = WG_INITIATION;
	message->sender = index_le;
	sim_mac1(message, sizeof(*message), receiver);
}

static inline void sim_forge_response(struct wg_response *message,
				      uint32_t sender_le, uint32_t receiver_le,
				      const struct wg_key *receiver)
{
	randombytes_buf(message, sizeof(*message));
	memset(&message->header, 0, sizeof(message->header));
	message->header.type = WG_RESPONSE;
	message->sender = sender_le;
	message->receiver = receiver_le;
	sim_mac1(message, sizeof(*message), receiver);
}

/* ---- scenes ---- */

/* A hub and its spokes, all here, the hub's list in force. */
static inline struct sim *sim_star_in(struct sim *sim, unsigned int spokes)
{
	struct wg_key keys[SIM_NODES];
	struct sim_node *hub;

	sim_start(sim);
	hub = sim_node_add(sim);
	for (unsigned int i = 0; i < spokes; i++)
		keys[i] = sim_node_add(sim)->key;
	for (unsigned int i = 0; i <= spokes; i++)
		sim_node_up(&sim->node[i]);
	sim_run(sim, 100 * SIM_MS);
	sim_list(hub, keys, spokes, 1);
	sim_run(sim, 100 * SIM_MS);
	return sim;
}

static inline struct sim *sim_star(unsigned int spokes)
{
	return sim_star_in(sim_new(64, 256), spokes);
}

/* ---- what tests ask ---- */

static inline uint64_t sim_outcome(const struct sim *sim,
				   enum relay_outcome what)
{
	const char *const *names;
	const uint64_t *values;

	relay_engine_outcomes(sim->engine, &names, &values);
	return values[what];
}

static inline const char *sim_explain(const struct sim *sim,
				      const struct sim_node *a,
				      const struct sim_node *b)
{
	static char reason[64];
	json_t *said = relay_engine_explain(sim->engine, &a->key,
					    b ? &b->key : NULL, sim->now_ns);

	snprintf(reason, sizeof(reason), "%s",
		 json_string_value(json_object_get(said, "reason")));
	json_decref(said);
	return reason;
}

#endif
