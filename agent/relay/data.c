// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Data that the kernel program left to us: a driver without headroom for
 * another family, a next hop not resolved yet, a leg that was being written, a
 * packet that has to be fragmented. And data from a source that is not its
 * leg's, which is not forwarded but may lead to a question.
 */
#include <string.h>

#include "relay/state.h"

static void forward(struct relay_engine *engine, size_t at, uint16_t to,
		    const void *message, size_t len)
{
	if (!relay_leg_live(&engine->legs, to)) {
		relay_engine_count(engine, RELAY_OUTCOME_slow_path_no_leg);
		return;
	}
	relay_engine_send(engine, to, message, len);
	relay_table_add(&engine->table, at, len);
	engine->user_packets++;
	engine->user_bytes += len;
	relay_engine_count(engine, RELAY_OUTCOME_slow_path);
}

/* The kernel program compares our own address too: a peer that uses another one
 * of ours is forwarded, but has to prove it to go the fast way. */
static bool came_by_leg(const struct relay_engine *engine, uint16_t leg,
			const struct wg_path *path)
{
	struct wg_path known;

	if (!relay_leg_live(&engine->legs, leg))
		return true; /* nobody to ask */
	relay_leg_path(&engine->legs, leg, &known);
	return wg_path_equal(&known, path);
}

static void ask(struct relay_engine *engine, uint16_t leg,
		const struct wg_path *path, size_t len)
{
	struct relay_party *party = relay_leg_party(&engine->legs, leg);

	relay_party_note(party, RELAY_OUTCOME_data_wrong_source, engine->now_s);
	relay_roam_ask(engine, party, path, len);
}

void relay_data(struct relay_engine *engine, const struct wg_path *path,
		const struct wg_data *message, size_t len)
{
	struct relay_slot slot;
	uint32_t index_le;
	size_t at;

	memcpy(&index_le,
	       (const uint8_t *)message + offsetof(struct wg_data, receiver),
	       sizeof(index_le));
	at = relay_table_find(&engine->table, index_le);
	if (at == RELAY_NOWHERE) {
		relay_engine_count(engine, RELAY_OUTCOME_data_unknown);
		return;
	}
	slot = relay_table_slot(&engine->table, at);
	if (slot.to == RELAY_LEG_LOCAL) {
		relay_engine_count(engine, RELAY_OUTCOME_data_unknown);
		return;
	}
	if (relay_leg_find(&engine->legs, path) == slot.from)
		forward(engine, at, slot.to, message, len);
	else
		relay_engine_count(engine, RELAY_OUTCOME_data_wrong_source);
	if (!came_by_leg(engine, slot.from, path))
		ask(engine, slot.from, path, len);
}
