/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers as people write them: decimal digits and nothing else, where strtoul
 * would take signs and blanks too. What fails leaves its outputs alone. */
#ifndef SLUICE_BASE_NUMBER_H
#define SLUICE_BASE_NUMBER_H

#include <stdint.h>

/* -EINVAL: no number; -ERANGE: not from min to max. */
int number_parse(uint32_t *value, const char *text, uint32_t min, uint32_t max);

/* "8787" or "8787-8794", ports from 1 on. -EINVAL: no such thing; -ERANGE: it
 * ends before it begins. */
int number_parse_ports(uint16_t *first, uint16_t *last, const char *text);

#endif
