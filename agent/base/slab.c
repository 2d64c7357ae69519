// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/slab.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

/* What a 64-bit integer wants, on 32-bit machines too. */
#define ALIGN 8U

/* A few pages, the allocator's header included. */
#define CHUNK_LEN (16384U - 32)
/* Sixteen pages together with libsodium's canary, which lies before. */
#define SECRET_CHUNK_LEN (65536U - 16)

struct slab_chunk {
	struct slab_chunk *next;
	uint64_t objects[];
};

_Static_assert(SLAB_OBJECT_MAX <=
		       CHUNK_LEN - offsetof(struct slab_chunk, objects),
	       "the largest object does not fit a chunk");

static size_t align(size_t size)
{
	return (size + ALIGN - 1) / ALIGN * ALIGN;
}

void slab_init(struct slab *slab, size_t size)
{
	*slab = (struct slab){.size = align(size)};
}

void slab_init_secret(struct slab *slab, size_t size)
{
	*slab = (struct slab){.size = align(size), .secret = true};
}

static void push(struct slab *slab, void *object)
{
	memcpy(object, &slab->free, sizeof(slab->free));
	slab->free = object;
}

static void grow(struct slab *slab)
{
	size_t len = slab->secret ? SECRET_CHUNK_LEN : CHUNK_LEN;
	struct slab_chunk *chunk =
		slab->secret ? sodium_malloc(len) : malloc(len);
	size_t at = offsetof(struct slab_chunk, objects);

	if (!chunk)
		return;
	chunk->next = slab->chunks;
	slab->chunks = chunk;
	for (; at + slab->size <= len; at += slab->size)
		push(slab, (uint8_t *)chunk + at);
}

void *slab_get(struct slab *slab)
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

void slab_put(struct slab *slab, void *object)
{
	if (!object)
		return;
	if (slab->secret)
		sodium_memzero(object, slab->size);
	push(slab, object);
}

void slab_clear(struct slab *slab)
{
	while (slab->chunks) {
		struct slab_chunk *chunk = slab->chunks;

		slab->chunks = chunk->next;
		if (slab->secret)
			sodium_free(chunk); /* wipes */
		else
			free(chunk);
	}
	slab->free = NULL;
}
