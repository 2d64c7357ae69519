// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/key.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

/* libsodium 1.0.18's decoder takes bytes just below 0 for letters. */
static bool is_ascii(const char *text, size_t len)
{
	unsigned char bits = 0;

	while (len--)
		bits |= (unsigned char)text[len];
	return bits < 0x80;
}

int wg_key_parse(struct wg_key *key, const char *text)
{
	struct wg_key parsed;
	size_t len = 0;
	int ret = -EINVAL;

	/* libsodium's decoder branches on no character's value, and refuses
	 * stray bits in the last one: one key has one text. */
	if (strlen(text) == WG_KEY_TEXT_LEN &&
	    is_ascii(text, WG_KEY_TEXT_LEN) &&
	    !sodium_base642bin(parsed.bytes, sizeof(parsed.bytes), text,
			       WG_KEY_TEXT_LEN, NULL, &len, NULL,
			       sodium_base64_VARIANT_ORIGINAL) &&
	    len == sizeof(parsed.bytes)) {
		*key = parsed;
		ret = 0;
	}
	wg_key_wipe(&parsed);
	return ret;
}

void wg_key_format(wg_key_text text, const struct wg_key *key)
{
	sodium_bin2base64(text, WG_KEY_TEXT_LEN + 1, key->bytes,
			  sizeof(key->bytes), sodium_base64_VARIANT_ORIGINAL);
}

void wg_key_generate_private(struct wg_key *key)
{
	randombytes_buf(key->bytes, sizeof(key->bytes));
	/* RFC 7748, section 5: a multiple of the cofactor, of fixed length. */
	key->bytes[0] &= 248;
	key->bytes[31] = (key->bytes[31] & 127) | 64;
}

void wg_key_generate_preshared(struct wg_key *key)
{
	randombytes_buf(key->bytes, sizeof(key->bytes));
}

int wg_key_public(struct wg_key *public_key, const struct wg_key *private_key)
{
	struct wg_key point;

	if (crypto_scalarmult_base(point.bytes, private_key->bytes) ||
	    wg_key_is_zero(&point))
		return -EINVAL;
	*public_key = point;
	return 0;
}

bool wg_key_equal(const struct wg_key *a, const struct wg_key *b)
{
	return !sodium_memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool wg_key_is_zero(const struct wg_key *key)
{
	return sodium_is_zero(key->bytes, sizeof(key->bytes));
}

void wg_key_wipe(struct wg_key *key)
{
	sodium_memzero(key, sizeof(*key));
}
