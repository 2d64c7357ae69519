/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sample of the drops, for a person who watches. Nothing is sent unless
 * somebody reads, and then at most one event an interval and CPU.
 */
#ifndef SLUICE_EVENT_H
#define SLUICE_EVENT_H

#include "lib/flow.h"

/* When a CPU sent its last one. CPUs that share an entry send fewer. */
#define EVENT_CPUS 256
static __u64 event_at[EVENT_CPUS];

static __always_inline bool event_due(const struct relay_config *config,
				      __u64 now)
{
	__u64 *at = &event_at[bpf_get_smp_processor_id() & (EVENT_CPUS - 1)];

	if (*at && now - *at < config->event_interval_ns)
		return false;
	*at = now;
	return true;
}

static __noinline int
event_emit(struct xdp_md *ctx, const struct relay_config *config, __u32 reason)
{
	__u64 now = bpf_ktime_get_ns();
	struct relay_event *event;
	struct flow flow = {};

	if (!event_due(config, now))
		return 0;
	flow_read(&flow, ctx, config);
	event = bpf_ringbuf_reserve(&relay_event, sizeof(*event), 0);
	if (!event)
		return 0;
	*event = (struct relay_event){
		.at_ns = now,
		.source_port = flow.source_port,
		.dest_port = flow.dest_port,
		.ifindex = ctx->ingress_ifindex,
		.index = flow.index,
		.reason = reason,
		.length = flow.length,
		.type = wg_shape(flow.word, flow.length),
	};
	__builtin_memcpy(event->source, flow.source, sizeof(event->source));
	__builtin_memcpy(event->dest, flow.dest, sizeof(event->dest));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

#endif
