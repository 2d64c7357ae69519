/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * WireGuard devices of the host, as `wg` sees them: the kernel's over generic
 * netlink (linux/wireguard.h), or a user-space implementation's over its
 * cross-platform socket (/var/run/wireguard/NAME.sock). One model for both.
 */
#ifndef SLUICE_WG_DEVICE_H
#define SLUICE_WG_DEVICE_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "wg/key.h"

struct wg_allowed_ip {
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t prefix;
	union {
		struct in_addr v4;
		struct in6_addr v6;
	};
};

union wg_endpoint {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct wg_device_peer {
	struct wg_key public_key;
	struct wg_key preshared_key; /* zero: none */
	union wg_endpoint endpoint; /* sa_family 0: none */
	uint16_t keepalive; /* seconds, 0: off */
	struct wg_allowed_ip *allowed_ips; /* owned */
	size_t allowed_ip_count;
	/* Read only: */
	struct timespec last_handshake; /* CLOCK_REALTIME, 0: never */
	uint64_t rx_bytes, tx_bytes;
};

struct wg_device {
	char name[IF_NAMESIZE];
	struct wg_key private_key; /* zero: none */
	struct wg_key public_key; /* read only */
	uint16_t listen_port; /* 0: chosen by the device */
	uint32_t fwmark;
	struct wg_device_peer *peers; /* owned */
	size_t peer_count;
};

enum wg_device_kind { WG_DEVICE_KERNEL, WG_DEVICE_USERSPACE };

/* Creates the interface: the kernel's WireGuard, else wireguard-go as a child
 * that outlives us. -EEXIST, -EPERM, -EOPNOTSUPP (neither is there). */
int wg_device_create(const char *name, enum wg_device_kind *kind);
int wg_device_destroy(const char *name);
/* -ENODEV: no WireGuard device of that name. */
int wg_device_get(struct wg_device *device, const char *name);
/*
 * Makes the device as `want` says, applying only what differs: peers that stay
 * keep their sessions and counters. Endpoints of `want` without a family leave
 * a learned one alone.
 */
int wg_device_sync(const struct wg_device *want);
void wg_device_clear(struct wg_device *device); /* wipes, frees */

#endif
