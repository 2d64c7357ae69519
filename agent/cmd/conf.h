/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of hubs and spokes: plain wg-quick(8) files, which work without us.
 * What we have to remember besides stands in comments:
 *
 *	[Interface]
 *	# sluice: interface sluice0	the name `sluice hub start` gives it
 *	[Peer]
 *	# sluice: relay			this peer is the relay
 *	# sluice: relay-ports 8787-8794	the ports it listens on
 *	[Peer]
 *	# sluice: spoke NAME		or hub NAME; the name may be missing
 *
 * The text is the truth and the structs are a view of it: an edit cuts bytes out
 * or puts some in and reads the result again, so every line that the edit is not
 * about stays as its owner wrote it. Pure.
 */
#ifndef SLUICE_CMD_CONF_H
#define SLUICE_CMD_CONF_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ini.h"
#include "wg/device.h"

#define CONF_NAME_LEN 64
#define CONF_HOST_LEN 256

enum conf_role { CONF_PEER, CONF_RELAY, CONF_SPOKE, CONF_HUB };

/* An address as it is written: host bits stay. Owned array. */
struct conf_addresses {
	struct wg_allowed_ip *list;
	size_t count;
};

struct conf_endpoint {
	char host[CONF_HOST_LEN]; /* an address without brackets, or a name */
	uint16_t port; /* 0: there is no endpoint */
};

struct conf_peer {
	enum conf_role role;
	char name[CONF_NAME_LEN]; /* "": none */
	struct wg_key public_key;
	struct wg_key preshared_key; /* zero: none */
	struct conf_endpoint endpoint;
	uint16_t keepalive;
	struct conf_addresses allowed_ips;
	uint16_t port_first, port_last; /* of a relay; 0: not said */
	unsigned int line; /* of [Peer] */
	size_t begin,
		end; /* its bytes in the text, comments above it included */
};

enum conf_table { CONF_TABLE_AUTO, CONF_TABLE_OFF, CONF_TABLE_NUMBER };

/* An assignment or section that wg-quick may understand and we do not act on. */
struct conf_ignored {
	char key[40];
	unsigned int line;
	bool known; /* wg-quick(8) has it */
};

struct conf {
	char *text; /* owned, NUL-terminated */
	size_t len;
	char interface[IF_NAMESIZE]; /* "": not said */
	struct wg_key private_key; /* zero: none */
	struct conf_addresses addresses;
	uint16_t listen_port;
	uint32_t fwmark;
	uint32_t mtu; /* 0: not said */
	enum conf_table table;
	uint32_t table_number;
	struct conf_peer *peers; /* owned */
	size_t peer_count;
	struct conf_ignored *ignored; /* owned */
	size_t ignored_count;
};

/* 0, -ENOMEM, or -EINVAL with *error filled and *conf untouched. */
int conf_parse(struct conf *conf, const char *text, size_t len,
	       struct ini_error *error);
void conf_clear(struct conf *conf); /* wipes, frees */

/* Puts a block behind a blank line at the end. As conf_parse. */
int conf_append(struct conf *conf, const char *block, size_t len,
		struct ini_error *error);
/* Takes a peer's block out, which undoes conf_append. As conf_parse. */
int conf_remove(struct conf *conf, const struct conf_peer *peer,
		struct ini_error *error);

/* NULL: none. */
const struct conf_peer *conf_find_key(const struct conf *conf,
				      const struct wg_key *key);
const struct conf_peer *conf_find_name(const struct conf *conf,
				       const char *name);
const struct conf_peer *conf_relay(const struct conf *conf);

/*
 * The pieces, for arguments too. 0 or -EINVAL. A prefix without a length is one
 * host; addresses are separated by commas and white space and appended.
 */
int conf_parse_prefix(struct wg_allowed_ip *ip, const char *text);
int conf_parse_addresses(struct conf_addresses *addresses, const char *text);
int conf_parse_endpoint(struct conf_endpoint *endpoint, const char *text);
/* Letters, digits and . _ - + @, beginning with a letter or digit. */
bool conf_is_name(const char *text);
int conf_addresses_add(struct conf_addresses *addresses,
		       const struct wg_allowed_ip *ip); /* 0 or -ENOMEM */
void conf_addresses_clear(struct conf_addresses *addresses);

/* "10.120.0.1/16"; "[2001:db8::1]:8787". */
#define CONF_PREFIX_TEXT 64
void conf_format_prefix(char text[CONF_PREFIX_TEXT],
			const struct wg_allowed_ip *ip);
#define CONF_ENDPOINT_TEXT (CONF_HOST_LEN + 16)
void conf_format_endpoint(char text[CONF_ENDPOINT_TEXT],
			  const struct conf_endpoint *endpoint);

#endif
