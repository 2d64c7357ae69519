// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Handshakes of others. The source of an initiation names its sender, mac1
 * confirms which of the sender's partners it is for, and a pending entry waits
 * for the response. The response makes the session live, both directions,
 * before it is passed on, so that the first data packet finds it. Messages are
 * forwarded as they came: not a byte is changed.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/state.h"

/* Somebody uses the index, or is about to. */
static bool taken(const struct relay_engine *engine, uint32_t index_le)
{
	return relay_table_find(&engine->table, index_le) != RELAY_NOWHERE ||
	       relay_pending_find(&engine->pendings, index_le) ||
	       wg_tunnel_owns(engine->tunnel, le32toh(index_le));
}

static void note_side(struct relay_engine *engine, struct relay_side *side,
		      enum relay_outcome what)
{
	side->note.at_s = engine->now_s;
	side->note.what = what;
}

/* ---- type 1 ---- */

/* Kept to tell later, when somebody asks, whom it was for. */
static void keep_unmatched(struct relay_party *sender,
			   const struct wg_initiation *message)
{
	struct relay_affairs *affairs = relay_party_affairs(sender);

	if (!affairs)
		return;
	if (!affairs->unmatched)
		affairs->unmatched = malloc(sizeof(*message));
	if (affairs->unmatched)
		memcpy(affairs->unmatched, message, sizeof(*message));
}

/* Since the way was last known to be open. */
static uint32_t leg_age(const struct relay_engine *engine, uint16_t leg)
{
	const struct relay_leg_info *info = &engine->legs.info[leg];

	return engine->now_s -
	       (info->used_s > info->proven_s ? info->used_s : info->proven_s);
}

static uint32_t least_age(const struct relay_engine *engine,
			  const struct relay_party *party)
{
	uint32_t least = UINT32_MAX;

	for (uint16_t leg = party->first_leg; leg;
	     leg = relay_leg_next(&engine->legs, leg))
		if (leg_age(engine, leg) < least)
			least = leg_age(engine, leg);
	return least;
}

/* The legs that are about as fresh as the party's best: the one at place
 * `wanted`, or how many there are. */
static size_t fresh_legs(const struct relay_engine *engine,
			 const struct relay_party *party, size_t wanted,
			 uint16_t *found)
{
	uint32_t oldest = least_age(engine, party) + RELAY_LEG_STALE;
	size_t count = 0;

	for (uint16_t leg = party->first_leg; leg;
	     leg = relay_leg_next(&engine->legs, leg)) {
		if (leg_age(engine, leg) > oldest)
			continue;
		if (count++ == wanted)
			*found = leg;
	}
	return count;
}

/*
 * Where to reach the other side: on the port it used with this partner last,
 * else spread the pairs evenly over its ports, each pair always the same. Where
 * two handshakes in a row were not answered, the next ones go round.
 */
static uint16_t choose_leg(const struct relay_engine *engine,
			   const struct relay_side *target)
{
	const struct relay_edge *edge = relay_edge_of(target);
	const struct relay_party *party = target->party;
	uint16_t leg = RELAY_LEG_NONE;
	uint64_t spread = edge->node.hash >> 32;

	if (!party->first_leg)
		return RELAY_LEG_NONE;
	if (target->leg_port && edge->unanswered < 2)
		leg = relay_leg_on_port(&engine->legs, party, target->leg_port);
	if (leg && leg_age(engine, leg) <= RELAY_LEG_STALE)
		return leg;
	if (edge->unanswered >= 2)
		spread += edge->unanswered;
	fresh_legs(engine, party,
		   spread % fresh_legs(engine, party, SIZE_MAX, NULL), &leg);
	return leg;
}

static bool room(const struct relay_engine *engine)
{
	return engine->table.forwarded + 2 <= engine->table.forwarded_max;
}

static enum relay_outcome pass_on(struct relay_engine *engine, uint16_t from,
				  struct relay_side *side,
				  const struct wg_initiation *message)
{
	uint16_t to = choose_leg(engine, relay_side_other(side));
	struct relay_pending *pending;
	bool yielded;

	if (!to)
		return RELAY_OUTCOME_not_here;
	if (taken(engine, message->sender))
		return RELAY_OUTCOME_index_collision;
	if (!room(engine))
		return RELAY_OUTCOME_sessions_full;
	pending = relay_pending_add(&engine->pendings, side->party,
				    message->sender, engine->now_s, &yielded);
	if (yielded)
		relay_engine_count(engine, RELAY_OUTCOME_pending_expired);
	if (!pending)
		return RELAY_OUTCOME_pending_full;
	pending->from = from;
	pending->to = to;
	pending->from_life = relay_leg_life(&engine->legs, from);
	pending->to_life = relay_leg_life(&engine->legs, to);
	if (relay_edge_of(side)->unanswered < UINT8_MAX)
		relay_edge_of(side)->unanswered++;
	relay_engine_send(engine, to, message, sizeof(*message));
	return RELAY_OUTCOME_initiation_forwarded;
}

void relay_forward_initiation(struct relay_engine *engine, uint16_t leg,
			      const struct wg_initiation *message)
{
	struct relay_party *sender = relay_leg_party(&engine->legs, leg);
	enum relay_outcome what;
	struct relay_side *side;

	side = relay_match(&engine->roster, sender, message, sizeof(*message),
			   engine->now_s, &engine->mac1_total, &what);
	if (!side) {
		keep_unmatched(sender, message);
		relay_party_note(sender, what, engine->now_s);
		relay_engine_count(engine, what);
		return;
	}
	relay_side_matched(side, engine->now_s);
	what = pass_on(engine, leg, side, message);
	note_side(engine, side, what);
	relay_engine_count(engine, what);
}

static void initiation(struct relay_engine *engine, const struct wg_path *path,
		       const struct wg_initiation *message)
{
	uint16_t leg = relay_leg_find(&engine->legs, path);

	if (leg)
		relay_forward_initiation(engine, leg, message);
	else
		relay_hold_initiation(engine, path, message);
}

/* ---- type 2 ---- */

static bool same_legs(const struct relay_engine *engine,
		      const struct relay_pending *pending)
{
	return relay_leg_party_in(&engine->legs, pending->from,
				  pending->from_life) &&
	       relay_leg_party_in(&engine->legs, pending->to, pending->to_life);
}

/* A leaky count: a session's life empties a full one. */
static bool pair_may(struct relay_engine *engine, struct relay_edge *edge)
{
	uint32_t leaked = (uint64_t)(engine->now_s - edge->fill_s) *
			  RELAY_PAIR_SESSIONS / RELAY_SESSION_LIFE;

	if (leaked) {
		edge->fill = edge->fill > leaked ? edge->fill - leaked : 0;
		edge->fill_s = engine->now_s;
	}
	if (edge->fill >= RELAY_PAIR_SESSIONS &&
	    engine->table.forwarded > engine->table.forwarded_max / 2)
		return false;
	if (edge->fill < RELAY_PAIR_SESSIONS)
		edge->fill++;
	return true;
}

/* Both directions or none. The initiator's has been there since an earlier
 * answer, if there was one. */
static int publish(struct relay_engine *engine,
		   const struct relay_pending *pending, uint32_t responder_le)
{
	struct relay_table *table = &engine->table;
	int err;

	err = relay_table_publish(table, responder_le, pending->from,
				  pending->to, engine->now_s);
	if (err || pending->answered)
		return err;
	err = relay_table_publish(table, pending->index_le, pending->to,
				  pending->from, engine->now_s);
	if (err)
		relay_table_withdraw(table,
				     relay_table_find(table, responder_le));
	return err;
}

/* The very answer that was forwarded before, as networks double packets. */
static bool repeated(const struct relay_engine *engine,
		     const struct relay_pending *pending,
		     const struct wg_response *message)
{
	size_t at = relay_table_find(&engine->table, message->sender);
	struct relay_slot slot;

	if (!pending->answered || at == RELAY_NOWHERE)
		return false;
	slot = relay_table_slot(&engine->table, at);
	return slot.from == pending->from && slot.to == pending->to;
}

static enum relay_outcome establish(struct relay_engine *engine,
				    const struct relay_pending *pending,
				    struct relay_edge *edge,
				    const struct wg_response *message)
{
	int err;

	if (taken(engine, message->sender))
		return RELAY_OUTCOME_index_collision;
	if (!pair_may(engine, edge))
		return RELAY_OUTCOME_pair_limit;
	err = publish(engine, pending, message->sender);
	if (err == -EEXIST)
		return RELAY_OUTCOME_index_collision;
	if (err)
		return RELAY_OUTCOME_sessions_full;
	relay_edge_shook(edge, engine->now_s);
	relay_engine_send(engine, pending->from, message, sizeof(*message));
	return RELAY_OUTCOME_response_forwarded;
}

static uint16_t relay_port(const struct relay_engine *engine, uint16_t leg)
{
	return ntohs(engine->map.legs[leg].local_port);
}

/*
 * The response proves the way both ends have just used. Anybody who saw the
 * initiation can forge one, so another is as welcome until the entry's end: the
 * initiator knows which is true.
 */
static enum relay_outcome complete(struct relay_engine *engine,
				   struct relay_pending *pending,
				   const struct wg_response *message)
{
	struct relay_party *target =
		relay_leg_party(&engine->legs, pending->to);
	struct relay_edge *edge =
		relay_edge_find(&engine->roster, pending->sender, target);
	enum relay_outcome what;

	if (!edge || !relay_edge_open(&engine->roster, edge))
		return RELAY_OUTCOME_no_consent;
	what = establish(engine, pending, edge, message);
	note_side(engine, relay_edge_side(edge, pending->sender), what);
	if (what != RELAY_OUTCOME_response_forwarded)
		return what;
	relay_edge_side(edge, pending->sender)->leg_port =
		relay_port(engine, pending->from);
	relay_edge_side(edge, target)->leg_port =
		relay_port(engine, pending->to);
	relay_leg_used(&engine->legs, pending->from, engine->now_s);
	relay_leg_used(&engine->legs, pending->to, engine->now_s);
	pending->answered = true;
	return what;
}

static enum relay_outcome response(struct relay_engine *engine,
				   const struct wg_path *path,
				   const struct wg_response *message)
{
	struct relay_pending *pending =
		relay_pending_find(&engine->pendings, message->receiver);

	if (!pending || !same_legs(engine, pending))
		return RELAY_OUTCOME_response_unmatched;
	if (relay_leg_find(&engine->legs, path) != pending->to)
		return RELAY_OUTCOME_response_wrong_source;
	if (!wg_mac1_fits(&pending->sender->mac1, message, sizeof(*message)))
		return RELAY_OUTCOME_response_wrong_mac1;
	if (repeated(engine, pending, message))
		return RELAY_OUTCOME_response_unmatched;
	return complete(engine, pending, message);
}

/* ---- type 3 ---- */

/* The answer to an initiation: from its target, once. */
static uint16_t cookie_for_pending(struct relay_engine *engine, uint16_t leg,
				   uint32_t index_le)
{
	struct relay_pending *pending =
		relay_pending_find(&engine->pendings, index_le);

	if (!pending || pending->to != leg || pending->cookie ||
	    !same_legs(engine, pending))
		return RELAY_LEG_NONE;
	pending->cookie = true;
	return pending->from;
}

/* The answer to a response: from the initiator, whose session it has made. */
static uint16_t cookie_for_session(struct relay_engine *engine, uint16_t leg,
				   uint32_t index_le)
{
	size_t at = relay_table_find(&engine->table, index_le);
	struct relay_slot slot;

	if (at == RELAY_NOWHERE)
		return RELAY_LEG_NONE;
	slot = relay_table_slot(&engine->table, at);
	if (slot.from != leg || !relay_leg_live(&engine->legs, slot.to) ||
	    relay_table_age(&engine->table, at, engine->now_s) >
		    RELAY_COOKIE_WINDOW)
		return RELAY_LEG_NONE;
	return slot.to;
}

static enum relay_outcome cookie(struct relay_engine *engine,
				 const struct wg_path *path,
				 const struct wg_cookie *message)
{
	uint16_t leg = relay_leg_find(&engine->legs, path), to;

	if (!leg)
		return RELAY_OUTCOME_cookie_unmatched;
	to = cookie_for_pending(engine, leg, message->receiver);
	if (!to)
		to = cookie_for_session(engine, leg, message->receiver);
	if (!to)
		return RELAY_OUTCOME_cookie_unmatched;
	relay_engine_send(engine, to, message, sizeof(*message));
	return RELAY_OUTCOME_cookie_forwarded;
}

void relay_forward(struct relay_engine *engine, const struct wg_path *path,
		   const void *message, size_t len)
{
	union { /* what comes from a socket is aligned for nothing */
		struct wg_header header;
		struct wg_initiation initiation;
		struct wg_response response;
		struct wg_cookie cookie;
	} copy;

	memcpy(&copy, message, len < sizeof(copy) ? len : sizeof(copy));
	switch (copy.header.type) {
	case WG_INITIATION:
		initiation(engine, path, &copy.initiation);
		break;
	case WG_RESPONSE:
		relay_engine_count(engine,
				   response(engine, path, &copy.response));
		break;
	case WG_COOKIE:
		relay_engine_count(engine, cookie(engine, path, &copy.cookie));
		break;
	}
}
