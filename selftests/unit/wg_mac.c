// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mac1 and the midstate. The reference is BLAKE2s written down a second time as
 * RFC 7693's text has it, held against the RFC's own vectors first.
 */
#include "wg/mac.h"

#include <sodium.h>

#include "tap.h"
#include "wg/hash.h"

static const uint32_t iv[8] = {
	0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
	0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
};

static const char *const schedule[10] = {
	"0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194",
	"7931dcbe265a40f8", "905724afe1bc683d", "2c6a0b834d75fe19",
	"c51fed4a0763928b", "db7ec13950f4862a", "6fe9b308c2d714a5",
	"a2847615fb9e3cd0",
};

static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static uint32_t rotate(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

#define G(a, b, c, d, x, y) \
	do { \
		v[a] = v[a] + v[b] + m[digit(*(x))]; \
		v[d] = rotate(v[d] ^ v[a], 16); \
		v[c] = v[c] + v[d]; \
		v[b] = rotate(v[b] ^ v[c], 12); \
		v[a] = v[a] + v[b] + m[digit(*(y))]; \
		v[d] = rotate(v[d] ^ v[a], 8); \
		v[c] = v[c] + v[d]; \
		v[b] = rotate(v[b] ^ v[c], 7); \
	} while (0)

/* F of section 3.2 */
static void compression(uint32_t h[8], const uint8_t block[64], uint32_t t,
			bool final)
{
	uint32_t v[16], m[16];

	for (int i = 0; i < 16; i++)
		m[i] = block[4 * i] | block[4 * i + 1] << 8 |
		       block[4 * i + 2] << 16 |
		       (uint32_t)block[4 * i + 3] << 24;
	memcpy(v, h, 32);
	memcpy(v + 8, iv, 32);
	v[12] ^= t;
	if (final)
		v[14] = ~v[14];
	for (int round = 0; round < 10; round++) {
		const char *s = schedule[round];

		G(0, 4, 8, 12, s, s + 1);
		G(1, 5, 9, 13, s + 2, s + 3);
		G(2, 6, 10, 14, s + 4, s + 5);
		G(3, 7, 11, 15, s + 6, s + 7);
		G(0, 5, 10, 15, s + 8, s + 9);
		G(1, 6, 11, 12, s + 10, s + 11);
		G(2, 7, 8, 13, s + 12, s + 13);
		G(3, 4, 9, 14, s + 14, s + 15);
	}
	for (int i = 0; i < 8; i++)
		h[i] ^= v[i] ^ v[i + 8];
}

/* The rest of a hash whose state has `t` bytes behind it. */
static void finish(uint32_t h[8], uint32_t t, const uint8_t *data, size_t len,
		   uint8_t *out, size_t out_len)
{
	uint8_t block[64];

	for (; len > 64; data += 64, len -= 64)
		compression(h, data, t += 64, false);
	memset(block, 0, sizeof(block));
	memcpy(block, data, len);
	compression(h, block, t + len, true);
	for (size_t i = 0; i < out_len; i++)
		out[i] = h[i / 4] >> 8 * (i % 4);
}

static void reference(uint8_t *out, size_t out_len, const uint8_t *key,
		      size_t key_len, const uint8_t *data, size_t len)
{
	uint8_t joined[1536] = {0};
	uint32_t h[8];

	memcpy(h, iv, sizeof(h));
	h[0] ^= 0x01010000 ^ key_len << 8 ^ out_len;
	if (key_len)
		memcpy(joined, key, key_len);
	memcpy(joined + (key_len ? 64 : 0), data, len);
	finish(h, 0, joined, (key_len ? 64 : 0) + len, out, out_len);
}

/* selftest_seq of appendix E: a Fibonacci sequence of words. */
static void sequence(uint8_t *out, size_t len, uint32_t seed)
{
	uint32_t a = 0xDEAD4BAD * seed, b = 1;

	for (size_t i = 0; i < len; i++) {
		uint32_t sum = a + b;

		a = b;
		b = sum;
		out[i] = sum >> 24;
	}
}

/* One hash over the results of all lengths, keyed and not. */
static void self_test(uint8_t out[32])
{
	static const size_t out_lens[] = {16, 20, 28, 32};
	static const size_t in_lens[] = {0, 3, 64, 65, 255, 1024};
	uint8_t in[1024], key[32], all[4 * 6 * 2 * 32];
	size_t filled = 0;

	for (int i = 0; i < 24; i++) {
		size_t out_len = out_lens[i / 6], len = in_lens[i % 6];

		sequence(in, len, len);
		sequence(key, out_len, out_len);
		reference(all + filled, out_len, NULL, 0, in, len);
		filled += out_len;
		reference(all + filled, out_len, key, out_len, in, len);
		filled += out_len;
	}
	reference(out, 32, NULL, 0, all, filled);
}

/* Appendix B, and the self-test of appendix E. */
static void test_reference(void)
{
	static const uint8_t abc[32] = {
		0x50, 0x8C, 0x5E, 0x8C, 0x32, 0x7C, 0x14, 0xE2,
		0xE1, 0xA7, 0x2B, 0xA3, 0x4E, 0xEB, 0x45, 0x2F,
		0x37, 0x45, 0x8B, 0x20, 0x9E, 0xD6, 0x3A, 0x29,
		0x4D, 0x99, 0x9B, 0x4C, 0x86, 0x67, 0x59, 0x82,
	};
	static const uint8_t grand[32] = {
		0x6A, 0x41, 0x1F, 0x08, 0xCE, 0x25, 0xAD, 0xCD,
		0xFB, 0x02, 0xAB, 0xA6, 0x41, 0x45, 0x1C, 0xEC,
		0x53, 0xC5, 0x98, 0xB2, 0x4F, 0x4F, 0xC7, 0x87,
		0xFB, 0xDC, 0x88, 0x79, 0x7F, 0x4C, 0x1D, 0xFE,
	};
	uint8_t out[32];

	reference(out, 32, NULL, 0, (const uint8_t *)"abc", 3);
	is_mem(out, abc, 32, "the reference hashes RFC 7693's abc");
	self_test(out);
	is_mem(out, grand, 32, "and passes the RFC's self-test, keyed and not");
}

static void test_hashes(void)
{
	uint8_t data[300], key[32], got[32], want[32];
	bool held = true;

	randombytes_buf(data, sizeof(data));
	randombytes_buf(key, sizeof(key));
	for (size_t len = 0; len <= sizeof(data) && held; len++) {
		wg_hash2(got, data, len / 3, data + len / 3, len - len / 3);
		reference(want, 32, NULL, 0, data, len);
		held = !memcmp(got, want, 32);
		wg_mac(got, key, 32, data, len);
		reference(want, 16, key, 32, data, len);
		held = held && !memcmp(got, want, 16);
	}
	ok(held, "HASH and MAC of 0 to 300 bytes are the reference's");
}

static void make_message(uint8_t *message, size_t len, int type,
			 const struct wg_mac1_key *key)
{
	randombytes_buf(message, len);
	memset(message, 0, 4);
	message[0] = type;
	reference(message + len - 32, 16, key->bytes, 32, message, len - 32);
}

static void test_midstate(void)
{
	bool held = true;

	for (int i = 0; i < 100 && held; i++) {
		struct wg_mac1_key key;
		uint8_t message[WG_INITIATION_LEN], mac[16];
		uint32_t state[8];

		randombytes_buf(&key, sizeof(key));
		make_message(message, sizeof(message), WG_INITIATION, &key);
		wg_mac1_midstate(state, &key);
		finish(state, 64, message, 116, mac, sizeof(mac));
		held = !memcmp(mac, message + 116, sizeof(mac));
	}
	ok(held, "a hash finished from the midstate is the keyed hash");
}

static void test_mac1(void)
{
	static const struct {
		int type;
		size_t len;
	} kinds[] = {{WG_INITIATION, 148}, {WG_RESPONSE, 92}};
	struct wg_key public_key, other;
	struct wg_mac1_key key, other_key;
	uint8_t message[256], want[32], label[40] = "mac1----";

	randombytes_buf(&public_key, sizeof(public_key));
	randombytes_buf(&other, sizeof(other));
	wg_mac1_key(&key, &public_key);
	wg_mac1_key(&other_key, &other);
	memcpy(label + 8, public_key.bytes, 32);
	reference(want, 32, NULL, 0, label, sizeof(label));
	is_mem(key.bytes, want, 32, "the key of mac1");

	for (int i = 0; i < 2; i++) {
		size_t len = kinds[i].len, missed = 0;

		make_message(message, len, kinds[i].type, &key);
		ok(wg_mac1_fits(&key, message, len), "type %d fits",
		   kinds[i].type);
		ok(!wg_mac1_fits(&other_key, message, len), "not another key");
		for (size_t at = 0; at < len - 16; at++) {
			message[at] ^= 1;
			missed += wg_mac1_fits(&key, message, len);
			message[at] ^= 1;
		}
		is_int(missed, 0, "each byte up to mac1's end counts");
		message[len - 1] ^= 1;
		ok(wg_mac1_fits(&key, message, len), "mac2 does not");
		ok(!wg_mac1_fits(&key, message, len - 1) &&
			   !wg_mac1_fits(&key, message, len + 1) &&
			   !wg_mac1_fits(&key, message, 0),
		   "other lengths never fit");
	}
}

int main(void)
{
	test_reference();
	test_hashes();
	test_midstate();
	test_mac1();
	return tap_done();
}
