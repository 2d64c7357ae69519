/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handshakes under way: an initiation was forwarded, its response has not come.
 * Bounded in total and by sender. All live equally long, so the order of birth
 * is the order of death.
 */
#ifndef SLUICE_RELAY_PENDING_H
#define SLUICE_RELAY_PENDING_H

#include "relay/roster.h"

struct relay_pending {
	struct relay_hash_node node;
	struct relay_list of_sender, all;
	struct relay_party *sender;
	uint32_t index_le; /* the initiator's sender index */
	uint32_t born_s;
	uint16_t from, to; /* legs */
	uint16_t from_life, to_life; /* relay_leg_life of them */
	bool cookie; /* a cookie was let through */
	bool answered; /* once at least; the answer may have been a forgery */
};

struct relay_pendings {
	struct relay_hash by_index;
	struct relay_list all; /* oldest first */
	struct relay_pending *pool;
	uint32_t fresh; /* of the pool never used from here on */
	struct relay_list unused;
	size_t count;
};

int relay_pendings_init(struct relay_pendings *pendings);
void relay_pendings_clear(struct relay_pendings *pendings);

struct relay_pending *relay_pending_find(const struct relay_pendings *pendings,
					 uint32_t index_le);
/*
 * Remembers an initiation whose index is not in use. Where the sender or the
 * whole is at its bound the oldest gives way, if it is answered or old enough,
 * else NULL; *yielded tells that it went unanswered.
 */
struct relay_pending *relay_pending_add(struct relay_pendings *pendings,
					struct relay_party *sender,
					uint32_t index_le, uint32_t now_s,
					bool *yielded);
void relay_pending_remove(struct relay_pendings *pendings,
			  struct relay_pending *pending);
/* The oldest if it is due to go, else NULL. */
struct relay_pending *relay_pending_due(const struct relay_pendings *pendings,
					uint32_t now_s);

#endif
