/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BLAKE2s's compression function (RFC 7693), for mac1. The rounds are unrolled
 * and the message schedule is written into them, so that the verifier sees no
 * variable offset. It is a function of its own and stands in the program once.
 *
 * State and block are volatile: sixteen words of each do not fit into BPF's ten
 * registers. Told so, clang loads and stores each word where it is used; left
 * alone it spills as much, into a frame more than twice as large.
 */
#ifndef SLUICE_BLAKE2S_H
#define SLUICE_BLAKE2S_H

#include "lib/base.h"

#define BLAKE2S_BLOCK_LEN 64
#define BLAKE2S_BLOCK_WORDS 16

#define BLAKE2S_IV0 0x6a09e667U
#define BLAKE2S_IV1 0xbb67ae85U
#define BLAKE2S_IV2 0x3c6ef372U
#define BLAKE2S_IV3 0xa54ff53aU
#define BLAKE2S_IV4 0x510e527fU
#define BLAKE2S_IV5 0x9b05688cU
#define BLAKE2S_IV6 0x1f83d9abU
#define BLAKE2S_IV7 0x5be0cd19U

#define ROR32(x, n) (((x) >> (n)) | ((x) << (32 - (n))))

#define BLAKE2S_G(i, j, k, l, x, y) \
	do { \
		__u32 a = v[i], b = v[j]; \
		__u32 c = v[k], d = v[l]; \
\
		a += b + m[x]; \
		d = ROR32(d ^ a, 16); \
		c += d; \
		b = ROR32(b ^ c, 12); \
		a += b + m[y]; \
		d = ROR32(d ^ a, 8); \
		c += d; \
		b = ROR32(b ^ c, 7); \
		v[i] = a; \
		v[j] = b; \
		v[k] = c; \
		v[l] = d; \
	} while (0)

/* One round under one row of the schedule: columns, then diagonals. */
#define BLAKE2S_ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, \
		      s13, s14, s15) \
	do { \
		BLAKE2S_G(0, 4, 8, 12, s0, s1); \
		BLAKE2S_G(1, 5, 9, 13, s2, s3); \
		BLAKE2S_G(2, 6, 10, 14, s4, s5); \
		BLAKE2S_G(3, 7, 11, 15, s6, s7); \
		BLAKE2S_G(0, 5, 10, 15, s8, s9); \
		BLAKE2S_G(1, 6, 11, 12, s10, s11); \
		BLAKE2S_G(2, 7, 8, 13, s12, s13); \
		BLAKE2S_G(3, 4, 9, 14, s14, s15); \
	} while (0)

struct blake2s_state {
	__u32 h[8];
};

/* A block, as host-order words. */
struct blake2s_block {
	__u32 m[BLAKE2S_BLOCK_WORDS];
};

/*
 * t: the bytes hashed with this block. Not static: the verifier then walks these
 * thousands of instructions once, by what the arguments' types say, and not once
 * for each way that leads here; that is why they are structs and may be NULL.
 */
__noinline int blake2s_compress(struct blake2s_state *state,
				const struct blake2s_block *block, __u32 t,
				bool last)
{
	const volatile __u32 *m;
	volatile __u32 v[16];
	__u32 *h;

	if (!state || !block)
		return 0;
	h = state->h;
	m = block->m;
	v[0] = h[0];
	v[1] = h[1];
	v[2] = h[2];
	v[3] = h[3];
	v[4] = h[4];
	v[5] = h[5];
	v[6] = h[6];
	v[7] = h[7];
	v[8] = BLAKE2S_IV0;
	v[9] = BLAKE2S_IV1;
	v[10] = BLAKE2S_IV2;
	v[11] = BLAKE2S_IV3;
	v[12] = BLAKE2S_IV4 ^ t;
	v[13] = BLAKE2S_IV5;
	v[14] = last ? ~BLAKE2S_IV6 : BLAKE2S_IV6;
	v[15] = BLAKE2S_IV7;

	BLAKE2S_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	BLAKE2S_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
	BLAKE2S_ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
	BLAKE2S_ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
	BLAKE2S_ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
	BLAKE2S_ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
	BLAKE2S_ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
	BLAKE2S_ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
	BLAKE2S_ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
	BLAKE2S_ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);

	h[0] ^= v[0] ^ v[8];
	h[1] ^= v[1] ^ v[9];
	h[2] ^= v[2] ^ v[10];
	h[3] ^= v[3] ^ v[11];
	h[4] ^= v[4] ^ v[12];
	h[5] ^= v[5] ^ v[13];
	h[6] ^= v[6] ^ v[14];
	h[7] ^= v[7] ^ v[15];
	return 0;
}

#endif
