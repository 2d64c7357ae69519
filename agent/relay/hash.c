// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include "relay/hash.h"

#define HEADS_MIN 64

int relay_hash_init(struct relay_hash *hash)
{
	hash->heads = calloc(HEADS_MIN, sizeof(*hash->heads));
	if (!hash->heads)
		return -ENOMEM;
	hash->mask = HEADS_MIN - 1;
	hash->count = 0;
	crypto_shorthash_keygen(hash->secret);
	return 0;
}

void relay_hash_clear(struct relay_hash *hash)
{
	free(hash->heads);
	hash->heads = NULL;
	hash->mask = hash->count = 0;
}

uint64_t relay_hash_of(const struct relay_hash *hash, const void *key,
		       size_t len)
{
	union {
		unsigned char bytes[crypto_shorthash_BYTES];
		uint64_t value;
	} out;

	crypto_shorthash(out.bytes, key, len, hash->secret);
	return out.value;
}

static void grow(struct relay_hash *hash)
{
	size_t heads = 2 * (hash->mask + 1);
	struct relay_hash_node **fresh = calloc(heads, sizeof(*fresh));

	if (!fresh)
		return;
	for (size_t i = 0; i <= hash->mask; i++) {
		struct relay_hash_node *node = hash->heads[i];

		while (node) {
			struct relay_hash_node *next = node->next;
			struct relay_hash_node **head;

			head = &fresh[node->hash & (heads - 1)];
			node->next = *head;
			*head = node;
			node = next;
		}
	}
	free(hash->heads);
	hash->heads = fresh;
	hash->mask = heads - 1;
}

void relay_hash_insert(struct relay_hash *hash, struct relay_hash_node *node,
		       uint64_t value)
{
	struct relay_hash_node **head;

	if (hash->count > hash->mask)
		grow(hash);
	head = &hash->heads[value & hash->mask];
	node->hash = value;
	node->next = *head;
	*head = node;
	hash->count++;
}

void relay_hash_remove(struct relay_hash *hash, struct relay_hash_node *node)
{
	struct relay_hash_node **at = &hash->heads[node->hash & hash->mask];

	while (*at && *at != node)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = node->next;
	node->next = NULL;
	hash->count--;
}

static struct relay_hash_node *match(struct relay_hash_node *node,
				     uint64_t value)
{
	while (node && node->hash != value)
		node = node->next;
	return node;
}

struct relay_hash_node *relay_hash_first(const struct relay_hash *hash,
					 uint64_t value)
{
	return match(hash->heads[value & hash->mask], value);
}

struct relay_hash_node *relay_hash_next(const struct relay_hash_node *node)
{
	return match(node->next, node->hash);
}
