/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The roles that sluice.conf turns on by having their sections: read together,
 * started in the order of the table, stopped in the reverse one. All or none of
 * them have settings that are valid. What fails is logged here or by the role.
 */
#ifndef SLUICE_BASE_ROLES_H
#define SLUICE_BASE_ROLES_H

#include "base/role.h"

#define ROLES_MAX 8

struct roles {
	const struct role *const
		*table; /* ends with a NULL; ROLES_MAX at most */
	void *states[ROLES_MAX]; /* NULL: the role is off */
};

/* 0 if the file is valid. Nothing is kept. */
int roles_check(const struct role *const *table, const char *path);
/* Starts those that the file has. On an error roles_stop ends what started. */
int roles_start(struct roles *roles, const char *path,
		const struct role_context *context);
/* Gives each role its new settings. An invalid file changes nothing; a role that
 * does not take its own, or came, or went, leaves the others theirs. */
int roles_reload(struct roles *roles, const char *path);
void roles_stop(struct roles *roles);
json_t *roles_names(const struct roles *roles); /* of those that run */

#endif
