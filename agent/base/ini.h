/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * WireGuard's INI: [Section], Key = Value, # and ; start a comment at the
 * beginning of a line or after white space, names are matched without regard
 * to case. A pure tokenizer: no file, no meaning.
 */
#ifndef SLUICE_BASE_INI_H
#define SLUICE_BASE_INI_H

#include <stddef.h>

struct ini_error {
	unsigned int line, column; /* from 1 */
	char text[160]; /* what is wrong and what would be right */
};

/* Says what is wrong; where is set apart from it, or from the item. -EINVAL. */
__attribute__((format(printf, 2, 3))) int ini_fail(struct ini_error *error,
						   const char *format, ...);

/*
 * Called for each section header (key == NULL) and each assignment; strings are
 * NUL-terminated and valid for the call; column is where the key, or for a
 * header the name, starts and value_column where the value does. Non-zero ends
 * the parse: fill *error's text then (its position is set from line and
 * value_column unless already set).
 */
struct ini_item {
	const char *section; /* NULL before the first header */
	const char *key; /* NULL: a header */
	const char *value; /* NULL: a header */
	unsigned int line, column, value_column;
};
typedef int (*ini_fn)(void *ctx, const struct ini_item *item,
		      struct ini_error *error);

/* 0, or -EINVAL with *error filled. Lines over 4095 bytes, NUL bytes and
 * control characters are errors. text need not be NUL-terminated. */
int ini_parse(const char *text, size_t len, ini_fn fn, void *ctx,
	      struct ini_error *error);

/* The name that a misspelt one probably meant, or NULL if none is near. */
const char *ini_nearest(const char *name, const char *const *names,
			size_t count);

#endif
