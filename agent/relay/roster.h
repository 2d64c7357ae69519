/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who there is and who may talk to whom.
 *
 * A party is a key that the relay has seen or that somebody's consent list
 * names; it is in the relay's tunnel (`wg`) while it is heard of. An edge joins
 * two parties as long as at least one lists the other. Lists belong to the key:
 * they outlive the peer's session, its legs and the process.
 *
 * Each side of an edge hangs in one of two lists of its party, in the order in
 * which the destination of that party's next handshake is looked for:
 * `talking`, those with whom it made a session lately, longest ago first, since
 * rekeys come round in the order of the last ones; and `idle`, the others,
 * latest match first.
 */
#ifndef SLUICE_RELAY_ROSTER_H
#define SLUICE_RELAY_ROSTER_H

#include "base/slab.h"
#include "relay/hash.h"
#include "relay/list.h"
#include "relay/outcome.h"
#include "relay/settings.h"
#include "wg/mac.h"
#include "wg/tunnel.h"

#include <sluice/abi.h>

struct relay_assembly;
struct relay_asks;

#define RELAY_PARTY_NOTES 4

/* What became of something a pair did, for `explain`. */
struct relay_note {
	uint32_t at_s;
	uint8_t what; /* enum relay_outcome; none if at_s is 0 */
};

/* A rate in events a second, with a second's worth of burst. */
struct relay_budget {
	uint32_t second;
	uint32_t used;
};

/*
 * What a party has under way: few have at a time. Made by whoever needs it, freed
 * by the round of parties once nothing is in it.
 */
struct relay_affairs {
	struct relay_list pending; /* handshakes it initiated, oldest first */
	uint32_t pending_count;
	uint32_t assembly_s; /* last chunk of the list under way */
	/* NULL: none */
	struct relay_assembly *assembly; /* a list under way */
	struct relay_asks *asks; /* sources under challenge */
	uint8_t *unmatched; /* its last initiation that fitted nobody */
};

/* In an order that leaves no holes. */
struct relay_party {
	struct relay_hash_node node;
	struct relay_list all;
	struct wg_key key;
	struct wg_mac1_key mac1;
	struct wg_peer *wg; /* NULL: not in the tunnel */
	struct relay_list talking, idle; /* of struct relay_edge's side */
	uint64_t list_version;
	struct relay_affairs *affairs; /* NULL: none */
	struct relay_leg_count *past; /* of legs it had, NULL: none */

	uint32_t edges, lists; /* edges of it, those it lists itself */
	uint32_t joined_s; /* since when it is in the tunnel */
	/* Last proof, of this or an earlier process; 0 never. */
	uint32_t heard_s;
	uint32_t asked_s; /* last initiation to a silent one */
	struct relay_budget mac1_budget;
	/* What became of what it did, latest first, as in relay_note. */
	uint32_t noted_s[RELAY_PARTY_NOTES];
	uint8_t noted[RELAY_PARTY_NOTES];
	uint8_t stamp[WG_TIMESTAMP_LEN]; /* greatest TAI64N while not in it */
	uint16_t first_leg; /* chained through the legs */
	bool allowed : 1; /* by AllowedPublicKeys */
	bool known : 1; /* has been in the tunnel, now or before a restart */
	bool listless : 1; /* never sent a list */
};

struct relay_edge;

struct relay_side {
	struct relay_list order; /* in party->talking or party->idle */
	struct relay_party *party;
	struct relay_note note; /* of its last handshake to the other side */
	uint16_t leg_port; /* relay port it used last, 0 none */
	uint8_t lists; /* it lists the other one */
	uint8_t number; /* 0 or 1: which side of the edge this is */
};

struct relay_edge {
	struct relay_hash_node node;
	struct relay_side side[2];
	uint32_t handshake_s; /* last one that was answered, 0 never */
	uint32_t fill_s; /* when `fill` was taken */
	uint16_t fill; /* sessions made lately */
	uint8_t mark; /* of the list being applied */
	uint8_t unanswered; /* initiations since the last answered one */
};

struct relay_roster {
	struct relay_hash parties, edges;
	struct slab party_slab, edge_slab;
	struct relay_list all; /* parties */
	size_t party_count, edge_count;
	size_t party_max, edge_max;
	size_t listed_max; /* lists make no more parties: joins have room */
	size_t joined; /* parties in the tunnel */
	bool mutual;
	bool keep; /* somebody walks over `all`: release nobody */
	struct wg_key own; /* the relay's key: never a party */
};

int relay_roster_init(struct relay_roster *roster, const struct wg_key *own,
		      const struct relay_settings *settings);
void relay_roster_clear(struct relay_roster *roster);

struct relay_party *relay_party_find(const struct relay_roster *roster,
				     const struct wg_key *key);
/* Finds or makes; NULL with errno ENOSPC, ENOMEM, or EINVAL for our own key. */
struct relay_party *relay_party_make(struct relay_roster *roster,
				     const struct wg_key *key,
				     const struct relay_settings *settings);
/* Frees it if nothing about it is worth keeping. True if it has gone. */
bool relay_party_release(struct relay_roster *roster,
			 struct relay_party *party);

/* What it has under way, made if there is nothing; NULL: no memory. */
struct relay_affairs *relay_party_affairs(struct relay_party *party);
/* Frees that if nothing is in it. */
void relay_party_settle(struct relay_party *party);

struct relay_edge *relay_edge_find(const struct relay_roster *roster,
				   const struct relay_party *a,
				   const struct relay_party *b);
/* True if both are allowed and list each other as the settings demand. */
bool relay_edge_open(const struct relay_roster *roster,
		     const struct relay_edge *edge);
struct relay_edge *relay_edge_of(const struct relay_side *side);
struct relay_side *relay_edge_side(struct relay_edge *edge,
				   const struct relay_party *party);
struct relay_side *relay_side_other(const struct relay_side *side);
struct relay_side *relay_side_of(const struct relay_list *order);

/*
 * Replaces a party's list. Everything is made before anything is changed:
 * -ENOSPC or -ENOMEM leave the list as it was. *revoked tells whether a pair
 * may not talk any more.
 */
int relay_list_replace(struct relay_roster *roster, struct relay_party *party,
		       const struct wg_key *keys, size_t count,
		       uint64_t version, const struct relay_settings *settings,
		       bool *revoked);

/* An answered handshake: orders both sides for the next one. */
void relay_edge_shook(struct relay_edge *edge, uint32_t now_s);
/* An initiation was matched to this side's other end. */
void relay_side_matched(struct relay_side *side, uint32_t now_s);

/*
 * Which of its partners a party's initiation is for: NULL with *why no_consent
 * or mac1_budget. total is the budget that all parties share.
 */
struct relay_side *relay_match(const struct relay_roster *roster,
			       struct relay_party *sender, const void *message,
			       size_t len, uint32_t now_s,
			       struct relay_budget *total,
			       enum relay_outcome *why);
/* True if the mac1 fits one of its partners, at most *macs computed, all of them
 * out of the total, which is not that of relay_match: who holds initiations must
 * not keep others from being matched. */
bool relay_may_match(const struct relay_roster *roster,
		     const struct relay_party *sender, const void *message,
		     size_t len, uint32_t now_s, struct relay_budget *total,
		     unsigned int *macs);

/* Takes from a budget of `rate` a second; false if it is spent. */
bool relay_budget_take(struct relay_budget *budget, uint32_t now_s,
		       uint32_t rate);

void relay_party_note(struct relay_party *party, enum relay_outcome what,
		      uint32_t now_s);

/* Adds what a leg of the party has forwarded, before it goes. */
void relay_party_bury(struct relay_party *party,
		      const struct relay_leg_count *count);

static inline void relay_leg_count_add(struct relay_leg_count *sum,
				       const struct relay_leg_count *count)
{
	sum->rx_packets += count->rx_packets;
	sum->rx_bytes += count->rx_bytes;
	sum->tx_packets += count->tx_packets;
	sum->tx_bytes += count->tx_bytes;
}

#endif
