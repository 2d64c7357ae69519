// SPDX-License-Identifier: GPL-2.0-or-later
/* Reports as control.txt has them. The daemon adds what only it knows. */
#include "base/json.h"
#include "relay/state.h"
#include "wg/json.h"

static uint32_t second_of(const struct relay_engine *engine, uint64_t at_ns)
{
	if (at_ns < engine->epoch_ns)
		return 1;
	return (at_ns - engine->epoch_ns) / RELAY_SECOND_NS + 1;
}

/* ---- status ---- */

static struct relay_leg_count forwarded(const struct relay_engine *engine)
{
	struct relay_leg_count sum = engine->legs.past, one;

	for (uint32_t leg = 1; leg < engine->legs.fresh; leg++)
		if (relay_leg_live(&engine->legs, (uint16_t)leg) &&
		    !engine->ops.leg_count(engine->ctx, (uint16_t)leg, &one))
			relay_leg_count_add(&sum, &one);
	return sum;
}

static json_t *outcomes_json(const struct relay_engine *engine)
{
	json_t *outcomes = json_object();

	for (size_t i = 0; i < RELAY_OUTCOME_COUNT; i++)
		json_object_set_new(
			outcomes, relay_outcome_names[i],
			json_integer((json_int_t)engine->outcomes[i]));
	return outcomes;
}

static json_t *traffic_json(const struct relay_engine *engine)
{
	struct relay_leg_count sum = forwarded(engine);

	return json_pack(
		"{s:{s:I, s:I}, s:{s:I, s:I}}", "forwarded", "packets",
		(json_int_t)(sum.tx_packets + engine->user_packets), "bytes",
		(json_int_t)(sum.tx_bytes + engine->user_bytes), "user_space",
		"data_packets", (json_int_t)engine->user_packets, "data_bytes",
		(json_int_t)engine->user_bytes);
}

static json_t *allowed_json(const struct relay_settings *settings)
{
	if (settings->allow_all)
		return json_string("all");
	return json_integer((json_int_t)settings->allowed_count);
}

json_t *relay_engine_status(const struct relay_engine *engine, uint64_t now_ns)
{
	const struct relay_settings *settings = &engine->settings;
	json_t *traffic = traffic_json(engine), *status;

	status = json_pack(
		"{s:o, s:[i, i], s:I, s:o, s:b, s:{s:I, s:I, s:I, s:I},"
		" s:{s:I, s:I, s:I, s:I}, s:o}",
		"public_key", json_of_key(wg_tunnel_public_key(engine->tunnel)),
		"ports", settings->port_min, settings->port_max, "uptime_s",
		(json_int_t)((now_ns - engine->epoch_ns) / RELAY_SECOND_NS),
		"allowed", allowed_json(settings), "require_mutual",
		settings->require_mutual, "peers", "count",
		(json_int_t)engine->roster.joined, "max",
		(json_int_t)settings->max_peers, "legs",
		(json_int_t)engine->legs.live, "legs_max",
		(json_int_t)(engine->legs.map.leg_count - 1), "sessions",
		"live", (json_int_t)engine->table.forwarded, "max",
		(json_int_t)settings->max_sessions, "spilled",
		(json_int_t)engine->table.spilled, "pending",
		(json_int_t)engine->pendings.count, "outcomes",
		outcomes_json(engine));
	json_object_update(status, traffic);
	json_decref(traffic);
	return status;
}

/* ---- peers ---- */

static json_t *next_hop_json(const struct relay_leg *leg)
{
	return leg->flags & RELAY_LEG_RESOLVED ? json_of_mac(leg->dmac)
					       : json_null();
}

static json_t *leg_json(const struct relay_engine *engine, uint16_t leg)
{
	const struct relay_leg *at = &engine->map.legs[leg];
	struct wg_path path;

	relay_leg_path(&engine->legs, leg, &path);
	return json_pack("{s:i, s:o, s:o, s:o, s:o}", "leg", leg, "endpoint",
			 json_of_endpoint(path.remote, path.remote_port),
			 "local", json_of_endpoint(path.local, path.local_port),
			 "interface", json_of_interface(at->ifindex),
			 "next_hop", next_hop_json(at));
}

static json_t *legs_json(const struct relay_engine *engine,
			 const struct relay_party *party)
{
	json_t *legs = json_array();

	for (uint16_t leg = party->first_leg; leg;
	     leg = relay_leg_next(&engine->legs, leg))
		json_array_append_new(legs, leg_json(engine, leg));
	return legs;
}

static struct relay_leg_count party_count(const struct relay_engine *engine,
					  const struct relay_party *party)
{
	struct relay_leg_count sum = {0}, one;

	if (party->past)
		sum = *party->past;
	for (uint16_t leg = party->first_leg; leg;
	     leg = relay_leg_next(&engine->legs, leg))
		if (!engine->ops.leg_count(engine->ctx, leg, &one))
			relay_leg_count_add(&sum, &one);
	return sum;
}

/* Where it is: the leg that was proven last. */
static json_t *party_endpoint_json(const struct relay_engine *engine,
				   const struct relay_party *party)
{
	uint16_t best = party->first_leg;
	struct wg_path path;

	for (uint16_t leg = best; leg; leg = relay_leg_next(&engine->legs, leg))
		if (engine->legs.info[leg].proven_s >
		    engine->legs.info[best].proven_s)
			best = leg;
	if (!best)
		return json_null();
	relay_leg_path(&engine->legs, best, &path);
	return json_of_endpoint(path.remote, path.remote_port);
}

static json_t *peer_json(const struct relay_engine *engine,
			 const struct relay_party *party, uint32_t now_s)
{
	struct relay_leg_count count = party_count(engine, party);
	struct wg_peer_stats stats = {0};

	if (party->wg)
		wg_peer_stats(party->wg, &stats);
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
		"public_key", json_of_key(&party->key), "endpoint",
		party_endpoint_json(engine, party), "handshake_age_s",
		json_of_age(now_s,
			    stats.handshake_at_ns
				    ? second_of(engine, stats.handshake_at_ns)
				    : 0),
		"heard_age_s",
		json_of_age(now_s,
			    stats.heard_at_ns
				    ? second_of(engine, stats.heard_at_ns)
				    : 0),
		"rx_packets", (json_int_t)count.rx_packets, "rx_bytes",
		(json_int_t)count.rx_bytes, "tx_packets",
		(json_int_t)count.tx_packets, "tx_bytes",
		(json_int_t)count.tx_bytes, "lists", (json_int_t)party->lists,
		"list_version", (json_int_t)party->list_version, "legs",
		legs_json(engine, party));
}

json_t *relay_engine_peers(const struct relay_engine *engine, uint64_t now_ns)
{
	json_t *peers = json_array();
	struct relay_list *at;

	for (at = engine->roster.all.next; at != &engine->roster.all;
	     at = at->next) {
		const struct relay_party *party =
			relay_container(at, struct relay_party, all);

		if (party->known || !party->listless)
			json_array_append_new(
				peers, peer_json(engine, party,
						 second_of(engine, now_ns)));
	}
	return json_pack("{s:o}", "peers", peers);
}

/* ---- sessions ---- */

static json_t *leg_key_json(const struct relay_engine *engine, uint16_t leg)
{
	const struct relay_party *party = relay_leg_party(&engine->legs, leg);

	return party ? json_of_key(&party->key) : json_null();
}

static json_t *session_json(const struct relay_engine *engine, size_t at,
			    uint32_t now_s)
{
	const struct relay_table *table = &engine->table;
	struct sluice_count count = relay_table_count(table, at);
	struct relay_slot slot = relay_table_slot(table, at);
	uint32_t age_s = relay_table_age(table, at, now_s);

	return json_pack("{s:o, s:o, s:o, s:o, s:i, s:I, s:I, s:b}", "index",
			 json_of_index(slot.index), "from",
			 leg_key_json(engine, slot.from), "to",
			 leg_key_json(engine, slot.to), "age_s",
			 relay_table_adopted(table, at) ? json_null()
							: json_integer(age_s),
			 "expires_s",
			 age_s < RELAY_SESSION_LIFE
				 ? (int)(RELAY_SESSION_LIFE - age_s)
				 : 0,
			 "packets", (json_int_t)count.packets, "bytes",
			 (json_int_t)count.bytes, "spilled", at >= table->main);
}

json_t *relay_engine_sessions(const struct relay_engine *engine,
			      uint64_t now_ns)
{
	const struct relay_table *table = &engine->table;
	json_t *sessions = json_array();
	size_t at;

	for (at = relay_table_next(table, 0); at != RELAY_NOWHERE;
	     at = relay_table_next(table, at + 1))
		if (relay_table_slot(table, at).to != RELAY_LEG_LOCAL)
			json_array_append_new(
				sessions,
				session_json(engine, at,
					     second_of(engine, now_ns)));
	return json_pack("{s:o}", "sessions", sessions);
}

/* ---- routes ---- */

static const char *edge_state(const struct relay_engine *engine,
			      const struct relay_edge *edge, uint32_t now_s)
{
	const struct relay_side *side = edge->side;

	if (!relay_edge_open(&engine->roster, edge))
		return "no-consent";
	if (edge->handshake_s && edge->handshake_s + RELAY_SESSION_LIFE > now_s)
		return "live";
	for (int i = 0; i < 2; i++)
		if (side[i].note.at_s &&
		    side[i].note.what == RELAY_OUTCOME_initiation_forwarded &&
		    side[i].note.at_s + RELAY_PENDING_LIFE > now_s)
			return "pending";
	return side[0].party->first_leg && side[1].party->first_leg ? "idle"
								    : "unseen";
}

static json_t *route_json(const struct relay_engine *engine,
			  const struct relay_edge *edge, uint32_t now_s)
{
	const struct relay_side *a = &edge->side[0], *b = &edge->side[1];

	return json_pack("{s:o, s:o, s:b, s:b, s:b, s:s}", "a",
			 json_of_key(&a->party->key), "b",
			 json_of_key(&b->party->key), "a_lists_b", a->lists,
			 "b_lists_a", b->lists, "allowed",
			 relay_edge_open(&engine->roster, edge), "state",
			 edge_state(engine, edge, now_s));
}

static void add_routes(const struct relay_engine *engine, json_t *routes,
		       const struct relay_list *order, uint32_t now_s)
{
	const struct relay_list *at;

	for (at = order->next; at != order; at = at->next) {
		const struct relay_side *side = relay_side_of(at);

		if (!side->number) /* each edge once, from its first side */
			json_array_append_new(
				routes,
				route_json(engine, relay_edge_of(side), now_s));
	}
}

json_t *relay_engine_routes(const struct relay_engine *engine, uint64_t now_ns)
{
	json_t *routes = json_array();
	struct relay_list *at;

	for (at = engine->roster.all.next; at != &engine->roster.all;
	     at = at->next) {
		const struct relay_party *party =
			relay_container(at, struct relay_party, all);

		add_routes(engine, routes, &party->talking,
			   second_of(engine, now_ns));
		add_routes(engine, routes, &party->idle,
			   second_of(engine, now_ns));
	}
	return json_pack("{s:o}", "routes", routes);
}
