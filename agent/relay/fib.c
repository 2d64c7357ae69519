// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/fib.h"

#include <errno.h>
#include <string.h>

#include <linux/neighbour.h>
#include <netlink/attr.h>

#include "base/address.h"

/* NUD_VALID of include/net/neighbour.h: the address is good to send to. */
#define VALID_STATES \
	(NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | \
	 NUD_DELAY)

static bool put_address(struct nl_msg *message, int type,
			const uint8_t addr[16])
{
	return address_is_v4(addr) ? !nla_put(message, type, 4, addr + 12)
				   : !nla_put(message, type, 16, addr);
}

static bool get_address(uint8_t addr[16], const void *data, int len)
{
	if (len == 4)
		address_from_v4(addr, data);
	else if (len == 16)
		memcpy(addr, data, 16);
	return len == 4 || len == 16;
}

/* ---- routes ---- */

struct route_wait {
	struct relay_fib_answer answer;
	int err;
};

static void take_via(struct relay_fib_answer *answer, struct nlattr *attr)
{
	const struct rtvia *via = nla_data(attr);
	int len = nla_len(attr) - (int)sizeof(*via);

	if (len > 0)
		get_address(answer->gateway, via->rtvia_addr, len);
}

static void on_route(void *ctx, const struct nlmsghdr *const_message)
{
	struct nlmsghdr *message = (struct nlmsghdr *)const_message;
	const struct rtmsg *header = nlmsg_data(message);
	struct route_wait *wait = ctx;
	struct nlattr *attr, *mtu;
	int rest;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    !nlmsg_valid_hdr(message, sizeof(*header)) ||
	    header->rtm_type != RTN_UNICAST)
		return;
	nlmsg_for_each_attr(attr, message, sizeof(*header), rest)
	{
		switch (nla_type(attr)) {
		case RTA_OIF:
			wait->answer.ifindex = nla_get_u32(attr);
			wait->err = 0;
			break;
		case RTA_GATEWAY:
			get_address(wait->answer.gateway, nla_data(attr),
				    nla_len(attr));
			break;
		case RTA_VIA:
			take_via(&wait->answer, attr);
			break;
		case RTA_METRICS:
			mtu = nla_find(nla_data(attr), nla_len(attr), RTAX_MTU);
			if (mtu)
				wait->answer.mtu = nla_get_u32(mtu);
			break;
		}
	}
}

static bool is_link_local(const uint8_t addr[16])
{
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

int relay_fib_route(struct netlink *netlink, const struct wg_path *path,
		    struct relay_fib_answer *answer)
{
	bool v4 = address_is_v4(path->remote);
	struct rtmsg header = {
		.rtm_family = v4 ? AF_INET : AF_INET6,
		.rtm_dst_len = v4 ? 32 : 128,
		.rtm_src_len = v4 ? 32 : 128,
	};
	struct nl_msg *message =
		nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST);
	struct route_wait wait = {.err = -EHOSTUNREACH};
	int err;

	if (!message ||
	    nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) ||
	    !put_address(message, RTA_DST, path->remote) ||
	    !put_address(message, RTA_SRC, path->local) ||
	    (is_link_local(path->remote) &&
	     nla_put_u32(message, RTA_OIF, path->ifindex))) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	memcpy(wait.answer.gateway, path->remote, 16); /* unless there is one */
	err = netlink_request(netlink, message, on_route, &wait);
	if (err || wait.err)
		return err ? err : wait.err;
	*answer = wait.answer;
	return 0;
}

/* ---- neighbours ---- */

int relay_neighbour_parse(struct relay_neighbour *out,
			  const struct nlmsghdr *const_message)
{
	struct nlmsghdr *message = (struct nlmsghdr *)const_message;
	const struct ndmsg *header = nlmsg_data(message);
	struct relay_neighbour neighbour = {0};
	struct nlattr *dst, *mac;

	if (!nlmsg_valid_hdr(message, sizeof(*header)) ||
	    (header->ndm_family != AF_INET && header->ndm_family != AF_INET6))
		return -EINVAL;
	dst = nlmsg_find_attr(message, sizeof(*header), NDA_DST);
	mac = nlmsg_find_attr(message, sizeof(*header), NDA_LLADDR);
	if (!dst || !get_address(neighbour.addr, nla_data(dst), nla_len(dst)))
		return -EINVAL;
	neighbour.ifindex = (uint32_t)header->ndm_ifindex;
	if (message->nlmsg_type == RTM_NEWNEIGH &&
	    (header->ndm_state & VALID_STATES) && mac &&
	    nla_len(mac) == sizeof(neighbour.mac)) {
		memcpy(neighbour.mac, nla_data(mac), sizeof(neighbour.mac));
		neighbour.valid = true;
	}
	*out = neighbour;
	return 0;
}

static struct nl_msg *neighbour_message(int type, int flags, uint32_t ifindex,
					const uint8_t addr[16],
					uint8_t neighbour_flags)
{
	struct nl_msg *message =
		nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);
	struct ndmsg header = {
		.ndm_family = address_is_v4(addr) ? AF_INET : AF_INET6,
		.ndm_ifindex = (int)ifindex,
		.ndm_flags = neighbour_flags,
	};

	if (message &&
	    (nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) ||
	     !put_address(message, NDA_DST, addr))) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

struct neighbour_wait {
	struct relay_neighbour neighbour;
	int err;
};

static void on_neighbour(void *ctx, const struct nlmsghdr *message)
{
	struct neighbour_wait *wait = ctx;

	wait->err = relay_neighbour_parse(&wait->neighbour, message);
}

int relay_neighbour_ask(struct netlink *netlink, uint32_t ifindex,
			const uint8_t addr[16],
			struct relay_neighbour *neighbour)
{
	struct neighbour_wait wait = {.err = -ENOENT};
	int err = netlink_request(
		netlink, neighbour_message(RTM_GETNEIGH, 0, ifindex, addr, 0),
		on_neighbour, &wait);

	if (err || wait.err)
		return err ? err : wait.err;
	*neighbour = wait.neighbour;
	return 0;
}

int relay_neighbour_use(struct netlink *netlink, uint32_t ifindex,
			const uint8_t addr[16])
{
	struct nl_msg *message = neighbour_message(RTM_NEWNEIGH, NLM_F_CREATE,
						   ifindex, addr, NTF_USE);

	return netlink_request(netlink, message, NULL, NULL);
}
