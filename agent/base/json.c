// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/json.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include "base/address.h"

json_t *json_of_endpoint(const uint8_t addr[16], uint16_t port)
{
	address_text text;

	address_format_endpoint(text, addr, port);
	return json_string(text);
}

json_t *json_of_prefix(const uint8_t addr[16], unsigned int len)
{
	address_text text;

	address_format_prefix(text, addr, len);
	return json_string(text);
}

json_t *json_of_mac(const uint8_t mac[6])
{
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
	return json_string(text);
}

json_t *json_of_interface(unsigned int ifindex)
{
	char name[IF_NAMESIZE];

	if (!ifindex || !if_indextoname(ifindex, name))
		return json_null();
	return json_string(name);
}

json_t *json_of_age(uint64_t now_s, uint64_t at_s)
{
	if (!at_s)
		return json_null();
	return json_integer(now_s > at_s ? (json_int_t)(now_s - at_s) : 0);
}

int json_to_endpoint(uint8_t addr[16], uint16_t *port, const json_t *text)
{
	const char *string = json_string_value(text);

	return string ? address_parse_endpoint(addr, port, string) : -EINVAL;
}

int json_to_prefix(uint8_t addr[16], unsigned int *len, const json_t *text)
{
	const char *string = json_string_value(text);

	return string ? address_parse_prefix(addr, len, string) : -EINVAL;
}
