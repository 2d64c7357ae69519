// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "relay/leg.h"
#include "relay/roster.h"
#include "relay/source.h"

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const uint8_t addr[16])
{
	return !memcmp(addr, v4_mapped, sizeof(v4_mapped));
}

/* ---- what the kernel program reads ---- */

/* A reader that sees an odd number, or two numbers, looks again. */
static void write_begin(struct relay_leg *leg)
{
	__atomic_store_n(&leg->seq, leg->seq | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void write_end(struct relay_leg *leg)
{
	__atomic_store_n(&leg->seq, leg->seq + 1, __ATOMIC_RELEASE);
}

/* The next hop stays where only ports changed. */
static void write_path(struct relay_leg *leg, const struct wg_path *path)
{
	bool same_way = !memcmp(leg->addr, path->remote, 16) &&
			!memcmp(leg->local, path->local, 16);
	uint16_t flags = RELAY_LEG_INUSE;

	if (!is_v4(path->remote))
		flags |= RELAY_LEG_V6;
	if (same_way)
		flags |= leg->flags & RELAY_LEG_RESOLVED;
	write_begin(leg);
	memcpy(leg->addr, path->remote, 16);
	memcpy(leg->local, path->local, 16);
	leg->port = htons(path->remote_port);
	leg->local_port = htons(path->local_port);
	leg->flags = flags;
	write_end(leg);
}

static void write_empty(struct relay_leg *leg)
{
	const size_t start = offsetof(struct relay_leg, seq) + sizeof(leg->seq);

	/* Never the number itself: a reader must not see it even meanwhile. */
	write_begin(leg);
	memset((uint8_t *)leg + start, 0, sizeof(*leg) - start);
	write_end(leg);
}

void relay_leg_set_next_hop(struct relay_legs *legs, uint16_t leg,
			    const struct relay_next_hop *hop)
{
	struct relay_leg *at, fresh;

	if (!relay_leg_live(legs, leg))
		return;
	at = &legs->map.legs[leg];
	fresh = *at;
	fresh.flags &= ~RELAY_LEG_RESOLVED;
	if (hop->resolved)
		fresh.flags |= RELAY_LEG_RESOLVED;
	fresh.ifindex = hop->ifindex;
	fresh.mtu = hop->mtu;
	memcpy(fresh.dmac, hop->dmac, sizeof(fresh.dmac));
	memcpy(fresh.smac, hop->smac, sizeof(fresh.smac));
	memcpy(fresh.vlan, hop->vlan, sizeof(fresh.vlan));
	if (!memcmp(&fresh, at, sizeof(fresh)))
		return;
	write_begin(at);
	fresh.seq = at->seq;
	*at = fresh;
	write_end(at);
}

/* ---- finding ---- */

uint16_t relay_leg_on_port(const struct relay_legs *legs,
			   const struct relay_party *party, uint16_t local_port)
{
	uint16_t leg = party->first_leg;

	while (leg && legs->map.legs[leg].local_port != htons(local_port))
		leg = relay_leg_next(legs, leg);
	return leg;
}

bool relay_leg_live(const struct relay_legs *legs, uint16_t leg)
{
	return leg && leg < legs->map.leg_count &&
	       legs->info[leg].state == RELAY_LEG_LIVE;
}

uint16_t relay_leg_life(const struct relay_legs *legs, uint16_t leg)
{
	return legs->info[leg].life;
}

struct relay_party *relay_leg_party(const struct relay_legs *legs, uint16_t leg)
{
	return relay_leg_live(legs, leg) ? legs->info[leg].party : NULL;
}

struct relay_party *relay_leg_party_in(const struct relay_legs *legs,
				       uint16_t leg, uint16_t life)
{
	return relay_leg_life(legs, leg) == life ? relay_leg_party(legs, leg)
						 : NULL;
}

uint16_t relay_leg_next(const struct relay_legs *legs, uint16_t leg)
{
	return legs->info[leg].next_of_party;
}

void relay_leg_path(const struct relay_legs *legs, uint16_t leg,
		    struct wg_path *path)
{
	const struct relay_leg *at = &legs->map.legs[leg];

	memset(path, 0, sizeof(*path));
	memcpy(path->remote, at->addr, 16);
	memcpy(path->local, at->local, 16);
	path->remote_port = ntohs(at->port);
	path->local_port = ntohs(at->local_port);
	path->ifindex = legs->info[leg].ifindex;
}

/* ---- the peer's list ---- */

static void party_link(struct relay_legs *legs, struct relay_party *party,
		       uint16_t leg)
{
	legs->info[leg].party = party;
	legs->info[leg].next_of_party = party->first_leg;
	party->first_leg = leg;
}

static void party_unlink(struct relay_legs *legs, uint16_t leg)
{
	uint16_t *at = &legs->info[leg].party->first_leg;

	while (*at != leg)
		at = &legs->info[*at].next_of_party;
	*at = legs->info[leg].next_of_party;
	legs->info[leg].party = NULL;
}

/* ---- life ---- */

int relay_legs_init(struct relay_legs *legs, const struct relay_tables *map,
		    const struct relay_table *table,
		    const struct relay_ops *ops, void *ctx)
{
	memset(legs, 0, sizeof(*legs));
	legs->map = *map;
	if (legs->map.leg_count > RELAY_LEG_MAX + 1)
		legs->map.leg_count = RELAY_LEG_MAX + 1;
	legs->table = table;
	legs->ops = ops;
	legs->ctx = ctx;
	legs->fresh = 1;
	legs->info = calloc(legs->map.leg_count, sizeof(*legs->info));
	if (relay_sources_init(legs) || !legs->info) {
		relay_legs_clear(legs);
		return -ENOMEM;
	}
	return 0;
}

void relay_legs_clear(struct relay_legs *legs)
{
	free(legs->info);
	relay_sources_clear(legs);
	memset(legs, 0, sizeof(*legs));
}

static uint16_t take_number(struct relay_legs *legs)
{
	uint16_t leg = legs->free;

	if (leg) {
		legs->free = legs->info[leg].next_of_party;
		return leg;
	}
	if (legs->fresh >= legs->map.leg_count)
		return RELAY_LEG_NONE;
	return (uint16_t)legs->fresh++;
}

static void give_number(struct relay_legs *legs, uint16_t leg)
{
	struct relay_leg_info *info = &legs->info[leg];

	info->state = RELAY_LEG_FREE;
	info->life++;
	info->next_of_party = legs->free;
	legs->free = leg;
}

static void label(struct relay_legs *legs, uint16_t leg,
		  const struct relay_party *party)
{
	struct relay_peer *peer = &legs->map.peers[leg];

	memset(peer, 0, sizeof(*peer));
	if (!party)
		return;
	memcpy(peer->public_key, party->key.bytes, sizeof(peer->public_key));
	peer->proven_at = legs->ops->wall_ns() / 1000000000;
}

int relay_leg_add(struct relay_legs *legs, struct relay_party *party,
		  const struct wg_path *path, uint32_t now_s, uint16_t *leg)
{
	uint16_t fresh = take_number(legs);

	if (!fresh)
		return -ENOSPC;
	legs->ops->leg_count_clear(legs->ctx, fresh);
	label(legs, fresh, party);
	legs->info[fresh].ifindex = path->ifindex;
	write_path(&legs->map.legs[fresh], path);
	if (relay_source_enter(legs, fresh)) {
		relay_source_leave(legs, fresh);
		label(legs, fresh, NULL);
		write_empty(&legs->map.legs[fresh]);
		give_number(legs, fresh);
		return -ENOSPC;
	}
	party_link(legs, party, fresh);
	legs->info[fresh].proven_s = now_s;
	legs->info[fresh].used_s = 0;
	legs->info[fresh].state = RELAY_LEG_LIVE;
	legs->live++;
	legs->ops->resolve(legs->ctx, fresh, path);
	*leg = fresh;
	return 0;
}

int relay_leg_move(struct relay_legs *legs, uint16_t leg,
		   const struct wg_path *path)
{
	struct relay_leg *at = &legs->map.legs[leg];
	struct wg_path before;

	relay_leg_path(legs, leg, &before);
	relay_source_leave(legs, leg);
	legs->info[leg].ifindex = path->ifindex;
	write_path(at, path);
	if (relay_source_enter(legs, leg)) {
		relay_source_leave(legs, leg);
		legs->info[leg].ifindex = before.ifindex;
		write_path(at, &before);
		relay_source_enter(legs, leg);
		return -ENOSPC;
	}
	legs->ops->resolve(legs->ctx, leg, path);
	return 0;
}

void relay_leg_used(struct relay_legs *legs, uint16_t leg, uint32_t now_s)
{
	legs->info[leg].used_s = now_s;
}

void relay_leg_proven(struct relay_legs *legs, uint16_t leg, uint32_t now_s)
{
	if (legs->info[leg].proven_s == now_s)
		return;
	legs->info[leg].proven_s = now_s;
	legs->map.peers[leg].proven_at = legs->ops->wall_ns() / 1000000000;
}

static void bury_counts(struct relay_legs *legs, uint16_t leg)
{
	struct relay_party *party = legs->info[leg].party;
	struct relay_leg_count count = {0};

	if (legs->ops->leg_count(legs->ctx, leg, &count))
		return;
	relay_leg_count_add(&legs->past, &count);
	relay_party_bury(party, &count);
}

void relay_leg_drop(struct relay_legs *legs, uint16_t leg)
{
	legs->ops->forget(legs->ctx, leg);
	bury_counts(legs, leg);
	relay_source_leave(legs, leg);
	party_unlink(legs, leg);
	write_empty(&legs->map.legs[leg]);
	label(legs, leg, NULL);
	legs->info[leg].state = RELAY_LEG_GOING;
	legs->info[leg].wakes = 0;
	legs->info[leg].life++;
	legs->live--;
	legs->going++;
	if (!relay_table_refs(legs->table, leg)) {
		give_number(legs, leg);
		legs->going--;
	}
}

void relay_legs_reap(struct relay_legs *legs)
{
	for (uint32_t leg = 1; legs->going && leg < legs->fresh; leg++) {
		if (legs->info[leg].state != RELAY_LEG_GOING ||
		    relay_table_refs(legs->table, (uint16_t)leg))
			continue;
		give_number(legs, (uint16_t)leg);
		legs->going--;
	}
}

/* ---- taking over ---- */

static int adopt(struct relay_legs *legs, struct relay_party *party,
		 uint16_t leg, uint32_t now_s)
{
	struct wg_path path;

	/* Where packets come from is where they went out, VLANs apart. */
	legs->info[leg].ifindex = legs->map.legs[leg].ifindex;
	relay_leg_path(legs, leg, &path);
	if (relay_leg_find(legs, &path) ||
	    relay_leg_on_port(legs, party, path.local_port))
		return -EEXIST;
	if (relay_source_enter(legs, leg)) {
		relay_source_leave(legs, leg);
		return -ENOSPC;
	}
	party_link(legs, party, leg);
	legs->info[leg].proven_s = now_s;
	legs->info[leg].state = RELAY_LEG_LIVE;
	legs->live++;
	legs->ops->resolve(legs->ctx, leg, &path);
	return 0;
}

/* Numbers between adopted legs are free, those of sessions without a leg soon. */
static void settle(struct relay_legs *legs)
{
	for (uint32_t leg = legs->fresh - 1; leg >= 1; leg--) {
		struct relay_leg_info *info = &legs->info[leg];

		if (info->state == RELAY_LEG_LIVE)
			continue;
		write_empty(&legs->map.legs[leg]);
		label(legs, (uint16_t)leg, NULL);
		if (relay_table_refs(legs->table, (uint16_t)leg)) {
			info->state = RELAY_LEG_GOING;
			legs->going++;
		} else {
			give_number(legs, (uint16_t)leg);
		}
	}
}

void relay_legs_adopt(struct relay_legs *legs, uint32_t now_s,
		      struct relay_party *(*party_of)(void *arg,
						      const struct wg_key *key,
						      uint16_t local_port),
		      void *arg)
{
	for (uint32_t leg = 1; leg < legs->map.leg_count; leg++) {
		const struct relay_leg *at = &legs->map.legs[leg];
		struct relay_party *party;
		struct wg_key key;

		if (!(at->flags & RELAY_LEG_INUSE) && !(at->seq & 1) &&
		    !relay_table_refs(legs->table, (uint16_t)leg))
			continue;
		legs->fresh = leg + 1;
		if (!(at->flags & RELAY_LEG_INUSE) || at->seq & 1)
			continue;
		memcpy(key.bytes, legs->map.peers[leg].public_key, WG_KEY_LEN);
		party = party_of(arg, &key, ntohs(at->local_port));
		if (party)
			adopt(legs, party, (uint16_t)leg, now_s);
	}
	settle(legs);
	relay_sources_correct(legs);
}
