// SPDX-License-Identifier: GPL-2.0-or-later
/* The slab, plain and for secrets: beside objects filled with their numbers. */
#include <stdint.h>

#include <sodium.h>

#include "base/slab.h"
#include "tap.h"

#define OBJECTS 2000
#define SIZE 100 /* no multiple of eight */

static const char *kind(const struct slab *slab)
{
	return slab->secret ? "secret" : "plain";
}

static void test_apart(struct slab *slab)
{
	uint8_t *all[OBJECTS];
	bool apart = true, zero = true, aligned = true;

	for (int i = 0; i < OBJECTS; i++) {
		all[i] = slab_get(slab);
		zero &= sodium_is_zero(all[i], SIZE);
		aligned &= (uintptr_t)all[i] % 8 == 0;
		memset(all[i], i, SIZE);
	}
	for (int i = 0; i < OBJECTS; i++)
		for (int j = 0; j < SIZE; j++)
			apart &= all[i][j] == (uint8_t)i;
	ok(apart, "%s: two thousand objects do not overlap", kind(slab));
	ok(zero, "%s: they come zeroed", kind(slab));
	ok(aligned, "%s: each is aligned for 64 bits", kind(slab));
	for (int i = 0; i < OBJECTS; i++)
		slab_put(slab, all[i]);
}

static void test_again(struct slab *slab)
{
	const struct slab_chunk *chunks = slab->chunks;
	bool zero = true;
	uint8_t *a = slab_get(slab), *b;

	memset(a, 0xaa, SIZE);
	slab_put(slab, a);
	if (slab->secret)
		ok(sodium_is_zero(a + sizeof(void *), SIZE - sizeof(void *)),
		   "secret: an object is wiped when it goes back");
	b = slab_get(slab);
	ok(a == b && sodium_is_zero(b, SIZE),
	   "%s: what went back last comes first, and zeroed", kind(slab));
	for (int i = 1; i < OBJECTS; i++)
		zero &= sodium_is_zero(slab_get(slab), SIZE);
	ok(zero, "%s: so do all that were used before", kind(slab));
	ok(slab->chunks == chunks, "%s: no new memory for them", kind(slab));
}

static void test_clear(struct slab *slab)
{
	slab_put(slab, NULL);
	slab_clear(slab);
	ok(!slab->free && !slab->chunks, "%s: all go at once", kind(slab));
	ok(slab_get(slab), "%s: and it can be used again", kind(slab));
	slab_clear(slab);
}

static void test_largest(struct slab *slab)
{
	uint8_t *a = slab_get(slab), *b = slab_get(slab);

	ok(a && b && a != b, "%s: the largest objects fit", kind(slab));
	memset(a, 1, SLAB_OBJECT_MAX);
	memset(b, 2, SLAB_OBJECT_MAX);
	is_int(a[SLAB_OBJECT_MAX - 1], 1, "%s: and lie apart", kind(slab));
	slab_clear(slab);
}

int main(void)
{
	void (*const init[])(struct slab *, size_t) = {slab_init,
						       slab_init_secret};

	if (sodium_init() < 0)
		return 1;
	for (int i = 0; i < 2; i++) {
		struct slab slab;

		init[i](&slab, SIZE);
		test_apart(&slab);
		test_again(&slab);
		test_clear(&slab);
		init[i](&slab, SLAB_OBJECT_MAX);
		test_largest(&slab);
	}
	return tap_done();
}
