// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wg/device_model.h"

/* Addresses are compared and counted up as big-endian bytes. */
static size_t bytes_of(const struct wg_allowed_ip *ip)
{
	return ip->family == AF_INET ? 4 : 16;
}

static uint8_t *raw(struct wg_allowed_ip *ip)
{
	return (uint8_t *)&ip->v6;
}

static int compare_raw(const struct wg_allowed_ip *a,
		       const struct wg_allowed_ip *b)
{
	return memcmp(&a->v6, &b->v6, bytes_of(a));
}

/* False when it wraps. */
static bool count_up(struct wg_allowed_ip *ip)
{
	for (size_t i = bytes_of(ip); i-- > 0;)
		if (++raw(ip)[i])
			return true;
	return false;
}

struct wg_allowed_ip plan_network(const struct wg_allowed_ip *ip)
{
	struct wg_allowed_ip network = *ip;

	wg_allowed_ip_mask(&network);
	return network;
}

struct wg_allowed_ip plan_host(const struct wg_allowed_ip *ip)
{
	struct wg_allowed_ip host = *ip;

	host.prefix = (uint8_t)(bytes_of(ip) * 8);
	return host;
}

/* The last address of a prefix. */
static struct wg_allowed_ip last_of(const struct wg_allowed_ip *ip)
{
	struct wg_allowed_ip last = plan_network(ip);

	for (unsigned int bit = ip->prefix; bit < bytes_of(ip) * 8; bit++)
		raw(&last)[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return last;
}

bool plan_covers(const struct wg_allowed_ip *outer,
		 const struct wg_allowed_ip *inner)
{
	struct wg_allowed_ip narrowed = *inner, network = plan_network(outer);

	if (outer->family != inner->family || outer->prefix > inner->prefix)
		return false;
	narrowed.prefix = outer->prefix;
	wg_allowed_ip_mask(&narrowed);
	return !compare_raw(&narrowed, &network);
}

/* ---- addresses ---- */

static int compare_starts(const void *a, const void *b)
{
	return compare_raw(a, b);
}

/* The networks of `used` inside the subnet, by their first address. */
static int collect_inside(struct conf_addresses *inside,
			  const struct wg_allowed_ip *subnet,
			  const struct conf_addresses *used)
{
	int err = 0;

	for (size_t i = 0; !err && i < used->count; i++) {
		struct wg_allowed_ip network = plan_network(&used->list[i]);

		if (network.prefix > subnet->prefix &&
		    plan_covers(subnet, &network))
			err = conf_addresses_add(inside, &network);
	}
	if (inside->count)
		qsort(inside->list, inside->count, sizeof(*inside->list),
		      compare_starts);
	return err;
}

/* Is this one for a host? Point-to-point and host prefixes have no special
 * addresses (RFC 3021, RFC 6164). */
static bool is_host(const struct wg_allowed_ip *ip,
		    const struct wg_allowed_ip *subnet)
{
	struct wg_allowed_ip first = plan_network(subnet),
			     last = last_of(subnet);

	if (subnet->prefix + 1u >= bytes_of(subnet) * 8)
		return true;
	if (!compare_raw(ip, &first))
		return false;
	return ip->family == AF_INET6 || compare_raw(ip, &last);
}

int plan_address(struct wg_allowed_ip *free_ip,
		 const struct wg_allowed_ip *subnet,
		 const struct conf_addresses *used)
{
	struct wg_allowed_ip next = plan_network(subnet),
			     last = last_of(subnet);
	struct conf_addresses inside = {0};
	bool in_range = true;
	size_t i = 0;
	int err = collect_inside(&inside, subnet, used);

	if (!err && !is_host(&next, subnet))
		in_range = count_up(&next);
	/* The used ones come in order: step behind each that holds `next`. */
	for (; !err && in_range && i < inside.count; i++) {
		struct wg_allowed_ip end = last_of(&inside.list[i]);

		if (compare_raw(&next, &inside.list[i]) < 0)
			break;
		if (compare_raw(&next, &end) > 0)
			continue;
		next = end;
		in_range = count_up(&next);
	}
	if (!err && (!in_range || compare_raw(&next, &last) > 0 ||
		     !is_host(&next, subnet)))
		err = -ENOSPC;
	conf_addresses_clear(&inside);
	if (!err)
		*free_ip = plan_host(&next);
	return err;
}

int plan_used(struct conf_addresses *used, const struct conf *conf)
{
	int err = 0;

	for (size_t i = 0; !err && i < conf->addresses.count; i++) {
		struct wg_allowed_ip host = plan_host(&conf->addresses.list[i]);

		err = conf_addresses_add(used, &host);
	}
	for (size_t i = 0; !err && i < conf->peer_count; i++) {
		const struct conf_addresses *ips = &conf->peers[i].allowed_ips;

		for (size_t j = 0; !err && j < ips->count; j++)
			err = conf_addresses_add(used, &ips->list[j]);
	}
	return err;
}

/* ---- ports ---- */

uint16_t plan_port(const struct conf *conf, uint16_t first, uint16_t last)
{
	size_t fewest = SIZE_MAX;
	uint16_t best = first;

	for (unsigned int port = first; port <= last; port++) {
		size_t spokes = 0;

		for (size_t i = 0; i < conf->peer_count; i++)
			spokes += conf->peers[i].role != CONF_RELAY &&
				  conf->peers[i].endpoint.port == port;
		if (spokes < fewest) {
			fewest = spokes;
			best = (uint16_t)port;
		}
	}
	return best;
}

/* ---- routes ---- */

/* Wide ones first, so that each is met after those that can cover it. */
static int compare_widths(const void *a, const void *b)
{
	const struct wg_allowed_ip *x = a, *y = b;

	return wg_allowed_ip_compare(x, y);
}

static bool is_covered(const struct conf_addresses *by,
		       const struct wg_allowed_ip *ip)
{
	for (size_t i = 0; i < by->count; i++)
		if (plan_covers(&by->list[i], ip))
			return true;
	return false;
}

/* The prefixes that need a route if nothing else has one. */
static int collect_routes(struct plan_routes *plan,
			  struct conf_addresses *wanted,
			  const struct conf *conf)
{
	int err = 0;

	for (size_t i = 0; !err && i < conf->peer_count; i++) {
		const struct conf_addresses *ips = &conf->peers[i].allowed_ips;

		for (size_t j = 0; !err && j < ips->count; j++) {
			struct wg_allowed_ip route =
				plan_network(&ips->list[j]);

			if (!route.prefix && route.family == AF_INET)
				plan->default_v4 = true;
			else if (!route.prefix)
				plan->default_v6 = true;
			else if (!is_covered(&conf->addresses, &route))
				err = conf_addresses_add(wanted, &route);
		}
	}
	return err;
}

int plan_routes(struct plan_routes *plan, const struct conf *conf)
{
	struct conf_addresses wanted = {0};
	struct plan_routes made = {0};
	int err = collect_routes(&made, &wanted, conf);

	if (!err && wanted.count)
		qsort(wanted.list, wanted.count, sizeof(*wanted.list),
		      compare_widths);
	for (size_t i = 0; !err && i < wanted.count; i++)
		if (!is_covered(&made.routes, &wanted.list[i]))
			err = conf_addresses_add(&made.routes, &wanted.list[i]);
	conf_addresses_clear(&wanted);
	if (err)
		plan_routes_clear(&made);
	else
		*plan = made;
	return err;
}

void plan_routes_clear(struct plan_routes *plan)
{
	conf_addresses_clear(&plan->routes);
	*plan = (struct plan_routes){0};
}

int plan_missing(struct conf_addresses *missing,
		 const struct conf_addresses *have,
		 const struct conf_addresses *want)
{
	int err = 0;

	for (size_t i = 0; !err && i < want->count; i++) {
		size_t j = 0;

		while (j < have->count &&
		       wg_allowed_ip_compare(&have->list[j], &want->list[i]))
			j++;
		if (j == have->count)
			err = conf_addresses_add(missing, &want->list[i]);
	}
	return err;
}

/* ---- consent ---- */

int plan_consent(struct wg_key **keys, size_t *count, const struct conf *conf)
{
	struct wg_key *list = calloc(conf->peer_count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	*count = 0;
	for (size_t i = 0; i < conf->peer_count; i++)
		if (conf->peers[i].role != CONF_RELAY)
			list[(*count)++] = conf->peers[i].public_key;
	*keys = list;
	return 0;
}
