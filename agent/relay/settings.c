// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/settings.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <sodium.h>

#include <sluice/abi.h>

#include "base/address.h"
#include "base/file.h"

#define SECTION "Relay"
#define STATE_FILE_DEFAULT "/var/lib/sluice/relay.json"
#define PEERS_DEFAULT 16384
#define SESSIONS_DEFAULT 262144
#define SESSIONS_MIN 16
#define SESSIONS_MAX (1U << 24)
#define KEY_FILE_MAX 4096
/* 45 bytes a key: two million of them. */
#define LIST_FILE_MAX (96U << 20)

/* An allowed key and where it stands, for messages about it. */
struct allowed {
	struct wg_key key;
	unsigned int line, column;
};

struct parse {
	struct relay_settings settings;
	const char *path;
	bool seen_section;
	unsigned int seen; /* bits of `keys` */
	unsigned int section_line;
	struct allowed *allowed;
	size_t allowed_count, allowed_size;
};

struct key {
	const char *name;
	int (*parse)(struct parse *parse, const struct ini_item *item,
		     struct ini_error *error);
	bool repeats;
	bool may_be_empty;
};

__attribute__((format(printf, 2, 3))) static int fail(struct ini_error *error,
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EINVAL;
}

/* ---- values ---- */

static int parse_bool(bool *value, const struct ini_item *item,
		      struct ini_error *error)
{
	if (strcmp(item->value, "yes") && strcmp(item->value, "no"))
		return fail(error, "%s is yes or no, not '%.40s'", item->key,
			    item->value);
	*value = !strcmp(item->value, "yes");
	return 0;
}

static int parse_number(uint32_t *value, const char *text, uint32_t min,
			uint32_t max)
{
	uint64_t number = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		number = number * 10 + (uint64_t)(*text - '0');
		if (number > max)
			return -ERANGE;
	}
	if (number < min)
		return -ERANGE;
	*value = (uint32_t)number;
	return 0;
}

/* A file named in the configuration lies relative to the configuration. */
static int resolve(char *out, size_t size, const struct parse *parse,
		   const char *name)
{
	char folder[PATH_MAX];
	int len;

	if (*name == '/') {
		len = snprintf(out, size, "%s", name);
	} else {
		snprintf(folder, sizeof(folder), "%s", parse->path);
		len = snprintf(out, size, "%s/%s", dirname(folder), name);
	}
	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

/* Calls fn for each piece of a comma-separated list. item's column moves with
 * it, so that a message points at the piece. */
static int each_piece(struct parse *parse, const struct ini_item *item,
		      struct ini_error *error,
		      int (*fn)(struct parse *, const struct ini_item *,
				struct ini_error *))
{
	const char *at = item->value;

	for (;;) {
		const char *comma = strchrnul(at, ',');
		struct ini_item piece = *item;
		char text[4096];
		size_t len;
		int err;

		at += strspn(at, " \t");
		len = at < comma ? (size_t)(comma - at) : 0;
		while (len && (at[len - 1] == ' ' || at[len - 1] == '\t'))
			len--;
		memcpy(text, at, len);
		text[len] = '\0';
		piece.value = text;
		piece.value_column =
			item->value_column + (unsigned int)(at - item->value);
		error->line = piece.line;
		error->column = piece.value_column;
		err = len ? fn(parse, &piece, error)
			  : fail(error,
				 "nothing stands before or after a comma");
		if (err)
			return err;
		error->line = 0;
		if (!*comma)
			return 0;
		at = comma + 1;
	}
}

/* ---- the keys ---- */

static int parse_private_key(struct parse *parse, const struct ini_item *item,
			     struct ini_error *error)
{
	struct stat st;

	if (!stat(parse->path, &st) && (st.st_mode & (S_IRWXG | S_IRWXO)))
		return fail(
			error,
			"this file holds a private key and others can read it: "
			"chmod 600 it, or use PrivateKeyFile");
	if (wg_key_parse(&parse->settings.private_key, item->value) ||
	    wg_key_is_zero(&parse->settings.private_key))
		return fail(
			error,
			"PrivateKey is the 44 characters that `sluice genkey` prints");
	return 0;
}

static int key_from_file(struct wg_key *key, char *text)
{
	text[strcspn(text, "\r\n")] = '\0';
	if (wg_key_parse(key, text) || wg_key_is_zero(key))
		return -EBADMSG;
	return 0;
}

static int parse_private_key_file(struct parse *parse,
				  const struct ini_item *item,
				  struct ini_error *error)
{
	char path[PATH_MAX], *text = NULL;
	size_t len = 0;
	int err = resolve(path, sizeof(path), parse, item->value);

	if (!err)
		err = file_read_secret(path, KEY_FILE_MAX, &text, &len);
	if (!err) {
		err = key_from_file(&parse->settings.private_key, text);
		sodium_memzero(text, len);
		free(text);
	}
	switch (err) {
	case 0:
		return 0;
	case -EPERM:
		return fail(
			error,
			"%.80s can be read by others: chmod 600 it and make a new key",
			path);
	case -EINVAL:
		return fail(error, "%.80s is no regular file", path);
	case -EBADMSG:
	case -EFBIG:
		return fail(
			error,
			"%.80s does not hold a key as `sluice genkey` prints it",
			path);
	case -ENOENT:
		return fail(
			error,
			"%.60s does not exist: umask 077; sluice genkey > it",
			path);
	default:
		return fail(error, "can not read %.80s: %s", path,
			    strerror(-err));
	}
}

static int add_interface(struct parse *parse, const struct ini_item *item,
			 struct ini_error *error)
{
	struct relay_settings *settings = &parse->settings;
	const char *name = item->value;

	/* dev_valid_name() of the kernel */
	if (strlen(name) >= IF_NAMESIZE || strpbrk(name, "/: \t") ||
	    !strcmp(name, ".") || !strcmp(name, ".."))
		return fail(error,
			    "'%.40s' is no interface name (see `ip link`)",
			    name);
	for (size_t i = 0; i < settings->interface_count; i++) {
		if (!strcmp(settings->interfaces[i], name))
			return fail(error, "%s is named twice", name);
	}
	if (settings->interface_count == RELAY_INTERFACES_MAX)
		return fail(error, "more than %d interfaces",
			    RELAY_INTERFACES_MAX);
	strcpy(settings->interfaces[settings->interface_count++], name);
	return 0;
}

static int parse_interface(struct parse *parse, const struct ini_item *item,
			   struct ini_error *error)
{
	return each_piece(parse, item, error, add_interface);
}

static int parse_listen_port(struct parse *parse, const struct ini_item *item,
			     struct ini_error *error)
{
	char first[8];
	const char *dash = strchr(item->value, '-');
	size_t len = dash ? (size_t)(dash - item->value) : strlen(item->value);
	uint32_t min, max;

	if (len >= sizeof(first))
		goto bad;
	memcpy(first, item->value, len);
	first[len] = '\0';
	if (parse_number(&min, first, 1, 65535))
		goto bad;
	max = min;
	if (dash && parse_number(&max, dash + 1, 1, 65535))
		goto bad;
	if (max < min)
		return fail(error,
			    "the range ends before it begins: write %u-%u", max,
			    min);
	if (max - min >= RELAY_PORTS_MAX)
		return fail(error, "%u ports: at most %d", max - min + 1,
			    RELAY_PORTS_MAX);
	parse->settings.port_min = (uint16_t)min;
	parse->settings.port_max = (uint16_t)max;
	return 0;
bad:
	return fail(
		error,
		"ListenPort is a port, 1 to 65535, or a range such as 8787-8794");
}

static int push_allowed(struct parse *parse, const struct wg_key *key,
			const struct ini_item *item)
{
	if (parse->allowed_count == parse->allowed_size) {
		size_t size =
			parse->allowed_size ? parse->allowed_size * 2 : 16;
		struct allowed *grown =
			realloc(parse->allowed, size * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		parse->allowed = grown;
		parse->allowed_size = size;
	}
	parse->allowed[parse->allowed_count++] = (struct allowed){
		.key = *key,
		.line = item->line,
		.column = item->value_column,
	};
	return 0;
}

/* One key a line; blank lines and # comments. */
static int add_listed(struct parse *parse, const struct ini_item *item,
		      const char *path, char *text, struct ini_error *error)
{
	unsigned int number = 0;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		struct wg_key key;
		size_t len;

		number++;
		line[strcspn(line, "#\r")] = '\0';
		line += strspn(line, " \t");
		len = strlen(line);
		while (len && (line[len - 1] == ' ' || line[len - 1] == '\t'))
			line[--len] = '\0';
		if (!len)
			continue;
		if (wg_key_parse(&key, line))
			return fail(
				error,
				"%.70s:%u: not a public key (44 characters of base64)",
				path, number);
		if (push_allowed(parse, &key, item))
			return fail(error, "out of memory");
	}
	return 0;
}

static int add_list_file(struct parse *parse, const struct ini_item *item,
			 struct ini_error *error)
{
	char path[PATH_MAX], *text = NULL;
	size_t len;
	int err = resolve(path, sizeof(path), parse, item->value + 1);

	if (!err)
		err = file_read(path, LIST_FILE_MAX, &text, &len);
	if (err)
		return fail(error, "can not read %.80s: %s", path,
			    strerror(-err));
	err = add_listed(parse, item, path, text, error);
	free(text);
	return err;
}

static int add_allowed(struct parse *parse, const struct ini_item *item,
		       struct ini_error *error)
{
	struct wg_key key;

	if (*item->value == '@')
		return add_list_file(parse, item, error);
	if (!strcmp(item->value, "all")) {
		parse->settings.allow_all = true;
		return 0;
	}
	if (wg_key_parse(&key, item->value))
		return fail(
			error,
			"'%.44s' is not a public key: write all, keys of 44 characters, "
			"or @file",
			item->value);
	return push_allowed(parse, &key, item) ? fail(error, "out of memory")
					       : 0;
}

static int parse_allowed(struct parse *parse, const struct ini_item *item,
			 struct ini_error *error)
{
	return *item->value ? each_piece(parse, item, error, add_allowed) : 0;
}

static int parse_require_mutual(struct parse *parse,
				const struct ini_item *item,
				struct ini_error *error)
{
	return parse_bool(&parse->settings.require_mutual, item, error);
}

static int parse_xdp_mode(struct parse *parse, const struct ini_item *item,
			  struct ini_error *error)
{
	static const char *const names[] = {
		[RELAY_XDP_NATIVE] = "native",
		[RELAY_XDP_GENERIC] = "generic",
		[RELAY_XDP_AUTO] = "auto",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(item->value, names[i])) {
			parse->settings.xdp_mode = (enum relay_xdp_mode)i;
			return 0;
		}
	}
	return fail(error, "XdpMode is native, generic or auto, not '%.40s'",
		    item->value);
}

static int parse_max_peers(struct parse *parse, const struct ini_item *item,
			   struct ini_error *error)
{
	if (parse_number(&parse->settings.max_peers, item->value, 1,
			 RELAY_LEG_MAX))
		return fail(error, "MaxPeers is a number from 1 to %d",
			    RELAY_LEG_MAX);
	return 0;
}

static int parse_max_sessions(struct parse *parse, const struct ini_item *item,
			      struct ini_error *error)
{
	if (parse_number(&parse->settings.max_sessions, item->value,
			 SESSIONS_MIN, SESSIONS_MAX))
		return fail(error, "MaxSessions is a number from %d to %u",
			    SESSIONS_MIN, SESSIONS_MAX);
	return 0;
}

static int parse_state_file(struct parse *parse, const struct ini_item *item,
			    struct ini_error *error)
{
	struct relay_settings *settings = &parse->settings;

	if (resolve(settings->state_file, sizeof(settings->state_file), parse,
		    item->value))
		return fail(error, "the path is too long");
	return 0;
}

static int parse_metrics_listen(struct parse *parse,
				const struct ini_item *item,
				struct ini_error *error)
{
	struct relay_settings *settings = &parse->settings;
	uint8_t addr[16];
	uint16_t port;

	if (address_parse_endpoint(addr, &port, item->value))
		return fail(
			error,
			"MetricsListen is address:port, as 127.0.0.1:9586 or [::1]:9586");
	snprintf(settings->metrics_listen, sizeof(settings->metrics_listen),
		 "%s", item->value);
	return 0;
}

static int parse_wgx_compat(struct parse *parse, const struct ini_item *item,
			    struct ini_error *error)
{
	return parse_bool(&parse->settings.wgx_compat, item, error);
}

static int parse_log_level(struct parse *parse, const struct ini_item *item,
			   struct ini_error *error)
{
	if (log_level_parse(&parse->settings.log_level, item->value))
		return fail(
			error,
			"LogLevel is error, warn, info or debug, not '%.40s'",
			item->value);
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

static const struct key keys[KEY_COUNT] = {
	[KEY_PRIVATE_KEY] = {"PrivateKey", parse_private_key},
	[KEY_PRIVATE_KEY_FILE] = {"PrivateKeyFile", parse_private_key_file},
	[KEY_INTERFACE] = {"Interface", parse_interface, .repeats = true},
	[KEY_LISTEN_PORT] = {"ListenPort", parse_listen_port},
	[KEY_ALLOWED] = {"AllowedPublicKeys", parse_allowed, .repeats = true,
			 .may_be_empty = true},
	[KEY_REQUIRE_MUTUAL] = {"RequireMutual", parse_require_mutual},
	[KEY_XDP_MODE] = {"XdpMode", parse_xdp_mode},
	[KEY_MAX_PEERS] = {"MaxPeers", parse_max_peers},
	[KEY_MAX_SESSIONS] = {"MaxSessions", parse_max_sessions},
	[KEY_STATE_FILE] = {"StateFile", parse_state_file},
	[KEY_METRICS_LISTEN] = {"MetricsListen", parse_metrics_listen},
	[KEY_WGX_COMPAT] = {"WgxCompat", parse_wgx_compat},
	[KEY_LOG_LEVEL] = {"LogLevel", parse_log_level},
};

/* ---- the file ---- */

static int at_key(struct ini_error *error, const struct ini_item *item)
{
	error->line = item->line;
	error->column = item->column;
	return -EINVAL;
}

static int unknown_key(const struct ini_item *item, struct ini_error *error)
{
	const char *names[KEY_COUNT], *nearest;

	for (int i = 0; i < KEY_COUNT; i++)
		names[i] = keys[i].name;
	nearest = ini_nearest(item->key, names, KEY_COUNT);
	if (nearest)
		fail(error, "unknown key '%.40s': did you mean %s?", item->key,
		     nearest);
	else
		fail(error,
		     "unknown key '%.40s' (sluice.conf(5) lists what [Relay] knows)",
		     item->key);
	return at_key(error, item);
}

static int header(struct parse *parse, const struct ini_item *item,
		  struct ini_error *error)
{
	if (parse->seen_section) {
		fail(error, "a second [" SECTION "]: the first is in line %u",
		     parse->section_line);
		return at_key(error, item);
	}
	parse->seen_section = true;
	parse->section_line = item->line;
	return 0;
}

static int on_item(void *ctx, const struct ini_item *item,
		   struct ini_error *error)
{
	struct parse *parse = ctx;

	if (!item->section) {
		fail(error, "'%.40s' stands before the first [Section]",
		     item->key);
		return at_key(error, item);
	}
	if (strcasecmp(item->section, SECTION))
		return 0; /* another role's */
	if (!item->key)
		return header(parse, item, error);
	for (unsigned int i = 0; i < KEY_COUNT; i++) {
		if (strcasecmp(item->key, keys[i].name))
			continue;
		if ((parse->seen & 1U << i) && !keys[i].repeats) {
			fail(error, "%s is given twice", keys[i].name);
			return at_key(error, item);
		}
		parse->seen |= 1U << i;
		if (!*item->value && !keys[i].may_be_empty)
			return fail(error, "%s has no value", keys[i].name);
		return keys[i].parse(parse, item, error);
	}
	return unknown_key(item, error);
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wg_key)); /* it is the first member */
}

static int finish_allowed(struct parse *parse, struct ini_error *error)
{
	struct relay_settings *settings = &parse->settings;
	struct wg_key own;

	if (wg_key_public(&own, &settings->private_key))
		return fail(error,
			    "the private key is not usable: make a new one");
	for (size_t i = 0; i < parse->allowed_count; i++) {
		if (!wg_key_equal(&own, &parse->allowed[i].key))
			continue;
		error->line = parse->allowed[i].line;
		error->column = parse->allowed[i].column;
		return fail(
			error,
			"the relay's own public key: only peers stand here");
	}
	if (!parse->allowed_count)
		return 0;
	qsort(parse->allowed, parse->allowed_count, sizeof(*parse->allowed),
	      compare_keys);
	settings->allowed = calloc(parse->allowed_count, sizeof(struct wg_key));
	if (!settings->allowed)
		return fail(error, "out of memory");
	for (size_t i = 0; i < parse->allowed_count; i++) {
		const struct wg_key *key = &parse->allowed[i].key;
		size_t have = settings->allowed_count;

		if (!have || compare_keys(&settings->allowed[have - 1], key))
			settings->allowed[settings->allowed_count++] = *key;
	}
	return 0;
}

/* What one line alone can not show. */
static int finish(struct parse *parse, struct ini_error *error)
{
	bool inside = parse->seen & 1U << KEY_PRIVATE_KEY;
	bool file = parse->seen & 1U << KEY_PRIVATE_KEY_FILE;

	error->line = parse->section_line ? parse->section_line : 1;
	error->column = 1;
	if (!parse->seen_section)
		return fail(error, "there is no [" SECTION "] section");
	if (inside && file)
		return fail(error,
			    "PrivateKey and PrivateKeyFile: only one of them");
	if (!inside && !file)
		return fail(error,
			    "PrivateKeyFile is missing: the relay needs a key");
	if (!parse->settings.interface_count)
		return fail(
			error,
			"Interface is missing: the device that packets come in by");
	if (parse->settings.allow_all && parse->allowed_count)
		return fail(error,
			    "AllowedPublicKeys: either all or a list of keys");
	return finish_allowed(parse, error);
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
	int err;

	*error = (struct ini_error){.line = 1, .column = 1};
	if (!parse)
		return fail(error, "out of memory");
	memset(parse, 0, sizeof(*parse));
	parse->path = path;
	set_defaults(&parse->settings);
	err = ini_parse(text, len, on_item, parse, error);
	if (!err)
		err = finish(parse, error);
	free(parse->allowed);
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

bool relay_settings_allow(const struct relay_settings *settings,
			  const struct wg_key *key)
{
	return settings->allow_all ||
	       (settings->allowed_count &&
		bsearch(key, settings->allowed, settings->allowed_count,
			sizeof(*key), compare_keys));
}
