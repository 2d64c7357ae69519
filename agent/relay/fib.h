/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to the kernel about one destination or one neighbour. */
#ifndef SLUICE_RELAY_FIB_H
#define SLUICE_RELAY_FIB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/netlink.h"
#include "wg/tunnel.h"

struct relay_fib_answer {
	uint32_t ifindex;
	uint32_t mtu; /* of the route; 0: the device's */
	uint8_t gateway[16]; /* the neighbour to send to, mapped */
};

/* The route from path->local to path->remote. -EHOSTUNREACH if it is not one to
 * another host, or the kernel's error. */
int relay_fib_route(struct netlink *netlink, const struct wg_path *path,
		    struct relay_fib_answer *answer);

struct relay_neighbour {
	uint32_t ifindex;
	uint8_t addr[16];
	bool valid; /* mac is what the kernel would use */
	uint8_t mac[6];
};

/* -ENOENT: the kernel does not know it. */
int relay_neighbour_ask(struct netlink *netlink, uint32_t ifindex,
			const uint8_t addr[16],
			struct relay_neighbour *neighbour);
/* RTM_NEWNEIGH or RTM_DELNEIGH. -EINVAL if it is not about IP on Ethernet. */
int relay_neighbour_parse(struct relay_neighbour *neighbour,
			  const struct nlmsghdr *message);
/* Makes the kernel resolve it, or check that it is still there: what a packet
 * through its stack would do, and XDP's do not. */
int relay_neighbour_use(struct netlink *netlink, uint32_t ifindex,
			const uint8_t addr[16]);

#endif
