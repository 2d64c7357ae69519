/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a tunnel consists of, shared by the files that make it up:
 *
 *	tunnel.c	the whole: made, freed, ticked
 *	peer.c		the table of peers
 *	input.c		a datagram in: shape, mac1, load, who gets it
 *	handshake.c	initiations and responses, ours and theirs
 *	session.c	a peer's three keypairs, and sending under them
 *	timers.c	what a peer does when nothing comes
 *
 * Nobody else includes this.
 */
#ifndef SLUICE_WG_STATE_H
#define SLUICE_WG_STATE_H

#include "base/slab.h"
#include "wg/cookie.h"
#include "wg/heap.h"
#include "wg/index.h"
#include "wg/limits.h"
#include "wg/noise.h"
#include "wg/transport.h"
#include "wg/tunnel.h"

#define WG_NEVER UINT64_MAX

/* Enough for a rekey and for challenges to a few places the peer may be at. */
#define WG_PENDING_MAX 4

/* An initiation of ours that waits for its response. */
struct wg_pending {
	struct wg_indexed indexed; /* first: the table's entry is this */
	struct wg_pending *next; /* of the same peer */
	struct wg_initiator noise;
	struct wg_path path;
	uint64_t first_ns, sent_ns, retry_ns;
	bool insist; /* send again until WG_REKEY_ATTEMPT_NS */
	bool follow; /* to the peer's path, wherever that moves */
};

/* There may be many thousands: in an order that leaves no holes, and with what
 * only a handshake needs elsewhere. */
struct wg_peer {
	struct wg_heap_node timer; /* first: a node is its peer */
	struct wg_peer *chain; /* in the hash table, or in the graveyard */
	struct wg_tunnel *tunnel;
	void *user;
	struct wg_key public_key;
	struct wg_key shared; /* as in wg_remote */
	struct wg_key *psk; /* NULL: none */
	struct wg_cookie_slip *slip; /* NULL: nothing to remember */

	/* We send under current. next: we responded, it has not confirmed. */
	struct wg_keypair *previous, *current, *next;
	struct wg_pending *pending;
	uint64_t next_way; /* hash of the path our response for next went */
	uint64_t quiet_until_ns; /* a handshake of ours was answered just now */
	uint64_t next_initiation_ns; /* earlier ones come too soon */
	uint64_t stamp_ns; /* the last we sent */

	/* WG_NEVER: not armed */
	uint64_t keepalive_ns; /* answer what came, if only with a keepalive */
	uint64_t silence_ns; /* what we sent was not answered: handshake */
	uint64_t persistent_ns;

	uint64_t handshake_ns, heard_ns;
	uint64_t rx_bytes, tx_bytes;

	struct wg_path path; /* where it proved to be */
	uint8_t greatest_stamp[WG_TIMESTAMP_LEN]; /* received */
	uint16_t keepalive; /* seconds */
	bool has_path : 1;
	bool gone : 1; /* removed from within a callback */
	bool last_minute : 1; /* asked for a new keypair before this one ends */
};

/* Handshakes in the current second, and whether there were too many. */
struct wg_load {
	uint64_t second_ns, over_until_ns;
	uint32_t count;
};

/* In locked memory. */
struct wg_vault {
	struct wg_identity self;
	struct wg_cookie_jar jar;
};

struct wg_tunnel {
	struct wg_tunnel_ops ops;
	void *ctx;
	uint64_t (*wall_ns)(void);
	uint32_t load_limit;
	uint16_t replay_bits;
	struct wg_load initiations, responses;
	struct wg_vault *vault;

	struct slab peers, keypairs, pendings, slips, psks;
	struct wg_peer **buckets; /* of peers, by public key */
	size_t bucket_mask;
	uint8_t bucket_key[16]; /* SipHash */
	uint32_t peer_count, max_peers;
	struct wg_index_table indices;
	struct wg_heap timers;

	uint64_t now_ns; /* as the last call gave it */
	unsigned int depth; /* calls that may call back */
	struct wg_peer *graveyard; /* removed meanwhile */

	uint8_t *sealed, *opened; /* one datagram each */
};

/* peer.c */
struct wg_peer *wg_peers_find(const struct wg_tunnel *tunnel,
			      const struct wg_key *public_key);
/* Around everything that may call back: peers removed inside stay readable. */
void wg_peers_enter(struct wg_tunnel *tunnel, uint64_t now_ns);
void wg_peers_leave(struct wg_tunnel *tunnel);

/* handshake.c */
int wg_handshake_start(struct wg_peer *peer, const struct wg_path *path,
		       bool insist, bool follow);
/* To where the peer is, if that is known; again until it answers. */
void wg_handshake_renew(struct wg_peer *peer);
/* What is under way may still be answered, but is not sent again. */
void wg_handshake_relax(struct wg_peer *peer);
void wg_handshake_due(struct wg_peer *peer); /* retries, gives up */
void wg_handshake_forget(struct wg_peer *peer); /* all pending ones */
/* Forgets the cookie and the mac1 that one may come for, once they are no use. */
void wg_handshake_settle(struct wg_peer *peer);
enum wg_verdict wg_handshake_answer(struct wg_tunnel *tunnel,
				    const struct wg_path *path,
				    const struct wg_initiation *message);
enum wg_verdict wg_handshake_finish(struct wg_pending *pending,
				    const struct wg_path *path,
				    const struct wg_response *message);

/* session.c */
bool wg_session_live(const struct wg_peer *peer);
/* A keypair whose index is not in the table yet. */
struct wg_keypair *wg_session_new(struct wg_peer *peer,
				  uint32_t remote_index_le, bool initiator,
				  const struct wg_session_keys *keys);
/* Takes over the index, which has been claimed, and the keypair. */
void wg_session_begin(struct wg_peer *peer, struct wg_keypair *keypair,
		      uint32_t index);
/* -ENOKEY, -EHOSTUNREACH. An empty packet is a keepalive. */
int wg_session_send(struct wg_peer *peer, const void *data, size_t len);
enum wg_verdict wg_session_receive(struct wg_keypair *keypair,
				   const struct wg_path *path,
				   const void *message, size_t len);
/* Both ends have the current keypair. */
void wg_session_renewed(struct wg_peer *peer);
/* An authentic packet says that the peer is at path. True: it moved. */
bool wg_session_moved(struct wg_peer *peer, const struct wg_path *path);
/* Our response, from which the peer derives next, goes there. */
void wg_session_responded(struct wg_peer *peer, const struct wg_path *path);
void wg_session_expire(struct wg_peer *peer); /* what is too old */
void wg_session_forget(struct wg_peer *peer); /* all three */

/* timers.c */
void wg_timers_sent(struct wg_peer *peer, bool data);
void wg_timers_received(struct wg_peer *peer, bool data);
void wg_timers_traversed(struct wg_peer *peer); /* persistent keepalive */
/* After anything that may have brought the peer's next deadline forward. */
void wg_timers_schedule(struct wg_peer *peer);
void wg_timers_run(struct wg_peer *peer);
uint64_t wg_timers_jitter(void);

/* tunnel.c */
void wg_tunnel_transmit(struct wg_peer *peer, const struct wg_path *path,
			const void *data, size_t len);
/* Draws and claims an index. 0 or -EAGAIN: every one drawn was refused. */
int wg_tunnel_draw_index(struct wg_peer *peer, uint32_t *index);
void wg_tunnel_release_index(struct wg_peer *peer, uint32_t index);

#endif
