/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Figures: how they are printed, and what is made of repeated measurements. */
#ifndef SLUICE_BENCH_REPORT_H
#define SLUICE_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `bench NAME VALUE UNIT` */
void bench_value(const char *name, double value, const char *unit);
/* `bench NAME - (reason)`: the run has failed, and goes on. */
__attribute__((format(printf, 2, 3))) void
bench_missing(const char *name, const char *reason, ...);
/* A line for people, on standard error. */
__attribute__((format(printf, 1, 2))) void bench_note(const char *format, ...);
/* The same, and ends the program with status 1. */
__attribute__((format(printf, 1, 2), noreturn)) void
bench_die(const char *format, ...);

uint64_t bench_now_ns(void); /* CLOCK_MONOTONIC */
bool bench_quick(void); /* BENCH_QUICK=1: a smoke test, few repeats */

/* Over n > 0 samples. The median sorts them. */
double bench_min(const double *samples, size_t n);
double bench_median(double *samples, size_t n);

#endif
