/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network of tunnels on a virtual clock, for tests: nodes with an address
 * each, datagrams in flight with a delay, a policy that loses, repeats or holds
 * them back, and a count of everything that came out. Hours pass in milliseconds.
 */
#ifndef SLUICE_WG_SIM_H
#define SLUICE_WG_SIM_H

#include <stdlib.h>

#include <sodium.h>

#include "tap.h"
#include "wg/limits.h"
#include "wg/tunnel.h"

#define SIM_MS UINT64_C(1000000)
#define SIM_NODES 4
#define SIM_PEERS 8

struct sim_datagram {
	struct sim_datagram *next; /* by time of arrival */
	uint64_t at_ns;
	struct wg_path path; /* as the receiver sees it */
	size_t len;
	uint8_t data[2048];
};

struct sim_peer {
	struct wg_peer *peer;
	struct sim_node *node;
	unsigned long delivered, delivered_bytes, proven, answered, moved;
	unsigned long gave_up;
	struct wg_path proven_path;
	uint8_t last[2048]; /* delivered */
	size_t last_len;
};

struct sim_node {
	struct sim *sim;
	struct wg_tunnel *tunnel;
	struct wg_key key; /* public */
	uint8_t host; /* the last byte of its address; the port is the same */
	struct sim_peer peers[SIM_PEERS];
	int peer_count;
	bool admit_strangers;
	unsigned long strangers, sent, sent_type[5], verdicts[WG_VERDICT_COUNT];
	size_t sent_bytes;
	long claims; /* outstanding */
	unsigned long refuse_claims; /* that many to come */
	uint32_t refused[64];
	int refused_count;
};

struct sim {
	uint64_t now_ns;
	struct sim_node nodes[SIM_NODES];
	int node_count;
	struct sim_datagram *flying;
	uint64_t delay_ns;
	/* Asked for each datagram: how many copies arrive, and how much later
	 * than delay_ns; NULL: one, at once. */
	int (*fate)(struct sim *sim, const struct sim_datagram *datagram,
		    uint64_t *extra_ns);
	struct sim_datagram last_of[5]; /* the last sent of each type */
	unsigned long stray; /* sent to an address where nobody is */
};

static uint64_t sim_clock_ns; /* of all simulations: the wall's clock */
static uint64_t sim_wall_ns(void)
{
	return UINT64_C(1700000000) * WG_SECOND_NS + sim_clock_ns;
}

__attribute__((unused)) static struct wg_path sim_path(uint8_t remote,
						       uint8_t local)
{
	struct wg_path path = {.remote_port = remote, .local_port = local};

	path.remote[10] = path.remote[11] = path.local[10] = path.local[11] =
		255;
	path.remote[15] = remote;
	path.local[15] = local;
	return path;
}

static void sim_fly(struct sim *sim, const struct sim_datagram *datagram,
		    uint64_t at_ns)
{
	struct sim_datagram **at = &sim->flying;
	struct sim_datagram *copy = malloc(sizeof(*copy));

	*copy = *datagram;
	copy->at_ns = at_ns;
	while (*at && (*at)->at_ns <= at_ns)
		at = &(*at)->next;
	copy->next = *at;
	*at = copy;
}

static void sim_send(void *ctx, const struct wg_path *path, const void *data,
		     size_t len)
{
	struct sim_node *node = ctx;
	struct sim *sim = node->sim;
	struct sim_datagram datagram = {.len = len};
	uint64_t extra_ns = 0;
	int copies = 1;

	memcpy(datagram.data, data, len);
	/* Turned round: what is remote to the sender is local to the other. */
	memcpy(datagram.path.remote, path->local, 16);
	memcpy(datagram.path.local, path->remote, 16);
	datagram.path.remote_port = path->local_port;
	datagram.path.local_port = path->remote_port;
	node->sent++;
	node->sent_bytes += len;
	node->sent_type[datagram.data[0]]++;
	sim->last_of[datagram.data[0]] = datagram;
	if (sim->fate)
		copies = sim->fate(sim, &datagram, &extra_ns);
	while (copies-- > 0)
		sim_fly(sim, &datagram, sim->now_ns + sim->delay_ns + extra_ns);
}

static struct sim_peer *sim_join(struct sim_node *node,
				 const struct wg_key *key,
				 const struct wg_key *psk, uint16_t keepalive)
{
	struct sim_peer *peer = &node->peers[node->peer_count];

	peer->node = node;
	peer->peer = wg_peer_add(node->tunnel, key, psk, keepalive, peer);
	if (!peer->peer)
		return NULL;
	node->peer_count++;
	return peer;
}

static struct wg_peer *sim_stranger(void *ctx, const struct wg_key *public_key,
				    const struct wg_path *path)
{
	struct sim_node *node = ctx;
	struct sim_peer *peer;

	(void)path;
	node->strangers++;
	if (!node->admit_strangers)
		return NULL;
	peer = sim_join(node, public_key, NULL, 0);
	return peer ? peer->peer : NULL;
}

static void sim_proven(void *ctx, struct wg_peer *peer,
		       const struct wg_path *path, bool moved, bool answered)
{
	struct sim_peer *to = wg_peer_user(peer);

	(void)ctx;
	to->proven++;
	to->answered += answered;
	to->moved += moved;
	to->proven_path = *path;
}

static void sim_deliver(void *ctx, struct wg_peer *peer, const void *data,
			size_t len)
{
	struct sim_peer *to = wg_peer_user(peer);

	(void)ctx;
	to->delivered++;
	to->delivered_bytes += len;
	to->last_len = len;
	memcpy(to->last, data, len < sizeof(to->last) ? len : sizeof(to->last));
}

static bool sim_claim(void *ctx, struct wg_peer *peer, uint32_t index)
{
	struct sim_node *node = ctx;

	(void)peer;
	if (node->refuse_claims) {
		node->refuse_claims--;
		node->refused[node->refused_count++ % 64] = index;
		return false;
	}
	node->claims++;
	return true;
}

static void sim_release(void *ctx, struct wg_peer *peer, uint32_t index)
{
	struct sim_node *node = ctx;

	(void)peer;
	(void)index;
	node->claims--;
}

static void sim_gave_up(void *ctx, struct wg_peer *peer)
{
	struct sim_peer *to = wg_peer_user(peer);

	(void)ctx;
	to->gave_up++;
}

static const struct wg_tunnel_ops sim_ops = {
	.send = sim_send,
	.stranger = sim_stranger,
	.proven = sim_proven,
	.deliver = sim_deliver,
	.claim = sim_claim,
	.release = sim_release,
	.gave_up = sim_gave_up,
};

static struct sim_node *sim_node(struct sim *sim, uint32_t max_peers,
				 uint32_t load_limit)
{
	struct sim_node *node = &sim->nodes[sim->node_count++];
	struct wg_tunnel_settings settings = {
		.max_peers = max_peers,
		.wall_ns = sim_wall_ns,
		.load_limit = load_limit,
	};

	node->sim = sim;
	node->host = sim->node_count;
	wg_key_generate_private(&settings.private_key);
	wg_key_public(&node->key, &settings.private_key);
	if (wg_tunnel_new(&node->tunnel, &settings, &sim_ops, node))
		abort();
	return node;
}

static void sim_arrive(struct sim *sim, const struct sim_datagram *datagram)
{
	for (int i = 0; i < sim->node_count; i++) {
		struct sim_node *node = &sim->nodes[i];

		if (node->host != datagram->path.local[15])
			continue;
		node->verdicts[wg_tunnel_input(node->tunnel, &datagram->path,
					       datagram->data, datagram->len,
					       sim->now_ns)]++;
		return;
	}
	sim->stray++;
}

/* Lets that much time pass: datagrams arrive and timers run when due. */
static void sim_run(struct sim *sim, uint64_t duration_ns)
{
	uint64_t end_ns = sim->now_ns + duration_ns;

	for (;;) {
		uint64_t next_ns = UINT64_MAX;

		for (int i = 0; i < sim->node_count; i++) {
			uint64_t due_ns = wg_tunnel_tick(sim->nodes[i].tunnel,
							 sim->now_ns);

			if (due_ns < next_ns)
				next_ns = due_ns;
		}
		if (sim->flying && sim->flying->at_ns < next_ns)
			next_ns = sim->flying->at_ns;
		if (next_ns > end_ns)
			break;
		sim->now_ns = sim_clock_ns = next_ns;
		while (sim->flying && sim->flying->at_ns <= sim->now_ns) {
			struct sim_datagram *datagram = sim->flying;

			sim->flying = datagram->next;
			sim_arrive(sim, datagram);
			free(datagram);
		}
	}
	sim->now_ns = sim_clock_ns = end_ns;
}

static struct sim *sim_new(void)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	sim->now_ns = sim_clock_ns = 1000 * WG_SECOND_NS;
	sim->delay_ns = 10 * SIM_MS;
	return sim;
}

static void sim_free(struct sim *sim)
{
	for (int i = 0; i < sim->node_count; i++)
		wg_tunnel_free(sim->nodes[i].tunnel);
	while (sim->flying) {
		struct sim_datagram *datagram = sim->flying;

		sim->flying = datagram->next;
		free(datagram);
	}
	free(sim);
}

/* Two nodes that know each other: a is 1, b is 2. */
struct sim_pair {
	struct sim *sim;
	struct sim_node *a, *b;
	struct sim_peer *to_b, *to_a; /* a's peer, b's peer */
};

__attribute__((unused)) static struct sim_pair
sim_pair(const struct wg_key *psk, uint16_t keepalive)
{
	struct sim_pair pair = {.sim = sim_new()};

	pair.a = sim_node(pair.sim, SIM_PEERS, 0);
	pair.b = sim_node(pair.sim, SIM_PEERS, 0);
	pair.to_b = sim_join(pair.a, &pair.b->key, psk, keepalive);
	pair.to_a = sim_join(pair.b, &pair.a->key, psk, keepalive);
	return pair;
}

/* a initiates; true if both ends can send then. */
__attribute__((unused)) static bool sim_connect(struct sim_pair *pair)
{
	struct wg_path path = sim_path(pair->b->host, pair->a->host);
	struct wg_peer_stats at_a, at_b;

	wg_peer_initiate(pair->to_b->peer, &path, true, pair->sim->now_ns);
	sim_run(pair->sim, 100 * SIM_MS);
	wg_peer_stats(pair->to_b->peer, &at_a);
	wg_peer_stats(pair->to_a->peer, &at_b);
	return at_a.has_keypair && at_b.has_keypair;
}

#endif
