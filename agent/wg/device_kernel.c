// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's WireGuard: links by rtnetlink, devices by generic netlink. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <linux/wireguard.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <sodium.h>

#include "wg/device_backend.h"
#include "wg/device_netlink.h"

#define DUMP_TRIES 16
#define GONE_TRIES 200 /* 10 ms apart */

static int open_socket(struct nl_sock **out, int protocol)
{
	struct nl_sock *sock = nl_socket_alloc();
	int err;

	if (!sock)
		return -ENOMEM;
	err = nl_connect(sock, protocol);
	if (err) {
		nl_socket_free(sock);
		return wg_netlink_errno(err);
	}
	/* Messages of a dump are larger than a page. */
	nl_socket_enable_msg_peek(sock);
	*out = sock;
	return 0;
}

/* ---- links ---- */

/* A socket and a link of that name to say something about. */
static int open_link(struct nl_sock **sock, struct rtnl_link **link,
		     const char *name)
{
	int err = open_socket(sock, NETLINK_ROUTE);

	if (err)
		return err;
	*link = rtnl_link_alloc();
	if (!*link) {
		nl_socket_free(*sock);
		return -ENOMEM;
	}
	rtnl_link_set_name(*link, name);
	return 0;
}

static int kernel_create(const char *name)
{
	struct nl_sock *sock = NULL;
	struct rtnl_link *link = NULL;
	int err = open_link(&sock, &link, name);

	if (err)
		return err;
	err = rtnl_link_set_type(link, "wireguard");
	if (!err)
		err = rtnl_link_add(sock, link, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_link_put(link);
	nl_socket_free(sock);
	return wg_netlink_errno(err);
}

static bool kernel_owns(const char *name)
{
	struct rtnl_link *link = NULL;
	struct nl_sock *sock = NULL;
	const char *type;
	bool owns = false;

	if (open_socket(&sock, NETLINK_ROUTE))
		return false;
	if (!rtnl_link_get_kernel(sock, 0, name, &link)) {
		type = rtnl_link_get_type(link);
		owns = type && !strcmp(type, "wireguard");
		rtnl_link_put(link);
	}
	nl_socket_free(sock);
	return owns;
}

int wg_link_delete(const char *name)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	struct nl_sock *sock = NULL;
	struct rtnl_link *link = NULL;
	int err = open_link(&sock, &link, name);

	if (err)
		return err;
	err = wg_netlink_errno(rtnl_link_delete(sock, link));
	rtnl_link_put(link);
	nl_socket_free(sock);
	for (int i = 0; !err && if_nametoindex(name); i++) {
		if (i == GONE_TRIES)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return err;
}

/* ---- devices ---- */

static int open_family(struct nl_sock **sock, int *family)
{
	int err = open_socket(sock, NETLINK_GENERIC);

	if (err)
		return err;
	*family = genl_ctrl_resolve(*sock, WG_GENL_NAME);
	if (*family >= 0)
		return 0;
	nl_socket_free(*sock);
	return -EOPNOTSUPP;
}

struct dump {
	struct wg_device *device;
	int err;
};

static int take_message(struct nl_msg *msg, void *ctx)
{
	struct dump *dump = ctx;

	if (!dump->err)
		dump->err = wg_netlink_read(dump->device, nlmsg_hdr(msg));
	return NL_OK;
}

static int dump_once(struct nl_sock *sock, int family, struct wg_device *device,
		     const char *name)
{
	struct dump dump = {.device = device};
	struct nl_msg *msg = nlmsg_alloc();
	int err;

	if (!msg)
		return -ENOMEM;
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, take_message,
			    &dump);
	if (!genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, NLM_F_DUMP,
			 WG_CMD_GET_DEVICE, WG_GENL_VERSION) ||
	    nla_put_string(msg, WGDEVICE_A_IFNAME, name)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	err = nl_send_auto(sock, msg);
	nlmsg_free(msg);
	if (err >= 0)
		err = nl_recvmsgs_default(sock);
	return err < 0 ? wg_netlink_errno(err) : dump.err;
}

static int kernel_get(struct wg_device *device, const char *name)
{
	struct nl_sock *sock = NULL;
	int family, err = open_family(&sock, &family);

	if (err)
		return err;
	/* A change in the middle of a dump interrupts it: begin again. */
	for (int i = 0; i < DUMP_TRIES; i++) {
		wg_device_clear(device);
		err = dump_once(sock, family, device, name);
		if (err != -EINTR)
			break;
	}
	nl_socket_free(sock);
	return err;
}

static int send_part(struct nl_sock *sock, int family,
		     const struct wg_device_change *change,
		     struct wg_netlink_cursor *cursor)
{
	struct nl_msg *msg = nlmsg_alloc_size(WG_NETLINK_MESSAGE_LEN);
	int err;

	if (!msg)
		return -ENOMEM;
	if (!genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, NLM_F_ACK,
			 WG_CMD_SET_DEVICE, WG_GENL_VERSION))
		err = -EMSGSIZE;
	else
		err = wg_netlink_build(msg, change, cursor);
	if (!err) {
		err = nl_send_auto(sock, msg);
		if (err >= 0)
			err = nl_wait_for_ack(sock);
		err = wg_netlink_errno(err);
	}
	sodium_memzero(nlmsg_hdr(msg), nlmsg_get_max_size(msg));
	nlmsg_free(msg);
	return err;
}

static int kernel_apply(const struct wg_device_change *change)
{
	struct wg_netlink_cursor cursor = {0};
	struct nl_sock *sock = NULL;
	int family, err = open_family(&sock, &family);

	if (err)
		return err;
	while (!err && !cursor.done)
		err = send_part(sock, family, change, &cursor);
	nl_socket_free(sock);
	return err;
}

const struct wg_backend wg_backend_kernel = {
	.kind = WG_DEVICE_KERNEL,
	.create = kernel_create,
	.owns = kernel_owns,
	.get = kernel_get,
	.apply = kernel_apply,
};
