// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a relay in user space can do at best: one thread, one UDP socket,
 * recvmmsg, a look at the type and the receiver index, one lookup, the source
 * check, sendmmsg. No encryption, no locks, no timers.
 *
 *	userspace_relay LOCAL PORT SOURCE SOURCE-PORT INDEX DEST DEST-PORT
 *
 * forwards data messages with that index from SOURCE to DEST until it is killed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <sluice/wire.h>

#define BATCH 64
#define PACKET_MAX 2048
#define SOCKET_BUFFER (16 << 20)
#define SLOTS 65536 /* as many as a small relay would have, a power of two */

struct slot {
	uint32_t index;
	struct sockaddr_in from, to;
};

static struct slot table[SLOTS];
static uint8_t packets[BATCH][PACKET_MAX];
static struct sockaddr_in sources[BATCH];
static struct iovec in_vec[BATCH], out_vec[BATCH];
static struct mmsghdr in[BATCH], out[BATCH];

static struct slot *slot_of(uint32_t index)
{
	return &table[(index * 0x9e3779b1U) >> 16];
}

static struct sockaddr_in address(const char *text, const char *port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_port = htons(atoi(port))};

	if (inet_pton(AF_INET, text, &sin.sin_addr) != 1) {
		fprintf(stderr, "%s is no IPv4 address\n", text);
		exit(1);
	}
	return sin;
}

static int open_socket(const struct sockaddr_in *local)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int size = SOCKET_BUFFER;

	if (fd < 0 || bind(fd, (const void *)local, sizeof(*local))) {
		perror("socket");
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return fd;
}

static void prepare(void)
{
	for (int i = 0; i < BATCH; i++) {
		in_vec[i] = (struct iovec){packets[i], PACKET_MAX};
		in[i].msg_hdr = (struct msghdr){.msg_iov = &in_vec[i],
						.msg_iovlen = 1,
						.msg_name = &sources[i]};
		out[i].msg_hdr = (struct msghdr){.msg_iov = &out_vec[i],
						 .msg_iovlen = 1};
	}
}

/* The slot that a packet may pass by, or NULL. */
static struct slot *admit(const struct mmsghdr *message)
{
	const struct sockaddr_in *source = message->msg_hdr.msg_name;
	struct wg_data data;
	struct slot *slot;

	if (message->msg_len < WG_DATA_MIN_LEN)
		return NULL;
	memcpy(&data, message->msg_hdr.msg_iov->iov_base, sizeof(data));
	slot = slot_of(data.receiver);
	if (data.header.type != WG_DATA || slot->index != data.receiver ||
	    slot->from.sin_addr.s_addr != source->sin_addr.s_addr ||
	    slot->from.sin_port != source->sin_port)
		return NULL;
	return slot;
}

static void forward(int fd, int received)
{
	int wanted = 0, sent;

	for (int i = 0; i < received; i++) {
		struct slot *slot = admit(&in[i]);

		if (!slot)
			continue;
		out_vec[wanted] = (struct iovec){packets[i], in[i].msg_len};
		out[wanted].msg_hdr.msg_name = &slot->to;
		out[wanted++].msg_hdr.msg_namelen = sizeof(slot->to);
	}
	for (int done = 0; done < wanted; done += sent) {
		sent = sendmmsg(fd, out + done, wanted - done, 0);
		if (sent <= 0)
			return;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in local;
	struct slot slot = {};
	int fd;

	if (argc != 8) {
		fprintf(stderr,
			"usage: %s LOCAL PORT SOURCE SOURCE-PORT INDEX DEST DEST-PORT\n",
			argv[0]);
		return 1;
	}
	local = address(argv[1], argv[2]);
	slot.from = address(argv[3], argv[4]);
	slot.index = strtoul(argv[5], NULL, 0);
	slot.to = address(argv[6], argv[7]);
	*slot_of(slot.index) = slot;
	fd = open_socket(&local);
	prepare();
	for (;;) {
		int received;

		for (int i = 0; i < BATCH; i++)
			in[i].msg_hdr.msg_namelen = sizeof(sources[i]);
		received = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL);
		if (received < 0 && errno != EINTR) {
			perror("recvmmsg");
			return 1;
		}
		forward(fd, received);
	}
}
