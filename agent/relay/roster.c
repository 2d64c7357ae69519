// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/limits.h"
#include "relay/protocol.h"
#include "relay/roster.h"

int relay_roster_init(struct relay_roster *roster, const struct wg_key *own,
		      const struct relay_settings *settings)
{
	memset(roster, 0, sizeof(*roster));
	relay_list_init(&roster->all);
	slab_init(&roster->party_slab, sizeof(struct relay_party));
	slab_init(&roster->edge_slab, sizeof(struct relay_edge));
	roster->own = *own;
	roster->mutual = settings->require_mutual;
	roster->party_max = (size_t)settings->max_peers * RELAY_PARTIES_FACTOR;
	roster->edge_max = (size_t)settings->max_peers * RELAY_EDGES_FACTOR;
	roster->listed_max = roster->party_max - settings->max_peers;
	if (relay_hash_init(&roster->parties))
		return -ENOMEM;
	if (relay_hash_init(&roster->edges)) {
		relay_hash_clear(&roster->parties);
		return -ENOMEM;
	}
	return 0;
}

/* ---- parties ---- */

struct relay_party *relay_party_find(const struct relay_roster *roster,
				     const struct wg_key *key)
{
	uint64_t hash = relay_hash_of(&roster->parties, key->bytes, WG_KEY_LEN);
	struct relay_hash_node *node = relay_hash_first(&roster->parties, hash);

	for (; node; node = relay_hash_next(node)) {
		struct relay_party *party =
			relay_container(node, struct relay_party, node);

		if (!memcmp(party->key.bytes, key->bytes, WG_KEY_LEN))
			return party;
	}
	return NULL;
}

/* Not in the tunnel, lists nobody, listed by nobody: only its greatest
 * timestamp would be lost. */
static bool is_idle(const struct relay_party *party)
{
	return !party->wg && !party->edges && !party->first_leg &&
	       !(party->affairs && party->affairs->pending_count);
}

struct relay_affairs *relay_party_affairs(struct relay_party *party)
{
	if (party->affairs)
		return party->affairs;
	party->affairs = calloc(1, sizeof(*party->affairs));
	if (party->affairs)
		relay_list_init(&party->affairs->pending);
	return party->affairs;
}

void relay_party_settle(struct relay_party *party)
{
	const struct relay_affairs *affairs = party->affairs;

	if (!affairs || affairs->pending_count || affairs->assembly ||
	    affairs->asks || affairs->unmatched)
		return;
	free(party->affairs);
	party->affairs = NULL;
}

static void free_affairs(struct relay_affairs *affairs)
{
	if (!affairs)
		return;
	if (affairs->assembly)
		relay_assembly_clear(affairs->assembly);
	free(affairs->assembly);
	free(affairs->asks);
	free(affairs->unmatched);
	free(affairs);
}

static void party_free(struct relay_roster *roster, struct relay_party *party)
{
	relay_hash_remove(&roster->parties, &party->node);
	relay_list_remove(&party->all);
	roster->party_count--;
	free_affairs(party->affairs);
	free(party->past);
	slab_put(&roster->party_slab, party);
}

/* Parties made or heard of long ago come first in `all`. */
static void make_room(struct relay_roster *roster)
{
	struct relay_list *at = roster->all.next;

	for (int looked = 0; looked < 64 && at != &roster->all; looked++) {
		struct relay_party *party =
			relay_container(at, struct relay_party, all);

		at = at->next;
		if (is_idle(party)) {
			party_free(roster, party);
			return;
		}
		relay_list_to_back(&party->all, &roster->all);
	}
}

static struct relay_party *party_new(struct relay_roster *roster,
				     const struct wg_key *key,
				     const struct relay_settings *settings)
{
	struct relay_party *party = slab_get(&roster->party_slab);

	if (!party)
		return NULL;
	party->key = *key;
	wg_mac1_key(&party->mac1, key);
	party->allowed = relay_settings_allow(settings, key);
	party->listless = true;
	relay_list_init(&party->talking);
	relay_list_init(&party->idle);
	relay_list_insert(&party->all, roster->all.prev);
	relay_hash_insert(
		&roster->parties, &party->node,
		relay_hash_of(&roster->parties, key->bytes, WG_KEY_LEN));
	roster->party_count++;
	return party;
}

/* No more than `max` of them by that. */
static struct relay_party *find_or_make(struct relay_roster *roster,
					const struct wg_key *key,
					const struct relay_settings *settings,
					size_t max)
{
	struct relay_party *party = relay_party_find(roster, key);

	if (party)
		return party;
	if (!memcmp(key->bytes, roster->own.bytes, WG_KEY_LEN)) {
		errno = EINVAL;
		return NULL;
	}
	if (roster->party_count >= max)
		make_room(roster);
	if (roster->party_count >= max) {
		errno = ENOSPC;
		return NULL;
	}
	party = party_new(roster, key, settings);
	if (!party)
		errno = ENOMEM;
	return party;
}

struct relay_party *relay_party_make(struct relay_roster *roster,
				     const struct wg_key *key,
				     const struct relay_settings *settings)
{
	return find_or_make(roster, key, settings, roster->party_max);
}

bool relay_party_release(struct relay_roster *roster, struct relay_party *party)
{
	if (roster->keep || !is_idle(party) ||
	    (party->allowed && (party->known || !party->listless)))
		return false;
	party_free(roster, party);
	return true;
}

void relay_party_note(struct relay_party *party, enum relay_outcome what,
		      uint32_t now_s)
{
	if (!party->noted_s[0] || party->noted[0] != what) {
		memmove(party->noted_s + 1, party->noted_s,
			sizeof(party->noted_s) - sizeof(party->noted_s[0]));
		memmove(party->noted + 1, party->noted,
			sizeof(party->noted) - sizeof(party->noted[0]));
	}
	party->noted[0] = what;
	party->noted_s[0] = now_s;
}

void relay_party_bury(struct relay_party *party,
		      const struct relay_leg_count *count)
{
	if (!party->past)
		party->past = calloc(1, sizeof(*party->past));
	if (party->past)
		relay_leg_count_add(party->past, count);
}

/* ---- edges ---- */

static uint64_t edge_hash(const struct relay_roster *roster,
			  const struct relay_party *a,
			  const struct relay_party *b)
{
	const struct relay_party *pair[2] = {a < b ? a : b, a < b ? b : a};

	return relay_hash_of(&roster->edges, pair, sizeof(pair));
}

struct relay_edge *relay_edge_find(const struct relay_roster *roster,
				   const struct relay_party *a,
				   const struct relay_party *b)
{
	struct relay_hash_node *node =
		relay_hash_first(&roster->edges, edge_hash(roster, a, b));

	for (; node; node = relay_hash_next(node)) {
		struct relay_edge *edge =
			relay_container(node, struct relay_edge, node);
		const struct relay_side *side = edge->side;

		if ((side[0].party == a && side[1].party == b) ||
		    (side[0].party == b && side[1].party == a))
			return edge;
	}
	return NULL;
}

bool relay_edge_open(const struct relay_roster *roster,
		     const struct relay_edge *edge)
{
	const struct relay_side *a = &edge->side[0], *b = &edge->side[1];

	if (!a->party->allowed || !b->party->allowed)
		return false;
	return roster->mutual ? a->lists && b->lists : a->lists || b->lists;
}

struct relay_edge *relay_edge_of(const struct relay_side *side)
{
	return relay_container(side - side->number, struct relay_edge, side);
}

struct relay_side *relay_edge_side(struct relay_edge *edge,
				   const struct relay_party *party)
{
	return &edge->side[edge->side[1].party == party];
}

struct relay_side *relay_side_other(const struct relay_side *side)
{
	return &relay_edge_of(side)->side[!side->number];
}

struct relay_side *relay_side_of(const struct relay_list *order)
{
	return relay_container(order, struct relay_side, order);
}

static void side_init(struct relay_edge *edge, uint8_t number,
		      struct relay_party *party)
{
	struct relay_side *side = &edge->side[number];

	side->number = number;
	side->party = party;
	relay_list_insert(&side->order, party->idle.prev);
	party->edges++;
}

static struct relay_edge *edge_new(struct relay_roster *roster,
				   struct relay_party *a, struct relay_party *b)
{
	struct relay_edge *edge = slab_get(&roster->edge_slab);

	if (!edge)
		return NULL;
	side_init(edge, 0, a);
	side_init(edge, 1, b);
	relay_hash_insert(&roster->edges, &edge->node, edge_hash(roster, a, b));
	roster->edge_count++;
	return edge;
}

/* The other party goes too if nothing else holds it; `keep` never does. */
static void edge_free(struct relay_roster *roster, struct relay_edge *edge,
		      const struct relay_party *keep)
{
	relay_hash_remove(&roster->edges, &edge->node);
	roster->edge_count--;
	for (int i = 0; i < 2; i++) {
		struct relay_party *party = edge->side[i].party;

		relay_list_remove(&edge->side[i].order);
		party->edges--;
		if (party != keep)
			relay_party_release(roster, party);
	}
	slab_put(&roster->edge_slab, edge);
}

/* ---- lists ---- */

enum { MARK_NONE, MARK_LISTED };

typedef void (*side_fn)(struct relay_roster *roster, struct relay_side *side,
			void *arg);

static void walk(struct relay_roster *roster, struct relay_list *list,
		 side_fn fn, void *arg)
{
	struct relay_list *at = list->next;

	while (at != list) {
		struct relay_side *side = relay_side_of(at);

		at = at->next;
		fn(roster, side, arg);
	}
}

static void walk_party(struct relay_roster *roster, struct relay_party *party,
		       side_fn fn, void *arg)
{
	walk(roster, &party->talking, fn, arg);
	walk(roster, &party->idle, fn, arg);
}

static void unmark(struct relay_roster *roster, struct relay_side *side,
		   void *arg)
{
	(void)arg;
	relay_edge_of(side)->mark = MARK_NONE;
	if (!side->lists && !relay_side_other(side)->lists)
		edge_free(roster, relay_edge_of(side), side->party);
}

static void apply(struct relay_roster *roster, struct relay_side *side,
		  void *arg)
{
	struct relay_edge *edge = relay_edge_of(side);
	bool *revoked = arg, open = relay_edge_open(roster, edge);
	struct relay_party *party = side->party;

	if (edge->mark == MARK_LISTED && !side->lists)
		party->lists++;
	if (edge->mark != MARK_LISTED && side->lists)
		party->lists--;
	side->lists = edge->mark == MARK_LISTED;
	edge->mark = MARK_NONE;
	if (open && !relay_edge_open(roster, edge))
		*revoked = true;
	if (!edge->side[0].lists && !edge->side[1].lists)
		edge_free(roster, edge, party);
}

/* How far one list may fill what all of them share. */
struct share {
	size_t party_max, edge_max;
};

/* Keys of the list that nobody has come with yet. */
static size_t count_unseen(const struct relay_roster *roster,
			   const struct wg_key *keys, size_t count)
{
	size_t unseen = 0;

	for (size_t i = 0; i < count; i++) {
		const struct relay_party *party =
			relay_party_find(roster, &keys[i]);

		unseen += !party || !party->known;
	}
	return unseen;
}

/* All that there is, or half of it for a list that is greedy. */
static struct share share_of(const struct relay_roster *roster,
			     const struct wg_key *keys, size_t count)
{
	struct share share = {roster->listed_max, roster->edge_max};

	if (count_unseen(roster, keys, count) >
	    roster->party_max / RELAY_LIST_SHARE)
		share.party_max = roster->party_max / 2;
	if (count > roster->edge_max / RELAY_LIST_SHARE)
		share.edge_max = roster->edge_max / 2;
	return share;
}

/* Marks the edge to one key, making what is missing. Keys that are not allowed
 * are no exception: a spoke is often listed before AllowedPublicKeys has it, and
 * nobody sends his list again when that changes. */
static int mark_key(struct relay_roster *roster, struct relay_party *party,
		    const struct wg_key *key,
		    const struct relay_settings *settings,
		    const struct share *share)
{
	struct relay_party *other =
		find_or_make(roster, key, settings, share->party_max);
	struct relay_edge *edge;

	if (!other)
		return errno == EINVAL ? 0 : -errno;
	if (other == party)
		return 0;
	edge = relay_edge_find(roster, party, other);
	if (!edge) {
		if (roster->edge_count >= share->edge_max)
			return -ENOSPC;
		edge = edge_new(roster, party, other);
		if (!edge)
			return -ENOMEM;
	}
	edge->mark = MARK_LISTED;
	return 0;
}

static int mark_keys(struct relay_roster *roster, struct relay_party *party,
		     const struct wg_key *keys, size_t count,
		     const struct relay_settings *settings)
{
	struct share share = share_of(roster, keys, count);
	int err = 0;

	party->edges++; /* making room for others must not free this one */
	for (size_t i = 0; i < count && !err; i++)
		err = mark_key(roster, party, &keys[i], settings, &share);
	party->edges--;
	return err;
}

int relay_list_replace(struct relay_roster *roster, struct relay_party *party,
		       const struct wg_key *keys, size_t count,
		       uint64_t version, const struct relay_settings *settings,
		       bool *revoked)
{
	int err = mark_keys(roster, party, keys, count, settings);

	*revoked = false;
	if (err) {
		walk_party(roster, party, unmark, NULL);
		return err;
	}
	walk_party(roster, party, apply, revoked);
	party->list_version = version;
	party->listless = false;
	return 0;
}

/* ---- the order of partners ---- */

void relay_edge_shook(struct relay_edge *edge, uint32_t now_s)
{
	edge->handshake_s = now_s;
	edge->unanswered = 0;
	for (int i = 0; i < 2; i++)
		relay_list_to_back(&edge->side[i].order,
				   &edge->side[i].party->talking);
}

void relay_side_matched(struct relay_side *side, uint32_t now_s)
{
	uint32_t handshake_s = relay_edge_of(side)->handshake_s;

	if (!handshake_s || handshake_s + RELAY_PAIR_IDLE <= now_s)
		relay_list_to_front(&side->order, &side->party->idle);
}

void relay_roster_clear(struct relay_roster *roster)
{
	while (!relay_list_empty(&roster->all)) {
		struct relay_party *party = relay_container(
			roster->all.next, struct relay_party, all);

		while (!relay_list_empty(&party->talking))
			edge_free(roster,
				  relay_edge_of(
					  relay_side_of(party->talking.next)),
				  party);
		while (!relay_list_empty(&party->idle))
			edge_free(
				roster,
				relay_edge_of(relay_side_of(party->idle.next)),
				party);
		party_free(roster, party);
	}
	relay_hash_clear(&roster->parties);
	relay_hash_clear(&roster->edges);
	slab_clear(&roster->party_slab);
	slab_clear(&roster->edge_slab);
}
