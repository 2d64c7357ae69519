// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control protocol of protocol.txt: inner packets, messages, the assembly
 * of a list from its chunks, and wgx's two requests. Every parser checks the
 * whole input first and writes its output only when all of it is right.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/protocol.h"

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | p[i];
	return value;
}

static void put16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put64(uint8_t *p, uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		p[i] = (uint8_t)value;
}

/* ---- the inner packet ---- */

#define IP4_LEN 20
#define IP6_LEN 40
#define UDP_LEN 8
#define PROTOCOL_UDP 17
#define HOP_LIMIT 64
#define IP4_DF 0x4000

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

/* RFC 1071, not complemented. Data of odd length must come last. */
static uint32_t sum(uint32_t start, const uint8_t *data, size_t len)
{
	uint64_t total = start;

	for (; len > 1; data += 2, len -= 2)
		total += get16(data);
	if (len)
		total += (uint32_t)data[0] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint32_t)total;
}

/* The sum over the pseudo-header and the UDP datagram, folded. The addresses
 * stand together in both families: 8 bytes or 32. */
static uint16_t udp_sum(const uint8_t *addresses, size_t addresses_len,
			const uint8_t *udp, size_t len)
{
	uint32_t start = PROTOCOL_UDP + (uint32_t)len;

	return (uint16_t)sum(sum(start, addresses, addresses_len), udp, len);
}

/* The UDP datagram's length, or -EBADMSG. */
static int parse_ip4(struct relay_inner *inner, const uint8_t *ip, size_t len)
{
	size_t total;

	if (len < IP4_LEN + UDP_LEN || ip[0] != 0x45)
		return -EBADMSG;
	total = get16(ip + 2);
	if (total > len || total < IP4_LEN + UDP_LEN)
		return -EBADMSG;
	/* A fragment's ports may be another datagram's bytes. */
	if ((get16(ip + 6) & ~IP4_DF) || ip[9] != PROTOCOL_UDP)
		return -EBADMSG;
	if (sum(0, ip, IP4_LEN) != 0xffff)
		return -EBADMSG;
	memcpy(inner->source, mapped_prefix, 12);
	memcpy(inner->source + 12, ip + 12, 4);
	memcpy(inner->dest, mapped_prefix, 12);
	memcpy(inner->dest + 12, ip + 16, 4);
	return (int)(total - IP4_LEN);
}

static int parse_ip6(struct relay_inner *inner, const uint8_t *ip, size_t len)
{
	size_t payload;

	if (len < IP6_LEN + UDP_LEN || ip[0] >> 4 != 6)
		return -EBADMSG;
	payload = get16(ip + 4);
	if (payload > len - IP6_LEN || payload < UDP_LEN)
		return -EBADMSG;
	if (ip[6] != PROTOCOL_UDP)
		return -EBADMSG;
	/* A mapped address on the wire would be taken for an IPv4 one. */
	if (!memcmp(ip + 8, mapped_prefix, 12) ||
	    !memcmp(ip + 24, mapped_prefix, 12))
		return -EBADMSG;
	memcpy(inner->source, ip + 8, 16);
	memcpy(inner->dest, ip + 24, 16);
	return (int)payload;
}

/* RFC 768 lets IPv4 do without a checksum, RFC 8200 wants one over IPv6. */
static bool udp_checksum_good(const uint8_t *ip, const uint8_t *udp, size_t len)
{
	bool v4 = ip[0] >> 4 == 4;

	if (!get16(udp + 6))
		return v4;
	return udp_sum(v4 ? ip + 12 : ip + 8, v4 ? 8 : 32, udp, len) == 0xffff;
}

int relay_inner_parse(struct relay_inner *inner, const void *packet, size_t len)
{
	const uint8_t *ip = packet, *udp;
	struct relay_inner parsed;
	int udp_len;

	if (!len)
		return -EBADMSG;
	if (ip[0] >> 4 == 4)
		udp_len = parse_ip4(&parsed, ip, len);
	else
		udp_len = parse_ip6(&parsed, ip, len);
	if (udp_len < 0)
		return udp_len;
	udp = ip + (ip[0] >> 4 == 4 ? IP4_LEN : IP6_LEN);
	if (get16(udp + 4) != udp_len ||
	    !udp_checksum_good(ip, udp, (size_t)udp_len))
		return -EBADMSG;
	parsed.source_port = get16(udp);
	parsed.dest_port = get16(udp + 2);
	parsed.payload = udp + UDP_LEN;
	parsed.payload_len = (size_t)udp_len - UDP_LEN;
	*inner = parsed;
	return 0;
}

static void build_ip4(uint8_t *ip, const struct relay_inner *inner,
		      size_t udp_len)
{
	memset(ip, 0, IP4_LEN);
	ip[0] = 0x45;
	put16(ip + 2, (uint16_t)(IP4_LEN + udp_len));
	/* Never fragmented, so identification 0 will do (RFC 6864). */
	put16(ip + 6, IP4_DF);
	ip[8] = HOP_LIMIT;
	ip[9] = PROTOCOL_UDP;
	memcpy(ip + 12, inner->source + 12, 4);
	memcpy(ip + 16, inner->dest + 12, 4);
	put16(ip + 10, (uint16_t)~sum(0, ip, IP4_LEN));
}

static void build_ip6(uint8_t *ip, const struct relay_inner *inner,
		      size_t udp_len)
{
	memset(ip, 0, 8);
	ip[0] = 0x60;
	put16(ip + 4, (uint16_t)udp_len);
	ip[6] = PROTOCOL_UDP;
	ip[7] = HOP_LIMIT;
	memcpy(ip + 8, inner->source, 16);
	memcpy(ip + 24, inner->dest, 16);
}

int relay_inner_build(void *packet, size_t size,
		      const struct relay_inner *inner)
{
	bool v4 = !memcmp(inner->source, mapped_prefix, 12);
	size_t ip_len = v4 ? IP4_LEN : IP6_LEN;
	size_t udp_len = UDP_LEN + inner->payload_len;
	uint8_t *ip = packet, *udp = ip + ip_len;
	uint16_t checksum;

	if (inner->payload_len > UINT16_MAX - IP6_LEN - UDP_LEN ||
	    ip_len + udp_len > size)
		return -EMSGSIZE;
	if (v4 != !memcmp(inner->dest, mapped_prefix, 12))
		return -EINVAL;
	memmove(udp + UDP_LEN, inner->payload, inner->payload_len);
	if (v4)
		build_ip4(ip, inner, udp_len);
	else
		build_ip6(ip, inner, udp_len);
	put16(udp, inner->source_port);
	put16(udp + 2, inner->dest_port);
	put16(udp + 4, (uint16_t)udp_len);
	put16(udp + 6, 0);
	checksum = (uint16_t)~udp_sum(v4 ? ip + 12 : ip + 8, v4 ? 8 : 32, udp,
				      udp_len);
	put16(udp + 6, checksum ? checksum : 0xffff); /* 0 means none */
	return (int)(ip_len + udp_len);
}

/* ---- messages ---- */

/* The last byte is the protocol's version. */
static const uint8_t magic[8] = {'s', 'l', 'u', 'i', 'c', 'e', 0, 1};

#define KIND_AT 8
#define RESULT_AT 9
#define KEY_COUNT_AT 10
#define CHUNK_AT 12
#define CHUNKS_AT 14
#define VERSION_AT 16
#define NONCE_AT 24
#define KEYS_AT 32

_Static_assert(KEYS_AT + RELAY_CHUNK_KEYS * WG_KEY_LEN <= RELAY_CONTROL_MAX,
	       "a full chunk fits an inner MTU of 1280");

/* Every chunk but the last is full, and only the empty list has none: so the
 * place of each key follows from the chunk's number. */
static bool chunk_shape_good(const struct relay_message *message)
{
	bool last = message->chunk + 1 == message->chunks;

	if (!message->version || message->version > RELAY_LIST_VERSION_MAX ||
	    message->chunk >= message->chunks || message->result)
		return false;
	if (!last)
		return message->key_count == RELAY_CHUNK_KEYS;
	if (!message->key_count)
		return message->chunks == 1;
	return message->key_count <= RELAY_CHUNK_KEYS;
}

static bool ack_shape_good(const struct relay_message *message)
{
	bool numbered = message->chunk < message->chunks;
	bool query = !message->chunk && !message->chunks;

	if (message->key_count || message->result > RELAY_LIST_REFUSED)
		return false;
	return numbered || (query && message->result == RELAY_LIST_DONE);
}

static bool shape_good(const struct relay_message *message)
{
	switch (message->kind) {
	case RELAY_LIST_CHUNK:
		return chunk_shape_good(message);
	case RELAY_LIST_ACK:
		return ack_shape_good(message);
	case RELAY_LIST_QUERY:
		return !message->chunk && !message->chunks &&
		       !message->key_count && !message->version &&
		       !message->result;
	}
	return false;
}

/* All but the keys. */
static void parse_head(struct relay_message *message, const uint8_t *data)
{
	message->kind = data[KIND_AT];
	message->result = data[RESULT_AT];
	message->key_count = get16(data + KEY_COUNT_AT);
	message->chunk = get16(data + CHUNK_AT);
	message->chunks = get16(data + CHUNKS_AT);
	message->version = get64(data + VERSION_AT);
	message->nonce = get64(data + NONCE_AT);
}

int relay_message_parse(struct relay_message *message, const void *data,
			size_t len)
{
	const uint8_t *bytes = data;
	struct relay_message head;

	if (len < KEYS_AT || memcmp(bytes, magic, 7) != 0 || !bytes[7])
		return -EBADMSG;
	if (bytes[7] != magic[7])
		return -EPROTONOSUPPORT;
	parse_head(&head, bytes);
	if (!shape_good(&head) ||
	    len != KEYS_AT + (size_t)head.key_count * WG_KEY_LEN)
		return -EBADMSG;
	parse_head(message, bytes);
	memcpy(message->keys, bytes + KEYS_AT, len - KEYS_AT);
	return 0;
}

int relay_message_build(void *data, size_t size,
			const struct relay_message *message)
{
	size_t keys_len = (size_t)message->key_count * WG_KEY_LEN;
	uint8_t *bytes = data;

	if (message->key_count > RELAY_CHUNK_KEYS || KEYS_AT + keys_len > size)
		return -EMSGSIZE;
	memcpy(bytes, magic, sizeof(magic));
	bytes[KIND_AT] = (uint8_t)message->kind;
	bytes[RESULT_AT] = (uint8_t)message->result;
	put16(bytes + KEY_COUNT_AT, message->key_count);
	put16(bytes + CHUNK_AT, message->chunk);
	put16(bytes + CHUNKS_AT, message->chunks);
	put64(bytes + VERSION_AT, message->version);
	put64(bytes + NONCE_AT, message->nonce);
	memcpy(bytes + KEYS_AT, message->keys, keys_len);
	return (int)(KEYS_AT + keys_len);
}

/* ---- assembly ---- */

#define CHUNKS_MAX ((RELAY_LIST_MAX + RELAY_CHUNK_KEYS - 1) / RELAY_CHUNK_KEYS)

_Static_assert(CHUNKS_MAX <= 8 * sizeof(((struct relay_assembly *)0)->have),
	       "a bit for every chunk");

void relay_assembly_clear(struct relay_assembly *assembly)
{
	free(assembly->keys);
	memset(assembly, 0, sizeof(*assembly));
}

/* The pages of a large list are only touched as its chunks come in. */
static int start_over(struct relay_assembly *assembly,
		      const struct relay_message *chunk)
{
	size_t keys = (size_t)chunk->chunks * RELAY_CHUNK_KEYS;

	relay_assembly_clear(assembly);
	assembly->keys = malloc(keys * sizeof(*assembly->keys));
	if (!assembly->keys)
		return -ENOMEM;
	assembly->version = chunk->version;
	assembly->chunks = chunk->chunks;
	return 0;
}

static bool too_long(const struct relay_message *chunk)
{
	return (size_t)chunk->chunk * RELAY_CHUNK_KEYS + chunk->key_count >
	       RELAY_LIST_MAX;
}

static void put_chunk(struct relay_assembly *assembly,
		      const struct relay_message *chunk)
{
	uint8_t bit = (uint8_t)(1 << chunk->chunk % 8);

	if (assembly->have[chunk->chunk / 8] & bit)
		return; /* the first copy counts */
	assembly->have[chunk->chunk / 8] |= bit;
	assembly->have_count++;
	assembly->key_count += chunk->key_count;
	memcpy(assembly->keys + (size_t)chunk->chunk * RELAY_CHUNK_KEYS,
	       chunk->keys, chunk->key_count * sizeof(*chunk->keys));
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wg_key));
}

static size_t remove_duplicates(struct wg_key *keys, size_t count)
{
	size_t kept = 0;

	qsort(keys, count, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < count; i++)
		if (!kept || compare_keys(&keys[kept - 1], &keys[i]))
			keys[kept++] = keys[i];
	return kept;
}

enum relay_list_result relay_assembly_take(struct relay_assembly *assembly,
					   uint64_t current,
					   const struct relay_message *chunk,
					   struct wg_key **keys, size_t *count)
{
	if (chunk->version <= current || chunk->version < assembly->version)
		return RELAY_LIST_STALE;
	if (chunk->chunks > CHUNKS_MAX || too_long(chunk))
		return RELAY_LIST_REFUSED;
	if (chunk->version > assembly->version && start_over(assembly, chunk))
		return RELAY_LIST_REFUSED;
	if (chunk->chunks != assembly->chunks)
		return RELAY_LIST_REFUSED;
	put_chunk(assembly, chunk);
	if (assembly->have_count < assembly->chunks)
		return RELAY_LIST_MORE;
	*keys = assembly->keys;
	*count = remove_duplicates(assembly->keys, assembly->key_count);
	assembly->keys = NULL;
	relay_assembly_clear(assembly);
	return RELAY_LIST_DONE;
}

/* ---- wgx ---- */

#define WGX_KIND_AT 4
#define WGX_KEYS_AT 5
#define WGX_SET_PEERS 1
#define WGX_QUERY 0x31
#define WGX_QUERY_MIN 32 /* as long as the answer, a public key */

int relay_wgx_parse(struct relay_wgx_request *request, const void *data,
		    size_t len)
{
	const uint8_t *bytes = data;
	size_t count;

	if (len < WGX_KEYS_AT || bytes[WGX_KIND_AT] != WGX_SET_PEERS)
		return -EBADMSG;
	/* Its senders may leave WireGuard's padding inside the datagram. */
	count = (len - WGX_KEYS_AT) / WG_KEY_LEN;
	if (count > RELAY_WGX_KEYS_MAX)
		return -EBADMSG;
	request->request_id = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
			      (uint32_t)bytes[2] << 16 |
			      (uint32_t)bytes[3] << 24;
	request->key_count = count;
	memcpy(request->keys, bytes + WGX_KEYS_AT, count * WG_KEY_LEN);
	return 0;
}

void relay_wgx_reply(uint8_t reply[RELAY_WGX_REPLY_LEN], uint32_t request_id,
		     bool ok)
{
	for (int i = 0; i < 4; i++)
		reply[i] = (uint8_t)(request_id >> (8 * i));
	reply[4] = WGX_SET_PEERS;
	reply[5] = !ok;
}

bool relay_wgx_is_query(const void *data, size_t len)
{
	return len >= WGX_QUERY_MIN && *(const uint8_t *)data == WGX_QUERY;
}
