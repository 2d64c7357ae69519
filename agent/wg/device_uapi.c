// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device_uapi.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "wg/device_model.h"

/* ---- building ---- */

/* Bounds on the text of each part, so that one allocation does and no secret is
 * left behind by growing. */
#define DEVICE_TEXT 256
#define PEER_TEXT 512
#define IP_TEXT 80

struct writer {
	char *text;
	size_t len, room;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *writer,
						      const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(writer->text + writer->len, writer->room - writer->len,
			format, args);
	va_end(args);
	writer->len += (size_t)len;
}

static void put_key(struct writer *writer, const char *name,
		    const struct wg_key *key)
{
	char hex[sizeof(key->bytes) * 2 + 1];

	sodium_bin2hex(hex, sizeof(hex), key->bytes, sizeof(key->bytes));
	put(writer, "%s=%s\n", name, hex);
	sodium_memzero(hex, sizeof(hex));
}

static void put_endpoint(struct writer *writer,
			 const union wg_endpoint *endpoint)
{
	bool v4 = endpoint->any.sa_family == AF_INET;
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getnameinfo(&endpoint->any, (socklen_t)wg_endpoint_len(endpoint),
			host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV | NI_DGRAM))
		return;
	put(writer, v4 ? "endpoint=%.64s:%.5s\n" : "endpoint=[%.64s]:%.5s\n",
	    host, port);
}

static void put_allowed_ip(struct writer *writer,
			   const struct wg_allowed_ip *ip)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(ip->family, &ip->v6, text, sizeof(text));
	put(writer, "allowed_ip=%s/%u\n", text, ip->prefix);
}

static void put_peer(struct writer *writer, const struct wg_peer_change *peer)
{
	put_key(writer, "public_key", &peer->public_key);
	if (peer->flags & WG_PEER_REMOVE) {
		put(writer, "remove=true\n");
		return;
	}
	/* What another program removed meanwhile does not come back. */
	if (!(peer->flags & WG_PEER_NEW))
		put(writer, "update_only=true\n");
	if (peer->flags & WG_PEER_PSK)
		put_key(writer, "preshared_key", &peer->preshared_key);
	if (peer->flags & WG_PEER_ENDPOINT)
		put_endpoint(writer, &peer->endpoint);
	if (peer->flags & WG_PEER_KEEPALIVE)
		put(writer, "persistent_keepalive_interval=%u\n",
		    peer->keepalive);
	if (peer->flags & WG_PEER_REPLACE_IPS)
		put(writer, "replace_allowed_ips=true\n");
	for (size_t i = 0; i < peer->allowed_ip_count; i++)
		put_allowed_ip(writer, &peer->allowed_ips[i]);
}

static size_t text_bound(const struct wg_device_change *change)
{
	size_t bound = DEVICE_TEXT + change->peer_count * PEER_TEXT;

	for (size_t i = 0; i < change->peer_count; i++)
		bound += change->peers[i].allowed_ip_count * IP_TEXT;
	return bound;
}

int wg_uapi_build(char **text, size_t *len,
		  const struct wg_device_change *change)
{
	struct writer writer = {.room = text_bound(change)};

	writer.text = malloc(writer.room);
	if (!writer.text)
		return -ENOMEM;
	put(&writer, "set=1\n");
	if (change->flags & WG_DEVICE_PRIVATE_KEY)
		put_key(&writer, "private_key", &change->private_key);
	if (change->flags & WG_DEVICE_LISTEN_PORT)
		put(&writer, "listen_port=%u\n", change->listen_port);
	if (change->flags & WG_DEVICE_FWMARK)
		put(&writer, "fwmark=%" PRIu32 "\n", change->fwmark);
	for (size_t i = 0; i < change->peer_count; i++)
		put_peer(&writer, &change->peers[i]);
	put(&writer, "\n");
	*text = writer.text;
	*len = writer.len;
	return 0;
}

/* ---- reading ---- */

struct reader {
	struct wg_device *device;
	struct wg_device_peer *peer; /* the one the lines are about */
	bool ended; /* the errno line came */
	int err; /* what it said */
};

static int read_number(uint64_t *number, const char *text, uint64_t max)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EBADMSG;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return *end || errno || *number > max ? -EBADMSG : 0;
}

static int read_key(struct wg_key *key, const char *text)
{
	size_t len;

	if (strlen(text) != sizeof(key->bytes) * 2 ||
	    sodium_hex2bin(key->bytes, sizeof(key->bytes), text, strlen(text),
			   NULL, &len, NULL) ||
	    len != sizeof(key->bytes))
		return -EBADMSG;
	return 0;
}

/* "192.0.2.1:51820", "[2001:db8::1%eth0]:51820" */
static int read_endpoint(union wg_endpoint *endpoint, char *text)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_DGRAM,
	};
	char *host = text, *colon = strrchr(text, ':');
	struct addrinfo *found;

	if (!colon)
		return -EBADMSG;
	*colon = '\0';
	if (*host == '[') {
		if (colon[-1] != ']')
			return -EBADMSG;
		colon[-1] = '\0';
		host++;
	}
	if (getaddrinfo(host, colon + 1, &hints, &found))
		return -EBADMSG;
	memset(endpoint, 0, sizeof(*endpoint));
	if (found->ai_addrlen <= sizeof(*endpoint))
		memcpy(endpoint, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return 0;
}

static int read_allowed_ip(struct wg_device_peer *peer, char *text)
{
	struct wg_allowed_ip ip = {.family = AF_INET};
	char *slash = strchr(text, '/');
	uint64_t prefix;

	if (!slash)
		return -EBADMSG;
	*slash = '\0';
	if (strchr(text, ':'))
		ip.family = AF_INET6;
	if (inet_pton(ip.family, text, &ip.v6) != 1 ||
	    read_number(&prefix, slash + 1, ip.family == AF_INET ? 32 : 128))
		return -EBADMSG;
	ip.prefix = (uint8_t)prefix;
	return wg_device_peer_add_ip(peer, &ip);
}

static int read_peer_line(struct wg_device_peer *peer, const char *name,
			  char *value)
{
	uint64_t number = 0;
	int err = 0;

	if (!strcmp(name, "preshared_key")) {
		err = read_key(&peer->preshared_key, value);
	} else if (!strcmp(name, "endpoint")) {
		err = read_endpoint(&peer->endpoint, value);
	} else if (!strcmp(name, "allowed_ip")) {
		err = read_allowed_ip(peer, value);
	} else if (!strcmp(name, "persistent_keepalive_interval")) {
		err = read_number(&number, value, UINT16_MAX);
		peer->keepalive = (uint16_t)number;
	} else if (!strcmp(name, "last_handshake_time_sec")) {
		err = read_number(&number, value, INT32_MAX);
		peer->last_handshake.tv_sec = (time_t)number;
	} else if (!strcmp(name, "last_handshake_time_nsec")) {
		err = read_number(&number, value, 999999999);
		peer->last_handshake.tv_nsec = (long)number;
	} else if (!strcmp(name, "rx_bytes")) {
		err = read_number(&peer->rx_bytes, value, UINT64_MAX);
	} else if (!strcmp(name, "tx_bytes")) {
		err = read_number(&peer->tx_bytes, value, UINT64_MAX);
	}
	return err; /* a line of a newer version is no error */
}

static int read_device_line(struct wg_device *device, const char *name,
			    const char *value)
{
	uint64_t number = 0;
	int err = 0;

	if (!strcmp(name, "private_key")) {
		err = read_key(&device->private_key, value);
		if (!err && !wg_key_is_zero(&device->private_key))
			err = wg_key_public(&device->public_key,
					    &device->private_key);
	} else if (!strcmp(name, "listen_port")) {
		err = read_number(&number, value, UINT16_MAX);
		device->listen_port = (uint16_t)number;
	} else if (!strcmp(name, "fwmark")) {
		err = read_number(&number, value, UINT32_MAX);
		device->fwmark = (uint32_t)number;
	}
	return err;
}

/* Implementations differ in the sign: the number counts. */
static int read_error(const char *value)
{
	int err = abs(atoi(value));

	return err <= 4095 ? -err : -EIO;
}

static int read_line(struct reader *reader, char *line)
{
	char *value = strchr(line, '=');

	if (!value)
		return -EBADMSG;
	*value++ = '\0';
	if (!strcmp(line, "errno")) {
		reader->ended = true;
		reader->err = read_error(value);
		return 0;
	}
	if (!reader->device)
		return 0;
	if (!strcmp(line, "public_key")) {
		reader->peer = wg_device_add_peer(reader->device);
		return reader->peer ? read_key(&reader->peer->public_key, value)
				    : -ENOMEM;
	}
	if (reader->peer)
		return read_peer_line(reader->peer, line, value);
	return read_device_line(reader->device, line, value);
}

static int read_lines(struct reader *reader, const char *text, size_t len)
{
	const char *end = text + len, *newline;
	char line[512];
	int err = 0;

	while (!err && !reader->ended && text < end) {
		newline = memchr(text, '\n', (size_t)(end - text));
		if (!newline || (size_t)(newline - text) >= sizeof(line))
			return -EBADMSG;
		memcpy(line, text, (size_t)(newline - text));
		line[newline - text] = '\0';
		text = newline + 1;
		if (*line)
			err = read_line(reader, line);
	}
	sodium_memzero(line, sizeof(line));
	if (err)
		return err;
	return reader->ended ? reader->err : -EBADMSG;
}

int wg_uapi_read(struct wg_device *device, const char *text, size_t len)
{
	struct reader reader = {.device = device};

	return read_lines(&reader, text, len);
}

int wg_uapi_read_errno(const char *text, size_t len)
{
	struct reader reader = {0};

	return read_lines(&reader, text, len);
}
