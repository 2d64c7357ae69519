/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects of one size, of which there are many thousands: without the allocator's
 * header, side by side, and given back to those of their kind. What holds secrets
 * belongs into a wg_slab.
 */
#ifndef SLUICE_RELAY_SLAB_H
#define SLUICE_RELAY_SLAB_H

#include <stddef.h>

struct relay_slab {
	size_t size; /* of one object, a multiple of a pointer's */
	void *free; /* each object's first bytes point to the next */
	struct relay_slab_chunk *chunks;
};

void relay_slab_init(struct relay_slab *slab, size_t size);
void *relay_slab_get(struct relay_slab *slab); /* zeroed; NULL: no memory */
void relay_slab_put(struct relay_slab *slab, void *object); /* NULL is fine */
void relay_slab_clear(struct relay_slab *slab); /* frees all objects */

#endif
