// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/cookie.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "wg/hash.h"
#include "wg/limits.h"

/* What a mac covers: everything of the message that lies before it. */
static size_t before(const void *message, const void *mac)
{
	return (const uint8_t *)mac - (const uint8_t *)message;
}

static void seal_key(uint8_t key[WG_KEY_LEN], const struct wg_key *public_key)
{
	wg_hash2(key, "cookie--", 8, public_key->bytes, WG_KEY_LEN);
}

void wg_cookie_jar_init(struct wg_cookie_jar *jar,
			const struct wg_key *own_public_key)
{
	memset(jar, 0, sizeof(*jar));
	wg_mac1_key(&jar->mac1_key, own_public_key);
	seal_key(jar->seal_key, own_public_key);
}

/* Address and port, so that a cookie is no use behind the same NAT's others. */
static void make_cookie(struct wg_cookie_jar *jar, uint8_t cookie[WG_MAC_LEN],
			const struct wg_path *path, uint64_t now_ns)
{
	uint8_t source[sizeof(path->remote) + 2];

	if (!jar->has_secret ||
	    now_ns - jar->secret_at_ns >= WG_COOKIE_SECRET_NS) {
		randombytes_buf(jar->secret, sizeof(jar->secret));
		jar->secret_at_ns = now_ns;
		jar->has_secret = true;
	}
	memcpy(source, path->remote, sizeof(path->remote));
	source[16] = path->remote_port >> 8;
	source[17] = path->remote_port;
	wg_mac(cookie, jar->secret, sizeof(jar->secret), source,
	       sizeof(source));
}

bool wg_cookie_jar_mac2_fits(struct wg_cookie_jar *jar, const void *message,
			     const struct wg_macs *macs,
			     const struct wg_path *path, uint64_t now_ns)
{
	uint8_t cookie[WG_MAC_LEN], mac[WG_MAC_LEN];

	/* Most floods carry none at all. */
	if (sodium_is_zero(macs->mac2, sizeof(macs->mac2)))
		return false;
	make_cookie(jar, cookie, path, now_ns);
	wg_mac(mac, cookie, sizeof(cookie), message,
	       before(message, macs->mac2));
	return !sodium_memcmp(mac, macs->mac2, sizeof(mac));
}

void wg_cookie_jar_reply(struct wg_cookie_jar *jar, struct wg_cookie *reply,
			 uint32_t receiver_le, const struct wg_macs *macs,
			 const struct wg_path *path, uint64_t now_ns)
{
	uint8_t cookie[WG_MAC_LEN];

	memset(reply, 0, sizeof(*reply));
	reply->header.type = WG_COOKIE;
	reply->receiver = receiver_le;
	randombytes_buf(reply->nonce, sizeof(reply->nonce));
	make_cookie(jar, cookie, path, now_ns);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
		reply->sealed_cookie, NULL, cookie, sizeof(cookie), macs->mac1,
		sizeof(macs->mac1), NULL, reply->nonce, jar->seal_key);
}

void wg_cookie_slip_sign(struct wg_cookie_slip *slip, const void *message,
			 struct wg_macs *macs, const struct wg_key *public_key,
			 uint64_t now_ns)
{
	struct wg_mac1_key key;

	wg_mac1_key(&key, public_key);
	wg_mac(macs->mac1, key.bytes, sizeof(key.bytes), message,
	       before(message, macs->mac1));
	memcpy(slip->last_mac1, macs->mac1, sizeof(macs->mac1));
	slip->has_last_mac1 = true;

	if (slip->has_cookie && now_ns >= wg_cookie_slip_until(slip)) {
		sodium_memzero(slip->cookie, sizeof(slip->cookie));
		slip->has_cookie = false;
	}
	if (slip->has_cookie)
		wg_mac(macs->mac2, slip->cookie, sizeof(slip->cookie), message,
		       before(message, macs->mac2));
	else
		memset(macs->mac2, 0, sizeof(macs->mac2));
}

uint64_t wg_cookie_slip_until(const struct wg_cookie_slip *slip)
{
	return slip->has_cookie ? slip->cookie_at_ns + WG_COOKIE_USE_NS : 0;
}

int wg_cookie_slip_take(struct wg_cookie_slip *slip,
			const struct wg_cookie *reply,
			const struct wg_key *public_key, uint64_t now_ns)
{
	uint8_t key[WG_KEY_LEN], cookie[WG_MAC_LEN];

	if (!slip->has_last_mac1)
		return -EBADMSG;
	seal_key(key, public_key);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(
		    cookie, NULL, NULL, reply->sealed_cookie,
		    sizeof(reply->sealed_cookie), slip->last_mac1,
		    sizeof(slip->last_mac1), reply->nonce, key))
		return -EBADMSG;
	memcpy(slip->cookie, cookie, sizeof(cookie));
	slip->cookie_at_ns = now_ns;
	slip->has_cookie = true;
	/* One reply a message: a copy of it is refused. */
	slip->has_last_mac1 = false;
	return 0;
}
