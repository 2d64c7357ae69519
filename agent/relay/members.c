// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who is in the relay's own tunnel. A party joins when it initiates (or when
 * the relay has a path to try) and leaves after a long silence; what its key is
 * known for, its list and its greatest timestamp, stays with the party.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "relay/state.h"

static const uint8_t no_stamp[WG_TIMESTAMP_LEN];

/* It is in the tunnel and has shown nothing yet but an initiation, which may
 * have come from anywhere, or the relay's own to it was not answered. */
static bool unconfirmed(const struct relay_engine *engine,
			const struct relay_party *party, uint32_t for_s)
{
	return party->wg && !party->first_leg &&
	       party->joined_s + for_s < engine->now_s &&
	       relay_party_heard(engine, party) < party->joined_s;
}

/* Who has not confirmed by now makes room for the next. */
static void make_room(struct relay_engine *engine)
{
	struct relay_list *all = &engine->roster.all, *at = all->next;

	for (int looked = 0; looked < RELAY_MEMBERS_LOOK && at != all;
	     looked++) {
		struct relay_party *party =
			relay_container(at, struct relay_party, all);

		at = at->next;
		relay_list_to_back(&party->all, all);
		if (unconfirmed(engine, party, RELAY_CONFIRM_GRACE)) {
			relay_leave(engine, party);
			return;
		}
	}
}

struct wg_peer *relay_join(struct relay_engine *engine,
			   struct relay_party *party)
{
	if (party->wg)
		return party->wg;
	if (engine->roster.joined >= engine->settings.max_peers)
		make_room(engine);
	if (engine->roster.joined >= engine->settings.max_peers) {
		relay_engine_count(engine, RELAY_OUTCOME_peers_full);
		return NULL;
	}
	party->wg = wg_peer_add(engine->tunnel, &party->key, NULL, 0, party);
	if (!party->wg) {
		relay_engine_count(engine, RELAY_OUTCOME_peers_full);
		return NULL;
	}
	if (memcmp(party->stamp, no_stamp, sizeof(no_stamp)))
		wg_peer_set_timestamp(party->wg, party->stamp);
	party->joined_s = engine->now_s;
	party->known = true;
	engine->roster.joined++;
	return party->wg;
}

uint32_t relay_party_heard(const struct relay_engine *engine,
			   const struct relay_party *party)
{
	struct wg_peer_stats stats;
	uint32_t heard_s;

	if (!party->wg)
		return party->heard_s;
	wg_peer_stats(party->wg, &stats);
	if (stats.heard_at_ns < engine->epoch_ns)
		return party->heard_s;
	heard_s = (stats.heard_at_ns - engine->epoch_ns) / RELAY_SECOND_NS + 1;
	return heard_s > party->heard_s ? heard_s : party->heard_s;
}

uint32_t relay_party_sessions(const struct relay_engine *engine,
			      const struct relay_party *party)
{
	uint32_t sum = 0;

	for (uint16_t leg = party->first_leg; leg;
	     leg = relay_leg_next(&engine->legs, leg))
		sum += relay_table_refs(&engine->table, leg);
	return sum;
}

void relay_drop_leg(struct relay_engine *engine, uint16_t leg,
		    enum relay_outcome why)
{
	struct relay_party *party = relay_leg_party(&engine->legs, leg);

	relay_engine_count(engine, why);
	relay_party_note(party, why, engine->now_s);
	relay_leg_drop(&engine->legs, leg);
	if (engine->legs.going)
		engine->purge_due = true;
	relay_engine_dirty(engine);
}

/* Legs must be gone or the caller's business: a leg implies a tunnel. */
void relay_leave(struct relay_engine *engine, struct relay_party *party)
{
	if (!party->wg)
		return;
	party->heard_s = relay_party_heard(engine, party);
	wg_peer_timestamp(party->wg, party->stamp);
	wg_peer_remove(engine->tunnel, party->wg);
	party->wg = NULL;
	engine->roster.joined--;
	relay_assembly_drop(engine, party);
	relay_engine_dirty(engine);
}

/* ---- the round: each party is looked at every few seconds ---- */

static void ask_silent(struct relay_engine *engine, struct relay_party *party)
{
	struct wg_path path;

	if (party->asked_s + RELAY_PARTY_ASK_AGAIN > engine->now_s)
		return;
	party->asked_s = engine->now_s;
	relay_leg_path(&engine->legs, party->first_leg, &path);
	wg_peer_initiate(party->wg, &path, false, engine->now_ns);
}

static void expire_affairs(struct relay_engine *engine,
			   struct relay_party *party)
{
	const struct relay_affairs *affairs = party->affairs;

	if (!affairs)
		return;
	if (affairs->assembly &&
	    affairs->assembly_s + RELAY_ASSEMBLY_LIFE <= engine->now_s) {
		relay_engine_count(engine, RELAY_OUTCOME_list_expired);
		relay_assembly_drop(engine, party);
	}
	relay_roam_expire(engine, party);
	relay_party_settle(party);
}

/* Silent for long: without sessions it goes, with sessions it is asked. */
static void look_after(struct relay_engine *engine, struct relay_party *party)
{
	uint32_t since_s = relay_party_heard(engine, party);

	expire_affairs(engine, party);
	if (!party->wg) {
		relay_party_release(&engine->roster, party);
		return;
	}
	if (unconfirmed(engine, party, RELAY_CONFIRM_LIFE)) {
		relay_leave(engine, party);
		return;
	}
	if (since_s < party->joined_s)
		since_s = party->joined_s;
	if (party->first_leg && relay_party_sessions(engine, party)) {
		if (since_s + RELAY_PARTY_ASK <= engine->now_s)
			ask_silent(engine, party);
		return;
	}
	if (since_s + RELAY_PARTY_LIFE > engine->now_s)
		return;
	while (party->first_leg)
		relay_drop_leg(engine, party->first_leg,
			       RELAY_OUTCOME_leg_expired);
	relay_leave(engine, party);
}

/*
 * The next part of the round, as large as the seconds passed are of its turn.
 * A party that has gone or moved in `all` meanwhile only shifts the rest.
 */
void relay_members_round(struct relay_engine *engine, uint32_t seconds)
{
	struct relay_roster *roster = &engine->roster;
	size_t count = roster->party_count * seconds / RELAY_SWEEP_TURN + 1;

	if (count > roster->party_count)
		count = roster->party_count;
	while (count-- && !relay_list_empty(&roster->all)) {
		struct relay_party *party = relay_container(
			roster->all.next, struct relay_party, all);

		relay_list_to_back(&party->all, &roster->all);
		look_after(engine, party);
	}
}

/* ---- the tunnel's questions and news ---- */

static void send_op(void *ctx, const struct wg_path *path, const void *data,
		    size_t len)
{
	struct relay_engine *engine = ctx;

	engine->ops.send(engine->ctx, path, data, len);
}

static struct wg_peer *stranger_op(void *ctx, const struct wg_key *public_key,
				   const struct wg_path *path)
{
	struct relay_engine *engine = ctx;
	struct relay_party *party;

	(void)path;
	if (!relay_settings_allow(&engine->settings, public_key)) {
		relay_engine_count(engine, RELAY_OUTCOME_not_allowed);
		return NULL;
	}
	party = relay_party_make(&engine->roster, public_key,
				 &engine->settings);
	if (!party) {
		relay_engine_count(engine, RELAY_OUTCOME_peers_full);
		return NULL;
	}
	return relay_join(engine, party);
}

static void proven_op(void *ctx, struct wg_peer *peer,
		      const struct wg_path *path, bool moved, bool answered)
{
	(void)moved; /* the legs know better: there is one for each relay port */
	relay_roam_proven(ctx, wg_peer_user(peer), path, answered);
}

static void deliver_op(void *ctx, struct wg_peer *peer, const void *data,
		       size_t len)
{
	relay_control(ctx, wg_peer_user(peer), data, len);
}

/*
 * The kernel program has to let data of our own tunnel up. If there is no room
 * for its index the tunnel lives without data: better than no tunnel.
 */
static bool claim_op(void *ctx, struct wg_peer *peer, uint32_t index)
{
	struct relay_engine *engine = ctx;
	uint32_t index_le = htole32(index);
	int err;

	(void)peer;
	if (relay_pending_find(&engine->pendings, index_le))
		return false;
	err = relay_table_publish(&engine->table, index_le, RELAY_LEG_LOCAL,
				  RELAY_LEG_LOCAL, engine->now_s);
	if (err == -ENOSPC)
		relay_engine_count(engine, RELAY_OUTCOME_sessions_full);
	return err != -EEXIST;
}

static void release_op(void *ctx, struct wg_peer *peer, uint32_t index)
{
	struct relay_engine *engine = ctx;
	size_t at = relay_table_find(&engine->table, htole32(index));

	(void)peer;
	if (at != RELAY_NOWHERE &&
	    relay_table_slot(&engine->table, at).to == RELAY_LEG_LOCAL)
		relay_table_withdraw(&engine->table, at);
}

static void gave_up_op(void *ctx, struct wg_peer *peer)
{
	struct relay_engine *engine = ctx;

	relay_engine_count(engine, RELAY_OUTCOME_tunnel_gave_up);
	relay_party_note(wg_peer_user(peer), RELAY_OUTCOME_tunnel_gave_up,
			 engine->now_s);
}

const struct wg_tunnel_ops relay_tunnel_ops = {
	.send = send_op,
	.stranger = stranger_op,
	.proven = proven_op,
	.deliver = deliver_op,
	.claim = claim_op,
	.release = release_op,
	.gave_up = gave_up_op,
};
