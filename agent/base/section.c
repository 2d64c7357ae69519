// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/section.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/address.h"
#include "base/number.h"

/* ---- keys ---- */

static uint64_t bit_of(const struct section *section,
		       const struct section_key *key)
{
	return 1ULL << (key - section->keys);
}

bool section_has(const struct section *section, const struct section_key *key)
{
	return section->seen & bit_of(section, key);
}

void *section_place(const struct section *section,
		    const struct section_key *key)
{
	return (char *)section->settings + key->at;
}

static void at_name(struct ini_error *error, const struct ini_item *item)
{
	error->line = item->line;
	error->column = item->column;
}

static int unknown_key(const struct section *section,
		       const struct ini_item *item, struct ini_error *error)
{
	const char *names[SECTION_KEYS_MAX], *nearest;

	for (size_t i = 0; i < section->key_count; i++)
		names[i] = section->keys[i].name;
	nearest = ini_nearest(item->key, names, section->key_count);
	at_name(error, item);
	if (nearest)
		return ini_fail(error, "unknown key '%.40s': did you mean %s?",
				item->key, nearest);
	return ini_fail(
		error,
		"unknown key '%.40s' (sluice.conf(5) lists what [%s] knows)",
		item->key, section->name);
}

static int take_key(struct section *section, const struct section_key *key,
		    const struct ini_item *item, struct ini_error *error)
{
	if (section_has(section, key) && !key->repeats) {
		at_name(error, item);
		return ini_fail(error, "%s is given twice", key->name);
	}
	section->seen |= bit_of(section, key);
	if (!*item->value && !key->may_be_empty)
		return ini_fail(error, "%s has no value", key->name);
	return key->parse(section, key, item, error);
}

static int take_header(struct section *section, const struct ini_item *item,
		       struct ini_error *error)
{
	if (section->line) {
		at_name(error, item);
		return ini_fail(error, "a second [%s]: the first is in line %u",
				section->name, section->line);
	}
	section->line = item->line;
	return 0;
}

static int take_item(void *ctx, const struct ini_item *item,
		     struct ini_error *error)
{
	struct section *section = ctx;

	if (!item->section) {
		at_name(error, item);
		return ini_fail(error,
				"'%.40s' stands before the first [Section]",
				item->key);
	}
	if (strcasecmp(item->section, section->name) != 0)
		return 0; /* another role's */
	if (!item->key)
		return take_header(section, item, error);
	for (size_t i = 0; i < section->key_count; i++) {
		if (!strcasecmp(item->key, section->keys[i].name))
			return take_key(section, &section->keys[i], item,
					error);
	}
	return unknown_key(section, item, error);
}

int section_parse(struct section *section, const char *text, size_t len,
		  struct ini_error *error)
{
	int err = ini_parse(text, len, take_item, section, error);

	if (!err && !section->line)
		err = section_fail(section, error, "there is no [%s] section",
				   section->name);
	return err;
}

int section_fail(const struct section *section, struct ini_error *error,
		 const char *format, ...)
{
	va_list args;

	error->line = section->line ? section->line : 1;
	error->column = 1;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EINVAL;
}

/* ---- values ---- */

int section_bool(struct section *section, const struct section_key *key,
		 const struct ini_item *item, struct ini_error *error)
{
	bool yes = !strcmp(item->value, "yes");

	if (!yes && strcmp(item->value, "no") != 0)
		return ini_fail(error, "%s is yes or no, not '%.40s'",
				key->name, item->value);
	*(bool *)section_place(section, key) = yes;
	return 0;
}

int section_number(struct section *section, const struct section_key *key,
		   const struct ini_item *item, struct ini_error *error)
{
	if (number_parse(section_place(section, key), item->value, key->min,
			 key->max))
		return ini_fail(error, "%s is a number from %u to %u",
				key->name, key->min, key->max);
	return 0;
}

/* "native, generic or auto" */
static void join_words(char *text, size_t size, const char *const *words)
{
	size_t len = 0;

	for (size_t i = 0; words[i] && len < size; i++) {
		const char *before = !i ? "" : words[i + 1] ? ", " : " or ";

		len += (size_t)snprintf(text + len, size - len, "%s%s", before,
					words[i]);
	}
}

int section_word(struct section *section, const struct section_key *key,
		 const struct ini_item *item, struct ini_error *error)
{
	char all[80] = "";

	for (unsigned int i = 0; key->words[i]; i++) {
		if (strcmp(item->value, key->words[i]) != 0)
			continue;
		*(unsigned int *)section_place(section, key) = i;
		return 0;
	}
	join_words(all, sizeof(all), key->words);
	return ini_fail(error, "%s is %s, not '%.40s'", key->name, all,
			item->value);
}

int section_file(struct section *section, const struct section_key *key,
		 const struct ini_item *item, struct ini_error *error)
{
	if (section_resolve(section_place(section, key), key->size, section,
			    item->value))
		return ini_fail(error, "the path is too long");
	return 0;
}

int section_endpoint(struct section *section, const struct section_key *key,
		     const struct ini_item *item, struct ini_error *error)
{
	uint8_t addr[16];
	uint16_t port;

	if (address_parse_endpoint(addr, &port, item->value) ||
	    strlen(item->value) >= key->size)
		return ini_fail(
			error,
			"%s is address:port, as 127.0.0.1:9586 or [::1]:9586",
			key->name);
	strcpy(section_place(section, key), item->value);
	return 0;
}

/* ---- for functions of a role's own ---- */

int section_each(struct section *section, const struct section_key *key,
		 const struct ini_item *item, struct ini_error *error,
		 section_fn fn)
{
	const char *at = item->value;

	for (;;) {
		const char *comma = strchrnul(at, ',');
		struct ini_item piece = *item;
		char text[4096];
		size_t len;
		int err;

		at += strspn(at, " \t");
		len = at < comma ? (size_t)(comma - at) : 0;
		while (len && (at[len - 1] == ' ' || at[len - 1] == '\t'))
			len--;
		memcpy(text, at, len);
		text[len] = '\0';
		piece.value = text;
		piece.value_column =
			item->value_column + (unsigned int)(at - item->value);
		error->line = piece.line;
		error->column = piece.value_column;
		err = len ? fn(section, key, &piece, error)
			  : ini_fail(error,
				     "nothing stands before or after a comma");
		if (err)
			return err;
		error->line = 0;
		if (!*comma)
			return 0;
		at = comma + 1;
	}
}

int section_resolve(char *path, size_t size, const struct section *section,
		    const char *name)
{
	char folder[PATH_MAX];
	int len;

	if (*name == '/') {
		len = snprintf(path, size, "%s", name);
	} else {
		snprintf(folder, sizeof(folder), "%s", section->path);
		len = snprintf(path, size, "%s/%s", dirname(folder), name);
	}
	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

int section_interface(char name[IF_NAMESIZE], const struct ini_item *item,
		      struct ini_error *error)
{
	const char *text = item->value;

	/* dev_valid_name() of the kernel */
	if (!*text || strlen(text) >= IF_NAMESIZE || strpbrk(text, "/: \t") ||
	    !strcmp(text, ".") || !strcmp(text, ".."))
		return ini_fail(error,
				"'%.40s' is no interface name (see `ip link`)",
				text);
	strcpy(name, text);
	return 0;
}
