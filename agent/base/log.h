/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines to standard error, one each, with a syslog priority prefix (<3>)
 * where systemd reads them (JOURNAL_STREAM is set). Keys never go here.
 */
#ifndef SLUICE_BASE_LOG_H
#define SLUICE_BASE_LOG_H

#include <stdbool.h>
#include <time.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

void log_set_level(enum log_level level);
/* "error" and so on, by level; ends with a NULL. */
extern const char *const log_level_names[];

__attribute__((format(printf, 2, 3))) void log_line(enum log_level level,
						    const char *format, ...);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * For what a stranger can make happen as often as he likes: one line every
 * LOG_LIMIT_SECONDS, and how many were left out. Zero-initialised is ready.
 *
 *	static struct log_limit limit;
 *	if (log_limit(&limit))
 *		log_warn(...);
 */
#define LOG_LIMIT_SECONDS 10
struct log_limit {
	time_t open_at; /* CLOCK_MONOTONIC, seconds */
	unsigned long held_back;
};
bool log_limit(struct log_limit *limit);

#endif
