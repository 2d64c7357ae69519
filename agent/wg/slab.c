// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/slab.h"

#include <stdint.h>
#include <string.h>

#include <sodium.h>

/* Sixteen pages together with libsodium's canary, which lies before. */
#define CHUNK_LEN (65536 - 16)

struct wg_slab_chunk {
	struct wg_slab_chunk *next;
};

void wg_slab_init(struct wg_slab *slab, size_t size)
{
	slab->size = (size + 7) & ~(size_t)7;
	slab->free = NULL;
	slab->chunks = NULL;
}

static void push(struct wg_slab *slab, void *object)
{
	memcpy(object, &slab->free, sizeof(slab->free));
	slab->free = object;
}

static void grow(struct wg_slab *slab)
{
	struct wg_slab_chunk *chunk = sodium_malloc(CHUNK_LEN);
	uint8_t *bytes = (uint8_t *)chunk;
	size_t at = (sizeof(*chunk) + 7) & ~(size_t)7;

	if (!chunk)
		return;
	memset(chunk, 0, CHUNK_LEN);
	chunk->next = slab->chunks;
	slab->chunks = chunk;
	for (; at + slab->size <= CHUNK_LEN; at += slab->size)
		push(slab, bytes + at);
}

void *wg_slab_get(struct wg_slab *slab)
{
	void *object;

	if (!slab->free)
		grow(slab);
	object = slab->free;
	if (!object)
		return NULL;
	memcpy(&slab->free, object, sizeof(slab->free));
	memset(object, 0, sizeof(slab->free));
	return object;
}

void wg_slab_put(struct wg_slab *slab, void *object)
{
	if (!object)
		return;
	sodium_memzero(object, slab->size);
	push(slab, object);
}

void wg_slab_clear(struct wg_slab *slab)
{
	while (slab->chunks) {
		struct wg_slab_chunk *chunk = slab->chunks;

		slab->chunks = chunk->next;
		sodium_free(chunk); /* wipes */
	}
	slab->free = NULL;
}
