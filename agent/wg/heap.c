// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/heap.h"

#include <errno.h>
#include <stdlib.h>

int wg_heap_init(struct wg_heap *heap, size_t capacity)
{
	heap->nodes = calloc(capacity + 1, sizeof(struct wg_heap_node *));
	heap->count = 0;
	heap->capacity = capacity;
	return heap->nodes ? 0 : -ENOMEM;
}

void wg_heap_clear(struct wg_heap *heap)
{
	free(heap->nodes);
	heap->nodes = NULL;
}

struct wg_heap_node *wg_heap_first(const struct wg_heap *heap)
{
	return heap->count ? heap->nodes[1] : NULL;
}

static void place(struct wg_heap *heap, struct wg_heap_node *node, size_t at)
{
	heap->nodes[at] = node;
	node->position = at;
}

static void sift_up(struct wg_heap *heap, struct wg_heap_node *node)
{
	size_t at = node->position;

	while (at > 1 && heap->nodes[at / 2]->due_ns > node->due_ns) {
		place(heap, heap->nodes[at / 2], at);
		at /= 2;
	}
	place(heap, node, at);
}

static void sift_down(struct wg_heap *heap, struct wg_heap_node *node)
{
	size_t at = node->position, child;

	for (; (child = 2 * at) <= heap->count; at = child) {
		if (child < heap->count &&
		    heap->nodes[child + 1]->due_ns < heap->nodes[child]->due_ns)
			child++;
		if (heap->nodes[child]->due_ns >= node->due_ns)
			break;
		place(heap, heap->nodes[child], at);
	}
	place(heap, node, at);
}

static void take_out(struct wg_heap *heap, struct wg_heap_node *node)
{
	struct wg_heap_node *last = heap->nodes[heap->count--];

	if (last != node) {
		place(heap, last, node->position);
		sift_up(heap, last);
		sift_down(heap, last);
	}
	node->position = 0;
}

void wg_heap_set(struct wg_heap *heap, struct wg_heap_node *node,
		 uint64_t due_ns)
{
	if (due_ns == UINT64_MAX) {
		if (node->position)
			take_out(heap, node);
		return;
	}
	node->due_ns = due_ns;
	if (!node->position)
		place(heap, node, ++heap->count);
	sift_up(heap, node);
	sift_down(heap, node);
}
