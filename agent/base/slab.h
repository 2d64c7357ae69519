/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects of one size, of which there are many thousands: without the allocator's
 * header, side by side, and given back to those of their kind. They come zeroed.
 *
 * Secrets lie in libsodium's guarded, locked memory and are wiped when they go
 * back. It gives each allocation pages of its own, so chunks are larger there.
 */
#ifndef SLUICE_BASE_SLAB_H
#define SLUICE_BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>

#define SLAB_OBJECT_MAX 16000

struct slab {
	size_t size; /* of one object, a multiple of eight */
	bool secret;
	void *free; /* each object's first bytes point to the next */
	struct slab_chunk *chunks;
};

/* size: 1 to SLAB_OBJECT_MAX. Secrets need sodium_init() to have been called. */
void slab_init(struct slab *slab, size_t size);
void slab_init_secret(struct slab *slab, size_t size);
void *slab_get(struct slab *slab); /* NULL: no memory */
void slab_put(struct slab *slab, void *object); /* NULL is fine */
void slab_clear(struct slab *slab); /* frees all objects */

#endif
