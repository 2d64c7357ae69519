/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a receiver index to the leg a packet must have come from and the leg it
 * goes to. One cache line in nearly every case; a hash has what overflowed.
 */
#ifndef SLUICE_SESSION_H
#define SLUICE_SESSION_H

#include "lib/maps.h"

struct session {
	__u32 from;
	__u32 to;
	__u32 count; /* the place in relay_count */
};

/*
 * A slot as the word that the agent stores: one load, so that index and legs
 * are of the same moment. The index compares as it lies in memory.
 */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SLOT_INDEX(word) ((__u32)(word))
#define SLOT_FROM(word) ((__u32)((word) >> 32) & 0xffff)
#define SLOT_TO(word) ((__u32)((word) >> 48))
#define LE32_TO_HOST(x) (x)
#else
#define SLOT_INDEX(word) ((__u32)((word) >> 32))
#define SLOT_FROM(word) ((__u32)(word) >> 16)
#define SLOT_TO(word) ((__u32)(word)&0xffff)
#define LE32_TO_HOST(x) __builtin_bswap32(x)
#endif

static __always_inline __u64 slot_load(const struct relay_slot *slot)
{
	return *(const volatile __u64 *)slot;
}

/* The slot's word, 0 where nobody has the index. */
static __always_inline __u64 session_scan(const struct relay_bucket *bucket,
					  __le32 index, __u32 *position)
{
	__u64 word;

#pragma unroll
	for (int i = 0; i < RELAY_BUCKET_SLOTS; i++) {
		word = slot_load(&bucket->slot[i]);
		if (SLOT_INDEX(word) == index && SLOT_FROM(word)) {
			*position += i;
			return word;
		}
	}
	return 0;
}

static __noinline bool session_spilled(struct session *session, __le32 index)
{
	const struct relay_spill *spill =
		bpf_map_lookup_elem(&relay_spill, &index);
	__u64 word;

	if (!spill)
		return false;
	word = slot_load(&spill->slot);
	/* Preallocated elements are used again at once: look whose it is. */
	if (SLOT_INDEX(word) != index || !SLOT_FROM(word))
		return false;
	session->from = SLOT_FROM(word);
	session->to = SLOT_TO(word);
	session->count = spill->count;
	return true;
}

static __always_inline bool session_find(struct session *session, __le32 index,
					 const struct relay_config *config)
{
	__u32 at = relay_bucket_of(LE32_TO_HOST(index), config->seed_mul,
				   config->seed_add, config->bucket_count);
	const struct relay_bucket *bucket =
		bpf_map_lookup_elem(&relay_session, &at);
	__u32 position = at * RELAY_BUCKET_SLOTS;
	__u64 word = bucket ? session_scan(bucket, index, &position) : 0;

	if (unlikely(!word)) {
		struct session spilled = {};

		if (!session_spilled(&spilled, index))
			return false;
		*session = spilled;
		return true;
	}
	session->from = SLOT_FROM(word);
	session->to = SLOT_TO(word);
	session->count = position;
	return true;
}

#endif
