// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <netlink/netlink.h>
#include <netlink/socket.h>

/* Room for the events of some ten thousand routes at once. */
#define EVENT_BUFFER (4 << 20)
#define DUMP_TRIES 5

struct netlink {
	uv_poll_t poll;
	struct nl_sock *requests;
	struct nl_sock *events;
	const struct netlink_ops *ops;
	void *ctx;
};

/* One answer, while netlink_request or netlink_dump waits for it. */
struct wait {
	netlink_fn fn;
	void *ctx;
	int err; /* positive errno of the kernel */
};

static int on_answer(struct nl_msg *message, void *ctx)
{
	struct wait *wait = ctx;

	if (wait->fn)
		wait->fn(wait->ctx, nlmsg_hdr(message));
	return NL_OK;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *ctx)
{
	struct wait *wait = ctx;

	(void)from;
	wait->err = -error->error;
	return NL_STOP;
}

static int ask(struct netlink *netlink, struct nl_msg *message, netlink_fn fn,
	       void *ctx)
{
	struct nl_sock *sock = netlink->requests;
	struct wait wait = {.fn = fn, .ctx = ctx};
	int err;

	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_answer, &wait);
	nl_socket_modify_err_cb(sock, NL_CB_CUSTOM, on_error, &wait);
	err = nl_send_auto(sock, message); /* adds NLM_F_ACK */
	if (err < 0)
		return -EIO;
	err = nl_recvmsgs_default(sock);
	/* An answer is followed by its acknowledgement; a dump is not. */
	if (err >= 0 && !wait.err && fn &&
	    !(nlmsg_hdr(message)->nlmsg_flags & NLM_F_DUMP))
		err = nl_wait_for_ack(sock);
	if (wait.err)
		return -wait.err;
	if (err == -NLE_DUMP_INTR)
		return -EINTR;
	return err < 0 ? -EIO : 0;
}

int netlink_request(struct netlink *netlink, struct nl_msg *message,
		    netlink_fn fn, void *ctx)
{
	int err = message ? ask(netlink, message, fn, ctx) : -ENOMEM;

	nlmsg_free(message);
	return err;
}

/* Exactly the header that the kernel expects: it complains about bytes behind. */
static size_t header_len(int type)
{
	switch (type) {
	case RTM_GETLINK:
		return sizeof(struct ifinfomsg);
	case RTM_GETADDR:
		return sizeof(struct ifaddrmsg);
	case RTM_GETNEIGH:
		return sizeof(struct ndmsg);
	default:
		return sizeof(struct rtgenmsg);
	}
}

static int dump_once(struct netlink *netlink, int type, int family,
		     netlink_fn fn, void *ctx)
{
	struct nl_msg *message =
		nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_DUMP);
	/* The family comes first in all of them. */
	unsigned char header[sizeof(struct ifinfomsg)] = {
		(unsigned char)family};

	if (message &&
	    nlmsg_append(message, header, header_len(type), NLMSG_ALIGNTO)) {
		nlmsg_free(message);
		message = NULL;
	}
	return netlink_request(netlink, message, fn, ctx);
}

int netlink_dump(struct netlink *netlink, int type, int family, netlink_fn fn,
		 void *ctx)
{
	int err = 0;

	/* -EINTR: the table changed meanwhile and something may be missing. */
	for (int tries = 0; tries < DUMP_TRIES; tries++) {
		err = dump_once(netlink, type, family, fn, ctx);
		if (err != -EINTR)
			return err;
	}
	return err;
}

/* ---- events ---- */

static int on_event(struct nl_msg *message, void *ctx)
{
	struct netlink *netlink = ctx;

	netlink->ops->event(netlink->ctx, nlmsg_hdr(message));
	return NL_OK;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct netlink *netlink = poll->data;
	int err;

	(void)status;
	(void)events;
	do {
		err = nl_recvmsgs_default(netlink->events);
	} while (err >= 0);
	if (err == -NLE_NOMEM) /* ENOBUFS, as libnl calls it */
		netlink->ops->overrun(netlink->ctx);
}

static struct nl_sock *connect_socket(void)
{
	struct nl_sock *sock = nl_socket_alloc();

	if (sock && nl_connect(sock, NETLINK_ROUTE)) {
		nl_socket_free(sock);
		return NULL;
	}
	return sock;
}

static int open_events(struct netlink *netlink, const unsigned int *groups)
{
	struct nl_sock *sock = connect_socket();
	int size = EVENT_BUFFER;

	if (!sock)
		return -EIO;
	netlink->events = sock;
	/* More than net.core.rmem_max wants CAP_NET_ADMIN; less will do. */
	if (setsockopt(nl_socket_get_fd(sock), SOL_SOCKET, SO_RCVBUFFORCE,
		       &size, sizeof(size)))
		nl_socket_set_buffer_size(sock, size, 0);
	nl_socket_disable_seq_check(sock);
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_event, netlink);
	for (; *groups; groups++) {
		if (nl_socket_add_memberships(sock, *groups, 0))
			return -EIO;
	}
	return nl_socket_set_nonblocking(sock) ? -EIO : 0;
}

static void free_sockets(struct netlink *netlink)
{
	nl_socket_free(netlink->requests);
	nl_socket_free(netlink->events);
	free(netlink);
}

int netlink_open(struct netlink **out, uv_loop_t *loop,
		 const unsigned int *groups, const struct netlink_ops *ops,
		 void *ctx)
{
	struct netlink *netlink = calloc(1, sizeof(*netlink));
	int err = -EIO;

	if (!netlink)
		return -ENOMEM;
	netlink->ops = ops;
	netlink->ctx = ctx;
	netlink->requests = connect_socket();
	if (!netlink->requests)
		goto fail;
	err = open_events(netlink, groups);
	if (err)
		goto fail;
	err = uv_poll_init(loop, &netlink->poll,
			   nl_socket_get_fd(netlink->events));
	if (err)
		goto fail;
	netlink->poll.data = netlink;
	uv_poll_start(&netlink->poll, UV_READABLE, on_poll);
	*out = netlink;
	return 0;
fail:
	free_sockets(netlink);
	return err;
}

static void poll_closed(uv_handle_t *handle)
{
	free_sockets(handle->data);
}

void netlink_close(struct netlink *netlink)
{
	if (netlink)
		uv_close((uv_handle_t *)&netlink->poll, poll_closed);
}
