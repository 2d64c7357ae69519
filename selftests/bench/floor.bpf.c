// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The floor under the relay: the map lookups of its forwarding path, in the same
 * maps with the same keys, and nothing else. No parsing beyond the index, no
 * check, no counter that grows, no rewriting. One word of each value is read, as
 * a lookup in an array is an addition otherwise.
 */
#include "lib/session.h"

#include "flow.h"

#define TOUCH(pointer) ((void)*(const volatile __u32 *)(pointer))

static __always_inline void touch_counters(const struct session *session,
					   const struct relay_config *config)
{
	__u32 reason = SLUICE_REASON_forward_tx;
	__u32 place = session->count +
		      bpf_get_smp_processor_id() * config->count_stride;
	struct sluice_count *count = bpf_map_lookup_elem(&relay_count, &place);
	struct relay_leg_count *leg;

	if (count)
		TOUCH(count);
	leg = bpf_map_lookup_elem(&relay_leg_count, &session->from);
	if (leg)
		TOUCH(leg);
	leg = bpf_map_lookup_elem(&relay_leg_count, &session->to);
	if (leg)
		TOUCH(leg);
	count = bpf_map_lookup_elem(&relay_reason, &reason);
	if (count)
		TOUCH(count);
}

SEC("xdp")
int lookups(struct xdp_md *ctx)
{
	const void *packet = (void *)(long)ctx->data;
	const struct relay_config *config;
	struct session session;
	struct relay_leg *leg;
	__u32 zero = 0;

	config = bpf_map_lookup_elem(&relay_config, &zero);
	if (!config || packet + BENCH_HEAD4 > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (!session_find(&session, *(word32 *)(packet + 46), config))
		return XDP_ABORTED;
	leg = bpf_map_lookup_elem(&relay_leg, &session.from);
	if (leg)
		TOUCH(leg);
	leg = bpf_map_lookup_elem(&relay_leg, &session.to);
	if (leg)
		TOUCH(leg);
	touch_counters(&session, config);
	return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
