// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "wg/state.h"

bool wg_path_equal(const struct wg_path *a, const struct wg_path *b)
{
	return a->remote_port == b->remote_port &&
	       a->local_port == b->local_port &&
	       !memcmp(a->remote, b->remote, sizeof(a->remote)) &&
	       !memcmp(a->local, b->local, sizeof(a->local));
}

static int make_vault(struct wg_tunnel *tunnel,
		      const struct wg_key *private_key)
{
	struct wg_vault *vault = sodium_malloc(sizeof(*vault));

	if (!vault)
		return -ENOMEM;
	memset(vault, 0, sizeof(*vault));
	tunnel->vault = vault;
	vault->self.private_key = *private_key;
	if (wg_key_is_zero(private_key) ||
	    wg_key_public(&vault->self.public_key, private_key))
		return -EINVAL;
	wg_cookie_jar_init(&vault->jar, &vault->self.public_key);
	return 0;
}

static int make_tables(struct wg_tunnel *tunnel)
{
	size_t buckets = 16;

	while (buckets < tunnel->max_peers)
		buckets *= 2;
	tunnel->bucket_mask = buckets - 1;
	tunnel->buckets = calloc(buckets, sizeof(struct wg_peer *));
	tunnel->sealed = malloc(wg_sealed_len(WG_INNER_MAX));
	tunnel->opened = malloc(WG_INNER_MAX);
	randombytes_buf(tunnel->bucket_key, sizeof(tunnel->bucket_key));
	slab_init_secret(&tunnel->peers, sizeof(struct wg_peer));
	slab_init_secret(&tunnel->keypairs,
			 sizeof(struct wg_keypair) + tunnel->replay_bits / 8);
	slab_init_secret(&tunnel->pendings, sizeof(struct wg_pending));
	slab_init_secret(&tunnel->slips, sizeof(struct wg_cookie_slip));
	slab_init_secret(&tunnel->psks, sizeof(struct wg_key));
	/* Two keypairs a peer most of the time. */
	if (!tunnel->buckets || !tunnel->sealed || !tunnel->opened ||
	    wg_index_table_init(&tunnel->indices, 2 * buckets) ||
	    wg_heap_init(&tunnel->timers, tunnel->max_peers))
		return -ENOMEM;
	return 0;
}

/* Whole words, and one for the greatest counter. */
static uint16_t replay_bits(uint16_t reordered)
{
	uint32_t bits = ((uint32_t)reordered + 63) / 64 * 64 + 64;

	return reordered && bits < WG_REPLAY_BITS ? (uint16_t)bits
						  : WG_REPLAY_BITS;
}

int wg_tunnel_new(struct wg_tunnel **out,
		  const struct wg_tunnel_settings *settings,
		  const struct wg_tunnel_ops *ops, void *ctx)
{
	struct wg_tunnel *tunnel;
	int err;

	if (sodium_init() < 0)
		return -ENOSYS;
	tunnel = calloc(1, sizeof(*tunnel));
	if (!tunnel)
		return -ENOMEM;
	tunnel->ops = *ops;
	tunnel->ctx = ctx;
	tunnel->wall_ns = settings->wall_ns;
	tunnel->max_peers = settings->max_peers;
	tunnel->load_limit = settings->load_limit ? settings->load_limit
						  : WG_DEFAULT_LOAD_LIMIT;
	tunnel->replay_bits = replay_bits(settings->reordered);
	err = make_vault(tunnel, &settings->private_key);
	if (!err)
		err = make_tables(tunnel);
	if (err) {
		wg_tunnel_free(tunnel);
		return err;
	}
	*out = tunnel;
	return 0;
}

void wg_tunnel_free(struct wg_tunnel *tunnel)
{
	if (!tunnel)
		return;
	slab_clear(&tunnel->peers);
	slab_clear(&tunnel->keypairs);
	slab_clear(&tunnel->pendings);
	slab_clear(&tunnel->slips);
	slab_clear(&tunnel->psks);
	wg_index_table_clear(&tunnel->indices);
	wg_heap_clear(&tunnel->timers);
	free(tunnel->buckets);
	free(tunnel->sealed);
	if (tunnel->opened)
		sodium_memzero(tunnel->opened, WG_INNER_MAX);
	free(tunnel->opened);
	sodium_free(tunnel->vault);
	sodium_memzero(tunnel, sizeof(*tunnel));
	free(tunnel);
}

const struct wg_key *wg_tunnel_public_key(const struct wg_tunnel *tunnel)
{
	return &tunnel->vault->self.public_key;
}

bool wg_tunnel_owns(const struct wg_tunnel *tunnel, uint32_t index)
{
	return wg_index_find(&tunnel->indices, index);
}

uint64_t wg_tunnel_tick(struct wg_tunnel *tunnel, uint64_t now_ns)
{
	struct wg_heap_node *first;

	wg_peers_enter(tunnel, now_ns);
	while ((first = wg_heap_first(&tunnel->timers)) &&
	       first->due_ns <= now_ns)
		wg_timers_run((struct wg_peer *)first);
	wg_peers_leave(tunnel);
	return first ? first->due_ns : WG_NEVER;
}

void wg_tunnel_transmit(struct wg_peer *peer, const struct wg_path *path,
			const void *data, size_t len)
{
	struct wg_tunnel *tunnel = peer->tunnel;

	peer->tx_bytes += len;
	tunnel->ops.send(tunnel->ctx, path, data, len);
}

int wg_tunnel_draw_index(struct wg_peer *peer, uint32_t *index)
{
	struct wg_tunnel *tunnel = peer->tunnel;

	/* Of 2^32 that often only somebody who refuses everything says no. */
	for (int draws = 0; draws < 64; draws++) {
		uint32_t drawn = randombytes_random();

		if (wg_tunnel_owns(tunnel, drawn))
			continue;
		if (tunnel->ops.claim &&
		    !tunnel->ops.claim(tunnel->ctx, peer, drawn))
			continue;
		*index = drawn;
		return 0;
	}
	return -EAGAIN;
}

void wg_tunnel_release_index(struct wg_peer *peer, uint32_t index)
{
	struct wg_tunnel *tunnel = peer->tunnel;

	if (tunnel->ops.release)
		tunnel->ops.release(tunnel->ctx, peer, index);
}
