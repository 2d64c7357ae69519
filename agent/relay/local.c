// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/local.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_addr.h>
#include <netlink/attr.h>

#include <sluice/abi.h>

#include "base/address.h"
#include "base/log.h"
#include "base/netlink.h"
#include "loader/loader.h"

/* One address on one device: the same may be on several. */
struct own {
	uint8_t addr[16];
	uint32_t ifindex;
	uint8_t scope; /* RT_SCOPE_* */
};

struct relay_local {
	struct netlink *netlink;
	int map_fd;
	struct own *own;
	size_t count, size;
};

static struct own *find(struct relay_local *local, const uint8_t addr[16],
			uint32_t ifindex)
{
	for (size_t i = 0; i < local->count; i++) {
		if (local->own[i].ifindex == ifindex &&
		    !memcmp(local->own[i].addr, addr, 16))
			return &local->own[i];
	}
	return NULL;
}

static const struct own *find_any(const struct relay_local *local,
				  const uint8_t addr[16])
{
	for (size_t i = 0; i < local->count; i++) {
		if (!memcmp(local->own[i].addr, addr, 16))
			return &local->own[i];
	}
	return NULL;
}

/* Makes the map say what the list says about one address. */
static void publish(const struct relay_local *local, const uint8_t addr[16])
{
	const struct own *own = find_any(local, addr);
	struct relay_local_key key;
	address_text text;
	int err;

	memcpy(key.addr, addr, 16);
	if (own)
		err = loader_map_update(local->map_fd, &key, &own->ifindex);
	else
		err = loader_map_delete(local->map_fd, &key);
	if (err && err != -ENOENT) {
		address_format(text, addr);
		log_error("can not write the address %s to relay_local: %s",
			  text, strerror(-err));
	}
}

static void add(struct relay_local *local, const struct own *own)
{
	struct own *known = find(local, own->addr, own->ifindex);

	if (known) {
		*known = *own;
		return;
	}
	if (local->count == local->size) {
		size_t size = local->size ? local->size * 2 : 16;
		struct own *grown = realloc(local->own, size * sizeof(*grown));

		if (!grown)
			return;
		local->own = grown;
		local->size = size;
	}
	local->own[local->count++] = *own;
}

static void drop(struct relay_local *local, const struct own *own)
{
	struct own *known = find(local, own->addr, own->ifindex);

	if (known)
		*known = local->own[--local->count];
}

/* 0, or -ENOENT if the message has no address that is in use. */
static int parse(struct own *own, const struct nlmsghdr *message, bool *usable)
{
	const struct ifaddrmsg *header = nlmsg_data(message);
	const struct nlattr *attr, *flags_attr;
	size_t len = header->ifa_family == AF_INET ? 4 : 16;
	uint32_t flags;

	if (!nlmsg_valid_hdr(message, sizeof(*header)) ||
	    (header->ifa_family != AF_INET && header->ifa_family != AF_INET6))
		return -ENOENT;
	/* On a point-to-point device IFA_ADDRESS is the other end. */
	attr = nlmsg_find_attr((struct nlmsghdr *)message, sizeof(*header),
			       IFA_LOCAL);
	if (!attr)
		attr = nlmsg_find_attr((struct nlmsghdr *)message,
				       sizeof(*header), IFA_ADDRESS);
	if (!attr || (size_t)nla_len(attr) != len)
		return -ENOENT;
	flags_attr = nlmsg_find_attr((struct nlmsghdr *)message,
				     sizeof(*header), IFA_FLAGS);
	flags = flags_attr ? nla_get_u32((struct nlattr *)flags_attr)
			   : header->ifa_flags;
	/* Not ours until duplicate address detection has found no other owner. */
	*usable = !(flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) ||
		  (flags & IFA_F_OPTIMISTIC);
	if (len == 4)
		address_from_v4(own->addr, nla_data(attr));
	else
		memcpy(own->addr, nla_data(attr), 16);
	own->ifindex = header->ifa_index;
	own->scope = header->ifa_scope;
	return 0;
}

static void take(struct relay_local *local, const struct nlmsghdr *message,
		 struct own *own, bool *changed)
{
	bool usable;

	*changed = false;
	if (message->nlmsg_type != RTM_NEWADDR &&
	    message->nlmsg_type != RTM_DELADDR)
		return;
	if (parse(own, message, &usable))
		return;
	if (message->nlmsg_type == RTM_NEWADDR && usable)
		add(local, own);
	else
		drop(local, own);
	*changed = true;
}

static void on_dump(void *ctx, const struct nlmsghdr *message)
{
	struct own own;
	bool changed;

	take(ctx, message, &own, &changed);
}

static void on_event(void *ctx, const struct nlmsghdr *message)
{
	struct own own;
	bool changed;

	take(ctx, message, &own, &changed);
	if (changed)
		publish(ctx, own.addr);
}

/* Takes out of the map what is no address of ours. */
static int sweep(const struct relay_local *local)
{
	struct relay_local_key key, next;
	int err = loader_map_next_key(local->map_fd, NULL, &next);

	while (!err) {
		key = next;
		err = loader_map_next_key(local->map_fd, &key, &next);
		if (!find_any(local, key.addr))
			loader_map_delete(local->map_fd, &key);
	}
	return err == -ENOENT ? 0 : err;
}

static int resync(struct relay_local *local)
{
	int err;

	local->count = 0;
	err = netlink_dump(local->netlink, RTM_GETADDR, AF_UNSPEC, on_dump,
			   local);
	if (err)
		return err;
	for (size_t i = 0; i < local->count; i++)
		publish(local, local->own[i].addr);
	return sweep(local);
}

static void on_overrun(void *ctx)
{
	int err = resync(ctx);

	if (err)
		log_error("can not list the host's addresses: %s",
			  strerror(-err));
}

int relay_local_open(struct relay_local **out, uv_loop_t *loop, int map_fd)
{
	static const unsigned int groups[] = {RTNLGRP_IPV4_IFADDR,
					      RTNLGRP_IPV6_IFADDR, 0};
	static const struct netlink_ops ops = {.event = on_event,
					       .overrun = on_overrun};
	struct relay_local *local = calloc(1, sizeof(*local));
	int err;

	if (!local)
		return -ENOMEM;
	local->map_fd = map_fd;
	err = netlink_open(&local->netlink, loop, groups, &ops, local);
	if (!err)
		err = resync(local);
	if (err) {
		relay_local_close(local);
		return err;
	}
	*out = local;
	return 0;
}

void relay_local_close(struct relay_local *local)
{
	if (!local)
		return;
	netlink_close(local->netlink);
	free(local->own);
	free(local);
}

/* RFC 1918, RFC 6598, RFC 4193: reachable, but hardly from elsewhere. */
static bool is_private(const uint8_t addr[16])
{
	const uint8_t *v4 = addr + 12;

	if (!address_is_v4(addr))
		return (addr[0] & 0xfe) == 0xfc;
	return v4[0] == 10 || (v4[0] == 172 && (v4[1] & 0xf0) == 16) ||
	       (v4[0] == 192 && v4[1] == 168) ||
	       (v4[0] == 100 && (v4[1] & 0xc0) == 64);
}

void relay_local_each(const struct relay_local *local,
		      void (*fn)(void *ctx, const uint8_t addr[16]), void *ctx)
{
	for (int private = 0; private < 2; private ++) {
		for (size_t i = 0; i < local->count; i++) {
			const struct own *own = &local->own[i];

			if (own->scope == RT_SCOPE_UNIVERSE &&
			    is_private(own->addr) == private)
				fn(ctx, own->addr);
		}
	}
}
