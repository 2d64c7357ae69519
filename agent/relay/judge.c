// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Taking sessions back. Two walks over the table, because they differ in price
 * and in hurry:
 *
 *  - the purge withdraws sessions of legs that were dropped. It reads one word
 *    a slot and runs in one go, at most once a second unless somebody was
 *    blocked or banned;
 *  - the judge withdraws sessions of pairs that may not talk any more. It looks
 *    pairs up, those of the legs whose peers' lists have changed, so it goes in
 *    slices. What changes meanwhile waits for the next round, and rounds keep a
 *    distance: however many lists come, they cost no more.
 *
 * A session taken over from a previous process is innocent until a list says
 * that its pair may talk: the lists may still be on their way.
 */
#include <string.h>

#include "relay/state.h"

static bool leg_gone(const struct relay_engine *engine, uint16_t leg)
{
	return leg != RELAY_LEG_LOCAL && !relay_leg_live(&engine->legs, leg);
}

void relay_purge(struct relay_engine *engine, bool at_once)
{
	struct relay_table *table = &engine->table;
	size_t at;

	if (!engine->purge_due)
		return;
	if (!at_once && engine->purged_s == engine->now_s)
		return;
	for (at = relay_table_next(table, 0); at != RELAY_NOWHERE;
	     at = relay_table_next(table, at + 1)) {
		struct relay_slot slot = relay_table_slot(table, at);

		if (leg_gone(engine, slot.from) || leg_gone(engine, slot.to))
			relay_table_withdraw(table, at);
	}
	relay_legs_reap(&engine->legs);
	engine->purged_s = engine->now_s;
	engine->purge_due = false;
}

/* The edge that lets a session's two legs talk, NULL if none does. */
static struct relay_edge *consent(const struct relay_engine *engine,
				  struct relay_slot slot)
{
	const struct relay_party *from =
		relay_leg_party(&engine->legs, slot.from);
	const struct relay_party *to = relay_leg_party(&engine->legs, slot.to);
	struct relay_edge *edge;

	if (!from || !to)
		return NULL;
	edge = relay_edge_find(&engine->roster, from, to);
	return edge && relay_edge_open(&engine->roster, edge) ? edge : NULL;
}

static void judge_slot(struct relay_engine *engine, size_t at,
		       bool confirm_only)
{
	struct relay_table *table = &engine->table;
	struct relay_slot slot = relay_table_slot(table, at);
	uint32_t age_s = relay_table_age(table, at, engine->now_s);
	struct relay_edge *edge;

	if (slot.to == RELAY_LEG_LOCAL)
		return;
	edge = consent(engine, slot);
	if (!edge) {
		if (!confirm_only && !relay_table_unjudged(table, at))
			relay_table_withdraw(table, at);
		return;
	}
	relay_table_judge(table, at);
	if (!edge->handshake_s)
		relay_edge_shook(edge, engine->now_s - age_s);
}

/* ---- rounds ---- */

void relay_judge_party(struct relay_engine *engine,
		       const struct relay_party *party)
{
	struct relay_judge *judge = &engine->judge;

	for (uint16_t leg = party->first_leg; leg;
	     leg = relay_leg_next(&engine->legs, leg)) {
		judge->next[leg / 8] |= 1U << leg % 8;
		judge->due = true;
	}
}

void relay_judge_all(struct relay_engine *engine)
{
	struct relay_judge *judge = &engine->judge;

	memset(judge->next, 0xff, sizeof(judge->next));
	judge->due = true;
}

static void begin(struct relay_engine *engine)
{
	struct relay_judge *judge = &engine->judge;

	if (!judge->due || engine->now_ns < judge->rest_ns)
		return;
	memcpy(judge->legs, judge->next, sizeof(judge->legs));
	memset(judge->next, 0, sizeof(judge->next));
	judge->due = false;
	judge->rest_ns = engine->now_ns + RELAY_JUDGE_INTERVAL_NS;
	judge->at = 0;
}

static bool concerned(const struct relay_judge *judge, uint16_t leg)
{
	return judge->legs[leg / 8] >> leg % 8 & 1;
}

static void judge_slice(struct relay_engine *engine)
{
	const struct relay_table *table = &engine->table;
	struct relay_judge *judge = &engine->judge;
	size_t at = judge->at, end = at + RELAY_JUDGE_SLICE;

	for (at = relay_table_next(table, at); at < end;
	     at = relay_table_next(table, at + 1)) {
		struct relay_slot slot = relay_table_slot(table, at);

		if (concerned(judge, slot.from) || concerned(judge, slot.to))
			judge_slot(engine, at, false);
	}
	judge->at = at;
}

uint64_t relay_judge_step(struct relay_engine *engine)
{
	const struct relay_judge *judge = &engine->judge;

	if (judge->at == RELAY_NOWHERE)
		begin(engine);
	if (judge->at != RELAY_NOWHERE)
		judge_slice(engine);
	if (judge->at != RELAY_NOWHERE)
		return engine->now_ns + RELAY_JUDGE_REST_NS;
	return judge->due ? judge->rest_ns : UINT64_MAX;
}

/* After the saved lists are back: what they confirm is subject to them. */
void relay_judge_confirm(struct relay_engine *engine)
{
	size_t at;

	for (at = relay_table_next(&engine->table, 0); at != RELAY_NOWHERE;
	     at = relay_table_next(&engine->table, at + 1))
		judge_slot(engine, at, true);
}
