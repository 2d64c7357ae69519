// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The relay with a plain BPF hash in the place of its session table and nothing
 * else changed: what the buckets are measured against.
 */
#include "lib/session.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* set before it is loaded */
	__type(key, __le32);
	__type(value, struct relay_spill);
} session_hash SEC(".maps");

static __always_inline bool hash_session_find(struct session *session,
					      __le32 index,
					      const struct relay_config *config
					      __attribute__((unused)))
{
	const struct relay_spill *found =
		bpf_map_lookup_elem(&session_hash, &index);
	__u64 word;

	if (!found)
		return false;
	word = slot_load(&found->slot);
	session->from = SLOT_FROM(word);
	session->to = SLOT_TO(word);
	session->count = found->count;
	return true;
}

#define session_find hash_session_find
#include "relay.bpf.c"
