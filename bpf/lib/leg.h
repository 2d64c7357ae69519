/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Legs: does a packet come from one, and where does another one lead? The agent
 * writes a leg while packets read it, so both questions are asked between two
 * looks at its sequence number and asked again when it moved.
 */
#ifndef SLUICE_LEG_H
#define SLUICE_LEG_H

#include "lib/maps.h"
#include "lib/parse.h"

enum leg_answer {
	LEG_NO,
	LEG_YES,
	LEG_BUSY,
};

/* A leg as far as the way out needs it: plain words, so that they can live in
 * registers. Addresses and ports stand as they leave. */
struct way {
	bool v6;
	__u16 flags;
	__u16 mtu;
	__u32 ifindex;
	__u32 ports; /* source, destination */
	union {
		__u16 vlan[VLAN_TAGS_MAX];
		__u32 vlans;
	};
	__u64 mac_head; /* the first twelve bytes of the frame: 8 and 4 */
	__u32 mac_tail;
	__u32 source4, dest4;
	__u64 source6[2], dest6[2];
};

static __always_inline struct relay_leg *leg_get(__u32 number)
{
	return bpf_map_lookup_elem(&relay_leg, &number);
}

static __always_inline __u32 leg_begin(const struct relay_leg *leg)
{
	__u32 seq = READ_ONCE(leg->seq);

	read_barrier();
	return seq;
}

static __always_inline bool leg_held(const struct relay_leg *leg, __u32 seq)
{
	read_barrier();
	return !(seq & 1) && READ_ONCE(leg->seq) == seq;
}

#define IPV4_AT 12 /* where the four bytes stand in a mapped address */

static __always_inline bool leg_fits_v4(const struct relay_leg *leg,
					const struct iphdr *ip)
{
	return *(word32 *)(leg->addr + IPV4_AT) == ip->saddr &&
	       *(word32 *)(leg->local + IPV4_AT) == ip->daddr;
}

static __always_inline bool leg_fits_v6(const struct relay_leg *leg,
					const struct ipv6hdr *ip)
{
	const word64 *addr = (const void *)leg->addr;
	const word64 *local = (const void *)leg->local;
	const word64 *source = (const void *)&ip->saddr;
	const word64 *dest = (const void *)&ip->daddr;

	return !((addr[0] ^ source[0]) | (addr[1] ^ source[1]) |
		 (local[0] ^ dest[0]) | (local[1] ^ dest[1]));
}

static __always_inline bool leg_fits(const struct relay_leg *leg,
				     const struct packet *pkt, const bool v6)
{
	const __u16 wanted = RELAY_LEG_INUSE | (v6 ? RELAY_LEG_V6 : 0);

	if ((leg->flags & (RELAY_LEG_INUSE | RELAY_LEG_V6)) != wanted)
		return false;
	/* Both ports at once: {port, local_port} as {source, dest}. */
	if (*(word32 *)&leg->port != *(word32 *)pkt->udp)
		return false;
	return v6 ? leg_fits_v6(leg, pkt->ip6) : leg_fits_v4(leg, pkt->ip4);
}

/* {port, local_port} is {destination, source} on the way out. */
static __always_inline __u32 swap_ports(__u32 ports)
{
	return ports << 16 | ports >> 16;
}

/* Which addresses to copy. Those of a family that is not the leg's are of no use,
 * but whoever does not know the family yet takes both. */
enum way_family {
	WAY_V4 = 1 << 0,
	WAY_V6 = 1 << 1,
};

static __always_inline void leg_copy(struct way *way,
				     const struct relay_leg *leg,
				     const enum way_family wanted)
{
	const word64 *addr = (const void *)leg->addr;
	const word64 *local = (const void *)leg->local;
	const word64 *macs = (const void *)leg->dmac;

	way->flags = leg->flags;
	way->v6 = way->flags & RELAY_LEG_V6;
	way->mtu = leg->mtu;
	way->ifindex = leg->ifindex;
	way->ports = swap_ports(*(word32 *)&leg->port);
	way->vlans = *(word32 *)leg->vlan;
	way->mac_head = macs[0];
	way->mac_tail = *(word32 *)&macs[1];
	if (wanted & WAY_V4) {
		way->source4 = *(word32 *)(leg->local + IPV4_AT);
		way->dest4 = *(word32 *)(leg->addr + IPV4_AT);
	}
	if (wanted & WAY_V6) {
		way->source6[0] = local[0];
		way->source6[1] = local[1];
		way->dest6[0] = addr[0];
		way->dest6[1] = addr[1];
	}
}

/* Has the packet been sent by this leg to the address that serves it? */
static __always_inline enum leg_answer
leg_sent(const struct relay_leg *leg, const struct packet *pkt, const bool v6)
{
	__u32 seq = leg_begin(leg);
	bool fits = leg_fits(leg, pkt, v6);

	if (unlikely(!leg_held(leg, seq)))
		return LEG_BUSY;
	return fits ? LEG_YES : LEG_NO;
}

/* Where does the leg lead? LEG_NO: nobody uses it any more. */
static __always_inline enum leg_answer leg_way(struct way *way,
					       const struct relay_leg *leg)
{
	__u32 seq = leg_begin(leg);

	leg_copy(way, leg, WAY_V4 | WAY_V6);
	if (unlikely(!leg_held(leg, seq)))
		return LEG_BUSY;
	return way->flags & RELAY_LEG_INUSE ? LEG_YES : LEG_NO;
}

/* A resolved leg in use, of this family, without tags, wide enough. */
static __always_inline bool leg_is_plain(const struct relay_leg *leg,
					 __u32 ip_length, const bool v6)
{
	const __u16 wanted =
		RELAY_LEG_INUSE | RELAY_LEG_RESOLVED | (v6 ? RELAY_LEG_V6 : 0);

	return leg->flags == wanted && !*(word32 *)leg->vlan &&
	       (!leg->mtu || ip_length <= leg->mtu);
}

/*
 * Both questions in one go for the usual case: true if the packet is from's, the
 * way to `to` is a plain one, and way is it. False may be a leg that was being
 * written: then the questions have to be asked one by one.
 */
static __always_inline bool legs_take(struct way *way,
				      const struct relay_leg *from,
				      const struct relay_leg *to,
				      const struct packet *pkt, __u32 ip_length,
				      const bool v6)
{
	__u32 from_seq = READ_ONCE(from->seq), to_seq = READ_ONCE(to->seq);

	read_barrier();
	if (!leg_fits(from, pkt, v6) || !leg_is_plain(to, ip_length, v6))
		return false;
	leg_copy(way, to, v6 ? WAY_V6 : WAY_V4);
	read_barrier();
	return !((from_seq | to_seq) & 1) && READ_ONCE(from->seq) == from_seq &&
	       READ_ONCE(to->seq) == to_seq;
}

/* The tags it leaves with. */
static __always_inline __u32 way_tags(const struct way *way)
{
	return !!way->vlan[0] + !!way->vlan[1];
}

#endif
