// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device_netlink.h"

#include <errno.h>
#include <string.h>

#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/genl.h>

#include "wg/device_model.h"

/* ---- building ---- */

static int put_allowed_ip(struct nl_msg *msg, const struct wg_allowed_ip *ip)
{
	int len = ip->family == AF_INET ? sizeof(ip->v4) : sizeof(ip->v6);
	struct nlattr *nest = nla_nest_start(msg, 0);

	if (!nest)
		return -EMSGSIZE;
	if (nla_put_u16(msg, WGALLOWEDIP_A_FAMILY, ip->family) ||
	    nla_put(msg, WGALLOWEDIP_A_IPADDR, len, &ip->v6) ||
	    nla_put_u8(msg, WGALLOWEDIP_A_CIDR_MASK, ip->prefix)) {
		nla_nest_cancel(msg, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(msg, nest);
	return 0;
}

/* As many of the peer's addresses as fit. -EMSGSIZE: some are left. */
static int put_allowed_ips(struct nl_msg *msg,
			   const struct wg_peer_change *peer,
			   struct wg_netlink_cursor *cursor)
{
	struct nlattr *nest;
	int err = 0;

	if (cursor->ip == peer->allowed_ip_count)
		return 0;
	nest = nla_nest_start(msg, WGPEER_A_ALLOWEDIPS);
	if (!nest)
		return -EMSGSIZE;
	while (!err && cursor->ip < peer->allowed_ip_count) {
		err = put_allowed_ip(msg, &peer->allowed_ips[cursor->ip]);
		cursor->ip += !err;
	}
	nla_nest_end(msg, nest); /* takes an empty nest away */
	return err;
}

static uint32_t peer_flags(const struct wg_peer_change *peer, bool begun)
{
	uint32_t flags = 0;

	if (peer->flags & WG_PEER_REMOVE)
		return WGPEER_F_REMOVE_ME;
	/* What another program removed meanwhile does not come back. */
	if (begun || !(peer->flags & WG_PEER_NEW))
		flags |= WGPEER_F_UPDATE_ONLY;
	if (!begun && (peer->flags & WG_PEER_REPLACE_IPS))
		flags |= WGPEER_F_REPLACE_ALLOWEDIPS;
	return flags;
}

static int put_peer_settings(struct nl_msg *msg,
			     const struct wg_peer_change *peer)
{
	int err = 0;

	if (peer->flags & WG_PEER_PSK)
		err = nla_put(msg, WGPEER_A_PRESHARED_KEY,
			      sizeof(peer->preshared_key.bytes),
			      peer->preshared_key.bytes);
	if (!err && (peer->flags & WG_PEER_ENDPOINT))
		err = nla_put(msg, WGPEER_A_ENDPOINT,
			      (int)wg_endpoint_len(&peer->endpoint),
			      &peer->endpoint);
	if (!err && (peer->flags & WG_PEER_KEEPALIVE))
		err = nla_put_u16(msg, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
				  peer->keepalive);
	return err ? -EMSGSIZE : 0;
}

/* One peer, or what is left of it. -EMSGSIZE: the rest goes into another
 * message; the cursor says what is out. */
static int put_peer(struct nl_msg *msg, const struct wg_peer_change *peer,
		    struct wg_netlink_cursor *cursor)
{
	struct nlattr *nest = nla_nest_start(msg, 0);
	uint32_t flags = peer_flags(peer, cursor->peer_begun);
	int err;

	if (!nest)
		return -EMSGSIZE;
	err = nla_put(msg, WGPEER_A_PUBLIC_KEY, sizeof(peer->public_key.bytes),
		      peer->public_key.bytes);
	if (!err && flags)
		err = nla_put_u32(msg, WGPEER_A_FLAGS, flags);
	if (!err && !cursor->peer_begun)
		err = put_peer_settings(msg, peer);
	if (err) {
		nla_nest_cancel(msg, nest);
		return -EMSGSIZE;
	}
	cursor->peer_begun = true;
	err = put_allowed_ips(msg, peer, cursor);
	nla_nest_end(msg, nest);
	return err;
}

static int put_device(struct nl_msg *msg, const struct wg_device_change *change,
		      bool begun)
{
	int err = nla_put_string(msg, WGDEVICE_A_IFNAME, change->name);

	if (begun)
		return err;
	if (!err && (change->flags & WG_DEVICE_PRIVATE_KEY))
		err = nla_put(msg, WGDEVICE_A_PRIVATE_KEY,
			      sizeof(change->private_key.bytes),
			      change->private_key.bytes);
	if (!err && (change->flags & WG_DEVICE_LISTEN_PORT))
		err = nla_put_u16(msg, WGDEVICE_A_LISTEN_PORT,
				  change->listen_port);
	if (!err && (change->flags & WG_DEVICE_FWMARK))
		err = nla_put_u32(msg, WGDEVICE_A_FWMARK, change->fwmark);
	return err;
}

int wg_netlink_build(struct nl_msg *msg, const struct wg_device_change *change,
		     struct wg_netlink_cursor *cursor)
{
	struct wg_netlink_cursor start = *cursor;
	struct nlattr *nest;
	int err = 0;

	if (put_device(msg, change, cursor->begun))
		return -EMSGSIZE;
	cursor->begun = true;
	nest = nla_nest_start(msg, WGDEVICE_A_PEERS);
	if (!nest)
		return -EMSGSIZE;
	while (!err && cursor->peer < change->peer_count) {
		err = put_peer(msg, &change->peers[cursor->peer], cursor);
		if (err)
			break;
		cursor->peer++;
		cursor->peer_begun = false;
		cursor->ip = 0;
	}
	nla_nest_end(msg, nest);
	cursor->done = !err;
	if (err && start.begun && start.peer == cursor->peer &&
	    start.peer_begun == cursor->peer_begun && start.ip == cursor->ip)
		return -EMSGSIZE;
	return 0;
}

/* ---- reading ---- */

/* libnl checks lengths against these as minima (an NLA_U16 of two bytes, ...). */
static struct nla_policy device_policy[WGDEVICE_A_MAX + 1] = {
	[WGDEVICE_A_IFNAME] = {.type = NLA_STRING, .maxlen = IF_NAMESIZE},
	[WGDEVICE_A_PRIVATE_KEY] = {.minlen = WG_KEY_LEN, .maxlen = WG_KEY_LEN},
	[WGDEVICE_A_PUBLIC_KEY] = {.minlen = WG_KEY_LEN, .maxlen = WG_KEY_LEN},
	[WGDEVICE_A_LISTEN_PORT] = {.type = NLA_U16},
	[WGDEVICE_A_FWMARK] = {.type = NLA_U32},
	[WGDEVICE_A_PEERS] = {.type = NLA_NESTED},
};

static struct nla_policy peer_policy[WGPEER_A_MAX + 1] = {
	[WGPEER_A_PUBLIC_KEY] = {.minlen = WG_KEY_LEN, .maxlen = WG_KEY_LEN},
	[WGPEER_A_PRESHARED_KEY] = {.minlen = WG_KEY_LEN, .maxlen = WG_KEY_LEN},
	[WGPEER_A_ENDPOINT] = {.minlen = sizeof(struct sockaddr)},
	[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL] = {.type = NLA_U16},
	[WGPEER_A_LAST_HANDSHAKE_TIME] = {.minlen = sizeof(
						  struct __kernel_timespec)},
	[WGPEER_A_RX_BYTES] = {.type = NLA_U64},
	[WGPEER_A_TX_BYTES] = {.type = NLA_U64},
	[WGPEER_A_ALLOWEDIPS] = {.type = NLA_NESTED},
};

static struct nla_policy ip_policy[WGALLOWEDIP_A_MAX + 1] = {
	[WGALLOWEDIP_A_FAMILY] = {.type = NLA_U16},
	[WGALLOWEDIP_A_IPADDR] = {.minlen = sizeof(struct in_addr)},
	[WGALLOWEDIP_A_CIDR_MASK] = {.type = NLA_U8},
};

static void read_key(struct wg_key *key, struct nlattr *attr)
{
	if (attr)
		memcpy(key->bytes, nla_data(attr), sizeof(key->bytes));
}

static int read_allowed_ip(struct wg_device_peer *peer, struct nlattr *entry)
{
	struct nlattr *attr[WGALLOWEDIP_A_MAX + 1];
	struct wg_allowed_ip ip = {0};
	int len;

	if (nla_parse_nested(attr, WGALLOWEDIP_A_MAX, entry, ip_policy) ||
	    !attr[WGALLOWEDIP_A_FAMILY] || !attr[WGALLOWEDIP_A_IPADDR] ||
	    !attr[WGALLOWEDIP_A_CIDR_MASK])
		return -EBADMSG;
	ip.family = (uint8_t)nla_get_u16(attr[WGALLOWEDIP_A_FAMILY]);
	ip.prefix = nla_get_u8(attr[WGALLOWEDIP_A_CIDR_MASK]);
	len = ip.family == AF_INET ? sizeof(ip.v4) : sizeof(ip.v6);
	if ((ip.family != AF_INET && ip.family != AF_INET6) ||
	    ip.prefix > len * 8 || nla_len(attr[WGALLOWEDIP_A_IPADDR]) != len)
		return -EBADMSG;
	memcpy(&ip.v6, nla_data(attr[WGALLOWEDIP_A_IPADDR]), (size_t)len);
	return wg_device_peer_add_ip(peer, &ip);
}

static void read_endpoint(union wg_endpoint *endpoint, struct nlattr *attr)
{
	union wg_endpoint read = {0};
	size_t len = (size_t)nla_len(attr);

	memcpy(&read, nla_data(attr), len < sizeof(read) ? len : sizeof(read));
	if (wg_endpoint_len(&read) == len)
		*endpoint = read;
}

static void read_peer_settings(struct wg_device_peer *peer,
			       struct nlattr **attr)
{
	struct __kernel_timespec stamp;

	read_key(&peer->preshared_key, attr[WGPEER_A_PRESHARED_KEY]);
	if (attr[WGPEER_A_ENDPOINT])
		read_endpoint(&peer->endpoint, attr[WGPEER_A_ENDPOINT]);
	if (attr[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL])
		peer->keepalive = nla_get_u16(
			attr[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL]);
	if (attr[WGPEER_A_LAST_HANDSHAKE_TIME]) {
		memcpy(&stamp, nla_data(attr[WGPEER_A_LAST_HANDSHAKE_TIME]),
		       sizeof(stamp));
		peer->last_handshake.tv_sec = (time_t)stamp.tv_sec;
		peer->last_handshake.tv_nsec = (long)stamp.tv_nsec;
	}
	if (attr[WGPEER_A_RX_BYTES])
		peer->rx_bytes = nla_get_u64(attr[WGPEER_A_RX_BYTES]);
	if (attr[WGPEER_A_TX_BYTES])
		peer->tx_bytes = nla_get_u64(attr[WGPEER_A_TX_BYTES]);
}

/* The peer that the entry goes on with, or a new one. */
static struct wg_device_peer *peer_of(struct wg_device *device,
				      struct nlattr *key)
{
	struct wg_device_peer *peer;

	if (device->peer_count) {
		peer = &device->peers[device->peer_count - 1];
		if (!memcmp(peer->public_key.bytes, nla_data(key), WG_KEY_LEN))
			return peer;
	}
	peer = wg_device_add_peer(device);
	if (peer)
		read_key(&peer->public_key, key);
	return peer;
}

static int read_peer(struct wg_device *device, struct nlattr *entry)
{
	struct nlattr *attr[WGPEER_A_MAX + 1], *ip;
	struct wg_device_peer *peer;
	int left, err = 0;

	if (nla_parse_nested(attr, WGPEER_A_MAX, entry, peer_policy) ||
	    !attr[WGPEER_A_PUBLIC_KEY])
		return -EBADMSG;
	peer = peer_of(device, attr[WGPEER_A_PUBLIC_KEY]);
	if (!peer)
		return -ENOMEM;
	read_peer_settings(peer, attr);
	if (!attr[WGPEER_A_ALLOWEDIPS])
		return 0;
	nla_for_each_nested(ip, attr[WGPEER_A_ALLOWEDIPS], left)
	{
		err = read_allowed_ip(peer, ip);
		if (err)
			break;
	}
	return err;
}

int wg_netlink_read(struct wg_device *device, struct nlmsghdr *message)
{
	struct nlattr *attr[WGDEVICE_A_MAX + 1], *peer;
	int left, err = 0;

	if (genlmsg_parse(message, 0, attr, WGDEVICE_A_MAX, device_policy))
		return -EBADMSG;
	if (attr[WGDEVICE_A_IFNAME])
		nla_strlcpy(device->name, attr[WGDEVICE_A_IFNAME],
			    sizeof(device->name));
	read_key(&device->private_key, attr[WGDEVICE_A_PRIVATE_KEY]);
	read_key(&device->public_key, attr[WGDEVICE_A_PUBLIC_KEY]);
	if (attr[WGDEVICE_A_LISTEN_PORT])
		device->listen_port = nla_get_u16(attr[WGDEVICE_A_LISTEN_PORT]);
	if (attr[WGDEVICE_A_FWMARK])
		device->fwmark = nla_get_u32(attr[WGDEVICE_A_FWMARK]);
	if (!attr[WGDEVICE_A_PEERS])
		return 0;
	nla_for_each_nested(peer, attr[WGDEVICE_A_PEERS], left)
	{
		err = read_peer(device, peer);
		if (err)
			break;
	}
	return err;
}

int wg_netlink_errno(int nl_error)
{
	static const struct {
		int nl, err;
	} table[] = {
		{NLE_NOMEM, ENOMEM},	     {NLE_EXIST, EEXIST},
		{NLE_PERM, EPERM},	     {NLE_NOACCESS, EACCES},
		{NLE_OPNOTSUPP, EOPNOTSUPP}, {NLE_OBJ_NOTFOUND, ENOENT},
		{NLE_NODEV, ENODEV},	     {NLE_INVAL, EINVAL},
		{NLE_BUSY, EBUSY},	     {NLE_RANGE, ERANGE},
		{NLE_MSGSIZE, EMSGSIZE},     {NLE_AGAIN, EAGAIN},
		{NLE_INTR, EINTR},	     {NLE_DUMP_INTR, EINTR},
		{NLE_BAD_SOCK, EBADF},	     {NLE_AF_NOSUPPORT, EAFNOSUPPORT},
		{NLE_NOADDR, EADDRNOTAVAIL}, {NLE_PROTO_MISMATCH, EPROTO},
	};

	if (nl_error >= 0)
		return 0;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].nl == -nl_error)
			return -table[i].err;
	return -EIO;
}
