// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define FIRST_ROOM 1024

/* Room for len more bytes and a NUL. */
static bool reserve(struct text *text, size_t len)
{
	size_t room = text->room ? text->room : FIRST_ROOM;
	char *bytes;

	if (text->failed)
		return false;
	while (room - text->len <= len)
		room *= 2;
	if (room == text->room)
		return true;
	bytes = malloc(room);
	if (!bytes) {
		text->failed = true;
		return false;
	}
	if (text->bytes) {
		memcpy(bytes, text->bytes, text->len);
		sodium_memzero(text->bytes, text->len);
		free(text->bytes);
	}
	text->bytes = bytes;
	text->room = room;
	return true;
}

void text_put(struct text *text, const char *bytes, size_t len)
{
	if (!reserve(text, len))
		return;
	if (len)
		memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
	text->bytes[text->len] = '\0';
}

void text_add(struct text *text, const char *format, ...)
{
	va_list args, again;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len >= 0 && reserve(text, (size_t)len)) {
		vsnprintf(text->bytes + text->len, (size_t)len + 1, format,
			  again);
		text->len += (size_t)len;
	}
	va_end(again);
}

void text_clear(struct text *text)
{
	if (text->bytes)
		sodium_memzero(text->bytes, text->room);
	free(text->bytes);
	*text = (struct text){0};
}
