// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/nexthop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/abi.h>

#include "base/log.h"
#include "relay/fib.h"
#include "relay/link.h"
#include "relay/list.h"

/* A routing daemon's changes come in swarms: wait for the end of one. */
#define SETTLE_MS 50
/* Questions in one turn of the loop: about 5 ms. */
#define SLICE 256
/*
 * Each neighbour is used and each route asked for again once in this many
 * seconds. The kernel checks a neighbour after 15 to 45 s (base_reachable_time)
 * of use and forgets it after 60 s (gc_stale_time) without, and does not see what
 * XDP sends. No event tells of a path MTU that was learnt or expired.
 */
#define REFRESH_SECONDS 20

/* A neighbour: what routes over one device and gateway share. */
struct hop {
	struct relay_hash_node node;
	struct relay_list all;
	struct relay_list routes;
	struct relay_neighbour neighbour;
};

/* What the kernel's tables say about one pair of addresses. */
struct route_key {
	uint8_t remote[16], local[16];
	uint32_t ifindex; /* of a link-local pair, else 0 */
	uint32_t zero;
};

struct route {
	struct relay_hash_node node;
	struct relay_list order; /* in `fresh` or `stale` */
	struct relay_list of_hop;
	struct relay_list legs;
	struct route_key key;
	struct hop *hop; /* NULL: no way that XDP could take */
	uint32_t mtu;
	struct relay_next_hop told; /* what the legs were told last */
};

struct leg {
	struct relay_list of_route;
	struct route *route; /* NULL: not asked for */
};

struct relay_nexthops {
	struct netlink *netlink;
	uv_timer_t settle, refresh;
	int open_handles;
	relay_nexthop_fn fn;
	void *ctx;
	struct relay_links links;
	struct relay_hash routes, hops;
	struct relay_list all_hops;
	struct relay_list fresh, stale; /* routes, the oldest first */
	struct leg *legs;
};

/* ---- telling ---- */

static void make_next_hop(const struct relay_nexthops *nexthops,
			  const struct route *route, struct relay_next_hop *out)
{
	const struct hop *hop = route->hop;

	memset(out, 0, sizeof(*out)); /* compared bytewise */
	if (!hop || !hop->neighbour.valid ||
	    !relay_links_resolve(&nexthops->links, hop->neighbour.ifindex, out))
		return;
	out->resolved = true;
	memcpy(out->dmac, hop->neighbour.mac, sizeof(out->dmac));
	if (route->mtu && route->mtu < out->mtu)
		out->mtu = (uint16_t)route->mtu;
}

static void tell_leg(struct relay_nexthops *nexthops, const struct leg *leg)
{
	nexthops->fn(nexthops->ctx, (uint16_t)(leg - nexthops->legs),
		     &leg->route->told);
}

static void tell_route(struct relay_nexthops *nexthops, struct route *route)
{
	struct relay_list *at, *next;
	struct relay_next_hop now;

	make_next_hop(nexthops, route, &now);
	if (!memcmp(&now, &route->told, sizeof(now)))
		return;
	route->told = now;
	for (at = route->legs.next; at != &route->legs; at = next) {
		next = at->next;
		tell_leg(nexthops, relay_container(at, struct leg, of_route));
	}
}

static void tell_hop(struct relay_nexthops *nexthops, struct hop *hop)
{
	struct relay_list *at;

	for (at = hop->routes.next; at != &hop->routes; at = at->next)
		tell_route(nexthops, relay_container(at, struct route, of_hop));
}

/* ---- neighbours ---- */

struct hop_key {
	uint8_t addr[16];
	uint32_t ifindex;
};

static uint64_t hop_hash(const struct relay_nexthops *nexthops,
			 uint32_t ifindex, const uint8_t addr[16])
{
	struct hop_key key = {.ifindex = ifindex};

	memcpy(key.addr, addr, 16);
	return relay_hash_of(&nexthops->hops, &key, sizeof(key));
}

static struct hop *find_hop(const struct relay_nexthops *nexthops,
			    uint32_t ifindex, const uint8_t addr[16])
{
	struct relay_hash_node *node = relay_hash_first(
		&nexthops->hops, hop_hash(nexthops, ifindex, addr));

	for (; node; node = relay_hash_next(node)) {
		struct hop *hop = (struct hop *)node;

		if (hop->neighbour.ifindex == ifindex &&
		    !memcmp(hop->neighbour.addr, addr, 16))
			return hop;
	}
	return NULL;
}

static void use(struct relay_nexthops *nexthops, const struct hop *hop)
{
	int err = relay_neighbour_use(nexthops->netlink, hop->neighbour.ifindex,
				      hop->neighbour.addr);

	if (err && err != -ENODEV && err != -ENETDOWN)
		log_debug("can not use a neighbour: %s", strerror(-err));
}

static void ask_neighbour(struct relay_nexthops *nexthops, struct hop *hop)
{
	struct relay_neighbour *known = &hop->neighbour;

	/* Without an answer its address and device stay. */
	if (relay_neighbour_ask(nexthops->netlink, known->ifindex, known->addr,
				known))
		known->valid = false;
	if (!known->valid)
		use(nexthops, hop);
}

static struct hop *get_hop(struct relay_nexthops *nexthops, uint32_t ifindex,
			   const uint8_t addr[16])
{
	struct hop *hop = find_hop(nexthops, ifindex, addr);

	if (hop)
		return hop;
	hop = calloc(1, sizeof(*hop));
	if (!hop)
		return NULL;
	hop->neighbour.ifindex = ifindex;
	memcpy(hop->neighbour.addr, addr, 16);
	relay_list_init(&hop->routes);
	relay_list_insert(&hop->all, nexthops->all_hops.prev);
	relay_hash_insert(&nexthops->hops, &hop->node,
			  hop_hash(nexthops, ifindex, addr));
	ask_neighbour(nexthops, hop);
	return hop;
}

static void put_hop(struct relay_nexthops *nexthops, struct hop *hop)
{
	if (!relay_list_empty(&hop->routes))
		return;
	relay_hash_remove(&nexthops->hops, &hop->node);
	relay_list_remove(&hop->all);
	free(hop);
}

/* ---- routes ---- */

static void set_hop(struct relay_nexthops *nexthops, struct route *route,
		    struct hop *hop)
{
	struct hop *old = route->hop;

	if (old == hop)
		return;
	route->hop = hop;
	relay_list_remove(&route->of_hop);
	if (hop)
		relay_list_insert(&route->of_hop, &hop->routes);
	if (old)
		put_hop(nexthops, old);
}

static void ask_route(struct relay_nexthops *nexthops, struct route *route)
{
	struct relay_fib_answer answer;
	struct relay_next_hop probe;
	struct wg_path path = {.ifindex = route->key.ifindex};
	struct hop *hop = NULL;

	memcpy(path.remote, route->key.remote, 16);
	memcpy(path.local, route->key.local, 16);
	/* A device that XDP can not send to is not worth a neighbour. */
	if (!relay_fib_route(nexthops->netlink, &path, &answer) &&
	    relay_links_resolve(&nexthops->links, answer.ifindex, &probe)) {
		hop = get_hop(nexthops, answer.ifindex, answer.gateway);
		route->mtu = answer.mtu;
	}
	set_hop(nexthops, route, hop);
	relay_list_to_back(&route->order, &nexthops->fresh);
	tell_route(nexthops, route);
}

static void key_of_path(struct route_key *key, const struct wg_path *path)
{
	bool link_local =
		path->remote[0] == 0xfe && (path->remote[1] & 0xc0) == 0x80;

	memset(key, 0, sizeof(*key)); /* hashed and compared bytewise */
	memcpy(key->remote, path->remote, 16);
	memcpy(key->local, path->local, 16);
	key->ifindex = link_local ? path->ifindex : 0;
}

static struct route *get_route(struct relay_nexthops *nexthops,
			       const struct wg_path *path)
{
	struct relay_hash_node *node;
	struct route_key key;
	struct route *route;
	uint64_t hash;

	key_of_path(&key, path);
	hash = relay_hash_of(&nexthops->routes, &key, sizeof(key));
	for (node = relay_hash_first(&nexthops->routes, hash); node;
	     node = relay_hash_next(node)) {
		route = (struct route *)node;
		if (!memcmp(&route->key, &key, sizeof(key)))
			return route;
	}
	route = calloc(1, sizeof(*route));
	if (!route)
		return NULL;
	route->key = key;
	relay_list_init(&route->legs);
	relay_list_init(&route->of_hop);
	relay_list_insert(&route->order, nexthops->fresh.prev);
	relay_hash_insert(&nexthops->routes, &route->node, hash);
	ask_route(nexthops, route);
	return route;
}

static void put_route(struct relay_nexthops *nexthops, struct route *route)
{
	if (!relay_list_empty(&route->legs))
		return;
	set_hop(nexthops, route, NULL);
	relay_list_remove(&route->order);
	relay_hash_remove(&nexthops->routes, &route->node);
	free(route);
}

/* ---- legs ---- */

void relay_nexthops_resolve(struct relay_nexthops *nexthops, uint16_t leg,
			    const struct wg_path *path)
{
	static const struct relay_next_hop none;
	struct route *route = get_route(nexthops, path);
	struct leg *entry = &nexthops->legs[leg];
	struct route *old = entry->route;

	if (!route) {
		relay_nexthops_forget(nexthops, leg);
		nexthops->fn(nexthops->ctx, leg, &none);
		return;
	}
	if (old != route) {
		if (old)
			relay_list_remove(&entry->of_route);
		relay_list_insert(&entry->of_route, &route->legs);
		entry->route = route;
		if (old)
			put_route(nexthops, old);
	}
	tell_leg(nexthops, entry);
}

void relay_nexthops_forget(struct relay_nexthops *nexthops, uint16_t leg)
{
	struct leg *entry = &nexthops->legs[leg];
	struct route *route = entry->route;

	if (!route)
		return;
	entry->route = NULL;
	relay_list_remove(&entry->of_route);
	put_route(nexthops, route);
}

void relay_nexthops_repeat(struct relay_nexthops *nexthops)
{
	for (size_t leg = 1; leg <= RELAY_LEG_MAX; leg++) {
		if (nexthops->legs[leg].route)
			tell_leg(nexthops, &nexthops->legs[leg]);
	}
}

/* ---- changes ---- */

static void append_all(struct relay_list *from, struct relay_list *to)
{
	if (relay_list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	relay_list_init(from);
}

static void on_settle(uv_timer_t *timer)
{
	struct relay_nexthops *nexthops = timer->data;

	for (int i = 0; i < SLICE && !relay_list_empty(&nexthops->stale); i++)
		ask_route(nexthops, relay_container(nexthops->stale.next,
						    struct route, order));
	if (!relay_list_empty(&nexthops->stale))
		uv_timer_start(timer, on_settle, 1, 0);
}

static void routes_changed(struct relay_nexthops *nexthops)
{
	append_all(&nexthops->fresh, &nexthops->stale);
	if (!uv_is_active((uv_handle_t *)&nexthops->settle))
		uv_timer_start(&nexthops->settle, on_settle, SETTLE_MS, 0);
}

void relay_nexthops_attached(struct relay_nexthops *nexthops,
			     const struct relay_device *devices, size_t count)
{
	if (relay_links_attached(&nexthops->links, devices, count))
		routes_changed(nexthops);
}

static void neighbour_changed(struct relay_nexthops *nexthops,
			      const struct nlmsghdr *message)
{
	struct relay_neighbour now;
	struct hop *hop;

	if (relay_neighbour_parse(&now, message))
		return;
	hop = find_hop(nexthops, now.ifindex, now.addr);
	if (!hop || (hop->neighbour.valid == now.valid &&
		     !memcmp(hop->neighbour.mac, now.mac, sizeof(now.mac))))
		return;
	hop->neighbour = now;
	tell_hop(nexthops, hop);
}

static void on_event(void *ctx, const struct nlmsghdr *message)
{
	struct relay_nexthops *nexthops = ctx;

	switch (message->nlmsg_type) {
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		neighbour_changed(nexthops, message);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (relay_links_take(&nexthops->links, message))
			routes_changed(nexthops);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
	case RTM_NEWRULE:
	case RTM_DELRULE:
		routes_changed(nexthops);
		break;
	}
}

static void on_link_dump(void *ctx, const struct nlmsghdr *message)
{
	struct relay_nexthops *nexthops = ctx;

	relay_links_take(&nexthops->links, message);
}

static int resync(struct relay_nexthops *nexthops)
{
	struct relay_list *at;
	int err;

	relay_links_clear(&nexthops->links);
	err = netlink_dump(nexthops->netlink, RTM_GETLINK, AF_UNSPEC,
			   on_link_dump, nexthops);
	for (at = nexthops->all_hops.next; at != &nexthops->all_hops;
	     at = at->next) {
		struct hop *hop = relay_container(at, struct hop, all);

		ask_neighbour(nexthops, hop);
		tell_hop(nexthops, hop);
	}
	routes_changed(nexthops);
	return err;
}

static void on_overrun(void *ctx)
{
	int err = resync(ctx);

	log_info(
		"netlink overrun: devices, routes and neighbours were read again");
	if (err)
		log_error("can not list the devices: %s", strerror(-err));
}

/* Once a second: a part of the neighbours and of the routes. */
static void on_refresh(uv_timer_t *timer)
{
	struct relay_nexthops *nexthops = timer->data;
	size_t hops =
		(nexthops->hops.count + REFRESH_SECONDS - 1) / REFRESH_SECONDS;
	size_t routes = (nexthops->routes.count + REFRESH_SECONDS - 1) /
			REFRESH_SECONDS;

	for (; hops; hops--) {
		struct relay_list *oldest = nexthops->all_hops.next;

		relay_list_to_back(oldest, &nexthops->all_hops);
		use(nexthops, relay_container(oldest, struct hop, all));
	}
	for (; routes && !relay_list_empty(&nexthops->fresh); routes--)
		ask_route(nexthops, relay_container(nexthops->fresh.next,
						    struct route, order));
}

/* ---- opening ---- */

static const unsigned int groups[] = {
	RTNLGRP_LINK,
	RTNLGRP_NEIGH,
	RTNLGRP_IPV4_ROUTE,
	RTNLGRP_IPV6_ROUTE,
	RTNLGRP_IPV4_RULE,
	RTNLGRP_IPV6_RULE,
	0,
};
static const struct netlink_ops ops = {.event = on_event,
				       .overrun = on_overrun};

static int init_tables(struct relay_nexthops *nexthops)
{
	relay_list_init(&nexthops->all_hops);
	relay_list_init(&nexthops->fresh);
	relay_list_init(&nexthops->stale);
	/* Untouched memory costs nothing: sized for the most there can be. */
	nexthops->legs = calloc(RELAY_LEG_MAX + 1, sizeof(struct leg));
	if (!nexthops->legs || relay_links_init(&nexthops->links) ||
	    relay_hash_init(&nexthops->routes) ||
	    relay_hash_init(&nexthops->hops))
		return -ENOMEM;
	return 0;
}

static void free_tables(struct relay_nexthops *nexthops)
{
	if (nexthops->links.by_ifindex.heads)
		relay_links_free(&nexthops->links);
	relay_hash_clear(&nexthops->routes);
	relay_hash_clear(&nexthops->hops);
	free(nexthops->legs);
	free(nexthops);
}

int relay_nexthops_open(struct relay_nexthops **out, uv_loop_t *loop,
			relay_nexthop_fn fn, void *ctx)
{
	struct relay_nexthops *nexthops = calloc(1, sizeof(*nexthops));
	int err;

	if (!nexthops)
		return -ENOMEM;
	nexthops->fn = fn;
	nexthops->ctx = ctx;
	err = init_tables(nexthops);
	if (!err)
		err = netlink_open(&nexthops->netlink, loop, groups, &ops,
				   nexthops);
	if (err) {
		free_tables(nexthops);
		return err;
	}
	uv_timer_init(loop, &nexthops->settle);
	uv_timer_init(loop, &nexthops->refresh);
	nexthops->settle.data = nexthops->refresh.data = nexthops;
	nexthops->open_handles = 2;
	err = resync(nexthops);
	if (err) {
		relay_nexthops_close(nexthops);
		return err;
	}
	uv_timer_start(&nexthops->refresh, on_refresh, 1000, 1000);
	*out = nexthops;
	return 0;
}

static void handle_closed(uv_handle_t *handle)
{
	struct relay_nexthops *nexthops = handle->data;

	if (!--nexthops->open_handles)
		free_tables(nexthops);
}

void relay_nexthops_close(struct relay_nexthops *nexthops)
{
	if (!nexthops)
		return;
	while (nexthops->routes.count) {
		struct relay_list *order = relay_list_empty(&nexthops->fresh)
						   ? nexthops->stale.next
						   : nexthops->fresh.next;
		struct route *route =
			relay_container(order, struct route, order);

		relay_list_init(&route->legs);
		put_route(nexthops, route);
	}
	netlink_close(nexthops->netlink);
	uv_close((uv_handle_t *)&nexthops->settle, handle_closed);
	uv_close((uv_handle_t *)&nexthops->refresh, handle_closed);
}
