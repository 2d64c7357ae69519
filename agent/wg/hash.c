// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/hash.h"

#include <string.h>

#include <blake2.h>
#include <sodium.h>

void wg_hash2(uint8_t out[WG_HASH_LEN], const void *a, size_t a_len,
	      const void *b, size_t b_len)
{
	blake2s_state state;

	blake2s_init(&state, WG_HASH_LEN);
	blake2s_update(&state, a, a_len);
	blake2s_update(&state, b, b_len);
	blake2s_final(&state, out, WG_HASH_LEN);
	sodium_memzero(&state, sizeof(state));
}

void wg_mac(uint8_t out[16], const void *key, size_t key_len, const void *data,
	    size_t len)
{
	blake2s_state state;

	blake2s_init_key(&state, 16, key, key_len);
	blake2s_update(&state, data, len);
	blake2s_final(&state, out, 16);
	sodium_memzero(&state, sizeof(state));
}

/* HMAC (RFC 2104) with a key of half a block. out may be key or in data. */
static void hmac(uint8_t out[WG_HASH_LEN], const uint8_t key[WG_HASH_LEN],
		 const void *data, size_t len)
{
	uint8_t inner_pad[BLAKE2S_BLOCKBYTES], outer_pad[BLAKE2S_BLOCKBYTES];
	uint8_t inner[WG_HASH_LEN];

	memset(inner_pad, 0x36, sizeof(inner_pad));
	memset(outer_pad, 0x5c, sizeof(outer_pad));
	for (size_t i = 0; i < WG_HASH_LEN; i++) {
		inner_pad[i] ^= key[i];
		outer_pad[i] ^= key[i];
	}
	wg_hash2(inner, inner_pad, sizeof(inner_pad), data, len);
	wg_hash2(out, outer_pad, sizeof(outer_pad), inner, sizeof(inner));
	sodium_memzero(inner_pad, sizeof(inner_pad));
	sodium_memzero(outer_pad, sizeof(outer_pad));
	sodium_memzero(inner, sizeof(inner));
}

void wg_kdf(uint8_t *const outputs[], size_t n,
	    const uint8_t chain[WG_HASH_LEN], const void *input, size_t len)
{
	uint8_t secret[WG_HASH_LEN], block[WG_HASH_LEN + 1];

	hmac(secret, chain, input, len);
	for (size_t i = 0; i < n; i++) {
		block[i ? WG_HASH_LEN : 0] = i + 1;
		hmac(block, secret, block, i ? sizeof(block) : 1);
		memcpy(outputs[i], block, WG_HASH_LEN);
	}
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(block, sizeof(block));
}
