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

/* What the plain path leaves, by the whole rules. */
static __always_inline __u32 judge(struct xdp_md *ctx,
				   const struct relay_config *config)
{
	struct packet pkt;
	__u32 reason = parse(&pkt, ctx, config);

	if (reason != UNDECIDED)
		return reason;
	return is_data(&pkt, ctx) ? forward_other(ctx, config)
				  : handshake(ctx, config);
}

/* What is wrong may be none of the relay's business, or worth a question. */
static __always_inline __u32 settle(struct xdp_md *ctx,
				    const struct relay_config *config,
				    __u32 reason)
{
	switch (reason) {
	case SLUICE_REASON_wrong_source:
		return mismatch(ctx, config);
	case SLUICE_REASON_bad_length:
	case SLUICE_REASON_no_session:
		return if_ours(ctx, config, reason);
	case SLUICE_REASON_leg_busy:
	case SLUICE_REASON_no_neighbour:
	case SLUICE_REASON_no_headroom:
	case SLUICE_REASON_too_big:
	case SLUICE_REASON_needs_checksum:
		return slow_path(ctx, config, reason);
	default:
		return reason;
	}
}

SEC("xdp")
int relay(struct xdp_md *ctx)
{
	const struct relay_config *config = config_get();
	__u32 reason;

	if (!config)
		return XDP_PASS;
	reason = forward_plain(ctx, config, false);
	if (unlikely(reason == UNDECIDED))
		reason = forward_plain_v6(ctx, config);
	if (unlikely(reason == UNDECIDED))
		reason = judge(ctx, config);
	if (unlikely(reason > SLUICE_REASON_forward_redirect))
		reason = unknown(settle(ctx, config, unknown(reason)));
	return verdict(ctx, config, reason);
}
