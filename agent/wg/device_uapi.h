/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cross-platform text protocol of user-space WireGuard
 * (wireguard.com/xplatform), to and from our model. Pure.
 */
#ifndef SLUICE_WG_DEVICE_UAPI_H
#define SLUICE_WG_DEVICE_UAPI_H

#include <stddef.h>

#include "wg/device_diff.h"

/* The whole set=1 request. *text is malloc'd and holds secrets: wipe *len bytes
 * before free. 0 or -ENOMEM. */
int wg_uapi_build(char **text, size_t *len,
		  const struct wg_device_change *change);

/*
 * The answer to get=1, up to and with its errno line. 0, the device's own error,
 * -ENOMEM, or -EBADMSG; *device (zeroed before) may be half filled then.
 */
int wg_uapi_read(struct wg_device *device, const char *text, size_t len);

/* The answer to set=1: the device's errno, 0 or negative, or -EBADMSG. */
int wg_uapi_read_errno(const char *text, size_t len);

#endif
