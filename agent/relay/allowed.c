// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/allowed.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* 45 bytes a key: two million of them. */
#define LIST_FILE_MAX (96U << 20)

/* A key and where it stands, for messages about it. */
struct relay_allowed_key {
	struct wg_key key;
	unsigned int line, column;
};

static int push(struct relay_allowed *allowed, const struct wg_key *key,
		const struct ini_item *item, struct ini_error *error)
{
	if (allowed->count == allowed->size) {
		size_t size = allowed->size ? allowed->size * 2 : 16;
		struct relay_allowed_key *grown =
			realloc(allowed->keys, size * sizeof(*grown));

		if (!grown)
			return ini_fail(error, "out of memory");
		allowed->keys = grown;
		allowed->size = size;
	}
	allowed->keys[allowed->count++] = (struct relay_allowed_key){
		.key = *key,
		.line = item->line,
		.column = item->value_column,
	};
	return 0;
}

/* One key a line; blank lines and # comments. */
static int add_lines(struct relay_allowed *allowed, const struct ini_item *item,
		     const char *path, char *text, struct ini_error *error)
{
	unsigned int number = 0;
	char *line;
	int err;

	while ((line = strsep(&text, "\n"))) {
		struct wg_key key;
		size_t len;

		number++;
		line[strcspn(line, "#\r")] = '\0';
		line += strspn(line, " \t");
		len = strlen(line);
		while (len && (line[len - 1] == ' ' || line[len - 1] == '\t'))
			line[--len] = '\0';
		if (!len)
			continue;
		if (wg_key_parse(&key, line))
			return ini_fail(
				error,
				"%.70s:%u: not a public key (44 characters of base64)",
				path, number);
		err = push(allowed, &key, item, error);
		if (err)
			return err;
	}
	return 0;
}

static int add_file(struct section *section, struct relay_allowed *allowed,
		    const struct ini_item *item, struct ini_error *error)
{
	char path[PATH_MAX], *text = NULL;
	size_t len;
	int err = section_resolve(path, sizeof(path), section, item->value + 1);

	if (!err)
		err = file_read(path, LIST_FILE_MAX, &text, &len);
	if (err)
		return ini_fail(error, "can not read %.80s: %s", path,
				strerror(-err));
	err = add_lines(allowed, item, path, text, error);
	free(text);
	return err;
}

static int add(struct section *section, const struct section_key *key,
	       const struct ini_item *item, struct ini_error *error)
{
	struct relay_allowed *allowed = section_place(section, key);
	struct wg_key public_key;

	if (*item->value == '@')
		return add_file(section, allowed, item, error);
	if (!strcmp(item->value, "all")) {
		allowed->all = true;
		return 0;
	}
	if (wg_key_parse(&public_key, item->value))
		return ini_fail(
			error,
			"'%.44s' is not a public key: write all, keys of 44 characters, or @file",
			item->value);
	return push(allowed, &public_key, item, error);
}

int relay_allowed_parse(struct section *section, const struct section_key *key,
			const struct ini_item *item, struct ini_error *error)
{
	return *item->value ? section_each(section, key, item, error, add) : 0;
}

static int refuse_own(const struct relay_settings *settings,
		      const struct relay_allowed *allowed,
		      const struct section *section, struct ini_error *error)
{
	struct wg_key own;

	if (wg_key_public(&own, &settings->private_key))
		return section_fail(
			section, error,
			"the private key is not usable: make a new one");
	for (size_t i = 0; i < allowed->count; i++) {
		if (!wg_key_equal(&own, &allowed->keys[i].key))
			continue;
		error->line = allowed->keys[i].line;
		error->column = allowed->keys[i].column;
		return ini_fail(
			error,
			"the relay's own public key: only peers stand here");
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wg_key)); /* it is the first member */
}

/* Each key once. */
static int copy_sorted(struct relay_settings *settings,
		       const struct relay_allowed *allowed)
{
	if (!allowed->count)
		return 0;
	qsort(allowed->keys, allowed->count, sizeof(*allowed->keys), compare);
	settings->allowed = calloc(allowed->count, sizeof(struct wg_key));
	if (!settings->allowed)
		return -ENOMEM;
	for (size_t i = 0; i < allowed->count; i++) {
		const struct wg_key *key = &allowed->keys[i].key;
		size_t have = settings->allowed_count;

		if (!have || compare(&settings->allowed[have - 1], key))
			settings->allowed[settings->allowed_count++] = *key;
	}
	return 0;
}

int relay_allowed_finish(struct relay_settings *settings,
			 const struct relay_allowed *allowed,
			 const struct section *section, struct ini_error *error)
{
	int err;

	if (allowed->all && allowed->count)
		return section_fail(
			section, error,
			"AllowedPublicKeys: either all or a list of keys");
	settings->allow_all = allowed->all;
	err = refuse_own(settings, allowed, section, error);
	if (err)
		return err;
	return copy_sorted(settings, allowed)
		       ? section_fail(section, error, "out of memory")
		       : 0;
}

void relay_allowed_clear(struct relay_allowed *allowed)
{
	free(allowed->keys);
}

bool relay_settings_allow(const struct relay_settings *settings,
			  const struct wg_key *key)
{
	return settings->allow_all ||
	       (settings->allowed_count &&
		bsearch(key, settings->allowed, settings->allowed_count,
			sizeof(*key), compare));
}
