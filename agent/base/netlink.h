/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Route netlink on the daemon's loop: one socket that asks and waits for the
 * answer (the kernel answers at once), one that hears of changes.
 */
#ifndef SLUICE_BASE_NETLINK_H
#define SLUICE_BASE_NETLINK_H

#include <stddef.h>

#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <uv.h>

struct netlink;

typedef void (*netlink_fn)(void *ctx, const struct nlmsghdr *message);

struct netlink_ops {
	netlink_fn event;
	/* Changes were lost: everything has to be asked for again. */
	void (*overrun)(void *ctx);
};

/* groups: RTNLGRP_*, ended by 0. */
int netlink_open(struct netlink **out, uv_loop_t *loop,
		 const unsigned int *groups, const struct netlink_ops *ops,
		 void *ctx);
void netlink_close(struct netlink *netlink);

/* Calls fn for each object of a table (RTM_GETLINK, ...). */
int netlink_dump(struct netlink *netlink, int type, int family, netlink_fn fn,
		 void *ctx);
/* Sends message (freed in any case) and calls fn, if given, for the answer. 0 or
 * the kernel's error. */
int netlink_request(struct netlink *netlink, struct nl_msg *message,
		    netlink_fn fn, void *ctx);

#endif
