/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Legs: a peer as it is seen on one of the relay's ports. What the kernel
 * program reads of a leg (address, own address and port, next hop) lives in
 * the mapped relay_leg and nowhere else; here is what finds a leg: by its peer,
 * by the source and port of a datagram, by an address alone (source.c).
 *
 * A leg's number is given out again only when no session names it any more:
 * relay_leg_drop leaves a leg with sessions in between, unusable for the kernel
 * program, and relay_legs_reap frees it once they are gone.
 */
#ifndef SLUICE_RELAY_LEG_H
#define SLUICE_RELAY_LEG_H

#include "base/slab.h"
#include "relay/hash.h"
#include "relay/table.h"

struct relay_party;

enum relay_leg_state {
	RELAY_LEG_FREE,
	RELAY_LEG_LIVE,
	RELAY_LEG_GOING, /* dropped, sessions still name it */
};

/* An address with legs behind it: a peer's own, or a NAT's. */
struct relay_place {
	struct relay_hash_node node;
	uint16_t first; /* leg, chained by next_here; all have the address */
	uint16_t legs;
};

struct relay_leg_info {
	struct relay_place *place;
	struct relay_party *party;
	uint32_t proven_s; /* engine seconds */
	uint32_t ifindex; /* where it is heard: a link-local address needs it */
	uint32_t used_s; /* last handshake that went through it both ways */
	uint16_t next_of_source; /* in its chain of legs->sources */
	uint16_t next_here, prev_here; /* legs at the same address */
	uint16_t next_of_party; /* of a free leg: the next free one */
	uint16_t life; /* which one of those that have had this number */
	uint8_t state; /* enum relay_leg_state */
	uint8_t wakes; /* calls that a restart owes it */
};

struct relay_legs {
	struct relay_tables map;
	const struct relay_ops *ops;
	void *ctx;
	const struct relay_table *table;
	struct relay_leg_info *info; /* by leg */
	/* A chained hash of legs, by the address and port they are at. */
	uint16_t *sources;
	uint32_t source_mask;
	unsigned char secret[crypto_shorthash_KEYBYTES];
	struct relay_hash places;
	struct slab place_slab;
	uint16_t free; /* given back */
	uint32_t fresh; /* from here on never used */
	uint32_t live, going;
	/* What dropped legs had forwarded. */
	struct relay_leg_count past;
};

int relay_legs_init(struct relay_legs *legs, const struct relay_tables *map,
		    const struct relay_table *table,
		    const struct relay_ops *ops, void *ctx);
void relay_legs_clear(struct relay_legs *legs); /* the maps stay as they are */

/* The leg that a datagram of this path comes from, RELAY_LEG_NONE if none. */
uint16_t relay_leg_find(const struct relay_legs *legs,
			const struct wg_path *path);
/* The peer's leg on one of the relay's ports. */
uint16_t relay_leg_on_port(const struct relay_legs *legs,
			   const struct relay_party *party,
			   uint16_t local_port);
const struct relay_place *relay_place_find(const struct relay_legs *legs,
					   const uint8_t addr[16]);

/*
 * Makes a leg, with its label, its known addresses and zeroed counters. The
 * path must not be another leg's. Fails with -ENOSPC.
 */
int relay_leg_add(struct relay_legs *legs, struct relay_party *party,
		  const struct wg_path *path, uint32_t now_s, uint16_t *leg);
/*
 * Takes over the legs that a previous process left in the maps, after the
 * table. party_of answers whose a leg of that key on that port is, NULL if
 * nobody's any more: such a leg and one that is double are dropped. So is one
 * whose writing was interrupted, by a kill in the middle of some ten stores:
 * what it says may be half of two addresses, and its peer comes back by the
 * next handshake. Ends with the map of known addresses as it has to be.
 */
void relay_legs_adopt(struct relay_legs *legs, uint32_t now_s,
		      struct relay_party *(*party_of)(void *arg,
						      const struct wg_key *key,
						      uint16_t local_port),
		      void *arg);

/* Moves it: one write, and every session of the peer follows. -ENOSPC if the
 * map of known addresses is full; the leg is where it was then. */
int relay_leg_move(struct relay_legs *legs, uint16_t leg,
		   const struct wg_path *path);
/* A handshake was answered over it: the way is open, whoever opened it. */
void relay_leg_used(struct relay_legs *legs, uint16_t leg, uint32_t now_s);
void relay_leg_proven(struct relay_legs *legs, uint16_t leg, uint32_t now_s);
void relay_leg_drop(struct relay_legs *legs, uint16_t leg);
/* Frees dropped legs that no session names any more. */
void relay_legs_reap(struct relay_legs *legs);

void relay_leg_set_next_hop(struct relay_legs *legs, uint16_t leg,
			    const struct relay_next_hop *hop);

bool relay_leg_live(const struct relay_legs *legs, uint16_t leg);
struct relay_party *relay_leg_party(const struct relay_legs *legs,
				    uint16_t leg);
/* Tells a leg from another one that got its number later. */
uint16_t relay_leg_life(const struct relay_legs *legs, uint16_t leg);
/* The party of the leg in that life, NULL if that has ended. */
struct relay_party *relay_leg_party_in(const struct relay_legs *legs,
				       uint16_t leg, uint16_t life);
void relay_leg_path(const struct relay_legs *legs, uint16_t leg,
		    struct wg_path *path);
/* The next leg of the same peer; start with party->first_leg. */
uint16_t relay_leg_next(const struct relay_legs *legs, uint16_t leg);

#endif
