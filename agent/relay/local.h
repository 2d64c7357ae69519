/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's own addresses, from netlink into the map relay_local: what the
 * kernel program may take for the relay's.
 */
#ifndef SLUICE_RELAY_LOCAL_H
#define SLUICE_RELAY_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct relay_local;

/* map_fd: relay_local. Fills it before it returns; what does not belong there
 * any more is taken out. */
int relay_local_open(struct relay_local **out, uv_loop_t *loop, int map_fd);
void relay_local_close(struct relay_local *local);

/* Calls back for each address that others can reach: no loopback, no link-local
 * one. Those that are public in the Internet come first. */
void relay_local_each(const struct relay_local *local,
		      void (*fn)(void *ctx, const uint8_t addr[16]), void *ctx);

#endif
