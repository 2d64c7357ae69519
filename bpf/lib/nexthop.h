/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The next hop of a leg that the agent has not resolved: what the kernel's
 * routing table and neighbours say now.
 */
#ifndef SLUICE_NEXTHOP_H
#define SLUICE_NEXTHOP_H

#include "lib/leg.h"

#define AF_INET 2
#define AF_INET6 10

/* What becomes of a packet whose route the kernel answered with this. */
static __always_inline __u32 nexthop_reason(long answer)
{
	switch (answer) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		return UNDECIDED;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		return SLUICE_REASON_too_big;
	case BPF_FIB_LKUP_RET_BLACKHOLE:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
		return SLUICE_REASON_no_route;
	default:
		return SLUICE_REASON_no_neighbour;
	}
}

static __always_inline void nexthop_ask_for(struct bpf_fib_lookup *fib,
					    const struct way *way)
{
	if (way->v6) {
		fib->family = AF_INET6;
		((word64 *)fib->ipv6_src)[0] = way->source6[0];
		((word64 *)fib->ipv6_src)[1] = way->source6[1];
		((word64 *)fib->ipv6_dst)[0] = way->dest6[0];
		((word64 *)fib->ipv6_dst)[1] = way->dest6[1];
	} else {
		fib->family = AF_INET;
		fib->ipv4_src = way->source4;
		fib->ipv4_dst = way->dest4;
	}
}

/*
 * Completes the way out, or says why there is none. Only the device that the
 * packet came in by is known to send what an XDP program gives it: a bridge, a
 * VLAN device or a tunnel would lose the frame after it was counted. The agent
 * knows the devices, and resolves the leg or forwards.
 */
static __noinline __u32 nexthop_find(struct way *way, struct xdp_md *ctx,
				     __u32 ip_length)
{
	struct bpf_fib_lookup fib = {
		.l4_protocol = IPPROTO_UDP,
		.tot_len = ip_length,
		.ifindex = ctx->ingress_ifindex,
	};
	__u32 reason;

	nexthop_ask_for(&fib, way);
	reason = nexthop_reason(bpf_fib_lookup(ctx, &fib, sizeof(fib), 0));
	if (reason != UNDECIDED)
		return reason;
	if (fib.ifindex != ctx->ingress_ifindex)
		return SLUICE_REASON_no_neighbour;
	way->ifindex = fib.ifindex;
	way->vlans = 0;
	__builtin_memcpy(&way->mac_head, fib.dmac, ETH_ALEN);
	__builtin_memcpy((void *)&way->mac_head + ETH_ALEN, fib.smac, 2);
	__builtin_memcpy(&way->mac_tail, fib.smac + 2, 4);
	return UNDECIDED;
}

#endif
