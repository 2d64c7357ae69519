/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that is not data: who may talk to the agent. A handshake goes up
 * if its mac1 was made for the relay's key or if it comes from where a proven
 * peer is, and both only as often as the source's bucket allows.
 */
#ifndef SLUICE_HANDSHAKE_H
#define SLUICE_HANDSHAKE_H

#include "lib/blake2s.h"
#include "lib/rate.h"
#include "lib/session.h"

/* wgx's public key query: one byte, padded so that the answer is no larger. */
#define WGX_QUERY 0x31
#define WGX_QUERY_MIN_LEN 32

/* mac1 is the first of the two MACs at the end. */
#define MACS_LEN ((__u32)sizeof(struct wg_macs))
#define INITIATION_HASHED (WG_INITIATION_LEN - MACS_LEN)
#define RESPONSE_HASHED (WG_RESPONSE_LEN - MACS_LEN)

static __always_inline void block_load(struct blake2s_block *block,
				       const word32 *from, __u32 len)
{
#pragma unroll
	for (__u32 i = 0; i < BLAKE2S_BLOCK_WORDS; i++)
		block->m[i] = 4 * i < len ? LE32_TO_HOST(from[i]) : 0;
}

/*
 * Was mac1 made with the relay's key? The state after the key block is in the
 * configuration, which saves one of three compressions.
 */
static __always_inline bool mac1_fits(const struct relay_config *config,
				      const void *message, const __u32 hashed)
{
	const word32 *mac1 = message + hashed;
	struct blake2s_state state;
	struct blake2s_block block;
	__u32 at = 0;

	__builtin_memcpy(state.h, config->mac1_midstate, sizeof(state.h));
	if (hashed > BLAKE2S_BLOCK_LEN) {
		block_load(&block, message, BLAKE2S_BLOCK_LEN);
		blake2s_compress(&state, &block, 2 * BLAKE2S_BLOCK_LEN, false);
		at = BLAKE2S_BLOCK_LEN;
	}
	block_load(&block, message + at, hashed - at);
	blake2s_compress(&state, &block, BLAKE2S_BLOCK_LEN + hashed, true);
	return !((state.h[0] ^ LE32_TO_HOST(mac1[0])) |
		 (state.h[1] ^ LE32_TO_HOST(mac1[1])) |
		 (state.h[2] ^ LE32_TO_HOST(mac1[2])) |
		 (state.h[3] ^ LE32_TO_HOST(mac1[3])));
}

/* Is the handshake meant for the relay itself, by what it claims? */
static __noinline int for_relay(struct xdp_md *ctx,
				const struct relay_config *config,
				const struct flow *flow)
{
	const void *end = (void *)(long)ctx->data_end;
	/* At most two tags, IPv6 and UDP: the mask tells the verifier. */
	const void *message = (void *)(long)ctx->data + (flow->offset & 0x7f);

	if (flow->word == WG_WORD(WG_INITIATION))
		return message + WG_INITIATION_LEN <= end &&
		       mac1_fits(config, message, INITIATION_HASHED);
	return message + WG_RESPONSE_LEN <= end &&
	       mac1_fits(config, message, RESPONSE_HASHED);
}

/* Does the index belong to the relay's own tunnel? A cookie carries that of the
 * initiation that it answers. */
static __always_inline bool own_index(const struct flow *flow,
				      const struct relay_config *config)
{
	struct session session = {};

	return session_find(&session, flow->index, config) &&
	       session.to == RELAY_LEG_LOCAL;
}

static __noinline int known(const struct flow *flow, __be16 port)
{
	struct relay_known_key key = {.port = port};

	__builtin_memcpy(key.addr, flow->source, sizeof(key.addr));
	return bpf_map_lookup_elem(&relay_known, &key) != NULL;
}

static __always_inline bool is_wgx_query(const struct flow *flow,
					 const struct relay_config *config)
{
	return (config->flags & RELAY_WGX_COMPAT) &&
	       *(const __u8 *)&flow->word == WGX_QUERY &&
	       flow->length >= WGX_QUERY_MIN_LEN;
}

/*
 * The exact address first: it spares a known peer's handshake the hash, which
 * is most of the work.
 */
static __always_inline __u32 handshake_judge(struct xdp_md *ctx,
					     const struct relay_config *config,
					     const struct flow *flow,
					     __u32 type)
{
	bool own;

	if (known(flow, flow->source_port))
		return admit(flow, config, RELAY_RATE_KNOWN,
			     SLUICE_REASON_handshake_known,
			     SLUICE_REASON_rate_limited);
	own = type == WG_COOKIE ? own_index(flow, config)
				: for_relay(ctx, config, flow);
	if (own)
		return admit(flow, config, RELAY_RATE_STRANGER,
			     SLUICE_REASON_handshake_own,
			     SLUICE_REASON_rate_limited);
	if (known(flow, 0))
		return admit(flow, config, RELAY_RATE_ADDRESS,
			     SLUICE_REASON_handshake_address,
			     SLUICE_REASON_rate_limited);
	return SLUICE_REASON_stranger;
}

static __noinline __u32 handshake(struct xdp_md *ctx,
				  const struct relay_config *config)
{
	struct flow flow = {};
	bool query;
	__u8 type;

	if (flow_read(&flow, ctx, config) || !own_address(flow.dest))
		return SLUICE_REASON_foreign;
	type = wg_shape(flow.word, flow.length);
	query = !type && is_wgx_query(&flow, config);
	if (!type && !query)
		return SLUICE_REASON_bad_shape;
	if (blocked(&flow))
		return SLUICE_REASON_blocked;
	if (query)
		return admit(&flow, config, RELAY_RATE_STRANGER,
			     SLUICE_REASON_wgx_query,
			     SLUICE_REASON_rate_limited);
	return handshake_judge(ctx, config, &flow, type);
}

/*
 * Data with a live index from a source that is not its leg's: a peer that moved,
 * or a guess. The agent may ask the source to prove itself.
 */
static __noinline __u32 mismatch(struct xdp_md *ctx,
				 const struct relay_config *config)
{
	struct flow flow = {};

	if (flow_read(&flow, ctx, config) || !own_address(flow.dest))
		return SLUICE_REASON_foreign;
	if (blocked(&flow))
		return SLUICE_REASON_blocked;
	/* The relay's own tunnel goes with a peer to any of its legs. It is
	 * keepalives and lists: never much. */
	if (own_index(&flow, config) && known(&flow, flow.source_port))
		return admit(&flow, config, RELAY_RATE_KNOWN,
			     SLUICE_REASON_tunnel_data,
			     SLUICE_REASON_rate_limited);
	return admit(&flow, config, RELAY_RATE_MISMATCH,
		     SLUICE_REASON_mismatch_asked, SLUICE_REASON_wrong_source);
}

/* Data that the agent is to forward: as much from one source as leaves it time
 * for the others. */
static __noinline __u32 slow_path(struct xdp_md *ctx,
				  const struct relay_config *config,
				  __u32 reason)
{
	struct flow flow = {};

	if (flow_read(&flow, ctx, config) || !own_address(flow.dest))
		return SLUICE_REASON_foreign;
	return admit(&flow, config, RELAY_RATE_SLOW, reason,
		     SLUICE_REASON_rate_limited);
}

#endif
