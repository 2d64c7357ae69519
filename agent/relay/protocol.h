/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a peer and its relay say to each other inside their tunnel: consent
 * lists. protocol.txt beside this file is the specification. Everything here is
 * pure: bytes in, structs out, and back.
 */
#ifndef SLUICE_RELAY_PROTOCOL_H
#define SLUICE_RELAY_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wg/key.h"

#define RELAY_CONTROL_PORT 8787 /* UDP, on any address the tunnel carries */
#define RELAY_LIST_MAX 16384 /* keys in one list */
#define RELAY_LIST_VERSION_MAX INT64_MAX /* JSON has no larger integers */
#define RELAY_CHUNK_KEYS 36 /* fits an inner MTU of 1280 */
#define RELAY_CONTROL_MAX 1232 /* bytes of a control message */

/* The inner packet: IPv4 without options or IPv6 without extension headers,
 * then UDP. Addresses mapped, ports in host order. */
struct relay_inner {
	uint8_t source[16], dest[16];
	uint16_t source_port, dest_port;
	const uint8_t *payload; /* inside the packet */
	size_t payload_len;
};
/* 0; -EBADMSG if a length, version, checksum or protocol is not right. Trailing
 * bytes after the inner IP length (WireGuard's padding) are ignored. */
int relay_inner_parse(struct relay_inner *inner, const void *packet,
		      size_t len);
/* Builds the answer's packet, checksums included; payload may already stand in
 * its place. Its length, -EMSGSIZE, or -EINVAL for addresses of two families. */
int relay_inner_build(void *packet, size_t size,
		      const struct relay_inner *inner);

/* ---- our own protocol: a list of keys, versioned, in chunks, acknowledged ---- */

enum relay_message_kind {
	RELAY_LIST_CHUNK = 1, /* peer to relay */
	RELAY_LIST_ACK = 2, /* relay to peer */
	RELAY_LIST_QUERY = 3, /* peer to relay: which version do you have? */
};

enum relay_list_result {
	RELAY_LIST_MORE = 0, /* this chunk is in, others are missing */
	RELAY_LIST_DONE = 1, /* the list of this version is in force */
	RELAY_LIST_STALE =
		2, /* a list of this or a newer version is in force */
	RELAY_LIST_REFUSED = 3, /* too long, or not allowed */
};

struct relay_message {
	enum relay_message_kind kind;
	uint64_t
		version; /* grows with every list: wall clock ms of its writing */
	uint16_t chunk, chunks; /* this one of how many */
	uint16_t key_count; /* in this chunk */
	struct wg_key keys[RELAY_CHUNK_KEYS];
	enum relay_list_result result; /* ACK only */
	uint64_t nonce; /* request's, echoed by the answer */
};
/* 0; -EBADMSG (not this protocol or malformed), -EPROTONOSUPPORT (newer). */
int relay_message_parse(struct relay_message *message, const void *data,
			size_t len);
/* Its length, or -EMSGSIZE. */
int relay_message_build(void *data, size_t size,
			const struct relay_message *message);

/* Collects the chunks of one list. Zero-initialised is empty. */
struct relay_assembly {
	uint64_t version;
	uint16_t chunks;
	uint8_t have[(RELAY_LIST_MAX / RELAY_CHUNK_KEYS + 8) / 8 + 1];
	uint16_t have_count;
	struct wg_key *keys; /* owned, chunks * RELAY_CHUNK_KEYS */
	size_t key_count;
};
/*
 * Takes a chunk of a list while `current` is the version in force. Returns the
 * result to acknowledge; on RELAY_LIST_DONE *keys (malloc'd, the caller's, in no
 * order, duplicates removed) and *count are the whole list and the assembly is
 * empty again. A newer version starts over; out of memory is REFUSED.
 */
enum relay_list_result relay_assembly_take(struct relay_assembly *assembly,
					   uint64_t current,
					   const struct relay_message *chunk,
					   struct wg_key **keys, size_t *count);
void relay_assembly_clear(struct relay_assembly *assembly);

/* ---- wgx's SetPeers, for WgxCompat ---- */

#define RELAY_WGX_KEYS_MAX 45
struct relay_wgx_request {
	uint32_t request_id;
	size_t key_count;
	struct wg_key keys[RELAY_WGX_KEYS_MAX];
};
int relay_wgx_parse(struct relay_wgx_request *request, const void *data,
		    size_t len);
/* The six-byte answer. */
#define RELAY_WGX_REPLY_LEN 6
void relay_wgx_reply(uint8_t reply[RELAY_WGX_REPLY_LEN], uint32_t request_id,
		     bool ok);
/* True for the public key query: one byte 0x31, here padded by the asker to 32
 * bytes so that the answer is no larger than the question. */
bool relay_wgx_is_query(const void *data, size_t len);

#endif
