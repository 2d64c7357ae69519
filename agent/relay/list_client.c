// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A window of chunks on their way, each with its own retransmissions. The relay
 * may forget what it has put together so far (a restart): then every chunk is
 * acknowledged and none as the last one, and a new pass starts. The tries of a
 * chunk count over all passes, so a run always ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/list_client.h"

#define SECOND_NS UINT64_C(1000000000)

int list_client_init(struct list_client *client, const struct wg_key *keys,
		     size_t count, uint64_t version, uint64_t nonce)
{
	size_t chunks = (count + RELAY_CHUNK_KEYS - 1) / RELAY_CHUNK_KEYS;
	struct list_client_chunk *chunk;

	if (count > RELAY_LIST_MAX)
		return -E2BIG;
	if (!chunks)
		chunks = 1; /* the empty list is one empty chunk */
	chunk = calloc(chunks, sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;
	*client = (struct list_client){
		.state = LIST_CLIENT_BUSY,
		.version = version,
		.nonce = nonce,
		.keys = keys,
		.key_count = count,
		.chunks = (uint16_t)chunks,
		.chunk = chunk,
	};
	return 0;
}

void list_client_clear(struct list_client *client)
{
	free(client->chunk);
	memset(client, 0, sizeof(*client));
}

/* When the answer to the last try is given up: 1, 2, 4, 8, 16 s after it. */
static uint64_t deadline(const struct list_client_chunk *chunk)
{
	return chunk->sent_ns + (SECOND_NS << (chunk->tries - 1));
}

static unsigned int on_their_way(const struct list_client *client)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < client->chunks; i++)
		count += client->chunk[i].tries && !client->chunk[i].acked;
	return count;
}

static int build(const struct list_client *client, unsigned int number,
		 void *buf, size_t size)
{
	size_t first = (size_t)number * RELAY_CHUNK_KEYS;
	size_t count = client->key_count - first;
	struct relay_message message = {
		.kind = RELAY_LIST_CHUNK,
		.version = client->version,
		.chunk = (uint16_t)number,
		.chunks = client->chunks,
		.nonce = client->nonce,
	};

	if (count > RELAY_CHUNK_KEYS)
		count = RELAY_CHUNK_KEYS;
	message.key_count = (uint16_t)count;
	if (count)
		memcpy(message.keys, client->keys + first,
		       count * sizeof(*client->keys));
	return relay_message_build(buf, size, &message);
}

/* True if the chunk may be sent now; ends the run when it had its tries. */
static bool due_now(struct list_client *client, struct list_client_chunk *chunk,
		    bool room, uint64_t now_ns)
{
	if (chunk->acked)
		return false;
	if (!chunk->tries)
		return room;
	if (now_ns < deadline(chunk))
		return false;
	if (chunk->tries == LIST_CLIENT_TRIES)
		client->state = LIST_CLIENT_SILENT;
	return client->state == LIST_CLIENT_BUSY;
}

ssize_t list_client_next(struct list_client *client, uint64_t now_ns, void *buf,
			 size_t size)
{
	bool room = on_their_way(client) < LIST_CLIENT_WINDOW;

	for (unsigned int i = 0; i < client->chunks; i++) {
		struct list_client_chunk *chunk = &client->chunk[i];
		int len;

		if (client->state != LIST_CLIENT_BUSY)
			return 0;
		if (!due_now(client, chunk, room, now_ns))
			continue;
		len = build(client, i, buf, size);
		if (len > 0) {
			chunk->sent_ns = now_ns;
			chunk->tries++;
		}
		return len;
	}
	return 0;
}

uint64_t list_client_due(const struct list_client *client)
{
	bool room = on_their_way(client) < LIST_CLIENT_WINDOW;
	uint64_t due = UINT64_MAX;

	if (client->state != LIST_CLIENT_BUSY)
		return due;
	for (unsigned int i = 0; i < client->chunks; i++) {
		const struct list_client_chunk *chunk = &client->chunk[i];

		if (chunk->acked)
			continue;
		if (!chunk->tries && room)
			return 0;
		if (chunk->tries && deadline(chunk) < due)
			due = deadline(chunk);
	}
	return due;
}

static void acknowledged(struct list_client *client, unsigned int number)
{
	if (client->chunk[number].acked)
		return;
	client->chunk[number].acked = true;
	if (++client->acked < client->chunks)
		return;
	for (unsigned int i = 0; i < client->chunks; i++)
		client->chunk[i].acked = false;
	client->acked = 0;
}

/* The relay may have put the list in force and its word of that got lost: then
 * it calls our own version stale. */
static int take_stale(struct list_client *client, uint64_t relay_version)
{
	if (relay_version < client->version)
		return -EBADMSG;
	client->relay_version = relay_version;
	client->state = relay_version == client->version ? LIST_CLIENT_DONE
							 : LIST_CLIENT_STALE;
	return 0;
}

int list_client_take(struct list_client *client, const void *data, size_t len)
{
	struct relay_message ack;
	int err = relay_message_parse(&ack, data, len);

	if (err || ack.kind != RELAY_LIST_ACK || ack.nonce != client->nonce ||
	    ack.chunks != client->chunks)
		return -EBADMSG;
	if (client->state != LIST_CLIENT_BUSY)
		return 0;
	if (ack.result == RELAY_LIST_STALE)
		return take_stale(client, ack.version);
	if (ack.version != client->version)
		return -EBADMSG;
	if (ack.result == RELAY_LIST_DONE)
		client->state = LIST_CLIENT_DONE;
	else if (ack.result == RELAY_LIST_REFUSED)
		client->state = LIST_CLIENT_REFUSED;
	else
		acknowledged(client, ack.chunk);
	return 0;
}
