/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The relay's decisions: who the peers are and where, who may talk to whom,
 * where a handshake goes, which sessions are live, and what the kernel program
 * therefore finds in its maps. It opens nothing: datagrams and time come in,
 * datagrams and map writes go out through `relay_ops`, and the mapped maps are
 * plain memory. The unit tests run whole networks on it without root.
 *
 * Time: CLOCK_MONOTONIC in nanoseconds, never going back.
 */
#ifndef SLUICE_RELAY_ENGINE_H
#define SLUICE_RELAY_ENGINE_H

#include <jansson.h>

#include <sluice/abi.h>

#include "relay/settings.h"
#include "wg/tunnel.h"

struct relay_engine;

/* The mapped maps. Array lengths as the loader reports them. */
struct relay_tables {
	struct relay_config *config;
	struct relay_bucket *buckets;
	size_t bucket_count; /* at least 2 */
	struct sluice_count *counts; /* count_stride * cpus */
	size_t count_stride; /* buckets * 8 + spill entries */
	size_t cpus;
	struct relay_leg *legs; /* [0] is never used */
	struct relay_peer *peers; /* by leg */
	size_t leg_count; /* entries, [0] included */
};

/* The next hop of a leg, as netlink has it. */
struct relay_next_hop {
	bool resolved;
	uint32_t ifindex;
	uint16_t mtu;
	uint8_t dmac[6], smac[6];
	uint16_t vlan[2];
};

struct relay_ops {
	/* Send a datagram from path->local:local_port. Loss is allowed. */
	void (*send)(void *ctx, const struct wg_path *path, const void *data,
		     size_t len);
	/* The maps that are not mapped. 0 or -errno (-E2BIG, -ENOSPC: full). */
	int (*spill_set)(void *ctx, uint32_t index_le,
			 const struct relay_spill *spill);
	int (*spill_clear)(void *ctx, uint32_t index_le);
	int (*known_set)(void *ctx, const struct relay_known_key *key,
			 const struct relay_known *value);
	int (*known_clear)(void *ctx, const struct relay_known_key *key);
	/* Sum over all CPUs of one leg's counters. */
	int (*leg_count)(void *ctx, uint16_t leg,
			 struct relay_leg_count *count);
	/* Zero one leg's counters on all CPUs (before the leg is given out). */
	int (*leg_count_clear)(void *ctx, uint16_t leg);
	/* Keep this leg's next hop; relay_engine_next_hop is called from inside
	 * or later, whenever it changes. `forget` ends that. */
	void (*resolve)(void *ctx, uint16_t leg, const struct wg_path *path);
	void (*forget)(void *ctx, uint16_t leg);
	/* Something worth saving changed; the caller debounces. */
	void (*dirty)(void *ctx);
	uint64_t (*wall_ns)(void); /* CLOCK_REALTIME */
	/*
	 * For taking over after a restart, may be NULL where nothing was pinned:
	 * call `take` for each entry that the spill map or the map of known
	 * addresses holds. The entry may be cleared from inside.
	 */
	void (*spill_each)(void *ctx,
			   void (*take)(void *arg, uint32_t index_le,
					const struct relay_spill *spill),
			   void *arg);
	void (*known_each)(void *ctx,
			   void (*take)(void *arg,
					const struct relay_known_key *key),
			   void *arg);
};

/*
 * settings is copied. If the tables hold live legs and sessions (a restart),
 * they are adopted: each live slot gets a full lifetime from now, legs keep
 * their peers (tables->peers names them), nothing is unpublished. The engine
 * fills tables->config except the first time fields it finds there: the seeds
 * of an adopted table stay.
 */
int relay_engine_new(struct relay_engine **out,
		     const struct relay_settings *settings,
		     const struct relay_tables *tables,
		     const struct relay_ops *ops, void *ctx, uint64_t now_ns);
/* Frees the engine; the tables stay as they are: packets go on being forwarded. */
void relay_engine_free(struct relay_engine *engine);

/* A datagram that came up to one of the sockets. */
void relay_engine_input(struct relay_engine *engine, const struct wg_path *path,
			const void *data, size_t len, uint64_t now_ns);

/* Does what is due; returns when to call again. */
uint64_t relay_engine_tick(struct relay_engine *engine, uint64_t now_ns);

void relay_engine_next_hop(struct relay_engine *engine, uint16_t leg,
			   const struct relay_next_hop *hop);

/*
 * New settings: parsed, compared, applied. Peers that are allowed no more lose
 * their legs and sessions, everybody else loses nothing. -EINVAL if something
 * changed that needs a restart (names it in the log): the private key, the
 * sizes, the ports.
 */
int relay_engine_reload(struct relay_engine *engine,
			const struct relay_settings *settings, uint64_t now_ns);

/* Blocked sources: withdraws legs and sessions inside the prefix of a mapped
 * address. The trie itself is the caller's. */
void relay_engine_block(struct relay_engine *engine,
			const struct relay_block_key *key, uint64_t now_ns);

/* Counts a datagram that the caller dropped: it came from a blocked source, in a
 * form that the program passes up (in pieces, with IP options). */
void relay_engine_blocked(struct relay_engine *engine);

/* Saved state: peers, their last paths and timestamps, consent lists. A new
 * reference, NULL on ENOMEM. Restore takes what fits and is allowed and leaves
 * out, with a warning, peers that can not be read; -EINVAL if the document is
 * not one of ours (nothing changed). After restore the engine
 * initiates to every peer with a path, paced. */
json_t *relay_engine_save(const struct relay_engine *engine);
int relay_engine_restore(struct relay_engine *engine, const json_t *state,
			 uint64_t now_ns);

/* Reports, new references; their fields are in control.txt. */
json_t *relay_engine_status(const struct relay_engine *engine, uint64_t now_ns);
json_t *relay_engine_peers(const struct relay_engine *engine, uint64_t now_ns);
json_t *relay_engine_sessions(const struct relay_engine *engine,
			      uint64_t now_ns);
json_t *relay_engine_routes(const struct relay_engine *engine, uint64_t now_ns);
/* One sentence about a peer (b == NULL) or about two. */
json_t *relay_engine_explain(const struct relay_engine *engine,
			     const struct wg_key *a, const struct wg_key *b,
			     uint64_t now_ns);

/* Counters of the agent's own decisions, one list (outcome.h): how many, their
 * names, their values. */
size_t relay_engine_outcomes(const struct relay_engine *engine,
			     const char *const **names,
			     const uint64_t **values);

#endif
