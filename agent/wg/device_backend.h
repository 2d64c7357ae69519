/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two back ends behind device.h: what touches the kernel and sockets. */
#ifndef SLUICE_WG_DEVICE_BACKEND_H
#define SLUICE_WG_DEVICE_BACKEND_H

#include "wg/device_diff.h"

struct wg_backend {
	enum wg_device_kind kind;
	/* -EOPNOTSUPP: this implementation is not on this host. */
	int (*create)(const char *name);
	/* The interface is this back end's. */
	bool (*owns)(const char *name);
	int (*get)(struct wg_device *device, const char *name);
	int (*apply)(const struct wg_device_change *change);
};

extern const struct wg_backend wg_backend_kernel, wg_backend_userspace;

/* Deletes an interface of any kind and waits until it is gone. */
int wg_link_delete(const char *name);

#endif
