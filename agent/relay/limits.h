/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The relay's constants, each with the reason for its value. Seconds unless the
 * name says otherwise.
 */
#ifndef SLUICE_RELAY_LIMITS_H
#define SLUICE_RELAY_LIMITS_H

/*
 * A keypair is good for REJECT_AFTER_TIME (180 s, whitepaper section 6.1) from
 * the moment its owner derived it, which is a round trip after the relay saw
 * the response at the latest: the initiator's clock starts when it gets it.
 */
#define RELAY_SESSION_LIFE 190
/* One turn of the sweep that removes what is older than that. */
#define RELAY_SWEEP_TURN 8

/*
 * How long silence leaves a peer its legs: a rekey interval (120 s), the
 * longest keepalive in use (65 s) and a whole REKEY_ATTEMPT_TIME (90 s).
 */
#define RELAY_PARTY_LIFE 300
/* For who is in the tunnel by an initiation alone: its first packet takes a
 * round trip. Sooner where others wait, of whom so many are looked at. */
#define RELAY_CONFIRM_LIFE 10
#define RELAY_CONFIRM_GRACE 5
#define RELAY_MEMBERS_LOOK 64
/* Silence after which a peer with live sessions is asked where it is. */
#define RELAY_PARTY_ASK 120
#define RELAY_PARTY_ASK_AGAIN 30
/* A leg unheard for that much longer than its peer's best is passed over. */
#define RELAY_LEG_STALE 150

/* An initiation is answered in a round trip; retries bring a new index. */
#define RELAY_PENDING_LIFE 10
#define RELAY_PENDING_MAX 32768
#define RELAY_PENDING_PER_PARTY 4096
/* At its quota a sender's oldest entry gives way once it is this old, and the
 * oldest of all where there is no room for any. */
#define RELAY_PENDING_YIELD 2

/* A cookie answers a handshake message that has just passed. */
#define RELAY_COOKIE_WINDOW 10

/* A held initiation: REKEY_TIMEOUT (5 s) brings the next one anyway. */
#define RELAY_HOLD_MAX 64
#define RELAY_HOLD_PER_ADDRESS 8
#define RELAY_HOLD_LIFE 2
/* How long a hold's place remembers which candidate was asked last. */
#define RELAY_HOLD_MEMORY 30
/* Legs looked at, and mac1 computed, to find out who may be behind a port. */
#define RELAY_HOLD_LEGS 256
#define RELAY_HOLD_MACS 512
#define RELAY_HOLD_MACS_TOTAL 100000 /* a second, besides RELAY_MAC1_TOTAL */
#define RELAY_HOLD_CANDIDATES 16

/*
 * mac1 costs three compressions, about half a microsecond. The first few
 * candidates of a handshake are free, so that a forger who spends a peer's
 * budget does not stop the rekeys that are due; the rest is paid for.
 */
#define RELAY_MAC1_FREE 64
#define RELAY_MAC1_PER_PARTY 100000 /* a second: a twentieth of a core */
#define RELAY_MAC1_TOTAL 500000 /* a second: a quarter */
/* Partners passed over, who are not here: so many free, then so many for the
 * price of one mac1. */
#define RELAY_SKIPS_FREE 1024
#define RELAY_SKIPS_A_MAC1 16
/* A rekey is due REKEY_AFTER_TIME (120 s) after the last, clocks being what
 * they are. */
#define RELAY_REKEY_DUE 110
/* After this long without a handshake two peers count as idle. */
#define RELAY_PAIR_IDLE 200

/*
 * While the session table is more than half full, one pair may make this many
 * sessions in a session's life: two peers alone can not fill it. A handshake
 * whose answers are lost is tried 18 times (REKEY_ATTEMPT_TIME / REKEY_TIMEOUT).
 */
#define RELAY_PAIR_SESSIONS 32

/* What may overtake a packet in the relay's own tunnels: they carry keepalives,
 * pings, and lists with at most 16 chunks under way. */
#define RELAY_TUNNEL_REORDERED 192

/* Chunks of one list arrive within this, lists under way at once. */
#define RELAY_ASSEMBLY_LIFE 30
#define RELAY_ASSEMBLIES_MAX 64
/* Bounds of what lists make the relay remember, times MaxPeers. */
#define RELAY_PARTIES_FACTOR 4
#define RELAY_EDGES_FACTOR 16
/* While half of either is in use, one list gets this part of it at most. */
#define RELAY_LIST_SHARE 8

/* How old the saved timestamps may get, while handshakes go on. */
#define RELAY_STAMPS_AGE 600

/* After a restart: 200 initiations a second, and how often for one path. */
#define RELAY_WAKE_BATCH 20
#define RELAY_WAKE_INTERVAL_NS 100000000ULL
#define RELAY_WAKE_TRIES 3
#define RELAY_WAKE_AGAIN 7

/* The challenge of an unproven source: an initiation, paid for before. */
#define RELAY_ASK_SOURCES 4
#define RELAY_ASK_INTERVAL_NS 1000000000ULL
/* The same once it has answered from a new place, for its other ports. */
#define RELAY_ASK_SOONER_NS 25000000ULL
#define RELAY_ASK_LIFE 10

/* Positions of the session table that one tick may judge anew, the rest between
 * two such ticks, and from one round to the next. */
#define RELAY_JUDGE_SLICE 65536
#define RELAY_JUDGE_REST_NS 1000000ULL
#define RELAY_JUDGE_INTERVAL_NS 100000000ULL

/* Handshakes and stray data a second from one source, and at once. */
#define RELAY_LIMIT_STRANGER_RATE 20
#define RELAY_LIMIT_STRANGER_BURST 5
#define RELAY_LIMIT_KNOWN_RATE 2000
#define RELAY_LIMIT_KNOWN_BURST 1000
#define RELAY_LIMIT_ADDRESS_RATE 20
#define RELAY_LIMIT_ADDRESS_BURST 20
#define RELAY_LIMIT_MISMATCH_RATE 50
#define RELAY_LIMIT_MISMATCH_BURST 20
/* Data that the agent forwards, from one leg: a third of a core, and more than
 * 500 Mbit/s where the way out is no device for XDP. */
#define RELAY_LIMIT_SLOW_RATE 50000
#define RELAY_LIMIT_SLOW_BURST 5000

#define RELAY_EVENT_INTERVAL_NS 1000000 /* one drop event a CPU a millisecond */

#endif
