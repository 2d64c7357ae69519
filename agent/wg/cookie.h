/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mac1, mac2 and cookies (the paper's sections 5.3, 5.4.4 and 5.4.7). The
 * `wg_cookie_jar` is the receiving side: it makes cookies under load and knows
 * its own again. A `wg_cookie_slip` is the sending side, one a peer: the cookie
 * that peer last gave us.
 */
#ifndef SLUICE_WG_COOKIE_H
#define SLUICE_WG_COOKIE_H

#include "wg/mac.h"
#include "wg/tunnel.h"

struct wg_cookie_jar {
	struct wg_mac1_key mac1_key; /* of our own public key */
	uint8_t seal_key[WG_KEY_LEN];
	uint8_t secret[WG_KEY_LEN];
	uint64_t secret_at_ns;
	bool has_secret;
};

struct wg_cookie_slip {
	uint8_t last_mac1[WG_MAC_LEN]; /* of what we sent last */
	uint8_t cookie[WG_MAC_LEN];
	uint64_t cookie_at_ns;
	bool has_last_mac1, has_cookie;
};

void wg_cookie_jar_init(struct wg_cookie_jar *jar,
			const struct wg_key *own_public_key);

/* `macs` is the tail of a complete message that came along path. */
bool wg_cookie_jar_mac2_fits(struct wg_cookie_jar *jar, const void *message,
			     const struct wg_macs *macs,
			     const struct wg_path *path, uint64_t now_ns);
/* The reply to that message, to be sent back along path. */
void wg_cookie_jar_reply(struct wg_cookie_jar *jar, struct wg_cookie *reply,
			 uint32_t receiver_le, const struct wg_macs *macs,
			 const struct wg_path *path, uint64_t now_ns);

/* Fills the macs of a message to the owner of public_key. */
void wg_cookie_slip_sign(struct wg_cookie_slip *slip, const void *message,
			 struct wg_macs *macs, const struct wg_key *public_key,
			 uint64_t now_ns);
/* Until when the cookie is of use; 0: there is none. */
uint64_t wg_cookie_slip_until(const struct wg_cookie_slip *slip);
/* Takes the cookie out of a reply to what we signed last. 0 or -EBADMSG. */
int wg_cookie_slip_take(struct wg_cookie_slip *slip,
			const struct wg_cookie *reply,
			const struct wg_key *public_key, uint64_t now_ns);

#endif
