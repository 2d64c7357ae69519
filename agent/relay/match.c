// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which partner an initiation is for. mac1 does not say it, it only confirms a
 * guess, so partners are tried one after another, in three rows side by side:
 *
 *  - those whose rekey is due, longest ago first: rekeys come round in the order
 *    of the last ones;
 *  - those without a session, latest attempt first: a retry, a new contact;
 *  - those with a young session, youngest first: its response was lost.
 *
 * One row's first few are right nearly always, whatever the number of partners,
 * and a row full of wrong ones costs only three times what the right one does.
 * Those who are not here come last, to be able to say so.
 */
#include <string.h>

#include "relay/limits.h"
#include "relay/roster.h"

struct search {
	const struct relay_roster *roster;
	struct relay_party *sender;
	const void *message;
	size_t len;
	uint32_t now_s;
	struct relay_budget *total;
	unsigned int tried, skipped;
	bool broke; /* out of budget: no further */
	bool present; /* look at those who have a leg, or at the others */
};

bool relay_budget_take(struct relay_budget *budget, uint32_t now_s,
		       uint32_t rate)
{
	if (budget->second != now_s) {
		budget->second = now_s;
		budget->used = 0;
	}
	if (budget->used >= rate)
		return false;
	budget->used++;
	return true;
}

static bool pay(struct search *search)
{
	if (relay_budget_take(&search->sender->mac1_budget, search->now_s,
			      RELAY_MAC1_PER_PARTY) &&
	    relay_budget_take(search->total, search->now_s, RELAY_MAC1_TOTAL))
		return true;
	search->broke = true;
	return false;
}

/* To pass over one costs little, but a list may have thousands of those. */
static void skip(struct search *search)
{
	if (++search->skipped > RELAY_SKIPS_FREE &&
	    search->skipped % RELAY_SKIPS_A_MAC1 == 0)
		pay(search);
}

static bool pay_for_mac1(struct search *search)
{
	return search->tried++ < RELAY_MAC1_FREE || pay(search);
}

static bool fits(struct search *search, const struct relay_side *side)
{
	const struct relay_party *other = relay_side_other(side)->party;

	if (!other->first_leg == search->present ||
	    !relay_edge_open(search->roster, relay_edge_of(side))) {
		skip(search);
		return false;
	}
	return pay_for_mac1(search) &&
	       wg_mac1_fits(&other->mac1, search->message, search->len);
}

static bool due(const struct search *search, const struct relay_side *side)
{
	return relay_edge_of(side)->handshake_s + RELAY_REKEY_DUE <=
	       search->now_s;
}

/* ---- the rows ---- */

typedef struct relay_list *(*next_fn)(const struct search *search,
				      struct relay_list *at);

/* The end of a row is its list's head. */
static struct relay_list *next_due(const struct search *search,
				   struct relay_list *at)
{
	struct relay_list *list = &search->sender->talking;

	return at->next != list && due(search, relay_side_of(at->next))
		       ? at->next
		       : list;
}

static struct relay_list *next_idle(const struct search *search,
				    struct relay_list *at)
{
	(void)search;
	return at->next;
}

static struct relay_list *next_young(const struct search *search,
				     struct relay_list *at)
{
	struct relay_list *list = &search->sender->talking;

	return at->prev != list && !due(search, relay_side_of(at->prev))
		       ? at->prev
		       : list;
}

static struct relay_side *scan(struct search *search, bool present)
{
	struct relay_party *sender = search->sender;
	struct {
		next_fn next;
		struct relay_list *list, *at; /* at NULL: at its end */
	} row[] = {
		{next_young, &sender->talking, &sender->talking},
		{next_due, &sender->talking, &sender->talking},
		{next_idle, &sender->idle, &sender->idle},
	};
	int rows = 3;

	search->present = present;
	for (int i = 0; rows && !search->broke; i = (i + 1) % 3) {
		if (!row[i].at)
			continue;
		row[i].at = row[i].next(search, row[i].at);
		if (row[i].at == row[i].list) {
			row[i].at = NULL;
			rows--;
		} else if (fits(search, relay_side_of(row[i].at))) {
			return relay_side_of(row[i].at);
		}
	}
	return NULL;
}

/* Pairs that let their session lapse. */
static void retire_idle(struct relay_party *party, uint32_t now_s)
{
	struct relay_list *list = &party->talking, *at = list->next;

	while (at != list) {
		struct relay_edge *edge = relay_edge_of(relay_side_of(at));

		if (edge->handshake_s + RELAY_PAIR_IDLE > now_s)
			return;
		at = at->next;
		relay_list_to_front(at->prev, &party->idle);
	}
}

struct relay_side *relay_match(const struct relay_roster *roster,
			       struct relay_party *sender, const void *message,
			       size_t len, uint32_t now_s,
			       struct relay_budget *total,
			       enum relay_outcome *why)
{
	struct search search = {
		.roster = roster,
		.sender = sender,
		.message = message,
		.len = len,
		.now_s = now_s,
		.total = total,
	};
	struct relay_side *side;

	retire_idle(sender, now_s);
	side = scan(&search, true);
	if (!side && !search.broke)
		side = scan(&search, false);
	if (!side)
		*why = search.broke ? RELAY_OUTCOME_mac1_budget
				    : RELAY_OUTCOME_no_consent;
	return side;
}

static bool may_match(struct search *search, const struct relay_list *list,
		      unsigned int *macs)
{
	const struct relay_list *at;

	for (at = list->next; at != list && *macs; at = at->next) {
		struct relay_side *side = relay_side_of(at);
		bool open =
			relay_edge_open(search->roster, relay_edge_of(side));

		if ((open || ++search->skipped % RELAY_SKIPS_A_MAC1 == 0) &&
		    !relay_budget_take(search->total, search->now_s,
				       RELAY_HOLD_MACS_TOTAL))
			return false;
		if (!open)
			continue;
		--*macs;
		if (wg_mac1_fits(&relay_side_other(side)->party->mac1,
				 search->message, search->len))
			return true;
	}
	return false;
}

bool relay_may_match(const struct relay_roster *roster,
		     const struct relay_party *sender, const void *message,
		     size_t len, uint32_t now_s, struct relay_budget *total,
		     unsigned int *macs)
{
	struct search search = {
		.roster = roster,
		.message = message,
		.len = len,
		.now_s = now_s,
		.total = total,
	};

	return may_match(&search, &sender->talking, macs) ||
	       may_match(&search, &sender->idle, macs);
}
