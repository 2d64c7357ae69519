/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What there is in the network of relay_sim.h: peers behind NATs, packets on
 * their way, the maps, and the addresses of all of them.
 */
#ifndef SLUICE_RELAY_SIM_WORLD_H
#define SLUICE_RELAY_SIM_WORLD_H

#include <sodium.h>
#include <stdlib.h>

#include "relay/engine.h"
#include "relay/protocol.h"
#include "tap.h"
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

#endif
