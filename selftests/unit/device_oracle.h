/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A WireGuard device as plain as can be, which does what linux/wireguard.h and
 * wireguard.com/xplatform say about each attribute and each line: what a change
 * of either back end makes of it is what a real one would be.
 */
#ifndef SLUICE_DEVICE_ORACLE_H
#define SLUICE_DEVICE_ORACLE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "device_make.h"
#include "wg/device_diff.h"
#include "wg/device_netlink.h"
#include "wg/device_uapi.h"

/* ---- peers and addresses ---- */

static inline struct wg_device_peer *find(struct wg_device *device,
					  const struct wg_key *key)
{
	for (size_t i = 0; i < device->peer_count; i++)
		if (wg_key_equal(&device->peers[i].public_key, key))
			return &device->peers[i];
	return NULL;
}

static inline void drop_ip(struct wg_device *device,
			   const struct wg_allowed_ip *ip)
{
	for (size_t i = 0; i < device->peer_count; i++) {
		struct wg_device_peer *peer = &device->peers[i];
		size_t kept = 0;

		for (size_t j = 0; j < peer->allowed_ip_count; j++)
			if (wg_allowed_ip_compare(&peer->allowed_ips[j], ip))
				peer->allowed_ips[kept++] =
					peer->allowed_ips[j];
		peer->allowed_ip_count = kept;
	}
}

static inline void give_ip(struct wg_device *device, const struct wg_key *key,
			   struct wg_allowed_ip ip)
{
	wg_allowed_ip_mask(&ip);
	drop_ip(device, &ip);
	wg_device_peer_add_ip(find(device, key), &ip);
}

static inline void remove_peer(struct wg_device *device,
			       struct wg_device_peer *peer)
{
	size_t at = (size_t)(peer - device->peers);

	free(peer->allowed_ips);
	memmove(peer, peer + 1,
		(device->peer_count - at - 1) * sizeof(*device->peers));
	device->peer_count--;
}

/* What set_peer of the kernel does with the flags. NULL: nothing to do. */
static inline struct wg_device_peer *
begin_peer(struct wg_device *device, const struct wg_key *key, uint32_t flags)
{
	struct wg_device_peer *peer = find(device, key);

	if (!peer) {
		if (flags & (WGPEER_F_REMOVE_ME | WGPEER_F_UPDATE_ONLY))
			return NULL;
		peer = wg_device_add_peer(device);
		peer->public_key = *key;
	}
	if (flags & WGPEER_F_REMOVE_ME) {
		remove_peer(device, peer);
		return NULL;
	}
	if (flags & WGPEER_F_REPLACE_ALLOWEDIPS)
		peer->allowed_ip_count = 0;
	return peer;
}

/* ---- the kernel's side of SET_DEVICE ---- */

static inline void kernel_take_peer(struct wg_device *device,
				    struct nlattr *entry)
{
	struct nlattr *attr[WGPEER_A_MAX + 1], *ip,
		*ip_attr[WGALLOWEDIP_A_MAX + 1];
	struct wg_device_peer *peer;
	struct wg_key key;
	int left;

	nla_parse_nested(attr, WGPEER_A_MAX, entry, NULL);
	memcpy(key.bytes, nla_data(attr[WGPEER_A_PUBLIC_KEY]), WG_KEY_LEN);
	peer = begin_peer(
		device, &key,
		attr[WGPEER_A_FLAGS] ? nla_get_u32(attr[WGPEER_A_FLAGS]) : 0);
	if (!peer)
		return;
	if (attr[WGPEER_A_PRESHARED_KEY])
		memcpy(peer->preshared_key.bytes,
		       nla_data(attr[WGPEER_A_PRESHARED_KEY]), WG_KEY_LEN);
	if (attr[WGPEER_A_ENDPOINT])
		memcpy(&peer->endpoint, nla_data(attr[WGPEER_A_ENDPOINT]),
		       (size_t)nla_len(attr[WGPEER_A_ENDPOINT]));
	if (attr[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL])
		peer->keepalive = nla_get_u16(
			attr[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL]);
	if (!attr[WGPEER_A_ALLOWEDIPS])
		return;
	nla_for_each_nested(ip, attr[WGPEER_A_ALLOWEDIPS], left)
	{
		struct wg_allowed_ip got = {0};

		nla_parse_nested(ip_attr, WGALLOWEDIP_A_MAX, ip, NULL);
		got.family =
			(uint8_t)nla_get_u16(ip_attr[WGALLOWEDIP_A_FAMILY]);
		got.prefix = nla_get_u8(ip_attr[WGALLOWEDIP_A_CIDR_MASK]);
		memcpy(&got.v6, nla_data(ip_attr[WGALLOWEDIP_A_IPADDR]),
		       (size_t)nla_len(ip_attr[WGALLOWEDIP_A_IPADDR]));
		give_ip(device, &key, got);
	}
}

static inline void kernel_take(struct wg_device *device,
			       struct nlmsghdr *message)
{
	struct nlattr *attr[WGDEVICE_A_MAX + 1], *peer;
	int left;

	genlmsg_parse(message, 0, attr, WGDEVICE_A_MAX, NULL);
	if (attr[WGDEVICE_A_PRIVATE_KEY])
		memcpy(device->private_key.bytes,
		       nla_data(attr[WGDEVICE_A_PRIVATE_KEY]), WG_KEY_LEN);
	if (attr[WGDEVICE_A_LISTEN_PORT])
		device->listen_port = nla_get_u16(attr[WGDEVICE_A_LISTEN_PORT]);
	if (attr[WGDEVICE_A_FWMARK])
		device->fwmark = nla_get_u32(attr[WGDEVICE_A_FWMARK]);
	if (!attr[WGDEVICE_A_PEERS])
		return;
	nla_for_each_nested(peer, attr[WGDEVICE_A_PEERS], left)
		kernel_take_peer(device, peer);
}

/* Applies the change as messages; how many there were, -1: one did not work. */
static inline int apply_netlink(struct wg_device *device,
				const struct wg_device_change *change)
{
	struct wg_netlink_cursor cursor = {0};
	int messages = 0;

	while (!cursor.done && messages < 10000) {
		struct nl_msg *msg = new_message(WG_NETLINK_MESSAGE_LEN);

		if (wg_netlink_build(msg, change, &cursor)) {
			nlmsg_free(msg);
			return -1;
		}
		kernel_take(device, nlmsg_hdr(msg));
		nlmsg_free(msg);
		messages++;
	}
	return messages;
}

/* ---- the daemon's side of set=1 ---- */

static inline void hex_key(struct wg_key *key, const char *text)
{
	for (size_t i = 0; i < sizeof(key->bytes); i++)
		sscanf(text + 2 * i, "%2hhx", &key->bytes[i]);
}

static inline void uapi_device_line(struct wg_device *device, const char *name,
				    const char *value)
{
	if (!strcmp(name, "private_key"))
		hex_key(&device->private_key, value);
	else if (!strcmp(name, "listen_port"))
		device->listen_port = (uint16_t)atoi(value);
	else if (!strcmp(name, "fwmark"))
		device->fwmark = (uint32_t)strtoul(value, NULL, 10);
}

static inline union wg_endpoint uapi_endpoint(char *value)
{
	char *port = strrchr(value, ':');

	*port++ = '\0';
	if (*value == '[') {
		value++;
		value[strlen(value) - 1] = '\0';
	}
	return endpoint_of(value, (uint16_t)atoi(port));
}

static inline void uapi_peer_line(struct wg_device *device,
				  const struct wg_key *key, const char *name,
				  char *value)
{
	struct wg_device_peer *peer = find(device, key);

	if (!strcmp(name, "preshared_key")) {
		hex_key(&peer->preshared_key, value);
	} else if (!strcmp(name, "persistent_keepalive_interval")) {
		peer->keepalive = (uint16_t)atoi(value);
	} else if (!strcmp(name, "replace_allowed_ips")) {
		peer->allowed_ip_count = 0;
	} else if (!strcmp(name, "endpoint")) {
		peer->endpoint = uapi_endpoint(value);
	} else if (!strcmp(name, "allowed_ip")) {
		char *slash = strchr(value, '/');

		*slash++ = '\0';
		give_ip(device, key, ip_of(value, (unsigned int)atoi(slash)));
	}
}

/* The line after the key says whether the peer goes, or must be there. */
static inline bool uapi_begin_peer(struct wg_device *device,
				   const struct wg_key *key, const char *next)
{
	uint32_t flags = 0;

	if (!strncmp(next, "remove=true", 11))
		flags = WGPEER_F_REMOVE_ME;
	else if (!strncmp(next, "update_only=true", 16))
		flags = WGPEER_F_UPDATE_ONLY;
	return begin_peer(device, key, flags);
}

static inline void apply_uapi(struct wg_device *device,
			      const struct wg_device_change *change)
{
	bool in_peer = false, skip = false;
	struct wg_key key = {{0}};
	char *text, *save = NULL, *line;
	size_t len;

	if (wg_uapi_build(&text, &len, change))
		return;
	text[len - 1] = '\0';
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, '=');

		*value++ = '\0';
		if (!strcmp(line, "public_key")) {
			hex_key(&key, value);
			skip = !uapi_begin_peer(device, &key,
						value + strlen(value) + 1);
			in_peer = true;
		} else if (!in_peer) {
			uapi_device_line(device, line, value);
		} else if (!skip) {
			uapi_peer_line(device, &key, line, value);
		}
	}
	free(text);
}

/* ---- comparing ---- */

static inline bool has_ip(const struct wg_device_peer *peer,
			  struct wg_allowed_ip ip)
{
	wg_allowed_ip_mask(&ip);
	for (size_t i = 0; i < peer->allowed_ip_count; i++) {
		struct wg_allowed_ip other = peer->allowed_ips[i];

		wg_allowed_ip_mask(&other);
		if (!wg_allowed_ip_compare(&other, &ip))
			return true;
	}
	return false;
}

/* Whom an address belongs to when the device is configured peer by peer. */
static inline bool is_last_owner(const struct wg_device *want, size_t peer,
				 const struct wg_allowed_ip *ip)
{
	for (size_t i = peer + 1; i < want->peer_count; i++)
		if (has_ip(&want->peers[i], *ip))
			return false;
	return true;
}

static inline bool is_repeated(const struct wg_device_peer *peer, size_t at)
{
	const struct wg_device_peer before = {
		.allowed_ips = peer->allowed_ips,
		.allowed_ip_count = at,
	};

	return has_ip(&before, peer->allowed_ips[at]);
}

static inline bool same_peer(const struct wg_device *want, size_t at,
			     struct wg_device_peer *is)
{
	const struct wg_device_peer *peer = &want->peers[at];
	size_t owned = 0;

	if (!is || !wg_key_equal(&peer->preshared_key, &is->preshared_key) ||
	    peer->keepalive != is->keepalive)
		return false;
	if (wg_endpoint_len(&peer->endpoint) &&
	    !wg_endpoint_equal(&peer->endpoint, &is->endpoint))
		return false;
	for (size_t i = 0; i < peer->allowed_ip_count; i++) {
		if (!is_last_owner(want, at, &peer->allowed_ips[i]) ||
		    is_repeated(peer, i))
			continue;
		if (!has_ip(is, peer->allowed_ips[i]))
			return false;
		owned++;
	}
	return owned == is->allowed_ip_count;
}

static inline bool same_device(const struct wg_device *want,
			       struct wg_device *is)
{
	if (want->peer_count != is->peer_count || want->fwmark != is->fwmark ||
	    !wg_key_equal(&want->private_key, &is->private_key) ||
	    (want->listen_port && want->listen_port != is->listen_port))
		return false;
	for (size_t i = 0; i < want->peer_count; i++)
		if (!same_peer(want, i, find(is, &want->peers[i].public_key)))
			return false;
	return true;
}

static inline void copy_device(struct wg_device *to,
			       const struct wg_device *from)
{
	*to = *from;
	to->peers = NULL;
	to->peer_count = 0;
	for (size_t i = 0; i < from->peer_count; i++) {
		struct wg_device_peer *peer = wg_device_add_peer(to);

		*peer = from->peers[i];
		peer->allowed_ips = NULL;
		peer->allowed_ip_count = 0;
		for (size_t j = 0; j < from->peers[i].allowed_ip_count; j++)
			wg_device_peer_add_ip(peer,
					      &from->peers[i].allowed_ips[j]);
	}
}

#endif
