/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's network devices as netlink tells of them, and what it takes to send
 * an Ethernet frame out of one from XDP: the device at the bottom, the tags of
 * the VLAN devices above it, the address to send from.
 */
#ifndef SLUICE_RELAY_LINK_H
#define SLUICE_RELAY_LINK_H

#include <linux/rtnetlink.h>

#include "relay/engine.h"
#include "relay/hash.h"

/* A device that the relay's program is attached to. */
struct relay_device {
	uint32_t ifindex;
	bool native;
};

struct relay_links {
	struct relay_hash by_ifindex;
	struct relay_device attached[RELAY_INTERFACES_MAX];
	size_t attached_count;
};

int relay_links_init(struct relay_links *links);
void relay_links_clear(
	struct relay_links *links); /* empty, can be filled again */
void relay_links_free(struct relay_links *links);

/* RTM_NEWLINK and RTM_DELLINK. True if something that matters here changed. */
bool relay_links_take(struct relay_links *links,
		      const struct nlmsghdr *message);

/* All that the program is attached to; they stay when the devices are cleared.
 * True if something changed. */
bool relay_links_attached(struct relay_links *links,
			  const struct relay_device *devices, size_t count);

/*
 * Fills ifindex, mtu, smac and vlan of *hop for frames that leave by a device.
 * False, and *hop untouched, if XDP can not send there: it is down, not
 * Ethernet, under VLAN tags that the program does not write, or of a kind that
 * loses what a native program gives it, as a bridge does.
 */
bool relay_links_resolve(const struct relay_links *links, uint32_t ifindex,
			 struct relay_next_hop *hop);

#endif
