// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whose handshake is it? Counted in mac1 computations, through the budget: a
 * hub with thousands of spokes must not pay for all of them each time.
 */
#include <blake2.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "relay/limits.h"
#include "relay/roster.h"
#include "tap.h"

#define SPOKES 5000

static struct relay_settings settings = {.allow_all = true, .max_peers = 16384};
static struct relay_roster roster;
static struct relay_party *hub, *spoke[SPOKES];
static struct relay_budget total;

static void make(void)
{
	struct wg_key own, keys[SPOKES];
	bool revoked;

	randombytes_buf(&own, sizeof(own));
	relay_roster_init(&roster, &own, &settings);
	randombytes_buf(keys, sizeof(keys));
	hub = relay_party_make(&roster, &keys[0], &settings);
	randombytes_buf(&keys[0], sizeof(keys[0]));
	is_int(relay_list_replace(&roster, hub, keys, SPOKES, 1, &settings,
				  &revoked),
	       0, "a list of %d", SPOKES);
	for (int i = 0; i < SPOKES; i++) {
		spoke[i] = relay_party_find(&roster, &keys[i]);
		spoke[i]->first_leg = 1; /* it is here */
	}
	hub->first_leg = 1;
}

static void initiation(uint8_t message[WG_INITIATION_LEN],
		       const struct relay_party *to)
{
	randombytes_buf(message, WG_INITIATION_LEN);
	memcpy(message, (uint8_t[]){WG_INITIATION, 0, 0, 0}, 4);
	blake2s(message + 116, message, to->mac1.bytes, 16, 116, 32);
}

/* How many computations above the free ones. */
static uint32_t paid(struct relay_party *to, uint32_t now_s, bool *right)
{
	uint8_t message[WG_INITIATION_LEN];
	enum relay_outcome why;
	struct relay_side *side;

	hub->mac1_budget.used = hub->mac1_budget.second = 0;
	total.used = total.second = 0;
	initiation(message, to);
	side = relay_match(&roster, hub, message, sizeof(message), now_s,
			   &total, &why);
	*right = side && relay_side_other(side)->party == to;
	if (side) {
		relay_side_matched(side, now_s);
		relay_edge_shook(relay_edge_of(side), now_s);
	}
	return hub->mac1_budget.used;
}

/* Swaps a spoke with one of the next. */
static void shuffle(int i)
{
	int j = i + (int)randombytes_uniform(32);
	struct relay_party *party = spoke[i];

	if (j >= SPOKES)
		return;
	spoke[i] = spoke[j];
	spoke[j] = party;
}

static void test_order(void)
{
	uint32_t now_s = 1000, worst = 0;
	bool right, all = true;

	for (int i = 0; i < SPOKES; i++) {
		paid(spoke[i], now_s + i / 50, &right);
		all &= right;
	}
	ok(all, "each one is found");
	/* Four rounds of rekeys, in the order of the last ones but shuffled a
	 * little, as timers and packets do. */
	for (int round = 1; round < 5; round++)
		for (int i = 0; i < SPOKES; i++) {
			uint32_t cost;

			shuffle(i);
			cost = paid(spoke[i], now_s + round * 125 + i / 50,
				    &right);
			if (cost > worst && round > 1)
				worst = cost;
			all &= right;
		}
	ok(all, "and in later rounds");
	ok(worst < 128, "a rekey costs at most %u of %d",
	   worst + RELAY_MAC1_FREE, SPOKES);
	now_s += 2000;
	paid(spoke[17], now_s, &right);
	is_int(paid(spoke[17], now_s + 5, &right), 0, "a retry costs nothing");
	ok(right, "and is found");
}

static void test_budget(void)
{
	uint8_t garbage[WG_INITIATION_LEN], message[WG_INITIATION_LEN];
	uint32_t now_s = 9000, refused = 0, none = 0;
	enum relay_outcome why;
	bool right;

	for (int i = 0; i < 10; i++)
		paid(spoke[i], now_s - 115 + i, &right);
	hub->mac1_budget.used = hub->mac1_budget.second = 0;
	for (int i = 0; i < 100; i++) {
		randombytes_buf(garbage, sizeof(garbage));
		if (relay_match(&roster, hub, garbage, sizeof(garbage), now_s,
				&total, &why))
			continue;
		refused += why == RELAY_OUTCOME_mac1_budget;
		none += why == RELAY_OUTCOME_no_consent;
	}
	ok(none >= 19 && none <= 21 && none + refused == 100,
	   "a forger spends the budget in %u messages, %u are refused", none,
	   refused);
	initiation(message, spoke[0]);
	ok(relay_match(&roster, hub, message, sizeof(message), now_s, &total,
		       &why),
	   "a rekey that is due is found all the same");
	ok(relay_match(&roster, hub, message, sizeof(message), now_s + 1,
		       &total, &why),
	   "and a second later the budget is back");
}

/* Partners that are not to be reached cost nothing each, but not all of them
 * time and again. */
static void test_long_walk(void)
{
	uint8_t garbage[WG_INITIATION_LEN];
	uint32_t now_s = 12000, refused = 0;
	enum relay_outcome why;

	roster.mutual = true; /* nobody lists the hub */
	for (int i = 0; i < 1000; i++) {
		randombytes_buf(garbage, sizeof(garbage));
		relay_match(&roster, hub, garbage, sizeof(garbage), now_s,
			    &total, &why);
		refused += why == RELAY_OUTCOME_mac1_budget;
	}
	ok(refused > 800 && refused < 900,
	   "a list of nobodies is walked %u times a second, %u are refused",
	   1000 - refused, refused);
	relay_match(&roster, hub, garbage, sizeof(garbage), now_s + 1, &total,
		    &why);
	is_int(why, RELAY_OUTCOME_no_consent, "then the budget is back");
	roster.mutual = false;
}

static void test_lists(void)
{
	struct relay_party *a, *b;
	struct wg_key keys[3];
	bool revoked;

	randombytes_buf(keys, sizeof(keys));
	a = relay_party_make(&roster, &keys[0], &settings);
	b = relay_party_make(&roster, &keys[1], &settings);
	ok(!relay_edge_find(&roster, a, b), "strangers");
	relay_list_replace(&roster, a, keys, 3, 1, &settings, &revoked);
	is_int(a->lists, 2, "its own key does not count");
	ok(relay_edge_open(&roster, relay_edge_find(&roster, b, a)),
	   "a lists b");
	roster.mutual = true;
	ok(!relay_edge_open(&roster, relay_edge_find(&roster, a, b)),
	   "which is not enough where both must");
	relay_list_replace(&roster, b, keys, 1, 1, &settings, &revoked);
	ok(relay_edge_open(&roster, relay_edge_find(&roster, a, b)),
	   "now both do");
	relay_list_replace(&roster, a, &keys[2], 1, 2, &settings, &revoked);
	ok(revoked && relay_edge_find(&roster, a, b),
	   "a hub takes only its own word back");
	relay_list_replace(&roster, b, NULL, 0, 2, &settings, &revoked);
	ok(!relay_edge_find(&roster, a, b), "no word, no edge");
	roster.mutual = false;
	roster.edge_max = roster.edge_count + 1;
	is_int(relay_list_replace(&roster, b, keys, 3, 3, &settings, &revoked),
	       -ENOSPC, "a list that does not fit");
	ok(b->lists == 0 && b->list_version == 2 && b->edges == 0,
	   "changes nothing");
	is_int(relay_party_make(&roster, &roster.own, &settings) == NULL, 1,
	       "the relay is no party");
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	make();
	test_order();
	test_budget();
	test_long_walk();
	test_lists();
	relay_roster_clear(&roster);
	return tap_done();
}
