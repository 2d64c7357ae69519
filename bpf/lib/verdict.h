/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one way out: count under the reason, tell whoever watches, and do what
 * the list of reasons says. Counting never changes a verdict.
 */
#ifndef SLUICE_VERDICT_H
#define SLUICE_VERDICT_H

#include "lib/event.h"

/* Sets of reasons as bits of a word, made from the list. */
#define VERDICT_IS_forward 0
#define VERDICT_IS_pass 1
#define VERDICT_IS_drop 2
#define VERDICT_BIT(set, name, verdict) \
	((__u64)(VERDICT_IS_##verdict == (set)) << SLUICE_REASON_##name) |
#define VERDICT_PASS(name, verdict, text) VERDICT_BIT(1, name, verdict)
#define VERDICT_DROP(name, verdict, text) VERDICT_BIT(2, name, verdict)

static const __u64 pass_reasons = SLUICE_REASONS(VERDICT_PASS) 0;
static const __u64 drop_reasons = SLUICE_REASONS(VERDICT_DROP) 0;

_Static_assert(SLUICE_REASON_COUNT <= 64, "reasons are bits of one word");

static __always_inline int verdict_action(__u32 reason)
{
	if (reason == SLUICE_REASON_forward_redirect)
		return XDP_REDIRECT;
	if (reason == SLUICE_REASON_forward_tx)
		return XDP_TX;
	return drop_reasons >> reason & 1 ? XDP_DROP : XDP_PASS;
}

static __always_inline int
verdict(struct xdp_md *ctx, const struct relay_config *config, __u32 reason)
{
	struct sluice_count *count =
		bpf_map_lookup_elem(&relay_reason, &reason);
	int action = verdict_action(reason);

	if (count) {
		count->packets++;
		count->bytes += ctx->data_end - ctx->data;
	}
	if (action == XDP_DROP && (config->flags & RELAY_MONITOR))
		event_emit(ctx, config, reason);
	return action;
}

#endif
