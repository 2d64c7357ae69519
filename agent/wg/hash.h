/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hash functions of WireGuard (the paper's section 5.4): BLAKE2s, its keyed
 * form with 16 bytes of output, HMAC over it, and HKDF (RFC 5869) from that.
 * Whatever was derived from a key is wiped from the stack.
 */
#ifndef SLUICE_WG_HASH_H
#define SLUICE_WG_HASH_H

#include <stddef.h>
#include <stdint.h>

#define WG_HASH_LEN 32

/* HASH(a || b) */
void wg_hash2(uint8_t out[WG_HASH_LEN], const void *a, size_t a_len,
	      const void *b, size_t b_len);

/* MAC(key, data), key_len at most 32 */
void wg_mac(uint8_t out[16], const void *key, size_t key_len, const void *data,
	    size_t len);

/*
 * KDF_n(chain, input) for n outputs of 32 bytes each, n from 1 to 3. The first
 * may be the chaining key itself.
 */
void wg_kdf(uint8_t *const outputs[], size_t n,
	    const uint8_t chain[WG_HASH_LEN], const void *input, size_t len);

#endif
