/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The relay's maps. Keys, values and what they mean stand in sluice/abi.h; the
 * sizes here are small ones, the loader sets the real ones before it loads.
 */
#ifndef SLUICE_MAPS_H
#define SLUICE_MAPS_H

#include <sluice/abi.h>
#include <sluice/reason.h>

#include "lib/base.h"

#define RELAY_DEFAULT_LEGS 64
#define RELAY_DEFAULT_BUCKETS 64
#define RELAY_DEFAULT_COUNTS (RELAY_BUCKET_SLOTS * RELAY_DEFAULT_BUCKETS)
#define RELAY_DEFAULT_SPILL 64
#define RELAY_DEFAULT_KNOWN 128
#define RELAY_LOCALS 1024
#define RELAY_BLOCKS 16384
#define RELAY_RATES 16384
#define RELAY_EVENT_BYTES (64 * 1024)

/* For people with bpftool, and for the loader: no program reads these three. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sluice_meta);
} meta SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_REASON_COUNT);
	__type(key, __u32);
	__type(value, struct sluice_reason_name);
} reason_name SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RELAY_DEFAULT_LEGS);
	__type(key, __u32);
	__type(value, struct relay_peer);
} relay_peer SEC(".maps");

/*
 * Written by the agent through its mapping, read here. A mappable array starts
 * on a page, so that its 64-byte values are cache lines.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct relay_config);
} relay_config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RELAY_DEFAULT_BUCKETS);
	__type(key, __u32);
	__type(value, struct relay_bucket);
} relay_session SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RELAY_DEFAULT_SPILL);
	__type(key, __le32);
	__type(value, struct relay_spill);
} relay_spill SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RELAY_DEFAULT_LEGS);
	__type(key, __u32);
	__type(value, struct relay_leg);
} relay_leg SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RELAY_DEFAULT_KNOWN);
	__type(key, struct relay_known_key);
	__type(value, struct relay_known);
} relay_known SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RELAY_LOCALS);
	__type(key, struct relay_local_key);
	__type(value, __u32);
} relay_local SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RELAY_BLOCKS);
	__type(key, struct relay_block_key);
	__type(value, struct relay_block);
} relay_block SEC(".maps");

/* Written here, read by the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RELAY_DEFAULT_COUNTS);
	__type(key, __u32);
	__type(value, struct sluice_count);
} relay_count SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RELAY_DEFAULT_LEGS);
	__type(key, __u32);
	__type(value, struct relay_leg_count);
} relay_leg_count SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLUICE_REASON_COUNT);
	__type(key, __u32);
	__type(value, struct sluice_count);
} relay_reason SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, RELAY_RATES);
	__type(key, struct relay_rate_key);
	__type(value, struct relay_rate);
} relay_rate SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RELAY_EVENT_BYTES);
} relay_event SEC(".maps");

static __always_inline const struct relay_config *config_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&relay_config, &zero);
}

#endif
