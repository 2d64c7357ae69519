/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fields of the daemon's answers, for output to people. */
#ifndef SLUICE_CMD_FIELD_H
#define SLUICE_CMD_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "cmd/output.h"

/* "-" if there is none. */
const char *field_text(const json_t *object, const char *key);
/* A number of either kind, rounded down; 0 if there is none. */
int64_t field_number(const json_t *object, const char *key);
/* Counters pass 2^53, so never by way of a double. */
uint64_t field_count(const json_t *object, const char *key);
bool field_flag(const json_t *object, const char *key);
/* "never" for null. */
const char *field_age(output_text out, const json_t *object, const char *key);
/* For columns; `none` for null. */
const char *field_short_age(output_text out, const json_t *object,
			    const char *key, const char *none);

#endif
