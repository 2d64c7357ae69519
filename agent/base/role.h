/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a role of the daemon is to sluiced: a section of the configuration and
 * a few functions. sluiced knows its roles from one table and nothing else of
 * them; roles know nothing of each other.
 */
#ifndef SLUICE_BASE_ROLE_H
#define SLUICE_BASE_ROLE_H

#include <stddef.h>

#include <uv.h>

#include "base/control.h"
#include "base/ini.h"

/* What all roles share. */
struct role_context {
	uv_loop_t *loop;
	struct control *control;
	const char *pin_root;
};

struct role {
	const char *section; /* of sluice.conf; without it the role is off */
	const char *name;
	/* Parses the role's own section of text (section.h); path stands in
	 * messages and names the folder that other files lie in. */
	int (*parse)(void **settings, const char *path, const char *text,
		     size_t len, struct ini_error *error);
	/* Logs what is no error but will hardly work here. */
	void (*check)(const void *settings);
	void (*free_settings)(void *settings);
	/* Takes the settings, in any case. Logs why it fails. */
	int (*start)(void **state, void *settings,
		     const struct role_context *context);
	int (*reload)(void *state, void *settings); /* takes them as well */
	/* Stops deciding; what runs in the kernel runs on. Memory goes once the
	 * loop has run its closing callbacks. */
	void (*stop)(void *state);
};

extern const struct role role_relay;

#endif
