// SPDX-License-Identifier: GPL-2.0-or-later
/* The engine's hands: how what it decides reaches sockets, maps and netlink. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "relay/daemon.h"

static void do_send(void *ctx, const struct wg_path *path, const void *data,
		    size_t len)
{
	struct relay_daemon *daemon = ctx;

	relay_sockets_send(daemon->sockets, path, data, len);
}

static int do_spill_set(void *ctx, uint32_t index_le,
			const struct relay_spill *spill)
{
	struct relay_daemon *daemon = ctx;

	return loader_map_update(daemon->spill_fd, &index_le, spill);
}

static int do_spill_clear(void *ctx, uint32_t index_le)
{
	struct relay_daemon *daemon = ctx;

	return loader_map_delete(daemon->spill_fd, &index_le);
}

static int do_known_set(void *ctx, const struct relay_known_key *key,
			const struct relay_known *value)
{
	struct relay_daemon *daemon = ctx;

	return loader_map_update(daemon->known_fd, key, value);
}

static int do_known_clear(void *ctx, const struct relay_known_key *key)
{
	struct relay_daemon *daemon = ctx;

	return loader_map_delete(daemon->known_fd, key);
}

/* The key after this one is asked for before `take` may clear this one. */
static void do_spill_each(void *ctx,
			  void (*take)(void *arg, uint32_t index_le,
				       const struct relay_spill *spill),
			  void *arg)
{
	struct relay_daemon *daemon = ctx;
	struct relay_spill spill;
	uint32_t key, next;
	int err;

	err = loader_map_next_key(daemon->spill_fd, NULL, &next);
	while (!err) {
		key = next;
		err = loader_map_next_key(daemon->spill_fd, &key, &next);
		if (!loader_map_lookup(daemon->spill_fd, &key, &spill))
			take(arg, key, &spill);
	}
}

static void do_known_each(void *ctx,
			  void (*take)(void *arg,
				       const struct relay_known_key *key),
			  void *arg)
{
	struct relay_daemon *daemon = ctx;
	struct relay_known_key key, next;
	int err;

	err = loader_map_next_key(daemon->known_fd, NULL, &next);
	while (!err) {
		key = next;
		err = loader_map_next_key(daemon->known_fd, &key, &next);
		take(arg, &key);
	}
}

static int do_leg_count(void *ctx, uint16_t leg, struct relay_leg_count *count)
{
	struct relay_daemon *daemon = ctx;
	int cpus = loader_cpus(), err;
	struct relay_leg_count *values, sum = {0};
	uint32_t key = leg;

	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	err = loader_map_lookup_percpu(daemon->leg_count_fd, &key, values);
	for (int cpu = 0; cpu < cpus; cpu++) {
		sum.rx_packets += values[cpu].rx_packets;
		sum.rx_bytes += values[cpu].rx_bytes;
		sum.tx_packets += values[cpu].tx_packets;
		sum.tx_bytes += values[cpu].tx_bytes;
	}
	free(values);
	if (!err)
		*count = sum;
	return err;
}

static int do_leg_count_clear(void *ctx, uint16_t leg)
{
	struct relay_daemon *daemon = ctx;
	uint32_t key = leg;

	return loader_map_update(daemon->leg_count_fd, &key, daemon->zeros);
}

static void do_resolve(void *ctx, uint16_t leg, const struct wg_path *path)
{
	struct relay_daemon *daemon = ctx;

	relay_nexthops_resolve(daemon->nexthops, leg, path);
}

static void do_forget(void *ctx, uint16_t leg)
{
	struct relay_daemon *daemon = ctx;

	relay_nexthops_forget(daemon->nexthops, leg);
}

const struct relay_ops relay_hands = {
	.send = do_send,
	.spill_set = do_spill_set,
	.spill_clear = do_spill_clear,
	.known_set = do_known_set,
	.known_clear = do_known_clear,
	.spill_each = do_spill_each,
	.known_each = do_known_each,
	.leg_count = do_leg_count,
	.leg_count_clear = do_leg_count_clear,
	.resolve = do_resolve,
	.forget = do_forget,
	.dirty = relay_daemon_dirty,
	.wall_ns = clock_wall_ns,
};
