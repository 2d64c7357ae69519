// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include <sluice/abi.h>

#include "base/number.h"
#include "base/section.h"
#include "relay/allowed.h"
#include "wg/private_key.h"

#define STATE_FILE_DEFAULT "/var/lib/sluice/relay.json"
#define PEERS_DEFAULT 16384
#define SESSIONS_DEFAULT 262144
#define SESSIONS_MIN 16
#define SESSIONS_MAX (1U << 24)

struct parse {
	struct relay_settings settings;
	struct relay_allowed allowed;
};

#define AT(member) .at = offsetof(struct parse, member)
#define TEXT_AT(member) \
	AT(member), .size = sizeof(((struct parse *)NULL)->member)

/* ---- the keys ---- */

static int add_interface(struct section *section, const struct section_key *key,
			 const struct ini_item *item, struct ini_error *error)
{
	struct relay_settings *settings = section_place(section, key);
	char name[IF_NAMESIZE];
	int err = section_interface(name, item, error);

	if (err)
		return err;
	for (size_t i = 0; i < settings->interface_count; i++) {
		if (!strcmp(settings->interfaces[i], name))
			return ini_fail(error, "%s is named twice", name);
	}
	if (settings->interface_count == RELAY_INTERFACES_MAX)
		return ini_fail(error, "more than %d interfaces",
				RELAY_INTERFACES_MAX);
	strcpy(settings->interfaces[settings->interface_count++], name);
	return 0;
}

static int parse_interfaces(struct section *section,
			    const struct section_key *key,
			    const struct ini_item *item,
			    struct ini_error *error)
{
	return section_each(section, key, item, error, add_interface);
}

static int parse_listen_port(struct section *section,
			     const struct section_key *key,
			     const struct ini_item *item,
			     struct ini_error *error)
{
	struct relay_settings *settings = section_place(section, key);
	const char *text = item->value;
	uint16_t min, max;
	int err = number_parse_ports(&min, &max, text);

	if (err == -ERANGE)
		return ini_fail(
			error, "the range ends before it begins: write %s-%.*s",
			strchr(text, '-') + 1, (int)strcspn(text, "-"), text);
	if (err)
		return ini_fail(
			error,
			"%s is a port, 1 to 65535, or a range such as 8787-8794",
			key->name);
	if (max - min >= RELAY_PORTS_MAX)
		return ini_fail(error, "%d ports: at most %d", max - min + 1,
				RELAY_PORTS_MAX);
	settings->port_min = min;
	settings->port_max = max;
	return 0;
}

enum key_id {
	KEY_PRIVATE_KEY,
	KEY_PRIVATE_KEY_FILE,
	KEY_INTERFACE,
	KEY_LISTEN_PORT,
	KEY_ALLOWED,
	KEY_REQUIRE_MUTUAL,
	KEY_XDP_MODE,
	KEY_MAX_PEERS,
	KEY_MAX_SESSIONS,
	KEY_STATE_FILE,
	KEY_METRICS_LISTEN,
	KEY_WGX_COMPAT,
	KEY_LOG_LEVEL,
	KEY_COUNT,
};

static const char *const xdp_modes[] = {
	[RELAY_XDP_NATIVE] = "native",
	[RELAY_XDP_GENERIC] = "generic",
	[RELAY_XDP_AUTO] = "auto",
	NULL,
};

static const struct section_key keys[KEY_COUNT] = {
	[KEY_PRIVATE_KEY] = {"PrivateKey", wg_private_key_parse,
			     AT(settings.private_key)},
	[KEY_PRIVATE_KEY_FILE] = {"PrivateKeyFile", wg_private_key_parse_file,
				  AT(settings.private_key)},
	[KEY_INTERFACE] = {"Interface", parse_interfaces, .repeats = true,
			   AT(settings)},
	[KEY_LISTEN_PORT] = {"ListenPort", parse_listen_port, AT(settings)},
	[KEY_ALLOWED] = {"AllowedPublicKeys", relay_allowed_parse,
			 .repeats = true, .may_be_empty = true, AT(allowed)},
	[KEY_REQUIRE_MUTUAL] = {"RequireMutual", section_bool,
				AT(settings.require_mutual)},
	[KEY_XDP_MODE] = {"XdpMode", section_word, AT(settings.xdp_mode),
			  .words = xdp_modes},
	[KEY_MAX_PEERS] = {"MaxPeers", section_number, AT(settings.max_peers),
			   .min = 1, .max = RELAY_LEG_MAX},
	[KEY_MAX_SESSIONS] = {"MaxSessions", section_number,
			      AT(settings.max_sessions), .min = SESSIONS_MIN,
			      .max = SESSIONS_MAX},
	[KEY_STATE_FILE] = {"StateFile", section_file,
			    TEXT_AT(settings.state_file)},
	[KEY_METRICS_LISTEN] = {"MetricsListen", section_endpoint,
				TEXT_AT(settings.metrics_listen)},
	[KEY_WGX_COMPAT] = {"WgxCompat", section_bool, AT(settings.wgx_compat)},
	[KEY_LOG_LEVEL] = {"LogLevel", section_word, AT(settings.log_level),
			   .words = log_level_names},
};

/* ---- the section ---- */

/* What one line alone can not show. */
static int finish(struct parse *parse, const struct section *section,
		  struct ini_error *error)
{
	int err = wg_private_key_check(section, &keys[KEY_PRIVATE_KEY],
				       &keys[KEY_PRIVATE_KEY_FILE], "relay",
				       error);

	if (err)
		return err;
	if (!parse->settings.interface_count)
		return section_fail(
			section, error,
			"Interface is missing: the device that packets come in by");
	return relay_allowed_finish(&parse->settings, &parse->allowed, section,
				    error);
}

static void set_defaults(struct relay_settings *settings)
{
	*settings = (struct relay_settings){
		.port_min = RELAY_PORT_DEFAULT,
		.port_max = RELAY_PORT_DEFAULT,
		.xdp_mode = RELAY_XDP_NATIVE,
		.max_peers = PEERS_DEFAULT,
		.max_sessions = SESSIONS_DEFAULT,
		.state_file = STATE_FILE_DEFAULT,
		.log_level = LOG_LEVEL_INFO,
	};
}

int relay_settings_parse(struct relay_settings *settings, const char *path,
			 const char *text, size_t len, struct ini_error *error)
{
	/* It holds the private key for a while: locked, and wiped when freed. */
	struct parse *parse =
		sodium_init() < 0 ? NULL : sodium_malloc(sizeof(*parse));
	struct section section = {
		.name = "Relay",
		.keys = keys,
		.key_count = KEY_COUNT,
		.path = path,
		.settings = parse,
	};
	int err;

	*error = (struct ini_error){.line = 1, .column = 1};
	if (!parse)
		return ini_fail(error, "out of memory");
	memset(parse, 0, sizeof(*parse));
	set_defaults(&parse->settings);
	err = section_parse(&section, text, len, error);
	if (!err)
		err = finish(parse, &section, error);
	relay_allowed_clear(&parse->allowed);
	if (err) {
		relay_settings_clear(&parse->settings);
	} else {
		*error = (struct ini_error){0};
		*settings = parse->settings;
	}
	sodium_free(parse);
	return err;
}

void relay_settings_clear(struct relay_settings *settings)
{
	free(settings->allowed);
	sodium_memzero(settings, sizeof(*settings));
}
