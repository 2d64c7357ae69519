// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

bool address_is_v4(const uint8_t addr[16])
{
	return !memcmp(addr, mapped, sizeof(mapped));
}

void address_from_v4(uint8_t addr[16], const void *v4)
{
	memcpy(addr, mapped, sizeof(mapped));
	memcpy(addr + 12, v4, 4);
}

int address_parse(uint8_t addr[16], const char *text)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		address_from_v4(addr, &v4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &v6) != 1)
		return -EINVAL;
	memcpy(addr, &v6, 16);
	return 0;
}

void address_format(address_text text, const uint8_t addr[16])
{
	if (address_is_v4(addr))
		inet_ntop(AF_INET, addr + 12, text, ADDRESS_TEXT_LEN);
	else
		inet_ntop(AF_INET6, addr, text, ADDRESS_TEXT_LEN);
}

int address_parse_endpoint(uint8_t addr[16], uint16_t *port, const char *text)
{
	char copy[ADDRESS_TEXT_LEN], *colon, *host = copy;
	uint8_t parsed[16];
	uint32_t number;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return -EINVAL;
	colon = strrchr(copy, ':');
	if (!colon)
		return -EINVAL;
	*colon = '\0';
	if (*host == '[') {
		size_t len = strlen(host);

		if (host[len - 1] != ']')
			return -EINVAL;
		host[len - 1] = '\0';
		host++;
	} else if (strchr(host, ':')) {
		return -EINVAL; /* IPv6 needs its brackets here */
	}
	if (number_parse(&number, colon + 1, 1, UINT16_MAX) ||
	    address_parse(parsed, host))
		return -EINVAL;
	memcpy(addr, parsed, 16);
	*port = (uint16_t)number;
	return 0;
}

void address_format_endpoint(address_text text, const uint8_t addr[16],
			     uint16_t port)
{
	address_text host;

	address_format(host, addr);

	snprintf(text, ADDRESS_TEXT_LEN,
		 address_is_v4(addr) ? "%.45s:%u" : "[%.45s]:%u", host, port);
}

static void clear_host_bits(uint8_t addr[16], unsigned int len)
{
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int keep = len > 8 * i ? len - 8 * i : 0;

		if (keep < 8)
			addr[i] &= (uint8_t)(0xff00U >> keep);
	}
}

int address_parse_prefix(uint8_t addr[16], unsigned int *len, const char *text)
{
	char copy[ADDRESS_TEXT_LEN], *slash;
	uint8_t parsed[16];
	uint32_t bits, skip;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return -EINVAL;
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	if (address_parse(parsed, copy))
		return -EINVAL;
	skip = address_is_v4(parsed) && strchr(copy, '.') ? 96 : 0;
	bits = 128 - skip;
	if (slash && number_parse(&bits, slash + 1, 0, 128 - skip))
		return -EINVAL;
	*len = skip + bits;
	clear_host_bits(parsed, *len);
	memcpy(addr, parsed, 16);
	return 0;
}

void address_format_prefix(address_text text, const uint8_t addr[16],
			   unsigned int len)
{
	unsigned int skip = address_is_v4(addr) && len >= 96 ? 96 : 0;
	address_text host;

	address_format(host, addr);
	snprintf(text, ADDRESS_TEXT_LEN, "%.45s/%u", host, len - skip);
}

socklen_t address_to_sockaddr(struct sockaddr_storage *out,
			      const uint8_t addr[16], uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET,
				 .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons(port)};

	if (address_is_v4(addr)) {
		memcpy(&v4.sin_addr, addr + 12, 4);
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(&v6.sin6_addr, addr, 16);
	memcpy(out, &v6, sizeof(v6));
	return sizeof(v6);
}
