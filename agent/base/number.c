// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/number.h"

#include <errno.h>
#include <string.h>

int number_parse(uint32_t *value, const char *text, uint32_t min, uint32_t max)
{
	uint64_t number = 0;

	if (!*text || text[strspn(text, "0123456789")])
		return -EINVAL;
	for (; *text && number <= max; text++)
		number = number * 10 + (uint64_t)(*text - '0');
	if (number < min || number > max)
		return -ERANGE;
	*value = (uint32_t)number;
	return 0;
}

int number_parse_ports(uint16_t *first, uint16_t *last, const char *text)
{
	const char *dash = strchr(text, '-');
	size_t len = dash ? (size_t)(dash - text) : strlen(text);
	uint32_t low, high;
	char number[8];

	if (len >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, len);
	number[len] = '\0';
	if (number_parse(&low, number, 1, UINT16_MAX) ||
	    number_parse(&high, dash ? dash + 1 : number, 1, UINT16_MAX))
		return -EINVAL;
	if (high < low)
		return -ERANGE;
	*first = (uint16_t)low;
	*last = (uint16_t)high;
	return 0;
}
