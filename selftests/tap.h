/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TAP for C tests: a plan at the end, ok() lines with their source line, and
 * diagnostics that show both values. Each check returns whether it held.
 */
#ifndef SLUICE_TAP_H
#define SLUICE_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 4, 5), unused)) static bool
tap_ok(bool held, const char *file, int line, const char *format, ...)
{
	va_list args;

	printf("%sok %d - ", held ? "" : "not ", ++tap_count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (!held) {
		tap_failed++;
		printf("# at %s:%d\n", file, line);
	}
	fflush(stdout);
	return held;
}

#define ok(cond, ...) tap_ok((cond), __FILE__, __LINE__, __VA_ARGS__)

#define is_int(got, want, ...) \
	({ \
		long long got_ = (long long)(got), want_ = (long long)(want); \
		bool held_ = tap_ok(got_ == want_, __FILE__, __LINE__, \
				    __VA_ARGS__); \
		if (!held_) \
			printf("# got %lld (0x%llx), want %lld (0x%llx)\n", \
			       got_, got_, want_, want_); \
		held_; \
	})

#define is_str(got, want, ...) \
	({ \
		const char *got_ = (got), *want_ = (want); \
		bool held_ = tap_ok(got_ && want_ && !strcmp(got_, want_), \
				    __FILE__, __LINE__, __VA_ARGS__); \
		if (!held_) \
			printf("# got '%s'\n# want '%s'\n", \
			       got_ ? got_ : "(null)", \
			       want_ ? want_ : "(null)"); \
		held_; \
	})

#define is_mem(got, want, len, ...) \
	({ \
		const unsigned char *got_ = (const void *)(got), \
				    *want_ = (const void *)(want); \
		size_t len_ = (len), at_ = 0; \
		bool held_ = tap_ok(!memcmp(got_, want_, len_), __FILE__, \
				    __LINE__, __VA_ARGS__); \
		if (!held_) { \
			while (got_[at_] == want_[at_]) \
				at_++; \
			printf("# differ at byte %zu of %zu: got %02x, want %02x\n", \
			       at_, len_, got_[at_], want_[at_]); \
		} \
		held_; \
	})

#define tap_skip(reason) printf("ok %d # SKIP %s\n", ++tap_count, reason)

__attribute__((unused)) static int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif
