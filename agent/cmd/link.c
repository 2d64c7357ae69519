// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include "wg/device_netlink.h"

/* In front of the main table's rule, 32766. */
#define RULE_MAIN 31000 /* the main table, but not its default route */
#define RULE_TUNNEL 31001 /* what is not the tunnel's own: into the tunnel */

struct work {
	struct nl_sock *sock;
	const struct link *link;
	int ifindex;
};

static struct nl_addr *to_nl_addr(const struct wg_allowed_ip *ip)
{
	size_t len = ip->family == AF_INET ? sizeof(ip->v4) : sizeof(ip->v6);
	struct nl_addr *addr = nl_addr_build(ip->family, &ip->v6, len);

	if (addr)
		nl_addr_set_prefixlen(addr, ip->prefix);
	return addr;
}

static bool from_nl_addr(struct wg_allowed_ip *ip, struct nl_addr *addr)
{
	size_t len = nl_addr_get_len(addr);

	*ip = (struct wg_allowed_ip){
		.family = (uint8_t)nl_addr_get_family(addr),
		.prefix = (uint8_t)nl_addr_get_prefixlen(addr),
	};
	if ((ip->family != AF_INET && ip->family != AF_INET6) ||
	    len > sizeof(ip->v6))
		return false;
	memcpy(&ip->v6, nl_addr_get_binary_addr(addr), len);
	return true;
}

static int ignore(int err, int harmless)
{
	return err == -harmless ? 0 : err;
}

/* ---- the link ---- */

static int bring_up(const struct work *work)
{
	struct rtnl_link *old = rtnl_link_alloc(), *change = rtnl_link_alloc();
	int err = -ENOMEM;

	if (old && change) {
		rtnl_link_set_ifindex(old, work->ifindex);
		rtnl_link_set_flags(change, IFF_UP);
		if (work->link->mtu)
			rtnl_link_set_mtu(change, work->link->mtu);
		err = wg_netlink_errno(
			rtnl_link_change(work->sock, old, change, 0));
	}
	rtnl_link_put(change);
	rtnl_link_put(old);
	return err;
}

/* ---- addresses ---- */

typedef int (*address_fn)(struct nl_sock *sock, struct rtnl_addr *addr,
			  int flags);

static int change_address(const struct work *work,
			  const struct wg_allowed_ip *ip, address_fn change,
			  int flags)
{
	struct nl_addr *local = to_nl_addr(ip);
	struct rtnl_addr *addr = rtnl_addr_alloc();
	int err = -ENOMEM;

	if (local && addr) {
		rtnl_addr_set_ifindex(addr, work->ifindex);
		err = rtnl_addr_set_local(addr, local);
		if (!err)
			err = change(work->sock, addr, flags);
		err = wg_netlink_errno(err);
	}
	rtnl_addr_put(addr);
	nl_addr_put(local);
	return err;
}

static int read_addresses(const struct work *work, struct conf_addresses *have)
{
	struct wg_allowed_ip ip;
	struct nl_object *object;
	struct nl_cache *cache;
	int err = wg_netlink_errno(rtnl_addr_alloc_cache(work->sock, &cache));

	if (err)
		return err;
	for (object = nl_cache_get_first(cache); object && !err;
	     object = nl_cache_get_next(object)) {
		struct rtnl_addr *addr = (struct rtnl_addr *)object;

		/* The kernel's own link-local ones are not ours. */
		if (rtnl_addr_get_ifindex(addr) != work->ifindex ||
		    !from_nl_addr(&ip, rtnl_addr_get_local(addr)) ||
		    (ip.family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&ip.v6)))
			continue;
		err = conf_addresses_add(have, &ip);
	}
	nl_cache_free(cache);
	return err;
}

/* All are added, not only the new ones: with a primary address the kernel may
 * take the secondary ones of its network away. */
static int apply_addresses(const struct work *work)
{
	const struct conf_addresses *want = work->link->addresses;
	struct conf_addresses have = {0}, gone = {0};
	int err = read_addresses(work, &have);

	if (!err)
		err = plan_missing(&gone, want, &have);
	for (size_t i = 0; !err && i < gone.count; i++)
		err = ignore(change_address(work, &gone.list[i],
					    rtnl_addr_delete, 0),
			     EADDRNOTAVAIL);
	for (size_t i = 0; !err && i < want->count; i++)
		err = ignore(change_address(work, &want->list[i], rtnl_addr_add,
					    NLM_F_CREATE | NLM_F_EXCL),
			     EEXIST);
	conf_addresses_clear(&have);
	conf_addresses_clear(&gone);
	return err;
}

/* ---- routes ---- */

typedef int (*route_fn)(struct nl_sock *sock, struct rtnl_route *route,
			int flags);

static int change_route(const struct work *work, const struct wg_allowed_ip *ip,
			uint32_t table, route_fn change, int flags)
{
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct rtnl_route *route = rtnl_route_alloc();
	struct nl_addr *dest = to_nl_addr(ip);
	int err = -ENOMEM;

	if (hop && route && dest) {
		rtnl_route_nh_set_ifindex(hop, work->ifindex);
		rtnl_route_add_nexthop(route, hop);
		hop = NULL; /* the route's */
		rtnl_route_set_family(route, ip->family);
		rtnl_route_set_table(route, table);
		rtnl_route_set_protocol(route, RTPROT_STATIC);
		rtnl_route_set_scope(route, ip->family == AF_INET
						    ? RT_SCOPE_LINK
						    : RT_SCOPE_UNIVERSE);
		err = rtnl_route_set_dst(route, dest);
		if (!err)
			err = change(work->sock, route, flags);
		err = wg_netlink_errno(err);
	}
	if (hop)
		rtnl_route_nh_free(hop);
	rtnl_route_put(route);
	nl_addr_put(dest);
	return err;
}

static bool is_ours(const struct work *work, struct rtnl_route *route,
		    uint32_t table)
{
	struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);

	return hop && rtnl_route_get_table(route) == table &&
	       rtnl_route_get_protocol(route) == RTPROT_STATIC &&
	       rtnl_route_nh_get_ifindex(hop) == work->ifindex;
}

static int read_routes(const struct work *work, uint32_t table,
		       struct conf_addresses *have)
{
	struct wg_allowed_ip ip;
	struct nl_object *object;
	struct nl_cache *cache;
	int err = wg_netlink_errno(
		rtnl_route_alloc_cache(work->sock, AF_UNSPEC, 0, &cache));

	if (err)
		return err;
	for (object = nl_cache_get_first(cache); object && !err;
	     object = nl_cache_get_next(object)) {
		struct rtnl_route *route = (struct rtnl_route *)object;

		if (is_ours(work, route, table) &&
		    from_nl_addr(&ip, rtnl_route_get_dst(route)))
			err = conf_addresses_add(have, &ip);
	}
	nl_cache_free(cache);
	return err;
}

static int apply_table(const struct work *work, uint32_t table,
		       const struct conf_addresses *want)
{
	struct conf_addresses have = {0}, come = {0}, gone = {0};
	int err = read_routes(work, table, &have);

	if (!err)
		err = plan_missing(&come, &have, want);
	if (!err)
		err = plan_missing(&gone, want, &have);
	for (size_t i = 0; !err && i < gone.count; i++)
		err = ignore(change_route(work, &gone.list[i], table,
					  rtnl_route_delete, 0),
			     ENOENT);
	for (size_t i = 0; !err && i < come.count; i++)
		err = change_route(work, &come.list[i], table, rtnl_route_add,
				   NLM_F_CREATE | NLM_F_EXCL);
	conf_addresses_clear(&have);
	conf_addresses_clear(&come);
	conf_addresses_clear(&gone);
	return err;
}

/* ---- rules, which libnl has no words for ---- */

struct rule {
	uint8_t family;
	uint32_t priority;
	uint32_t table;
	bool not_marked; /* only what does not carry the table as its mark */
};

static int put_rule(struct nl_msg *msg, const struct rule *rule)
{
	struct fib_rule_hdr header = {
		.family = rule->family,
		.action = FR_ACT_TO_TBL,
		.flags = rule->not_marked ? FIB_RULE_INVERT : 0,
	};
	int err = nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO);

	if (!err)
		err = nla_put_u32(msg, FRA_PRIORITY, rule->priority);
	if (!err)
		err = nla_put_u32(msg, FRA_TABLE, rule->table);
	if (!err && rule->not_marked)
		err = nla_put_u32(msg, FRA_FWMARK, rule->table);
	else if (!err)
		err = nla_put_u32(msg, FRA_SUPPRESS_PREFIXLEN, 0);
	return err;
}

static int change_rule(struct nl_sock *sock, const struct rule *rule, int type,
		       int flags)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_ACK | flags);
	int err;

	if (!msg)
		return -ENOMEM;
	err = put_rule(msg, rule);
	if (err) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return wg_netlink_errno(nl_send_sync(sock, msg)); /* frees it */
}

static struct rule tunnel_rule(uint8_t family, uint32_t table)
{
	return (struct rule){family, RULE_TUNNEL, table, true};
}

static struct rule main_rule(uint8_t family)
{
	return (struct rule){family, RULE_MAIN, RT_TABLE_MAIN, false};
}

static int add_rules(struct nl_sock *sock, uint8_t family, uint32_t table)
{
	const struct rule rules[] = {main_rule(family),
				     tunnel_rule(family, table)};
	int err = 0;

	for (size_t i = 0; !err && i < 2; i++)
		err = ignore(change_rule(sock, &rules[i], RTM_NEWRULE,
					 NLM_F_CREATE | NLM_F_EXCL),
			     EEXIST);
	return err;
}

/* The one about the main table may serve another tunnel: it goes only with
 * ours. */
static int remove_rules(struct nl_sock *sock, uint8_t family, uint32_t table)
{
	const struct rule ours = tunnel_rule(family, table);
	const struct rule shared = main_rule(family);
	int err = change_rule(sock, &ours, RTM_DELRULE, 0);

	if (!err)
		err = change_rule(sock, &shared, RTM_DELRULE, 0);
	return ignore(ignore(err, ENOENT), EAFNOSUPPORT);
}

/* So that the reverse path filter looks where marked packets go. */
static int honour_marks(void)
{
	int fd = open("/proc/sys/net/ipv4/conf/all/src_valid_mark",
		      O_WRONLY | O_CLOEXEC);
	ssize_t done = fd < 0 ? -1 : write(fd, "1", 1);
	int err = done < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

static int apply_default(const struct work *work, uint8_t family, bool wanted)
{
	const struct wg_allowed_ip any = {.family = family};
	uint32_t table = work->link->default_table;
	int err;

	if (!table)
		return 0;
	if (!wanted) {
		err = remove_rules(work->sock, family, table);
		if (!err)
			err = change_route(work, &any, table, rtnl_route_delete,
					   0);
		/* ESRCH and ENOENT are one for libnl. */
		return ignore(err, ENOENT);
	}
	err = ignore(change_route(work, &any, table, rtnl_route_add,
				  NLM_F_CREATE | NLM_F_EXCL),
		     EEXIST);
	if (!err && family == AF_INET)
		err = honour_marks();
	if (!err)
		err = add_rules(work->sock, family, table);
	return err;
}

/* ---- all of it ---- */

static int open_work(struct work *work)
{
	int err;

	work->sock = nl_socket_alloc();
	if (!work->sock)
		return -ENOMEM;
	err = wg_netlink_errno(nl_connect(work->sock, NETLINK_ROUTE));
	if (err)
		nl_socket_free(work->sock);
	return err;
}

static int apply_routes(const struct work *work)
{
	const struct plan_routes *routes = work->link->routes;
	uint32_t table = work->link->table;
	int err;

	if (!routes)
		return 0;
	err = apply_table(work, table ? table : RT_TABLE_MAIN, &routes->routes);
	if (!err)
		err = apply_default(work, AF_INET, routes->default_v4);
	if (!err)
		err = apply_default(work, AF_INET6, routes->default_v6);
	return err;
}

int link_apply(const struct link *link)
{
	struct work work = {
		.link = link,
		.ifindex = (int)if_nametoindex(link->name),
	};
	int err;

	if (!work.ifindex)
		return -ENODEV;
	err = open_work(&work);
	if (err)
		return err;
	err = apply_addresses(&work);
	if (!err)
		err = bring_up(&work);
	if (!err)
		err = apply_routes(&work);
	nl_socket_free(work.sock);
	return err;
}

int link_forget_rules(uint32_t default_table)
{
	struct work work = {.link = NULL};
	int err = open_work(&work);

	if (err)
		return err;
	err = remove_rules(work.sock, AF_INET, default_table);
	if (!err)
		err = remove_rules(work.sock, AF_INET6, default_table);
	nl_socket_free(work.sock);
	return err;
}

static bool has_routes(struct nl_cache *cache, uint32_t table)
{
	struct nl_object *object;

	for (object = nl_cache_get_first(cache); object;
	     object = nl_cache_get_next(object))
		if (rtnl_route_get_table((struct rtnl_route *)object) == table)
			return true;
	return false;
}

int link_free_table(uint32_t *table, uint32_t first)
{
	struct work work = {.link = NULL};
	struct nl_cache *cache;
	int err = open_work(&work);

	if (err)
		return err;
	err = wg_netlink_errno(
		rtnl_route_alloc_cache(work.sock, AF_UNSPEC, 0, &cache));
	nl_socket_free(work.sock);
	if (err)
		return err;
	while (has_routes(cache, first))
		first++;
	nl_cache_free(cache);
	*table = first;
	return 0;
}
