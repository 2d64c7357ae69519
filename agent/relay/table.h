/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session table: which receiver index goes from which leg to which. The
 * kernel program reads the same buckets; this is their only writer.
 *
 * A position names a slot for as long as it is live: 8 * bucket + place for a
 * slot in its bucket, 8 * buckets + n for the n-th spilled one. Counters and
 * the agent's own two bytes a slot go by position. Nothing here allocates
 * after the start, and pages of positions never used are never touched.
 */
#ifndef SLUICE_RELAY_TABLE_H
#define SLUICE_RELAY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/engine.h"

#define RELAY_NOWHERE SIZE_MAX

struct relay_table {
	struct relay_tables map;
	const struct relay_ops *ops;
	void *ctx;
	size_t main; /* positions inside buckets */
	size_t positions; /* all of them */
	uint16_t *stamp; /* by position: when it was published, and flags */
	uint32_t *refs; /* by leg: live slots that name it */
	/* The spilled slots, and a chained hash over them. */
	struct relay_slot *spill;
	uint32_t *spill_next, *spill_head; /* n + 1, 0 ends a chain */
	uint32_t spill_free; /* given back, chained by spill_next */
	uint32_t spill_fresh; /* from here on never used */
	size_t spill_mask;
	size_t forwarded, local,
		spilled; /* live slots; spilled is among both */
	size_t forwarded_max;
	size_t sweep_at;
};

int relay_table_init(struct relay_table *table, const struct relay_tables *map,
		     const struct relay_ops *ops, void *ctx,
		     size_t forwarded_max);
void relay_table_clear(
	struct relay_table *table); /* the maps stay as they are */

/*
 * Takes over what the maps hold; second is the time they are now said to be of.
 * Slots of the relay's own tunnel are withdrawn: their keys died with the
 * process that had them.
 */
void relay_table_adopt(struct relay_table *table, uint32_t second);

size_t relay_table_find(const struct relay_table *table, uint32_t index_le);
struct relay_slot relay_table_slot(const struct relay_table *table, size_t at);

/*
 * Publishes a slot whose counters start at zero. -EEXIST if the index is live,
 * -ENOSPC if the table, the bucket with the spill, or the caller's limit is
 * full; nothing changed then. The limit does not bind slots to RELAY_LEG_LOCAL.
 */
int relay_table_publish(struct relay_table *table, uint32_t index_le,
			uint16_t from, uint16_t to, uint32_t second);
void relay_table_withdraw(struct relay_table *table, size_t at);

/* Withdraws what is older than RELAY_SESSION_LIFE among the next `count`
 * positions, round and round; returns how many. */
size_t relay_table_sweep(struct relay_table *table, size_t count,
			 uint32_t now_s);

/* The first live position at or after `at`; RELAY_NOWHERE at the end. */
size_t relay_table_next(const struct relay_table *table, size_t at);

uint32_t relay_table_refs(const struct relay_table *table, uint16_t leg);
/* Seconds since it was published or taken over. */
uint32_t relay_table_age(const struct relay_table *table, size_t at,
			 uint32_t now_s);
/* Taken over from a previous process: its age is not known. */
bool relay_table_adopted(const struct relay_table *table, size_t at);
/* Taken over, and no consent list has confirmed it yet. */
bool relay_table_unjudged(const struct relay_table *table, size_t at);
void relay_table_judge(struct relay_table *table, size_t at);

/* Sum over all CPUs. */
struct sluice_count relay_table_count(const struct relay_table *table,
				      size_t at);
/*
 * Counts a packet that user space forwarded, in the last CPU's region. That CPU
 * may be counting there too, and one of both packets may then go uncounted:
 * cheaper than a region of its own, for a path that is hardly used.
 */
void relay_table_add(struct relay_table *table, size_t at, size_t bytes);

#endif
