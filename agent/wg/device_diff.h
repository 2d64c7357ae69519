/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has to be said to a WireGuard device to turn what it is into what it
 * should be, and nothing more: a peer that stays is never removed, so its
 * sessions, counters and learned endpoint stay too. Pure.
 */
#ifndef SLUICE_WG_DEVICE_DIFF_H
#define SLUICE_WG_DEVICE_DIFF_H

#include "wg/device.h"

enum wg_peer_change_flag {
	WG_PEER_REMOVE = 1 << 0,
	WG_PEER_NEW = 1 << 1, /* otherwise it must exist already */
	WG_PEER_PSK = 1 << 2,
	WG_PEER_ENDPOINT = 1 << 3,
	WG_PEER_KEEPALIVE = 1 << 4,
	WG_PEER_REPLACE_IPS = 1 << 5, /* forget its allowed IPs first */
};

struct wg_peer_change {
	unsigned int flags;
	struct wg_key public_key;
	struct wg_key preshared_key;
	union wg_endpoint endpoint;
	uint16_t keepalive;
	struct wg_allowed_ip *allowed_ips; /* to add; owned */
	size_t allowed_ip_count;
};

enum wg_device_change_flag {
	WG_DEVICE_PRIVATE_KEY = 1 << 0,
	WG_DEVICE_LISTEN_PORT = 1 << 1,
	WG_DEVICE_FWMARK = 1 << 2,
};

struct wg_device_change {
	char name[IF_NAMESIZE];
	unsigned int flags;
	struct wg_key private_key;
	uint16_t listen_port;
	uint32_t fwmark;
	struct wg_peer_change *peers; /* owned; removals come first */
	size_t peer_count;
};

/*
 * An allowed IP that several wanted peers name belongs to the last of them, as
 * it would after applying one after the other. A listen port of 0 leaves the
 * device's. 0, -ENOMEM, or -EEXIST if two wanted peers have one key.
 */
int wg_device_diff(struct wg_device_change *change,
		   const struct wg_device *have, const struct wg_device *want);
bool wg_device_change_is_empty(const struct wg_device_change *change);
void wg_device_change_clear(struct wg_device_change *change); /* wipes, frees */

#endif
