// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * After a restart the relay's keypairs are gone and peers would notice only at
 * their next rekey. So the relay initiates to each, from the address and port
 * that the peer knows, a few times and paced. Paths to try wait in the order in
 * which they are due.
 */
#include <stdlib.h>

#include "relay/state.h"

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

/* Proven since the start: nothing left to do. */
static bool awake(const struct relay_party *party)
{
	struct wg_peer_stats stats;

	wg_peer_stats(party->wg, &stats);
	return stats.heard_at_ns;
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

uint64_t relay_wake_step(struct relay_engine *engine)
{
	int left = RELAY_WAKE_BATCH;

	if (relay_list_empty(&engine->wakes))
		return UINT64_MAX;
	if (engine->wake_ns > engine->now_ns)
		return engine->wake_ns;
	while (left-- && !relay_list_empty(&engine->wakes)) {
		struct relay_wake *wake = relay_container(
			engine->wakes.next, struct relay_wake, list);

		if (wake->due_s > engine->now_s)
			break;
		call(engine, wake);
	}
	engine->wake_ns = engine->now_ns + RELAY_WAKE_INTERVAL_NS;
	return engine->wake_ns;
}
