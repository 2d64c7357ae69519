// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an admitted peer can send through its tunnel: inner packets, messages,
 * SetPeers. The first byte chooses the parser. What parses must build again to
 * the same bytes, so that nothing is understood two ways.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "relay/list_client.h"

static void check(int held)
{
	if (!held)
		abort();
}

static void fuzz_inner(const uint8_t *data, size_t len)
{
	struct relay_inner inner, again;
	uint8_t packet[65536];
	int built;

	if (relay_inner_parse(&inner, data, len))
		return;
	check(inner.payload >= data && inner.payload_len <= len);
	check(inner.payload + inner.payload_len <= data + len);
	built = relay_inner_build(packet, sizeof(packet), &inner);
	check(built > 0 && (size_t)built <= len);
	check(!relay_inner_parse(&again, packet, (size_t)built));
	check(again.payload_len == inner.payload_len);
	check(!memcmp(again.payload, inner.payload, inner.payload_len));
	check(!memcmp(again.source, inner.source, 16));
	check(!memcmp(again.dest, inner.dest, 16));
	check(again.source_port == inner.source_port);
	check(again.dest_port == inner.dest_port);
}

static void fuzz_message(const uint8_t *data, size_t len)
{
	struct relay_message message;
	uint8_t again[RELAY_CONTROL_MAX];

	if (relay_message_parse(&message, data, len))
		return;
	check(relay_message_build(again, sizeof(again), &message) == (int)len);
	check(!memcmp(again, data, len));
}

/* A row of messages, each with its length in front, into one assembly. */
static void fuzz_assembly(const uint8_t *data, size_t len)
{
	struct relay_assembly assembly = {0};
	uint64_t current = 0;

	while (len > 2) {
		size_t take =
			(size_t)(data[0] << 8 | data[1]) % RELAY_CONTROL_MAX;
		struct relay_message message;
		struct wg_key *keys = NULL;
		size_t count = 0;

		data += 2;
		len -= 2;
		if (take > len)
			take = len;
		if (!relay_message_parse(&message, data, take) &&
		    message.kind == RELAY_LIST_CHUNK &&
		    relay_assembly_take(&assembly, current, &message, &keys,
					&count) == RELAY_LIST_DONE) {
			check(keys && count <= RELAY_LIST_MAX);
			check(!assembly.keys);
			current = message.version;
		}
		free(keys);
		data += take;
		len -= take;
	}
	relay_assembly_clear(&assembly);
}

static void fuzz_wgx(const uint8_t *data, size_t len)
{
	struct relay_wgx_request request;

	relay_wgx_is_query(data, len);
	if (relay_wgx_parse(&request, data, len))
		return;
	check(request.key_count <= RELAY_WGX_KEYS_MAX);
	check(5 + request.key_count * WG_KEY_LEN <= len);
}

static void fuzz_list_client(const uint8_t *data, size_t len)
{
	static struct wg_key keys[100];
	struct list_client client;
	uint8_t out[RELAY_CONTROL_MAX];

	if (list_client_init(&client, keys, 100, 7, 0))
		return;
	while (list_client_next(&client, 1, out, sizeof(out)) > 0)
		;
	list_client_take(&client, data, len);
	list_client_due(&client);
	list_client_clear(&client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static void (*const parsers[])(const uint8_t *, size_t) = {
		fuzz_inner, fuzz_message,     fuzz_assembly,
		fuzz_wgx,   fuzz_list_client,
	};

	if (!len)
		return 0;
	parsers[data[0] % 5](data + 1, len - 1);
	return 0;
}
