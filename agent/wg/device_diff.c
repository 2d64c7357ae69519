// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device_diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "wg/device_model.h"

/* One allowed IP and the peer (its place in the device) that holds it. */
struct claim {
	struct wg_allowed_ip ip;
	size_t peer;
};

/* The allowed IPs of a device, each once. */
struct claims {
	struct claim *by_ip; /* sorted by IP */
	struct claim *by_peer; /* the same, sorted by peer, then IP */
	size_t count;
};

static int compare_by_ip(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = wg_allowed_ip_compare(&x->ip, &y->ip);

	return order ? order : (x->peer > y->peer) - (x->peer < y->peer);
}

static int compare_by_peer(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->peer != y->peer)
		return x->peer < y->peer ? -1 : 1;
	return wg_allowed_ip_compare(&x->ip, &y->ip);
}

static void claims_clear(struct claims *claims)
{
	free(claims->by_ip);
	free(claims->by_peer);
	*claims = (struct claims){0};
}

/* The last peer that names an address has it; the order of the sort puts its
 * claim behind the others. */
static size_t keep_last_claims(struct claim *claim, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (i + 1 < count &&
		    !wg_allowed_ip_compare(&claim[i].ip, &claim[i + 1].ip))
			continue;
		claim[kept++] = claim[i];
	}
	return kept;
}

static int claims_collect(struct claims *claims, const struct wg_device *device)
{
	size_t room = 1, count = 0;

	for (size_t i = 0; i < device->peer_count; i++)
		room += device->peers[i].allowed_ip_count;
	claims->by_ip = calloc(room, sizeof(*claims->by_ip));
	claims->by_peer = calloc(room, sizeof(*claims->by_peer));
	if (!claims->by_ip || !claims->by_peer)
		return -ENOMEM;

	for (size_t i = 0; i < device->peer_count; i++) {
		const struct wg_device_peer *peer = &device->peers[i];

		for (size_t j = 0; j < peer->allowed_ip_count; j++) {
			struct claim *claim = &claims->by_ip[count++];

			*claim = (struct claim){peer->allowed_ips[j], i};
			wg_allowed_ip_mask(&claim->ip);
		}
	}
	qsort(claims->by_ip, count, sizeof(*claims->by_ip), compare_by_ip);
	claims->count = keep_last_claims(claims->by_ip, count);
	memcpy(claims->by_peer, claims->by_ip,
	       claims->count * sizeof(*claims->by_peer));
	qsort(claims->by_peer, claims->count, sizeof(*claims->by_peer),
	      compare_by_peer);
	return 0;
}

static bool is_claimed(const struct claims *claims,
		       const struct wg_allowed_ip *ip)
{
	size_t low = 0, high = claims->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order =
			wg_allowed_ip_compare(&claims->by_ip[middle].ip, ip);

		if (!order)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* One peer's claims: its part of by_peer. */
static const struct claim *claims_of(const struct claims *claims, size_t peer,
				     size_t *count)
{
	size_t low = 0, high = claims->count, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (claims->by_peer[middle].peer < peer)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < claims->count; end++)
		if (claims->by_peer[end].peer != peer)
			break;
	*count = end - low;
	return claims->by_peer + low;
}

/* The peers of a device in the order of their keys. */
struct roster {
	const struct wg_device_peer **peer;
	size_t count;
};

static int compare_keys(const struct wg_key *a, const struct wg_key *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static int compare_peers(const void *a, const void *b)
{
	const struct wg_device_peer *const *x = a, *const *y = b;

	return compare_keys(&(*x)->public_key, &(*y)->public_key);
}

static int roster_make(struct roster *roster, const struct wg_device *device)
{
	roster->count = device->peer_count;
	roster->peer = calloc(roster->count + 1, sizeof(const void *));
	if (!roster->peer)
		return -ENOMEM;
	for (size_t i = 0; i < roster->count; i++)
		roster->peer[i] = &device->peers[i];
	qsort(roster->peer, roster->count, sizeof(const void *), compare_peers);
	for (size_t i = 1; i < roster->count; i++)
		if (!compare_peers(&roster->peer[i - 1], &roster->peer[i]))
			return -EEXIST;
	return 0;
}

static const struct wg_device_peer *roster_find(const struct roster *roster,
						const struct wg_key *key)
{
	size_t low = 0, high = roster->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct wg_device_peer *peer = roster->peer[middle];
		int order = compare_keys(&peer->public_key, key);

		if (!order)
			return peer;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* What the two devices hold, sorted for looking up. */
struct views {
	const struct wg_device *have, *want;
	struct roster had, wanted;
	struct claims had_ips, wanted_ips;
};

static void views_clear(struct views *views)
{
	free(views->had.peer);
	free(views->wanted.peer);
	claims_clear(&views->had_ips);
	claims_clear(&views->wanted_ips);
}

static int views_make(struct views *views)
{
	int err = roster_make(&views->wanted, views->want);

	if (!err)
		err = roster_make(&views->had, views->have);
	if (!err)
		err = claims_collect(&views->had_ips, views->have);
	if (!err)
		err = claims_collect(&views->wanted_ips, views->want);
	return err;
}

/*
 * A peer's allowed IPs: those it lacks are added, which takes them from whoever
 * has them. Only when one must go that nobody else takes is the list replaced,
 * because between forgetting and adding packets find no peer.
 */
static int diff_ips(struct wg_peer_change *change, const struct views *views,
		    size_t wanted, const struct wg_device_peer *had)
{
	const struct claim *want, *have = NULL;
	size_t want_count, have_count = 0, i = 0, j = 0, added = 0;

	want = claims_of(&views->wanted_ips, wanted, &want_count);
	if (had)
		have = claims_of(&views->had_ips,
				 (size_t)(had - views->have->peers),
				 &have_count);
	change->allowed_ips =
		calloc(want_count + 1, sizeof(*change->allowed_ips));
	if (!change->allowed_ips)
		return -ENOMEM;

	while (i < want_count || j < have_count) {
		int order = i == want_count ? 1
			    : j == have_count
				    ? -1
				    : wg_allowed_ip_compare(&want[i].ip,
							    &have[j].ip);

		if (order < 0)
			change->allowed_ips[added++] = want[i].ip;
		else if (order > 0 &&
			 !is_claimed(&views->wanted_ips, &have[j].ip))
			change->flags |= WG_PEER_REPLACE_IPS;
		i += order <= 0;
		j += order >= 0;
	}
	if (change->flags & WG_PEER_REPLACE_IPS)
		for (added = 0; added < want_count; added++)
			change->allowed_ips[added] = want[added].ip;
	change->allowed_ip_count = added;
	return 0;
}

static int diff_peer(struct wg_peer_change *change, const struct views *views,
		     size_t wanted)
{
	const struct wg_device_peer *want = &views->want->peers[wanted];
	const struct wg_device_peer *had =
		roster_find(&views->had, &want->public_key);
	static const struct wg_device_peer nothing;
	const struct wg_device_peer *old = had ? had : &nothing;

	change->public_key = want->public_key;
	change->preshared_key = want->preshared_key;
	change->endpoint = want->endpoint;
	change->keepalive = want->keepalive;
	if (!had)
		change->flags |= WG_PEER_NEW;
	if (!wg_key_equal(&want->preshared_key, &old->preshared_key))
		change->flags |= WG_PEER_PSK;
	if (wg_endpoint_len(&want->endpoint) &&
	    !wg_endpoint_equal(&want->endpoint, &old->endpoint))
		change->flags |= WG_PEER_ENDPOINT;
	if (want->keepalive != old->keepalive)
		change->flags |= WG_PEER_KEEPALIVE;
	return diff_ips(change, views, wanted, had);
}

static int diff_peers(struct wg_device_change *change,
		      const struct views *views)
{
	const struct wg_device *have = views->have, *want = views->want;
	int err;

	change->peers = calloc(have->peer_count + want->peer_count + 1,
			       sizeof(*change->peers));
	if (!change->peers)
		return -ENOMEM;

	for (size_t i = 0; i < have->peer_count; i++) {
		const struct wg_key *key = &have->peers[i].public_key;

		if (roster_find(&views->wanted, key))
			continue;
		change->peers[change->peer_count++] = (struct wg_peer_change){
			.flags = WG_PEER_REMOVE,
			.public_key = *key,
		};
	}
	for (size_t i = 0; i < want->peer_count; i++) {
		struct wg_peer_change *peer =
			&change->peers[change->peer_count];

		err = diff_peer(peer, views, i);
		if (err)
			return err;
		if (peer->flags || peer->allowed_ip_count) {
			change->peer_count++;
			continue;
		}
		free(peer->allowed_ips);
		sodium_memzero(peer, sizeof(*peer));
	}
	return 0;
}

static void diff_device(struct wg_device_change *change,
			const struct wg_device *have,
			const struct wg_device *want)
{
	memcpy(change->name, want->name, sizeof(change->name));
	change->private_key = want->private_key;
	change->listen_port = want->listen_port;
	change->fwmark = want->fwmark;
	if (!wg_key_equal(&want->private_key, &have->private_key))
		change->flags |= WG_DEVICE_PRIVATE_KEY;
	if (want->listen_port && want->listen_port != have->listen_port)
		change->flags |= WG_DEVICE_LISTEN_PORT;
	if (want->fwmark != have->fwmark)
		change->flags |= WG_DEVICE_FWMARK;
}

int wg_device_diff(struct wg_device_change *change,
		   const struct wg_device *have, const struct wg_device *want)
{
	struct views views = {.have = have, .want = want};
	struct wg_device_change made = {0};
	int err = views_make(&views);

	if (!err) {
		diff_device(&made, have, want);
		err = diff_peers(&made, &views);
	}
	views_clear(&views);
	if (err)
		wg_device_change_clear(&made);
	else
		*change = made;
	sodium_memzero(&made, sizeof(made));
	return err;
}

bool wg_device_change_is_empty(const struct wg_device_change *change)
{
	return !change->flags && !change->peer_count;
}

void wg_device_change_clear(struct wg_device_change *change)
{
	for (size_t i = 0; i < change->peer_count; i++)
		free(change->peers[i].allowed_ips);
	if (change->peers)
		sodium_memzero(change->peers,
			       change->peer_count * sizeof(*change->peers));
	free(change->peers);
	sodium_memzero(change, sizeof(*change));
}
