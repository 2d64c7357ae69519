// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sluice, the command line. It speaks to sluiced through its control socket and
 * to nothing else of it; key tools and the hub's and spoke's files need no
 * daemon.
 */
#include "cmd/cmd.h"

int main(int argc, char **argv)
{
	static const struct cmd_group *const groups[] = {
		&cmd_key, &cmd_relay, &cmd_hub, &cmd_spoke, NULL,
	};

	return cmd_main(argc, argv, groups);
}
