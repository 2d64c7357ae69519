// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/index.h"

#include <errno.h>
#include <stdlib.h>

int wg_index_table_init(struct wg_index_table *table, size_t expected)
{
	size_t count = 16;

	while (count < expected)
		count *= 2;
	table->buckets = calloc(count, sizeof(struct wg_indexed *));
	table->mask = count - 1;
	return table->buckets ? 0 : -ENOMEM;
}

void wg_index_table_clear(struct wg_index_table *table)
{
	free(table->buckets);
	table->buckets = NULL;
}

struct wg_indexed *wg_index_find(const struct wg_index_table *table,
				 uint32_t index)
{
	struct wg_indexed *entry = table->buckets[index & table->mask];

	while (entry && entry->index != index)
		entry = entry->next;
	return entry;
}

void wg_index_insert(struct wg_index_table *table, struct wg_indexed *entry)
{
	struct wg_indexed **bucket =
		&table->buckets[entry->index & table->mask];

	entry->next = *bucket;
	*bucket = entry;
}

void wg_index_remove(struct wg_index_table *table, struct wg_indexed *entry)
{
	struct wg_indexed **at = &table->buckets[entry->index & table->mask];

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	entry->next = NULL;
}
