// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How many entries each of the relay's maps has, from what the owner asks for.
 *
 * The session table is at most half full, so that a bucket of eight seldom
 * overflows; what does goes to relay_spill. A million random indices in a
 * table twice as large overflow in 0.01 % of all cases, hence a 64th is ample.
 */
#include <errno.h>
#include <string.h>

#include <sluice/reason.h>

#include "loader/set.h"

/* Reasons are appended: with room for them an upgrade keeps the pinned maps. */
#define REASONS 64
_Static_assert(SLUICE_REASON_COUNT <= REASONS, "every reason has its counter");

#define DEFAULT_LEGS 16384
#define DEFAULT_SESSIONS 262144
#define SESSIONS_MAX (1U << 24)
#define SPILL_MIN 1024

static uint32_t power_of_two(uint32_t least)
{
	uint32_t value = 2;

	while (value < least)
		value *= 2;
	return value;
}

int shape_of_sizes(struct shape *shape, const struct loader_relay_sizes *sizes,
		   uint32_t cpus)
{
	uint32_t sessions = sizes->sessions ?: DEFAULT_SESSIONS;
	struct shape new = {.legs = sizes->legs ?: DEFAULT_LEGS, .cpus = cpus};

	if (new.legs > RELAY_LEG_MAX)
		return error_set(-E2BIG,
				 "%u peers are too many: at most %u fit",
				 new.legs, RELAY_LEG_MAX);
	if (sessions > SESSIONS_MAX)
		return error_set(-E2BIG,
				 "%u sessions are too many: at most %u fit",
				 sessions, SESSIONS_MAX);
	new.buckets = power_of_two((sessions + 3) / 4);
	new.spill = sessions / 64 > SPILL_MIN ? sessions / 64 : SPILL_MIN;
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

uint32_t shape_shift(const struct shape *shape)
{
	return 64 - (uint32_t)__builtin_ctz(shape->buckets);
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
		/* each leg with its port, and its address alone */
		{"relay_known", 2 * shape->legs},
		{"relay_reason", REASONS},
		{"reason_name", REASONS},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!strcmp(table[i].name, map))
			return table[i].entries;
	}
	return 0;
}
