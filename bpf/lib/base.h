/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every part of a program includes: libbpf's helper declarations, byte
 * order, and the few words that clang and the verifier need to hear.
 */
#ifndef SLUICE_BASE_H
#define SLUICE_BASE_H

#include <stdbool.h>
#include <stddef.h>

/* The types, before the helpers that use them. */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* One access, of this width, at this place. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))

/*
 * Words of a packet or of a map's value, where structs have bytes. They claim
 * the alignment of their size, though in a packet they do not have it: for a
 * word of unknown alignment clang would load byte by byte, while machines with a
 * BPF compiler load any. Where they do not, the verifier refuses the program.
 */
typedef __u64 __attribute__((may_alias)) word64;
typedef __u32 __attribute__((may_alias)) word32;
typedef __u16 __attribute__((may_alias)) word16;

/*
 * The same number, but one that the verifier does not know. There are two uses.
 *
 * A number that is only handed on: the verifier walks what comes after once for
 * each one that it can tell apart.
 *
 * A number that a function leaves in its caller's frame, for others to decide by:
 * before 6.8 the verifier does not see that what was read through a pointer to
 * that frame depends on it. It may then hold two states for alike, walk only what
 * follows from the first number, and take the rest out of the program as dead.
 */
static volatile __u32 unknown_zero;

static __always_inline __u32 unknown(__u32 number)
{
	return number + unknown_zero;
}

/*
 * Set to 1 by the loader on a machine that may reorder loads (all but x86 and
 * s390x) and whose kernel compiles the barrier. The verifier knows the value and
 * takes the other branch away.
 */
const volatile __u8 weak_order = 0;

/* Loads before it happen before loads after it. */
static __always_inline void read_barrier(void)
{
	barrier();
	if (weak_order) {
		/* The only full barrier that BPF has: an atomic that returns
		 * what was there (the result has to be used). */
		__u64 fence = 0;
		__u64 was = __sync_fetch_and_add(&fence, 1);

		asm volatile("" : : "r"(was) : "memory");
	}
}

#endif
