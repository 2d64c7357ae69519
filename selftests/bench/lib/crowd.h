/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many WireGuard peers in one process: each has its own key, its own address and
 * a real tunnel to the relay (agent/wg), through which it publishes whom it
 * wants to reach. What two peers send each other is made up: a relay can not
 * look into it, only the shape, the indices and mac1 are right.
 */
#ifndef SLUICE_BENCH_CROWD_H
#define SLUICE_BENCH_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/list_client.h"
#include "wg/hash.h"
#include "wg/mac.h"
#include "wg/tunnel.h"

#define SITES_MAX 4
#define SITE_QUEUE 1024

struct delayed {
	uint64_t due_ns;
	uint32_t address;
	uint16_t len;
	uint8_t data[512];
};

/* First in, first out: every packet waits for as long. */
struct delay_line {
	struct delayed *packets; /* SITE_QUEUE, NULL: no delay */
	size_t head, tail;
};

/* A namespace and a port: one socket for all addresses of its peers. */
struct site {
	int fd;
	uint16_t port;
	uint64_t delay_ns; /* each way */
	struct delay_line out, in;
};

struct peer {
	struct site *site;
	uint32_t address; /* host order */
	struct wg_key key, public_key;
	struct wg_mac1_key mac1;
	struct wg_tunnel *tunnel;
	struct wg_peer *relay;
	struct peer *friend; /* whom it lists; NULL: nobody */
	struct list_client list;
	bool listed; /* the relay has the list in force */
};

/* A made-up message arrived: type 1, 2 or 4. */
typedef void (*crowd_message_fn)(struct peer *peer, const void *data,
				 size_t len, uint64_t now_ns);

struct crowd {
	struct wg_key relay_key;
	struct site sites[SITES_MAX];
	size_t site_count;
	struct peer *peers;
	size_t peer_count, peer_max;
	crowd_message_fn message;
	uint64_t ticked_ns;
};

/* All of these end the program with a message where something fails. */
void crowd_init(struct crowd *crowd, const char *relay_key, size_t peers,
		crowd_message_fn message);
struct site *crowd_site(struct crowd *crowd, const char *netns, uint16_t port,
			uint64_t delay_ns);
struct peer *crowd_peer(struct crowd *crowd, struct site *site,
			uint32_t address);

/* Handshake with the relay, then the lists; returns when all are in force. */
void crowd_connect(struct crowd *crowd);

/* Receives, answers and sends what is due, for at most that long, waiting only
 * while there is nothing. */
void crowd_work(struct crowd *crowd, uint64_t wait_ns);

void crowd_send(struct peer *peer, const void *data, size_t len);

/* Made-up messages. `tag` is the caller's and comes back in crowd_tag. */
void crowd_initiation(struct wg_initiation *message, const struct peer *to,
		      uint32_t sender, uint64_t tag);
void crowd_response(struct wg_response *message, const struct peer *to,
		    uint32_t sender, uint32_t receiver, uint64_t tag);
#define CROWD_DATA_LEN 112
void crowd_data(void *message, uint32_t receiver, uint64_t tag);
uint64_t crowd_tag(const void *message);

#endif
