/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends what an attacker would, over a raw IPv4 socket, with any source:
 *
 *	forge [-o] [-s ADDRESS:PORT] [-n COUNT] [-r PER-SECOND] ADDRESS:PORT WHAT
 *
 *	data INDEX LENGTH          type 4 with a receiver index (hex)
 *	initiation KEY [SENDER]    type 1, random, mac1 for a public key
 *	response KEY RECEIVER [SENDER]
 *	                           type 2, random, mac1 for a public key
 *	cookie RECEIVER            type 3, random
 *	shape TYPE LENGTH RESERVED any type, length and bytes 1 to 3 (hex)
 *	file PATH TYPE [LAST]      the payload of a captured datagram of a type
 *	                           (pcap, Ethernet, IPv4), the first or the last
 *
 * -n 0 sends until it is ended. -o: with an IP option, one that does nothing.
 * Prints how many it sent.
 */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <blake2.h>

#include "wg/mac.h"

struct datagram {
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[2048];
} __attribute__((packed));

static volatile sig_atomic_t ended;

static void end(int signal_number)
{
	(void)signal_number;
	ended = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "forge: %s\n", what);
	exit(2);
}

static struct sockaddr_in endpoint(const char *text)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	char host[64];
	char *colon;

	snprintf(host, sizeof(host), "%s", text);
	colon = strrchr(host, ':');
	if (!colon)
		die("an endpoint is ADDRESS:PORT");
	*colon = 0;
	to.sin_port = htons(atoi(colon + 1));
	if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
		die("not an IPv4 address");
	return to;
}

static uint32_t sum(const void *data, size_t len, uint32_t start)
{
	const uint8_t *p = data;

	for (; len > 1; len -= 2, p += 2)
		start += p[0] << 8 | p[1];
	return len ? start + (p[0] << 8) : start;
}

static uint16_t fold(uint32_t value)
{
	while (value >> 16)
		value = (value & 0xffff) + (value >> 16);
	return htons(~value);
}

static size_t finish(struct datagram *d, const struct sockaddr_in *from,
		     const struct sockaddr_in *to, size_t len)
{
	uint32_t pseudo;

	d->ip = (struct iphdr){.version = 4,
			       .ihl = 5,
			       .ttl = 64,
			       .protocol = IPPROTO_UDP,
			       .saddr = from->sin_addr.s_addr,
			       .daddr = to->sin_addr.s_addr,
			       .tot_len = htons(28 + len)};
	d->udp = (struct udphdr){.source = from->sin_port,
				 .dest = to->sin_port,
				 .len = htons(8 + len)};
	pseudo = sum(&d->ip.saddr, 8, IPPROTO_UDP + 8 + len);
	d->udp.check = fold(sum(&d->udp, 8 + len, pseudo));
	return 28 + len;
}

/* Four bytes of IPOPT_NOOP between the IP header and the rest. */
static size_t add_options(struct datagram *d, size_t len)
{
	uint8_t *options = (uint8_t *)&d->udp;

	memmove(options + 4, options, len - sizeof(d->ip));
	memset(options, 1, 4);
	d->ip.ihl++;
	d->ip.tot_len = htons(len + 4);
	return len + 4;
}

static void put32(uint8_t *to, const char *hex)
{
	uint32_t value = strtoul(hex, NULL, 16);

	for (int i = 0; i < 4; i++)
		to[i] = value >> (8 * i);
}

static void add_mac1(uint8_t *message, size_t len, const char *text)
{
	struct wg_mac1_key mac1;
	struct wg_key key;

	if (wg_key_parse(&key, text))
		die("not a key");
	wg_mac1_key(&mac1, &key);
	blake2s(message + len - 32, message, mac1.bytes, 16, len - 32, 32);
	memset(message + len - 16, 0, 16);
}

static size_t from_pcap(uint8_t *payload, const char *path, int type, bool last)
{
	uint8_t frame[4096];
	uint32_t header[4];
	FILE *file = fopen(path, "rb");
	size_t found = 0;

	if (!file || fseek(file, 24, SEEK_SET))
		die("no such capture");
	while (fread(header, sizeof(header), 1, file) == 1 &&
	       header[2] <= sizeof(frame) && fread(frame, 1, header[2], file)) {
		if (header[2] < 46 || frame[12] != 8 || frame[13] != 0 ||
		    frame[42] != type || (found && !last))
			continue;
		found = (frame[38] << 8 | frame[39]) - 8;
		memcpy(payload, frame + 42, found);
	}
	fclose(file);
	if (!found)
		die("no datagram of that type in the capture");
	return found;
}

/* One message of the kind that argv names; its length. */
static size_t message(uint8_t *out, int argc, char **argv)
{
	const char *kind = argv[0];
	size_t len;

	if (getrandom(out, 2048, 0) != 2048)
		die("no random bytes");
	memset(out + 1, 0, 3);
	if (!strcmp(kind, "data") && argc == 3) {
		out[0] = WG_DATA;
		put32(out + 4, argv[1]);
		return atoi(argv[2]);
	}
	if (!strcmp(kind, "initiation") && (argc == 2 || argc == 3)) {
		out[0] = WG_INITIATION;
		if (argc == 3)
			put32(out + 4, argv[2]);
		add_mac1(out, WG_INITIATION_LEN, argv[1]);
		return WG_INITIATION_LEN;
	}
	if (!strcmp(kind, "response") && (argc == 3 || argc == 4)) {
		out[0] = WG_RESPONSE;
		if (argc == 4)
			put32(out + 4, argv[3]);
		put32(out + 8, argv[2]);
		add_mac1(out, WG_RESPONSE_LEN, argv[1]);
		return WG_RESPONSE_LEN;
	}
	if (!strcmp(kind, "cookie") && argc == 2) {
		out[0] = WG_COOKIE;
		put32(out + 4, argv[1]);
		return WG_COOKIE_LEN;
	}
	if (!strcmp(kind, "shape") && argc == 4) {
		out[0] = atoi(argv[1]);
		len = atoi(argv[2]);
		out[1] = strtoul(argv[3], NULL, 16);
		return len;
	}
	if (!strcmp(kind, "file") && argc >= 3)
		return from_pcap(out, argv[1], atoi(argv[2]), argc > 3);
	die("data, initiation, response, cookie, shape or file");
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in from = {.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				   .sin_port = htons(40000)},
			   to;
	unsigned long count = 1, rate = 0, sent;
	struct datagram d;
	struct timespec pause;
	bool options = false;
	int fd, opt;

	while ((opt = getopt(argc, argv, "+os:n:r:")) != -1) {
		if (opt == 'o')
			options = true;
		else if (opt == 's')
			from = endpoint(optarg);
		else if (opt == 'n')
			count = strtoul(optarg, NULL, 10);
		else if (opt == 'r')
			rate = strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (argc - optind < 2)
		die("who and what?");
	to = endpoint(argv[optind]);
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (fd < 0)
		die("a raw socket needs root");
	signal(SIGTERM, end);
	signal(SIGINT, end);
	pause = (struct timespec){.tv_nsec = rate ? 1000000000 / rate : 0};
	for (sent = 0; !ended && (!count || sent < count); sent++) {
		size_t len = message(d.payload, argc - optind - 1,
				     argv + optind + 1);

		len = finish(&d, &from, &to, len);
		if (options)
			len = add_options(&d, len);
		if (sendto(fd, &d, len, 0, (struct sockaddr *)&to, sizeof(to)) <
		    0)
			perror("forge");
		if (rate)
			nanosleep(&pause, NULL);
	}
	printf("%lu\n", sent);
	return 0;
}
