/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * WireGuard on the wire, as the protocol's paper (Donenfeld, NDSS 2017, section
 * 5.4) has it. All integers are little-endian.
 */
#ifndef SLUICE_WIRE_H
#define SLUICE_WIRE_H

#include <linux/types.h>

enum wg_type {
	WG_INITIATION = 1,
	WG_RESPONSE = 2,
	WG_COOKIE = 3,
	WG_DATA = 4,
};

#define WG_KEY_LEN 32
#define WG_TAG_LEN 16 /* Poly1305 */
#define WG_MAC_LEN 16
#define WG_NONCE_LEN 24 /* XChaCha20 */
#define WG_TIMESTAMP_LEN 12 /* TAI64N */

/* Byte 0 is the type; bytes 1 to 3 are zero. */
struct wg_header {
	__u8 type;
	__u8 reserved[3];
};

struct wg_macs {
	__u8 mac1[WG_MAC_LEN];
	__u8 mac2[WG_MAC_LEN];
};

struct wg_initiation {
	struct wg_header header;
	__le32 sender;
	__u8 ephemeral[WG_KEY_LEN];
	__u8 sealed_static[WG_KEY_LEN + WG_TAG_LEN];
	__u8 sealed_timestamp[WG_TIMESTAMP_LEN + WG_TAG_LEN];
	struct wg_macs macs;
};

struct wg_response {
	struct wg_header header;
	__le32 sender;
	__le32 receiver;
	__u8 ephemeral[WG_KEY_LEN];
	__u8 sealed_nothing[WG_TAG_LEN];
	struct wg_macs macs;
};

struct wg_cookie {
	struct wg_header header;
	__le32 receiver;
	__u8 nonce[WG_NONCE_LEN];
	__u8 sealed_cookie[WG_MAC_LEN + WG_TAG_LEN];
};

/* The ciphertext and its tag follow. The counter is not aligned on the wire. */
struct wg_data {
	struct wg_header header;
	__le32 receiver;
	__le64 counter;
};

#define WG_INITIATION_LEN 148
#define WG_RESPONSE_LEN 92
#define WG_COOKIE_LEN 64
#define WG_DATA_MIN_LEN 32 /* an empty packet: a keepalive */

_Static_assert(sizeof(struct wg_initiation) == WG_INITIATION_LEN, "type 1");
_Static_assert(sizeof(struct wg_response) == WG_RESPONSE_LEN, "type 2");
_Static_assert(sizeof(struct wg_cookie) == WG_COOKIE_LEN, "type 3");
_Static_assert(sizeof(struct wg_data) + WG_TAG_LEN == WG_DATA_MIN_LEN,
	       "type 4");

#endif
