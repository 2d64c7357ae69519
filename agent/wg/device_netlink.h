/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's WireGuard messages (linux/wireguard.h) to and from our model.
 * Pure: messages are built and read here, device_kernel.c sends them.
 */
#ifndef SLUICE_WG_DEVICE_NETLINK_H
#define SLUICE_WG_DEVICE_NETLINK_H

#include <netlink/msg.h>

#include "wg/device_diff.h"

/* Bytes of one SET message: room for a peer with everything and many IPs. */
#define WG_NETLINK_MESSAGE_LEN 8192

/* Where the next message goes on. Zero-initialised is the start. */
struct wg_netlink_cursor {
	bool begun; /* the device's own attributes are out */
	bool done;
	size_t peer;
	bool peer_begun; /* this peer's own attributes are out */
	size_t ip; /* of that peer */
};

/*
 * Puts as much of the change behind msg's generic netlink header as fits; call
 * with a new message until cursor->done. 0, or -EMSGSIZE if not even one entry
 * fits.
 */
int wg_netlink_build(struct nl_msg *msg, const struct wg_device_change *change,
		     struct wg_netlink_cursor *cursor);

/*
 * Adds one message of a WG_CMD_GET_DEVICE dump to the device; a peer that the
 * kernel split over messages becomes one again. 0, -ENOMEM or -EBADMSG.
 */
int wg_netlink_read(struct wg_device *device, struct nlmsghdr *message);

/* An error of libnl as -errno. */
int wg_netlink_errno(int nl_error);

#endif
