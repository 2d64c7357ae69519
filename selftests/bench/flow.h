/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the generators (kernel side) and the tables (user side) of the
 * benchmarks agree on: which receiver indices are live, and between which legs.
 * Live session number i of a run has the index bench_index(i) and comes from the
 * leg bench_from(i); both are computed, so that a generator needs no table whose
 * cache misses would be counted as the relay's.
 */
#ifndef SLUICE_BENCH_FLOW_H
#define SLUICE_BENCH_FLOW_H

#include <linux/types.h>

#include <sluice/abi.h>

#define BENCH_PORT 8787 /* the relay's */
#define BENCH_PEER_PORT 51820 /* every peer's */
/* IPv4 addresses, host order. Leg n is at BENCH_LEG_NET + n. */
#define BENCH_RELAY4 0x0aff0001U /* 10.255.0.1 */
#define BENCH_LEG_NET 0x0a010000U /* 10.1.0.0/16 */
/* The last bytes of 2001:db8::/32 addresses, for the one IPv6 session. */
#define BENCH_RELAY6 0xff01U
/* The benchmarks' packet: 112 bytes of UDP payload, a short inner packet. */
#define BENCH_PAYLOAD 112

/* The finalizer of MurmurHash3 (Appleby, public domain): a bijection, so that
 * different sessions have different indices, which look random. */
static inline __u32 bench_index(__u32 i)
{
	i += 0x5bd1e995;
	i ^= i >> 16;
	i *= 0x85ebca6b;
	i ^= i >> 13;
	i *= 0xc2b2ae35;
	return i ^ i >> 16;
}

/* i scaled to 1..legs after one multiplicative mix. */
static inline __u32 bench_leg(__u32 i, __u32 mul, __u32 legs)
{
	return 1 + (__u32)(((__u64)(__u32)(i * mul) * legs) >> 32);
}

static inline __u32 bench_from(__u32 i, __u32 legs)
{
	return bench_leg(i, 0x9e3779b1, legs);
}

/* Never the leg it comes from; elsewhere in the table, not beside it. */
static inline __u32 bench_to(__u32 i, __u32 legs)
{
	__u32 to = bench_leg(i, 0x85ebca77, legs);

	return to != bench_from(i, legs) ? to : 1 + to % legs;
}

/*
 * What a generator sends, set from user space before it runs. The head is the
 * packet up to the receiver index; a run of live frames gets its frames back as
 * the relay left them, so every packet starts with putting the head in place.
 */
#define BENCH_HEAD4 50 /* 14 Ethernet, 20 IPv4, 8 UDP, 4 type, 4 index */
#define BENCH_HEAD6 70

struct bench_gen {
	__u8 head[72];
	__u32 sessions; /* how many live ones to choose from */
	__u32 legs;
	__u32 random; /* xorshift state, not zero */
	__u32 sink_index; /* a sink takes this one alone; 0: any */
	__u64 interval_ns; /* 0: as fast as possible */
	__u64 next_ns;
	__u64 sent;
};

#endif
