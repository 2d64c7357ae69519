/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses, routes and rules of a tunnel's interface, over rtnetlink. All take
 * 0 or -errno; adding what is there and removing what is not is success.
 */
#ifndef SLUICE_CMD_LINK_H
#define SLUICE_CMD_LINK_H

#include "cmd/plan.h"

struct link {
	char name[IF_NAMESIZE];
	uint32_t mtu; /* 0: leave */
	const struct conf_addresses *addresses;
	const struct plan_routes *routes; /* NULL: none are ours to set */
	uint32_t table; /* of the routes; 0: the main one */
	/*
	 * Where default routes go, behind a rule for everything that does not
	 * carry it as its mark: the tunnel's own packets do, and leave by the
	 * routes that were there (wg-quick's way). 0: no default routes.
	 */
	uint32_t default_table;
};

/* Sets address, MTU, up, routes and rules as they should be; what was ours and
 * is wanted no more goes. */
int link_apply(const struct link *link);
/* Takes the rules away. Routes and addresses go with the interface. */
int link_forget_rules(uint32_t default_table);
/* A table that has no routes yet, from `first` on. */
int link_free_table(uint32_t *table, uint32_t first);

#endif
