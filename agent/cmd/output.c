// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/output.h"

#define BOLD "\033[1m"
#define GREEN "\033[32m"
#define RESET "\033[0m"

static const char *colour(const char *sequence)
{
	static int wanted = -1;

	if (wanted < 0) {
		const char *no = getenv("NO_COLOR");

		wanted = isatty(STDOUT_FILENO) && (!no || !*no);
	}
	return wanted ? sequence : "";
}

const char *output_span(output_text text, int64_t seconds)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = {
		{"year", INT64_C(365) * 86400},
		{"day", 86400},
		{"hour", 3600},
		{"minute", 60},
		{"second", 1},
	};
	size_t used = 0;

	if (seconds <= 0)
		snprintf(text, sizeof(output_text), "0 seconds");
	for (size_t i = 0; i < 5 && seconds > 0; i++) {
		int64_t count = seconds / units[i].seconds;

		seconds %= units[i].seconds;
		if (count)
			used += (size_t)snprintf(
				text + used, sizeof(output_text) - used,
				"%s%" PRId64 " %s%s", used ? ", " : "", count,
				units[i].name, count == 1 ? "" : "s");
	}
	return text;
}

const char *output_age(output_text text, int64_t seconds)
{
	output_text span;

	if (seconds <= 0)
		snprintf(text, sizeof(output_text), "now");
	else
		snprintf(text, sizeof(output_text), "%.90s ago",
			 output_span(span, seconds));
	return text;
}

const char *output_short(output_text text, int64_t seconds)
{
	static const struct {
		int64_t from, seconds;
		char name, rest;
	} units[] = {
		{86400, 3600, 'd', 'h'},
		{3600, 60, 'h', 'm'},
		{60, 1, 'm', 's'},
	};

	if (seconds < 0)
		seconds = 0;
	for (size_t i = 0; i < 3; i++) {
		if (seconds < units[i].from)
			continue;
		snprintf(text, sizeof(output_text),
			 "%" PRId64 "%c%02" PRId64 "%c",
			 seconds / units[i].from, units[i].name,
			 seconds % units[i].from / units[i].seconds,
			 units[i].rest);
		return text;
	}
	snprintf(text, sizeof(output_text), "%" PRId64 "s", seconds);
	return text;
}

const char *output_bytes(output_text text, uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	double value = (double)bytes;
	int unit = -1;

	/* 1023.996 KiB would print as 1024.00 KiB. */
	for (; value >= (unit < 0 ? 1024 : 1023.995) && unit < 5; unit++)
		value /= 1024;
	if (unit < 0)
		snprintf(text, sizeof(output_text), "%" PRIu64 " B", bytes);
	else
		snprintf(text, sizeof(output_text), "%.2f %ciB", value,
			 units[unit]);
	return text;
}

void output_title(const char *kind, const char *name)
{
	static bool again;

	printf("%s%s%s%s%s: %s%s%s\n", again ? "\n" : "", colour(GREEN),
	       colour(BOLD), kind, colour(RESET), colour(GREEN), name,
	       colour(RESET));
	again = true;
}

void output_field(const char *label, const char *format, ...)
{
	va_list args;

	printf("  %s%s%s: ", colour(BOLD), label, colour(RESET));
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}
