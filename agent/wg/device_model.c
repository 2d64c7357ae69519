// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

/* True if an array of `count` elements, grown by doubling, is full. */
static bool is_full(size_t count)
{
	return !(count & (count - 1));
}

struct wg_device_peer *wg_device_add_peer(struct wg_device *device)
{
	size_t count = device->peer_count;

	if (is_full(count)) {
		size_t room = count ? count * 2 : 1;
		struct wg_device_peer *peers = calloc(room, sizeof(*peers));

		if (!peers)
			return NULL;
		if (count) {
			memcpy(peers, device->peers, count * sizeof(*peers));
			sodium_memzero(device->peers, count * sizeof(*peers));
		}
		free(device->peers);
		device->peers = peers;
	}
	memset(&device->peers[count], 0, sizeof(device->peers[count]));
	device->peer_count++;
	return &device->peers[count];
}

int wg_device_peer_add_ip(struct wg_device_peer *peer,
			  const struct wg_allowed_ip *ip)
{
	size_t count = peer->allowed_ip_count;

	if (is_full(count)) {
		size_t room = count ? count * 2 : 1;
		struct wg_allowed_ip *ips =
			realloc(peer->allowed_ips, room * sizeof(*ips));

		if (!ips)
			return -ENOMEM;
		peer->allowed_ips = ips;
	}
	peer->allowed_ips[peer->allowed_ip_count++] = *ip;
	return 0;
}

void wg_device_clear(struct wg_device *device)
{
	for (size_t i = 0; i < device->peer_count; i++)
		free(device->peers[i].allowed_ips);
	if (device->peers)
		sodium_memzero(device->peers,
			       device->peer_count * sizeof(*device->peers));
	free(device->peers);
	sodium_memzero(device, sizeof(*device));
}

static size_t address_len(const struct wg_allowed_ip *ip)
{
	return ip->family == AF_INET ? sizeof(ip->v4) : sizeof(ip->v6);
}

void wg_allowed_ip_mask(struct wg_allowed_ip *ip)
{
	struct wg_allowed_ip masked = {
		.family = ip->family,
		.prefix = ip->prefix,
	};
	const uint8_t *from = (const uint8_t *)&ip->v6;
	uint8_t *to = (uint8_t *)&masked.v6;
	size_t len = address_len(ip);

	for (size_t i = 0; i < len && i * 8 < ip->prefix; i++) {
		unsigned int bits = ip->prefix - i * 8;

		to[i] = from[i] & (bits >= 8 ? 0xff : 0xff00 >> bits);
	}
	*ip = masked;
}

int wg_allowed_ip_compare(const struct wg_allowed_ip *a,
			  const struct wg_allowed_ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	return memcmp(&a->v6, &b->v6, address_len(a));
}

size_t wg_endpoint_len(const union wg_endpoint *endpoint)
{
	switch (endpoint->any.sa_family) {
	case AF_INET:
		return sizeof(endpoint->v4);
	case AF_INET6:
		return sizeof(endpoint->v6);
	default:
		return 0;
	}
}

bool wg_endpoint_equal(const union wg_endpoint *a, const union wg_endpoint *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	switch (a->any.sa_family) {
	case AF_INET:
		return a->v4.sin_port == b->v4.sin_port &&
		       a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	case AF_INET6:
		return a->v6.sin6_port == b->v6.sin6_port &&
		       a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
		       !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr,
			       sizeof(a->v6.sin6_addr));
	default:
		return true;
	}
}
