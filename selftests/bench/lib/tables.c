// SPDX-License-Identifier: GPL-2.0-or-later
#include "tables.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/reason.h>

#include "../flow.h"
#include "packet.h"
#include "report.h"

#define BENCH_CPUS_MAX 1024

static void *memory(const struct bench_tables *tables, const char *name,
		    size_t *entries)
{
	void *mem = loader_map_memory(tables->loader, name, entries);

	if (!mem)
		bench_die("map %s is not mapped: %s", name, loader_error());
	return mem;
}

/* Every limit is a burst that no benchmark uses up, so that what is measured is
 * the way behind the limit. */
static void configure(struct bench_tables *tables)
{
	struct relay_config *config = tables->config;
	size_t entries;

	memory(tables, "relay_count", &entries);
	config->seed_mul = 0x9e3779b97f4a7c15ULL;
	config->seed_add = 0x7f4a7c159e3779b9ULL;
	config->bucket_count = tables->bucket_count;
	config->count_stride = entries / loader_cpus();
	config->port_min = config->port_max = BENCH_PORT;
	config->event_interval_ns = 100000000;
	/* A midstate like any other; no forged mac1 is going to fit it. */
	for (int i = 0; i < 8; i++)
		config->mac1_midstate[i] = bench_index(i);
	for (int i = 0; i < RELAY_RATE_CLASSES; i++)
		config->limit[i] = (struct relay_limit){1, 1000000000};
}

static void own_addresses(const struct bench_tables *tables)
{
	struct relay_local_key key = {};
	uint32_t ifindex = 1;

	bench_address4(key.addr, BENCH_RELAY4);
	if (loader_map_update(tables->local_fd, &key, &ifindex))
		bench_die("relay_local: %s", loader_error());
	bench_address6(key.addr, BENCH_RELAY6);
	if (loader_map_update(tables->local_fd, &key, &ifindex))
		bench_die("relay_local: %s", loader_error());
}

void bench_tables_open(struct bench_tables *tables, const char *name,
		       uint32_t peers, uint32_t legs, uint32_t sessions)
{
	const char *bpffs = getenv("BENCH_BPFFS");
	struct loader_relay_sizes sizes = {
		.legs = legs, .sessions = sessions, .peers = peers};
	size_t one;

	memset(tables, 0, sizeof(*tables));
	if (!bpffs)
		bench_die("BENCH_BPFFS is not set: start selftests/bench/run");
	snprintf(tables->pin_root, sizeof(tables->pin_root), "%s/%s", bpffs,
		 name);
	/* A run that was cut short may have left one. */
	loader_relay_unload(tables->pin_root);
	if (loader_relay_open(&tables->loader, tables->pin_root, &sizes))
		bench_die("%s", loader_error());
	tables->config = memory(tables, "relay_config", &one);
	tables->buckets =
		memory(tables, "relay_session", &tables->bucket_count);
	tables->legs = memory(tables, "relay_leg", &tables->leg_count);
	tables->peers = memory(tables, "relay_peer", &one);
	tables->spill_fd = loader_map_fd(tables->loader, "relay_spill");
	tables->local_fd = loader_map_fd(tables->loader, "relay_local");
	tables->known_fd = loader_map_fd(tables->loader, "relay_known");
	tables->reason_fd = loader_map_fd(tables->loader, "relay_reason");
	configure(tables);
	own_addresses(tables);
}

void bench_tables_close(struct bench_tables *tables)
{
	loader_close(tables->loader);
	if (loader_relay_unload(tables->pin_root))
		bench_note("unload: %s", loader_error());
	memset(tables, 0, sizeof(*tables));
}

void bench_leg_set(struct bench_tables *tables, uint16_t leg, bool v6,
		   const struct bench_hop *hop)
{
	struct relay_leg *entry = &tables->legs[leg];
	struct relay_leg value = {
		.flags = RELAY_LEG_INUSE | RELAY_LEG_RESOLVED |
			 (v6 ? RELAY_LEG_V6 : 0),
		.mtu = 1500,
		.port = htons(BENCH_PEER_PORT),
		.local_port = htons(BENCH_PORT),
		.ifindex = hop->ifindex,
	};

	if (leg >= tables->leg_count)
		bench_die("leg %u of %zu", leg, tables->leg_count);
	if (v6) {
		bench_address6(value.addr, leg);
		bench_address6(value.local, BENCH_RELAY6);
	} else {
		bench_address4(value.addr, BENCH_LEG_NET + leg);
		bench_address4(value.local, BENCH_RELAY4);
	}
	memcpy(value.dmac, hop->dmac, 6);
	memcpy(value.smac, hop->smac, 6);
	*entry = value;
}

static void spill(struct bench_tables *tables, const struct relay_slot *slot)
{
	struct relay_spill value = {
		.slot = *slot,
		.count = tables->bucket_count * RELAY_BUCKET_SLOTS +
			 tables->spilled++,
	};

	if (loader_map_update(tables->spill_fd, &slot->index, &value))
		bench_die("relay_spill is full at %zu: %s", tables->spilled,
			  loader_error());
}

void bench_session_set(struct bench_tables *tables, uint32_t index,
		       uint16_t from, uint16_t to)
{
	const struct relay_config *config = tables->config;
	struct relay_slot slot = {.index = index, .from = from, .to = to};
	uint64_t at = relay_bucket_of(le32toh(index), config->seed_mul,
				      config->seed_add, config->bucket_count);
	struct relay_bucket *bucket = &tables->buckets[at];

	for (int i = 0; i < RELAY_BUCKET_SLOTS; i++) {
		if (bucket->slot[i].from != RELAY_LEG_NONE)
			continue;
		bucket->slot[i] = slot;
		return;
	}
	spill(tables, &slot);
}

void bench_tables_fill(struct bench_tables *tables, uint32_t sessions,
		       uint32_t legs, const struct bench_hop *hop)
{
	for (uint32_t leg = 1; leg <= legs; leg++)
		bench_leg_set(tables, leg, false, hop);
	for (uint32_t i = 0; i < sessions; i++)
		bench_session_set(tables, bench_index(i), bench_from(i, legs),
				  bench_to(i, legs));
}

uint64_t bench_reason(const struct bench_tables *tables, unsigned int reason)
{
	static struct sluice_count counts[BENCH_CPUS_MAX];
	uint64_t packets = 0;

	if (loader_cpus() > BENCH_CPUS_MAX)
		bench_die("more than %d possible CPUs", BENCH_CPUS_MAX);
	if (loader_map_lookup_percpu(tables->reason_fd, &reason, counts))
		bench_die("relay_reason: %s", loader_error());
	for (int i = 0; i < loader_cpus(); i++)
		packets += counts[i].packets;
	return packets;
}
