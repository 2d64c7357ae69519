/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shapes of WireGuard's messages. Types 1 to 3 have one length each, type 4
 * a least one, and the three bytes after the type are zero, so that the first
 * four bytes compare as one word.
 */
#ifndef SLUICE_WG_H
#define SLUICE_WG_H

#include <sluice/wire.h>

#include "lib/base.h"

/* The first four bytes of a message of this type, as they load on this host. */
#define WG_WORD(type) ((__u32)bpf_htonl((__u32)(type) << 24))

static __always_inline bool wg_is_data(__u32 word, __u32 length)
{
	return word == WG_WORD(WG_DATA) && length >= WG_DATA_MIN_LEN;
}

/* The type of a well-shaped message, else 0. */
static __always_inline __u8 wg_shape(__u32 word, __u32 length)
{
	if (word == WG_WORD(WG_INITIATION) && length == WG_INITIATION_LEN)
		return WG_INITIATION;
	if (word == WG_WORD(WG_RESPONSE) && length == WG_RESPONSE_LEN)
		return WG_RESPONSE;
	if (word == WG_WORD(WG_COOKIE) && length == WG_COOKIE_LEN)
		return WG_COOKIE;
	if (wg_is_data(word, length))
		return WG_DATA;
	return 0;
}

#endif
