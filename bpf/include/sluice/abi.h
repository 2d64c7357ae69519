/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel programs and user space agree on: the key and the value of
 * every map, and nothing else. Both sides include this file, no struct here is
 * written down a second time, and a change of any of them is a new SLUICE_ABI.
 *
 * Conventions. Addresses are 16 bytes; an IPv4 address is mapped
 * (::ffff:a.b.c.d), so that one comparison serves both families. __beNN is
 * network order, __leNN is WireGuard's order, everything else is the host's.
 * Padding is named and zero.
 */
#ifndef SLUICE_ABI_H
#define SLUICE_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define SLUICE_ASSERT(cond, text) static_assert(cond, text)
#else
#define SLUICE_ASSERT(cond, text) _Static_assert(cond, text)
#endif

/* The number in the pin path: /sys/fs/bpf/sluice/v1/{maps,progs,links}. */
#define SLUICE_ABI 1
#define SLUICE_MAGIC 0x534c5549U /* "SLUI" */
#define SLUICE_BUILD_LEN 24
#define SLUICE_ROLE_LEN 16

/*
 * meta: one entry. The first thing to look at with bpftool, and what a loader
 * compares before it touches any other pin.
 */
struct sluice_meta {
	__u32 magic; /* SLUICE_MAGIC */
	__u32 abi; /* SLUICE_ABI */
	char role[SLUICE_ROLE_LEN]; /* "relay" */
	char build[SLUICE_BUILD_LEN]; /* hash of the loaded program, hex */
	__u32 policy; /* role-specific; 0 for the relay */
	__u32 cpus; /* possible CPUs the maps were sized for */
	__u64 loaded_at; /* seconds since the epoch */
};
SLUICE_ASSERT(sizeof(struct sluice_meta) == 64, "meta is one cache line");

/* A drop reason's name, for people who read counters with bpftool. */
#define SLUICE_REASON_NAME_LEN 24
struct sluice_reason_name {
	char name[SLUICE_REASON_NAME_LEN];
};

/* relay_reason: per-CPU array indexed by enum sluice_reason. */
struct sluice_count {
	__u64 packets;
	__u64 bytes; /* of the whole frame as XDP sees it */
};

/*
 * relay_session: a mappable array of 64-byte buckets. A slot is one receiver
 * index, that is one direction of one WireGuard session, in one 64-bit word:
 * user space publishes and removes it with one aligned 64-bit store and a
 * reader never sees half of it. Legs are numbered from 1; from == 0 marks an
 * empty slot whatever its index.
 */
#define RELAY_LEG_NONE 0
/* `from` and `to` of an index of the relay's own tunnel: pass it up. A peer's
 * first packet there is what proves its address, so there is no leg to name. */
#define RELAY_LEG_LOCAL 0xffff
#define RELAY_LEG_MAX 0xfffe
#define RELAY_BUCKET_SLOTS 8

struct relay_slot {
	__le32 index;
	__u16 from;
	__u16 to;
} __attribute__((aligned(8)));
SLUICE_ASSERT(sizeof(struct relay_slot) == 8, "a slot is one word");

struct relay_bucket {
	struct relay_slot slot[RELAY_BUCKET_SLOTS];
};
SLUICE_ASSERT(sizeof(struct relay_bucket) == 64, "a bucket is a cache line");

/*
 * relay_spill: hash from receiver index to the slots that found their bucket
 * full. `count` is the slot's place in relay_count.
 */
struct relay_spill {
	struct relay_slot slot;
	__u32 count;
	__u32 pad;
};

/*
 * relay_count: packets and bytes a slot has forwarded. A mappable array with
 * one region of `count_stride` entries a CPU; within a region a slot of bucket
 * b at position i counts at 8 * b + i, a spilled one at its own `count`, which
 * is 8 * buckets or more. Only that CPU writes there. User space reads the
 * regions and adds them up; it zeroes an entry before it publishes its slot.
 * Bytes are WireGuard's (the UDP payload), not the frame's.
 */

/*
 * relay_leg: a mappable array. A leg is a peer as seen on one relay port: where
 * it is, from which own address and port it is served, and the next hop there.
 * seq is odd while the agent writes; a reader takes it before and after and
 * starts again if it moved.
 */
enum relay_leg_flags {
	RELAY_LEG_INUSE = 1 << 0,
	RELAY_LEG_V6 = 1 << 1, /* the outer family */
	RELAY_LEG_RESOLVED =
		1 << 2, /* ifindex, dmac, smac, vlan, mtu are valid */
};

struct relay_leg {
	__u32 seq;
	__u16 flags; /* enum relay_leg_flags */
	__u16 mtu; /* of the way out, IP header included; 0: not known */
	__u8 addr[16]; /* the peer's */
	__u8 local[16]; /* the relay's */
	__be16 port; /* the peer's */
	__be16 local_port; /* the relay's */
	__u32 ifindex; /* device to send from: the lowest one under a VLAN device */
	__u8 dmac[6];
	__u8 smac[6];
	__u16 vlan[2]; /* VLAN ids to send with, outer first; 0: none */
};
SLUICE_ASSERT(sizeof(struct relay_leg) == 64, "a leg is a cache line");

/* relay_leg_count: per-CPU array by leg. Bytes are WireGuard's. */
struct relay_leg_count {
	__u64 rx_packets; /* forwarded from this leg */
	__u64 rx_bytes;
	__u64 tx_packets; /* forwarded to this leg */
	__u64 tx_bytes;
};

/* relay_peer: mappable array by leg; whose leg it is. Written by the agent. */
struct relay_peer {
	__u8 public_key[32];
	__u64 proven_at; /* seconds since the epoch: last proof of the address */
	__u32 flags; /* 0 */
	__u32 pad;
};
SLUICE_ASSERT(sizeof(struct relay_peer) == 48, "no hidden padding");

/*
 * relay_known: hash of addresses that proven peers use. With the port: the
 * address of a leg. With port 0: an address that some peer uses, from which a
 * handshake to another relay port may come.
 */
struct relay_known_key {
	__u8 addr[16];
	__be16 port;
	__u16 pad;
};

struct relay_known {
	__u32 refs; /* legs behind this key */
	__u16 leg; /* one of them; exact key only */
	__u16 pad;
};

/* relay_local: hash of the host's own addresses; the value is the ifindex. */
struct relay_local_key {
	__u8 addr[16];
};

/* relay_block: LPM trie of blocked sources, prefix of the mapped address. */
struct relay_block_key {
	__u32 prefixlen; /* 0 to 128; an IPv4 /n is 96 + n */
	__u8 addr[16];
};

struct relay_block {
	__u64 since; /* seconds since the epoch */
	__u64 until; /* the same; 0: until it is unblocked. The agent removes it. */
};

/*
 * relay_rate: LRU hash of token buckets, one a source and class. Advisory: an
 * evicted bucket is a full one.
 */
enum relay_rate_class {
	RELAY_RATE_STRANGER, /* handshakes to the relay, any source */
	/* handshakes from a leg's address and port, data of the own tunnel */
	RELAY_RATE_KNOWN,
	RELAY_RATE_ADDRESS, /* from a known address, unknown port */
	RELAY_RATE_MISMATCH, /* data whose source is not its leg's */
	RELAY_RATE_SLOW, /* data that the agent has to forward */
	RELAY_RATE_CLASSES,
};

struct relay_rate_key {
	__u8 source[8]; /* IPv4: 4 bytes and zeros; IPv6: the /64 */
	__be16 port; /* where the class counts by it (KNOWN, SLOW), else 0 */
	__u8 family; /* 4 or 6 */
	__u8 rate_class; /* enum relay_rate_class */
};

struct relay_rate {
	__u64 at_ns; /* CLOCK_MONOTONIC, last refill */
	__u64 tokens_ns; /* credit, in ns of refill time */
};

struct relay_limit {
	__u32 cost_ns; /* of one packet: 1e9 / packets a second */
	__u32 burst; /* packets */
};

/*
 * relay_config: one mappable entry, the live settings. The first cache line is
 * what a data packet needs. seed_* are secret: with them a peer could choose
 * indices that fill one bucket.
 */
enum relay_config_flags {
	RELAY_WGX_COMPAT = 1 << 0, /* pass the one-byte public key query up */
	RELAY_MONITOR = 1 << 1, /* somebody reads relay_event */
};

struct relay_config {
	__u64 seed_mul; /* odd */
	__u64 seed_add;
	__u32 bucket_count; /* entries of relay_session */
	__u32 count_stride; /* entries of relay_count a CPU */
	__u32 flags; /* enum relay_config_flags */
	__u16 port_min; /* host order, inclusive */
	__u16 port_max;
	__u32 event_interval_ns; /* least time between two events of one CPU */
	__u32 pad0;
	__u8 pad1[24];
	/* From here on: what goes up to the agent only. */
	__u32 mac1_midstate[8]; /* BLAKE2s after the key block of mac1's key */
	struct relay_limit limit[RELAY_RATE_CLASSES];
	__u8 pad2[56];
};
SLUICE_ASSERT(__builtin_offsetof(struct relay_config, mac1_midstate) == 64,
	      "a data packet reads one line of the configuration");
SLUICE_ASSERT(sizeof(struct relay_config) == 192, "three cache lines");

/*
 * Which bucket an index belongs to: multiply-shift hashing (Dietzfelbinger et
 * al., 1997), universal for a random odd multiplier, twice with a fold between.
 * Once is not enough: it lays indices in arithmetic progression out as one, and
 * a peer that counts its indices up would meet a multiplier now and then with
 * which they pile up in a few buckets. The upper half of the result is scaled
 * to the number of buckets, which need not be a power of two.
 */
static inline __u64 relay_bucket_of(__u32 index, __u64 seed_mul, __u64 seed_add,
				    __u32 bucket_count)
{
	__u64 hash = index * seed_mul + seed_add;

	hash = (hash ^ hash >> 32) * seed_mul;
	return (hash >> 32) * bucket_count >> 32;
}

/* relay_event: ring buffer of sampled drops, for `sluice relay monitor`. */
struct relay_event {
	__u64 at_ns; /* CLOCK_MONOTONIC */
	__u8 source[16];
	__u8 dest[16];
	__be16 source_port;
	__be16 dest_port;
	__u32 ifindex;
	__le32 index; /* the receiver index, if the message has one */
	__u16 reason; /* enum sluice_reason */
	__u16 length; /* of the UDP payload */
	__u8 type; /* WireGuard message type, 0 if not known */
	__u8 pad[7];
};
SLUICE_ASSERT(sizeof(struct relay_event) == 64, "no hidden padding");

#endif
