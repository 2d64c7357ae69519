/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who sent what to whom, spelled out in full, with mapped addresses as the maps
 * have them. Only what is not forwarded needs it: it parses the frame again, so
 * that the forwarding path keeps nothing in memory for its sake.
 */
#ifndef SLUICE_FLOW_H
#define SLUICE_FLOW_H

#include "lib/maps.h"
#include "lib/parse.h"
#include "lib/wg.h"

struct flow {
	__u8 source[16];
	__u8 dest[16];
	__be16 source_port;
	__be16 dest_port;
	__u32 length; /* of the UDP payload */
	__u32 offset; /* of the UDP payload in the frame */
	__u32 word; /* its first four bytes, as they load; 0 if not there */
	__le32 index; /* of the receiver; 0 if there is none */
	__u32 v6;
};

/* Mapped: ::ffff:a.b.c.d. */
static __always_inline void flow_map_v4(__u8 addr[16], __be32 v4)
{
	word32 *words = (word32 *)addr;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = v4;
}

static __always_inline void flow_copy_v6(__u8 addr[16],
					 const struct in6_addr *v6)
{
	((word64 *)addr)[0] = ((const word64 *)v6)[0];
	((word64 *)addr)[1] = ((const word64 *)v6)[1];
}

/* The message's first word and its receiver's index, where it has them. */
static __always_inline void flow_message(struct flow *flow, const void *message,
					 const void *end)
{
	const word32 *words = message;

	if (message + sizeof(struct wg_header) > end || flow->length < 4)
		return;
	flow->word = words[0];
	if (message + WG_DATA_MIN_LEN > end || flow->length < WG_DATA_MIN_LEN)
		return;
	if (flow->word == WG_WORD(WG_DATA) || flow->word == WG_WORD(WG_COOKIE))
		flow->index = words[1];
	else if (flow->word == WG_WORD(WG_RESPONSE))
		flow->index = words[2];
}

/* Fills in what there is of a frame that reached the relay's port. */
static __noinline int flow_read(struct flow *flow, struct xdp_md *ctx,
				const struct relay_config *config)
{
	const void *end = (void *)(long)ctx->data_end;
	struct packet pkt = {};

	parse(&pkt, ctx, config);
	if (!pkt.udp)
		return -1;
	flow->v6 = unknown(pkt.v6);
	if (pkt.v6) {
		/* Known, but not to the verifier. */
		if ((void *)(pkt.ip6 + 1) > end)
			return -1;
		flow_copy_v6(flow->source, &pkt.ip6->saddr);
		flow_copy_v6(flow->dest, &pkt.ip6->daddr);
	} else {
		flow_map_v4(flow->source, pkt.ip4->saddr);
		flow_map_v4(flow->dest, pkt.ip4->daddr);
	}
	flow->source_port = pkt.udp->source;
	flow->dest_port = pkt.udp->dest;
	flow->length = pkt.length;
	flow->offset = (void *)(pkt.udp + 1) - pkt.data;
	flow_message(flow, pkt.udp + 1, end);
	return 0;
}

/* Is it an address of this host? */
static __noinline int own_address(const __u8 addr[16])
{
	return bpf_map_lookup_elem(&relay_local, addr) != NULL;
}

/*
 * The last question before a drop and before a packet goes up as the relay's:
 * is it for an address of this host at all?
 */
static __noinline __u32 if_ours(struct xdp_md *ctx,
				const struct relay_config *config, __u32 reason)
{
	struct flow flow = {};

	if (flow_read(&flow, ctx, config) || !own_address(flow.dest))
		return SLUICE_REASON_foreign;
	return reason;
}

#endif
