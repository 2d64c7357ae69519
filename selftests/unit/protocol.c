// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * relay/protocol.h: tables, every truncation, every bit of a header turned, and
 * for the assembly a model beside it that keeps keys in a plain bitmap.
 */
#include <errno.h>
#include <stdlib.h>

#include "relay/protocol.h"
#include "tap.h"

/* xorshift: the same sequence on every machine. */
static uint32_t random_state = 0x5eed1234;

static uint32_t random32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static void number_key(struct wg_key *key, uint32_t number)
{
	memset(key, 0, sizeof(*key));
	memcpy(key->bytes, &number, sizeof(number));
	key->bytes[31] = 0x40;
}

static uint32_t key_number(const struct wg_key *key)
{
	uint32_t number;

	memcpy(&number, key->bytes, sizeof(number));
	return number;
}

/* ---- inner packets, written down by hand and checked with another tool ---- */

/* 10.120.0.1:40000 > 10.120.0.2:8787, payload "abc" */
static const uint8_t packet4[] = {
	0x45, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x25,
	0xdc, 0x0a, 0x78, 0x00, 0x01, 0x0a, 0x78, 0x00, 0x02, 0x9c, 0x40,
	0x22, 0x53, 0x00, 0x0b, 0x67, 0xef, 0x61, 0x62, 0x63,
};
/* [fd00::1]:40000 > [fd00::2]:8787, payload "abc" */
static const uint8_t packet6[] = {
	0x60, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x11, 0x40, 0xfd, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x01, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x9c, 0x40, 0x22, 0x53,
	0x00, 0x0b, 0x82, 0xdd, 0x61, 0x62, 0x63,
};

static void inner_known(const char *name, const uint8_t *packet, size_t len)
{
	struct relay_inner inner, again;
	uint8_t padded[128] = {0}, built[128];

	memcpy(padded, packet, len);
	if (!is_int(relay_inner_parse(&inner, packet, len), 0, "%s", name))
		return;
	is_int(inner.source_port, 40000, "%s: source port", name);
	is_int(inner.dest_port, 8787, "%s: destination port", name);
	is_int(inner.payload_len, 3, "%s: payload length", name);
	is_mem(inner.payload, "abc", 3, "%s: payload", name);
	is_int(inner.source[15], 1, "%s: source", name);
	is_int(inner.dest[15], 2, "%s: destination", name);
	is_int(relay_inner_build(built, len, &inner), len, "%s: built", name);
	is_mem(built, packet, len, "%s: built the same", name);
	is_int(relay_inner_build(built, len - 1, &inner), -EMSGSIZE,
	       "%s: no room by one byte", name);
	is_int(relay_inner_parse(&again, padded, (len + 15) / 16 * 16), 0,
	       "%s: padded", name);
	is_int(again.payload_len, 3, "%s: padding is not payload", name);
	again.payload_len = 77;
	is_int(relay_inner_parse(&again, packet, len - 1), -EBADMSG,
	       "%s: one byte short", name);
	is_int(again.payload_len, 77, "%s: output untouched", name);
}

/* In a copy of its own size, so that a read past the end is one for ASAN. */
static int parse_copy(const uint8_t *packet, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct relay_inner inner;
	int err;

	memcpy(copy, packet, len);
	err = relay_inner_parse(&inner, copy, len);
	free(copy);
	return err;
}

static void inner_truncated(const char *name, const uint8_t *packet, size_t len)
{
	size_t wrong = 0;

	for (size_t cut = 0; cut < len; cut++)
		wrong += parse_copy(packet, cut) != -EBADMSG;
	is_int(wrong, 0, "%s: every truncation is refused", name);
}

/* A checksum catches every single bit; IPv6's class, label and hop limit are
 * covered by none and may be anything. */
static bool free_bit(const uint8_t *packet, size_t byte)
{
	if (packet[0] >> 4 != 6)
		return false;
	return byte == 1 || byte == 2 || byte == 3 || byte == 7;
}

static void inner_flipped(const char *name, const uint8_t *packet, size_t len)
{
	uint8_t copy[128];
	size_t wrong = 0;

	for (size_t bit = 0; bit < len * 8; bit++) {
		bool fine = free_bit(packet, bit / 8) ||
			    (packet[0] >> 4 == 6 && bit < 4);

		memcpy(copy, packet, len);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (parse_copy(copy, len) != (fine ? 0 : -EBADMSG)) {
			printf("# byte %zu bit %zu\n", bit / 8, bit % 8);
			wrong++;
		}
	}
	is_int(wrong, 0, "%s: every turned bit is seen", name);
}

/* Changes a word of the header and mends its checksum: the rule itself must
 * refuse, not the checksum. */
static int parse_mended4(size_t at, uint16_t value)
{
	uint8_t copy[64] = {0};
	uint32_t total = 0;

	memcpy(copy, packet4, sizeof(packet4));
	copy[at] = (uint8_t)(value >> 8);
	copy[at + 1] = (uint8_t)value;
	copy[10] = copy[11] = 0;
	for (int i = 0; i < 20; i += 2)
		total += (uint32_t)(copy[i] << 8 | copy[i + 1]);
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	copy[10] = (uint8_t)(~total >> 8);
	copy[11] = (uint8_t)~total;
	return parse_copy(copy, 48);
}

static void inner_rules(void)
{
	uint8_t copy[64];
	struct relay_inner inner;
	static const struct {
		const char *name;
		size_t at;
		uint16_t value;
		int want;
	} rows[] = {
		{"nothing changed", 0, 0x4500, 0},
		{"class of service", 0, 0x45b8, 0},
		{"version 5", 0, 0x5500, -EBADMSG},
		{"header of 24", 0, 0x4600, -EBADMSG},
		{"header of 16", 0, 0x4400, -EBADMSG},
		{"total over the packet", 2, 49, -EBADMSG},
		{"total is the packet", 2, 48,
		 -EBADMSG}, /* UDP length no more */
		{"total without a UDP header", 2, 27, -EBADMSG},
		{"total 0", 2, 0, -EBADMSG},
		{"identification", 4, 0xbeef, 0},
		{"no DF", 6, 0, 0},
		{"more fragments", 6, 0x2000, -EBADMSG},
		{"fragment offset", 6, 1, -EBADMSG},
		{"reserved flag", 6, 0x8000, -EBADMSG},
		{"TTL 1", 8, 0x0111, 0},
		{"TCP", 8, 0x4006, -EBADMSG},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		is_int(parse_mended4(rows[i].at, rows[i].value), rows[i].want,
		       "IPv4: %s", rows[i].name);

	memcpy(copy, packet4, sizeof(packet4));
	copy[26] = copy[27] = 0;
	is_int(relay_inner_parse(&inner, copy, sizeof(packet4)), 0,
	       "IPv4: no UDP checksum");
	copy[25]--; /* so no sum can see it */
	is_int(relay_inner_parse(&inner, copy, sizeof(packet4)), -EBADMSG,
	       "IPv4: a UDP length below the IP payload's");
	copy[25] += 2;
	is_int(relay_inner_parse(&inner, copy, sizeof(packet4)), -EBADMSG,
	       "IPv4: a UDP length above it");
	memcpy(copy, packet6, sizeof(packet6));
	copy[46] = copy[47] = 0;
	is_int(relay_inner_parse(&inner, copy, sizeof(packet6)), -EBADMSG,
	       "IPv6: no UDP checksum");
}

/* Makes the UDP checksum right again. */
static int parse_mended6(uint8_t *packet, size_t udp_len)
{
	uint32_t total = 17 + (uint32_t)udp_len;

	packet[46] = packet[47] = 0;
	for (size_t i = 8; i < 40 + udp_len; i++)
		total += i % 2 ? packet[i] : (uint32_t)packet[i] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	packet[46] = (uint8_t)(~total >> 8);
	packet[47] = (uint8_t)~total;
	return parse_copy(packet, sizeof(packet6));
}

static void inner_rules6(void)
{
	uint8_t copy[sizeof(packet6)];

	memcpy(copy, packet6, sizeof(copy));
	is_int(parse_mended6(copy, 11), 0, "IPv6: nothing changed");
	copy[6] = 0;
	is_int(parse_mended6(copy, 11), -EBADMSG, "IPv6: hop-by-hop options");
	memcpy(copy, packet6, sizeof(copy));
	/* The addresses alone make the sum right for no byte of UDP at all:
	 * fd00 + 1 + fd00 + 5ec + 17 = 1fffe, folded ffff. */
	copy[5] = copy[45] = 0;
	copy[38] = 0x05;
	copy[39] = 0xec;
	is_int(parse_copy(copy, sizeof(copy)), -EBADMSG,
	       "IPv6: no UDP header, yet its sum fits");
	memcpy(copy, packet6, sizeof(copy));
	memset(copy + 8, 0, 10);
	memset(copy + 18, 0xff, 2);
	is_int(parse_mended6(copy, 11), -EBADMSG, "IPv6: a mapped source");
	memcpy(copy, packet6, sizeof(copy));
	memset(copy + 24, 0, 10);
	memset(copy + 34, 0xff, 2);
	is_int(parse_mended6(copy, 11), -EBADMSG, "IPv6: a mapped destination");
}

static void inner_build(void)
{
	uint8_t packet[2048], payload[1232];
	struct relay_inner inner, back;
	int len;

	relay_inner_parse(&inner, packet6, sizeof(packet6));
	inner.dest[0] = 0;
	memset(inner.dest, 0, 10);
	memset(inner.dest + 10, 0xff, 2);
	is_int(relay_inner_build(packet, sizeof(packet), &inner), -EINVAL,
	       "addresses of two families");

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)random32();
	relay_inner_parse(&inner, packet6, sizeof(packet6));
	inner.payload = payload;
	for (inner.payload_len = 0; inner.payload_len <= sizeof(payload);
	     inner.payload_len++) {
		len = relay_inner_build(packet, sizeof(packet), &inner);
		if (len != 48 + (int)inner.payload_len ||
		    relay_inner_parse(&back, packet, (size_t)len) ||
		    back.payload_len != inner.payload_len ||
		    memcmp(back.payload, payload, back.payload_len))
			break;
	}
	is_int(inner.payload_len, sizeof(payload) + 1,
	       "IPv6: every payload length comes back");
	inner.payload_len = 65536 - 48;
	is_int(relay_inner_build(packet, SIZE_MAX, &inner), -EMSGSIZE,
	       "too long for the length field");

	/* A sum of zero is sent as 0xffff: 0 would mean "none". */
	relay_inner_parse(&inner, packet4, sizeof(packet4));
	payload[0] = 0xff;
	payload[1] = 0xff;
	payload[2] = payload[3] = 0;
	inner.payload = payload;
	inner.payload_len = 4;
	relay_inner_build(packet, sizeof(packet), &inner);
	payload[2] = packet[26];
	payload[3] = packet[27];
	len = relay_inner_build(packet, sizeof(packet), &inner);
	is_int(packet[26] << 8 | packet[27], 0xffff, "UDP sum 0 becomes ffff");
	is_int(relay_inner_parse(&back, packet, (size_t)len), 0, "and holds");
}

/* ---- messages ---- */

static void chunk_message(struct relay_message *message, uint64_t version,
			  uint16_t chunk, uint16_t chunks, uint16_t keys)
{
	memset(message, 0, sizeof(*message));
	message->kind = RELAY_LIST_CHUNK;
	message->version = version;
	message->chunk = chunk;
	message->chunks = chunks;
	message->key_count = keys;
	message->nonce = 0x1122334455667788;
	for (uint16_t i = 0; i < keys; i++)
		number_key(&message->keys[i], (uint32_t)chunk * 36 + i);
}

static int reparse(struct relay_message *back,
		   const struct relay_message *message)
{
	uint8_t data[RELAY_CONTROL_MAX];
	int len = relay_message_build(data, sizeof(data), message);

	return len < 0 ? len : relay_message_parse(back, data, (size_t)len);
}

static void message_layout(void)
{
	/* As the text says it: an outsider's bytes. */
	static const uint8_t want[64] = {
		's',  'l',  'u', 'i', 'c',  'e',  0,	       1,    1,	   0,
		0,    1,    0,	 2,   0,    3,	  0,	       0,    1,	   0x98,
		0,    0,    0,	 7,   0x11, 0x22, 0x33,	       0x44, 0x55, 0x66,
		0x77, 0x88, 72,	 0,   0,    0,	  [63] = 0x40,
	};
	uint8_t data[RELAY_CONTROL_MAX];
	struct relay_message message, back;

	chunk_message(&message, 0x0000019800000007, 2, 3, 1);
	message.keys[0] = (struct wg_key){{72, [31] = 0x40}};
	is_int(relay_message_build(data, sizeof(data), &message), 64, "length");
	is_mem(data, want, sizeof(want), "layout");
	is_int(relay_message_build(data, 63, &message), -EMSGSIZE, "no room");
	is_int(relay_message_parse(&back, want, sizeof(want)), 0, "parses");
	is_int(back.version, 0x0000019800000007, "version");
	is_int(back.nonce, 0x1122334455667788, "nonce");
	is_int(back.chunk, 2, "chunk");
	is_int(back.chunks, 3, "chunks");
	is_mem(&back.keys[0], &message.keys[0], 32, "key");
	message.key_count = RELAY_CHUNK_KEYS + 1;
	is_int(relay_message_build(data, sizeof(data), &message), -EMSGSIZE,
	       "too many keys");
}

static void message_shapes(void)
{
	static const struct {
		const char *name;
		int want;
		struct relay_message message;
	} rows[] = {
		/* clang-format off */
		{"chunk", 0, {.kind = 1, .version = 5, .chunks = 1, .key_count = 1}},
		{"empty list", 0, {.kind = 1, .version = 5, .chunks = 1}},
		{"full chunk", 0, {.kind = 1, .version = 5, .chunks = 2, .key_count = 36}},
		{"most chunks", 0, {.kind = 1, .version = 5, .chunk = 65534, .chunks = 65535, .key_count = 1}},
		{"greatest version", 0, {.kind = 1, .version = RELAY_LIST_VERSION_MAX, .chunks = 1, .key_count = 1}},
		{"version too great", -EBADMSG, {.kind = 1, .version = UINT64_C(1) << 63, .chunks = 1, .key_count = 1}},
		{"version 0", -EBADMSG, {.kind = 1, .chunks = 1, .key_count = 1}},
		{"no chunks", -EBADMSG, {.kind = 1, .version = 5, .key_count = 1}},
		{"chunk past the last", -EBADMSG, {.kind = 1, .version = 5, .chunk = 1, .chunks = 1, .key_count = 1}},
		{"full chunk past the last", -EBADMSG, {.kind = 1, .version = 5, .chunk = 1, .chunks = 1, .key_count = 36}},
		{"short chunk amid", -EBADMSG, {.kind = 1, .version = 5, .chunks = 2, .key_count = 35}},
		{"empty last of two", -EBADMSG, {.kind = 1, .version = 5, .chunk = 1, .chunks = 2}},
		{"chunk with a result", -EBADMSG, {.kind = 1, .version = 5, .chunks = 1, .key_count = 1, .result = 1}},
		{"ack", 0, {.kind = 2, .version = 5, .chunks = 1, .result = RELAY_LIST_DONE}},
		{"ack refused", 0, {.kind = 2, .version = 5, .chunks = 1, .result = RELAY_LIST_REFUSED}},
		{"ack of a query", 0, {.kind = 2, .version = 0, .result = RELAY_LIST_DONE}},
		{"ack of a query, not done", -EBADMSG, {.kind = 2, .version = 5, .result = RELAY_LIST_MORE}},
		{"ack with keys", -EBADMSG, {.kind = 2, .version = 5, .chunks = 1, .key_count = 1}},
		{"ack past the last", -EBADMSG, {.kind = 2, .version = 5, .chunk = 1, .chunks = 1}},
		{"ack of an unknown result", -EBADMSG, {.kind = 2, .version = 5, .chunks = 1, .result = 4}},
		{"query", 0, {.kind = 3, .nonce = 9}},
		{"query with a version", -EBADMSG, {.kind = 3, .version = 1}},
		{"query with chunks", -EBADMSG, {.kind = 3, .chunks = 1}},
		{"query with a key", -EBADMSG, {.kind = 3, .key_count = 1}},
		{"kind 0", -EBADMSG, {.version = 5, .chunks = 1, .key_count = 1}},
		{"kind 4", -EBADMSG, {.kind = 4, .version = 5, .chunks = 1, .key_count = 1}},
		/* clang-format on */
	};
	struct relay_message back;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		is_int(reparse(&back, &rows[i].message), rows[i].want, "%s",
		       rows[i].name);
}

static int message_copy(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct relay_message message;
	int err;

	memcpy(copy, data, len);
	err = relay_message_parse(&message, copy, len);
	free(copy);
	return err;
}

/* Bits of version, nonce and keys may turn; those of the rest must be seen.
 * Chunk and chunks also form other valid pairs: here 0 of 1 with one key has
 * few of them, since a chunk that is not the last must be full. */
static void message_flipped(const uint8_t *data, size_t len)
{
	size_t wrong = 0;

	for (size_t bit = 0; bit < 16 * 8; bit++) {
		uint8_t copy[RELAY_CONTROL_MAX];
		int want = -EBADMSG, got;

		memcpy(copy, data, len);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (bit / 8 == 7 && copy[7])
			want = -EPROTONOSUPPORT;
		got = message_copy(copy, len);
		if (got != want) {
			printf("# byte %zu bit %zu: %d\n", bit / 8, bit % 8,
			       got);
			wrong++;
		}
	}
	is_int(wrong, 0, "every turned bit before the version is seen");
}

static void message_damage(void)
{
	uint8_t data[RELAY_CONTROL_MAX + 1] = {0};
	struct relay_message message;
	size_t wrong = 0, len;

	chunk_message(&message, 5, 0, 2, 36);
	len = (size_t)relay_message_build(data, sizeof(data), &message);
	is_int(len, 32 + 36 * 32, "a full chunk's length");
	for (size_t cut = 0; cut < len; cut++)
		wrong += message_copy(data, cut) != -EBADMSG;
	is_int(wrong, 0, "every truncation is refused");
	is_int(message_copy(data, len + 1), -EBADMSG, "one byte more");
	chunk_message(&message, 5, 0, 1, 1);
	len = (size_t)relay_message_build(data, sizeof(data), &message);
	message_flipped(data, len);
	data[11] = 37; /* more than a message has room for */
	is_int(message_copy(data, 32 + 37 * 32), -EBADMSG, "37 keys");
	data[7] = 2;
	is_int(message_copy(data, 8), -EBADMSG, "newer, but no message");
	is_int(message_copy(data, 32), -EPROTONOSUPPORT, "newer");
}

/* ---- assembly, beside a model ---- */

struct model {
	uint64_t current, version;
	uint16_t chunks;
	bool have[456];
	bool listed[2]
		   [RELAY_LIST_MAX]; /* by key number: assembling, in force */
};

static enum relay_list_result model_take(struct model *model,
					 const struct relay_message *chunk)
{
	size_t have = 0;

	if (chunk->version <= model->current || chunk->version < model->version)
		return RELAY_LIST_STALE;
	if (chunk->version > model->version) {
		memset(model->have, 0, sizeof(model->have));
		memset(model->listed[0], 0, sizeof(model->listed[0]));
		model->version = chunk->version;
		model->chunks = chunk->chunks;
	}
	if (chunk->chunks != model->chunks)
		return RELAY_LIST_REFUSED;
	for (size_t i = 0; !model->have[chunk->chunk] && i < chunk->key_count;
	     i++)
		model->listed[0][key_number(&chunk->keys[i])] = true;
	model->have[chunk->chunk] = true;
	for (size_t i = 0; i < model->chunks; i++)
		have += model->have[i];
	if (have < model->chunks)
		return RELAY_LIST_MORE;
	memcpy(model->listed[1], model->listed[0], sizeof(model->listed[1]));
	model->current = model->version;
	return RELAY_LIST_DONE;
}

static bool same_keys(const struct model *model, const struct wg_key *keys,
		      size_t count)
{
	static bool listed[RELAY_LIST_MAX];

	memset(listed, 0, sizeof(listed));
	for (size_t i = 0; i < count; i++) {
		if (listed[key_number(&keys[i])])
			return false;
		listed[key_number(&keys[i])] = true;
	}
	return !memcmp(listed, model->listed[1], sizeof(listed));
}

/* Random chunks of a few versions, each with lengths and keys of its own. */
static void random_chunk(struct relay_message *message, uint64_t current)
{
	uint64_t version = current + random32() % 4;
	uint16_t chunks = (uint16_t)(1 + version * 7 % 9);
	uint16_t chunk;

	if (random32() % 50 == 0)
		chunks++;
	chunk = (uint16_t)(random32() % chunks);
	chunk_message(message, version ? version : 1, chunk, chunks,
		      chunk + 1 < chunks ? 36 : 1 + (uint16_t)(version % 36));
	for (uint16_t i = 0; i < message->key_count; i++)
		number_key(&message->keys[i],
			   (chunk * 31u + i + (uint32_t)version * 1000) %
				   RELAY_LIST_MAX);
}

static void assembly_random(void)
{
	static struct model model;
	struct relay_assembly assembly = {0};
	size_t wrong = 0, done = 0, results[4] = {0};
	uint64_t current = 0;

	for (int round = 0; round < 200000 && !wrong; round++) {
		struct relay_message chunk;
		struct wg_key *keys = NULL;
		enum relay_list_result got, want;
		size_t count = 0;

		random_chunk(&chunk, current);
		want = model_take(&model, &chunk);
		got = relay_assembly_take(&assembly, current, &chunk, &keys,
					  &count);
		wrong += got != want || (got == RELAY_LIST_DONE) != !!keys;
		results[got]++;
		if (got == RELAY_LIST_DONE) {
			wrong += !same_keys(&model, keys, count);
			wrong += !!assembly.keys || !!assembly.version;
			current = model.current;
			done++;
		}
		free(keys);
	}
	relay_assembly_clear(&assembly);
	is_int(wrong, 0, "200,000 random chunks as the model has it");
	ok(done > 1000 && results[RELAY_LIST_STALE] > 1000 &&
		   results[RELAY_LIST_REFUSED] > 1000,
	   "of every result plenty (%zu done)", done);
}

/* The longest list, its chunks in random order. */
static void assembly_longest(void)
{
	struct relay_assembly assembly = {0};
	struct relay_message chunk;
	uint16_t order[456];
	struct wg_key *keys = NULL;
	size_t count = 0, wrong = 0;

	for (uint16_t i = 0; i < 456; i++) {
		uint16_t other = (uint16_t)(random32() % (i + 1u));

		order[i] = order[other];
		order[other] = i;
	}
	for (int i = 0; i < 456; i++) {
		bool last = order[i] == 455;

		chunk_message(&chunk, 7, order[i], 456, last ? 4 : 36);
		wrong += relay_assembly_take(&assembly, 6, &chunk, &keys,
					     &count) !=
			 (i < 455 ? RELAY_LIST_MORE : RELAY_LIST_DONE);
	}
	is_int(wrong, 0, "456 chunks, any order");
	is_int(count, RELAY_LIST_MAX, "16,384 keys");
	for (size_t i = 1; keys && i < count; i++)
		wrong += memcmp(&keys[i - 1], &keys[i], 32) >= 0;
	is_int(wrong, 0, "each once");
	free(keys);
}

static void assembly_rules(void)
{
	struct relay_assembly assembly = {0};
	struct relay_message chunk;
	struct wg_key *keys = NULL;
	size_t count = 99;

	chunk_message(&chunk, 7, 455, 456, 5);
	is_int(relay_assembly_take(&assembly, 0, &chunk, &keys, &count),
	       RELAY_LIST_REFUSED, "16,385 keys");
	chunk_message(&chunk, 7, 0, 457, 36);
	is_int(relay_assembly_take(&assembly, 0, &chunk, &keys, &count),
	       RELAY_LIST_REFUSED, "457 chunks");
	chunk_message(&chunk, 7, 0, 65535, 36);
	is_int(relay_assembly_take(&assembly, 0, &chunk, &keys, &count),
	       RELAY_LIST_REFUSED, "65,535 chunks");
	ok(!assembly.keys && !keys && count == 99, "nothing was kept");

	chunk_message(&chunk, 7, 0, 1, 0);
	is_int(relay_assembly_take(&assembly, 0, &chunk, &keys, &count),
	       RELAY_LIST_DONE, "the empty list");
	ok(keys && !count, "has no keys");
	free(keys);
	is_int(relay_assembly_take(&assembly, 7, &chunk, &keys, &count),
	       RELAY_LIST_STALE, "again");

	chunk_message(&chunk, 8, 0, 2, 36);
	relay_assembly_take(&assembly, 7, &chunk, &keys, &count);
	number_key(&chunk.keys[0], 4711);
	is_int(relay_assembly_take(&assembly, 7, &chunk, &keys, &count),
	       RELAY_LIST_MORE, "a second copy with another key");
	chunk_message(&chunk, 8, 1, 2, 1);
	number_key(&chunk.keys[0], 1); /* stands in the first chunk too */
	is_int(relay_assembly_take(&assembly, 7, &chunk, &keys, &count),
	       RELAY_LIST_DONE, "the last chunk");
	is_int(count, 36, "a key named twice counts once");
	is_int(key_number(&keys[0]), 0, "the first copy counts");
	free(keys);
}

/* ---- wgx ---- */

static void wgx(void)
{
	uint8_t data[5 + 46 * 32] = {0x44, 0x33, 0x22, 0x11, 1};
	uint8_t reply[RELAY_WGX_REPLY_LEN];
	struct relay_wgx_request request;

	memset(data + 5, 7, 32);
	memset(data + 37, 9, 32);
	is_int(relay_wgx_parse(&request, data, 5 + 64), 0, "SetPeers");
	is_int(request.request_id, 0x11223344, "little-endian id");
	is_int(request.key_count, 2, "two keys");
	is_mem(&request.keys[1], data + 37, 32, "the second");
	is_int(relay_wgx_parse(&request, data, 5 + 64 + 31), 0, "padding");
	is_int(request.key_count, 2, "is no key");
	is_int(relay_wgx_parse(&request, data, 5), 0, "no keys");
	is_int(request.key_count, 0, "none");
	is_int(relay_wgx_parse(&request, data, 5 + 45 * 32), 0, "45 keys");
	is_int(relay_wgx_parse(&request, data, 5 + 46 * 32), -EBADMSG, "46");
	is_int(relay_wgx_parse(&request, data, 4), -EBADMSG, "cut");
	data[4] = 2;
	is_int(relay_wgx_parse(&request, data, 37), -EBADMSG, "kind 2");
	relay_wgx_reply(reply, 0x11223344, true);
	is_mem(reply, "\x44\x33\x22\x11\x01\x00", 6, "taken");
	relay_wgx_reply(reply, 0x11223344, false);
	is_mem(reply, "\x44\x33\x22\x11\x01\x01", 6, "refused");

	memset(data, 0, 33);
	data[0] = 0x31;
	ok(relay_wgx_is_query(data, 32), "query of 32 bytes");
	ok(relay_wgx_is_query(data, 33), "and more");
	ok(!relay_wgx_is_query(data, 31), "31 would be amplified");
	ok(!relay_wgx_is_query(data, 1), "so would wgx's own");
	ok(!relay_wgx_is_query(data, 0), "nothing");
	data[0] = 1;
	ok(!relay_wgx_is_query(data, 32), "a handshake is none");
}

static void wgx_is_not_ours(void)
{
	struct relay_wgx_request request;
	struct relay_message message;
	uint8_t data[RELAY_CONTROL_MAX];
	int len;

	chunk_message(&message, 5, 0, 1, 1);
	len = relay_message_build(data, sizeof(data), &message);
	is_int(relay_wgx_parse(&request, data, (size_t)len), -EBADMSG,
	       "our message is no SetPeers");
}

int main(void)
{
	inner_known("IPv4", packet4, sizeof(packet4));
	inner_known("IPv6", packet6, sizeof(packet6));
	inner_truncated("IPv4", packet4, sizeof(packet4));
	inner_truncated("IPv6", packet6, sizeof(packet6));
	inner_flipped("IPv4", packet4, sizeof(packet4));
	inner_flipped("IPv6", packet6, sizeof(packet6));
	inner_rules();
	inner_rules6();
	inner_build();
	message_layout();
	message_shapes();
	message_damage();
	assembly_rules();
	assembly_longest();
	assembly_random();
	wgx();
	wgx_is_not_ours();
	return tap_done();
}
