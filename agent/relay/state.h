/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine from inside: what its parts share. Each part is one file:
 *
 *   engine.c   life, datagrams in, time, settings
 *   adopt.c    taking over a previous process's tables
 *   members.c  peers entering and leaving the relay's tunnel, their legs
 *   forward.c    handshakes of others, from leg to leg
 *   hold.c     handshakes from a port that nobody has proven
 *   roam.c     proofs, and challenges of sources that look like a peer's
 *   data.c     data that the kernel program left to us
 *   control.c  what comes inside the tunnel: lists, wgx's commands, pings
 *   judge.c    taking back sessions whose legs or consent have gone
 *   wake.c     initiations after a restart
 *   save.c, report.c, explain.c
 */
#ifndef SLUICE_RELAY_STATE_H
#define SLUICE_RELAY_STATE_H

#include "relay/engine.h"
#include "relay/leg.h"
#include "relay/limits.h"
#include "relay/pending.h"
#include "relay/roster.h"
#include "relay/table.h"

#define RELAY_SECOND_NS 1000000000ULL

/* An initiation whose sender has yet to prove the source it came from. */
struct relay_hold {
	struct wg_path path;
	struct wg_key candidate; /* who was asked */
	uint32_t asked; /* how many were, one after another */
	uint32_t until_s; /* the message is worth forwarding; 0: no message */
	uint32_t
		forget_s; /* the place may be used for another source; 0 free */
	uint8_t message[WG_INITIATION_LEN];
};

/* A saved path to try after a restart. */
struct relay_wake {
	struct relay_list list;
	struct wg_key key;
	struct wg_path path;
	uint32_t due_s;
	uint8_t tries; /* left */
};

/* The round over the sessions of some legs, of which there is a bit each. */
struct relay_judge {
	size_t at; /* where it is, RELAY_NOWHERE: there is none */
	uint64_t rest_ns; /* none begins before */
	bool due; /* for the legs in `next`, a further one is */
	uint8_t legs[UINT16_MAX / 8 + 1], next[UINT16_MAX / 8 + 1];
};

struct relay_engine {
	struct relay_settings settings; /* allowed is our own copy */
	struct relay_tables map;
	struct relay_ops ops;
	void *ctx;
	uint64_t epoch_ns; /* of the engine's seconds, which start at 1 */
	uint64_t now_ns;
	uint32_t now_s;

	struct wg_tunnel *tunnel;
	struct relay_table table;
	struct relay_legs legs;
	struct relay_roster roster;
	struct relay_pendings pendings;
	struct relay_hold holds[RELAY_HOLD_MAX];
	struct relay_list wakes;
	uint16_t wake_leg; /* the next one to call after a restart, 0: none */
	bool wake_called; /* somebody in this round */
	uint32_t wake_round_s; /* not before */
	uint64_t wake_ns; /* when the next of all these may be tried */
	struct relay_budget mac1_total, hold_macs_total;
	uint32_t assemblies; /* lists under way */

	uint32_t dirtied_s; /* when there was something to save last */
	uint32_t swept_s; /* last second for which the sweep ran */
	struct relay_list *party_at; /* where the round of parties is */
	uint32_t adopted_until_s; /* sessions of a previous process may live */
	struct relay_judge judge;
	uint32_t purged_s; /* last walk over all sessions for dropped legs */
	bool purge_due;

	uint64_t outcomes[RELAY_OUTCOME_COUNT];
	uint64_t user_packets, user_bytes;
};

/* engine.c */
void relay_engine_count(struct relay_engine *engine, enum relay_outcome what);
void relay_engine_send(struct relay_engine *engine, uint16_t leg,
		       const void *data, size_t len);
void relay_engine_dirty(struct relay_engine *engine);
void relay_engine_set_time(struct relay_engine *engine, uint64_t now_ns);

/* adopt.c */
void relay_adopt(struct relay_engine *engine);

/* members.c */
struct wg_peer *relay_join(struct relay_engine *engine,
			   struct relay_party *party);
void relay_leave(struct relay_engine *engine, struct relay_party *party);
void relay_drop_leg(struct relay_engine *engine, uint16_t leg,
		    enum relay_outcome why);
uint32_t relay_party_sessions(const struct relay_engine *engine,
			      const struct relay_party *party);
uint32_t relay_party_heard(const struct relay_engine *engine,
			   const struct relay_party *party);
void relay_members_round(struct relay_engine *engine, uint32_t seconds);
extern const struct wg_tunnel_ops relay_tunnel_ops;

/* forward.c */
void relay_forward(struct relay_engine *engine, const struct wg_path *path,
		   const void *message, size_t len);
void relay_forward_initiation(struct relay_engine *engine, uint16_t leg,
			      const struct wg_initiation *message);

/* hold.c */
void relay_hold_initiation(struct relay_engine *engine,
			   const struct wg_path *path,
			   const struct wg_initiation *message);
void relay_hold_release(struct relay_engine *engine, struct relay_party *party,
			uint16_t leg, const struct wg_path *path);
void relay_hold_expire(struct relay_engine *engine);

/* roam.c */
void relay_roam_proven(struct relay_engine *engine, struct relay_party *party,
		       const struct wg_path *path, bool answered);
void relay_roam_ask(struct relay_engine *engine, struct relay_party *party,
		    const struct wg_path *path, size_t bytes);

/* Forgets sources that have fallen silent. */
void relay_roam_expire(struct relay_engine *engine, struct relay_party *party);

/* data.c */
void relay_data(struct relay_engine *engine, const struct wg_path *path,
		const struct wg_data *message, size_t len);

/* control.c */
void relay_control(struct relay_engine *engine, struct relay_party *party,
		   const void *packet, size_t len);
void relay_assembly_drop(struct relay_engine *engine,
			 struct relay_party *party);
/* echo.c: the length of the answer to a ping in `answer`, 0 if it is none. */
size_t relay_echo(uint8_t *answer, size_t size, const uint8_t *packet,
		  size_t len);

/* judge.c */
void relay_purge(struct relay_engine *engine, bool at_once);
/* A party's list changed: its sessions are due, within an interval and a round. */
void relay_judge_party(struct relay_engine *engine,
		       const struct relay_party *party);
/* The settings did: all sessions are due. */
void relay_judge_all(struct relay_engine *engine);
/* A part of what is due; returns when to call again, UINT64_MAX if not for this. */
uint64_t relay_judge_step(struct relay_engine *engine);
void relay_judge_confirm(struct relay_engine *engine);

/* wake.c */
void relay_wake_leg(struct relay_engine *engine, uint16_t leg);
void relay_wake_add(struct relay_engine *engine,
		    const struct relay_party *party,
		    const struct wg_path *path);
uint64_t relay_wake_step(struct relay_engine *engine);
void relay_wake_clear(struct relay_engine *engine);

#endif
