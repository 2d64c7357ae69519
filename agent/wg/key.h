/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys: Curve25519 (RFC 7748) and their base64 text form, 44 characters. */
#ifndef SLUICE_WG_KEY_H
#define SLUICE_WG_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/wire.h>

#define WG_KEY_TEXT_LEN 44 /* without the final NUL */

struct wg_key {
	uint8_t bytes[WG_KEY_LEN];
};

typedef char wg_key_text[WG_KEY_TEXT_LEN + 1];

/* 0, or -EINVAL if text is not the base64 of exactly 32 bytes. Constant time
 * in the key's value. */
int wg_key_parse(struct wg_key *key, const char *text);
void wg_key_format(wg_key_text text, const struct wg_key *key);
void wg_key_generate_private(struct wg_key *key); /* clamped */
void wg_key_generate_preshared(struct wg_key *key);
/* 0, or -EINVAL if the public key is the point at infinity. */
int wg_key_public(struct wg_key *public_key, const struct wg_key *private_key);
bool wg_key_equal(const struct wg_key *a,
		  const struct wg_key *b); /* constant time */
bool wg_key_is_zero(const struct wg_key *key);
void wg_key_wipe(struct wg_key *key);

#endif
