// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The relay: forwards WireGuard's data packets between peers by their receiver
 * index, lets handshakes up to the agent that deserve it, and drops what is
 * certainly meant for the relay and certainly wrong.
 *
 * What it does not understand it passes up the stack, untouched: everything that
 * is not UDP to the relay's ports on one of this host's addresses is somebody
 * else's, and whatever of the relay's own traffic needs more than this program
 * can do is the agent's.
 */
#include "lib/forward.h"
#include "lib/verdict.h"

char LICENSE[] SEC("license") = "GPL";

/* Data goes on; everything else is a handshake, or nothing that we know. */
static __always_inline __u32 classify(const struct packet *pkt,
				      struct xdp_md *ctx,
				      const struct relay_config *config)
{
	const struct wg_data *message = (void *)(pkt->udp + 1);
	const void *end = (void *)(long)ctx->data_end;

	if ((void *)(message + 1) > end ||
	    !wg_is_data(*(word32 *)&message->header, pkt->length))
		return handshake(ctx, config);
	if (pkt->v6)
		return forward_plain_v6(ctx, config);
	return forward_plain(pkt, ctx, config, message->receiver, false);
}

/*
 * Second thoughts about what the plain path would not do, and whether what looks
 * wrong is any business of the relay's.
 */
static __always_inline __u32 reconsider(struct xdp_md *ctx,
					const struct relay_config *config,
					__u32 reason)
{
	if (reason == UNDECIDED)
		reason = forward_other(ctx, config);
	switch (reason) {
	case SLUICE_REASON_wrong_source:
		return mismatch(ctx, config);
	case SLUICE_REASON_bad_length:
	case SLUICE_REASON_no_session:
	case SLUICE_REASON_leg_busy:
		return if_ours(ctx, config, reason);
	default:
		return reason;
	}
}

SEC("xdp")
int relay(struct xdp_md *ctx)
{
	__u32 zero = 0, reason;
	const struct relay_config *config =
		bpf_map_lookup_elem(&relay_config, &zero);
	struct packet pkt;

	if (!config)
		return XDP_PASS;
	reason = parse(&pkt, ctx, config);
	if (likely(reason == UNDECIDED))
		reason = classify(&pkt, ctx, config);
	if (unlikely(reason > SLUICE_REASON_forward_redirect))
		reason = reconsider(ctx, config, reason);
	return verdict(ctx, config, reason);
}
