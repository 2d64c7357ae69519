/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mac1: which public key a handshake message is meant for (WireGuard, section
 * 5.4.4). Anybody who knows the key can make it: a claim, no proof.
 */
#ifndef SLUICE_WG_MAC_H
#define SLUICE_WG_MAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wg/key.h"

/* The key of mac1 for one public key: BLAKE2s-256("mac1----" || public key). */
struct wg_mac1_key {
	uint8_t bytes[32];
};

void wg_mac1_key(struct wg_mac1_key *key, const struct wg_key *public_key);

/* True if a type 1 or 2 message of that exact length carries a mac1 made with
 * the key. Constant time in the comparison. */
bool wg_mac1_fits(const struct wg_mac1_key *key, const void *message,
		  size_t len);

/*
 * BLAKE2s's state (RFC 7693, eight words) after the key block of a keyed hash
 * with 16 bytes of output: what an XDP program starts from, one compression
 * saved a packet.
 */
void wg_mac1_midstate(uint32_t state[8], const struct wg_mac1_key *key);

#endif
