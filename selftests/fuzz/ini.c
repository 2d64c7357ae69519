// SPDX-License-Identifier: GPL-2.0-or-later
/* The INI tokenizer and the settings behind it, on any bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ini.h"
#include "relay/settings.h"

static int check(void *ctx, const struct ini_item *item,
		 struct ini_error *error)
{
	unsigned int *line = ctx;

	(void)error;
	/* Lines come in order; what is handed on has no control characters. */
	if (item->line < *line || !item->line || !item->column ||
	    !item->value_column)
		abort();
	*line = item->line;
	for (const char *c = item->value; c && *c; c++) {
		if (*c == '\n' || *c == '\r')
			abort();
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct relay_settings settings;
	struct ini_error error;
	unsigned int line = 0;

	if (ini_parse((const char *)data, size, check, &line, &error)) {
		if (!error.line || !error.column || !error.text[0])
			abort();
	}
	/* Every file that it might name lies below a folder that is not there. */
	if (memmem(data, size, "/", 1))
		return 0;
	if (!relay_settings_parse(&settings, "/nonexistent/conf",
				  (const char *)data, size, &error))
		relay_settings_clear(&settings);
	else if (!error.line || !error.column || !error.text[0])
		abort();
	return 0;
}
