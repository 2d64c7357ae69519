// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/roles.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "base/file.h"
#include "base/log.h"

#define FILE_MAX (16U << 20)

/* ---- the configuration ---- */

struct survey {
	const struct role *const *table;
	bool present[ROLES_MAX];
};

static int unknown_section(const struct role *const *table,
			   const struct ini_item *item, struct ini_error *error)
{
	const char *names[ROLES_MAX], *nearest;
	size_t count = 0;

	for (; table[count]; count++)
		names[count] = table[count]->section;
	nearest = ini_nearest(item->section, names, count);
	return ini_fail(error, "unknown section [%.40s]: %s [%s]",
			item->section, nearest ? "did you mean" : "there is",
			nearest ? nearest : names[0]);
}

static int survey_item(void *ctx, const struct ini_item *item,
		       struct ini_error *error)
{
	struct survey *survey = ctx;

	/* Keys are their roles' to judge; those before a section are nobody's. */
	if (item->key && item->section)
		return 0;
	for (size_t i = 0; !item->key && survey->table[i]; i++) {
		if (strcasecmp(item->section, survey->table[i]->section) != 0)
			continue;
		survey->present[i] = true;
		return 0;
	}
	error->line = item->line;
	error->column = item->column;
	if (!item->key)
		return unknown_section(survey->table, item, error);
	return ini_fail(error, "'%.40s' stands before the first [Section]",
			item->key);
}

static int parse_text(const struct role *const *table,
		      void *settings[ROLES_MAX], const char *path,
		      const char *text, size_t len, struct ini_error *error)
{
	struct survey survey = {.table = table};
	int err = ini_parse(text, len, survey_item, &survey, error);
	bool any = false;

	for (size_t i = 0; !err && table[i]; i++) {
		if (survey.present[i])
			err = table[i]->parse(&settings[i], path, text, len,
					      error);
		any |= survey.present[i];
	}
	if (err || any)
		return err;
	*error = (struct ini_error){.line = 1, .column = 1};
	return ini_fail(error, "no section: there is nothing to do");
}

static void free_settings(const struct role *const *table,
			  void *settings[ROLES_MAX])
{
	for (size_t i = 0; table[i]; i++) {
		if (settings[i])
			table[i]->free_settings(settings[i]);
		settings[i] = NULL;
	}
}

/* Settings of all roles, or none. */
static int read_config(const struct role *const *table,
		       void *settings[ROLES_MAX], const char *path)
{
	struct ini_error error = {0};
	char *text;
	size_t len;
	int err = file_read(path, FILE_MAX, &text, &len);

	if (err) {
		log_error("can not read %s: %s", path, strerror(-err));
		return err;
	}
	err = parse_text(table, settings, path, text, len, &error);
	sodium_memzero(text, len);
	free(text);
	if (err) {
		log_error("%s:%u:%u: %s", path, error.line, error.column,
			  error.text);
		free_settings(table, settings);
		return err;
	}
	for (size_t i = 0; table[i]; i++) {
		if (settings[i])
			table[i]->check(settings[i]);
	}
	return 0;
}

int roles_check(const struct role *const *table, const char *path)
{
	void *settings[ROLES_MAX] = {NULL};
	int err = read_config(table, settings, path);

	free_settings(table, settings);
	return err;
}

/* ---- life ---- */

int roles_start(struct roles *roles, const char *path,
		const struct role_context *context)
{
	const struct role *const *table = roles->table;
	void *settings[ROLES_MAX] = {NULL};
	int err = read_config(table, settings, path);

	for (size_t i = 0; !err && table[i]; i++) {
		if (!settings[i])
			continue;
		err = table[i]->start(&roles->states[i], settings[i], context);
		settings[i] = NULL; /* the role's now */
	}
	free_settings(table, settings);
	return err;
}

static int reload(const struct role *role, void *state, void *settings)
{
	int err;

	if (!settings != !state) {
		log_error("[%s] came or went: that needs a restart",
			  role->section);
		if (settings)
			role->free_settings(settings);
		return -EINVAL;
	}
	err = settings ? role->reload(state, settings) : 0;
	if (err)
		log_error("[%s] was not, or not wholly, reloaded",
			  role->section);
	return err;
}

int roles_reload(struct roles *roles, const char *path)
{
	const struct role *const *table = roles->table;
	void *settings[ROLES_MAX] = {NULL};
	int err = read_config(table, settings, path);

	if (err) {
		log_error("nothing was changed");
		return err;
	}
	for (size_t i = 0; table[i]; i++) {
		int failed = reload(table[i], roles->states[i], settings[i]);

		err = err ? err : failed;
	}
	if (!err)
		log_info("reloaded %s", path);
	return err;
}

void roles_stop(struct roles *roles)
{
	size_t i = 0;

	while (roles->table[i])
		i++;
	while (i-- > 0) {
		if (roles->states[i])
			roles->table[i]->stop(roles->states[i]);
		roles->states[i] = NULL;
	}
}

json_t *roles_names(const struct roles *roles)
{
	json_t *names = json_array();

	for (size_t i = 0; roles->table[i]; i++) {
		if (roles->states[i])
			json_array_append_new(
				names, json_string(roles->table[i]->name));
	}
	return names;
}
