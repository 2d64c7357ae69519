// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/slab.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A few pages, the allocator's header included. */
#define CHUNK_LEN (16384 - 32)

struct relay_slab_chunk {
	struct relay_slab_chunk *next;
	max_align_t objects[];
};

void relay_slab_init(struct relay_slab *slab, size_t size)
{
	const size_t step = sizeof(void *);

	slab->size = (size + step - 1) / step * step;
	slab->free = NULL;
	slab->chunks = NULL;
}

static void push(struct relay_slab *slab, void *object)
{
	memcpy(object, &slab->free, sizeof(slab->free));
	slab->free = object;
}

static void grow(struct relay_slab *slab)
{
	struct relay_slab_chunk *chunk = malloc(CHUNK_LEN);
	size_t room = CHUNK_LEN - offsetof(struct relay_slab_chunk, objects);
	uint8_t *bytes;

	if (!chunk)
		return;
	bytes = (uint8_t *)chunk->objects;
	chunk->next = slab->chunks;
	slab->chunks = chunk;
	for (size_t at = 0; at + slab->size <= room; at += slab->size)
		push(slab, bytes + at);
}

void *relay_slab_get(struct relay_slab *slab)
{
	void *object;

	if (!slab->free)
		grow(slab);
	object = slab->free;
	if (!object)
		return NULL;
	memcpy(&slab->free, object, sizeof(slab->free));
	return memset(object, 0, slab->size);
}

void relay_slab_put(struct relay_slab *slab, void *object)
{
	if (object)
		push(slab, object);
}

void relay_slab_clear(struct relay_slab *slab)
{
	while (slab->chunks) {
		struct relay_slab_chunk *chunk = slab->chunks;

		slab->chunks = chunk->next;
		free(chunk);
	}
	slab->free = NULL;
}
