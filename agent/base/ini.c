// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/ini.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

#define INI_LINE_MAX 4095

struct parser {
	ini_fn fn;
	void *ctx;
	struct ini_error *error;
	unsigned int line;
	bool in_section;
	char section[INI_LINE_MAX + 1];
	char text[INI_LINE_MAX + 1]; /* the line, cut into pieces in place */
};

int ini_fail(struct ini_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

__attribute__((format(printf, 3, 4))) static int
fail(struct parser *parser, unsigned int column, const char *format, ...)
{
	va_list args;

	parser->error->line = parser->line;
	parser->error->column = column;
	va_start(args, format);
	vsnprintf(parser->error->text, sizeof(parser->error->text), format,
		  args);
	va_end(args);
	return -EINVAL;
}

static int call(struct parser *parser, const struct ini_item *item)
{
	struct ini_error *error = parser->error;

	*error = (struct ini_error){0};
	if (!parser->fn(parser->ctx, item, error))
		return 0;
	if (!error->line) {
		error->line = item->line;
		error->column = item->value_column;
	}
	if (!error->text[0])
		snprintf(error->text, sizeof(error->text), "not accepted");
	return -EINVAL;
}

/* Ends the line at its comment and takes blanks off its end. */
static void trim_end(char *text)
{
	size_t len;

	for (size_t i = 0; text[i]; i++) {
		if ((text[i] == '#' || text[i] == ';') &&
		    (i == 0 || is_blank(text[i - 1]))) {
			text[i] = '\0';
			break;
		}
	}
	len = strlen(text);
	while (len && is_blank(text[len - 1]))
		text[--len] = '\0';
}

static int parse_header(struct parser *parser, char *start)
{
	unsigned int column = (unsigned int)(start - parser->text) + 1;
	char *name = start + 1, *end = strchr(start, ']');
	struct ini_item item = {.section = parser->section,
				.line = parser->line};

	if (!end)
		return fail(parser, column,
			    "missing ']' after the section's name");
	if (end[1])
		return fail(
			parser, (unsigned int)(end + 1 - parser->text) + 1,
			"nothing but a comment may follow the ']' of a section");
	*end = '\0';
	while (is_blank(*name))
		name++;
	trim_end(name);
	if (!*name)
		return fail(parser, column,
			    "the section has no name: write [Name]");
	item.column = (unsigned int)(name - parser->text) + 1;
	item.value_column = item.column;
	memcpy(parser->section, name, strlen(name) + 1);
	parser->in_section = true;
	return call(parser, &item);
}

static int parse_assignment(struct parser *parser, char *key)
{
	unsigned int column = (unsigned int)(key - parser->text) + 1;
	char *equals = strchr(key, '='), *value;
	struct ini_item item = {
		.key = key, .line = parser->line, .column = column};

	if (!equals)
		return fail(parser, column,
			    "expected 'Key = Value' or '[Section]'");
	if (equals == key)
		return fail(parser, column,
			    "the key is missing before the '='");
	value = equals + 1;
	while (is_blank(*value))
		value++;
	*equals = '\0';
	trim_end(key);
	item.section = parser->in_section ? parser->section : NULL;
	item.value = value;
	item.value_column = (unsigned int)(value - parser->text) + 1;
	return call(parser, &item);
}

static int check_characters(struct parser *parser, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (!c)
			return fail(parser, (unsigned int)i + 1,
				    "a NUL byte: this is no text file");
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return fail(
				parser, (unsigned int)i + 1,
				"control character 0x%02x: write plain text",
				c);
	}
	return 0;
}

static int parse_line(struct parser *parser, const char *text, size_t len)
{
	char *start = parser->text;
	int err;

	if (len && text[len - 1] == '\r')
		len--;
	if (len > INI_LINE_MAX)
		return fail(parser, INI_LINE_MAX + 1,
			    "the line is longer than %d bytes", INI_LINE_MAX);
	err = check_characters(parser, text, len);
	if (err)
		return err;
	memcpy(parser->text, text, len);
	parser->text[len] = '\0';
	trim_end(parser->text);
	while (is_blank(*start))
		start++;
	if (!*start)
		return 0;
	return *start == '[' ? parse_header(parser, start)
			     : parse_assignment(parser, start);
}

int ini_parse(const char *text, size_t len, ini_fn fn, void *ctx,
	      struct ini_error *error)
{
	struct parser parser = {.fn = fn, .ctx = ctx, .error = error};
	size_t at = 0;
	int err = 0;

	while (!err && at < len) {
		const char *newline = memchr(text + at, '\n', len - at);
		size_t line_len =
			newline ? (size_t)(newline - text) - at : len - at;

		parser.line++;
		err = parse_line(&parser, text + at, line_len);
		at += line_len + 1;
	}
	sodium_memzero(parser.text,
		       sizeof(parser.text)); /* it may have held a key */
	return err;
}

/* Levenshtein's distance, one row at a time, without regard to case. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[33];
	size_t len = strlen(b);

	if (len >= sizeof(row) / sizeof(row[0]))
		return UINT32_MAX;
	for (size_t j = 0; j <= len; j++)
		row[j] = (unsigned int)j;
	for (; *a; a++) {
		unsigned int diagonal = row[0]++;

		for (size_t j = 1; j <= len; j++) {
			unsigned int cost = strncasecmp(a, &b[j - 1], 1) != 0;
			unsigned int best = diagonal + cost;

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[len];
}

const char *ini_nearest(const char *name, const char *const *names,
			size_t count)
{
	unsigned int best = UINT32_MAX;
	const char *nearest = NULL;

	for (size_t i = 0; i < count; i++) {
		unsigned int d = distance(name, names[i]);

		if (d < best) {
			best = d;
			nearest = names[i];
		}
	}
	return best <= 3 ? nearest : NULL;
}
