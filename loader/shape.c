// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How many entries each of the relay's maps has, from what the owner asks for.
 *
 * A bucket has eight slots and six indices on average when everything is full:
 * what the owner wants to forward, and two for each peer's own tunnel. Random
 * ones overflow in 5.2 % of all cases then (Poisson; 0.8 % while it is two
 * thirds full), and what overflows goes to relay_spill. A larger table costs more
 * than that: each slot has a counter on each CPU.
 */
#include <errno.h>
#include <string.h>

#include <sluice/reason.h>

#include "loader/set.h"

/* Reasons are appended: with room for them an upgrade keeps the pinned maps. */
#define REASONS 64
_Static_assert(SLUICE_REASON_COUNT <= REASONS, "every reason has its counter");

#define DEFAULT_PEERS 16384
#define DEFAULT_SESSIONS 262144
#define SESSIONS_MAX (1U << 24)
#define TUNNEL_INDICES 2
#define BUCKET_LOAD 6
#define BUCKETS_MIN 2
#define SPILL_SHARE 17 /* an eighth more than overflows */
#define SPILL_MIN 1024

static uint32_t at_least(uint32_t value, uint32_t least)
{
	return value > least ? value : least;
}

int shape_of_sizes(struct shape *shape, const struct loader_relay_sizes *sizes,
		   uint32_t cpus)
{
	uint32_t sessions = sizes->sessions ?: DEFAULT_SESSIONS, indices;
	struct shape new = {.cpus = cpus};

	new.legs = sizes->legs ?: sizes->peers ?: DEFAULT_PEERS;
	new.peers = sizes->peers && sizes->peers < new.legs ? sizes->peers
							    : new.legs;

	if (new.legs > RELAY_LEG_MAX)
		return error_set(-E2BIG,
				 "%u peers are too many: at most %u fit",
				 new.legs, RELAY_LEG_MAX);
	if (sessions > SESSIONS_MAX)
		return error_set(-E2BIG,
				 "%u sessions are too many: at most %u fit",
				 sessions, SESSIONS_MAX);
	indices = sessions + TUNNEL_INDICES * new.peers;
	new.buckets = at_least((indices + BUCKET_LOAD - 1) / BUCKET_LOAD,
			       BUCKETS_MIN);
	new.spill = at_least(indices / SPILL_SHARE, SPILL_MIN);
	if ((uint64_t)shape_stride(&new) * cpus > UINT32_MAX)
		return error_set(
			-E2BIG,
			"%u sessions on %u possible CPUs need too many counters: ask for fewer sessions",
			sessions, cpus);
	*shape = new;
	return 0;
}

uint32_t shape_stride(const struct shape *shape)
{
	return shape->buckets * RELAY_BUCKET_SLOTS + shape->spill;
}

uint32_t shape_entries(const struct shape *shape, const char *map)
{
	const struct {
		const char *name;
		uint32_t entries;
	} table[] = {
		{"relay_session", shape->buckets},
		{"relay_spill", shape->spill},
		{"relay_count", shape_stride(shape) * shape->cpus},
		{"relay_leg", shape->legs + 1}, /* leg 0 is nobody */
		{"relay_leg_count", shape->legs + 1},
		{"relay_peer", shape->legs + 1},
		/* each leg with its port, and each peer's address alone */
		{"relay_known", shape->legs + shape->peers},
		{"relay_reason", REASONS},
		{"reason_name", REASONS},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!strcmp(table[i].name, map))
			return table[i].entries;
	}
	return 0;
}
