/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The window of transport counters already seen (RFC 6479's ring of words: the
 * window moves by clearing whole words, nothing is shifted).
 *
 * By default 2048 bits, the paper's "about 2000": the kernel's 8192 make up for packets
 * that its own CPUs decrypt in any order, here one thread does.
 */
#ifndef SLUICE_WG_REPLAY_H
#define SLUICE_WG_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define WG_REPLAY_BITS 2048
/* How far back: the word that the greatest counter is in may be nearly empty. */
#define WG_REPLAY_WINDOW(bits) ((bits)-64)

/* A zeroed struct is an empty window; `bits` is how many its owner has given it,
 * a multiple of 64 and at least 128. */
struct wg_replay {
	uint64_t greatest;
	uint64_t words[];
};

/* True, once, for a counter that is new and not too old; call it only for what
 * was authenticated. */
bool wg_replay_accept(struct wg_replay *replay, uint32_t bits,
		      uint64_t counter);

/* Whether accept would say yes, to spare the cryptography. */
bool wg_replay_is_new(const struct wg_replay *replay, uint32_t bits,
		      uint64_t counter);

#endif
