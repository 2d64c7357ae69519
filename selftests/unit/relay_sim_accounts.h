/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The accountant of relay_sim.h: what the relay sends to sources that have
 * proven nothing, and how well flows do.
 */
#ifndef SLUICE_RELAY_SIM_ACCOUNTS_H
#define SLUICE_RELAY_SIM_ACCOUNTS_H

#include <arpa/inet.h>

#include "relay_sim_world.h"

/* ---- sources ---- */

static inline struct sim_source *sim_source(struct sim *sim,
					    const struct wg_path *path)
{
	struct sim_source *source;

	for (size_t i = 0; i < sim->sources; i++) {
		source = &sim->source[i];
		if (!memcmp(source->path.remote, path->remote, 16) &&
		    source->path.remote_port == path->remote_port &&
		    source->path.local_port == path->local_port)
			return source;
	}
	source = &sim->source[sim->sources < SIM_SOURCES ? sim->sources++
							 : SIM_SOURCES - 1];
	memset(source, 0, sizeof(*source));
	source->path = *path;
	return source;
}

static bool sim_is_leg(const struct sim *sim, const struct wg_path *path)
{
	for (size_t i = 1; i < sim->tables.leg_count; i++) {
		const struct relay_leg *leg = &sim->tables.legs[i];

		if (leg->flags & RELAY_LEG_INUSE &&
		    leg->port == htons(path->remote_port) &&
		    leg->local_port == htons(path->local_port) &&
		    !memcmp(leg->addr, path->remote, 16))
			return true;
	}
	return false;
}

/* A packet that only an allowed peer can make pays for one question. */
static void sim_credit(struct sim *sim, const struct sim_packet *packet)
{
	struct sim_source *source = sim_source(sim, &packet->path);

	source->in += packet->len;
	if (packet->data[0] != WG_DATA || source->authentic)
		return;
	source->authentic = true;
	source->in += WG_INITIATION_LEN;
}

/* Nobody who has not proven to be there gets more than he gave. */
static void sim_debit(struct sim *sim, const struct wg_path *path, size_t len)
{
	struct sim_source *source;

	if (sim_is_leg(sim, path) || sim->waking)
		return;
	source = sim_source(sim, path);
	source->out += len;
	if (source->out > source->in)
		sim->amplified++;
}

/* ---- flows ---- */

static void sim_flow_got(struct sim *sim, struct sim_flow *flow)
{
	uint64_t gap_ns = sim->now_ns - flow->last_ns;

	if (flow->last_ns && gap_ns > flow->worst_gap_ns)
		flow->worst_gap_ns = gap_ns;
	flow->last_ns = sim->now_ns;
	flow->got++;
}

#endif
