// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The session table beside a trivial model: a plain list of what was published.
 * Small buckets and a small spill, so that both fill up all the time.
 */
#include <errno.h>
#include <stdlib.h>

#include <sodium.h>

#include "relay/limits.h"
#include "relay/table.h"
#include "tap.h"

#define BUCKETS 8
#define SPILL 16
#define CPUS 3
#define STRIDE (BUCKETS * 8 + SPILL)
#define INDICES 300

static struct relay_config config;
static struct relay_bucket buckets[BUCKETS];
static struct sluice_count counts[CPUS * STRIDE];
static struct relay_leg legs[16];
static struct relay_peer peers[16];
static struct relay_spill spilled[STRIDE]; /* the kernel's hash, by count */
static bool spill_refuses;

static const struct relay_tables map = {
	.config = &config,
	.buckets = buckets,
	.bucket_count = BUCKETS,
	.counts = counts,
	.count_stride = STRIDE,
	.cpus = CPUS,
	.legs = legs,
	.peers = peers,
	.leg_count = 16,
};

static int spill_set(void *ctx, uint32_t index_le,
		     const struct relay_spill *spill)
{
	(void)ctx;
	if (spill_refuses || spill->slot.index != index_le ||
	    spilled[spill->count].slot.from)
		return -E2BIG;
	spilled[spill->count] = *spill;
	return 0;
}

static int spill_clear(void *ctx, uint32_t index_le)
{
	(void)ctx;
	for (size_t i = 0; i < STRIDE; i++)
		if (spilled[i].slot.from && spilled[i].slot.index == index_le) {
			memset(&spilled[i], 0, sizeof(spilled[i]));
			return 0;
		}
	return -ENOENT;
}

static void spill_each(void *ctx,
		       void (*take)(void *arg, uint32_t index_le,
				    const struct relay_spill *spill),
		       void *arg)
{
	(void)ctx;
	for (size_t i = 0; i < STRIDE; i++)
		if (spilled[i].slot.from) {
			struct relay_spill spill = spilled[i];

			take(arg, spill.slot.index, &spill);
		}
}

static const struct relay_ops ops = {
	.spill_set = spill_set,
	.spill_clear = spill_clear,
	.spill_each = spill_each,
};

/* ---- the model ---- */

static struct {
	bool live;
	uint16_t from, to;
	uint32_t second;
} model[INDICES];

static size_t model_live(void)
{
	size_t live = 0;

	for (int i = 0; i < INDICES; i++)
		live += model[i].live;
	return live;
}

/* As peers draw them: at random. Unique, for the last bits count. */
static uint32_t drawn[INDICES];

static uint32_t index_of(int i)
{
	return drawn[i];
}

static void draw(void)
{
	for (int i = 0; i < INDICES; i++)
		drawn[i] = (randombytes_random() & ~0x1ffU) | i;
}

static bool same(const struct relay_table *table, uint32_t now_s)
{
	uint32_t refs[16] = {0};
	size_t live = 0;

	for (int i = 0; i < INDICES; i++) {
		size_t at = relay_table_find(table, index_of(i));
		struct relay_slot slot;

		if ((at != RELAY_NOWHERE) != model[i].live)
			return false;
		if (!model[i].live)
			continue;
		slot = relay_table_slot(table, at);
		if (slot.from != model[i].from || slot.to != model[i].to ||
		    relay_table_age(table, at, now_s) !=
			    now_s - model[i].second)
			return false;
		if (at >= table->main &&
		    (spilled[at].count != at ||
		     memcmp(&spilled[at].slot, &slot, sizeof(slot))))
			return false;
		refs[slot.from]++;
		refs[slot.to]++;
	}
	for (size_t at = relay_table_next(table, 0); at != RELAY_NOWHERE;
	     at = relay_table_next(table, at + 1))
		live++;
	for (uint16_t leg = 1; leg < 16; leg++)
		if (relay_table_refs(table, leg) != refs[leg])
			return false;
	return live == model_live() && table->forwarded == live;
}

static bool zeroed(size_t at)
{
	for (int cpu = 0; cpu < CPUS; cpu++)
		if (counts[cpu * STRIDE + at].packets ||
		    counts[cpu * STRIDE + at].bytes)
			return false;
	return true;
}

static bool publish(struct relay_table *table, int i, uint32_t now_s)
{
	uint16_t from = 1 + randombytes_uniform(15),
		 to = 1 + randombytes_uniform(15);
	bool was = model[i].live;
	int err = relay_table_publish(table, index_of(i), from, to, now_s);
	size_t at = relay_table_find(table, index_of(i));

	if (was)
		return err == -EEXIST;
	if (err)
		return err == -ENOSPC && at == RELAY_NOWHERE;
	if (!zeroed(at))
		return false;
	model[i].live = true;
	model[i].from = from;
	model[i].to = to;
	model[i].second = now_s;
	for (int cpu = 0; cpu < CPUS; cpu++)
		counts[cpu * STRIDE + at].packets = 1 + cpu;
	return relay_table_count(table, at).packets == 6;
}

static void expire_model(uint32_t now_s)
{
	for (int i = 0; i < INDICES; i++)
		if (model[i].second + RELAY_SESSION_LIFE <= now_s)
			model[i].live = false;
}

static void restart(struct relay_table *table, uint32_t now_s)
{
	relay_table_clear(table);
	if (relay_table_init(table, &map, &ops, NULL, 70))
		abort();
	relay_table_adopt(table, now_s);
	for (int i = 0; i < INDICES; i++)
		model[i].second = now_s;
}

static bool step(struct relay_table *table, uint32_t now_s)
{
	int i = randombytes_uniform(INDICES);
	size_t at = relay_table_find(table, index_of(i));

	switch (randombytes_uniform(8)) {
	case 0:
		if (at != RELAY_NOWHERE)
			relay_table_withdraw(table, at);
		model[i].live = false;
		return true;
	case 1:
		if (randombytes_uniform(20))
			return true;
		relay_table_sweep(table, STRIDE, now_s);
		expire_model(now_s);
		return true;
	case 2:
		spill_refuses = !randombytes_uniform(4);
		return true;
	case 3:
		if (!randombytes_uniform(50))
			restart(table, now_s);
		return true;
	default:
		return publish(table, i, now_s);
	}
}

static void test_model(void)
{
	struct relay_table table;
	size_t most = 0, most_spilled = 0;
	bool held = true;
	uint32_t now_s = 1;

	is_int(relay_table_init(&table, &map, &ops, NULL, 70), 0, "a table");
	for (int i = 0; i < 100000 && held; i++) {
		/* More seconds than a stamp can tell apart. */
		if (!randombytes_uniform(4))
			now_s++;
		held = step(&table, now_s) && same(&table, now_s);
		if (table.forwarded > most)
			most = table.forwarded;
		if (table.spilled > most_spilled)
			most_spilled = table.spilled;
	}
	ok(held, "100000 steps like the model");
	is_int(most, 70, "the limit was reached and held");
	ok(most_spilled > 4, "the spill was used (%zu)", most_spilled);
	while (relay_table_next(&table, 0) != RELAY_NOWHERE)
		relay_table_withdraw(&table, relay_table_next(&table, 0));
	for (size_t i = 0; i < STRIDE; i++)
		if (spilled[i].slot.from)
			held = false;
	ok(held && !table.forwarded && !table.spilled, "and empties");
	relay_table_clear(&table);
}

static void test_local(void)
{
	struct relay_table table;

	relay_table_init(&table, &map, &ops, NULL, 0);
	is_int(relay_table_publish(&table, 1, 1, 2, 1), -ENOSPC, "limit 0");
	is_int(relay_table_publish(&table, 1, RELAY_LEG_LOCAL, RELAY_LEG_LOCAL,
				   1),
	       0, "does not bind the relay's own tunnel");
	is_int(relay_table_sweep(&table, STRIDE, 10000), 0,
	       "whose slots do not expire");
	relay_table_clear(&table);
	relay_table_init(&table, &map, &ops, NULL, 0);
	relay_table_adopt(&table, 1);
	is_int(relay_table_find(&table, 1), RELAY_NOWHERE,
	       "and are not adopted by the next process");
	relay_table_clear(&table);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	randombytes_buf(&config.seed_mul, 16);
	config.seed_mul |= 1;
	config.bucket_count = BUCKETS;
	draw();
	test_model();
	test_local();
	return tap_done();
}
