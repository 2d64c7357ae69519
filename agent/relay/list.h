/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An intrusive doubly linked list with a head, as the kernel's. */
#ifndef SLUICE_RELAY_LIST_H
#define SLUICE_RELAY_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define relay_container(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))

struct relay_list {
	struct relay_list *next, *prev;
};

static inline void relay_list_init(struct relay_list *list)
{
	list->next = list->prev = list;
}

static inline bool relay_list_empty(const struct relay_list *list)
{
	return list->next == list;
}

static inline void relay_list_insert(struct relay_list *node,
				     struct relay_list *after)
{
	node->prev = after;
	node->next = after->next;
	after->next->prev = node;
	after->next = node;
}

static inline void relay_list_remove(struct relay_list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	relay_list_init(node);
}

static inline void relay_list_to_front(struct relay_list *node,
				       struct relay_list *list)
{
	relay_list_remove(node);
	relay_list_insert(node, list);
}

static inline void relay_list_to_back(struct relay_list *node,
				      struct relay_list *list)
{
	relay_list_remove(node);
	relay_list_insert(node, list->prev);
}

#endif
