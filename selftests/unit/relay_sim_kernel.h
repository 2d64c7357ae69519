/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel of relay_sim.h: the maps that are not mapped, and a model of what
 * the kernel program does with all of them, and what must hold in them.
 */
#ifndef SLUICE_RELAY_SIM_KERNEL_H
#define SLUICE_RELAY_SIM_KERNEL_H

#include <endian.h>
#include <errno.h>

#include "relay_sim_accounts.h"
#include "relay_sim_world.h"
#include "wg/mac.h"

/* ---- what the engine calls: maps that are not mapped ---- */

static void sim_send(void *ctx, const struct wg_path *path, const void *data,
		     size_t len)
{
	struct sim *sim = ctx;

	sim_debit(sim, path, len);
	sim_put(sim, false, path, data, len);
}

static int sim_spill_set(void *ctx, uint32_t index_le,
			 const struct relay_spill *spill)
{
	struct sim *sim = ctx;

	for (int i = 0; i < SIM_SPILL; i++)
		if (!sim->spill[i].slot.from) {
			sim->spill[i] = *spill;
			return 0;
		}
	(void)index_le;
	return -E2BIG;
}

static int sim_spill_clear(void *ctx, uint32_t index_le)
{
	struct sim *sim = ctx;

	for (int i = 0; i < SIM_SPILL; i++)
		if (sim->spill[i].slot.from &&
		    sim->spill[i].slot.index == index_le) {
			memset(&sim->spill[i], 0, sizeof(sim->spill[i]));
			return 0;
		}
	return -ENOENT;
}

static int sim_known_at(const struct sim *sim,
			const struct relay_known_key *key)
{
	for (size_t i = 0; i < sim->known_count; i++)
		if (sim->known[i].used &&
		    !memcmp(&sim->known[i].key, key, sizeof(*key)))
			return (int)i;
	return -1;
}

static int sim_known_set(void *ctx, const struct relay_known_key *key,
			 const struct relay_known *value)
{
	struct sim *sim = ctx;
	int at = sim_known_at(sim, key);

	for (size_t i = 0; at < 0 && i < sim->known_count; i++)
		if (!sim->known[i].used)
			at = (int)i;
	if (at < 0 && sim->known_count < SIM_KNOWN)
		at = (int)sim->known_count++;
	if (at < 0)
		return -E2BIG;
	sim->known[at].key = *key;
	sim->known[at].value = *value;
	sim->known[at].used = true;
	return 0;
}

static int sim_known_clear(void *ctx, const struct relay_known_key *key)
{
	struct sim *sim = ctx;
	int at = sim_known_at(sim, key);

	if (at < 0)
		return -ENOENT;
	sim->known[at].used = false;
	return 0;
}

static int sim_leg_count(void *ctx, uint16_t leg, struct relay_leg_count *count)
{
	*count = ((struct sim *)ctx)->leg_counts[leg];
	return 0;
}

static int sim_leg_count_clear(void *ctx, uint16_t leg)
{
	memset(&((struct sim *)ctx)->leg_counts[leg], 0,
	       sizeof(struct relay_leg_count));
	return 0;
}

static void sim_resolve(void *ctx, uint16_t leg, const struct wg_path *path)
{
	struct sim *sim = ctx;

	(void)leg;
	(void)path;
	sim->resolved++;
}

static void sim_forget(void *ctx, uint16_t leg)
{
	(void)ctx;
	(void)leg;
}

static void sim_dirty(void *ctx)
{
	((struct sim *)ctx)->dirtied++;
}

static void sim_spill_each(void *ctx,
			   void (*take)(void *arg, uint32_t index_le,
					const struct relay_spill *spill),
			   void *arg)
{
	struct sim *sim = ctx;

	for (int i = 0; i < SIM_SPILL; i++)
		if (sim->spill[i].slot.from) {
			struct relay_spill spill = sim->spill[i];

			take(arg, spill.slot.index, &spill);
		}
}

static void sim_known_each(void *ctx,
			   void (*take)(void *arg,
					const struct relay_known_key *key),
			   void *arg)
{
	struct sim *sim = ctx;

	for (size_t i = 0; i < sim->known_count; i++)
		if (sim->known[i].used) {
			struct relay_known_key key = sim->known[i].key;

			take(arg, &key);
		}
}

static const struct relay_ops sim_ops = {
	.send = sim_send,
	.spill_set = sim_spill_set,
	.spill_clear = sim_spill_clear,
	.known_set = sim_known_set,
	.known_clear = sim_known_clear,
	.leg_count = sim_leg_count,
	.leg_count_clear = sim_leg_count_clear,
	.resolve = sim_resolve,
	.forget = sim_forget,
	.dirty = sim_dirty,
	.wall_ns = sim_wall,
	.spill_each = sim_spill_each,
	.known_each = sim_known_each,
};

/* ---- what the kernel program does ---- */

static bool sim_lookup(const struct sim *sim, uint32_t index_le,
		       struct relay_slot *slot, size_t *count)
{
	uint64_t at =
		relay_bucket_of(le32toh(index_le), sim->config.seed_mul,
				sim->config.seed_add, sim->config.bucket_count);

	for (int i = 0; i < RELAY_BUCKET_SLOTS; i++) {
		*slot = sim->tables.buckets[at].slot[i];
		*count = 8 * at + i;
		if (slot->from && slot->index == index_le)
			return true;
	}
	for (int i = 0; i < SIM_SPILL; i++) {
		*slot = sim->spill[i].slot;
		*count = sim->spill[i].count;
		if (slot->from && slot->index == index_le)
			return true;
	}
	return false;
}

static bool sim_from_leg(const struct sim *sim, uint16_t number,
			 const struct wg_path *path)
{
	const struct relay_leg *leg = &sim->tables.legs[number];

	return leg->flags & RELAY_LEG_INUSE &&
	       leg->port == htons(path->remote_port) &&
	       leg->local_port == htons(path->local_port) &&
	       !memcmp(leg->addr, path->remote, 16);
}

static void sim_forward(struct sim *sim, struct relay_slot slot, size_t count,
			const struct sim_packet *packet)
{
	const struct relay_leg *leg = &sim->tables.legs[slot.to];
	struct wg_path path = {0};

	if (!(leg->flags & RELAY_LEG_INUSE)) {
		sim->dropped++;
		return;
	}
	memcpy(path.remote, leg->addr, 16);
	memcpy(path.local, leg->local, 16);
	path.remote_port = ntohs(leg->port);
	path.local_port = ntohs(leg->local_port);
	sim->tables.counts[count].packets++;
	sim->tables.counts[count].bytes += packet->len;
	sim->leg_counts[slot.from].rx_packets++;
	sim->leg_counts[slot.to].tx_packets++;
	sim->forwarded++;
	sim_put(sim, false, &path, packet->data, packet->len);
}

/* True: up to the agent. */
static bool sim_data(struct sim *sim, const struct sim_packet *packet)
{
	struct relay_slot slot;
	uint32_t index_le;
	size_t count;

	memcpy(&index_le, packet->data + 4, 4);
	if (!sim_lookup(sim, index_le, &slot, &count)) {
		sim->dropped++;
		return false;
	}
	if (sim->slow || slot.to == RELAY_LEG_LOCAL ||
	    !sim_from_leg(sim, slot.from, &packet->path))
		return true;
	sim_forward(sim, slot, count, packet);
	return false;
}

static bool sim_handshake(struct sim *sim, const struct sim_packet *packet)
{
	struct relay_known_key key = {.port = htons(packet->path.remote_port)};
	struct wg_mac1_key mac1;

	memcpy(key.addr, packet->path.remote, 16);
	if (sim_known_at(sim, &key) >= 0)
		return true;
	key.port = 0;
	if (sim_known_at(sim, &key) >= 0)
		return true;
	wg_mac1_key(&mac1, &sim->key);
	return packet->data[0] <= WG_RESPONSE &&
	       wg_mac1_fits(&mac1, packet->data, packet->len);
}

static void sim_at_relay(struct sim *sim, const struct sim_packet *packet)
{
	bool up;

	sim_credit(sim, packet);
	sim->last_in[packet->data[0] < 5 ? packet->data[0] : 0] = *packet;
	if (packet->len < WG_DATA_MIN_LEN)
		up = true;
	else if (packet->data[0] == WG_DATA)
		up = sim_data(sim, packet);
	else
		up = sim_handshake(sim, packet);
	if (!up)
		return;
	sim->up++;
	relay_engine_input(sim->engine, &packet->path, packet->data,
			   packet->len, sim->now_ns);
	sim->due_ns = sim->now_ns;
}

/* ---- what the maps say ---- */

static inline unsigned int sim_live(const struct sim *sim)
{
	unsigned int live = 0;

	for (size_t i = 0; i < sim->tables.bucket_count; i++)
		for (int j = 0; j < RELAY_BUCKET_SLOTS; j++) {
			const struct relay_slot *slot =
				&sim->tables.buckets[i].slot[j];

			live += slot->from && slot->to != RELAY_LEG_LOCAL;
		}
	for (int i = 0; i < SIM_SPILL; i++)
		live += sim->spill[i].slot.from &&
			sim->spill[i].slot.to != RELAY_LEG_LOCAL;
	return live;
}

static inline unsigned int sim_legs(const struct sim *sim)
{
	unsigned int legs = 0;

	for (size_t i = 1; i < sim->tables.leg_count; i++)
		legs += sim->tables.legs[i].flags & RELAY_LEG_INUSE;
	return legs;
}

static inline bool sim_slot_sound(const struct sim *sim, size_t at)
{
	struct relay_slot slot = sim->tables.buckets[at / 8].slot[at % 8],
			  found;
	const struct relay_leg *legs = sim->tables.legs;
	size_t where;

	if (!slot.from)
		return true;
	if (!sim_lookup(sim, slot.index, &found, &where) || where != at) {
		printf("# an index stands twice, or where nobody finds it\n");
		return false;
	}
	if (slot.to != RELAY_LEG_LOCAL &&
	    !(legs[slot.from].flags & legs[slot.to].flags & RELAY_LEG_INUSE)) {
		printf("# a slot names a leg that is gone\n");
		return false;
	}
	return true;
}

static inline bool sim_slots_sound(const struct sim *sim)
{
	for (size_t at = 0; at < 8 * sim->tables.bucket_count; at++)
		if (!sim_slot_sound(sim, at))
			return false;
	return true;
}

static inline bool sim_legs_sound(const struct sim *sim)
{
	for (size_t i = 1; i < sim->tables.leg_count; i++) {
		const struct relay_leg *leg = &sim->tables.legs[i];
		struct relay_known_key key = {.port = leg->port};

		if (!(leg->flags & RELAY_LEG_INUSE))
			continue;
		memcpy(key.addr, leg->addr, 16);
		if (leg->seq & 1 || sim_known_at(sim, &key) < 0) {
			printf("# a leg's address is not known\n");
			return false;
		}
		key.port = 0;
		if (sim_known_at(sim, &key) < 0)
			return false;
	}
	return true;
}

/* Legs at an address and port, or with port 0 at an address. */
static inline uint32_t sim_legs_at(const struct sim *sim,
				   const struct relay_known_key *key)
{
	uint32_t legs = 0;

	for (size_t i = 1; i < sim->tables.leg_count; i++) {
		const struct relay_leg *leg = &sim->tables.legs[i];

		legs += leg->flags & RELAY_LEG_INUSE &&
			!memcmp(leg->addr, key->addr, 16) &&
			(!key->port || key->port == leg->port);
	}
	return legs;
}

static inline bool sim_known_sound(const struct sim *sim)
{
	size_t known = 0;

	for (size_t i = 0; i < sim->known_count; i++) {
		uint32_t legs;

		if (!sim->known[i].used)
			continue;
		known++;
		legs = sim_legs_at(sim, &sim->known[i].key);
		if (legs != sim->known[i].value.refs) {
			printf("# known entry %zu counts %u legs, there are %u\n",
			       i, sim->known[i].value.refs, legs);
			return false;
		}
	}
	return known <= 2 * sim->tables.leg_count;
}

/*
 * What must hold at any time: slots name legs that are there, each index stands
 * once, and the known addresses are exactly those of the legs.
 */
static inline bool sim_sound(const struct sim *sim)
{
	return sim_slots_sound(sim) && sim_legs_sound(sim) &&
	       sim_known_sound(sim);
}

#endif
