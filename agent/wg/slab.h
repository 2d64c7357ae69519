/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects of one size in libsodium's guarded, locked memory. sodium_malloc gives
 * each allocation pages of its own, so a chunk of many objects is taken at a
 * time. Objects come zeroed and are wiped when they go back.
 */
#ifndef SLUICE_WG_SLAB_H
#define SLUICE_WG_SLAB_H

#include <stddef.h>

struct wg_slab {
	size_t size; /* of one object, at least a pointer's, 8-byte multiple */
	void *free; /* each object's first bytes point to the next */
	struct wg_slab_chunk *chunks;
};

void wg_slab_init(struct wg_slab *slab, size_t size);
void *wg_slab_get(struct wg_slab *slab); /* NULL: no memory */
void wg_slab_put(struct wg_slab *slab, void *object); /* NULL is fine */
void wg_slab_clear(struct wg_slab *slab); /* wipes and frees all */

#endif
