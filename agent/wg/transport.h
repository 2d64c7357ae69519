/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A keypair: what one handshake leaves, and the data messages under it (the
 * paper's section 5.4.6). Knows nothing of peers and timers.
 */
#ifndef SLUICE_WG_TRANSPORT_H
#define SLUICE_WG_TRANSPORT_H

#include "wg/index.h"
#include "wg/noise.h"
#include "wg/replay.h"

#define WG_PADDING 16
/* The largest inner packet: what fits a UDP datagram over IPv4, padded. */
#define WG_INNER_MAX ((65507 - WG_DATA_MIN_LEN) & ~(size_t)(WG_PADDING - 1))

struct wg_keypair {
	struct wg_indexed indexed; /* first: the table's entry is this */
	uint32_t remote_index_le;
	uint16_t replay_bits; /* of the window at the end */
	bool initiator; /* ours was the handshake */
	uint64_t born_ns;
	uint64_t send_counter;
	struct wg_session_keys keys;
	struct wg_replay replay;
};

/* Seals len bytes, zero-padded, into out (which holds wg_sealed_len(len)). 0, or
 * -ENOKEY if the keypair is used up. */
int wg_keypair_seal(struct wg_keypair *keypair, void *out, const void *data,
		    size_t len);
size_t wg_sealed_len(size_t len);

/*
 * Opens a data message of at least WG_DATA_MIN_LEN bytes into plain. 0, -EBADMSG,
 * -EALREADY for a counter seen before or too old. `late`: a later one came first.
 */
int wg_keypair_open(struct wg_keypair *keypair, void *plain,
		    const void *message, size_t len, bool *late);

#endif
