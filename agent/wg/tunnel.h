/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * WireGuard in user space: one static key, many peers, as responder and as
 * initiator (Noise_IKpsk2, transport, cookies, timers; the whitepaper's
 * sections 5 and 6). It owns no socket, no clock and no thread: datagrams, time
 * and inner packets come and go through this interface, so that a relay, a mesh
 * member or a nested hop can each put it on whatever carries bytes.
 *
 * Time is CLOCK_MONOTONIC in nanoseconds, given with each call and never going
 * back. TAI64N stamps come from `wall_ns` (CLOCK_REALTIME) in the settings.
 *
 * Addresses are opaque to it: a `wg_path` is compared bytewise and handed back.
 *
 * Indices are the wire's little-endian ones in host order. From within a callback
 * every wg_peer_* function may be called, wg_peer_remove included, but neither
 * wg_tunnel_input nor wg_tunnel_tick of the same tunnel.
 */
#ifndef SLUICE_WG_TUNNEL_H
#define SLUICE_WG_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wg/key.h"

/* Both ends of a datagram's way: 16-byte addresses (IPv4 mapped), ports in host
 * order. Padding is zero; compare with wg_path_equal. */
struct wg_path {
	uint8_t remote[16];
	uint8_t local[16];
	uint16_t remote_port;
	uint16_t local_port;
	uint32_t ifindex; /* informative, not compared */
};
bool wg_path_equal(const struct wg_path *a, const struct wg_path *b);

struct wg_tunnel;
struct wg_peer;

struct wg_tunnel_ops {
	/* Send a datagram. Loss is allowed. */
	void (*send)(void *ctx, const struct wg_path *path, const void *data,
		     size_t len);
	/*
	 * An initiation came from a public key that is no peer yet, decrypted
	 * and therefore sent by (or replayed from) its owner. Return the peer
	 * after wg_peer_add, or NULL to refuse in silence.
	 */
	struct wg_peer *(*stranger)(void *ctx, const struct wg_key *public_key,
				    const struct wg_path *path);
	/*
	 * The peer proved that it is at `path`: a valid initiation does not
	 * (it could be a replay); a valid response to our initiation and every
	 * authentic, fresh transport packet does. Called for each of them, with
	 * moved = true when the path differs from the last proven one. A packet
	 * that a later one overtook tells where the peer was: it is delivered,
	 * but proves no other path.
	 *
	 * Anybody can write any source on a packet of his own. `answered` says
	 * that the peer can not have done so, because it received what we sent
	 * to that very path: it answered our initiation from where that went,
	 * or uses for the first time a keypair that it could only derive from
	 * our response, from where that went.
	 */
	void (*proven)(void *ctx, struct wg_peer *peer,
		       const struct wg_path *path, bool moved, bool answered);
	/* A decrypted inner packet, not empty; may still carry zero padding. */
	void (*deliver)(void *ctx, struct wg_peer *peer, const void *data,
			size_t len);
	/*
	 * A receiver index of ours came into use or went. `claim` answers false
	 * if somebody else uses that index; another is drawn then. May be NULL.
	 */
	bool (*claim)(void *ctx, struct wg_peer *peer, uint32_t index);
	void (*release)(void *ctx, struct wg_peer *peer, uint32_t index);
	/* No answer within REKEY_ATTEMPT_TIME to what we initiated. */
	void (*gave_up)(void *ctx, struct wg_peer *peer);
};

struct wg_tunnel_settings {
	struct wg_key private_key; /* copied into locked memory */
	uint32_t max_peers;
	uint64_t (*wall_ns)(void); /* CLOCK_REALTIME */
	/*
	 * Handshakes a second above which mac2 is demanded (a cookie reply is
	 * sent instead of doing Curve25519); 0: the default, 500.
	 */
	uint32_t load_limit;
	/*
	 * How many packets may overtake one that is still accepted; 0: the
	 * default and most, 1984. Each costs a bit in every keypair.
	 */
	uint16_t reordered;
};

int wg_tunnel_new(struct wg_tunnel **out,
		  const struct wg_tunnel_settings *settings,
		  const struct wg_tunnel_ops *ops, void *ctx);
void wg_tunnel_free(struct wg_tunnel *tunnel); /* wipes */
const struct wg_key *wg_tunnel_public_key(const struct wg_tunnel *tunnel);

/* What became of a datagram, for counters. */
enum wg_verdict {
	WG_OK,
	WG_NOT_OURS, /* mac1 of another key, or an index that is not ours */
	WG_MALFORMED,
	WG_COOKIE_SENT, /* under load, no valid mac2 */
	WG_BAD_HANDSHAKE, /* did not decrypt */
	WG_REFUSED, /* stranger() said no */
	WG_REPLAYED, /* timestamp not newer, or counter seen or too old */
	WG_TOO_SOON, /* more than 50 initiations a second of one peer */
	WG_BAD_DATA, /* did not decrypt, or the keypair is too old */
	WG_VERDICT_COUNT,
};
enum wg_verdict wg_tunnel_input(struct wg_tunnel *tunnel,
				const struct wg_path *path, const void *data,
				size_t len, uint64_t now_ns);

/* True if the index belongs to one of our keypairs or pending handshakes. */
bool wg_tunnel_owns(const struct wg_tunnel *tunnel, uint32_t index);

/* Does what is due and returns when to call again (UINT64_MAX: never). */
uint64_t wg_tunnel_tick(struct wg_tunnel *tunnel, uint64_t now_ns);

/*
 * Peers. NULL with errno = ENOSPC (max_peers), EEXIST, ENOMEM or EINVAL (our own
 * key, or not a point). psk may be NULL. keepalive in seconds, 0: none. `user`
 * is the caller's.
 */
struct wg_peer *wg_peer_add(struct wg_tunnel *tunnel,
			    const struct wg_key *public_key,
			    const struct wg_key *psk, uint16_t keepalive,
			    void *user);
void wg_peer_remove(struct wg_tunnel *tunnel, struct wg_peer *peer);
struct wg_peer *wg_peer_find(struct wg_tunnel *tunnel,
			     const struct wg_key *public_key);
void *wg_peer_user(const struct wg_peer *peer);
const struct wg_key *wg_peer_key(const struct wg_peer *peer);

/*
 * Starts a handshake towards path, which does not become the peer's address by
 * that. Retries as the protocol does if `insist`, else sends once. -EALREADY if
 * one went to the same path within REKEY_TIMEOUT.
 */
int wg_peer_initiate(struct wg_peer *peer, const struct wg_path *path,
		     bool insist, uint64_t now_ns);

/*
 * Sends an inner packet (padded to 16) to the proven path. -ENOKEY if there is
 * no live keypair (a handshake is started if a path is known; the packet is not
 * queued), -EHOSTUNREACH if no path is known.
 */
int wg_peer_send(struct wg_peer *peer, const void *data, size_t len,
		 uint64_t now_ns);

struct wg_peer_stats {
	struct wg_path path; /* last proven */
	bool has_path;
	bool has_keypair; /* a live one */
	uint64_t handshake_at_ns; /* last completed, 0: never */
	uint64_t heard_at_ns; /* last authentic packet, 0: never */
	uint64_t rx_bytes, tx_bytes;
};
void wg_peer_stats(const struct wg_peer *peer, struct wg_peer_stats *stats);

/* The greatest TAI64N seen, to be saved and restored over a restart. */
void wg_peer_timestamp(const struct wg_peer *peer,
		       uint8_t stamp[WG_TIMESTAMP_LEN]);
void wg_peer_set_timestamp(struct wg_peer *peer,
			   const uint8_t stamp[WG_TIMESTAMP_LEN]);

#endif
