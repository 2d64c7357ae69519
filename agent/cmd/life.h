/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `sluice hub` and `sluice spoke` do alike: start, stop, reload, sync. */
#ifndef SLUICE_CMD_LIFE_H
#define SLUICE_CMD_LIFE_H

#include "cmd/publish.h"
#include "cmd/site.h"

/* Their place in both groups' tables. */
/* clang-format off */
#define LIFE_OPTIONS \
	{"no-sync", 0, NULL, "do not tell the relay"}
#define LIFE_COMMANDS(whom) \
	{"sync", "", "tell the relay " whom, 0, 0, life_sync, NULL}, \
	{"start", "", "make the interface and tell the relay", 0, 0, life_start, \
	 life_options}, \
	{"stop", "", "take the interface away", 0, 0, life_stop, NULL}, \
	{"reload", "", "apply what changed in the file and tell the relay", 0, 0, \
	 life_reload, life_options}
/* clang-format on */

extern const struct cmd_option life_options[]; /* LIFE_OPTIONS alone */

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
