// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/list.h"

/* ---- finding ---- */

/* Where the chain of the legs at an address and port begins. */
static uint16_t *source_head(const struct relay_legs *legs,
			     const uint8_t addr[16], __be16 port)
{
	union {
		unsigned char bytes[crypto_shorthash_BYTES];
		uint64_t value;
	} hash;
	uint8_t source[18];

	memcpy(source, addr, 16);
	memcpy(source + 16, &port, 2);
	crypto_shorthash(hash.bytes, source, sizeof(source), legs->secret);
	return &legs->sources[hash.value & legs->source_mask];
}

static bool at_source(const struct relay_leg *leg, const uint8_t addr[16],
		      __be16 port)
{
	return leg->port == port && !memcmp(leg->addr, addr, 16);
}

uint16_t relay_leg_find(const struct relay_legs *legs,
			const struct wg_path *path)
{
	__be16 port = htons(path->remote_port), local = htons(path->local_port);
	uint16_t leg = *source_head(legs, path->remote, port);

	while (leg && (legs->map.legs[leg].local_port != local ||
		       !at_source(&legs->map.legs[leg], path->remote, port)))
		leg = legs->info[leg].next_of_source;
	return leg;
}

const struct relay_place *relay_place_find(const struct relay_legs *legs,
					   const uint8_t addr[16])
{
	struct relay_hash_node *node;

	node = relay_hash_first(&legs->places,
				relay_hash_of(&legs->places, addr, 16));
	for (; node; node = relay_hash_next(node)) {
		struct relay_place *place =
			relay_container(node, struct relay_place, node);

		if (!memcmp(legs->map.legs[place->first].addr, addr, 16))
			return place;
	}
	return NULL;
}

/* ---- known addresses ---- */

static struct relay_known_key known_key(const uint8_t addr[16], __be16 port)
{
	struct relay_known_key key = {.port = port};

	memcpy(key.addr, addr, 16);
	return key;
}

/* Writes what the hash here says about a source: how many legs, and one. */
static int publish_source(const struct relay_legs *legs, const uint8_t addr[16],
			  __be16 port)
{
	struct relay_known_key key = known_key(addr, port);
	struct relay_known known = {0};

	for (uint16_t leg = *source_head(legs, addr, port); leg;
	     leg = legs->info[leg].next_of_source) {
		if (!at_source(&legs->map.legs[leg], addr, port))
			continue;
		known.refs++;
		known.leg = leg;
	}
	if (known.refs)
		return legs->ops->known_set(legs->ctx, &key, &known);
	return legs->ops->known_clear(legs->ctx, &key);
}

static int publish_place(const struct relay_legs *legs, const uint8_t addr[16],
			 uint32_t refs)
{
	struct relay_known_key key = known_key(addr, 0);
	struct relay_known known = {.refs = refs};

	if (refs)
		return legs->ops->known_set(legs->ctx, &key, &known);
	return legs->ops->known_clear(legs->ctx, &key);
}

static struct relay_place *place_make(struct relay_legs *legs,
				      const uint8_t addr[16])
{
	struct relay_place *place =
		(struct relay_place *)relay_place_find(legs, addr);

	if (place)
		return place;
	place = slab_get(&legs->place_slab);
	if (!place)
		return NULL;
	relay_hash_insert(&legs->places, &place->node,
			  relay_hash_of(&legs->places, addr, 16));
	return place;
}

static void place_drop_unused(struct relay_legs *legs,
			      struct relay_place *place)
{
	if (place->legs)
		return;
	relay_hash_remove(&legs->places, &place->node);
	slab_put(&legs->place_slab, place);
}

static void place_link(struct relay_legs *legs, struct relay_place *place,
		       uint16_t leg)
{
	struct relay_leg_info *info = &legs->info[leg];

	info->place = place;
	info->prev_here = 0;
	info->next_here = place->first;
	if (place->first)
		legs->info[place->first].prev_here = leg;
	place->first = leg;
	place->legs++;
}

static void place_unlink(struct relay_legs *legs, uint16_t leg)
{
	struct relay_leg_info *info = &legs->info[leg];

	if (info->prev_here)
		legs->info[info->prev_here].next_here = info->next_here;
	else
		info->place->first = info->next_here;
	if (info->next_here)
		legs->info[info->next_here].prev_here = info->prev_here;
	info->place->legs--;
	info->place = NULL;
}

static void source_link(struct relay_legs *legs, uint16_t leg)
{
	const struct relay_leg *at = &legs->map.legs[leg];
	uint16_t *head = source_head(legs, at->addr, at->port);

	legs->info[leg].next_of_source = *head;
	*head = leg;
}

static void source_unlink(struct relay_legs *legs, uint16_t leg)
{
	const struct relay_leg *entry = &legs->map.legs[leg];
	uint16_t *at = source_head(legs, entry->addr, entry->port);

	while (*at && *at != leg)
		at = &legs->info[*at].next_of_source;
	if (*at)
		*at = legs->info[leg].next_of_source;
}

int relay_source_enter(struct relay_legs *legs, uint16_t leg)
{
	const struct relay_leg *at = &legs->map.legs[leg];
	struct relay_place *place = place_make(legs, at->addr);

	if (!place)
		return -ENOSPC;
	source_link(legs, leg);
	place_link(legs, place, leg);
	if (!publish_place(legs, at->addr, place->legs) &&
	    !publish_source(legs, at->addr, at->port))
		return 0;
	return -ENOSPC;
}

void relay_source_leave(struct relay_legs *legs, uint16_t leg)
{
	const struct relay_leg *at = &legs->map.legs[leg];
	struct relay_place *place = legs->info[leg].place;

	if (!place)
		return;
	source_unlink(legs, leg);
	place_unlink(legs, leg);
	publish_source(legs, at->addr, at->port);
	publish_place(legs, at->addr, place->legs);
	place_drop_unused(legs, place);
}

/* ---- life ---- */

int relay_sources_init(struct relay_legs *legs)
{
	uint32_t heads = 16;

	while (heads < legs->map.leg_count)
		heads *= 2;
	legs->source_mask = heads - 1;
	crypto_shorthash_keygen(legs->secret);
	legs->sources = calloc(heads, sizeof(*legs->sources));
	slab_init(&legs->place_slab, sizeof(struct relay_place));
	return !legs->sources || relay_hash_init(&legs->places) ? -ENOMEM : 0;
}

void relay_sources_clear(struct relay_legs *legs)
{
	free(legs->sources);
	relay_hash_clear(&legs->places);
	slab_clear(&legs->place_slab);
}

static void correct_known(void *arg, const struct relay_known_key *key)
{
	struct relay_legs *legs = arg;

	if (key->port)
		publish_source(legs, key->addr, key->port);
	else if (!relay_place_find(legs, key->addr))
		publish_place(legs, key->addr, 0);
}

void relay_sources_correct(struct relay_legs *legs)
{
	if (legs->ops->known_each)
		legs->ops->known_each(legs->ctx, correct_known, legs);
}
