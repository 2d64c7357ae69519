/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The peers of relay_sim.h: real WireGuard (the agent's own wg_tunnel), each
 * behind a NAT of its own that can change its mind; what they say to the relay
 * and to each other.
 */
#ifndef SLUICE_RELAY_SIM_NETWORK_H
#define SLUICE_RELAY_SIM_NETWORK_H

#include "relay_sim_accounts.h"
#include "relay_sim_world.h"

/* ---- peers ---- */

static void sim_node_send(void *ctx, const struct wg_path *path,
			  const void *data, size_t len)
{
	struct sim_node *node = ctx;
	unsigned int port = path->remote_port - SIM_PORT;
	struct wg_path seen = sim_path(node, port);

	node->opened[port] = true;
	sim_put(node->sim, true, &seen, data, len);
}

static void sim_node_proven(void *ctx, struct wg_peer *peer,
			    const struct wg_path *path, bool moved,
			    bool answered)
{
	(void)ctx;
	(void)peer;
	(void)path;
	(void)moved;
	(void)answered;
}

/* Inner packets of flows: 'F' and the flow's number. */
static void sim_node_deliver(void *ctx, struct wg_peer *peer, const void *data,
			     size_t len)
{
	struct sim_node *node = ctx;
	const uint8_t *bytes = data;
	struct relay_inner inner;

	node->delivered++;
	if (len <= sizeof(node->last))
		memcpy(node->last, data, len);
	if (bytes[0] == 'F' && len >= 2 && bytes[1] < node->sim->flows &&
	    node->sim->flow[bytes[1]].to == node) {
		sim_flow_got(node->sim, &node->sim->flow[bytes[1]]);
		return;
	}
	if (peer == node->relay && !relay_inner_parse(&inner, data, len) &&
	    !relay_message_parse(&node->ack, inner.payload, inner.payload_len))
		node->acks++;
}

static void sim_node_gave_up(void *ctx, struct wg_peer *peer)
{
	(void)ctx;
	(void)peer;
}

static void sim_node_release(void *ctx, struct wg_peer *peer, uint32_t index)
{
	(void)ctx;
	(void)peer;
	(void)index;
}

static const struct wg_tunnel_ops sim_node_ops = {
	.send = sim_node_send,
	.proven = sim_node_proven,
	.deliver = sim_node_deliver,
	.release = sim_node_release,
	.gave_up = sim_node_gave_up,
};

static void sim_at_node(struct sim *sim, const struct sim_packet *packet)
{
	unsigned int port = packet->path.local_port - SIM_PORT;

	for (unsigned int i = 0; i < sim->nodes; i++) {
		struct sim_node *node = &sim->node[i];
		struct wg_path path = {0};

		if (memcmp(node->nat, packet->path.remote, 16) ||
		    node->nat_port[port] != packet->path.remote_port ||
		    !node->opened[port] || node->deaf)
			continue;
		sim->seen[packet->data[0] < 5 ? packet->data[0] : 0]++;
		sim->last_out[packet->data[0] < 5 ? packet->data[0] : 0] =
			*packet;
		memcpy(path.remote, packet->path.local, 16);
		path.remote_port = packet->path.local_port;
		sim_v4(path.local, 10, 0, 0, 2);
		path.local_port = 51820;
		wg_tunnel_input(node->tunnel, &path, packet->data, packet->len,
				sim->now_ns);
		node->due_ns = sim->now_ns;
		return;
	}
}

/* Where a peer believes another one to be: the relay. */
static inline struct wg_path sim_endpoint(unsigned int port)
{
	struct wg_path path = {0};

	sim_v4(path.remote, 203, 0, 113, 1);
	path.remote_port = SIM_PORT + port;
	sim_v4(path.local, 10, 0, 0, 2);
	path.local_port = 51820;
	return path;
}

static inline struct sim_node *sim_node_add(struct sim *sim)
{
	struct sim_node *node = &sim->node[sim->nodes];
	struct wg_tunnel_settings settings = {.max_peers = 128,
					      .wall_ns = sim_wall};

	node->sim = sim;
	wg_key_generate_private(&node->private_key);
	wg_key_public(&node->key, &node->private_key);
	settings.private_key = node->private_key;
	if (wg_tunnel_new(&node->tunnel, &settings, &sim_node_ops, node))
		abort();
	node->relay = wg_peer_add(node->tunnel, &sim->key, NULL, 25, NULL);
	sim_v4(node->nat, 198, 51, sim->nodes / 250, 1 + sim->nodes % 250);
	for (int i = 0; i < SIM_PORTS; i++)
		node->nat_port[i] = 40000 + sim->nodes;
	node->due_ns = UINT64_MAX;
	sim->nodes++;
	return node;
}

/* The keepalive to the relay begins: a handshake. */
static void sim_node_up(struct sim_node *node)
{
	struct wg_path path = sim_endpoint(0);

	wg_peer_initiate(node->relay, &path, true, node->sim->now_ns);
	node->due_ns = node->sim->now_ns;
}

static inline struct wg_peer *sim_know(struct sim_node *node,
				       const struct sim_node *other)
{
	struct wg_peer *peer = wg_peer_find(node->tunnel, &other->key);

	return peer ? peer
		    : wg_peer_add(node->tunnel, &other->key, NULL, 0, NULL);
}

static int sim_connect(struct sim_node *node, struct sim_node *other,
		       unsigned int port)
{
	struct wg_path path = sim_endpoint(port);
	struct wg_peer *peer = sim_know(node, other);
	int err = wg_peer_initiate(peer, &path, true, node->sim->now_ns);

	sim_know(other, node);
	node->due_ns = node->sim->now_ns;
	return err;
}

static void sim_inner(struct sim_node *node, const void *payload, size_t len)
{
	struct relay_inner inner = {
		.source_port = 4000,
		.dest_port = RELAY_CONTROL_PORT,
		.payload = payload,
		.payload_len = len,
	};
	uint8_t packet[1500];
	int size;

	sim_v4(inner.source, 10, 120, 0, 1);
	sim_v4(inner.dest, 10, 120, 0, 2);
	size = relay_inner_build(packet, sizeof(packet), &inner);
	wg_peer_send(node->relay, packet, size, node->sim->now_ns);
	node->due_ns = node->sim->now_ns;
}

/* Sends a list, all its chunks. */
static void sim_list(struct sim_node *node, const struct wg_key *keys,
		     size_t count, uint64_t version)
{
	size_t chunks =
		count ? (count + RELAY_CHUNK_KEYS - 1) / RELAY_CHUNK_KEYS : 1;

	for (size_t i = 0; i < chunks; i++) {
		struct relay_message message = {
			.kind = RELAY_LIST_CHUNK,
			.version = version,
			.chunk = i,
			.chunks = chunks,
			.nonce = 7,
		};
		size_t at = i * RELAY_CHUNK_KEYS, left = count - at;
		uint8_t data[RELAY_CONTROL_MAX];
		int len;

		message.key_count =
			left < RELAY_CHUNK_KEYS ? left : RELAY_CHUNK_KEYS;
		if (message.key_count)
			memcpy(message.keys, keys + at,
			       message.key_count * sizeof(*keys));
		len = relay_message_build(data, sizeof(data), &message);
		sim_inner(node, data, len);
	}
}

static inline void sim_list_one(struct sim_node *node,
				const struct sim_node *other, uint64_t version)
{
	sim_list(node, &other->key, 1, version);
}

static inline struct sim_flow *
sim_flow_add(struct sim_node *from, struct sim_node *to, uint64_t interval_ns)
{
	struct sim *sim = from->sim;
	struct sim_flow *flow = &sim->flow[sim->flows++];

	memset(flow, 0, sizeof(*flow));
	flow->from = from;
	flow->to = to;
	flow->peer = sim_know(from, to);
	flow->interval_ns = interval_ns;
	flow->next_ns = sim->now_ns;
	flow->size = 200;
	return flow;
}

/* The NAT forgets, and maps anew. */
static inline void sim_rebind(struct sim_node *node, unsigned int address)
{
	sim_v4(node->nat, 192, 0, 2, address);
	for (int i = 0; i < SIM_PORTS; i++) {
		node->nat_port[i] += 1000;
		node->opened[i] = false;
	}
}

#endif
