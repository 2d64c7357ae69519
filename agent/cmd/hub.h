/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of `sluice hub` that have a file of their own. */
#ifndef SLUICE_CMD_HUB_H
#define SLUICE_CMD_HUB_H

#include "cmd/site.h"

#define HUB_DEFAULT_ADDRESS "10.120.0.1/16"

extern const struct cmd_option hub_add_options[];
int hub_add_spoke(struct cmd_context *context, int argc, char **argv);

#endif
