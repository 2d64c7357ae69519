// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 1024

const char *const log_level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
	NULL,
};

/* RFC 5424, table 2 */
static const int priorities[] = {
	[LOG_LEVEL_ERROR] = 3,
	[LOG_LEVEL_WARN] = 4,
	[LOG_LEVEL_INFO] = 6,
	[LOG_LEVEL_DEBUG] = 7,
};

static enum log_level threshold = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	threshold = level;
}

/* Text that came from outside must not be able to forge a second line. */
static void blank_controls(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
	}
}

void log_line(enum log_level level, const char *format, ...)
{
	static int journal = -1;
	char line[LINE_MAX_LEN];
	va_list args;
	int start = 0;
	size_t len;

	if (level > threshold)
		return;
	if (journal < 0)
		journal = getenv("JOURNAL_STREAM") != NULL;
	if (journal)
		start = snprintf(line, sizeof(line), "<%d>", priorities[level]);
	else if (level != LOG_LEVEL_INFO)
		start = snprintf(line, sizeof(line),
				 "%s: ", log_level_names[level]);

	va_start(args, format);
	vsnprintf(line + start, sizeof(line) - 1 - (size_t)start, format, args);
	va_end(args);
	blank_controls(line);
	len = strlen(line);
	line[len++] = '\n';
	/* One write a line: lines of two processes never mix. */
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere left to complain to */
}

bool log_limit(struct log_limit *limit)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (limit->open_at && now.tv_sec < limit->open_at) {
		limit->held_back++;
		return false;
	}
	if (limit->held_back)
		log_line(LOG_LEVEL_INFO,
			 "(%lu more lines like the next one were held back)",
			 limit->held_back);
	limit->held_back = 0;
	limit->open_at = now.tv_sec + LOG_LIMIT_SECONDS;
	return true;
}
