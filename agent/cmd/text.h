/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text with secrets in it that grows: wiped wherever it was. Zero-initialised
 * is empty; the first failure sticks, so that only the end needs a check. */
#ifndef SLUICE_CMD_TEXT_H
#define SLUICE_CMD_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *bytes; /* NUL-terminated, owned; NULL while empty */
	size_t len, room;
	bool failed; /* no memory: something is missing */
};

void text_put(struct text *text, const char *bytes, size_t len);
__attribute__((format(printf, 2, 3))) void text_add(struct text *text,
						    const char *format, ...);
void text_clear(struct text *text); /* wipes, frees */

#endif
