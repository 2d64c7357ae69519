/* SPDX-License-Identifier: GPL-2.0-or-later */
/* WireGuard devices as tests write them: keys by number, addresses as text. */
#ifndef SLUICE_DEVICE_MAKE_H
#define SLUICE_DEVICE_MAKE_H

#include <arpa/inet.h>
#include <string.h>

#include <linux/wireguard.h>
#include <netlink/genl/genl.h>

#include "wg/device_model.h"

static inline struct wg_key key_of(unsigned int n)
{
	struct wg_key key = {{0x40}};

	memcpy(key.bytes + 1, &n, sizeof(n));
	return key;
}

static inline struct wg_allowed_ip ip_of(const char *text, unsigned int prefix)
{
	struct wg_allowed_ip ip = {
		.family = strchr(text, ':') ? AF_INET6 : AF_INET,
		.prefix = (uint8_t)prefix,
	};

	inet_pton(ip.family, text, &ip.v6);
	return ip;
}

static inline union wg_endpoint endpoint_of(const char *text, uint16_t port)
{
	union wg_endpoint endpoint = {0};

	if (strchr(text, ':')) {
		endpoint.v6.sin6_family = AF_INET6;
		endpoint.v6.sin6_port = htons(port);
		inet_pton(AF_INET6, text, &endpoint.v6.sin6_addr);
	} else {
		endpoint.v4.sin_family = AF_INET;
		endpoint.v4.sin_port = htons(port);
		inet_pton(AF_INET, text, &endpoint.v4.sin_addr);
	}
	return endpoint;
}

static inline struct wg_device_peer *add_peer(struct wg_device *device,
					      unsigned int n)
{
	struct wg_device_peer *peer = wg_device_add_peer(device);

	peer->public_key = key_of(n);
	return peer;
}

static inline void add_ip(struct wg_device_peer *peer, const char *text,
			  unsigned int prefix)
{
	struct wg_allowed_ip ip = ip_of(text, prefix);

	wg_device_peer_add_ip(peer, &ip);
}

static inline struct nl_msg *new_message(size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_size(size);

	genlmsg_put(msg, 0, 0, 42, 0, 0, WG_CMD_SET_DEVICE, WG_GENL_VERSION);
	return msg;
}

#endif
