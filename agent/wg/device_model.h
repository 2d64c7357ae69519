/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building a struct wg_device piece by piece, for the parsers of both back
 * ends, and what is common to the addresses in it. Pure.
 */
#ifndef SLUICE_WG_DEVICE_MODEL_H
#define SLUICE_WG_DEVICE_MODEL_H

#include "wg/device.h"

/* A zeroed peer at the end of the list; moves the others and wipes where they
 * were. NULL: no memory. */
struct wg_device_peer *wg_device_add_peer(struct wg_device *device);
/* 0 or -ENOMEM. */
int wg_device_peer_add_ip(struct wg_device_peer *peer,
			  const struct wg_allowed_ip *ip);

/* The address with its host bits cleared, which is how devices keep it. */
void wg_allowed_ip_mask(struct wg_allowed_ip *ip);
/* By family, prefix length, address: less, equal or greater than 0. */
int wg_allowed_ip_compare(const struct wg_allowed_ip *a,
			  const struct wg_allowed_ip *b);
/* Family, address, port and scope; a flow label makes no difference. */
bool wg_endpoint_equal(const union wg_endpoint *a, const union wg_endpoint *b);
size_t wg_endpoint_len(const union wg_endpoint *endpoint); /* 0: none */

#endif
