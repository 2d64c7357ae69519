/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The asking side of the list protocol (protocol.txt): a peer hands its list of
 * keys to the relay. Pure: it says which datagram to send and when to call
 * again, takes the answers, and ends in done or failed. The caller has the
 * socket (UDP, connected to the relay's inner address, RELAY_CONTROL_PORT) and
 * the clock:
 *
 *	for (;;) {
 *		while ((len = list_client_next(c, now, buf, sizeof(buf))) > 0)
 *			send(fd, buf, len, 0);
 *		if (c->state != LIST_CLIENT_BUSY)
 *			break;
 *		poll(&pfd, 1, ms until list_client_due(c));
 *		while ((len = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) >= 0)
 *			list_client_take(c, buf, len);
 *	}
 *
 * Time is any monotonic clock in nanoseconds.
 */
#ifndef SLUICE_RELAY_LIST_CLIENT_H
#define SLUICE_RELAY_LIST_CLIENT_H

#include <sys/types.h>

#include "relay/protocol.h"

#define LIST_CLIENT_TRIES 5 /* of one chunk, 1 s apart, then 2, 4, 8 s */
#define LIST_CLIENT_WINDOW 16 /* chunks on their way at once */

enum list_client_state {
	LIST_CLIENT_BUSY,
	LIST_CLIENT_DONE, /* the relay has exactly this list in force */
	LIST_CLIENT_STALE, /* the relay has another, `relay_version`, not older */
	LIST_CLIENT_REFUSED, /* the relay does not take it: too long or not allowed */
	LIST_CLIENT_SILENT, /* no answer to five tries of a chunk */
};

struct list_client_chunk {
	uint64_t sent_ns; /* of the last try */
	uint8_t tries;
	bool acked;
};

struct list_client {
	enum list_client_state state;
	uint64_t relay_version; /* STALE: what the relay said it has */
	uint64_t version;
	uint64_t nonce;
	const struct wg_key *keys; /* the caller's, until clear */
	size_t key_count;
	uint16_t chunks, acked;
	struct list_client_chunk *chunk; /* owned */
};

/*
 * version: wall clock in milliseconds when the list was written, so it grows
 * with every change and a repeated sync of the same list has the same one;
 * nonce: random, to tell this run's answers from an older run's. No key twice.
 * count 0 is the empty list: nobody. 0, -E2BIG over RELAY_LIST_MAX, -ENOMEM.
 */
int list_client_init(struct list_client *client, const struct wg_key *keys,
		     size_t count, uint64_t version, uint64_t nonce);
void list_client_clear(struct list_client *client);

/* The next datagram that is due now, its length; 0 if none is (see due). A
 * chunk that has had its tries ends the run as SILENT. buf holds
 * RELAY_CONTROL_MAX bytes. -EMSGSIZE if it does not. */
ssize_t list_client_next(struct list_client *client, uint64_t now_ns, void *buf,
			 size_t size);
/* When next() has something again; UINT64_MAX when the run has ended. */
uint64_t list_client_due(const struct list_client *client);
/* A datagram that came. 0, or -EBADMSG if it is not an answer to this run. */
int list_client_take(struct list_client *client, const void *data, size_t len);

#endif
