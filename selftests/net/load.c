/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flow that is counted packet by packet, outside the code under test:
 *
 *	load [-r PER-SECOND] [-n COUNT] FROM-NS SOURCE:PORT DEST:PORT INDEX TO-NS TO-IF
 *
 * From a peer's namespace numbered datagrams go out that the relay takes for
 * the data of one of the peer's sessions: type 4, a live receiver index (hex),
 * the peer's own address and port. A program on the other peer's device takes
 * them off and marks each number. Ends at SIGTERM or after COUNT, waits until
 * nothing arrives any more, and prints one JSON object:
 *
 *	sent, arrived, lost, twice, rate (a second), pause_ms (the longest between
 *	two arrivals), gaps [[first number lost, how many, ms after the start]]
 *
 * Exits 0 if nothing is lost and nothing came twice.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <net/load.skel.h>

#include "load.h"

#define BURST 32 /* a veth queues 256 */
#define TICK_NS 500000
#define GAPS_SHOWN 20

struct datagram {
	struct iphdr ip;
	struct udphdr udp;
	struct load_payload load;
} __attribute__((packed));

struct sender {
	int fd;
	struct sockaddr_in to;
	struct datagram datagrams[BURST];
	struct iovec iov[BURST];
	struct mmsghdr messages[BURST];
};

static volatile sig_atomic_t ended;

static void end(int signal_number)
{
	(void)signal_number;
	ended = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void enter(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die(path);
	close(fd);
}

static struct sockaddr_in endpoint(const char *text)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	char host[64], *colon;

	snprintf(host, sizeof(host), "%s", text);
	colon = strrchr(host, ':');
	if (colon)
		*colon = 0;
	if (!colon || inet_pton(AF_INET, host, &at.sin_addr) != 1) {
		errno = EINVAL;
		die(text);
	}
	at.sin_port = htons(atoi(colon + 1));
	return at;
}

/* The device as it stands: a load attaches once and stays. */
static struct load_bpf *open_sink(const char *ns, const char *device)
{
	struct load_bpf *bpf = load_bpf__open_and_load();
	struct bpf_link *link;

	if (!bpf)
		die("the counting program");
	enter(ns);
	link = bpf_program__attach_xdp(bpf->progs.sink, if_nametoindex(device));
	if (!link)
		die(device);
	return bpf;
}

/* Without a UDP checksum: IPv4 may do so, and the relay leaves it so. */
static void fill(struct datagram *d, const struct sockaddr_in *from,
		 const struct sockaddr_in *to, uint32_t index)
{
	*d = (struct datagram){
		.ip = {.version = 4,
		       .ihl = 5,
		       .ttl = 64,
		       .protocol = IPPROTO_UDP,
		       .saddr = from->sin_addr.s_addr,
		       .daddr = to->sin_addr.s_addr,
		       .tot_len = htons(sizeof(*d))},
		.udp = {.source = from->sin_port,
			.dest = to->sin_port,
			.len = htons(sizeof(*d) - sizeof(d->ip))},
		.load = {.type = 4, .magic = LOAD_MAGIC},
	};
	for (int i = 0; i < 4; i++)
		((uint8_t *)&d->load.index)[i] = index >> (8 * i);
}

static void open_sender(struct sender *sender, char **argv)
{
	struct sockaddr_in from = endpoint(argv[1]);

	sender->to = endpoint(argv[2]);
	enter(argv[0]);
	sender->fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (sender->fd < 0)
		die("a raw socket");
	for (int i = 0; i < BURST; i++) {
		fill(&sender->datagrams[i], &from, &sender->to,
		     strtoul(argv[3], NULL, 16));
		sender->iov[i] = (struct iovec){&sender->datagrams[i],
						sizeof(struct datagram)};
		sender->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &sender->to,
			.msg_namelen = sizeof(sender->to),
			.msg_iov = &sender->iov[i],
			.msg_iovlen = 1,
		};
	}
}

/* Sends that many and returns how many went out; what the host's own network
 * did not take (its device is down, say) was never sent. */
static uint32_t send_some(struct sender *sender, uint32_t number,
			  uint32_t count)
{
	int done;

	for (uint32_t i = 0; i < count; i++)
		sender->datagrams[i].load.number = number + i;
	done = sendmmsg(sender->fd, sender->messages, count, 0);
	return done > 0 ? done : 0;
}

static uint32_t run(struct sender *sender, unsigned long rate, uint32_t max)
{
	uint64_t start = now_ns();
	uint32_t sent = 0;

	while (!ended && sent < max) {
		struct timespec tick = {.tv_nsec = TICK_NS};
		uint64_t due = (now_ns() - start) * rate / 1000000000;
		uint32_t count = due > sent ? due - sent : 0;

		if (count > BURST)
			count = BURST;
		if (count > max - sent)
			count = max - sent;
		if (count)
			sent += send_some(sender, sent, count);
		if (sent + BURST > due || !count)
			nanosleep(&tick, NULL);
	}
	return sent;
}

/* Until nothing has come for a fifth of a second. */
static void settle(struct load_bpf *bpf)
{
	struct timespec pause = {.tv_nsec = 200000000};
	uint64_t before;

	do {
		before = bpf->bss->arrived;
		nanosleep(&pause, NULL);
	} while (bpf->bss->arrived != before);
}

static bool is_seen(const struct load_bpf *bpf, uint32_t number)
{
	return bpf->bss->seen[number / 64] >> number % 64 & 1;
}

static void print_gaps(const struct load_bpf *bpf, uint32_t sent,
		       double ns_each)
{
	uint32_t shown = 0;

	printf("\"gaps\": [");
	for (uint32_t n = 0; n < sent && shown < GAPS_SHOWN; n++) {
		uint32_t first = n;

		while (n < sent && !is_seen(bpf, n))
			n++;
		if (n > first)
			printf("%s[%u, %u, %.0f]", shown++ ? ", " : "", first,
			       n - first, first * ns_each / 1e6);
	}
	printf("]}\n");
}

static int report(const struct load_bpf *bpf, uint32_t sent, uint64_t took_ns)
{
	const struct load_bpf__bss *bss = bpf->bss;
	int64_t lost = (int64_t)sent - (int64_t)bss->arrived;

	printf("{\"sent\": %u, \"arrived\": %llu, \"lost\": %lld, "
	       "\"twice\": %llu, \"rate\": %.0f, \"pause_ms\": %.1f, ",
	       sent, (unsigned long long)bss->arrived, (long long)lost,
	       (unsigned long long)bss->twice, sent * 1e9 / took_ns,
	       bss->pause_ns / 1e6);
	print_gaps(bpf, sent, (double)took_ns / (sent ? sent : 1));
	return lost || bss->twice;
}

int main(int argc, char **argv)
{
	unsigned long rate = 1000;
	uint32_t max = LOAD_MAX, sent;
	struct sender sender = {0};
	struct load_bpf *bpf;
	uint64_t start;
	int opt;

	while ((opt = getopt(argc, argv, "+r:n:")) != -1) {
		if (opt == 'r')
			rate = strtoul(optarg, NULL, 10);
		else if (opt == 'n')
			max = strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (argc - optind != 6 || !rate || max > LOAD_MAX) {
		fprintf(stderr, "usage: load [-r RATE] [-n COUNT] FROM-NS "
				"SOURCE:PORT DEST:PORT INDEX TO-NS TO-IF\n");
		return 2;
	}
	argv += optind;
	signal(SIGTERM, end);
	signal(SIGINT, end);
	bpf = open_sink(argv[4], argv[5]);
	open_sender(&sender, argv);
	start = now_ns();
	sent = run(&sender, rate, max);
	start = now_ns() - start;
	settle(bpf);
	return report(bpf, sent, start);
}
