/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Publishes a consent list as `sluice hub sync` does, without a file:
 *	publish [-v VERSION] RELAY-INNER-ADDRESS [KEY...]
 * Exits 0 if the relay has the list in force.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "relay/list_client.h"

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int open_socket(const char *address)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(RELAY_CONTROL_PORT)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		perror(address);
		exit(2);
	}
	return fd;
}

static void run(struct list_client *client, int fd)
{
	uint8_t buf[RELAY_CONTROL_MAX];
	ssize_t len;

	for (;;) {
		uint64_t now = clock_ns(CLOCK_MONOTONIC), due;
		struct pollfd pfd = {.fd = fd, .events = POLLIN};

		while ((len = list_client_next(client, now, buf, sizeof(buf))) >
		       0)
			if (send(fd, buf, len, 0) < 0 && errno != ECONNREFUSED)
				perror("send");
		if (client->state != LIST_CLIENT_BUSY)
			return;
		due = list_client_due(client);
		poll(&pfd, 1, due > now ? (due - now) / 1000000 + 1 : 0);
		while ((len = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) >= 0)
			list_client_take(client, buf, len);
	}
}

int main(int argc, char **argv)
{
	static const char *const state[] = {"busy", "done", "stale", "refused",
					    "silent"};
	uint64_t version = clock_ns(CLOCK_REALTIME) / 1000000, nonce;
	struct list_client client;
	struct wg_key *keys;
	int opt, i;

	while ((opt = getopt(argc, argv, "v:")) == 'v')
		version = strtoull(optarg, NULL, 10);
	if (opt != -1 || optind >= argc)
		return 2;
	argv += optind + 1;
	argc -= optind + 1;
	keys = calloc(argc + 1, sizeof(*keys));
	for (i = 0; i < argc; i++) {
		if (wg_key_parse(&keys[i], argv[i])) {
			fprintf(stderr, "publish: not a key: %s\n", argv[i]);
			return 2;
		}
	}
	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce) ||
	    list_client_init(&client, keys, argc, version, nonce))
		return 2;
	run(&client, open_socket(argv[-1]));
	puts(state[client.state]);
	i = client.state != LIST_CLIENT_DONE;
	list_client_clear(&client);
	free(keys);
	return i;
}
