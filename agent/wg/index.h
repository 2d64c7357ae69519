/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Receiver indices: which handshake or keypair of ours a message names. We draw
 * them at random ourselves, so their low bits are as good as a keyed hash.
 * Indices are in host order here; the wire has them little-endian.
 */
#ifndef SLUICE_WG_INDEX_H
#define SLUICE_WG_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wg_indexed_kind {
	WG_INDEXED_NONE, /* not in the table */
	WG_INDEXED_HANDSHAKE,
	WG_INDEXED_KEYPAIR,
};

/* Embedded in what an index names. */
struct wg_indexed {
	struct wg_indexed *next;
	struct wg_peer *peer;
	uint32_t index;
	enum wg_indexed_kind kind;
};

struct wg_index_table {
	struct wg_indexed **buckets;
	size_t mask;
};

int wg_index_table_init(struct wg_index_table *table, size_t expected);
void wg_index_table_clear(struct wg_index_table *table); /* not the entries */
struct wg_indexed *wg_index_find(const struct wg_index_table *table,
				 uint32_t index);
void wg_index_insert(struct wg_index_table *table, struct wg_indexed *entry);
void wg_index_remove(struct wg_index_table *table, struct wg_indexed *entry);

#endif
