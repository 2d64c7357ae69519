/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Token buckets, one a source and class, kept as nanoseconds of refill time.
 * Two CPUs that meet in one bucket may let a few packets too many through: the
 * agent's cookies are the exact limit, this is the cheap one before it.
 */
#ifndef SLUICE_RATE_H
#define SLUICE_RATE_H

#include "lib/flow.h"

/* Of what comes from a leg's place the port counts too: whoever forges one peer
 * does not spend what its neighbours behind the same NAT have. */
static __always_inline bool rate_by_port(__u32 class)
{
	return class == RELAY_RATE_KNOWN || class == RELAY_RATE_SLOW;
}

/* A source is an IPv4 address or an IPv6 /64: what one person has. */
static __always_inline void rate_key_of(struct relay_rate_key *key,
					const struct flow *flow, __u32 class)
{
	if (flow->v6)
		*(word64 *)key->source = *(const word64 *)flow->source;
	else
		*(word32 *)key->source = *(const word32 *)(flow->source + 12);
	key->port = rate_by_port(class) ? flow->source_port : 0;
	key->family = flow->v6 ? 6 : 4;
	key->rate_class = class;
}

/* A full bucket less the packet that made it. */
static __always_inline bool rate_start(const struct relay_rate_key *key,
				       const struct relay_limit *limit,
				       __u64 now)
{
	struct relay_rate fresh = {
		.at_ns = now,
		.tokens_ns = (__u64)limit->cost_ns * limit->burst,
	};

	if (fresh.tokens_ns < limit->cost_ns)
		return false;
	fresh.tokens_ns -= limit->cost_ns;
	/* Without room for a bucket there is no room for a guest. */
	return !bpf_map_update_elem(&relay_rate, key, &fresh, BPF_ANY);
}

static __noinline int rate_admits(const struct flow *flow, __u32 class,
				  const struct relay_limit *limit)
{
	__u64 full = (__u64)limit->cost_ns * limit->burst;
	struct relay_rate_key key = {};
	struct relay_rate *rate;
	__u64 now, tokens, at;

	if (!limit->cost_ns)
		return true;
	now = bpf_ktime_get_ns();
	rate_key_of(&key, flow, class);
	rate = bpf_map_lookup_elem(&relay_rate, &key);
	if (!rate)
		return rate_start(&key, limit, now);
	at = READ_ONCE(rate->at_ns);
	tokens = READ_ONCE(rate->tokens_ns);
	/* Another CPU may have written a later time than ours. */
	if (now > at) {
		tokens += now - at;
		rate->at_ns = now;
	}
	if (tokens > full)
		tokens = full;
	if (tokens < limit->cost_ns) {
		rate->tokens_ns = tokens;
		return false;
	}
	rate->tokens_ns = tokens - limit->cost_ns;
	return true;
}

/*
 * Up to the agent if the source has not spent its bucket. What claims to come
 * from this host itself never goes up: an answer would come back.
 */
static __always_inline __u32 admit(const struct flow *flow,
				   const struct relay_config *config,
				   enum relay_rate_class class, __u32 admitted,
				   __u32 refused)
{
	if (own_address(flow->source))
		return SLUICE_REASON_loop;
	return rate_admits(flow, class, &config->limit[class]) ? admitted
							       : refused;
}

static __always_inline bool blocked(const struct flow *flow)
{
	struct relay_block_key key = {.prefixlen = 128};

	__builtin_memcpy(key.addr, flow->source, sizeof(key.addr));
	return bpf_map_lookup_elem(&relay_block, &key);
}

#endif
