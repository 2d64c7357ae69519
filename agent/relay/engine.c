// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "relay/protocol.h"
#include "relay/state.h"

/* ---- what the parts share ---- */

void relay_engine_count(struct relay_engine *engine, enum relay_outcome what)
{
	engine->outcomes[what]++;
}

void relay_engine_send(struct relay_engine *engine, uint16_t leg,
		       const void *data, size_t len)
{
	struct wg_path path;

	relay_leg_path(&engine->legs, leg, &path);
	engine->ops.send(engine->ctx, &path, data, len);
}

void relay_engine_dirty(struct relay_engine *engine)
{
	engine->dirtied_s = engine->now_s;
	engine->ops.dirty(engine->ctx);
}

void relay_engine_set_time(struct relay_engine *engine, uint64_t now_ns)
{
	engine->now_ns = now_ns;
	engine->now_s = (now_ns - engine->epoch_ns) / RELAY_SECOND_NS + 1;
}

/* ---- settings ---- */

static int copy_settings(struct relay_settings *to,
			 const struct relay_settings *from)
{
	struct wg_key *allowed = NULL;

	if (from->allowed_count) {
		allowed = malloc(from->allowed_count * sizeof(*allowed));
		if (!allowed)
			return -ENOMEM;
		memcpy(allowed, from->allowed,
		       from->allowed_count * sizeof(*allowed));
	}
	*to = *from;
	to->allowed = allowed;
	/* The tunnel has the private key, in locked memory; nobody else needs it. */
	wg_key_wipe(&to->private_key);
	return 0;
}

static struct relay_limit limit(uint32_t rate, uint32_t burst)
{
	return (struct relay_limit){
		.cost_ns = RELAY_SECOND_NS / rate,
		.burst = burst,
	};
}

/* The seeds of a table that has entries are what finds them again. */
static void fill_seeds(struct relay_config *config)
{
	if (config->seed_mul)
		return;
	randombytes_buf(&config->seed_mul, sizeof(config->seed_mul));
	randombytes_buf(&config->seed_add, sizeof(config->seed_add));
	config->seed_mul |= 1;
}

static void set_flag(struct relay_config *config, uint32_t flag, bool on)
{
	uint32_t flags = config->flags & ~flag;

	__atomic_store_n(&config->flags, on ? flags | flag : flags,
			 __ATOMIC_RELAXED);
}

static void fill_config(struct relay_engine *engine)
{
	const struct wg_key *own = wg_tunnel_public_key(engine->tunnel);
	struct relay_config *config = engine->map.config;
	struct wg_mac1_key mac1;

	config->port_min = engine->settings.port_min;
	config->port_max = engine->settings.port_max;
	config->event_interval_ns = RELAY_EVENT_INTERVAL_NS;
	wg_mac1_key(&mac1, own);
	wg_mac1_midstate(config->mac1_midstate, &mac1);
	config->limit[RELAY_RATE_STRANGER] =
		limit(RELAY_LIMIT_STRANGER_RATE, RELAY_LIMIT_STRANGER_BURST);
	config->limit[RELAY_RATE_KNOWN] =
		limit(RELAY_LIMIT_KNOWN_RATE, RELAY_LIMIT_KNOWN_BURST);
	config->limit[RELAY_RATE_ADDRESS] =
		limit(RELAY_LIMIT_ADDRESS_RATE, RELAY_LIMIT_ADDRESS_BURST);
	config->limit[RELAY_RATE_MISMATCH] =
		limit(RELAY_LIMIT_MISMATCH_RATE, RELAY_LIMIT_MISMATCH_BURST);
	config->limit[RELAY_RATE_SLOW] =
		limit(RELAY_LIMIT_SLOW_RATE, RELAY_LIMIT_SLOW_BURST);
	set_flag(config, RELAY_WGX_COMPAT, engine->settings.wgx_compat);
	/* Who watched a previous process watches no more. */
	set_flag(config, RELAY_MONITOR, false);
}

/* ---- life ---- */

static int new_tunnel(struct relay_engine *engine,
		      const struct relay_settings *settings)
{
	struct wg_tunnel_settings tunnel = {
		.private_key = settings->private_key,
		.max_peers = settings->max_peers,
		.wall_ns = engine->ops.wall_ns,
		.reordered = RELAY_TUNNEL_REORDERED,
	};
	int err = wg_tunnel_new(&engine->tunnel, &tunnel, &relay_tunnel_ops,
				engine);

	wg_key_wipe(&tunnel.private_key);
	return err;
}

static int new_parts(struct relay_engine *engine)
{
	const struct relay_settings *settings = &engine->settings;
	struct relay_config *config = engine->map.config;
	int err;

	fill_seeds(config);
	config->bucket_count = (uint32_t)engine->map.bucket_count;
	config->count_stride = engine->map.count_stride;
	err = relay_table_init(&engine->table, &engine->map, &engine->ops,
			       engine->ctx, settings->max_sessions);
	if (!err)
		err = relay_legs_init(&engine->legs, &engine->map,
				      &engine->table, &engine->ops,
				      engine->ctx);
	if (!err)
		err = relay_pendings_init(&engine->pendings);
	if (!err)
		err = relay_roster_init(&engine->roster,
					wg_tunnel_public_key(engine->tunnel),
					settings);
	return err;
}

int relay_engine_new(struct relay_engine **out,
		     const struct relay_settings *settings,
		     const struct relay_tables *tables,
		     const struct relay_ops *ops, void *ctx, uint64_t now_ns)
{
	struct relay_engine *engine = calloc(1, sizeof(*engine));
	int err;

	if (!engine)
		return -ENOMEM;
	engine->map = *tables;
	engine->ops = *ops;
	engine->ctx = ctx;
	engine->epoch_ns = now_ns;
	engine->judge.at = RELAY_NOWHERE;
	relay_list_init(&engine->wakes);
	relay_engine_set_time(engine, now_ns);
	engine->swept_s = engine->now_s;
	err = copy_settings(&engine->settings, settings);
	if (!err)
		err = new_tunnel(engine, settings);
	if (!err)
		err = new_parts(engine);
	if (err) {
		relay_engine_free(engine);
		return err;
	}
	/* Next hops of adopted legs may be reported while they are adopted. */
	*out = engine;
	relay_adopt(engine);
	fill_config(engine);
	return 0;
}

void relay_engine_free(struct relay_engine *engine)
{
	if (!engine)
		return;
	/* Its indices stay in the table; the next process withdraws them, since
	 * their keys go here (relay_table_adopt). */
	if (engine->tunnel)
		wg_tunnel_free(engine->tunnel);
	relay_wake_clear(engine);
	if (engine->roster.all.next)
		relay_roster_clear(&engine->roster);
	relay_pendings_clear(&engine->pendings);
	relay_legs_clear(&engine->legs);
	relay_table_clear(&engine->table);
	free(engine->settings.allowed);
	free(engine);
}

/* ---- datagrams ---- */

/* wgx asks whom it talks to; the answer is as long as the question. */
static bool wgx_query(struct relay_engine *engine, const struct wg_path *path,
		      const void *data, size_t len)
{
	const struct wg_key *own = wg_tunnel_public_key(engine->tunnel);

	if (!engine->settings.wgx_compat || !relay_wgx_is_query(data, len))
		return false;
	relay_engine_count(engine, RELAY_OUTCOME_wgx_query);
	engine->ops.send(engine->ctx, path, own->bytes, sizeof(own->bytes));
	return true;
}

static enum relay_outcome outcome_of(enum wg_verdict verdict)
{
	static const enum relay_outcome outcomes[WG_VERDICT_COUNT] = {
		[WG_OK] = RELAY_OUTCOME_tunnel_ok,
		[WG_NOT_OURS] = RELAY_OUTCOME_unknown_sender,
		[WG_MALFORMED] = RELAY_OUTCOME_tunnel_malformed,
		[WG_COOKIE_SENT] = RELAY_OUTCOME_tunnel_cookie_sent,
		[WG_BAD_HANDSHAKE] = RELAY_OUTCOME_tunnel_bad_handshake,
		[WG_REFUSED] = RELAY_OUTCOME_tunnel_refused,
		[WG_REPLAYED] = RELAY_OUTCOME_tunnel_replayed,
		[WG_TOO_SOON] = RELAY_OUTCOME_tunnel_too_soon,
		[WG_BAD_DATA] = RELAY_OUTCOME_tunnel_bad_data,
	};

	return outcomes[verdict];
}

void relay_engine_input(struct relay_engine *engine, const struct wg_path *path,
			const void *data, size_t len, uint64_t now_ns)
{
	enum wg_verdict verdict;

	relay_engine_set_time(engine, now_ns);
	if (!len || wgx_query(engine, path, data, len))
		return;
	verdict = wg_tunnel_input(engine->tunnel, path, data, len, now_ns);
	if (verdict != WG_NOT_OURS)
		relay_engine_count(engine, outcome_of(verdict));
	else if (*(const uint8_t *)data == WG_DATA)
		relay_data(engine, path, data, len);
	else
		relay_forward(engine, path, data, len);
}

void relay_engine_next_hop(struct relay_engine *engine, uint16_t leg,
			   const struct relay_next_hop *hop)
{
	relay_leg_set_next_hop(&engine->legs, leg, hop);
}

/* ---- time ---- */

static void note_unanswered(struct relay_engine *engine,
			    const struct relay_pending *pending)
{
	const struct relay_party *target = relay_leg_party_in(
		&engine->legs, pending->to, pending->to_life);
	struct relay_edge *edge =
		target ? relay_edge_find(&engine->roster, pending->sender,
					 target)
		       : NULL;

	relay_engine_count(engine, RELAY_OUTCOME_pending_expired);
	if (edge) {
		struct relay_side *side =
			relay_edge_side(edge, pending->sender);

		side->note.at_s = engine->now_s;
		side->note.what = RELAY_OUTCOME_pending_expired;
	}
}

static void expire_pending(struct relay_engine *engine)
{
	struct relay_pending *pending;

	while ((pending =
			relay_pending_due(&engine->pendings, engine->now_s))) {
		if (!pending->answered)
			note_unanswered(engine, pending);
		relay_pending_remove(&engine->pendings, pending);
	}
}

/* Once a second: a part of every round. */
static void each_second(struct relay_engine *engine)
{
	uint32_t seconds = engine->now_s - engine->swept_s;
	size_t slice = engine->table.positions / RELAY_SWEEP_TURN + 1;

	if (!seconds)
		return;
	if (seconds > RELAY_SWEEP_TURN)
		seconds = RELAY_SWEEP_TURN;
	engine->swept_s = engine->now_s;
	relay_table_sweep(&engine->table, slice * seconds, engine->now_s);
	expire_pending(engine);
	relay_hold_expire(engine);
	relay_members_round(engine, seconds);
	relay_legs_reap(&engine->legs);
}

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

uint64_t relay_engine_tick(struct relay_engine *engine, uint64_t now_ns)
{
	uint64_t next_ns;

	relay_engine_set_time(engine, now_ns);
	next_ns = wg_tunnel_tick(engine->tunnel, now_ns);
	relay_purge(engine, false);
	next_ns = earlier(next_ns, relay_judge_step(engine));
	next_ns = earlier(next_ns, relay_wake_step(engine));
	each_second(engine);
	return earlier(next_ns,
		       engine->epoch_ns + engine->now_s * RELAY_SECOND_NS);
}

/* ---- changes from outside ---- */

static const char *needs_restart(const struct relay_engine *engine,
				 const struct relay_settings *settings)
{
	struct wg_key public_key;

	if (wg_key_public(&public_key, &settings->private_key) ||
	    !wg_key_equal(&public_key, wg_tunnel_public_key(engine->tunnel)))
		return "PrivateKey";
	if (settings->port_min != engine->settings.port_min ||
	    settings->port_max != engine->settings.port_max)
		return "ListenPort";
	if (settings->max_peers != engine->settings.max_peers)
		return "MaxPeers";
	if (settings->max_sessions != engine->settings.max_sessions)
		return "MaxSessions";
	return NULL;
}

/* Its key was struck off: nothing of it stays. */
static void ban(struct relay_engine *engine, struct relay_party *party)
{
	bool revoked;

	while (party->first_leg)
		relay_drop_leg(engine, party->first_leg,
			       RELAY_OUTCOME_not_allowed);
	relay_leave(engine, party);
	relay_list_replace(&engine->roster, party, NULL, 0, 0,
			   &engine->settings, &revoked);
}

static void judge_parties(struct relay_engine *engine)
{
	struct relay_list *list = &engine->roster.all, *at;

	engine->roster.keep =
		true; /* the round of parties frees what is left */
	for (at = list->next; at != list; at = at->next) {
		struct relay_party *party =
			relay_container(at, struct relay_party, all);

		party->allowed =
			relay_settings_allow(&engine->settings, &party->key);
		if (!party->allowed)
			ban(engine, party);
	}
	engine->roster.keep = false;
}

int relay_engine_reload(struct relay_engine *engine,
			const struct relay_settings *settings, uint64_t now_ns)
{
	const char *name = needs_restart(engine, settings);
	struct relay_settings fresh;
	int err;

	if (name) {
		log_error(
			"%s changed: restart sluiced to apply that; nothing was changed",
			name);
		return -EINVAL;
	}
	err = copy_settings(&fresh, settings);
	if (err)
		return err;
	relay_engine_set_time(engine, now_ns);
	free(engine->settings.allowed);
	engine->settings = fresh;
	engine->roster.mutual = fresh.require_mutual;
	set_flag(engine->map.config, RELAY_WGX_COMPAT, fresh.wgx_compat);
	judge_parties(engine);
	relay_purge(engine, true);
	relay_judge_all(engine);
	relay_engine_dirty(engine);
	return 0;
}

static bool inside(const struct relay_block_key *key, const uint8_t addr[16])
{
	uint32_t bytes = key->prefixlen / 8, bits = key->prefixlen % 8;

	if (bytes > 16 || memcmp(key->addr, addr, bytes))
		return false;
	return !bits || !((key->addr[bytes] ^ addr[bytes]) >> (8 - bits));
}

/* A peer whose only home is blocked leaves the tunnel too: it would go on
 * talking to the address. */
static void block_party(struct relay_engine *engine, struct relay_party *party,
			const struct relay_block_key *key)
{
	uint16_t leg = party->first_leg;
	struct wg_peer_stats stats;

	while (leg) {
		uint16_t next = relay_leg_next(&engine->legs, leg);

		if (inside(key, engine->map.legs[leg].addr))
			relay_drop_leg(engine, leg, RELAY_OUTCOME_leg_blocked);
		leg = next;
	}
	if (!party->wg || party->first_leg)
		return;
	wg_peer_stats(party->wg, &stats);
	if (stats.has_path && inside(key, stats.path.remote))
		relay_leave(engine, party);
}

void relay_engine_block(struct relay_engine *engine,
			const struct relay_block_key *key, uint64_t now_ns)
{
	struct relay_list *at;

	relay_engine_set_time(engine, now_ns);
	for (at = engine->roster.all.next; at != &engine->roster.all;
	     at = at->next)
		block_party(engine,
			    relay_container(at, struct relay_party, all), key);
	relay_purge(engine, true);
}

void relay_engine_blocked(struct relay_engine *engine)
{
	relay_engine_count(engine, RELAY_OUTCOME_source_blocked);
}

size_t relay_engine_outcomes(const struct relay_engine *engine,
			     const char *const **names, const uint64_t **values)
{
	*names = relay_outcome_names;
	*values = engine->outcomes;
	return RELAY_OUTCOME_COUNT;
}
