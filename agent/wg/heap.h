/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A binary heap of deadlines, embedded in what they belong to: the earliest at
 * hand, any of them moved in O(log n), no allocation after the first.
 */
#ifndef SLUICE_WG_HEAP_H
#define SLUICE_WG_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct wg_heap_node {
	uint64_t due_ns;
	size_t position; /* from 1; 0: not in the heap */
};

struct wg_heap {
	struct wg_heap_node **nodes; /* nodes[1] is due first */
	size_t count, capacity;
};

int wg_heap_init(struct wg_heap *heap, size_t capacity);
void wg_heap_clear(struct wg_heap *heap); /* not the nodes */
struct wg_heap_node *
wg_heap_first(const struct wg_heap *heap); /* NULL: empty */
/* Puts the node in, or moves it; UINT64_MAX takes it out. */
void wg_heap_set(struct wg_heap *heap, struct wg_heap_node *node,
		 uint64_t due_ns);

#endif
