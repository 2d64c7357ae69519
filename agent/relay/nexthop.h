/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps the next hop of every leg right: routes, devices and neighbours from
 * netlink, and the neighbours from being forgotten.
 *
 *	leg ─▶ route (one a pair of addresses) ─▶ neighbour (one a device and gateway)
 *
 * So a gateway's new address costs one event for all legs behind it, and a
 * routing change one question a destination, a slice at a time.
 */
#ifndef SLUICE_RELAY_NEXTHOP_H
#define SLUICE_RELAY_NEXTHOP_H

#include <uv.h>

#include "relay/engine.h"
#include "relay/link.h"

struct relay_nexthops;

typedef void (*relay_nexthop_fn)(void *ctx, uint16_t leg,
				 const struct relay_next_hop *hop);

/* fn is called from inside relay_nexthops_resolve and later from the loop. */
int relay_nexthops_open(struct relay_nexthops **out, uv_loop_t *loop,
			relay_nexthop_fn fn, void *ctx);
void relay_nexthops_close(struct relay_nexthops *nexthops);

/* Where the program is: it matters for what it can send by. */
void relay_nexthops_attached(struct relay_nexthops *nexthops,
			     const struct relay_device *devices, size_t count);

void relay_nexthops_resolve(struct relay_nexthops *nexthops, uint16_t leg,
			    const struct wg_path *path);
/* Says again what every leg was told last. */
void relay_nexthops_repeat(struct relay_nexthops *nexthops);
void relay_nexthops_forget(struct relay_nexthops *nexthops, uint16_t leg);

#endif
