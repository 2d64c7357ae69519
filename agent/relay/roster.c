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
	roster->own = *own;
	roster->mutual = settings->require_mutual;
	roster->party_max = (size_t)settings->max_peers * RELAY_PARTIES_FACTOR;
	roster->edge_max = (size_t)settings->max_peers * RELAY_EDGES_FACTOR;
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
	       relay_list_empty(&party->pending);
}

static void party_free(struct relay_roster *roster, struct relay_party *party)
{
	relay_hash_remove(&roster->parties, &party->node);
	relay_list_remove(&party->all);
	roster->party_count--;
	if (party->assembly)
		relay_assembly_clear(party->assembly);
	free(party->assembly);
	free(party->asks);
	free(party->unmatched);
	free(party);
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
	struct relay_party *party = calloc(1, sizeof(*party));

	if (!party)
		return NULL;
	party->key = *key;
	wg_mac1_key(&party->mac1, key);
	party->allowed = relay_settings_allow(settings, key);
	party->listless = true;
	relay_list_init(&party->talking);
	relay_list_init(&party->idle);
	relay_list_init(&party->pending);
	relay_list_insert(&party->all, roster->all.prev);
	relay_hash_insert(
		&roster->parties, &party->node,
		relay_hash_of(&roster->parties, key->bytes, WG_KEY_LEN));
	roster->party_count++;
	return party;
}

struct relay_party *relay_party_make(struct relay_roster *roster,
				     const struct wg_key *key,
				     const struct relay_settings *settings)
{
	struct relay_party *party = relay_party_find(roster, key);

	if (party)
		return party;
	if (!memcmp(key->bytes, roster->own.bytes, WG_KEY_LEN)) {
		errno = EINVAL;
		return NULL;
	}
	if (roster->party_count >= roster->party_max)
		make_room(roster);
	if (roster->party_count >= roster->party_max) {
		errno = ENOSPC;
		return NULL;
	}
	party = party_new(roster, key, settings);
	if (!party)
		errno = ENOMEM;
	return party;
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
	if (!party->notes[0].at_s || party->notes[0].what != what)
		memmove(party->notes + 1, party->notes,
			sizeof(party->notes) - sizeof(party->notes[0]));
	party->notes[0].what = what;
	party->notes[0].at_s = now_s;
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
	struct relay_edge *edge = calloc(1, sizeof(*edge));

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
	free(edge);
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

/* Marks the edge to one key, making what is missing. */
static int mark_key(struct relay_roster *roster, struct relay_party *party,
		    const struct wg_key *key,
		    const struct relay_settings *settings)
{
	struct relay_party *other = relay_party_make(roster, key, settings);
	struct relay_edge *edge;

	if (!other)
		return errno == EINVAL ? 0 : -errno;
	if (other == party)
		return 0;
	edge = relay_edge_find(roster, party, other);
	if (!edge) {
		if (roster->edge_count >= roster->edge_max)
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
	int err = 0;

	party->edges++; /* making room for others must not free this one */
	for (size_t i = 0; i < count && !err; i++)
		err = mark_key(roster, party, &keys[i], settings);
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
}
