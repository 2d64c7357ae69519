// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/log.h"

#define BATCH 64
/* Batches a socket may have before the others get their turn. */
#define BATCHES_MAX 8
#define DATAGRAM_MAX 65536
/* A burst of handshakes after an outage: some ten thousand. */
#define RECEIVE_BUFFER (4 << 20)

union control {
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct cmsghdr align;
};

struct relay_socket {
	uv_poll_t poll;
	struct relay_sockets *owner;
	int fd;
	uint16_t port;
};

struct relay_sockets {
	const struct relay_socket_ops *ops;
	void *ctx;
	uint16_t port_min;
	size_t count, open_handles;
	int family; /* AF_INET6 for both, AF_INET where there is no IPv6 */
	/* One batch. A datagram may have 64 KiB; as memory fresh from the
	 * kernel, only the pages that are ever used cost any. */
	char *buffers;
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_in6 names[BATCH];
	union control controls[BATCH];
	struct relay_socket sockets[];
};

/* ---- opening ---- */

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

/*
 * Data that came up because it is too big for the way out has to be cut here,
 * as WireGuard itself leaves "don't fragment" off.
 *
 * IPv4: OMIT never sets DF and cuts at the device's MTU. Routers behind may cut
 * further. It also ignores ICMP's "fragmentation needed", which anybody can forge
 * and which no router sends to packets without DF.
 *
 * IPv6: routers do not cut, so the path's MTU as the host knows it counts: DONT.
 */
static int set_fragmenting(int fd, int family)
{
	int err = set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);

	if (!err && family == AF_INET6)
		err = set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
				 IPV6_PMTUDISC_DONT);
	return err;
}

static int set_options(int fd, int family)
{
	int err;

	if (family == AF_INET6) {
		err = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
		if (!err)
			err = set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	} else {
		err = set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
	}
	if (!err)
		err = set_fragmenting(fd, family);
	/* More than net.core.rmem_max wants CAP_NET_ADMIN; less will do. */
	if (!err && set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER))
		err = set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	return err;
}

/* SO_REUSEADDR and SO_REUSEPORT stay off: a second daemon must not get in. */
static int bind_port(int fd, int family, uint16_t port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons(port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET,
				 .sin_port = htons(port)};
	const void *address = family == AF_INET6 ? (const void *)&v6 : &v4;

	return bind(fd, address, family == AF_INET6 ? sizeof(v6) : sizeof(v4))
		       ? -errno
		       : 0;
}

static int open_port(int *out, int family, uint16_t port)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = set_options(fd, family);
	if (!err)
		err = bind_port(fd, family, port);
	if (err) {
		close(fd);
		return err;
	}
	*out = fd;
	return 0;
}

/* The kernel may lack IPv6 or have it switched off (ipv6.disable=1). */
static int choose_family(void)
{
	int fd, err = open_port(&fd, AF_INET6, 0);

	if (!err)
		close(fd);
	else
		log_warn("no IPv6 on this host (%s): IPv4 only",
			 strerror(-err));
	return err ? AF_INET : AF_INET6;
}

static void explain_port(int err, uint16_t port)
{
	if (err == -EADDRINUSE)
		log_error(
			"UDP port %u is in use: another sluiced, or a WireGuard device? "
			"(ss -lunp 'sport = %u')",
			port, port);
	else
		log_error("can not listen on UDP port %u: %s", port,
			  strerror(-err));
}

static void point_buffers(struct relay_sockets *sockets)
{
	for (size_t i = 0; i < BATCH; i++) {
		sockets->iov[i] = (struct iovec){
			.iov_base = sockets->buffers + i * DATAGRAM_MAX,
			.iov_len = DATAGRAM_MAX,
		};
		sockets->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &sockets->names[i],
			.msg_iov = &sockets->iov[i],
			.msg_iovlen = 1,
			.msg_control = &sockets->controls[i],
		};
	}
}

static int open_one(struct relay_sockets *sockets, uv_loop_t *loop,
		    uint16_t port)
{
	struct relay_socket *sock = &sockets->sockets[sockets->count];
	int err = open_port(&sock->fd, sockets->family, port);

	if (err) {
		explain_port(err, port);
		return err;
	}
	err = uv_poll_init(loop, &sock->poll, sock->fd);
	if (err) {
		close(sock->fd);
		return err;
	}
	sock->poll.data = sock;
	sock->owner = sockets;
	sock->port = port;
	sockets->count++;
	sockets->open_handles++;
	return 0;
}

static void free_sockets(struct relay_sockets *sockets)
{
	munmap(sockets->buffers, BATCH * DATAGRAM_MAX);
	free(sockets);
}

int relay_sockets_open(struct relay_sockets **out, uv_loop_t *loop,
		       uint16_t port_min, uint16_t port_max,
		       const struct relay_socket_ops *ops, void *ctx)
{
	size_t count = (size_t)port_max - port_min + 1;
	struct relay_sockets *sockets = calloc(
		1, sizeof(*sockets) + count * sizeof(struct relay_socket));
	int err = 0;

	if (!sockets)
		return -ENOMEM;
	sockets->buffers =
		mmap(NULL, BATCH * DATAGRAM_MAX, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (sockets->buffers == MAP_FAILED) {
		free(sockets);
		return -ENOMEM;
	}
	point_buffers(sockets);
	sockets->ops = ops;
	sockets->ctx = ctx;
	sockets->port_min = port_min;
	sockets->family = choose_family();
	for (size_t i = 0; !err && i < count; i++)
		err = open_one(sockets, loop, (uint16_t)(port_min + i));
	if (err) {
		relay_sockets_close(sockets);
		return err;
	}
	*out = sockets;
	return 0;
}

static void poll_closed(uv_handle_t *handle)
{
	struct relay_socket *sock = handle->data;

	close(sock->fd);
	if (!--sock->owner->open_handles)
		free_sockets(sock->owner);
}

void relay_sockets_close(struct relay_sockets *sockets)
{
	if (!sockets)
		return;
	if (!sockets->count) {
		free_sockets(sockets);
		return;
	}
	for (size_t i = 0; i < sockets->count; i++)
		uv_close((uv_handle_t *)&sockets->sockets[i].poll, poll_closed);
}

/* ---- receiving ---- */

static void path_from_name(struct wg_path *path,
			   const struct sockaddr_in6 *name)
{
	const struct sockaddr_in *v4 = (const void *)name;

	if (name->sin6_family == AF_INET6) {
		memcpy(path->remote, &name->sin6_addr, 16);
		path->remote_port = ntohs(name->sin6_port);
	} else {
		address_from_v4(path->remote, &v4->sin_addr);
		path->remote_port = ntohs(v4->sin_port);
	}
}

static bool path_from_control(struct wg_path *path, struct msghdr *header)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(header); cmsg;
	     cmsg = CMSG_NXTHDR(header, cmsg)) {
		if (cmsg->cmsg_level == IPPROTO_IPV6 &&
		    cmsg->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
			memcpy(path->local, &info.ipi6_addr, 16);
			path->ifindex = info.ipi6_ifindex;
			return true;
		}
		if (cmsg->cmsg_level == IPPROTO_IP &&
		    cmsg->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
			address_from_v4(path->local, &info.ipi_addr);
			path->ifindex = (uint32_t)info.ipi_ifindex;
			return true;
		}
	}
	return false;
}

static void deliver(struct relay_socket *sock, size_t i)
{
	struct relay_sockets *sockets = sock->owner;
	struct mmsghdr *message = &sockets->messages[i];
	struct wg_path path = {.local_port = sock->port};

	if (message->msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return;
	path_from_name(&path, &sockets->names[i]);
	if (!path.remote_port || !path_from_control(&path, &message->msg_hdr))
		return;
	sockets->ops->input(sockets->ctx, &path, sockets->iov[i].iov_base,
			    message->msg_len);
}

static int receive_batch(struct relay_socket *sock)
{
	struct relay_sockets *sockets = sock->owner;
	int count;

	for (size_t i = 0; i < BATCH; i++) {
		sockets->messages[i].msg_hdr.msg_namelen =
			sizeof(sockets->names[i]);
		sockets->messages[i].msg_hdr.msg_controllen =
			sizeof(sockets->controls[i]);
	}
	count = recvmmsg(sock->fd, sockets->messages, BATCH, MSG_DONTWAIT,
			 NULL);
	for (int i = 0; i < count; i++)
		deliver(sock, (size_t)i);
	return count;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct relay_socket *sock = poll->data;
	int turns = 0;

	(void)status;
	(void)events;
	while (receive_batch(sock) == BATCH && ++turns < BATCHES_MAX)
		;
	sock->owner->ops->batch_end(sock->owner->ctx);
}

void relay_sockets_start(struct relay_sockets *sockets)
{
	for (size_t i = 0; i < sockets->count; i++)
		uv_poll_start(&sockets->sockets[i].poll, UV_READABLE, on_poll);
}

/* ---- sending ---- */

/* ifindex 0: the routes choose the device, the address is ours to choose. */
static void fill_control(struct msghdr *header, union control *control,
			 int family, const struct wg_path *path,
			 uint32_t ifindex)
{
	struct in6_pktinfo v6 = {.ipi6_ifindex = ifindex};
	struct in_pktinfo v4 = {0};
	struct cmsghdr *cmsg = &control->align;
	const void *info = family == AF_INET6 ? (const void *)&v6 : &v4;
	size_t len = family == AF_INET6 ? sizeof(v6) : sizeof(v4);

	memcpy(&v6.ipi6_addr, path->local, 16);
	memcpy(&v4.ipi_spec_dst, path->local + 12, 4);
	memset(control, 0, sizeof(*control));
	cmsg->cmsg_level = family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	cmsg->cmsg_type = family == AF_INET6 ? IPV6_PKTINFO : IP_PKTINFO;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), info, len);
	header->msg_control = control;
	header->msg_controllen = CMSG_SPACE(len);
}

static void log_refused(int err, const struct wg_path *path)
{
	static struct log_limit limit;
	address_text to;

	/* Full queues are daily life. */
	if (err == EAGAIN || err == ENOBUFS || !log_limit(&limit))
		return;
	address_format_endpoint(to, path->remote, path->remote_port);
	log_warn("can not send to %s: %s", to, strerror(err));
}

static bool is_link_local(const uint8_t addr[16])
{
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

void relay_sockets_send(struct relay_sockets *sockets,
			const struct wg_path *path, const void *data,
			size_t len)
{
	size_t slot = (size_t)(path->local_port - sockets->port_min);
	struct iovec iov = {.iov_base = (void *)data, .iov_len = len};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons(path->remote_port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET,
				 .sin_port = htons(path->remote_port)};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control;
	uint32_t ifindex = is_link_local(path->remote) ? path->ifindex : 0;

	if (path->local_port < sockets->port_min || slot >= sockets->count)
		return;
	memcpy(&v6.sin6_addr, path->remote, 16);
	memcpy(&v4.sin_addr, path->remote + 12, 4);
	v6.sin6_scope_id = ifindex;
	if (sockets->family == AF_INET6) {
		header.msg_name = &v6;
		header.msg_namelen = sizeof(v6);
	} else if (address_is_v4(path->remote)) {
		header.msg_name = &v4;
		header.msg_namelen = sizeof(v4);
	} else {
		return;
	}
	fill_control(&header, &control, sockets->family, path, ifindex);
	if (sendmsg(sockets->sockets[slot].fd, &header, MSG_DONTWAIT) < 0)
		log_refused(errno, path);
}
