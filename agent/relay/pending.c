// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/limits.h"
#include "relay/pending.h"

int relay_pendings_init(struct relay_pendings *pendings)
{
	memset(pendings, 0, sizeof(*pendings));
	relay_list_init(&pendings->all);
	relay_list_init(&pendings->unused);
	pendings->pool = calloc(RELAY_PENDING_MAX, sizeof(*pendings->pool));
	if (!pendings->pool)
		return -ENOMEM;
	if (relay_hash_init(&pendings->by_index)) {
		free(pendings->pool);
		return -ENOMEM;
	}
	return 0;
}

void relay_pendings_clear(struct relay_pendings *pendings)
{
	free(pendings->pool);
	relay_hash_clear(&pendings->by_index);
}

static uint64_t hash_of(const struct relay_pendings *pendings,
			uint32_t index_le)
{
	return relay_hash_of(&pendings->by_index, &index_le, sizeof(index_le));
}

struct relay_pending *relay_pending_find(const struct relay_pendings *pendings,
					 uint32_t index_le)
{
	struct relay_hash_node *node = relay_hash_first(
		&pendings->by_index, hash_of(pendings, index_le));

	for (; node; node = relay_hash_next(node)) {
		struct relay_pending *pending =
			relay_container(node, struct relay_pending, node);

		if (pending->index_le == index_le)
			return pending;
	}
	return NULL;
}

static struct relay_pending *take(struct relay_pendings *pendings)
{
	struct relay_pending *pending;

	if (!relay_list_empty(&pendings->unused)) {
		pending = relay_container(pendings->unused.next,
					  struct relay_pending, all);
		relay_list_remove(&pending->all);
		return pending;
	}
	return &pendings->pool[pendings->fresh++];
}

/* It is answered, or so old that it hardly will be: a round trip is shorter. */
static bool yields(const struct relay_pending *pending, uint32_t now_s)
{
	return pending->answered ||
	       pending->born_s + RELAY_PENDING_YIELD <= now_s;
}

/* Makes a place where there is none: among the sender's, or among all. */
static bool make_place(struct relay_pendings *pendings,
		       const struct relay_affairs *affairs, uint32_t now_s,
		       bool *unanswered)
{
	struct relay_pending *oldest;

	if (affairs->pending_count >= RELAY_PENDING_PER_PARTY)
		oldest = relay_container(affairs->pending.next,
					 struct relay_pending, of_sender);
	else if (pendings->count >= RELAY_PENDING_MAX)
		oldest = relay_container(pendings->all.next,
					 struct relay_pending, all);
	else
		return true;
	if (!yields(oldest, now_s))
		return false;
	*unanswered = !oldest->answered;
	relay_pending_remove(pendings, oldest);
	return true;
}

struct relay_pending *relay_pending_add(struct relay_pendings *pendings,
					struct relay_party *sender,
					uint32_t index_le, uint32_t now_s,
					bool *yielded)
{
	struct relay_affairs *affairs = relay_party_affairs(sender);
	struct relay_pending *pending;

	*yielded = false;
	if (!affairs)
		return NULL;
	if (!make_place(pendings, affairs, now_s, yielded))
		return NULL;
	pending = take(pendings);
	memset(pending, 0, sizeof(*pending));
	pending->sender = sender;
	pending->index_le = index_le;
	pending->born_s = now_s;
	relay_list_insert(&pending->all, pendings->all.prev);
	relay_list_insert(&pending->of_sender, affairs->pending.prev);
	affairs->pending_count++;
	relay_hash_insert(&pendings->by_index, &pending->node,
			  hash_of(pendings, index_le));
	pendings->count++;
	return pending;
}

void relay_pending_remove(struct relay_pendings *pendings,
			  struct relay_pending *pending)
{
	relay_hash_remove(&pendings->by_index, &pending->node);
	relay_list_remove(&pending->of_sender);
	pending->sender->affairs->pending_count--;
	relay_list_remove(&pending->all);
	relay_list_insert(&pending->all, &pendings->unused);
	pendings->count--;
}

struct relay_pending *relay_pending_due(const struct relay_pendings *pendings,
					uint32_t now_s)
{
	struct relay_pending *oldest;

	if (relay_list_empty(&pendings->all))
		return NULL;
	oldest = relay_container(pendings->all.next, struct relay_pending, all);
	return oldest->born_s + RELAY_PENDING_LIFE <= now_s ? oldest : NULL;
}
