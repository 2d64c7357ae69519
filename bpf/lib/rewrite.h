/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packet as it leaves. An untagged one between legs of one family is
 * rewritten where it stands. For every other new headers are made on the stack,
 * the head of the frame is moved where its length changes, and they are laid
 * down in front of the UDP header, which never moves.
 *
 * Whatever can still send the packet up comes before the first byte changes.
 */
#ifndef SLUICE_REWRITE_H
#define SLUICE_REWRITE_H

#include "lib/checksum.h"
#include "lib/leg.h"
#include "lib/parse.h"

/* Payloads below this, a little more than a full-size frame, are summed here. */
#define PAYLOAD_MAX 2048
#define PAYLOAD_CHUNK 512 /* as much as bpf_csum_diff() takes at once */

/* One hop less: the TTL is the first of two bytes of a word. */
#define TTL_STEP bpf_htons(0x0100)

static __always_inline __u64 sum_halves(__u64 word)
{
	return (word & 0xffffffff) + (word >> 32);
}

static __always_inline __u64 sum_in6(const void *addr)
{
	const word64 *words = addr;

	return sum_halves(words[0]) + sum_halves(words[1]);
}

/* The sum of both addresses: as they came, and as they leave. */
static __always_inline __u64 sum_came(const struct packet *pkt, const bool v6)
{
	if (v6)
		return sum_in6(&pkt->ip6->saddr) + sum_in6(&pkt->ip6->daddr);
	return (__u64)pkt->ip4->saddr + pkt->ip4->daddr;
}

static __always_inline __u64 sum_leaves(const struct way *way)
{
	if (way->v6)
		return sum_halves(way->source6[0]) +
		       sum_halves(way->source6[1]) + sum_halves(way->dest6[0]) +
		       sum_halves(way->dest6[1]);
	return (__u64)way->source4 + way->dest4;
}

/* With size more bytes, a constant, multiple of four. That they are there is
 * known, but not to the verifier. */
static __always_inline __s64 payload_add(__s64 sum, void *at, const __u32 size,
					 const void *end)
{
	if (at + size > end)
		return sum;
	return bpf_csum_diff(NULL, 0, at, size, sum);
}

/*
 * The sum of length bytes at this offset of the frame, or -1 where that is too
 * much work: then the agent sends the packet. The bits of the length are the parts
 * to add, so that there is no loop to walk; of each part's place the verifier
 * knows what the mask leaves.
 */
static __noinline __s64 payload_sum(struct xdp_md *ctx, __u32 offset,
				    __u32 length)
{
	void *payload = (void *)(long)ctx->data + (offset & 0x7f);
	const void *end = (void *)(long)ctx->data_end;
	__s64 sum = unknown(0);
	void *tail;

	if (length >= PAYLOAD_MAX)
		return -1;
	if (length & PAYLOAD_CHUNK * 2) {
		sum = payload_add(sum, payload, PAYLOAD_CHUNK, end);
		sum = payload_add(sum, payload + PAYLOAD_CHUNK, PAYLOAD_CHUNK,
				  end);
	}
#pragma unroll
	for (__u32 size = PAYLOAD_CHUNK; size >= 4; size /= 2) {
		tail = payload + (length & (PAYLOAD_MAX - 2 * size));
		if (length & size)
			sum = payload_add(sum, tail, size, end);
	}
	tail = payload + (length & (PAYLOAD_MAX - 4));
	if ((length & 2) && tail + 2 <= end)
		sum += *(word16 *)tail;
	/* A last odd byte is the first of a word whose second is zero. */
	tail = payload + (length & (PAYLOAD_MAX - 2));
	if ((length & 1) && tail + 1 <= end)
		sum += bpf_htons(*(__u8 *)tail << 8);
	return sum;
}

/* A field that is the folded sum of the pseudo header comes from a sender on
 * this machine, which left the rest to its device. */
static __always_inline bool sum_is_partial(const struct udphdr *udp, __u64 came)
{
	return sum_is(came + udp->len + bpf_htons(IPPROTO_UDP), udp->check);
}

/* For new ports, and for addresses whose sum changed by delta. */
static __always_inline __sum16 udp_sum_update(const struct udphdr *udp,
					      const struct way *way,
					      __u64 delta)
{
	return sum_update_udp(udp->check,
			      delta + way->ports - *(const word32 *)udp);
}

/* The checksum from nothing, for a packet that came with a partial one. */
static __always_inline __u32 udp_sum_whole(__sum16 *check,
					   const struct packet *pkt,
					   const struct way *way,
					   struct xdp_md *ctx)
{
	const struct udphdr *udp = pkt->udp;
	__s64 sum =
		payload_sum(ctx, (void *)(udp + 1) - pkt->data, pkt->length);

	if (sum < 0)
		return SLUICE_REASON_needs_checksum;
	sum += sum_leaves(way) + way->ports;
	sum += 2ULL * udp->len + bpf_htons(IPPROTO_UDP);
	*check = ~sum_fold(sum);
	if (!*check)
		*check = 0xffff;
	return UNDECIDED;
}

/* The UDP checksum as it leaves, for any two families. */
static __always_inline __u32 udp_sum(__sum16 *check, const struct packet *pkt,
				     const struct way *way, struct xdp_md *ctx)
{
	const struct udphdr *udp = pkt->udp;
	__u64 came = sum_came(pkt, pkt->v6);

	*check = 0;
	if (!pkt->v6 && !udp->check)
		return way->v6 ? SLUICE_REASON_needs_checksum : UNDECIDED;
	if (unlikely(sum_is_partial(udp, came))) {
		if (way->v6)
			return udp_sum_whole(check, pkt, way, ctx);
		return UNDECIDED;
	}
	*check = udp_sum_update(udp, way, SUM_BIAS + sum_leaves(way) - came);
	return UNDECIDED;
}

/* delta is what the sum of the addresses changes by, and SUM_BIAS. */
static __always_inline void ipv4_rewrite(struct iphdr *ip,
					 const struct way *way, __u64 delta)
{
	ip->check = sum_update(ip->check, delta - TTL_STEP);
	ip->ttl--;
	ip->saddr = way->source4;
	ip->daddr = way->dest4;
}

static __always_inline void ipv6_rewrite(struct ipv6hdr *ip,
					 const struct way *way)
{
	word64 *source = (void *)&ip->saddr;
	word64 *dest = (void *)&ip->daddr;

	ip->hop_limit--;
	source[0] = way->source6[0];
	source[1] = way->source6[1];
	dest[0] = way->dest6[0];
	dest[1] = way->dest6[1];
}

/* Untagged, and of one family: where it stands. */
static __always_inline void rewrite_in_place(const struct packet *pkt,
					     const struct way *way,
					     __sum16 check, __u64 delta,
					     const bool v6)
{
	*(word64 *)pkt->data = way->mac_head;
	*(word32 *)(pkt->data + 8) = way->mac_tail;
	if (v6)
		ipv6_rewrite(pkt->ip6, way);
	else
		ipv4_rewrite(pkt->ip4, way, delta);
	*(word32 *)pkt->udp = way->ports;
	pkt->udp->check = check;
}

/* The headers of a frame whose head has to move. */
struct headers {
	__u64 mac_head;
	__u32 mac_tail;
	__u32 ports;
	union {
		struct iphdr ip4;
		struct ipv6hdr ip6;
		__u32 ip[sizeof(struct ipv6hdr) / 4];
	};
	__u16 vlan[VLAN_TAGS_MAX];
	__be16 outer; /* the protocol of the outer or only tag */
	__sum16 check;
	__u16 v6;
	__s32 grow; /* bytes that the frame gains */
	__u32 tags;
};

/* IPv4's type of service is IPv6's traffic class: DSCP and ECN. */
#define IPV6_VERSION 6
#define IPV6_CLASS_SHIFT 20
#define IPV6_LONGER \
	((__s32)sizeof(struct ipv6hdr) - (__s32)sizeof(struct iphdr))

static __always_inline void headers_4to6(struct headers *new,
					 const struct packet *pkt,
					 const struct way *way)
{
	const struct iphdr *ip = pkt->ip4;

	new->ip[0] = bpf_htonl((__u32)IPV6_VERSION << 28 |
			       (__u32)ip->tos << IPV6_CLASS_SHIFT);
	new->ip[1] =
		bpf_htonl(pkt->ip_length << 16 | IPPROTO_UDP << 8 | ip->ttl);
	ipv6_rewrite(&new->ip6, way);
}

static __always_inline void headers_6to4(struct headers *new,
					 const struct packet *pkt,
					 const struct way *way)
{
	const struct ipv6hdr *ip = pkt->ip6;
	__u32 tos = bpf_ntohl(*(word32 *)ip) >> IPV6_CLASS_SHIFT & 0xff;
	__u32 length = pkt->ip_length + sizeof(struct iphdr);
	__u32 ttl = ip->hop_limit - 1;
	__u64 sum = 0;

	new->ip[0] = bpf_htonl((__u32)IPV4_SIMPLE << 24 | tos << 16 | length);
	new->ip[1] = bpf_htonl(0x4000); /* don't fragment */
	new->ip[2] = bpf_htonl(ttl << 24 | IPPROTO_UDP << 16);
	new->ip[3] = way->source4;
	new->ip[4] = way->dest4;
#pragma unroll
	for (__u32 i = 0; i < sizeof(struct iphdr) / 4; i++)
		sum += new->ip[i];
	new->ip4.check = ~sum_fold(sum);
}

/* Bytes that the frame gains. */
static __always_inline __s32 headers_growth(const struct packet *pkt,
					    const struct way *way)
{
	__s32 growth = (__s32)(way_tags(way) - pkt->tags) *
		       (__s32)sizeof(struct vlan_tag);

	if (way->v6 == pkt->v6)
		return growth;
	return way->v6 ? growth + IPV6_LONGER : growth - IPV6_LONGER;
}

/* The tag's protocol as it came; without any, an outer tag of two is a
 * provider's and an only one a customer's. */
static __always_inline __be16 headers_outer(const struct packet *pkt,
					    __u32 tags)
{
	if (pkt->tags)
		return *(word16 *)(pkt->data + 2 * ETH_ALEN);
	return tags == 2 ? bpf_htons(ETH_P_8021AD) : bpf_htons(ETH_P_8021Q);
}

/*
 * This and headers_lay() are functions of their own so that the headers lie in
 * memory between them: in registers, an old verifier would tell apart each of
 * the ways in which they can come about.
 */
static __noinline int headers_make(struct headers *new,
				   const struct packet *pkt,
				   const struct way *way)
{
	new->mac_head = way->mac_head;
	new->mac_tail = way->mac_tail;
	new->ports = way->ports;
	new->vlan[0] = way->vlan[0];
	new->vlan[1] = way->vlan[1];
	new->tags = unknown(way_tags(way));
	new->outer = headers_outer(pkt, new->tags);
	new->v6 = unknown(way->v6);
	new->grow = unknown(headers_growth(pkt, way));
	if (way->v6 && !pkt->v6) {
		headers_4to6(new, pkt, way);
	} else if (pkt->v6 && !way->v6) {
		headers_6to4(new, pkt, way);
	} else if (way->v6) {
		new->ip6 = *pkt->ip6;
		ipv6_rewrite(&new->ip6, way);
	} else {
		new->ip4 = *pkt->ip4;
		ipv4_rewrite(&new->ip4, way,
			     SUM_BIAS + sum_leaves(way) - sum_came(pkt, false));
	}
	return 0;
}

static __always_inline void *headers_lay_tags(__be16 *proto,
					      const struct headers *new)
{
	struct vlan_tag *tag = (void *)(proto + 1);
	__be16 inner = new->v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);

	if (!new->tags) {
		*proto = inner;
		return tag;
	}
	*proto = new->outer;
	tag->tci = bpf_htons(new->vlan[0]);
	if (new->tags == 2) {
		tag->proto = bpf_htons(ETH_P_8021Q);
		tag++;
		tag->tci = bpf_htons(new->vlan[1]);
	}
	tag->proto = inner;
	return tag + 1;
}

/* The IP header; what follows it, or NULL where the frame is too short. */
static __always_inline struct udphdr *
headers_lay_ip(void *ip, const struct headers *new, const __u32 len, void *end)
{
	word32 *words = ip;

	if (ip + len + sizeof(struct udphdr) > end)
		return NULL;
#pragma unroll
	for (__u32 i = 0; i < len / 4; i++)
		words[i] = new->ip[i];
	return ip + len;
}

/* Onto a frame whose head has moved. False: it is too short, which can not be. */
static __noinline int headers_lay(const struct headers *new, struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;
	struct udphdr *udp;
	void *ip;

	if (data + sizeof(struct ethhdr) +
		    VLAN_TAGS_MAX * sizeof(struct vlan_tag) >
	    end)
		return false;
	*(word64 *)data = new->mac_head;
	*(word32 *)(data + 8) = new->mac_tail;
	ip = headers_lay_tags(data + 2 * ETH_ALEN, new);
	udp = new->v6 ? headers_lay_ip(ip, new, sizeof(new->ip6), end)
		      : headers_lay_ip(ip, new, sizeof(new->ip4), end);
	if (!udp)
		return false;
	*(word32 *)udp = new->ports;
	udp->check = new->check;
	return true;
}

/*
 * Any packet onto any way; UNDECIDED: it is ready to leave. Where the frame
 * keeps its length the head moves by nothing.
 */
static __noinline __u32 rewrite_other(const struct packet *pkt,
				      const struct way *way, struct xdp_md *ctx)
{
	struct headers new = {}; /* or an old verifier thinks parts unset */
	__u32 reason = udp_sum(&new.check, pkt, way, ctx);

	if (reason != UNDECIDED)
		return reason;
	headers_make(&new, pkt, way);
	/* Nothing has changed when this fails. */
	if (new.grow && bpf_xdp_adjust_head(ctx, -new.grow))
		return SLUICE_REASON_no_headroom;
	return headers_lay(&new, ctx) ? UNDECIDED : SLUICE_REASON_broken;
}

#endif
