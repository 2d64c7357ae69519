/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the frame to the UDP payload: one cursor walks, every length is bounded
 * by the one that encloses it, and a header that ends exactly at the end is
 * whole. Bytes after the IP packet are the link's padding and nobody's business.
 */
#ifndef SLUICE_PARSE_H
#define SLUICE_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <sluice/abi.h>
#include <sluice/reason.h>

#include "lib/wg.h"

/* A packet that no step has judged yet. */
#define UNDECIDED SLUICE_REASON_COUNT

struct vlan_tag {
	__be16 tci; /* priority, DEI and the id */
	__be16 proto; /* of what follows */
};

#define VLAN_TAGS_MAX 2

struct packet {
	void *data;
	union { /* by v6 */
		struct iphdr *ip4;
		struct ipv6hdr *ip6;
	};
	struct udphdr *udp; /* NULL until it is known to be there */
	__u32 ip_length; /* after the IP header */
	__u32 length; /* of the UDP payload */
	__u8 tags; /* VLAN tags */
	bool v6;
};

struct cursor {
	void *at;
	void *end;
};

/* Steps over the next len bytes; false where the frame ends before. */
static __always_inline bool cursor_take(struct cursor *cursor, __u32 len)
{
	if (unlikely(cursor->at + len > cursor->end))
		return false;
	cursor->at += len;
	return true;
}

static __always_inline bool is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) ||
	       proto == bpf_htons(ETH_P_8021AD);
}

/* The protocol behind at most two tags; 0 where the frame ends. */
static __always_inline __be16 parse_tags(struct packet *pkt,
					 struct cursor *cursor, __be16 proto)
{
	struct vlan_tag *tag;

#pragma unroll
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		if (!is_vlan(proto))
			break;
		tag = cursor->at;
		if (!cursor_take(cursor, sizeof(*tag)))
			return 0;
		pkt->tags++;
		proto = tag->proto;
	}
	return proto;
}

static __always_inline __be16 parse_ethernet(struct packet *pkt,
					     struct cursor *cursor)
{
	__be16 proto;

	pkt->tags = 0;
	if (!cursor_take(cursor, sizeof(struct ethhdr)))
		return 0;
	proto = *(word16 *)(pkt->data + 2 * ETH_ALEN);
	if (likely(!is_vlan(proto)))
		return proto;
	return parse_tags(pkt, cursor, proto);
}

#define IPV4_SIMPLE 0x45 /* version 4, five words of header */
#define IPV4_FRAGMENT 0x3fff /* more fragments, or an offset */

static __always_inline bool ipv4_is_simple(const struct iphdr *ip)
{
	return *(const __u8 *)ip == IPV4_SIMPLE &&
	       !(ip->frag_off & bpf_htons(IPV4_FRAGMENT));
}

static __always_inline __u32 parse_ipv4(struct packet *pkt,
					struct cursor *cursor)
{
	struct iphdr *ip = cursor->at;

	if (!cursor_take(cursor, sizeof(*ip)) || ip->protocol != IPPROTO_UDP)
		return SLUICE_REASON_foreign;
	if (!ipv4_is_simple(ip))
		return SLUICE_REASON_not_simple;
	pkt->v6 = false;
	pkt->ip4 = ip;
	pkt->ip_length = bpf_ntohs(ip->tot_len) - sizeof(*ip);
	return UNDECIDED;
}

static __always_inline bool ipv6_has_version(const struct ipv6hdr *ip)
{
	return *(const __u8 *)ip >> 4 == 6;
}

static __always_inline bool is_extension(__u8 next)
{
	switch (next) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
		return true;
	default:
		return false;
	}
}

static __always_inline __u32 parse_ipv6(struct packet *pkt,
					struct cursor *cursor)
{
	struct ipv6hdr *ip = cursor->at;

	if (!cursor_take(cursor, sizeof(*ip)) || !ipv6_has_version(ip))
		return SLUICE_REASON_foreign;
	if (ip->nexthdr != IPPROTO_UDP)
		return is_extension(ip->nexthdr) ? SLUICE_REASON_not_simple
						 : SLUICE_REASON_foreign;
	pkt->v6 = true;
	pkt->ip6 = ip;
	pkt->ip_length = bpf_ntohs(ip->payload_len);
	return UNDECIDED;
}

/*
 * The port comes before any complaint: what goes to another port is another
 * service's, right or wrong. Where the IP packet ends before the UDP header
 * does there is no port at all.
 */
static __always_inline __u32 parse_udp(struct packet *pkt,
				       struct cursor *cursor,
				       const struct relay_config *config)
{
	struct udphdr *udp = cursor->at;
	__u32 port, length;

	if (!cursor_take(cursor, sizeof(*udp)) ||
	    (__s32)pkt->ip_length < (__s32)sizeof(*udp))
		return SLUICE_REASON_foreign;
	port = bpf_ntohs(udp->dest);
	if (port < config->port_min || port > config->port_max)
		return SLUICE_REASON_foreign;
	pkt->udp = udp;
	length = bpf_ntohs(udp->len);
	pkt->length = length - sizeof(*udp);
	if (length < sizeof(*udp) || length > pkt->ip_length ||
	    pkt->ip_length > (__u64)(cursor->end - (void *)udp))
		return SLUICE_REASON_bad_length;
	if (pkt->v6 && !udp->check)
		return SLUICE_REASON_bad_length;
	return UNDECIDED;
}

/* UNDECIDED, or why this is as far as it goes. */
static __always_inline __u32 parse(struct packet *pkt, struct xdp_md *ctx,
				   const struct relay_config *config)
{
	struct cursor cursor = {
		.at = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};
	__be16 proto;
	__u32 reason;

	pkt->data = cursor.at;
	pkt->udp = NULL;
	proto = parse_ethernet(pkt, &cursor);
	if (proto == bpf_htons(ETH_P_IP))
		reason = parse_ipv4(pkt, &cursor);
	else if (proto == bpf_htons(ETH_P_IPV6))
		reason = parse_ipv6(pkt, &cursor);
	else
		return SLUICE_REASON_foreign;
	if (reason != UNDECIDED)
		return reason;
	return parse_udp(pkt, &cursor, config);
}

/* Is the whole of its header there, and is it one of data? */
static __always_inline bool is_data(const struct packet *pkt,
				    struct xdp_md *ctx)
{
	const void *message = pkt->udp + 1;

	return message + sizeof(struct wg_data) <=
		       (void *)(long)ctx->data_end &&
	       wg_is_data(*(const word32 *)message, pkt->length);
}

/*
 * The shape of nearly every packet: no tags, nothing odd in the IP header, data
 * of WireGuard, all lengths in order. One bound covers what is read and every
 * header stands at a constant place. False says only that it is not this; the
 * port is left to whoever compares the addresses.
 */
static __always_inline bool ipv4_is_plain(const struct iphdr *ip)
{
	return ipv4_is_simple(ip) && ip->protocol == IPPROTO_UDP;
}

static __always_inline bool ipv6_is_plain(const struct ipv6hdr *ip)
{
	return ipv6_has_version(ip) && ip->nexthdr == IPPROTO_UDP;
}

static __always_inline bool parse_plain(struct packet *pkt, struct xdp_md *ctx,
					const bool v6)
{
	const __u32 header = v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	const __be16 proto = v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	const __u32 udp_at = ETH_HLEN + header;
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 udp_length, ip_length;

	if (data + udp_at + sizeof(struct udphdr) + WG_DATA_MIN_LEN > end ||
	    *(word16 *)(data + 2 * ETH_ALEN) != proto)
		return false;
	pkt->data = data;
	pkt->ip4 = data + ETH_HLEN;
	pkt->udp = data + udp_at;
	pkt->tags = 0;
	if (v6 ? !ipv6_is_plain(pkt->ip6) : !ipv4_is_plain(pkt->ip4))
		return false;
	/* With the header, so that nothing can wrap. */
	ip_length = v6 ? bpf_ntohs(pkt->ip6->payload_len) + header
		       : bpf_ntohs(pkt->ip4->tot_len);
	udp_length = bpf_ntohs(pkt->udp->len);
	pkt->ip_length = ip_length - header;
	pkt->length = udp_length - sizeof(struct udphdr);
	return udp_length >= sizeof(struct udphdr) + WG_DATA_MIN_LEN &&
	       udp_length + header <= ip_length &&
	       ip_length + ETH_HLEN <= (__u32)(end - data) &&
	       *(word32 *)(pkt->udp + 1) == WG_WORD(WG_DATA);
}

#endif
