/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Internet checksum (RFC 1071), updated instead of computed (RFC 1624).
 * Sums are kept in 64 bits over words of any width as they lie in memory; only
 * the last step folds them.
 */
#ifndef SLUICE_CHECKSUM_H
#define SLUICE_CHECKSUM_H

#include "lib/base.h"

/*
 * A multiple of 0xffff above every sum that is subtracted here (nine words of
 * 32 bits): it changes nothing modulo 0xffff and keeps differences positive.
 */
#define SUM_BIAS (16 * 0xffffffffULL)

/* To 16 bits. Three steps are enough for sums below 2^47. */
static __always_inline __u32 sum_fold(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/*
 * Are sum and field the same modulo 0xffff? 0xffff divides a number if the
 * product with its inverse modulo 2^64 is small (Granlund and Montgomery, 1994,
 * section 9): a multiplication instead of a fold.
 */
#define SUM_INVERSE 0xfffefffefffeffffULL

static __always_inline bool sum_is(__u64 sum, __sum16 field)
{
	sum += (__u16)~field;
	barrier_var(sum); /* or clang multiplies each summand */
	return sum * SUM_INVERSE <= ~0ULL / 0xffff;
}

/* A checksum field after words of it changed; delta = SUM_BIAS + new - old. */
static __always_inline __sum16 sum_update(__sum16 check, __u64 delta)
{
	return ~sum_fold((__u16)~check + delta);
}

/* The same for UDP, where 0 means that there is none. */
static __always_inline __sum16 sum_update_udp(__sum16 check, __u64 delta)
{
	check = sum_update(check, delta);
	return check ? check : 0xffff;
}

#endif
