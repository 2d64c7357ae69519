// SPDX-License-Identifier: GPL-2.0-or-later
#include "crowd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../flow.h"
#include "packet.h"
#include "report.h"

/* The made-up part of a message, where an ephemeral key or ciphertext would be. */
struct forged {
	uint8_t magic[8];
	uint64_t tag;
};
static const uint8_t magic[8] = "made up";

#define TICK_NS 5000000
#define BATCH 64
#define CONNECT_NS 20000000000ULL

static uint64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* ---- made-up messages ---- */

static size_t forged_at(const void *message)
{
	switch (*(const uint8_t *)message) {
	case WG_INITIATION:
		return offsetof(struct wg_initiation, ephemeral);
	case WG_RESPONSE:
		return offsetof(struct wg_response, ephemeral);
	default:
		return sizeof(struct wg_data);
	}
}

static void forge(void *message, uint64_t tag)
{
	struct forged forged = {.tag = tag};

	memcpy(forged.magic, magic, sizeof(magic));
	memcpy((uint8_t *)message + forged_at(message), &forged,
	       sizeof(forged));
}

static bool is_forged(const void *message, size_t len)
{
	return len >= WG_DATA_MIN_LEN &&
	       !memcmp((const uint8_t *)message + forged_at(message), magic,
		       sizeof(magic));
}

uint64_t crowd_tag(const void *message)
{
	struct forged forged;

	memcpy(&forged, (const uint8_t *)message + forged_at(message),
	       sizeof(forged));
	return forged.tag;
}

void crowd_initiation(struct wg_initiation *message, const struct peer *to,
		      uint32_t sender, uint64_t tag)
{
	memset(message, 0, sizeof(*message));
	message->header.type = WG_INITIATION;
	message->sender = sender;
	forge(message, tag);
	wg_mac(message->macs.mac1, to->mac1.bytes, sizeof(to->mac1.bytes),
	       message, offsetof(struct wg_initiation, macs));
}

void crowd_response(struct wg_response *message, const struct peer *to,
		    uint32_t sender, uint32_t receiver, uint64_t tag)
{
	memset(message, 0, sizeof(*message));
	message->header.type = WG_RESPONSE;
	message->sender = sender;
	message->receiver = receiver;
	forge(message, tag);
	wg_mac(message->macs.mac1, to->mac1.bytes, sizeof(to->mac1.bytes),
	       message, offsetof(struct wg_response, macs));
}

void crowd_data(void *message, uint32_t receiver, uint64_t tag)
{
	struct wg_data data = {.header.type = WG_DATA, .receiver = receiver};

	memset(message, 0, CROWD_DATA_LEN);
	memcpy(message, &data, sizeof(data));
	forge(message, tag);
}

/* ---- sockets: one for thousands of addresses ---- */

static void transmit(struct site *site, uint32_t address, const void *data,
		     size_t len)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(BENCH_PORT),
				 .sin_addr.s_addr = htonl(BENCH_RELAY4)};
	struct iovec vec = {(void *)data, len};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = {};
	struct msghdr message = {.msg_name = &to,
				 .msg_namelen = sizeof(to),
				 .msg_iov = &vec,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(address)};

	control.header.cmsg_level = IPPROTO_IP;
	control.header.cmsg_type = IP_PKTINFO;
	control.header.cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(&control.header), &info, sizeof(info));
	sendmsg(site->fd, &message, 0);
}

static void delay(struct delay_line *line, uint64_t due_ns, uint32_t address,
		  const void *data, size_t len)
{
	struct delayed *packet = &line->packets[line->head % SITE_QUEUE];

	if (line->head - line->tail == SITE_QUEUE || len > sizeof(packet->data))
		return; /* lost, as on a network */
	packet->due_ns = due_ns;
	packet->address = address;
	packet->len = len;
	memcpy(packet->data, data, len);
	line->head++;
}

static struct delayed *delay_due(struct delay_line *line, uint64_t now_ns)
{
	struct delayed *packet = &line->packets[line->tail % SITE_QUEUE];

	if (line->head == line->tail || packet->due_ns > now_ns)
		return NULL;
	line->tail++;
	return packet;
}

void crowd_send(struct peer *peer, const void *data, size_t len)
{
	struct site *site = peer->site;

	if (site->delay_ns)
		delay(&site->out, bench_now_ns() + site->delay_ns,
		      peer->address, data, len);
	else
		transmit(site, peer->address, data, len);
}

static void dispatch(struct crowd *crowd, struct site *site, uint32_t address,
		     const void *data, size_t len, uint64_t now_ns)
{
	struct peer *peer = NULL;
	struct wg_path path = {.remote_port = BENCH_PORT,
			       .local_port = site->port};

	for (size_t i = 0; i < crowd->peer_count; i++) {
		/* Crowds are numbered in the order of their addresses. */
		size_t at = (i + address - crowd->peers[0].address) %
			    crowd->peer_count;

		if (crowd->peers[at].address == address) {
			peer = &crowd->peers[at];
			break;
		}
	}
	if (!peer)
		return;
	if (is_forged(data, len)) {
		crowd->message(peer, data, len, now_ns);
		return;
	}
	bench_address4(path.remote, BENCH_RELAY4);
	bench_address4(path.local, address);
	wg_tunnel_input(peer->tunnel, &path, data, len, now_ns);
}

static uint32_t arrived_at(const struct msghdr *message)
{
	struct in_pktinfo info;
	struct cmsghdr *control = CMSG_FIRSTHDR(message);

	if (!control || control->cmsg_type != IP_PKTINFO)
		return 0;
	memcpy(&info, CMSG_DATA(control), sizeof(info));
	return ntohl(info.ipi_addr.s_addr);
}

/* How many came. */
static int receive(struct crowd *crowd, struct site *site)
{
	static uint8_t data[BATCH][2048];
	static char controls[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct mmsghdr messages[BATCH];
	struct iovec vecs[BATCH];
	uint64_t now;
	int count;

	for (int i = 0; i < BATCH; i++) {
		vecs[i] = (struct iovec){data[i], sizeof(data[i])};
		messages[i].msg_hdr = (struct msghdr){
			.msg_iov = &vecs[i],
			.msg_iovlen = 1,
			.msg_control = controls[i],
			.msg_controllen = sizeof(controls[i]),
		};
	}
	count = recvmmsg(site->fd, messages, BATCH, MSG_DONTWAIT, NULL);
	now = bench_now_ns();
	for (int i = 0; i < count; i++) {
		uint32_t address = arrived_at(&messages[i].msg_hdr);

		if (site->delay_ns)
			delay(&site->in, now + site->delay_ns, address, data[i],
			      messages[i].msg_len);
		else
			dispatch(crowd, site, address, data[i],
				 messages[i].msg_len, now);
	}
	return count;
}

static void let_through(struct crowd *crowd, struct site *site, uint64_t now_ns)
{
	struct delayed *packet;

	if (!site->delay_ns)
		return;
	while ((packet = delay_due(&site->out, now_ns)))
		transmit(site, packet->address, packet->data, packet->len);
	while ((packet = delay_due(&site->in, now_ns)))
		dispatch(crowd, site, packet->address, packet->data,
			 packet->len, now_ns);
}

struct site *crowd_site(struct crowd *crowd, const char *netns, uint16_t port,
			uint64_t delay_ns)
{
	struct site *site = &crowd->sites[crowd->site_count++];
	struct sockaddr_in any = {.sin_family = AF_INET,
				  .sin_port = htons(port)};
	char path[64];
	int ns, on = 1, size = 16 << 20;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET))
		bench_die("%s: %s: start selftests/bench/run", path,
			  strerror(errno));
	close(ns);
	site->port = port;
	site->delay_ns = delay_ns;
	site->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (site->fd < 0 || bind(site->fd, (void *)&any, sizeof(any)) ||
	    setsockopt(site->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)))
		bench_die("socket: %s", strerror(errno));
	setsockopt(site->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(site->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (!delay_ns)
		return site;
	site->out.packets = calloc(SITE_QUEUE, sizeof(struct delayed));
	site->in.packets = calloc(SITE_QUEUE, sizeof(struct delayed));
	if (!site->out.packets || !site->in.packets)
		bench_die("out of memory");
	return site;
}

/* ---- tunnels to the relay ---- */

static void tunnel_send(void *ctx, const struct wg_path *path, const void *data,
			size_t len)
{
	(void)path; /* there is one relay, and the peer knows where it is */
	crowd_send(ctx, data, len);
}

static struct wg_peer *tunnel_stranger(void *ctx, const struct wg_key *key,
				       const struct wg_path *path)
{
	(void)ctx, (void)key, (void)path;
	return NULL;
}

static void tunnel_proven(void *ctx, struct wg_peer *relay,
			  const struct wg_path *path, bool moved, bool answered)
{
	(void)ctx, (void)relay, (void)path, (void)moved, (void)answered;
}

static void tunnel_deliver(void *ctx, struct wg_peer *relay, const void *data,
			   size_t len)
{
	struct peer *peer = ctx;
	struct relay_inner inner;

	(void)relay;
	if (peer->friend && !relay_inner_parse(&inner, data, len))
		list_client_take(&peer->list, inner.payload, inner.payload_len);
}

static void tunnel_gave_up(void *ctx, struct wg_peer *relay)
{
	(void)ctx, (void)relay;
}

static const struct wg_tunnel_ops tunnel_ops = {
	.send = tunnel_send,
	.stranger = tunnel_stranger,
	.proven = tunnel_proven,
	.deliver = tunnel_deliver,
	.gave_up = tunnel_gave_up,
};

void crowd_init(struct crowd *crowd, const char *relay_key, size_t peers,
		crowd_message_fn message)
{
	memset(crowd, 0, sizeof(*crowd));
	if (wg_key_parse(&crowd->relay_key, relay_key))
		bench_die("%s is no public key", relay_key);
	crowd->peers = calloc(peers, sizeof(*crowd->peers));
	if (!crowd->peers)
		bench_die("out of memory");
	crowd->peer_max = peers;
	crowd->message = message;
}

struct peer *crowd_peer(struct crowd *crowd, struct site *site,
			uint32_t address)
{
	struct wg_tunnel_settings settings = {.max_peers = 1,
					      .wall_ns = wall_ns};
	struct peer *peer;

	if (crowd->peer_count == crowd->peer_max)
		bench_die("more than %zu peers", crowd->peer_max);
	peer = &crowd->peers[crowd->peer_count++];
	peer->site = site;
	peer->address = address;
	wg_key_generate_private(&peer->key);
	settings.private_key = peer->key;
	if (wg_key_public(&peer->public_key, &peer->key) ||
	    wg_tunnel_new(&peer->tunnel, &settings, &tunnel_ops, peer))
		bench_die("no tunnel");
	wg_mac1_key(&peer->mac1, &peer->public_key);
	peer->relay =
		wg_peer_add(peer->tunnel, &crowd->relay_key, NULL, 25, NULL);
	if (!peer->relay)
		bench_die("the relay is no peer: %s", strerror(errno));
	return peer;
}

static void list_start(struct peer *peer)
{
	uint64_t nonce;

	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce) ||
	    list_client_init(&peer->list, &peer->friend->public_key, 1,
			     wall_ns() / 1000000, nonce))
		bench_die("no list");
}

static void list_work(struct peer *peer, uint64_t now_ns)
{
	uint8_t message[RELAY_CONTROL_MAX], packet[RELAY_CONTROL_MAX + 48];
	struct relay_inner inner = {.source_port = 40000,
				    .dest_port = RELAY_CONTROL_PORT,
				    .payload = message};
	ssize_t len;

	bench_address4(inner.source, peer->address);
	bench_address4(inner.dest, 0x0a7800fe); /* 10.120.0.254 */
	while ((len = list_client_next(&peer->list, now_ns, message,
				       sizeof(message))) > 0) {
		inner.payload_len = len;
		len = relay_inner_build(packet, sizeof(packet), &inner);
		if (len < 0 || wg_peer_send(peer->relay, packet, len, now_ns))
			return;
	}
	if (peer->list.state == LIST_CLIENT_DONE)
		peer->listed = true;
	else if (peer->list.state != LIST_CLIENT_BUSY)
		bench_die("the relay did not take a list (state %d)",
			  peer->list.state);
}

static bool has_keypair(const struct peer *peer)
{
	struct wg_peer_stats stats;

	wg_peer_stats(peer->relay, &stats);
	return stats.has_keypair;
}

static void initiate(struct peer *peer)
{
	struct wg_path path = {.remote_port = BENCH_PORT,
			       .local_port = peer->site->port};

	bench_address4(path.remote, BENCH_RELAY4);
	bench_address4(path.local, peer->address);
	if (wg_peer_initiate(peer->relay, &path, true, bench_now_ns()))
		bench_die("no handshake");
}

/* A peer is ready when it has proven itself with an authentic packet. */
static bool ready(struct peer *peer, uint64_t now_ns)
{
	if (peer->listed)
		return true;
	if (!has_keypair(peer))
		return false;
	if (!peer->friend) {
		/* An inner packet that nobody understands is proof enough. */
		uint8_t packet[32] = {0};

		peer->listed = !wg_peer_send(peer->relay, packet,
					     sizeof(packet), now_ns);
		return peer->listed;
	}
	if (!peer->list.chunk && peer->list.state == LIST_CLIENT_BUSY)
		list_start(peer);
	list_work(peer, now_ns);
	return peer->listed;
}

void crowd_connect(struct crowd *crowd)
{
	uint64_t deadline = bench_now_ns() + CONNECT_NS;
	size_t waiting = crowd->peer_count;

	for (size_t i = 0; i < crowd->peer_count; i++) {
		initiate(&crowd->peers[i]);
		if (i % 16 == 15)
			crowd_work(crowd, 20000000); /* below the load limit */
	}
	/* Who lists a peer that has not come yet would have to wait. */
	while (waiting && bench_now_ns() < deadline) {
		crowd_work(crowd, 1000000);
		waiting = 0;
		for (size_t i = 0; i < crowd->peer_count; i++)
			waiting += !ready(&crowd->peers[i], bench_now_ns());
	}
	if (waiting)
		bench_die("%zu of %zu peers did not get through to the relay",
			  waiting, crowd->peer_count);
}

static void tick(struct crowd *crowd, uint64_t now_ns)
{
	if (now_ns - crowd->ticked_ns < TICK_NS)
		return;
	crowd->ticked_ns = now_ns;
	for (size_t i = 0; i < crowd->peer_count; i++)
		wg_tunnel_tick(crowd->peers[i].tunnel, now_ns);
}

static bool work_once(struct crowd *crowd)
{
	bool busy = false;

	for (size_t i = 0; i < crowd->site_count; i++) {
		busy |= receive(crowd, &crowd->sites[i]) > 0;
		let_through(crowd, &crowd->sites[i], bench_now_ns());
	}
	tick(crowd, bench_now_ns());
	return busy;
}

void crowd_work(struct crowd *crowd, uint64_t wait_ns)
{
	uint64_t deadline = bench_now_ns() + wait_ns, now;
	struct pollfd fds[SITES_MAX];

	for (size_t i = 0; i < crowd->site_count; i++)
		fds[i] = (struct pollfd){crowd->sites[i].fd, POLLIN, 0};
	while (!work_once(crowd) && (now = bench_now_ns()) < deadline) {
		uint64_t rest = deadline - now;
		/* A delay line needs its packets sent on time. */
		uint64_t step = rest < 50000 ? rest : 50000;

		ppoll(fds, crowd->site_count,
		      &(struct timespec){.tv_nsec = step}, NULL);
	}
}
