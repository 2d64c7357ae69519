/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What hubs and spokes decide: the next free address, a spoke's relay port, the
 * routes of an interface, the list to publish. Pure.
 */
#ifndef SLUICE_CMD_PLAN_H
#define SLUICE_CMD_PLAN_H

#include "cmd/conf.h"

/*
 * The lowest host of the subnet that no address of `used` covers. Used prefixes
 * as wide as the subnet do not count (a default route takes no addresses). The
 * network's own address and IPv4's broadcast are no hosts. The prefix length is
 * a host's. 0, or -ENOSPC.
 */
int plan_address(struct wg_allowed_ip *free_ip,
		 const struct wg_allowed_ip *subnet,
		 const struct conf_addresses *used);

/* True if `inner` lies in `outer`, the same prefix included. */
bool plan_covers(const struct wg_allowed_ip *outer,
		 const struct wg_allowed_ip *inner);
/* The same address with a host's prefix length, and the network around it. */
struct wg_allowed_ip plan_host(const struct wg_allowed_ip *ip);
struct wg_allowed_ip plan_network(const struct wg_allowed_ip *ip);

/* Everything that is taken: the interface's own hosts, the peers' addresses. */
int plan_used(struct conf_addresses *used, const struct conf *conf);

/*
 * The port of first..last that the fewest spokes of the file have, the lowest of
 * several: one hub's traffic would be one flow, on one receive queue of the
 * relay.
 */
uint16_t plan_port(const struct conf *conf, uint16_t first, uint16_t last);

/*
 * The routes that make every peer's AllowedIPs go into the interface: none that
 * the interface's own network or a wider route covers; default routes are not
 * among them but in *default_v4 and *default_v6. 0 or -ENOMEM.
 */
struct plan_routes {
	struct conf_addresses routes;
	bool default_v4, default_v6;
};
int plan_routes(struct plan_routes *plan, const struct conf *conf);
void plan_routes_clear(struct plan_routes *plan);

/* What is in `want` and not in `have`, by address and prefix. */
int plan_missing(struct conf_addresses *missing,
		 const struct conf_addresses *have,
		 const struct conf_addresses *want);

/* The keys of all peers but the relay: whom the owner consents to talk to.
 * *keys is malloc'd. 0 or -ENOMEM. */
int plan_consent(struct wg_key **keys, size_t *count, const struct conf *conf);

#endif
