// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Taking over what a previous process left in the maps. The kernel program has
 * gone on forwarding with it and must not notice: sessions stay where they are
 * and get a full lifetime from now, legs keep their numbers and are told apart
 * by their labels, and each peer is asked for a fresh tunnel.
 */
#include <string.h>

#include "relay/state.h"

static struct relay_party *party_of(void *arg, const struct wg_key *key,
				    uint16_t local_port)
{
	struct relay_engine *engine = arg;
	struct relay_party *party;

	/* Nobody listens on a port that ListenPort has no more. */
	if (local_port < engine->settings.port_min ||
	    local_port > engine->settings.port_max ||
	    !relay_settings_allow(&engine->settings, key))
		return NULL;
	party = relay_party_make(&engine->roster, key, &engine->settings);
	if (!party || !relay_join(engine, party))
		return NULL;
	/* Not proven to this process: `heard` is the grace that it gets. */
	party->heard_s = engine->now_s;
	return party;
}

void relay_adopt(struct relay_engine *engine)
{
	relay_table_adopt(&engine->table, engine->now_s);
	engine->adopted_until_s =
		engine->now_s + RELAY_SESSION_LIFE + RELAY_SWEEP_TURN;
	relay_legs_adopt(&engine->legs, engine->now_s, party_of, engine);
	engine->purge_due = engine->legs.going;
	relay_purge(engine, true);
	for (uint32_t leg = 1; leg < engine->legs.fresh; leg++)
		if (relay_leg_live(&engine->legs, (uint16_t)leg))
			relay_wake_leg(engine, (uint16_t)leg);
}
