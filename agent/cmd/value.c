// SPDX-License-Identifier: GPL-2.0-or-later
/* Values in wg-quick files and in arguments: addresses, endpoints, names. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "cmd/conf.h"

int conf_parse_prefix(struct wg_allowed_ip *ip, const char *text)
{
	struct wg_allowed_ip parsed = {.family = AF_INET};
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN];
	uint32_t prefix, max;
	size_t len = slash ? (size_t)(slash - text) : strlen(text);

	if (len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = '\0';
	if (strchr(address, ':'))
		parsed.family = AF_INET6;
	prefix = max = parsed.family == AF_INET ? 32 : 128;
	if (inet_pton(parsed.family, address, &parsed.v6) != 1 ||
	    (slash && number_parse(&prefix, slash + 1, 0, max)))
		return -EINVAL;
	parsed.prefix = (uint8_t)prefix;
	*ip = parsed;
	return 0;
}

int conf_addresses_add(struct conf_addresses *addresses,
		       const struct wg_allowed_ip *ip)
{
	size_t count = addresses->count;
	struct wg_allowed_ip *list = addresses->list;

	if (!(count & (count - 1))) { /* full: room doubles */
		list = realloc(list, (count ? count * 2 : 1) * sizeof(*list));
		if (!list)
			return -ENOMEM;
		addresses->list = list;
	}
	list[addresses->count++] = *ip;
	return 0;
}

void conf_addresses_clear(struct conf_addresses *addresses)
{
	free(addresses->list);
	*addresses = (struct conf_addresses){0};
}

int conf_parse_addresses(struct conf_addresses *addresses, const char *text)
{
	static const char separators[] = ", \t";
	struct wg_allowed_ip ip;
	char word[CONF_PREFIX_TEXT];
	int err = 0;

	for (text += strspn(text, separators); !err && *text;
	     text += strspn(text, separators)) {
		size_t len = strcspn(text, separators);

		if (len >= sizeof(word))
			return -EINVAL;
		memcpy(word, text, len);
		word[len] = '\0';
		text += len;
		err = conf_parse_prefix(&ip, word);
		if (!err)
			err = conf_addresses_add(addresses, &ip);
	}
	return err;
}

/* A host name, or an IPv4 address, which looks like one. */
static bool is_host(const char *text)
{
	if (!isalnum((unsigned char)*text))
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("._-", *text))
			return false;
	return true;
}

/* An IPv6 address, perhaps with its %interface. */
static bool is_v6(const char *text)
{
	char address[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "%");
	struct in6_addr ignored;

	if (len >= sizeof(address) || (text[len] && !text[len + 1]))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	return inet_pton(AF_INET6, address, &ignored) == 1;
}

int conf_parse_endpoint(struct conf_endpoint *endpoint, const char *text)
{
	struct conf_endpoint parsed = {.port = 0};
	const char *colon = strrchr(text, ':');
	bool v6 = *text == '[';
	uint32_t port;
	size_t len;

	if (!colon || number_parse(&port, colon + 1, 1, UINT16_MAX))
		return -EINVAL;
	if (v6 && (colon - text < 2 || colon[-1] != ']'))
		return -EINVAL;
	len = (size_t)(colon - text) - (v6 ? 2 : 0);
	if (!len || len >= sizeof(parsed.host))
		return -EINVAL;
	memcpy(parsed.host, text + (v6 ? 1 : 0), len);
	if (v6 ? !is_v6(parsed.host) : !is_host(parsed.host))
		return -EINVAL;
	parsed.port = (uint16_t)port;
	*endpoint = parsed;
	return 0;
}

bool conf_is_name(const char *text)
{
	if (!isalnum((unsigned char)*text) || strlen(text) >= CONF_NAME_LEN)
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("._-+@", *text))
			return false;
	return true;
}

void conf_format_prefix(char text[CONF_PREFIX_TEXT],
			const struct wg_allowed_ip *ip)
{
	char address[INET6_ADDRSTRLEN] = "";

	inet_ntop(ip->family, &ip->v6, address, sizeof(address));
	snprintf(text, CONF_PREFIX_TEXT, "%s/%u", address, ip->prefix);
}

void conf_format_endpoint(char text[CONF_ENDPOINT_TEXT],
			  const struct conf_endpoint *endpoint)
{
	const char *format = strchr(endpoint->host, ':') ? "[%s]:%u" : "%s:%u";

	snprintf(text, CONF_ENDPOINT_TEXT, format, endpoint->host,
		 endpoint->port);
}
