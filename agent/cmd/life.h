/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `sluice hub` and `sluice spoke` do alike: start, stop, reload, sync. */
#ifndef SLUICE_CMD_LIFE_H
#define SLUICE_CMD_LIFE_H

#include "cmd/publish.h"
#include "cmd/site.h"

extern const struct cmd_option life_options[]; /* --no-sync */

int life_start(struct cmd_context *context, int argc, char **argv);
int life_stop(struct cmd_context *context, int argc, char **argv);
int life_reload(struct cmd_context *context, int argc, char **argv);
int life_sync(struct cmd_context *context, int argc, char **argv);

/*
 * After a change of the file: if its interface is up, applies it, and tells the
 * relay unless --no-sync was given. *done says whether the relay has it. A
 * cmd_exit; what fails has been said.
 */
int life_follow(const struct site *site, struct published *published,
		bool *done);

#endif
