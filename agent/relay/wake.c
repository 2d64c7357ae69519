// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * After a restart the relay's keypairs are gone and peers would notice only at
 * their next rekey. So the relay initiates to each, from the address and port
 * that the peer knows, a few times and paced.
 *
 * Legs that were taken over are called by their numbers, round after round, and
 * know themselves how often they still are. What only the saved state names, a
 * peer and a path, waits in a list in the order in which it is due.
 */
#include <stdlib.h>

#include "relay/state.h"

/* Proven since the start: nothing left to do. */
static bool awake(const struct relay_party *party)
{
	struct wg_peer_stats stats;

	wg_peer_stats(party->wg, &stats);
	return stats.heard_at_ns;
}

/* ---- legs ---- */

void relay_wake_leg(struct relay_engine *engine, uint16_t leg)
{
	engine->legs.info[leg].wakes = RELAY_WAKE_TRIES;
	engine->wake_leg = 1;
}

/* Moves on to the next leg that is owed a call; false if there is none now. */
static bool find_leg(struct relay_engine *engine)
{
	const struct relay_legs *legs = &engine->legs;
	uint32_t leg = engine->wake_leg;

	if (!leg || engine->wake_round_s > engine->now_s)
		return false;
	while (leg < legs->fresh && !legs->info[leg].wakes)
		leg++;
	if (leg < legs->fresh) {
		engine->wake_leg = (uint16_t)leg;
		return true;
	}
	/* The end of a round: another one, if this one called anybody. */
	engine->wake_leg = engine->wake_called ? 1 : RELAY_LEG_NONE;
	engine->wake_called = false;
	engine->wake_round_s = engine->now_s + RELAY_WAKE_AGAIN;
	return false;
}

static void call_leg(struct relay_engine *engine, uint16_t leg)
{
	struct relay_party *party = relay_leg_party(&engine->legs, leg);
	struct relay_leg_info *info = &engine->legs.info[leg];
	struct wg_path path;

	engine->wake_leg = leg + 1;
	if (!party || !party->allowed || awake(party)) {
		info->wakes = 0;
		return;
	}
	relay_leg_path(&engine->legs, leg, &path);
	wg_peer_initiate(party->wg, &path, false, engine->now_ns);
	info->wakes--;
	engine->wake_called = true;
}

/* ---- saved paths ---- */

void relay_wake_add(struct relay_engine *engine,
		    const struct relay_party *party, const struct wg_path *path)
{
	struct relay_wake *wake = calloc(1, sizeof(*wake));

	if (!wake)
		return; /* the peer's own rekey will do */
	wake->key = party->key;
	wake->path = *path;
	wake->due_s = engine->now_s;
	wake->tries = RELAY_WAKE_TRIES;
	relay_list_insert(&wake->list, engine->wakes.prev);
}

static void end(struct relay_wake *wake)
{
	relay_list_remove(&wake->list);
	free(wake);
}

void relay_wake_clear(struct relay_engine *engine)
{
	while (!relay_list_empty(&engine->wakes))
		end(relay_container(engine->wakes.next, struct relay_wake,
				    list));
}

static void call(struct relay_engine *engine, struct relay_wake *wake)
{
	struct relay_party *party =
		relay_party_find(&engine->roster, &wake->key);

	if (!party || !party->allowed || !relay_join(engine, party) ||
	    awake(party)) {
		end(wake);
		return;
	}
	wg_peer_initiate(party->wg, &wake->path, false, engine->now_ns);
	if (!--wake->tries) {
		end(wake);
		return;
	}
	wake->due_s = engine->now_s + RELAY_WAKE_AGAIN;
	relay_list_to_back(&wake->list, &engine->wakes);
}

static bool call_saved(struct relay_engine *engine)
{
	struct relay_wake *wake;

	if (relay_list_empty(&engine->wakes))
		return false;
	wake = relay_container(engine->wakes.next, struct relay_wake, list);
	if (wake->due_s > engine->now_s)
		return false;
	call(engine, wake);
	return true;
}

uint64_t relay_wake_step(struct relay_engine *engine)
{
	int left = RELAY_WAKE_BATCH;

	if (!engine->wake_leg && relay_list_empty(&engine->wakes))
		return UINT64_MAX;
	if (engine->wake_ns > engine->now_ns)
		return engine->wake_ns;
	for (; left && find_leg(engine); left--)
		call_leg(engine, engine->wake_leg);
	while (left-- && call_saved(engine))
		;
	engine->wake_ns = engine->now_ns + RELAY_WAKE_INTERVAL_NS;
	return engine->wake_ns;
}
