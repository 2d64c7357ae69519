// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stddef.h>

#include <sodium.h>

#include "wg/state.h"

_Static_assert(offsetof(struct wg_path, ifindex) == 36,
	       "all that tells two paths apart stands before, without a gap");

static uint64_t age(const struct wg_peer *peer,
		    const struct wg_keypair *keypair)
{
	return peer->tunnel->now_ns - keypair->born_ns;
}

static bool usable(const struct wg_peer *peer, const struct wg_keypair *keypair)
{
	return keypair && age(peer, keypair) < WG_REJECT_AFTER_NS;
}

bool wg_session_live(const struct wg_peer *peer)
{
	return usable(peer, peer->current) &&
	       peer->current->send_counter < WG_REJECT_AFTER_MESSAGES;
}

struct wg_keypair *wg_session_new(struct wg_peer *peer,
				  uint32_t remote_index_le, bool initiator,
				  const struct wg_session_keys *keys)
{
	struct wg_keypair *keypair = slab_get(&peer->tunnel->keypairs);

	if (!keypair)
		return NULL;
	keypair->replay_bits = peer->tunnel->replay_bits;
	keypair->remote_index_le = remote_index_le;
	keypair->initiator = initiator;
	keypair->born_ns = peer->tunnel->now_ns;
	keypair->keys = *keys;
	return keypair;
}

/* Empties a slot: index released, keys wiped. */
static void drop(struct wg_peer *peer, struct wg_keypair **slot)
{
	struct wg_keypair *keypair = *slot;

	if (!keypair)
		return;
	*slot = NULL;
	wg_index_remove(&peer->tunnel->indices, &keypair->indexed);
	wg_tunnel_release_index(peer, keypair->indexed.index);
	slab_put(&peer->tunnel->keypairs, keypair);
}

static void shift(struct wg_peer *peer, struct wg_keypair **to,
		  struct wg_keypair **from)
{
	drop(peer, to);
	*to = *from;
	*from = NULL;
}

void wg_session_begin(struct wg_peer *peer, struct wg_keypair *keypair,
		      uint32_t index)
{
	keypair->indexed.kind = WG_INDEXED_KEYPAIR;
	keypair->indexed.peer = peer;
	keypair->indexed.index = index;
	wg_index_insert(&peer->tunnel->indices, &keypair->indexed);

	if (!keypair->initiator) {
		/* Not for sending, until the peer shows that it has it: the
		 * initiation may have been a replay. Those in use stay. */
		drop(peer, &peer->next);
		peer->next = keypair;
		return;
	}
	/* Both ends initiated at once: the peer may send under next. */
	if (peer->next)
		shift(peer, &peer->previous, &peer->next);
	else
		shift(peer, &peer->previous, &peer->current);
	drop(peer, &peer->current);
	peer->current = keypair;
}

/* Only one end looks at the age, so that they do not both renew at once. */
static void renew_if_aged(struct wg_peer *peer)
{
	const struct wg_keypair *keypair = peer->current;

	if (keypair->send_counter > WG_REKEY_AFTER_MESSAGES ||
	    (keypair->initiator && age(peer, keypair) >= WG_REKEY_AFTER_NS))
		wg_handshake_renew(peer);
}

int wg_session_send(struct wg_peer *peer, const void *data, size_t len)
{
	struct wg_tunnel *tunnel = peer->tunnel;

	if (!peer->has_path)
		return -EHOSTUNREACH;
	if (!usable(peer, peer->current) ||
	    wg_keypair_seal(peer->current, tunnel->sealed, data, len))
		return -ENOKEY;
	wg_timers_sent(peer, len > 0);
	wg_tunnel_transmit(peer, &peer->path, tunnel->sealed,
			   wg_sealed_len(len));
	renew_if_aged(peer);
	return 0;
}

/*
 * A peer that only receives would let its keypair run out and lose what comes
 * between: once, shortly before the end, it renews.
 */
static void renew_last_minute(struct wg_peer *peer)
{
	const struct wg_keypair *keypair = peer->current;

	if (peer->last_minute || !keypair || !keypair->initiator ||
	    age(peer, keypair) < WG_REJECT_AFTER_NS - WG_KEEPALIVE_TIMEOUT_NS -
					 WG_REKEY_TIMEOUT_NS)
		return;
	peer->last_minute = true;
	wg_handshake_renew(peer);
}

/* What wg_path_equal compares, keyed: nobody finds two that are the same. */
static uint64_t hash_way(const struct wg_peer *peer, const struct wg_path *path)
{
	uint64_t hash;

	crypto_shorthash((unsigned char *)&hash, (const unsigned char *)path,
			 offsetof(struct wg_path, ifindex),
			 peer->tunnel->bucket_key);
	return hash;
}

void wg_session_responded(struct wg_peer *peer, const struct wg_path *path)
{
	peer->next_way = hash_way(peer, path);
}

bool wg_session_moved(struct wg_peer *peer, const struct wg_path *path)
{
	bool moved = !peer->has_path || !wg_path_equal(&peer->path, path);

	if (moved)
		peer->quiet_until_ns = 0; /* that was elsewhere */
	peer->path = *path;
	peer->has_path = true;
	return moved;
}

void wg_session_renewed(struct wg_peer *peer)
{
	peer->handshake_ns = peer->tunnel->now_ns;
	peer->last_minute = false;
}

/* The first message under next: the peer has it, we may send under it. */
static void confirm(struct wg_peer *peer)
{
	shift(peer, &peer->previous, &peer->current);
	peer->current = peer->next;
	peer->next = NULL;
	wg_session_renewed(peer);
	wg_handshake_relax(peer);
}

enum wg_verdict wg_session_receive(struct wg_keypair *keypair,
				   const struct wg_path *path,
				   const void *message, size_t len)
{
	struct wg_peer *peer = keypair->indexed.peer;
	struct wg_tunnel *tunnel = peer->tunnel;
	size_t inner_len = len - WG_DATA_MIN_LEN;
	bool late, proves, answered, moved = false;
	int err;

	if (!usable(peer, keypair))
		return WG_BAD_DATA;
	err = wg_keypair_open(keypair, tunnel->opened, message, len, &late);
	if (err)
		return err == -EALREADY ? WG_REPLAYED : WG_BAD_DATA;

	peer->rx_bytes += len;
	/* One that was overtaken tells where the peer was. */
	proves = !late || (peer->has_path && wg_path_equal(&peer->path, path));
	if (proves)
		moved = wg_session_moved(peer, path);
	answered =
		keypair == peer->next && peer->next_way == hash_way(peer, path);
	if (keypair == peer->next)
		confirm(peer);
	wg_timers_received(peer, inner_len > 0);
	renew_last_minute(peer);
	wg_timers_schedule(peer);

	if (proves)
		tunnel->ops.proven(tunnel->ctx, peer, path, moved, answered);
	if (inner_len && !peer->gone)
		tunnel->ops.deliver(tunnel->ctx, peer, tunnel->opened,
				    inner_len);
	return WG_OK;
}

/* Nothing may use a keypair of that age any more, so it goes at once: earlier
 * than the paper's 3 * REJECT_AFTER_TIME, and so do its index and its keys. */
void wg_session_expire(struct wg_peer *peer)
{
	struct wg_keypair **slots[] = {&peer->previous, &peer->current,
				       &peer->next};

	for (int i = 0; i < 3; i++)
		if (!usable(peer, *slots[i]))
			drop(peer, slots[i]);
}

void wg_session_forget(struct wg_peer *peer)
{
	drop(peer, &peer->previous);
	drop(peer, &peer->current);
	drop(peer, &peer->next);
}
