/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output for people, in the manner of wg(8): a titled block with indented
 * fields, ages in words, sizes in binary units. Colours only on a terminal, and
 * not with NO_COLOR.
 */
#ifndef SLUICE_CMD_OUTPUT_H
#define SLUICE_CMD_OUTPUT_H

#include <stdint.h>

typedef char output_text[96];

/* "2 minutes, 5 seconds"; "0 seconds" for nothing. */
const char *output_span(output_text text, int64_t seconds);
/* The same with "ago"; "now" for 0. */
const char *output_age(output_text text, int64_t seconds);
/* For columns: "45s", "2m05s", "3h20m", "5d03h". */
const char *output_short(output_text text, int64_t seconds);
/* "532 B", "1.50 KiB", ... "16.00 EiB". */
const char *output_bytes(output_text text, uint64_t bytes);

/* "peer: NAME"; a blank line before every block but the first. */
void output_title(const char *kind, const char *name);
/* "  label: value" */
__attribute__((format(printf, 2, 3))) void
output_field(const char *label, const char *format, ...);

#endif
