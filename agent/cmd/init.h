/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new file: a key of its own, an interface, and the relay as its first peer.
 * What `sluice hub init` and `sluice spoke init` do alike. What fails has said
 * so.
 */
#ifndef SLUICE_CMD_INIT_H
#define SLUICE_CMD_INIT_H

#include "cmd/site.h"

struct init {
	struct cmd_context *context;
	const char *interface;
	struct conf_addresses
		addresses; /* --address, the caller's to default */
	struct conf_peer relay; /* allowed_ips: --relay-address */
	unsigned int listen_port; /* 0: none */
	struct wg_key private_key, public_key;
};

/* The options of both: --relay, --relay-key, --relay-file, --relay-ports,
 * --relay-address, --address, --interface. A cmd_exit. */
int init_take(struct init *init);
/* Makes the key, writes the file, says what comes next: numbered lines for
 * people. A cmd_exit. */
int init_finish(struct init *init, const char *next);
void init_clear(struct init *init);

/* Their place in both commands' tables. */
/* clang-format off */
#define INIT_OPTIONS \
	{"relay", 0, "HOST[:PORT]", "the relay's endpoint"}, \
	{"relay-key", 0, "KEY", "the relay's public key"}, \
	{"relay-file", 0, "FILE", "what 'sluice relay export' printed; - for standard input"}, \
	{"relay-address", 0, "ADDRESS", "the relay's inside the tunnel (the network's second host)"}, \
	{"interface", 0, "NAME", "name of the interface (sluice0)"}, \
	{"force", 0, NULL, "replace a file that is there"}
/* clang-format on */

#endif
