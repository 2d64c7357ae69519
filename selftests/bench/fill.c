// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A full set of tables where sluiced keeps its own, as a previous run of it
 * would have left them:
 *
 *	fill PEERS PORTS SESSIONS [FILLED]
 *
 * FILLED sessions are live, by default all; each is one direction between two
 * legs. Each peer has a key and an address of its own and a leg on every one of
 * the relay's PORTS, at a port of its own: the NAT before it maps each
 * destination anew. A sluiced that starts afterwards takes all of them over.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "flow.h"
#include "lib/packet.h"
#include "lib/report.h"
#include "lib/tables.h"

struct owner {
	uint8_t public_key[crypto_box_PUBLICKEYBYTES];
	uint8_t addr[16];
};

static void know(const struct bench_tables *tables, const uint8_t addr[16],
		 __be16 port, struct relay_known value)
{
	struct relay_known_key key = {.port = port};

	memcpy(key.addr, addr, sizeof(key.addr));
	if (loader_map_update(tables->known_fd, &key, &value))
		bench_die("relay_known: %s", loader_error());
}

static void make_owner(struct owner *owner, uint32_t number)
{
	uint8_t private_key[crypto_box_SECRETKEYBYTES];

	/* A real point on the curve: the agent is going to shake hands. */
	if (crypto_box_keypair(owner->public_key, private_key))
		bench_die("no keys");
	bench_address4(owner->addr, BENCH_LEG_NET + 1 + number);
}

static void own(const struct bench_tables *tables, const struct owner *owner,
		uint16_t leg, uint32_t port)
{
	struct relay_leg *entry = &tables->legs[leg];
	struct relay_peer *peer = &tables->peers[leg];

	memcpy(entry->addr, owner->addr, sizeof(entry->addr));
	entry->port = htons(BENCH_PEER_PORT + port);
	entry->local_port = htons(BENCH_PORT + port);
	memcpy(peer->public_key, owner->public_key, sizeof(peer->public_key));
	peer->proven_at = time(NULL);
	know(tables, owner->addr, entry->port,
	     (struct relay_known){.refs = 1, .leg = leg});
}

static void own_all(const struct bench_tables *tables, uint32_t peers,
		    uint32_t legs)
{
	uint32_t leg = 1;

	for (uint32_t number = 0; number < peers; number++) {
		uint32_t here = (legs - leg + 1) / (peers - number);
		struct owner owner;

		make_owner(&owner, number);
		for (uint32_t port = 0; port < here; port++)
			own(tables, &owner, leg++, port);
		know(tables, owner.addr, 0, (struct relay_known){.refs = here});
	}
}

static uint32_t number(const char *text)
{
	return strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	struct bench_hop hop = {.smac = BENCH_MAC_R0,
				.dmac = BENCH_MAC_A,
				.ifindex = if_nametoindex("r0")};
	struct bench_tables tables;
	uint32_t peers, legs, sessions;

	if (argc < 4)
		bench_die("usage: fill PEERS PORTS SESSIONS [FILLED]");
	peers = number(argv[1]);
	legs = peers * number(argv[2]);
	if (legs > RELAY_LEG_MAX)
		legs = RELAY_LEG_MAX;
	sessions = number(argv[3]);
	bench_tables_open(&tables, "sluice", peers, legs, sessions);
	bench_tables_fill(&tables, argc > 4 ? number(argv[4]) : sessions, legs,
			  &hop);
	own_all(&tables, peers, legs);
	loader_close(tables.loader);
	return 0;
}
