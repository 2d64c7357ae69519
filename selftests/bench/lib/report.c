// SPDX-License-Identifier: GPL-2.0-or-later
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void bench_value(const char *name, double value, const char *unit)
{
	printf("bench %s %.*f %s\n", name, value < 1000 ? 2 : 0, value, unit);
	fflush(stdout);
}

void bench_missing(const char *name, const char *reason, ...)
{
	va_list args;

	printf("bench %s - (", name);
	va_start(args, reason);
	vprintf(reason, args);
	va_end(args);
	printf(")\n");
	fflush(stdout);
}

void bench_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void bench_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

uint64_t bench_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

bool bench_quick(void)
{
	const char *quick = getenv("BENCH_QUICK");

	return quick && *quick && *quick != '0';
}

double bench_min(const double *samples, size_t n)
{
	double least = samples[0];

	for (size_t i = 1; i < n; i++)
		if (samples[i] < least)
			least = samples[i];
	return least;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *samples, size_t n)
{
	qsort(samples, n, sizeof(*samples), compare);
	return n % 2 ? samples[n / 2]
		     : (samples[n / 2 - 1] + samples[n / 2]) / 2;
}
