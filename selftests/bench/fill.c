// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A full set of tables where sluiced keeps its own, as a previous run of it
 * would have left them:
 *
 *	fill LEGS SESSIONS [FILLED]
 *
 * FILLED sessions are live, by default all. Each leg has a peer with a key of its own, an address and a next hop, each
 * session is one direction between two of them. A sluiced that starts
 * afterwards takes all of them over.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <time.h>

#include <sodium.h>

#include "flow.h"
#include "lib/packet.h"
#include "lib/report.h"
#include "lib/tables.h"

static void know(const struct bench_tables *tables,
		 const struct relay_known_key *key, uint16_t leg)
{
	struct relay_known value = {.refs = 1, .leg = key->port ? leg : 0};

	if (loader_map_update(tables->known_fd, key, &value))
		bench_die("relay_known: %s", loader_error());
}

static void own(struct bench_tables *tables, uint16_t leg)
{
	struct relay_peer *peer = &tables->peers[leg];
	struct relay_known_key key = {.port = htons(BENCH_PEER_PORT)};
	uint8_t private_key[crypto_box_SECRETKEYBYTES];

	/* A real point on the curve: the agent is going to shake hands. */
	if (crypto_box_keypair(peer->public_key, private_key))
		bench_die("no keys");
	peer->proven_at = time(NULL);
	bench_address4(key.addr, BENCH_LEG_NET + leg);
	know(tables, &key, leg);
	key.port = 0;
	know(tables, &key, leg);
}

int main(int argc, char **argv)
{
	struct bench_hop hop = {.smac = BENCH_MAC_R0,
				.dmac = BENCH_MAC_A,
				.ifindex = if_nametoindex("r0")};
	struct bench_tables tables;
	uint32_t legs, sessions, filled;

	if (argc < 3)
		bench_die("usage: fill LEGS SESSIONS [FILLED]");
	legs = strtoul(argv[1], NULL, 10);
	sessions = strtoul(argv[2], NULL, 10);
	filled = argc > 3 ? strtoul(argv[3], NULL, 10) : sessions;
	bench_tables_open(&tables, "sluice", legs, sessions);
	bench_tables_fill(&tables, filled, legs, &hop);
	for (uint32_t leg = 1; leg <= legs; leg++)
		own(&tables, leg);
	loader_close(tables.loader);
	return 0;
}
