// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "wg/state.h"

/* Strangers choose their keys: the hash is keyed, so that they can not choose
 * them all into one bucket. */
static struct wg_peer **bucket_of(const struct wg_tunnel *tunnel,
				  const struct wg_key *public_key)
{
	uint64_t hash;

	crypto_shorthash((unsigned char *)&hash, public_key->bytes,
			 sizeof(public_key->bytes), tunnel->bucket_key);
	return &tunnel->buckets[hash & tunnel->bucket_mask];
}

struct wg_peer *wg_peers_find(const struct wg_tunnel *tunnel,
			      const struct wg_key *public_key)
{
	struct wg_peer *peer = *bucket_of(tunnel, public_key);

	while (peer && !wg_key_equal(&peer->public_key, public_key))
		peer = peer->chain;
	return peer;
}

struct wg_peer *wg_peer_find(struct wg_tunnel *tunnel,
			     const struct wg_key *public_key)
{
	return wg_peers_find(tunnel, public_key);
}

static int fill_keys(struct wg_tunnel *tunnel, struct wg_peer *peer,
		     const struct wg_key *public_key, const struct wg_key *psk)
{
	const struct wg_identity *self = &tunnel->vault->self;
	int err;

	if (wg_key_equal(public_key, &self->public_key))
		return -EINVAL;
	peer->public_key = *public_key;
	err = wg_noise_shared(&peer->shared, &self->private_key, public_key);
	if (err || !psk || wg_key_is_zero(psk))
		return err;
	peer->psk = slab_get(&tunnel->psks);
	if (!peer->psk)
		return -ENOMEM;
	*peer->psk = *psk;
	return 0;
}

struct wg_peer *wg_peer_add(struct wg_tunnel *tunnel,
			    const struct wg_key *public_key,
			    const struct wg_key *psk, uint16_t keepalive,
			    void *user)
{
	struct wg_peer **bucket = bucket_of(tunnel, public_key);
	struct wg_peer *peer = NULL;
	int err = 0;

	if (wg_peers_find(tunnel, public_key))
		err = -EEXIST;
	else if (tunnel->peer_count >= tunnel->max_peers)
		err = -ENOSPC;
	else if (!(peer = slab_get(&tunnel->peers)))
		err = -ENOMEM;
	else
		err = fill_keys(tunnel, peer, public_key, psk);
	if (err) {
		slab_put(&tunnel->peers, peer);
		errno = -err;
		return NULL;
	}
	peer->tunnel = tunnel;
	peer->user = user;
	peer->keepalive = keepalive;
	peer->keepalive_ns = peer->silence_ns = peer->persistent_ns = WG_NEVER;
	peer->chain = *bucket;
	*bucket = peer;
	tunnel->peer_count++;
	return peer;
}

void wg_peer_remove(struct wg_tunnel *tunnel, struct wg_peer *peer)
{
	struct wg_peer **at = bucket_of(tunnel, &peer->public_key);

	while (*at != peer)
		at = &(*at)->chain;
	*at = peer->chain;
	tunnel->peer_count--;

	wg_handshake_forget(peer);
	wg_session_forget(peer);
	slab_put(&tunnel->slips, peer->slip);
	slab_put(&tunnel->psks, peer->psk);
	peer->slip = NULL;
	peer->psk = NULL;
	wg_heap_set(&tunnel->timers, &peer->timer, WG_NEVER);
	if (!tunnel->depth) {
		slab_put(&tunnel->peers, peer);
		return;
	}
	/* Somebody below us on the stack still looks at it. */
	peer->gone = true;
	peer->chain = tunnel->graveyard;
	tunnel->graveyard = peer;
}

void wg_peers_enter(struct wg_tunnel *tunnel, uint64_t now_ns)
{
	tunnel->now_ns = now_ns;
	tunnel->depth++;
}

void wg_peers_leave(struct wg_tunnel *tunnel)
{
	if (--tunnel->depth)
		return;
	while (tunnel->graveyard) {
		struct wg_peer *peer = tunnel->graveyard;

		tunnel->graveyard = peer->chain;
		slab_put(&tunnel->peers, peer);
	}
}

void *wg_peer_user(const struct wg_peer *peer)
{
	return peer->user;
}

const struct wg_key *wg_peer_key(const struct wg_peer *peer)
{
	return &peer->public_key;
}

int wg_peer_initiate(struct wg_peer *peer, const struct wg_path *path,
		     bool insist, uint64_t now_ns)
{
	struct wg_tunnel *tunnel = peer->tunnel;
	int err;

	wg_peers_enter(tunnel, now_ns);
	err = wg_handshake_start(peer, path, insist, false);
	wg_timers_schedule(peer);
	wg_peers_leave(tunnel);
	return err;
}

int wg_peer_send(struct wg_peer *peer, const void *data, size_t len,
		 uint64_t now_ns)
{
	struct wg_tunnel *tunnel = peer->tunnel;
	int err;

	if (len > WG_INNER_MAX)
		return -EMSGSIZE;
	wg_peers_enter(tunnel, now_ns);
	err = wg_session_send(peer, data, len);
	if (err == -ENOKEY)
		wg_handshake_renew(peer);
	wg_timers_schedule(peer);
	wg_peers_leave(tunnel);
	return err;
}

void wg_peer_stats(const struct wg_peer *peer, struct wg_peer_stats *stats)
{
	*stats = (struct wg_peer_stats){
		.path = peer->path,
		.has_path = peer->has_path,
		.has_keypair = wg_session_live(peer),
		.handshake_at_ns = peer->handshake_ns,
		.heard_at_ns = peer->heard_ns,
		.rx_bytes = peer->rx_bytes,
		.tx_bytes = peer->tx_bytes,
	};
}

void wg_peer_timestamp(const struct wg_peer *peer,
		       uint8_t stamp[WG_TIMESTAMP_LEN])
{
	memcpy(stamp, peer->greatest_stamp, WG_TIMESTAMP_LEN);
}

void wg_peer_set_timestamp(struct wg_peer *peer,
			   const uint8_t stamp[WG_TIMESTAMP_LEN])
{
	if (memcmp(stamp, peer->greatest_stamp, WG_TIMESTAMP_LEN) > 0)
		memcpy(peer->greatest_stamp, stamp, WG_TIMESTAMP_LEN);
}
