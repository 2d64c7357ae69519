/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The relay's program with filled tables, without the agent: the maps are
 * created by the loader and written in place, as the agent does it.
 */
#ifndef SLUICE_BENCH_TABLES_H
#define SLUICE_BENCH_TABLES_H

#include <stdint.h>

#include <sluice/abi.h>

#include "loader/loader.h"

struct bench_tables {
	struct loader *loader;
	char pin_root[128];
	struct relay_config *config;
	struct relay_bucket *buckets;
	size_t bucket_count;
	struct relay_leg *legs;
	size_t leg_count; /* entries, [0] included */
	struct relay_peer *peers;
	int spill_fd, local_fd, known_fd, reason_fd;
	size_t spilled;
};

/*
 * Creates a set of that size below the bpffs that BENCH_BPFFS names, and puts
 * settings in its configuration that limit nothing. Ends the program with a
 * message if it can not. `name` keeps several sets apart.
 */
void bench_tables_open(struct bench_tables *tables, const char *name,
		       uint32_t peers, uint32_t legs, uint32_t sessions);
/* Unpins and frees it all; what is attached is detached. */
void bench_tables_close(struct bench_tables *tables);

/* Where a leg's packets leave. */
struct bench_hop {
	uint32_t ifindex;
	uint8_t dmac[6], smac[6];
};

/* One leg; the address is BENCH_LEG_NET + leg, or 2001:db8::leg. */
void bench_leg_set(struct bench_tables *tables, uint16_t leg, bool v6,
		   const struct bench_hop *hop);
/* One live index (as on the wire); a full bucket spills. */
void bench_session_set(struct bench_tables *tables, uint32_t index,
		       uint16_t from, uint16_t to);
/* Legs 1 to `legs`, all behind the same hop, and bench_index(0..sessions-1). */
void bench_tables_fill(struct bench_tables *tables, uint32_t sessions,
		       uint32_t legs, const struct bench_hop *hop);

/* Packets counted under one reason of reason.h, all CPUs together. */
uint64_t bench_reason(const struct bench_tables *tables, unsigned int reason);

#endif
