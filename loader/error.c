// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sentence about the last failure, and what libbpf has to say about it.
 *
 * libbpf prints warnings through one callback of the process. They are not
 * shown; of each failure the one line is kept that tells why: the last line of
 * the verifier's log that is not a statistic, else the first warning.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/set.h"

static _Thread_local char sentence[1024];
static _Thread_local char warning[256]; /* the first one */
static _Thread_local char verdict[256]; /* the verifier's last line */

const char *loader_error(void)
{
	return sentence[0] ? sentence : "nothing has failed";
}

int error_set(int err, const char *format, ...)
{
	char text[sizeof(sentence)]; /* an argument may be the old sentence */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	memcpy(sentence, text, sizeof(sentence));
	return err;
}

const char *error_detail(void)
{
	if (verdict[0])
		return verdict;
	return warning[0] ? warning : "the kernel gave no reason";
}

static bool is_statistic(const char *line)
{
	return !strncmp(line, "processed ", 10) ||
	       !strncmp(line, "verification time ", 18) ||
	       !strncmp(line, "stack depth ", 12);
}

static void keep_log(char *log)
{
	char *end = strstr(log, "-- END PROG LOAD LOG --"), *rest, *line;

	if (end)
		*end = '\0';
	strtok_r(log, "\n", &rest);
	while ((line = strtok_r(NULL, "\n", &rest))) {
		if (line[0] && !is_statistic(line))
			snprintf(verdict, sizeof(verdict), "%s", line);
	}
}

static int on_print(enum libbpf_print_level level, const char *format,
		    va_list args)
{
	char *text, *log, *line;

	if (level != LIBBPF_WARN || vasprintf(&text, format, args) < 0)
		return 0;
	log = strstr(text, "-- BEGIN PROG LOAD LOG --");
	if (log) {
		keep_log(log);
	} else if (!warning[0]) {
		line = text + strspn(text, "\n");
		if (!strncmp(line, "libbpf: ", 8))
			line += 8;
		line[strcspn(line, "\n")] = '\0';
		snprintf(warning, sizeof(warning), "%s", line);
	}
	free(text);
	return 0;
}

void error_collect(void)
{
	libbpf_set_print(on_print);
	warning[0] = '\0';
	verdict[0] = '\0';
}
