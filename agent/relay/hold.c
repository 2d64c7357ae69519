// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An initiation for somebody else, from an address that peers use but a port
 * (or on a relay port) that none has proven: a second relay port that the
 * sender's NAT maps anew, or a NAT that forgot. Who may be behind it is a
 * guess: a peer at that address one of whose partners fits mac1. The relay
 * keeps this one message, sends a guess an initiation of its own, 148 bytes for
 * 148, and forwards when the answer proves the guess. A retry tries the next.
 */
#include <string.h>

#include "relay/state.h"

static bool same_source(const struct wg_path *a, const struct wg_path *b)
{
	return a->remote_port == b->remote_port &&
	       a->local_port == b->local_port &&
	       !memcmp(a->remote, b->remote, sizeof(a->remote));
}

/* Free, or remembers only whom it asked. */
static bool vacant(const struct relay_engine *engine,
		   const struct relay_hold *hold)
{
	return hold->forget_s <= engine->now_s || hold->until_s < engine->now_s;
}

static struct relay_hold *earlier(struct relay_hold *a, struct relay_hold *b)
{
	return a && a->forget_s <= b->forget_s ? a : b;
}

/*
 * The source's own place, else the one that is free for longest, or where
 * nothing waits any more. An address has a few and then only those, so that it
 * can not take the others'.
 */
static struct relay_hold *hold_place(struct relay_engine *engine,
				     const struct wg_path *path)
{
	struct relay_hold *any = NULL, *own = NULL;
	unsigned int here = 0;

	for (size_t i = 0; i < RELAY_HOLD_MAX; i++) {
		struct relay_hold *hold = &engine->holds[i];
		bool used = hold->forget_s > engine->now_s;
		bool same = used && !memcmp(hold->path.remote, path->remote,
					    sizeof(path->remote));

		if (same && same_source(&hold->path, path))
			return hold;
		here += same;
		if (!vacant(engine, hold))
			continue;
		any = earlier(any, hold);
		if (same)
			own = earlier(own, hold);
	}
	if (here >= RELAY_HOLD_PER_ADDRESS)
		any = own;
	if (any) {
		memset(any, 0, sizeof(*any));
		any->path = *path;
	}
	return any;
}

static bool seen(struct relay_party *const *found, size_t count,
		 const struct relay_party *party)
{
	for (size_t i = 0; i < count; i++)
		if (found[i] == party)
			return true;
	return false;
}

static size_t candidates(struct relay_engine *engine,
			 const struct wg_path *path,
			 const struct wg_initiation *message,
			 struct relay_party **found)
{
	const struct relay_place *place =
		relay_place_find(&engine->legs, path->remote);
	unsigned int macs = RELAY_HOLD_MACS, legs = RELAY_HOLD_LEGS;
	uint16_t leg = place ? place->first : RELAY_LEG_NONE;
	size_t count = 0;

	for (; leg && legs-- && macs && count < RELAY_HOLD_CANDIDATES;
	     leg = engine->legs.info[leg].next_here) {
		struct relay_party *party = engine->legs.info[leg].party;

		if (!seen(found, count, party) &&
		    relay_may_match(&engine->roster, party, message,
				    sizeof(*message), engine->now_s,
				    &engine->hold_macs_total, &macs))
			found[count++] = party;
	}
	return count;
}

void relay_hold_initiation(struct relay_engine *engine,
			   const struct wg_path *path,
			   const struct wg_initiation *message)
{
	struct relay_party *found[RELAY_HOLD_CANDIDATES], *party;
	struct relay_hold *hold;
	size_t count;

	if (!relay_place_find(&engine->legs, path->remote)) {
		relay_engine_count(engine, RELAY_OUTCOME_unknown_sender);
		return;
	}
	count = candidates(engine, path, message, found);
	if (!count) {
		relay_engine_count(engine, RELAY_OUTCOME_no_consent);
		return;
	}
	hold = hold_place(engine, path);
	if (!hold) {
		relay_engine_count(engine, RELAY_OUTCOME_hold_full);
		return;
	}
	party = found[hold->asked % count];
	if (!wg_peer_initiate(party->wg, path, false, engine->now_ns)) {
		hold->asked++;
		hold->candidate = party->key;
		relay_engine_count(engine, RELAY_OUTCOME_challenged);
	}
	memcpy(hold->message, message, sizeof(*message));
	hold->until_s = engine->now_s + RELAY_HOLD_LIFE;
	hold->forget_s = engine->now_s + RELAY_HOLD_MEMORY;
	relay_party_note(party, RELAY_OUTCOME_held, engine->now_s);
	relay_engine_count(engine, RELAY_OUTCOME_held);
}

/* The party has proven the path, the leg is made: forward what waited for it. */
void relay_hold_release(struct relay_engine *engine, struct relay_party *party,
			uint16_t leg, const struct wg_path *path)
{
	struct wg_initiation message;

	for (size_t i = 0; i < RELAY_HOLD_MAX; i++) {
		struct relay_hold *hold = &engine->holds[i];

		if (!hold->until_s || !same_source(&hold->path, path) ||
		    !wg_key_equal(&hold->candidate, &party->key))
			continue;
		memcpy(&message, hold->message, sizeof(message));
		memset(hold, 0, sizeof(*hold));
		relay_forward_initiation(engine, leg, &message);
		return;
	}
}

void relay_hold_expire(struct relay_engine *engine)
{
	for (size_t i = 0; i < RELAY_HOLD_MAX; i++) {
		struct relay_hold *hold = &engine->holds[i];

		if (hold->until_s && hold->until_s < engine->now_s) {
			hold->until_s = 0;
			relay_engine_count(engine, RELAY_OUTCOME_hold_expired);
		}
	}
}
