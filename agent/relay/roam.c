// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where peers are. Only a proof gives a peer another address: that it received
 * what the relay sent there, which is an answer to the relay's own handshake or
 * the first packet under a keypair that the relay's response made. What merely
 * looks like a peer at a new source earns that source a question that only the
 * peer can answer: an initiation, at most one a second a peer. Data with one of
 * its indices must have paid for it in bytes before; an authentic packet of the
 * tunnel pays at once, since a peer that is silent otherwise sends 32 bytes in
 * 25 s, and only a peer that is allowed here can make one.
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

/*
 * Where an authentic packet came from is only what its sender wrote on it. That
 * is good for a new port of the address that the leg has, as a NAT maps it anew,
 * if nobody else is there; a new address might be a victim's, or another peer's.
 */
static bool plausible(const struct relay_engine *engine, uint16_t leg,
		      const struct wg_path *path)
{
	uint16_t there = relay_leg_find(&engine->legs, path);

	return leg && (!there || there == leg) &&
	       !memcmp(engine->map.legs[leg].addr, path->remote, 16);
}

/*
 * The peer has answered from a new place, so it has moved, and its legs on the
 * other ports with it: the next question need not wait its second. WireGuard
 * takes no more than 50 initiations a second of one peer.
 */
static void ask_sooner(const struct relay_engine *engine,
		       const struct relay_party *party)
{
	struct relay_asks *asks = party->affairs ? party->affairs->asks : NULL;

	if (asks && engine->now_ns > RELAY_ASK_INTERVAL_NS)
		asks->asked_ns = engine->now_ns - RELAY_ASK_INTERVAL_NS +
				 RELAY_ASK_SOONER_NS;
}

void relay_roam_proven(struct relay_engine *engine, struct relay_party *party,
		       const struct wg_path *path, bool answered)
{
	uint16_t leg =
		relay_leg_on_port(&engine->legs, party, path->local_port);
	struct wg_path known;

	if (leg)
		relay_leg_path(&engine->legs, leg, &known);
	if (!leg || !wg_path_equal(&known, path)) {
		if (!answered && !plausible(engine, leg, path)) {
			relay_roam_ask(engine, party, path, WG_INITIATION_LEN);
			return;
		}
		take_over(engine, party, path);
		if (leg)
			move(engine, party, leg, path);
		else
			leg = make(engine, party, path);
		if (!leg)
			return;
		if (answered)
			ask_sooner(engine, party);
	}
	if (answered && engine->dirtied_s + RELAY_STAMPS_AGE <= engine->now_s)
		relay_engine_dirty(engine);
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

static struct relay_asks *asks_of(struct relay_party *party)
{
	struct relay_affairs *affairs = relay_party_affairs(party);

	if (affairs && !affairs->asks)
		affairs->asks = calloc(1, sizeof(*affairs->asks));
	return affairs ? affairs->asks : NULL;
}

void relay_roam_expire(struct relay_engine *engine, struct relay_party *party)
{
	struct relay_affairs *affairs = party->affairs;

	if (!affairs || !affairs->asks)
		return;
	for (size_t i = 0; i < RELAY_ASK_SOURCES; i++)
		if (affairs->asks->source[i].seen_s + RELAY_ASK_LIFE >
		    engine->now_s)
			return;
	free(affairs->asks);
	affairs->asks = NULL;
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
	struct relay_asks *asks;
	size_t place;

	if (!party->wg)
		return;
	asks = asks_of(party);
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
