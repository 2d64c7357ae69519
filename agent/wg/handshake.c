// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "wg/state.h"

static const struct wg_key no_psk;

static void remote_of(struct wg_remote *remote, const struct wg_peer *peer)
{
	*remote = (struct wg_remote){
		.public_key = peer->public_key,
		.psk = peer->psk ? *peer->psk : no_psk,
		.shared = peer->shared,
	};
}

/*
 * The next stamp for this peer, which accepts only growing ones: rounded to
 * WG_STAMP_STEP_NS within its second, and a step later than the last if the
 * clock did not get that far, or went back.
 */
static void next_stamp(struct wg_peer *peer, uint8_t stamp[WG_TIMESTAMP_LEN])
{
	uint64_t wall_ns = peer->tunnel->wall_ns();
	uint64_t second, second_be;
	uint32_t nsec, nsec_be;

	if (wall_ns < peer->stamp_ns + WG_STAMP_STEP_NS)
		wall_ns = peer->stamp_ns + WG_STAMP_STEP_NS;
	second = wall_ns / WG_SECOND_NS;
	nsec = wall_ns % WG_SECOND_NS & ~(WG_STAMP_STEP_NS - 1);
	peer->stamp_ns = second * WG_SECOND_NS + nsec;

	/* TAI64N: 2^62 plus the ten seconds TAI was ahead in 1970. */
	second_be = htobe64((UINT64_C(1) << 62) + 10 + second);
	nsec_be = htobe32(nsec);
	memcpy(stamp, &second_be, sizeof(second_be));
	memcpy(stamp + sizeof(second_be), &nsec_be, sizeof(nsec_be));
}

static void withdraw(struct wg_pending *pending)
{
	struct wg_peer *peer = pending->indexed.peer;

	if (pending->indexed.kind == WG_INDEXED_NONE)
		return;
	wg_index_remove(&peer->tunnel->indices, &pending->indexed);
	pending->indexed.kind = WG_INDEXED_NONE;
	wg_tunnel_release_index(peer, pending->indexed.index);
}

/* Takes it from its peer's list; its index must be gone. */
static void discard(struct wg_pending *pending)
{
	struct wg_peer *peer = pending->indexed.peer;
	struct wg_pending **at = &peer->pending;

	while (*at != pending)
		at = &(*at)->next;
	*at = pending->next;
	slab_put(&peer->tunnel->pendings, pending);
}

/* NULL: no memory */
static struct wg_cookie_slip *slip_of(struct wg_peer *peer)
{
	if (!peer->slip)
		peer->slip = slab_get(&peer->tunnel->slips);
	return peer->slip;
}

void wg_handshake_settle(struct wg_peer *peer)
{
	const struct wg_cookie_slip *slip = peer->slip;

	if (!slip || peer->pending || peer->next ||
	    wg_cookie_slip_until(slip) > peer->tunnel->now_ns)
		return;
	slab_put(&peer->tunnel->slips, peer->slip);
	peer->slip = NULL;
}

/* A fresh initiation: new ephemeral, stamp and index each time. */
static int send_initiation(struct wg_pending *pending)
{
	struct wg_peer *peer = pending->indexed.peer;
	struct wg_tunnel *tunnel = peer->tunnel;
	struct wg_cookie_slip *slip = slip_of(peer);
	struct wg_initiation message;
	struct wg_remote remote;
	uint8_t stamp[WG_TIMESTAMP_LEN];
	int err;

	pending->sent_ns = tunnel->now_ns;
	pending->retry_ns = tunnel->now_ns + WG_REKEY_TIMEOUT_NS;
	if (pending->insist)
		pending->retry_ns += wg_timers_jitter();
	if (pending->follow)
		pending->path = peer->path;

	withdraw(pending);
	if (!slip)
		return -ENOMEM;
	next_stamp(peer, stamp);
	remote_of(&remote, peer);
	err = wg_noise_initiate(&pending->noise, &message, &tunnel->vault->self,
				&remote, stamp);
	sodium_memzero(&remote, sizeof(remote));
	if (!err)
		err = wg_tunnel_draw_index(peer, &pending->indexed.index);
	if (err)
		return err;
	pending->indexed.kind = WG_INDEXED_HANDSHAKE;
	wg_index_insert(&tunnel->indices, &pending->indexed);

	message.sender = htole32(pending->indexed.index);
	wg_cookie_slip_sign(slip, &message, &message.macs, &peer->public_key,
			    tunnel->now_ns);
	if (pending->insist)
		wg_timers_traversed(peer);
	wg_tunnel_transmit(peer, &pending->path, &message, sizeof(message));
	return 0;
}

static struct wg_pending *find_pending(struct wg_peer *peer,
				       const struct wg_path *path)
{
	struct wg_pending *pending = peer->pending;

	while (pending && !wg_path_equal(&pending->path, path))
		pending = pending->next;
	return pending;
}

/* The oldest single shot makes room for a new one; at most one insists. */
static void make_room(struct wg_peer *peer)
{
	struct wg_pending *oldest = NULL;
	int count = 0;

	for (struct wg_pending *pending = peer->pending; pending;
	     pending = pending->next) {
		count++;
		if (!pending->insist &&
		    (!oldest || pending->sent_ns < oldest->sent_ns))
			oldest = pending;
	}
	if (count < WG_PENDING_MAX)
		return;
	withdraw(oldest);
	discard(oldest);
}

static struct wg_pending *add_pending(struct wg_peer *peer,
				      const struct wg_path *path)
{
	struct wg_pending *pending;

	make_room(peer);
	pending = slab_get(&peer->tunnel->pendings);
	if (!pending)
		return NULL;
	pending->indexed.peer = peer;
	pending->path = *path;
	pending->next = peer->pending;
	peer->pending = pending;
	return pending;
}

/* An answered one counts too: its path is the peer's since. */
static bool sent_lately(struct wg_peer *peer, const struct wg_path *path,
			const struct wg_pending *same)
{
	uint64_t now_ns = peer->tunnel->now_ns;

	if (same)
		return now_ns - same->sent_ns < WG_REKEY_TIMEOUT_NS;
	return now_ns < peer->quiet_until_ns && peer->has_path &&
	       wg_path_equal(&peer->path, path);
}

void wg_handshake_relax(struct wg_peer *peer)
{
	for (struct wg_pending *pending = peer->pending; pending;
	     pending = pending->next)
		pending->insist = false;
}

/* Keeps on with this one, and no other. */
static void make_insist(struct wg_pending *pending, uint64_t since_ns)
{
	if (pending->insist)
		return;
	wg_handshake_relax(pending->indexed.peer);
	pending->insist = true;
	pending->first_ns = since_ns;
}

int wg_handshake_start(struct wg_peer *peer, const struct wg_path *path,
		       bool insist, bool follow)
{
	struct wg_pending *pending = find_pending(peer, path);

	if (sent_lately(peer, path, pending)) {
		/* It is under way, but may have been a single shot so far. */
		if (pending && insist)
			make_insist(pending, pending->sent_ns);
		return -EALREADY;
	}
	if (!pending)
		pending = add_pending(peer, path);
	if (!pending)
		return -ENOMEM;
	if (insist)
		make_insist(pending, peer->tunnel->now_ns);
	pending->follow = follow;
	return send_initiation(pending);
}

void wg_handshake_renew(struct wg_peer *peer)
{
	struct wg_pending *pending = peer->pending;

	while (pending && !pending->insist)
		pending = pending->next;
	if (!pending && peer->has_path)
		wg_handshake_start(peer, &peer->path, true, true);
}

/* True: go over the list again, it changed. */
static bool retry(struct wg_pending *pending)
{
	struct wg_peer *peer = pending->indexed.peer;
	struct wg_tunnel *tunnel = peer->tunnel;
	bool insisted = pending->insist;

	if (insisted &&
	    tunnel->now_ns - pending->first_ns < WG_REKEY_ATTEMPT_NS) {
		/* Without memory or an index it is tried again as well. */
		send_initiation(pending);
		return false;
	}
	withdraw(pending);
	discard(pending);
	if (insisted) {
		/* Nobody is there to owe a sign of life to. */
		peer->keepalive_ns = WG_NEVER;
		tunnel->ops.gave_up(tunnel->ctx, peer);
	}
	return true;
}

void wg_handshake_due(struct wg_peer *peer)
{
	struct wg_pending *pending = peer->pending;

	while (pending) {
		if (pending->retry_ns > peer->tunnel->now_ns || !retry(pending))
			pending = pending->next;
		else
			pending = peer->pending;
	}
}

void wg_handshake_forget(struct wg_peer *peer)
{
	while (peer->pending) {
		withdraw(peer->pending);
		discard(peer->pending);
	}
}

/* The peer that made the message, or NULL with the verdict. */
static struct wg_peer *
identify(struct wg_tunnel *tunnel, const struct wg_path *path,
	 const struct wg_initiation *message, struct wg_responder *noise,
	 uint8_t stamp[WG_TIMESTAMP_LEN], enum wg_verdict *verdict)
{
	const struct wg_identity *self = &tunnel->vault->self;
	struct wg_peer *peer;
	struct wg_key shared;
	int err;

	*verdict = WG_BAD_HANDSHAKE;
	if (wg_noise_open_static(noise, message, self))
		return NULL;
	peer = wg_peers_find(tunnel, &noise->remote_static);
	if (peer)
		shared = peer->shared;
	else if (wg_noise_shared(&shared, &self->private_key,
				 &noise->remote_static))
		return NULL;
	err = wg_noise_open_stamp(noise, message, &shared, stamp);
	wg_key_wipe(&shared);
	if (err)
		return NULL;
	if (peer)
		return peer;
	*verdict = WG_REFUSED;
	if (!tunnel->ops.stranger)
		return NULL;
	return tunnel->ops.stranger(tunnel->ctx, &noise->remote_static, path);
}

static int respond(struct wg_peer *peer, const struct wg_path *path,
		   const struct wg_initiation *message,
		   struct wg_responder *noise)
{
	struct wg_cookie_slip *slip = slip_of(peer);
	struct wg_tunnel *tunnel = peer->tunnel;
	struct wg_response response;
	struct wg_session_keys keys;
	struct wg_keypair *keypair;
	uint32_t index;
	int err;

	if (!slip)
		return -ENOMEM;
	err = wg_noise_respond(noise, &response, peer->psk ?: &no_psk, &keys);
	if (err)
		return err;
	keypair = wg_session_new(peer, message->sender, false, &keys);
	sodium_memzero(&keys, sizeof(keys));
	if (!keypair)
		return -ENOMEM;
	err = wg_tunnel_draw_index(peer, &index);
	if (err) {
		slab_put(&tunnel->keypairs, keypair);
		return err;
	}
	wg_session_begin(peer, keypair, index);

	response.sender = htole32(index);
	response.receiver = message->sender;
	wg_cookie_slip_sign(slip, &response, &response.macs, &peer->public_key,
			    tunnel->now_ns);
	wg_session_responded(peer, path);
	wg_tunnel_transmit(peer, path, &response, sizeof(response));
	wg_timers_schedule(peer);
	return 0;
}

enum wg_verdict wg_handshake_answer(struct wg_tunnel *tunnel,
				    const struct wg_path *path,
				    const struct wg_initiation *message)
{
	struct wg_responder noise;
	uint8_t stamp[WG_TIMESTAMP_LEN];
	enum wg_verdict verdict;
	struct wg_peer *peer;

	peer = identify(tunnel, path, message, &noise, stamp, &verdict);
	if (!peer)
		goto out;
	verdict = WG_REPLAYED;
	if (memcmp(stamp, peer->greatest_stamp, sizeof(stamp)) <= 0)
		goto out;
	verdict = WG_TOO_SOON;
	if (tunnel->now_ns < peer->next_initiation_ns)
		goto out;
	verdict = WG_BAD_HANDSHAKE;
	if (respond(peer, path, message, &noise))
		goto out;
	memcpy(peer->greatest_stamp, stamp, sizeof(stamp));
	peer->next_initiation_ns = tunnel->now_ns + WG_INITIATION_GAP_NS;
	peer->rx_bytes += sizeof(*message);
	verdict = WG_OK;
out:
	sodium_memzero(&noise, sizeof(noise));
	return verdict;
}

/*
 * The peer keeps state for the latest initiation it saw. An answer to one makes
 * those before it pointless, not those after it.
 */
static void discard_until(struct wg_peer *peer, uint64_t sent_ns)
{
	struct wg_pending *pending = peer->pending;

	while (pending) {
		struct wg_pending *next = pending->next;

		if (pending->sent_ns <= sent_ns) {
			withdraw(pending);
			discard(pending);
		}
		pending = next;
	}
}

enum wg_verdict wg_handshake_finish(struct wg_pending *pending,
				    const struct wg_path *path,
				    const struct wg_response *message)
{
	struct wg_peer *peer = pending->indexed.peer;
	struct wg_tunnel *tunnel = peer->tunnel;
	uint32_t index = pending->indexed.index;
	struct wg_session_keys keys;
	struct wg_keypair *keypair;
	struct wg_remote remote;
	bool answered = wg_path_equal(&pending->path, path), moved;
	uint64_t sent_ns = pending->sent_ns;
	int err;

	remote_of(&remote, peer);
	err = wg_noise_finish(&pending->noise, message, &tunnel->vault->self,
			      &remote, &keys);
	sodium_memzero(&remote, sizeof(remote));
	if (err)
		return WG_BAD_HANDSHAKE;
	keypair = wg_session_new(peer, message->sender, true, &keys);
	sodium_memzero(&keys, sizeof(keys));
	if (!keypair)
		return WG_BAD_HANDSHAKE;

	/* The keypair inherits the index, claim and all. */
	wg_index_remove(&tunnel->indices, &pending->indexed);
	pending->indexed.kind = WG_INDEXED_NONE;
	wg_session_begin(peer, keypair, index);
	discard_until(peer, sent_ns);

	peer->rx_bytes += sizeof(*message);
	wg_session_renewed(peer);
	moved = wg_session_moved(peer, path);
	if (answered)
		peer->quiet_until_ns = sent_ns + WG_REKEY_TIMEOUT_NS;
	wg_timers_received(peer, false);
	/* The responder may not send before it heard something under the key. */
	wg_session_send(peer, NULL, 0);
	wg_timers_schedule(peer);
	tunnel->ops.proven(tunnel->ctx, peer, path, moved, answered);
	return WG_OK;
}
