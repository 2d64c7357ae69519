// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/limits.h"
#include "relay/table.h"

/*
 * A stamp has the low bits of the second. Sessions of others live for
 * RELAY_SESSION_LIFE and a turn of the sweep, so that which second it was is
 * never in doubt; the relay's own do not age here.
 */
#define STAMP_ADOPTED (1U << 15)
#define STAMP_UNJUDGED (1U << 14)
#define STAMP_SECOND (STAMP_UNJUDGED - 1)
_Static_assert(RELAY_SESSION_LIFE + RELAY_SWEEP_TURN < STAMP_SECOND / 2,
	       "a sweep that is late by as much again does no harm");

static size_t bucket_of(const struct relay_table *table, uint32_t index_le)
{
	const struct relay_config *config = table->map.config;

	return relay_bucket_of(le32toh(index_le), config->seed_mul,
			       config->seed_add,
			       (uint32_t)table->map.bucket_count);
}

static struct relay_slot *slot_at(const struct relay_table *table, size_t at)
{
	if (at >= table->main)
		return &table->spill[at - table->main];
	return &table->map.buckets[at / RELAY_BUCKET_SLOTS]
			.slot[at % RELAY_BUCKET_SLOTS];
}

/* The kernel's readers see the old slot or the new one, never half of each. */
static void store_slot(struct relay_slot *at, struct relay_slot slot)
{
	uint64_t word;

	memcpy(&word, &slot, sizeof(word));
	__atomic_store_n((uint64_t *)(void *)at, word, __ATOMIC_RELEASE);
}

/* ---- the spill ---- */

/* The bucket's hash again, by other bits: a full bucket's slots must not all
 * meet in one chain. */
static uint32_t *spill_head(const struct relay_table *table, uint32_t index_le)
{
	uint64_t hash = index_le * table->map.config->seed_mul;

	return &table->spill_head[(hash >> 24) & table->spill_mask];
}

static size_t spill_find(const struct relay_table *table, uint32_t index_le)
{
	if (!table->spilled)
		return RELAY_NOWHERE;
	for (uint32_t n = *spill_head(table, index_le); n;
	     n = table->spill_next[n - 1])
		if (table->spill[n - 1].index == index_le)
			return table->main + n - 1;
	return RELAY_NOWHERE;
}

static void spill_link(struct relay_table *table, uint32_t n,
		       struct relay_slot slot)
{
	uint32_t *head = spill_head(table, slot.index);

	table->spill[n] = slot;
	table->spill_next[n] = *head;
	*head = n + 1;
	table->spilled++;
}

static void spill_unlink(struct relay_table *table, uint32_t n)
{
	uint32_t *at = spill_head(table, table->spill[n].index);

	while (*at != n + 1)
		at = &table->spill_next[*at - 1];
	*at = table->spill_next[n];
	memset(&table->spill[n], 0, sizeof(table->spill[n]));
	table->spill_next[n] = table->spill_free;
	table->spill_free = n + 1;
	table->spilled--;
}

/* A place in the spill, not yet taken out of the free ones. */
static size_t spill_place(const struct relay_table *table)
{
	if (table->spill_free)
		return table->main + table->spill_free - 1;
	if (table->main + table->spill_fresh < table->positions)
		return table->main + table->spill_fresh;
	return RELAY_NOWHERE;
}

static void spill_take(struct relay_table *table, uint32_t n)
{
	if (table->spill_free)
		table->spill_free = table->spill_next[n];
	else
		table->spill_fresh = n + 1;
}

/* ---- life ---- */

static int spill_init(struct relay_table *table, size_t entries)
{
	size_t heads = 16;

	while (heads < entries)
		heads *= 2;
	table->spill_mask = heads - 1;
	table->spill = calloc(entries + 1, sizeof(*table->spill));
	table->spill_next = calloc(entries + 1, sizeof(*table->spill_next));
	table->spill_head = calloc(heads, sizeof(*table->spill_head));
	if (!table->spill || !table->spill_next || !table->spill_head)
		return -ENOMEM;
	return 0;
}

int relay_table_init(struct relay_table *table, const struct relay_tables *map,
		     const struct relay_ops *ops, void *ctx,
		     size_t forwarded_max)
{
	memset(table, 0, sizeof(*table));
	table->map = *map;
	table->ops = ops;
	table->ctx = ctx;
	table->main = map->bucket_count * RELAY_BUCKET_SLOTS;
	table->positions = map->count_stride;
	table->forwarded_max = forwarded_max;
	if (map->bucket_count < 2 || map->bucket_count > UINT32_MAX ||
	    table->positions < table->main || !map->cpus || map->leg_count < 2)
		return -EINVAL;
	table->stamp = calloc(table->positions, sizeof(*table->stamp));
	table->refs = calloc(map->leg_count, sizeof(*table->refs));
	if (!table->stamp || !table->refs ||
	    spill_init(table, table->positions - table->main)) {
		relay_table_clear(table);
		return -ENOMEM;
	}
	return 0;
}

void relay_table_clear(struct relay_table *table)
{
	free(table->stamp);
	free(table->refs);
	free(table->spill);
	free(table->spill_next);
	free(table->spill_head);
	memset(table, 0, sizeof(*table));
}

/* ---- publish and withdraw ---- */

static void account(struct relay_table *table, struct relay_slot slot, int step)
{
	if (slot.from < table->map.leg_count)
		table->refs[slot.from] += step;
	if (slot.to < table->map.leg_count)
		table->refs[slot.to] += step;
	if (slot.to == RELAY_LEG_LOCAL)
		table->local += step;
	else
		table->forwarded += step;
}

size_t relay_table_find(const struct relay_table *table, uint32_t index_le)
{
	size_t bucket = bucket_of(table, index_le);
	const struct relay_slot *slot = table->map.buckets[bucket].slot;

	for (size_t i = 0; i < RELAY_BUCKET_SLOTS; i++)
		if (slot[i].from && slot[i].index == index_le)
			return bucket * RELAY_BUCKET_SLOTS + i;
	return spill_find(table, index_le);
}

struct relay_slot relay_table_slot(const struct relay_table *table, size_t at)
{
	return *slot_at(table, at);
}

static size_t free_place(const struct relay_table *table, uint32_t index_le)
{
	size_t at = bucket_of(table, index_le) * RELAY_BUCKET_SLOTS;

	for (size_t i = 0; i < RELAY_BUCKET_SLOTS; i++)
		if (!slot_at(table, at + i)->from)
			return at + i;
	return spill_place(table);
}

static void zero_counts(struct relay_table *table, size_t at)
{
	struct sluice_count zero = {0};

	for (size_t cpu = 0; cpu < table->map.cpus; cpu++)
		table->map.counts[cpu * table->map.count_stride + at] = zero;
}

static int publish_spilled(struct relay_table *table, size_t at,
			   struct relay_slot slot)
{
	struct relay_spill spill = {.slot = slot, .count = (uint32_t)at};

	if (table->ops->spill_set(table->ctx, slot.index, &spill))
		return -ENOSPC;
	spill_take(table, (uint32_t)(at - table->main));
	spill_link(table, (uint32_t)(at - table->main), slot);
	return 0;
}

int relay_table_publish(struct relay_table *table, uint32_t index_le,
			uint16_t from, uint16_t to, uint32_t second)
{
	struct relay_slot slot = {.index = index_le, .from = from, .to = to};
	size_t at;
	int err;

	if (relay_table_find(table, index_le) != RELAY_NOWHERE)
		return -EEXIST;
	if (to != RELAY_LEG_LOCAL && table->forwarded >= table->forwarded_max)
		return -ENOSPC;
	at = free_place(table, index_le);
	if (at == RELAY_NOWHERE)
		return -ENOSPC;
	zero_counts(table, at);
	if (at >= table->main) {
		err = publish_spilled(table, at, slot);
		if (err)
			return err;
	} else {
		store_slot(slot_at(table, at), slot);
	}
	table->stamp[at] = second & STAMP_SECOND;
	account(table, slot, 1);
	return 0;
}

void relay_table_withdraw(struct relay_table *table, size_t at)
{
	struct relay_slot none = {0}, slot = *slot_at(table, at);

	if (at >= table->main) {
		table->ops->spill_clear(table->ctx, slot.index);
		spill_unlink(table, (uint32_t)(at - table->main));
	} else {
		store_slot(slot_at(table, at), none);
	}
	table->stamp[at] = 0;
	account(table, slot, -1);
}

/* ---- age ---- */

size_t relay_table_sweep(struct relay_table *table, size_t count,
			 uint32_t now_s)
{
	size_t gone = 0;

	for (size_t i = 0; i < count; i++) {
		size_t at = table->sweep_at++;

		if (table->sweep_at == table->positions)
			table->sweep_at = 0;
		if (!slot_at(table, at)->from ||
		    slot_at(table, at)->to == RELAY_LEG_LOCAL ||
		    relay_table_age(table, at, now_s) < RELAY_SESSION_LIFE)
			continue;
		relay_table_withdraw(table, at);
		gone++;
	}
	return gone;
}

size_t relay_table_next(const struct relay_table *table, size_t at)
{
	for (; at < table->positions; at++)
		if (slot_at(table, at)->from)
			return at;
	return RELAY_NOWHERE;
}

uint32_t relay_table_refs(const struct relay_table *table, uint16_t leg)
{
	return leg < table->map.leg_count ? table->refs[leg] : 0;
}

uint32_t relay_table_age(const struct relay_table *table, size_t at,
			 uint32_t now_s)
{
	return (now_s - table->stamp[at]) & STAMP_SECOND;
}

bool relay_table_adopted(const struct relay_table *table, size_t at)
{
	return table->stamp[at] & STAMP_ADOPTED;
}

bool relay_table_unjudged(const struct relay_table *table, size_t at)
{
	return table->stamp[at] & STAMP_UNJUDGED;
}

void relay_table_judge(struct relay_table *table, size_t at)
{
	table->stamp[at] &= (uint16_t)~STAMP_UNJUDGED;
}

/* ---- taking over ---- */

static void adopt_slot(struct relay_table *table, size_t at, uint32_t second)
{
	struct relay_slot slot = *slot_at(table, at);

	table->stamp[at] =
		(second & STAMP_SECOND) | STAMP_ADOPTED | STAMP_UNJUDGED;
	account(table, slot, 1);
	if (slot.to == RELAY_LEG_LOCAL)
		relay_table_withdraw(table, at);
}

struct spill_adoption {
	struct relay_table *table;
	uint32_t second;
};

static void adopt_spilled(void *arg, uint32_t index_le,
			  const struct relay_spill *spill)
{
	struct spill_adoption *adoption = arg;
	struct relay_table *table = adoption->table;
	size_t at = spill->count;
	uint32_t n = (uint32_t)(at - table->main);

	if (at < table->main || at >= table->positions ||
	    table->spill[n].from || !spill->slot.from ||
	    spill->slot.index != index_le) {
		table->ops->spill_clear(table->ctx, index_le);
		return;
	}
	spill_link(table, n, spill->slot);
	if (n >= table->spill_fresh)
		table->spill_fresh = n + 1;
	adopt_slot(table, at, adoption->second);
}

/* Places between the adopted ones are free. */
static void chain_free_spill(struct relay_table *table)
{
	table->spill_free = 0;
	for (uint32_t n = 0; n < table->spill_fresh; n++) {
		if (table->spill[n].from)
			continue;
		table->spill_next[n] = table->spill_free;
		table->spill_free = n + 1;
	}
}

void relay_table_adopt(struct relay_table *table, uint32_t second)
{
	struct spill_adoption adoption = {.table = table, .second = second};

	for (size_t at = 0; at < table->main; at++)
		if (slot_at(table, at)->from)
			adopt_slot(table, at, second);
	if (table->ops->spill_each)
		table->ops->spill_each(table->ctx, adopt_spilled, &adoption);
	chain_free_spill(table);
}

/* ---- counters ---- */

struct sluice_count relay_table_count(const struct relay_table *table,
				      size_t at)
{
	struct sluice_count sum = {0};

	for (size_t cpu = 0; cpu < table->map.cpus; cpu++) {
		const struct sluice_count *one =
			&table->map.counts[cpu * table->map.count_stride + at];

		sum.packets += __atomic_load_n(&one->packets, __ATOMIC_RELAXED);
		sum.bytes += __atomic_load_n(&one->bytes, __ATOMIC_RELAXED);
	}
	return sum;
}

void relay_table_add(struct relay_table *table, size_t at, size_t bytes)
{
	size_t region = (table->map.cpus - 1) * table->map.count_stride;
	struct sluice_count *count = &table->map.counts[region + at];

	count->packets++;
	count->bytes += bytes;
}
