// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A wg_tunnel on a UDP socket, to be held against real WireGuard: one peer,
 * inner address 10.9.0.2, answers pings, sends pings to 10.9.0.1. Commands come
 * by standard input, what happens goes out line by line.
 *
 *	interop KEY-FILE PEER-KEY PSK-FILE|- PORT [LOAD-LIMIT]
 *
 *	initiate PORT	a handshake to 127.0.0.1:PORT, until it is answered
 *	ping LEN	an echo request with LEN bytes of data, through the tunnel
 *	port PORT	go on from another source port
 *	flood on|off	forged initiations with a good mac1, to ourselves
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "wg/hash.h"
#include "wg/mac.h"
#include "wg/tunnel.h"

#define OUR_INNER 0x0a090002
#define THEIR_INNER 0x0a090001

struct interop {
	int fd;
	uint16_t port;
	struct wg_tunnel *tunnel;
	struct wg_peer *peer;
	uint16_t sequence;
	bool flooding;
	uint64_t flooded_ns;
};

#define FLOOD_EVERY_NS UINT64_C(100000000)

static void die(const char *what)
{
	fprintf(stderr, "interop: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

static uint64_t wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static int open_socket(uint16_t port)
{
	struct sockaddr_in local = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof(local)))
		die("bind");
	return fd;
}

static struct wg_path path_to(const struct interop *interop,
			      uint32_t address_be, uint16_t port)
{
	struct wg_path path = {.remote_port = port,
			       .local_port = interop->port};

	path.remote[10] = path.remote[11] = 0xff;
	memcpy(path.remote + 12, &address_be, 4);
	return path;
}

static void on_send(void *ctx, const struct wg_path *path, const void *data,
		    size_t len)
{
	struct interop *interop = ctx;
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(path->remote_port)};

	memcpy(&to.sin_addr, path->remote + 12, 4);
	/* A refused port is reported by the next call: loss is allowed. */
	sendto(interop->fd, data, len, 0, (struct sockaddr *)&to, sizeof(to));
	printf("sent type %d\n", *(const uint8_t *)data);
}

static void on_proven(void *ctx, struct wg_peer *peer,
		      const struct wg_path *path, bool moved, bool answered)
{
	(void)ctx;
	(void)peer;
	(void)answered;
	if (moved)
		printf("moved to port %u\n", path->remote_port);
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

struct echo {
	struct iphdr ip;
	struct icmphdr icmp;
	uint8_t data[1500];
};

static void send_echo(struct interop *interop, struct echo *echo,
		      size_t data_len, int type)
{
	size_t icmp_len = sizeof(echo->icmp) + data_len;

	echo->ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = IPPROTO_ICMP,
		.tot_len = htons(sizeof(echo->ip) + icmp_len),
		.saddr = htonl(OUR_INNER),
		.daddr = htonl(THEIR_INNER),
	};
	echo->ip.check = checksum(&echo->ip, sizeof(echo->ip));
	echo->icmp.type = type;
	echo->icmp.checksum = 0;
	echo->icmp.checksum = checksum(&echo->icmp, icmp_len);
	printf("echo %s: %d\n", type == ICMP_ECHO ? "request" : "reply",
	       wg_peer_send(interop->peer, echo, sizeof(echo->ip) + icmp_len,
			    now_ns()));
}

static void on_deliver(void *ctx, struct wg_peer *peer, const void *data,
		       size_t len)
{
	struct echo echo;
	size_t total;

	(void)peer;
	if (len < sizeof(echo.ip) + sizeof(echo.icmp) || len > sizeof(echo))
		return;
	memcpy(&echo, data, len);
	total = ntohs(echo.ip.tot_len);
	if (echo.ip.protocol != IPPROTO_ICMP || echo.ip.ihl != 5 ||
	    total > len || total < sizeof(echo.ip) + sizeof(echo.icmp))
		return;
	if (checksum(&echo.icmp, total - sizeof(echo.ip)))
		printf("bad checksum\n");
	else if (echo.icmp.type == ICMP_ECHOREPLY)
		printf("got reply %u\n", ntohs(echo.icmp.un.echo.sequence));
	else if (echo.icmp.type == ICMP_ECHO)
		send_echo(ctx, &echo,
			  total - sizeof(echo.ip) - sizeof(echo.icmp),
			  ICMP_ECHOREPLY);
}

static void on_gave_up(void *ctx, struct wg_peer *peer)
{
	(void)ctx;
	(void)peer;
	printf("gave up\n");
}

/* Enough for a load limit of some a second, not for a full socket. */
static void flood(struct interop *interop)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(interop->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct wg_initiation message;
	struct wg_mac1_key key;
	int fd;

	if (now_ns() - interop->flooded_ns < FLOOD_EVERY_NS)
		return;
	interop->flooded_ns = now_ns();
	fd = open_socket(0);
	wg_mac1_key(&key, wg_tunnel_public_key(interop->tunnel));
	for (int i = 0; i < 5; i++) {
		randombytes_buf(&message, sizeof(message));
		message.header = (struct wg_header){.type = WG_INITIATION};
		wg_mac(message.macs.mac1, key.bytes, sizeof(key.bytes),
		       &message, offsetof(struct wg_initiation, macs));
		sendto(fd, &message, sizeof(message), 0, (struct sockaddr *)&to,
		       sizeof(to));
	}
	close(fd);
}

static void command(struct interop *interop, char *line)
{
	struct echo echo = {.icmp.un.echo.id = htons(7)};
	unsigned int number = 0;
	struct wg_path path;
	char word[16] = "";

	sscanf(line, "%15s %u", word, &number);
	if (!strcmp(word, "initiate")) {
		path = path_to(interop, htonl(INADDR_LOOPBACK), number);
		printf("initiate: %d\n",
		       wg_peer_initiate(interop->peer, &path, true, now_ns()));
	} else if (!strcmp(word, "ping") && number <= sizeof(echo.data)) {
		echo.icmp.un.echo.sequence = htons(++interop->sequence);
		memset(echo.data, 0x5a, number);
		send_echo(interop, &echo, number, ICMP_ECHO);
	} else if (!strcmp(word, "port")) {
		close(interop->fd);
		interop->fd = open_socket(number);
		interop->port = number;
	} else if (!strcmp(word, "flood")) {
		interop->flooding = strstr(line, "on");
	} else {
		fprintf(stderr, "interop: no such command: %s\n", line);
	}
}

static void receive(struct interop *interop)
{
	static const char *const verdicts[WG_VERDICT_COUNT] = {
		"ok",	       "not ours",	"malformed",
		"cookie sent", "bad handshake", "refused",
		"replayed",    "too soon",	"bad data",
	};
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint8_t data[2048];
	ssize_t len = recvfrom(interop->fd, data, sizeof(data), 0,
			       (struct sockaddr *)&from, &from_len);
	struct wg_path path;
	enum wg_verdict verdict;

	if (len < 0)
		return;
	path = path_to(interop, from.sin_addr.s_addr, ntohs(from.sin_port));
	verdict = wg_tunnel_input(interop->tunnel, &path, data, len, now_ns());
	printf("type %d from port %u: %s\n", data[0], path.remote_port,
	       verdicts[verdict]);
}

static void run(struct interop *interop)
{
	char line[64];

	for (;;) {
		uint64_t due_ns = wg_tunnel_tick(interop->tunnel, now_ns());
		uint64_t left_ms = due_ns / 1000000 - now_ns() / 1000000;
		struct pollfd fds[] = {
			{.fd = interop->fd, .events = POLLIN},
			{.fd = STDIN_FILENO, .events = POLLIN},
		};

		fflush(stdout);
		if (interop->flooding)
			flood(interop);
		if (due_ns < now_ns())
			left_ms = 0;
		if (poll(fds, 2, left_ms < 50 ? (int)left_ms + 1 : 50) < 0)
			die("poll");
		if (fds[0].revents)
			receive(interop);
		if (fds[1].revents) {
			if (!fgets(line, sizeof(line), stdin))
				return;
			command(interop, line);
		}
	}
}

static void read_key(struct wg_key *key, const char *path)
{
	char text[WG_KEY_TEXT_LEN + 2] = "";
	FILE *file = fopen(path, "r");

	if (!file || !fgets(text, sizeof(text), file))
		die(path);
	fclose(file);
	text[WG_KEY_TEXT_LEN] = '\0';
	if (wg_key_parse(key, text)) {
		fprintf(stderr, "interop: %s holds no key\n", path);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static const struct wg_tunnel_ops ops = {
		.send = on_send,
		.proven = on_proven,
		.deliver = on_deliver,
		.gave_up = on_gave_up,
	};
	struct wg_tunnel_settings settings = {.max_peers = 1,
					      .wall_ns = wall_ns};
	struct interop interop = {0};
	struct wg_key peer_key, psk = {{0}};

	if (argc < 5 || wg_key_parse(&peer_key, argv[2])) {
		fprintf(stderr,
			"usage: interop KEY-FILE PEER-KEY PSK-FILE|- PORT [LOAD-LIMIT]\n");
		return 2;
	}
	read_key(&settings.private_key, argv[1]);
	if (strcmp(argv[3], "-"))
		read_key(&psk, argv[3]);
	if (argc > 5)
		settings.load_limit = atoi(argv[5]);
	interop.port = atoi(argv[4]);
	interop.fd = open_socket(interop.port);
	setvbuf(stdin, NULL, _IONBF, 0); /* poll sees all that is unread */
	if (wg_tunnel_new(&interop.tunnel, &settings, &ops, &interop))
		die("tunnel");
	interop.peer = wg_peer_add(interop.tunnel, &peer_key, &psk, 0, NULL);
	if (!interop.peer)
		die("peer");
	run(&interop);
	wg_tunnel_free(interop.tunnel);
	close(interop.fd);
	return 0;
}
