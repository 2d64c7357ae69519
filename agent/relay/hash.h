/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An intrusive chained hash. The hash is SipHash with a secret of the table's
 * own, because strangers choose what is looked up. Inserting can not fail: a
 * table that can not grow gets longer chains.
 */
#ifndef SLUICE_RELAY_HASH_H
#define SLUICE_RELAY_HASH_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

struct relay_hash_node {
	struct relay_hash_node *next;
	uint64_t hash;
};

struct relay_hash {
	struct relay_hash_node **heads;
	size_t mask; /* heads - 1 */
	size_t count;
	unsigned char secret[crypto_shorthash_KEYBYTES];
};

int relay_hash_init(struct relay_hash *hash); /* 0 or -ENOMEM */
void relay_hash_clear(struct relay_hash *hash); /* the nodes are the caller's */

uint64_t relay_hash_of(const struct relay_hash *hash, const void *key,
		       size_t len);
void relay_hash_insert(struct relay_hash *hash, struct relay_hash_node *node,
		       uint64_t value);
void relay_hash_remove(struct relay_hash *hash, struct relay_hash_node *node);

/* Nodes whose whole hash is `value`; the caller compares the keys. */
struct relay_hash_node *relay_hash_first(const struct relay_hash *hash,
					 uint64_t value);
struct relay_hash_node *relay_hash_next(const struct relay_hash_node *node);

#endif
