/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network in memory around one relay engine: real WireGuard peers (the
 * agent's own wg_tunnel), each behind a NAT of its own that can change its
 * mind, a model of what the kernel program does with the maps, a virtual clock,
 * and an accountant who watches what the relay sends to whom.
 */
#ifndef SLUICE_RELAY_SIM_H
#define SLUICE_RELAY_SIM_H

#include <arpa/inet.h>
#include <blake2.h>
#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "relay/engine.h"
#include "relay/outcome.h"
#include "relay/protocol.h"
#include "tap.h"
#include "wg/mac.h"
#include "wg/tunnel.h"

#define SIM_NODES 80
#define SIM_PORTS 4
#define SIM_PORT 8787
#define SIM_QUEUE 8192
#define SIM_FLOWS 256
#define SIM_SOURCES 512
#define SIM_KNOWN 4096
#define SIM_SPILL 64
#define SIM_MS 1000000ULL
#define SIM_S 1000000000ULL
#define SIM_LATENCY (5 * SIM_MS) /* one way, peer to relay */

struct sim;

struct sim_node {
	struct sim *sim;
	struct wg_tunnel *tunnel;
	struct wg_key private_key, key;
	struct wg_peer *relay;
	uint8_t nat[16]; /* public address */
	uint16_t nat_port[SIM_PORTS]; /* by relay port */
	uint32_t ifindex; /* of the relay's device towards it */
	bool opened[SIM_PORTS]; /* it has sent to that relay port */
	bool deaf; /* nothing comes in */
	uint64_t due_ns;
	struct relay_message ack; /* last control answer */
	unsigned int acks, delivered;
	uint8_t last[1500]; /* the last inner packet */
};

struct sim_packet {
	uint64_t at_ns;
	bool to_relay;
	struct wg_path path; /* as the relay sees it */
	size_t len;
	uint8_t data[1600];
};

struct sim_flow {
	struct sim_node *from, *to;
	struct wg_peer *peer;
	uint64_t interval_ns, next_ns, last_ns, worst_gap_ns;
	size_t size;
	unsigned int sent, got;
};

struct sim_source { /* what an unproven source gave and got */
	struct wg_path path;
	uint64_t in, out;
	bool authentic; /* a packet of the tunnel came from there */
};

struct sim {
	uint64_t now_ns, due_ns;
	struct relay_engine *engine;
	struct relay_settings settings;
	struct relay_tables tables;
	struct relay_config config;
	struct wg_key key;
	struct {
		struct relay_known_key key;
		struct relay_known value;
		bool used;
	} known[SIM_KNOWN];
	size_t known_count;
	struct relay_spill spill[SIM_SPILL];
	struct relay_leg_count *leg_counts;
	struct sim_node node[SIM_NODES];
	unsigned int nodes;
	struct sim_flow flow[SIM_FLOWS];
	unsigned int flows;
	struct sim_packet *queue;
	size_t head, tail;
	struct sim_source source[SIM_SOURCES];
	size_t sources;
	bool slow; /* the kernel program can forward nothing itself */
	bool waking; /* paths of a previous life count as proven */
	unsigned int
		amplified; /* unproven sources that got more than they gave */
	unsigned int forwarded, dropped, up, resolved, dirtied;
	unsigned int seen[5]; /* messages by type that reached any peer */
	struct sim_packet last_in[5], last_out[5]; /* at the relay, by type */
};

static uint64_t sim_wall_base = 1800000000ULL * SIM_S;
static struct sim *sim_current;

static uint64_t sim_wall(void)
{
	return sim_wall_base + sim_current->now_ns;
}

/* ---- addresses ---- */

static inline void sim_v4(uint8_t addr[16], unsigned int a, unsigned int b,
			  unsigned int c, unsigned int d)
{
	memset(addr, 0, 16);
	addr[10] = addr[11] = 0xff;
	addr[12] = a;
	addr[13] = b;
	addr[14] = c;
	addr[15] = d;
}

static inline void sim_v6(uint8_t addr[16], unsigned int host)
{
	memset(addr, 0, 16);
	addr[0] = 0x20;
	addr[1] = 0x01;
	addr[2] = 0x0d;
	addr[3] = 0xb8;
	addr[15] = host;
}

static inline struct wg_path sim_path(const struct sim_node *node,
				      unsigned int port)
{
	struct wg_path path = {0};

	memcpy(path.remote, node->nat, 16);
	sim_v4(path.local, 203, 0, 113, 1);
	if (node->nat[0])
		sim_v6(path.local, 1);
	path.remote_port = node->nat_port[port];
	path.local_port = SIM_PORT + port;
	path.ifindex = node->ifindex;
	return path;
}

/* ---- the wire ---- */

static void sim_put(struct sim *sim, bool to_relay, const struct wg_path *path,
		    const void *data, size_t len)
{
	struct sim_packet *packet = &sim->queue[sim->tail % SIM_QUEUE];

	if (sim->tail - sim->head >= SIM_QUEUE || len > sizeof(packet->data))
		return;
	packet->at_ns = sim->now_ns + SIM_LATENCY;
	packet->to_relay = to_relay;
	packet->path = *path;
	packet->len = len;
	memcpy(packet->data, data, len);
	sim->tail++;
}

static inline struct sim_source *sim_source(struct sim *sim,
					    const struct wg_path *path)
{
	struct sim_source *source;

	for (size_t i = 0; i < sim->sources; i++) {
		source = &sim->source[i];
		if (!memcmp(source->path.remote, path->remote, 16) &&
		    source->path.remote_port == path->remote_port &&
		    source->path.local_port == path->local_port)
			return source;
	}
	source = &sim->source[sim->sources < SIM_SOURCES ? sim->sources++
							 : SIM_SOURCES - 1];
	memset(source, 0, sizeof(*source));
	source->path = *path;
	return source;
}

static bool sim_is_leg(const struct sim *sim, const struct wg_path *path)
{
	for (size_t i = 1; i < sim->tables.leg_count; i++) {
		const struct relay_leg *leg = &sim->tables.legs[i];

		if (leg->flags & RELAY_LEG_INUSE &&
		    leg->port == htons(path->remote_port) &&
		    leg->local_port == htons(path->local_port) &&
		    !memcmp(leg->addr, path->remote, 16))
			return true;
	}
	return false;
}

static void sim_send(void *ctx, const struct wg_path *path, const void *data,
		     size_t len)
{
	struct sim *sim = ctx;

	if (!sim_is_leg(sim, path) && !sim->waking) {
		struct sim_source *source = sim_source(sim, path);

		source->out += len;
		if (source->out > source->in)
			sim->amplified++;
	}
	sim_put(sim, false, path, data, len);
}

/* ---- maps that are not mapped ---- */

static int sim_spill_set(void *ctx, uint32_t index_le,
			 const struct relay_spill *spill)
{
	struct sim *sim = ctx;

	for (int i = 0; i < SIM_SPILL; i++)
		if (!sim->spill[i].slot.from) {
			sim->spill[i] = *spill;
			return 0;
		}
	(void)index_le;
	return -E2BIG;
}

static int sim_spill_clear(void *ctx, uint32_t index_le)
{
	struct sim *sim = ctx;

	for (int i = 0; i < SIM_SPILL; i++)
		if (sim->spill[i].slot.from &&
		    sim->spill[i].slot.index == index_le) {
			memset(&sim->spill[i], 0, sizeof(sim->spill[i]));
			return 0;
		}
	return -ENOENT;
}

static int sim_known_at(const struct sim *sim,
			const struct relay_known_key *key)
{
	for (size_t i = 0; i < sim->known_count; i++)
		if (sim->known[i].used &&
		    !memcmp(&sim->known[i].key, key, sizeof(*key)))
			return (int)i;
	return -1;
}

static int sim_known_set(void *ctx, const struct relay_known_key *key,
			 const struct relay_known *value)
{
	struct sim *sim = ctx;
	int at = sim_known_at(sim, key);

	for (size_t i = 0; at < 0 && i < sim->known_count; i++)
		if (!sim->known[i].used)
			at = (int)i;
	if (at < 0 && sim->known_count < SIM_KNOWN)
		at = (int)sim->known_count++;
	if (at < 0)
		return -E2BIG;
	sim->known[at].key = *key;
	sim->known[at].value = *value;
	sim->known[at].used = true;
	return 0;
}

static int sim_known_clear(void *ctx, const struct relay_known_key *key)
{
	struct sim *sim = ctx;
	int at = sim_known_at(sim, key);

	if (at < 0)
		return -ENOENT;
	sim->known[at].used = false;
	return 0;
}

static int sim_leg_count(void *ctx, uint16_t leg, struct relay_leg_count *count)
{
	*count = ((struct sim *)ctx)->leg_counts[leg];
	return 0;
}

static int sim_leg_count_clear(void *ctx, uint16_t leg)
{
	memset(&((struct sim *)ctx)->leg_counts[leg], 0,
	       sizeof(struct relay_leg_count));
	return 0;
}

static void sim_resolve(void *ctx, uint16_t leg, const struct wg_path *path)
{
	struct sim *sim = ctx;

	(void)leg;
	(void)path;
	sim->resolved++;
}

static void sim_forget(void *ctx, uint16_t leg)
{
	(void)ctx;
	(void)leg;
}

static void sim_dirty(void *ctx)
{
	((struct sim *)ctx)->dirtied++;
}

static void sim_spill_each(void *ctx,
			   void (*take)(void *arg, uint32_t index_le,
					const struct relay_spill *spill),
			   void *arg)
{
	struct sim *sim = ctx;

	for (int i = 0; i < SIM_SPILL; i++)
		if (sim->spill[i].slot.from) {
			struct relay_spill spill = sim->spill[i];

			take(arg, spill.slot.index, &spill);
		}
}

static void sim_known_each(void *ctx,
			   void (*take)(void *arg,
					const struct relay_known_key *key),
			   void *arg)
{
	struct sim *sim = ctx;

	for (size_t i = 0; i < sim->known_count; i++)
		if (sim->known[i].used) {
			struct relay_known_key key = sim->known[i].key;

			take(arg, &key);
		}
}

static const struct relay_ops sim_ops = {
	.send = sim_send,
	.spill_set = sim_spill_set,
	.spill_clear = sim_spill_clear,
	.known_set = sim_known_set,
	.known_clear = sim_known_clear,
	.leg_count = sim_leg_count,
	.leg_count_clear = sim_leg_count_clear,
	.resolve = sim_resolve,
	.forget = sim_forget,
	.dirty = sim_dirty,
	.wall_ns = sim_wall,
	.spill_each = sim_spill_each,
	.known_each = sim_known_each,
};

/* ---- what the kernel program does ---- */

static bool sim_lookup(const struct sim *sim, uint32_t index_le,
		       struct relay_slot *slot, size_t *count)
{
	uint64_t at =
		relay_bucket_of(le32toh(index_le), sim->config.seed_mul,
				sim->config.seed_add, sim->config.bucket_count);

	for (int i = 0; i < RELAY_BUCKET_SLOTS; i++) {
		*slot = sim->tables.buckets[at].slot[i];
		*count = 8 * at + i;
		if (slot->from && slot->index == index_le)
			return true;
	}
	for (int i = 0; i < SIM_SPILL; i++) {
		*slot = sim->spill[i].slot;
		*count = sim->spill[i].count;
		if (slot->from && slot->index == index_le)
			return true;
	}
	return false;
}

static bool sim_from_leg(const struct sim *sim, uint16_t number,
			 const struct wg_path *path)
{
	const struct relay_leg *leg = &sim->tables.legs[number];

	return leg->flags & RELAY_LEG_INUSE &&
	       leg->port == htons(path->remote_port) &&
	       leg->local_port == htons(path->local_port) &&
	       !memcmp(leg->addr, path->remote, 16);
}

static void sim_forward(struct sim *sim, struct relay_slot slot, size_t count,
			const struct sim_packet *packet)
{
	const struct relay_leg *leg = &sim->tables.legs[slot.to];
	struct wg_path path = {0};

	if (!(leg->flags & RELAY_LEG_INUSE)) {
		sim->dropped++;
		return;
	}
	memcpy(path.remote, leg->addr, 16);
	memcpy(path.local, leg->local, 16);
	path.remote_port = ntohs(leg->port);
	path.local_port = ntohs(leg->local_port);
	sim->tables.counts[count].packets++;
	sim->tables.counts[count].bytes += packet->len;
	sim->leg_counts[slot.from].rx_packets++;
	sim->leg_counts[slot.to].tx_packets++;
	sim->forwarded++;
	sim_put(sim, false, &path, packet->data, packet->len);
}

/* True: up to the agent. */
static bool sim_data(struct sim *sim, const struct sim_packet *packet)
{
	struct relay_slot slot;
	uint32_t index_le;
	size_t count;

	memcpy(&index_le, packet->data + 4, 4);
	if (!sim_lookup(sim, index_le, &slot, &count)) {
		sim->dropped++;
		return false;
	}
	if (sim->slow || slot.to == RELAY_LEG_LOCAL ||
	    !sim_from_leg(sim, slot.from, &packet->path))
		return true;
	sim_forward(sim, slot, count, packet);
	return false;
}

static bool sim_handshake(struct sim *sim, const struct sim_packet *packet)
{
	struct relay_known_key key = {.port = htons(packet->path.remote_port)};
	struct wg_mac1_key mac1;

	memcpy(key.addr, packet->path.remote, 16);
	if (sim_known_at(sim, &key) >= 0)
		return true;
	key.port = 0;
	if (sim_known_at(sim, &key) >= 0)
		return true;
	wg_mac1_key(&mac1, &sim->key);
	return packet->data[0] <= WG_RESPONSE &&
	       wg_mac1_fits(&mac1, packet->data, packet->len);
}

/* A packet that only an allowed peer can make pays for one question. */
static void sim_credit(struct sim *sim, const struct sim_packet *packet)
{
	struct sim_source *source = sim_source(sim, &packet->path);

	source->in += packet->len;
	if (packet->data[0] != WG_DATA || source->authentic)
		return;
	source->authentic = true;
	source->in += WG_INITIATION_LEN;
}

static void sim_at_relay(struct sim *sim, const struct sim_packet *packet)
{
	bool up;

	sim_credit(sim, packet);
	sim->last_in[packet->data[0] < 5 ? packet->data[0] : 0] = *packet;
	if (packet->len < WG_DATA_MIN_LEN)
		up = true;
	else if (packet->data[0] == WG_DATA)
		up = sim_data(sim, packet);
	else
		up = sim_handshake(sim, packet);
	if (!up)
		return;
	sim->up++;
	relay_engine_input(sim->engine, &packet->path, packet->data,
			   packet->len, sim->now_ns);
	sim->due_ns = sim->now_ns;
}

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

static void sim_flow_got(struct sim *sim, struct sim_flow *flow)
{
	uint64_t gap_ns = sim->now_ns - flow->last_ns;

	if (flow->last_ns && gap_ns > flow->worst_gap_ns)
		flow->worst_gap_ns = gap_ns;
	flow->last_ns = sim->now_ns;
	flow->got++;
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

/* ---- time ---- */

static void sim_flows_run(struct sim *sim)
{
	for (unsigned int i = 0; i < sim->flows; i++) {
		struct sim_flow *flow = &sim->flow[i];
		uint8_t data[1400] = {'F', i};

		if (!flow->interval_ns || flow->next_ns > sim->now_ns)
			continue;
		if (!wg_peer_send(flow->peer, data, flow->size, sim->now_ns))
			flow->sent++;
		flow->next_ns = sim->now_ns + flow->interval_ns;
		flow->from->due_ns = sim->now_ns;
	}
}

static uint64_t sim_next(const struct sim *sim, uint64_t end_ns)
{
	uint64_t next_ns = end_ns;

	if (sim->due_ns < next_ns)
		next_ns = sim->due_ns;
	if (sim->head != sim->tail &&
	    sim->queue[sim->head % SIM_QUEUE].at_ns < next_ns)
		next_ns = sim->queue[sim->head % SIM_QUEUE].at_ns;
	for (unsigned int i = 0; i < sim->nodes; i++)
		if (sim->node[i].due_ns < next_ns)
			next_ns = sim->node[i].due_ns;
	for (unsigned int i = 0; i < sim->flows; i++)
		if (sim->flow[i].interval_ns && sim->flow[i].next_ns < next_ns)
			next_ns = sim->flow[i].next_ns;
	return next_ns > sim->now_ns ? next_ns : sim->now_ns;
}

static void sim_step(struct sim *sim)
{
	while (sim->head != sim->tail &&
	       sim->queue[sim->head % SIM_QUEUE].at_ns <= sim->now_ns) {
		struct sim_packet packet = sim->queue[sim->head++ % SIM_QUEUE];

		if (packet.to_relay && sim->engine)
			sim_at_relay(sim, &packet);
		else if (packet.to_relay && packet.data[0] == WG_DATA)
			sim_data(
				sim,
				&packet); /* the agent is dead, the kernel is not */
		else if (!packet.to_relay)
			sim_at_node(sim, &packet);
	}
	sim_flows_run(sim);
	if (sim->engine && sim->due_ns <= sim->now_ns)
		sim->due_ns = relay_engine_tick(sim->engine, sim->now_ns);
	for (unsigned int i = 0; i < sim->nodes; i++)
		if (sim->node[i].due_ns <= sim->now_ns)
			sim->node[i].due_ns = wg_tunnel_tick(
				sim->node[i].tunnel, sim->now_ns);
}

static void sim_run(struct sim *sim, uint64_t duration_ns)
{
	uint64_t end_ns = sim->now_ns + duration_ns;

	while (sim->now_ns < end_ns) {
		sim->now_ns = sim_next(sim, end_ns);
		sim_step(sim);
	}
}

/* ---- life ---- */

static void sim_start(struct sim *sim)
{
	int err = relay_engine_new(&sim->engine, &sim->settings, &sim->tables,
				   &sim_ops, sim, sim->now_ns);

	if (err) {
		printf("Bail out! relay_engine_new: %s\n", strerror(-err));
		exit(1);
	}
	sim->due_ns = sim->now_ns;
}

/* kill -9: the process is gone, the maps stay. */
static inline void sim_kill(struct sim *sim)
{
	struct relay_bucket *buckets;
	size_t size = sim->tables.bucket_count * sizeof(*buckets);

	buckets = malloc(size);
	memcpy(buckets, sim->tables.buckets, size);
	relay_engine_free(sim->engine);
	memcpy(sim->tables.buckets, buckets, size);
	free(buckets);
	sim->engine = NULL;
	sim->due_ns = UINT64_MAX;
}

static inline struct sim *sim_new(size_t buckets, size_t legs)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	sim_current = sim;
	sim->now_ns = 5000 * SIM_S;
	sim->queue = calloc(SIM_QUEUE, sizeof(*sim->queue));
	sim->leg_counts = calloc(legs, sizeof(*sim->leg_counts));
	sim->tables.config = &sim->config;
	sim->tables.bucket_count = buckets;
	sim->tables.buckets = aligned_alloc(64, buckets * 64);
	memset(sim->tables.buckets, 0, buckets * 64);
	sim->tables.count_stride = buckets * 8 + SIM_SPILL;
	sim->tables.cpus = 2;
	sim->tables.counts = calloc(2 * sim->tables.count_stride,
				    sizeof(struct sluice_count));
	sim->tables.leg_count = legs;
	sim->tables.legs = aligned_alloc(64, legs * 64);
	memset(sim->tables.legs, 0, legs * 64);
	sim->tables.peers = calloc(legs, sizeof(struct relay_peer));
	wg_key_generate_private(&sim->settings.private_key);
	wg_key_public(&sim->key, &sim->settings.private_key);
	sim->settings.port_min = SIM_PORT;
	sim->settings.port_max = SIM_PORT + SIM_PORTS - 1;
	sim->settings.allow_all = true;
	sim->settings.max_peers = 1024;
	sim->settings.max_sessions = 4096;
	return sim;
}

static void sim_free(struct sim *sim)
{
	relay_engine_free(sim->engine);
	for (unsigned int i = 0; i < sim->nodes; i++)
		wg_tunnel_free(sim->node[i].tunnel);
	free(sim->queue);
	free(sim->leg_counts);
	free(sim->tables.buckets);
	free(sim->tables.counts);
	free(sim->tables.legs);
	free(sim->tables.peers);
	free(sim);
}

/* A datagram straight into the agent, as if the kernel program let it up. */
static inline void sim_inject(struct sim *sim, const struct wg_path *path,
			      const void *data, size_t len)
{
	sim_source(sim, path)->in += len;
	relay_engine_input(sim->engine, path, data, len, sim->now_ns);
	sim->due_ns = sim->now_ns;
}

static inline void sim_mac1(void *message, size_t len,
			    const struct wg_key *receiver)
{
	struct wg_mac1_key key;
	uint8_t *bytes = message;

	wg_mac1_key(&key, receiver);
	blake2s(bytes + len - 2 * WG_MAC_LEN, bytes, key.bytes, WG_MAC_LEN,
		len - 2 * WG_MAC_LEN, sizeof(key.bytes));
}

/* What anybody can make who knows the receiver's public key. */
static inline void sim_forge(struct wg_initiation *message, uint32_t index_le,
			     const struct wg_key *receiver)
{
	randombytes_buf(message, sizeof(*message));
	memset(&message->header, 0, sizeof(message->header));
	message->header.type = WG_INITIATION;
	message->sender = index_le;
	sim_mac1(message, sizeof(*message), receiver);
}

static inline void sim_forge_response(struct wg_response *message,
				      uint32_t sender_le, uint32_t receiver_le,
				      const struct wg_key *receiver)
{
	randombytes_buf(message, sizeof(*message));
	memset(&message->header, 0, sizeof(message->header));
	message->header.type = WG_RESPONSE;
	message->sender = sender_le;
	message->receiver = receiver_le;
	sim_mac1(message, sizeof(*message), receiver);
}

/* A hub and its spokes, all here, the hub's list in force. */
static inline struct sim *sim_star_in(struct sim *sim, unsigned int spokes)
{
	struct wg_key keys[SIM_NODES];
	struct sim_node *hub;

	sim_start(sim);
	hub = sim_node_add(sim);
	for (unsigned int i = 0; i < spokes; i++)
		keys[i] = sim_node_add(sim)->key;
	for (unsigned int i = 0; i <= spokes; i++)
		sim_node_up(&sim->node[i]);
	sim_run(sim, 100 * SIM_MS);
	sim_list(hub, keys, spokes, 1);
	sim_run(sim, 100 * SIM_MS);
	return sim;
}

static inline struct sim *sim_star(unsigned int spokes)
{
	return sim_star_in(sim_new(64, 256), spokes);
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

/* ---- what tests ask ---- */

static inline uint64_t sim_outcome(const struct sim *sim,
				   enum relay_outcome what)
{
	const char *const *names;
	const uint64_t *values;

	relay_engine_outcomes(sim->engine, &names, &values);
	return values[what];
}

static inline unsigned int sim_live(const struct sim *sim)
{
	unsigned int live = 0;

	for (size_t i = 0; i < sim->tables.bucket_count; i++)
		for (int j = 0; j < RELAY_BUCKET_SLOTS; j++) {
			const struct relay_slot *slot =
				&sim->tables.buckets[i].slot[j];

			live += slot->from && slot->to != RELAY_LEG_LOCAL;
		}
	for (int i = 0; i < SIM_SPILL; i++)
		live += sim->spill[i].slot.from &&
			sim->spill[i].slot.to != RELAY_LEG_LOCAL;
	return live;
}

static inline unsigned int sim_legs(const struct sim *sim)
{
	unsigned int legs = 0;

	for (size_t i = 1; i < sim->tables.leg_count; i++)
		legs += sim->tables.legs[i].flags & RELAY_LEG_INUSE;
	return legs;
}

static inline const char *sim_explain(const struct sim *sim,
				      const struct sim_node *a,
				      const struct sim_node *b)
{
	static char reason[64];
	json_t *said = relay_engine_explain(sim->engine, &a->key,
					    b ? &b->key : NULL, sim->now_ns);

	snprintf(reason, sizeof(reason), "%s",
		 json_string_value(json_object_get(said, "reason")));
	json_decref(said);
	return reason;
}

/*
 * What must hold at any time: slots name legs that are there, each index stands
 * once, and the known addresses are exactly those of the legs.
 */
static inline bool sim_sound(const struct sim *sim)
{
	size_t known = 0;

	for (size_t i = 0; i < sim->tables.bucket_count; i++)
		for (int j = 0; j < RELAY_BUCKET_SLOTS; j++) {
			struct relay_slot slot = sim->tables.buckets[i].slot[j];

			if (!slot.from || slot.to == RELAY_LEG_LOCAL)
				continue;
			if (!(sim->tables.legs[slot.from].flags &
			      RELAY_LEG_INUSE) ||
			    !(sim->tables.legs[slot.to].flags &
			      RELAY_LEG_INUSE)) {
				printf("# a slot names a leg that is gone\n");
				return false;
			}
		}
	for (size_t i = 1; i < sim->tables.leg_count; i++) {
		const struct relay_leg *leg = &sim->tables.legs[i];
		struct relay_known_key key = {.port = leg->port};

		if (!(leg->flags & RELAY_LEG_INUSE))
			continue;
		memcpy(key.addr, leg->addr, 16);
		if (leg->seq & 1 || sim_known_at(sim, &key) < 0) {
			printf("# a leg's address is not known\n");
			return false;
		}
		key.port = 0;
		if (sim_known_at(sim, &key) < 0)
			return false;
	}
	for (size_t i = 0; i < sim->known_count; i++) {
		uint32_t refs = 0;

		if (!sim->known[i].used)
			continue;
		known++;
		for (size_t j = 1; j < sim->tables.leg_count; j++)
			refs += sim->tables.legs[j].flags & RELAY_LEG_INUSE &&
				!memcmp(sim->tables.legs[j].addr,
					sim->known[i].key.addr, 16) &&
				(!sim->known[i].key.port ||
				 sim->known[i].key.port ==
					 sim->tables.legs[j].port);
		if (refs != sim->known[i].value.refs) {
			printf("# known entry %zu counts %u legs, there are %u\n",
			       i, sim->known[i].value.refs, refs);
			return false;
		}
	}
	return known <= 2 * sim->tables.leg_count;
}

#endif
