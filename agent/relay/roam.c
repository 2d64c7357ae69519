// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where peers are. Only proofs move a leg: an answer to the relay's own
 * handshake or an authentic packet of its tunnel. What merely looks like a peer
 * at a new source, data with one of its indices, earns that source a question
 * that only the peer can answer: an initiation, once the bytes from there have
 * paid for it, and at most one a second a peer.
 */
#include <stdlib.h>
#include <string.h>

#include "relay/state.h"

/* A few sources at once: one that forges data must not keep out the true one. */
struct relay_asks {
	uint64_t asked_ns; /* last question to this peer, anywhere */
	struct {
		struct wg_path path;
		uint32_t seen_s; /* 0: free */
		uint32_t bytes; /* not yet answered for */
		uint64_t asked_ns;
	} source[RELAY_ASK_SOURCES];
};

/* ---- proofs ---- */

/* Who had the address before has it no more: the proof is newer than his. */
static void take_over(struct relay_engine *engine,
		      const struct relay_party *party,
		      const struct wg_path *path)
{
	uint16_t leg = relay_leg_find(&engine->legs, path);

	if (!leg || relay_leg_party(&engine->legs, leg) == party)
		return;
	relay_drop_leg(engine, leg, RELAY_OUTCOME_leg_taken);
	relay_purge(engine, false);
}

static uint16_t make(struct relay_engine *engine, struct relay_party *party,
		     const struct wg_path *path)
{
	uint16_t leg;

	if (relay_leg_add(&engine->legs, party, path, engine->now_s, &leg)) {
		relay_engine_count(engine, RELAY_OUTCOME_legs_full);
		relay_party_note(party, RELAY_OUTCOME_legs_full, engine->now_s);
		return RELAY_LEG_NONE;
	}
	relay_engine_count(engine, RELAY_OUTCOME_leg_made);
	relay_party_note(party, RELAY_OUTCOME_leg_made, engine->now_s);
	relay_engine_dirty(engine);
	return leg;
}

static void move(struct relay_engine *engine, struct relay_party *party,
		 uint16_t leg, const struct wg_path *path)
{
	if (relay_leg_move(&engine->legs, leg, path)) {
		relay_engine_count(engine, RELAY_OUTCOME_legs_full);
		return;
	}
	relay_engine_count(engine, RELAY_OUTCOME_leg_moved);
	relay_party_note(party, RELAY_OUTCOME_leg_moved, engine->now_s);
	relay_engine_dirty(engine);
}

void relay_roam_proven(struct relay_engine *engine, struct relay_party *party,
		       const struct wg_path *path)
{
	uint16_t leg =
		relay_leg_on_port(&engine->legs, party, path->local_port);
	struct wg_path known;

	if (leg)
		relay_leg_path(&engine->legs, leg, &known);
	if (!leg || !wg_path_equal(&known, path)) {
		take_over(engine, party, path);
		if (leg)
			move(engine, party, leg, path);
		else
			leg = make(engine, party, path);
		if (!leg)
			return;
	}
	party->heard_s = engine->now_s;
	relay_leg_proven(&engine->legs, leg, engine->now_s);
	relay_hold_release(engine, party, leg, path);
}

/* ---- questions ---- */

static size_t ask_place(struct relay_asks *asks, const struct wg_path *path,
			uint32_t now_s)
{
	size_t oldest = 0;

	for (size_t i = 0; i < RELAY_ASK_SOURCES; i++) {
		if (asks->source[i].seen_s &&
		    wg_path_equal(&asks->source[i].path, path))
			return i;
		if (asks->source[i].seen_s + RELAY_ASK_LIFE <= now_s)
			asks->source[i].seen_s = 0;
		if (asks->source[i].seen_s < asks->source[oldest].seen_s)
			oldest = i;
	}
	memset(&asks->source[oldest], 0, sizeof(asks->source[oldest]));
	asks->source[oldest].path = *path;
	return oldest;
}

/* Whose turn it is among the sources that have paid, RELAY_ASK_SOURCES if none. */
static size_t next_source(const struct relay_asks *asks)
{
	size_t next = RELAY_ASK_SOURCES;

	for (size_t i = 0; i < RELAY_ASK_SOURCES; i++) {
		if (!asks->source[i].seen_s ||
		    asks->source[i].bytes < WG_INITIATION_LEN)
			continue;
		if (next == RELAY_ASK_SOURCES ||
		    asks->source[i].asked_ns < asks->source[next].asked_ns)
			next = i;
	}
	return next;
}

static void ask(struct relay_engine *engine, struct relay_party *party,
		struct relay_asks *asks, size_t place)
{
	struct wg_path *path = &asks->source[place].path;

	asks->source[place].asked_ns = engine->now_ns;
	if (wg_peer_initiate(party->wg, path, false, engine->now_ns))
		return;
	asks->asked_ns = engine->now_ns;
	asks->source[place].bytes = 0;
	relay_engine_count(engine, RELAY_OUTCOME_challenged);
}

void relay_roam_ask(struct relay_engine *engine, struct relay_party *party,
		    const struct wg_path *path, size_t bytes)
{
	struct relay_asks *asks = party->asks;
	size_t place;

	if (!party->wg)
		return;
	if (!asks)
		asks = party->asks = calloc(1, sizeof(*asks));
	if (!asks)
		return;
	place = ask_place(asks, path, engine->now_s);
	asks->source[place].seen_s = engine->now_s;
	if (asks->source[place].bytes < WG_INITIATION_LEN)
		asks->source[place].bytes += bytes;
	if (asks->asked_ns &&
	    engine->now_ns - asks->asked_ns < RELAY_ASK_INTERVAL_NS)
		return;
	place = next_source(asks);
	if (place < RELAY_ASK_SOURCES)
		ask(engine, party, asks, place);
}
