/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One data packet from its leg to the other one, twice over.
 *
 * The plain path is for nearly every packet: untagged, both legs of one family,
 * the next hop resolved, and nothing wrong. Where anything is out of the ordinary
 * it has changed nothing and leaves the packet UNDECIDED. The other path then
 * starts from the frame again, knows every case and gives the reason. So the
 * first one keeps little and is quick, and the second one may be slow.
 */
#ifndef SLUICE_FORWARD_H
#define SLUICE_FORWARD_H

#include "lib/handshake.h"
#include "lib/nexthop.h"
#include "lib/rewrite.h"

/* The packet's length on the way out, with its new IP header. */
static __always_inline __u32 length_out(const struct packet *pkt,
					const struct way *way)
{
	return pkt->ip_length +
	       (way->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
}

static __always_inline bool fits_mtu(const struct way *way, __u32 length)
{
	return length <= 0xffff && (!way->mtu || length <= way->mtu);
}

static __always_inline bool has_hop_left(const struct packet *pkt,
					 const bool v6)
{
	return (v6 ? pkt->ip6->hop_limit : pkt->ip4->ttl) > 1;
}

/*
 * From this host to itself? A leg that leads to the address it is served from,
 * or to the one that the packet came to, or a sender that has it.
 */
static __always_inline bool is_loop_v4(const struct iphdr *ip,
				       const struct way *way)
{
	return way->dest4 == way->source4 || way->dest4 == ip->daddr ||
	       ip->saddr == ip->daddr;
}

static __always_inline bool is_same_v6(const word64 *a, const word64 *b)
{
	return !((a[0] ^ b[0]) | (a[1] ^ b[1]));
}

static __always_inline bool is_loop_v6(const struct ipv6hdr *ip,
				       const struct way *way)
{
	const word64 *source = (const void *)&ip->saddr;
	const word64 *dest = (const void *)&ip->daddr;

	return is_same_v6(way->dest6, way->source6) ||
	       is_same_v6(way->dest6, dest) || is_same_v6(source, dest);
}

static __always_inline bool is_loop(const struct packet *pkt,
				    const struct way *way)
{
	if (way->v6 && pkt->v6)
		return is_loop_v6(pkt->ip6, way);
	if (!way->v6 && !pkt->v6)
		return is_loop_v4(pkt->ip4, way);
	return way->v6 ? is_same_v6(way->dest6, way->source6)
		       : way->dest4 == way->source4;
}

static __always_inline __u32 send(struct xdp_md *ctx, __u32 ifindex)
{
	if (ifindex == ctx->ingress_ifindex)
		return SLUICE_REASON_forward_tx;
	bpf_redirect(ifindex, 0);
	return SLUICE_REASON_forward_redirect;
}

static __always_inline void count_forwarded(const struct session *session,
					    __u32 length,
					    const struct relay_config *config)
{
	__u32 at = bpf_get_smp_processor_id() * config->count_stride +
		   session->count;
	__u32 from = session->from, to = session->to;
	struct sluice_count *count = bpf_map_lookup_elem(&relay_count, &at);
	struct relay_leg_count *leg;

	if (likely(count)) {
		count->packets++;
		count->bytes += length;
	}
	leg = bpf_map_lookup_elem(&relay_leg_count, &from);
	if (likely(leg)) {
		leg->rx_packets++;
		leg->rx_bytes += length;
	}
	leg = bpf_map_lookup_elem(&relay_leg_count, &to);
	if (likely(leg)) {
		leg->tx_packets++;
		leg->tx_bytes += length;
	}
}

/* ---- the plain path ---- */

/* The way for a packet of a session, if it is a plain one. */
static __always_inline bool find_plain(struct way *way,
				       const struct session *session,
				       const struct packet *pkt, const bool v6)
{
	const __u32 header = v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	const struct relay_leg *from = leg_get(session->from);
	const struct relay_leg *to = leg_get(session->to);

	if (!from || !to || !has_hop_left(pkt, v6) ||
	    !legs_take(way, from, to, pkt, pkt->ip_length + header, v6))
		return false;
	return v6 ? !is_loop_v6(pkt->ip6, way) : !is_loop_v4(pkt->ip4, way);
}

/* The checksum as it leaves, where that is plain: 0 for none on IPv4. */
static __always_inline bool sum_plain(__sum16 *check, const struct packet *pkt,
				      const struct way *way, __u64 delta,
				      __u64 came, const bool v6)
{
	const struct udphdr *udp = pkt->udp;

	*check = 0;
	if (unlikely(!udp->check || sum_is_partial(udp, came)))
		return !v6;
	*check = udp_sum_update(udp, way, delta);
	return true;
}

static __always_inline __u32 forward_plain(struct xdp_md *ctx,
					   const struct relay_config *config,
					   const bool v6)
{
	struct session session;
	const struct wg_data *message;
	struct packet pkt;
	__u64 came, delta;
	struct way way;
	__sum16 check;

	if (!parse_plain(&pkt, ctx, v6))
		return UNDECIDED;
	message = (void *)(pkt.udp + 1);
	if (unlikely(!session_find(&session, message->receiver, config)))
		return SLUICE_REASON_no_session;
	if (unlikely(!find_plain(&way, &session, &pkt, v6)))
		return UNDECIDED;
	way.v6 = v6;
	came = sum_came(&pkt, v6);
	delta = SUM_BIAS + sum_leaves(&way) - came;
	if (unlikely(!sum_plain(&check, &pkt, &way, delta, came, v6)))
		return UNDECIDED;
	rewrite_in_place(&pkt, &way, check, delta, v6);
	count_forwarded(&session, pkt.length, config);
	return send(ctx, way.ifindex);
}

/*
 * IPv6 has a frame of its own: its addresses are most of what has to be kept,
 * and all frames of a chain of calls share 512 bytes.
 */
static __noinline __u32 forward_plain_v6(struct xdp_md *ctx,
					 const struct relay_config *config)
{
	return forward_plain(ctx, config, true);
}

/* ---- the other path ---- */

/* The agent writes for some ten nanoseconds: more tries mean it was stopped. */
#define LEG_TRIES 4

/* Has the packet come from where its session comes from? */
static __noinline __u32 check_source(const struct packet *pkt, __u32 from)
{
	const struct relay_leg *leg = leg_get(from);
	enum leg_answer sent = LEG_BUSY;

	if (!leg)
		return SLUICE_REASON_no_session;
#pragma clang loop unroll(disable)
	for (int i = 0; i < LEG_TRIES && sent == LEG_BUSY; i++)
		sent = leg_sent(leg, pkt, pkt->v6);
	if (sent == LEG_BUSY)
		return SLUICE_REASON_leg_busy;
	return sent == LEG_YES ? UNDECIDED : SLUICE_REASON_wrong_source;
}

static __noinline __u32 find_way(struct way *way, __u32 to)
{
	const struct relay_leg *leg = leg_get(to);
	enum leg_answer answer = LEG_BUSY;

	if (!leg)
		return SLUICE_REASON_no_session;
#pragma clang loop unroll(disable)
	for (int i = 0; i < LEG_TRIES && answer == LEG_BUSY; i++)
		answer = leg_way(way, leg);
	if (answer == LEG_BUSY)
		return SLUICE_REASON_leg_busy;
	return answer == LEG_YES ? UNDECIDED : SLUICE_REASON_no_session;
}

/* Everything that keeps a packet from its way, and the next hop. */
static __noinline __u32 check_way(const struct packet *pkt, struct way *way,
				  struct xdp_md *ctx)
{
	__u32 length = length_out(pkt, way);

	if (is_loop(pkt, way))
		return SLUICE_REASON_loop;
	if (!has_hop_left(pkt, pkt->v6))
		return SLUICE_REASON_ttl_expired;
	if (!fits_mtu(way, length))
		return SLUICE_REASON_too_big;
	if (way->flags & RELAY_LEG_RESOLVED)
		return UNDECIDED;
	return nexthop_find(way, ctx, length);
}

static __noinline __u32 find_session(struct session *session, __le32 index,
				     const struct relay_config *config)
{
	return session_find(session, index, config) ? UNDECIDED
						    : SLUICE_REASON_no_session;
}

static __noinline __u32 forward_other(struct xdp_md *ctx,
				      const struct relay_config *config)
{
	const void *end = (void *)(long)ctx->data_end;
	const struct wg_data *message;
	struct session session = {};
	struct packet pkt = {};
	struct way way = {};
	__u32 reason, length;

	reason = parse(&pkt, ctx, config);
	message = (void *)(pkt.udp + 1);
	if (reason != UNDECIDED || (void *)(message + 1) > end)
		return SLUICE_REASON_foreign;
	length = pkt.length;
	reason = find_session(&session, message->receiver, config);
	/* The relay's own tunnel has no leg to compare with: who may use it
	 * is judged by what is known of the source. */
	if (reason == UNDECIDED && session.to == RELAY_LEG_LOCAL)
		reason = SLUICE_REASON_wrong_source;
	if (reason == UNDECIDED)
		reason = check_source(&pkt, session.from);
	if (reason == UNDECIDED)
		reason = find_way(&way, session.to);
	if (reason == UNDECIDED)
		reason = check_way(&pkt, &way, ctx);
	if (reason == UNDECIDED)
		reason = rewrite_other(&pkt, &way, ctx);
	if (reason != UNDECIDED)
		return reason;
	count_forwarded(&session, length, config);
	return send(ctx, way.ifindex);
}

#endif
