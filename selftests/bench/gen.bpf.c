// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What stands around the program that is measured: senders for live frames,
 * restorers for repeated test runs, sinks that count, and the least that a
 * program can do to answer or to redirect.
 *
 * Nothing resets a packet between two repeats of a test run, nor a live frame
 * that comes back, so each of these writes the packet's head anew. A load that
 * spans two recent stores stalls for a dozen cycles, which no packet from a
 * network device makes a program do, so each store covers whole header fields
 * and as many neighbours as a program may want to load at once.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "flow.h"

#define AT(type, base, offset) (*(volatile type *)((void *)(base) + (offset)))
#define COPY(type, to, from, offset) \
	(AT(type, to, offset) = AT(type, from, offset))

/* Behind this much a paced sender gives up catching up: it was descheduled. */
#define CATCH_UP 256

struct bench_gen gen = {};
__u32 out_ifindex = 0; /* bare_redirect's */

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} measured SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} arrived SEC(".maps");

static __always_inline void restore_ethernet(void *to)
{
	COPY(__u64, to, gen.head, 0);
	COPY(__u32, to, gen.head, 8);
	COPY(__u16, to, gen.head, 12);
}

/* Ports; length and checksum; the message's type and index. */
static __always_inline void restore_udp(void *to, int offset)
{
	COPY(__u32, to, gen.head, offset);
	COPY(__u32, to, gen.head, offset + 4);
	COPY(__u64, to, gen.head, offset + 8);
}

static __always_inline void *restore4(struct xdp_md *ctx)
{
	void *packet = (void *)(long)ctx->data;

	if (packet + BENCH_HEAD4 > (void *)(long)ctx->data_end)
		return 0;
	restore_ethernet(packet);
	COPY(__u64, packet, gen.head, 14);
	COPY(__u32, packet, gen.head, 22);
	COPY(__u64, packet, gen.head, 26);
	restore_udp(packet, 34);
	return packet;
}

static __always_inline void *restore6(struct xdp_md *ctx)
{
	void *packet = (void *)(long)ctx->data;

	if (packet + BENCH_HEAD6 > (void *)(long)ctx->data_end)
		return 0;
	restore_ethernet(packet);
	for (int i = 14; i < 54; i += 8)
		COPY(__u64, packet, gen.head, i);
	restore_udp(packet, 54);
	return packet;
}

static __always_inline __u32 draw(void)
{
	__u32 x = gen.random;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return gen.random = x;
}

/* One of the live sessions, each as likely as any other. */
static __always_inline void choose_session(void *packet)
{
	__u32 i = ((__u64)draw() * gen.sessions) >> 32;

	AT(__u32, packet, 26) =
		__builtin_bswap32(BENCH_LEG_NET + bench_from(i, gen.legs));
	AT(__u32, packet, 46) = bench_index(i);
}

/* ---- repeated test runs: restore, then jump into what is measured ---- */

SEC("xdp")
int run4(struct xdp_md *ctx)
{
	if (restore4(ctx))
		bpf_tail_call(ctx, &measured, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int run6(struct xdp_md *ctx)
{
	if (restore6(ctx))
		bpf_tail_call(ctx, &measured, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int run4_random(struct xdp_md *ctx)
{
	void *packet = restore4(ctx);

	if (!packet)
		return XDP_ABORTED;
	choose_session(packet);
	bpf_tail_call(ctx, &measured, 0);
	return XDP_ABORTED;
}

/* After 4 to 6 the packet starts 20 bytes earlier. */
SEC("xdp")
int run4_shrink(struct xdp_md *ctx)
{
	void *packet = (void *)(long)ctx->data;

	if (packet + ETH_HLEN > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (AT(__u16, packet, 12) == __builtin_bswap16(ETH_P_IPV6) &&
	    bpf_xdp_adjust_head(ctx, 20))
		return XDP_ABORTED;
	if (restore4(ctx))
		bpf_tail_call(ctx, &measured, 0);
	return XDP_ABORTED;
}

/* Two such moves: what one costs, by difference. */
SEC("xdp")
int run4_shrink_grow(struct xdp_md *ctx)
{
	if (bpf_xdp_adjust_head(ctx, -20) || bpf_xdp_adjust_head(ctx, 20))
		return XDP_ABORTED;
	if (restore4(ctx))
		bpf_tail_call(ctx, &measured, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int empty(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_TX;
}

/* ---- live frames: senders. XDP_TX leaves by the device of the run ---- */

static __always_inline int due(void)
{
	__u64 now;

	if (!gen.interval_ns)
		return 1;
	now = bpf_ktime_get_ns();
	if (now < gen.next_ns)
		return 0;
	gen.next_ns += gen.interval_ns;
	if (gen.next_ns + CATCH_UP * gen.interval_ns < now)
		gen.next_ns = now + gen.interval_ns;
	return 1;
}

SEC("xdp")
int send4(struct xdp_md *ctx)
{
	if (!due() || !restore4(ctx))
		return XDP_DROP;
	gen.sent++;
	return XDP_TX;
}

SEC("xdp")
int send4_random(struct xdp_md *ctx)
{
	void *packet;

	if (!due())
		return XDP_DROP;
	packet = restore4(ctx);
	if (!packet)
		return XDP_DROP;
	choose_session(packet);
	gen.sent++;
	return XDP_TX;
}

/* Handshakes that nobody asked for, each from somewhere else. */
SEC("xdp")
int send_forged(struct xdp_md *ctx)
{
	void *packet;

	if (!due())
		return XDP_DROP;
	packet = restore4(ctx);
	if (!packet)
		return XDP_DROP;
	AT(__u32, packet, 26) = draw();
	AT(__u32, packet, 46) = gen.random;
	gen.sent++;
	return XDP_TX;
}

/* ---- the least there is between a generator and a sink ---- */

SEC("xdp")
int bare_redirect(struct xdp_md *ctx)
{
	void *packet = (void *)(long)ctx->data;

	if (packet + ETH_HLEN > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	COPY(__u32, packet, gen.head, 0);
	COPY(__u16, packet, gen.head, 4);
	COPY(__u32, packet, gen.head, 6);
	COPY(__u16, packet, gen.head, 10);
	return bpf_redirect(out_ifindex, 0);
}

SEC("xdp")
int bare_tx(struct xdp_md *ctx)
{
	void *packet = (void *)(long)ctx->data;

	if (packet + ETH_HLEN > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	COPY(__u32, packet, gen.head, 0);
	COPY(__u16, packet, gen.head, 4);
	COPY(__u32, packet, gen.head, 6);
	COPY(__u16, packet, gen.head, 10);
	return XDP_TX;
}

/* ---- sinks: the flow's data ends and counts here, the rest goes up ---- */

static __always_inline int arrives(void *packet, void *end)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&arrived, &zero);

	if (!n || packet + BENCH_HEAD4 > end || AT(__u8, packet, 42) != 4)
		return 0;
	if (gen.sink_index && gen.sink_index != AT(__u32, packet, 46))
		return 0;
	++*n;
	return 1;
}

SEC("xdp")
int sink_xdp(struct xdp_md *ctx)
{
	return arrives((void *)(long)ctx->data, (void *)(long)ctx->data_end)
		       ? XDP_DROP
		       : XDP_PASS;
}

SEC("tc")
int sink_tc(struct __sk_buff *skb)
{
	if (bpf_skb_pull_data(skb, BENCH_HEAD4))
		return TC_ACT_OK;
	return arrives((void *)(long)skb->data, (void *)(long)skb->data_end)
		       ? TC_ACT_SHOT
		       : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
