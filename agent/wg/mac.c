// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/mac.h"

#include <endian.h>
#include <string.h>

#include <blake2.h>
#include <sodium.h>

#include "wg/hash.h"

void wg_mac1_key(struct wg_mac1_key *key, const struct wg_key *public_key)
{
	wg_hash2(key->bytes, "mac1----", 8, public_key->bytes, WG_KEY_LEN);
}

/* How many bytes of the message mac1 covers, 0 if there is no mac1 in it. */
static size_t covered(const uint8_t *message, size_t len)
{
	if (len == WG_INITIATION_LEN && message[0] == WG_INITIATION)
		return offsetof(struct wg_initiation, macs);
	if (len == WG_RESPONSE_LEN && message[0] == WG_RESPONSE)
		return offsetof(struct wg_response, macs);
	return 0;
}

bool wg_mac1_fits(const struct wg_mac1_key *key, const void *message,
		  size_t len)
{
	const uint8_t *bytes = message;
	size_t before = covered(bytes, len);
	uint8_t mac[WG_MAC_LEN];

	if (!before)
		return false;
	wg_mac(mac, key->bytes, sizeof(key->bytes), bytes, before);
	return !sodium_memcmp(mac, bytes + before, sizeof(mac));
}

/*
 * One compression of BLAKE2s (RFC 7693, section 3.2), written out because libb2
 * shows its state only where its own buffering happens to have compressed it.
 */
static const uint32_t iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const uint8_t sigma[10][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
	{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
	{7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
	{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
	{2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
	{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
	{13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
	{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
	{10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint32_t ror(uint32_t word, unsigned int by)
{
	return word >> by | word << (32 - by);
}

static void mix(uint32_t v[16], const uint8_t at[4], uint32_t x, uint32_t y)
{
	uint32_t *a = &v[at[0]], *b = &v[at[1]], *c = &v[at[2]], *d = &v[at[3]];

	*a += *b + x;
	*d = ror(*d ^ *a, 16);
	*c += *d;
	*b = ror(*b ^ *c, 12);
	*a += *b + y;
	*d = ror(*d ^ *a, 8);
	*c += *d;
	*b = ror(*b ^ *c, 7);
}

static void compress(uint32_t h[8], const uint32_t m[16], uint32_t hashed)
{
	static const uint8_t columns_and_diagonals[8][4] = {
		{0, 4, 8, 12},	{1, 5, 9, 13},	{2, 6, 10, 14}, {3, 7, 11, 15},
		{0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13},	{3, 4, 9, 14},
	};
	uint32_t v[16];

	memcpy(v, h, 8 * sizeof(*v));
	memcpy(v + 8, iv, sizeof(iv));
	v[12] ^= hashed;
	for (int round = 0; round < 10; round++)
		for (size_t i = 0; i < 8; i++)
			mix(v, columns_and_diagonals[i], m[sigma[round][2 * i]],
			    m[sigma[round][2 * i + 1]]);
	for (size_t i = 0; i < 8; i++)
		h[i] ^= v[i] ^ v[i + 8];
	sodium_memzero(v, sizeof(v));
}

void wg_mac1_midstate(uint32_t state[8], const struct wg_mac1_key *key)
{
	uint32_t block[16] = {0};

	memcpy(block, key->bytes, sizeof(key->bytes));
	for (int i = 0; i < 16; i++)
		block[i] = le32toh(block[i]);
	memcpy(state, iv, sizeof(iv));
	/* The parameter block: digest and key length, fan-out and depth 1. */
	state[0] ^= WG_MAC_LEN | sizeof(key->bytes) << 8 | 1 << 16 | 1 << 24;
	compress(state, block, BLAKE2S_BLOCKBYTES);
}
