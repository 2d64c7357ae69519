/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where legs are: by address and port, in a chained hash here and in the map of
 * known addresses, and by address alone, a place. leg.c keeps both up to date;
 * nobody else includes this.
 */
#ifndef SLUICE_RELAY_SOURCE_H
#define SLUICE_RELAY_SOURCE_H

#include "relay/leg.h"

int relay_sources_init(struct relay_legs *legs); /* -ENOMEM */
void relay_sources_clear(struct relay_legs *legs);

/* Enters a leg under the source that its map entry has. -ENOSPC: half of it may
 * be done, which relay_source_leave undoes. */
int relay_source_enter(struct relay_legs *legs, uint16_t leg);
void relay_source_leave(struct relay_legs *legs, uint16_t leg);

/* Makes the map of known addresses say what the legs do. */
void relay_sources_correct(struct relay_legs *legs);

#endif
