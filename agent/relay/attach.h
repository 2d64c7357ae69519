/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps the program attached to the configured interfaces: also to one that
 * appears later, or goes and comes back under its name.
 */
#ifndef SLUICE_RELAY_ATTACH_H
#define SLUICE_RELAY_ATTACH_H

#include <uv.h>

#include "loader/loader.h"
#include "relay/link.h"
#include "relay/settings.h"

struct relay_attach;

/* Devices that have the program, each time after they may have changed. */
typedef void (*relay_attach_fn)(void *ctx, const struct relay_device *devices,
				size_t count);

int relay_attach_open(struct relay_attach **out, uv_loop_t *loop,
		      struct loader *loader, relay_attach_fn fn, void *ctx);
void relay_attach_close(struct relay_attach *attach);

/*
 * Attaches to the interfaces of the settings and detaches from those that are no
 * longer among them. An interface that does not exist is waited for, unless none
 * does (-ENODEV); every failure is logged, with what to do, and the first is
 * returned.
 */
int relay_attach_apply(struct relay_attach *attach,
		       const struct relay_settings *settings);

#endif
