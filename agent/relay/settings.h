/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The [Relay] section of sluice.conf, parsed and checked: plain data. */
#ifndef SLUICE_RELAY_SETTINGS_H
#define SLUICE_RELAY_SETTINGS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ini.h"
#include "base/log.h"
#include "wg/key.h"

#define RELAY_PORT_DEFAULT 8787
#define RELAY_PORTS_MAX 64
#define RELAY_INTERFACES_MAX 16

enum relay_xdp_mode { RELAY_XDP_NATIVE, RELAY_XDP_GENERIC, RELAY_XDP_AUTO };

struct relay_settings {
	struct wg_key private_key; /* PrivateKey or PrivateKeyFile */
	char interfaces[RELAY_INTERFACES_MAX]
		       [IF_NAMESIZE]; /* Interface = a, b */
	size_t interface_count;
	uint16_t port_min, port_max; /* ListenPort = 8787 or 8787-8794 */
	bool allow_all; /* AllowedPublicKeys = all */
	struct wg_key *allowed; /* sorted bytewise, no duplicates; owned */
	size_t allowed_count; /* 0 and !allow_all: nobody */
	bool require_mutual; /* RequireMutual, no */
	enum relay_xdp_mode xdp_mode; /* XdpMode, native */
	uint32_t max_peers; /* MaxPeers, 16384 */
	uint32_t max_sessions; /* MaxSessions: receiver indices, 262144 */
	char state_file[4096]; /* StateFile, /var/lib/sluice/relay.json */
	char metrics_listen[64]; /* MetricsListen = address:port; "": none */
	bool wgx_compat; /* WgxCompat, no */
	enum log_level log_level; /* LogLevel, info */
};

/*
 * Parses text (the content of `path`, which names files relative to it and
 * stands in messages). Reads the files it names: PrivateKeyFile, which must not
 * be readable by group or others, and @file of AllowedPublicKeys. 0, or -errno
 * with *error filled and *settings untouched.
 */
int relay_settings_parse(struct relay_settings *settings, const char *path,
			 const char *text, size_t len, struct ini_error *error);
void relay_settings_clear(struct relay_settings *settings); /* wipes, frees */

/* True if the key may use the relay at all. */
bool relay_settings_allow(const struct relay_settings *settings,
			  const struct wg_key *key);

#endif
