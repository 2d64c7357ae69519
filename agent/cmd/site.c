// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/site.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/file.h"
#include "relay/settings.h"

const struct cmd_option site_options[] = {
	{"config", 'f', "FILE",
	 "the wg-quick file (" SLUICE_SYSCONFDIR "/sluice/GROUP.conf)"},
	{NULL},
};

const char *site_path(const struct cmd_context *context)
{
	const char *path = cmd_option(context, "config");

	if (path)
		return path;
	return strcmp(context->group->name, "hub")
		       ? SLUICE_SYSCONFDIR "/sluice/spoke.conf"
		       : SLUICE_SYSCONFDIR "/sluice/hub.conf";
}

/* ---- the file ---- */

/*
 * A lock on the folder: the file itself is replaced on every change, and a lock
 * file would stay behind. The descriptor, or -errno.
 */
static int lock_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd, err;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX)) {
		err = -errno;
		if (err == -EINTR)
			continue;
		close(fd);
		return err;
	}
	return fd;
}

/* wg-quick's rule: /etc/wireguard/wg0.conf is wg0. */
static int name_interface(struct site *site)
{
	char copy[PATH_MAX], *name, *suffix;

	if (*site->conf.interface) {
		memcpy(site->interface, site->conf.interface,
		       sizeof(site->interface));
		return CMD_OK;
	}
	snprintf(copy, sizeof(copy), "%s", site->path);
	name = basename(copy);
	suffix = strrchr(name, '.');
	if (suffix && !strcmp(suffix, ".conf"))
		*suffix = '\0';
	if (!conf_is_name(name) || strlen(name) >= IF_NAMESIZE)
		return cmd_fail(
			"%s: its name makes no interface name: write '# sluice: interface NAME' below [Interface]",
			site->path);
	snprintf(site->interface, sizeof(site->interface), "%.15s", name);
	return CMD_OK;
}

static int read_text(const struct site *site, char **text, size_t *len)
{
	int err = file_read_secret(site->path, SITE_FILE_MAX, text, len);

	if (err != -EPERM)
		return err;
	fprintf(stderr,
		"sluice: %s can be read by others: run 'chmod 600 %s', and change its keys if they are not trusted\n",
		site->path, site->path);
	return file_read(site->path, SITE_FILE_MAX, text, len);
}

static int explain_read(const struct site *site, int err)
{
	const char *group = site->context->group->name;

	if (err == -ENOENT)
		return cmd_fail(
			"%s is not there: make it with 'sluice %s init', or name another with -f FILE",
			site->path, group);
	if (err == -EACCES)
		return cmd_fail(
			"%s: no permission to read it: run this as root",
			site->path);
	return cmd_fail("%s: can not be read: %s", site->path, strerror(-err));
}

static int parse_text(struct site *site, const char *text, size_t len)
{
	struct ini_error error;
	int err = conf_parse(&site->conf, text, len, &error);

	if (err == -EINVAL)
		return cmd_fail("%s:%u:%u: %s", site->path, error.line,
				error.column, error.text);
	if (err)
		return cmd_fail("%s: %s", site->path, strerror(-err));
	if (wg_key_is_zero(&site->conf.private_key))
		return cmd_fail(
			"%s: [Interface] has no PrivateKey: add one ('sluice genkey' makes it)",
			site->path);
	wg_key_public(&site->public_key, &site->conf.private_key);
	return name_interface(site);
}

static uint64_t changed_ms(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return 1;
	return (uint64_t)st.st_mtim.tv_sec * 1000 +
	       (uint64_t)st.st_mtim.tv_nsec / 1000000;
}

int site_open(struct site *site, const struct cmd_context *context, bool change)
{
	char *text = NULL;
	size_t len = 0;
	int err;

	*site = (struct site){.context = context, .lock = -1};
	site->path = site_path(context);
	if (change) {
		site->lock = lock_folder(site->path);
		if (site->lock < 0)
			return explain_read(site, site->lock);
	}
	site->changed_ms = changed_ms(site->path);
	err = read_text(site, &text, &len);
	if (err)
		return explain_read(site, err);
	err = parse_text(site, text, len);
	sodium_memzero(text, len);
	free(text);
	return err;
}

int site_save(struct site *site)
{
	int err =
		file_replace(site->path, 0600, site->conf.text, site->conf.len);

	if (err)
		return cmd_fail("%s: can not be written: %s", site->path,
				strerror(-err));
	site->changed_ms = changed_ms(site->path);
	return CMD_OK;
}

int site_append(struct site *site, const struct conf_peer *peer)
{
	struct text block = {0};
	struct ini_error error = {0};
	int err;

	site_add_peer(&block, peer);
	err = block.failed ? -ENOMEM
			   : conf_append(&site->conf, block.bytes, block.len,
					 &error);
	text_clear(&block);
	if (err)
		return cmd_fail("%s: %s", site->path, strerror(-err));
	return site_save(site);
}

void site_close(struct site *site)
{
	if (site->lock >= 0)
		close(site->lock);
	site->lock = -1;
	conf_clear(&site->conf);
}

int site_create(const char *path, const struct text *text, bool force)
{
	char copy[PATH_MAX];
	int lock, err;

	if (text->failed)
		return cmd_fail("no memory");
	snprintf(copy, sizeof(copy), "%s", path);
	if (mkdir(dirname(copy), 0700) && errno != EEXIST)
		return cmd_fail("%s: its folder can not be made: %s", path,
				strerror(errno));
	lock = lock_folder(path);
	if (lock < 0)
		return cmd_fail("%s: %s", path, strerror(-lock));
	if (!force && !access(path, F_OK))
		err = -EEXIST;
	else
		err = file_replace(path, 0600, text->bytes, text->len);
	close(lock);
	if (err == -EEXIST)
		return cmd_fail(
			"%s is there already: its keys would be lost; --force replaces it",
			path);
	if (err)
		return cmd_fail("%s: can not be written: %s", path,
				strerror(-err));
	return CMD_OK;
}

/* ---- arguments ---- */

int site_take_key(struct wg_key *key, const struct cmd_context *context,
		  const char *what, const char *text)
{
	if (!wg_key_parse(key, text) && !wg_key_is_zero(key))
		return CMD_OK;
	return cmd_usage(
		context,
		"%s is no key: it has 44 base64 characters, as 'sluice pubkey' prints them",
		what);
}

int site_take_addresses(struct conf_addresses *addresses,
			const struct cmd_context *context, const char *option)
{
	const char *text = cmd_option(context, option);
	int err = text ? conf_parse_addresses(addresses, text) : 0;

	if (err == -EINVAL)
		return cmd_usage(
			context,
			"--%s '%s': write addresses like 10.120.0.1/16,fd00::1/64",
			option, text);
	return err ? cmd_fail("no memory") : CMD_OK;
}

/* Without a port it is the relay's usual one. */
int site_take_endpoint(struct conf_endpoint *endpoint,
		       const struct cmd_context *context, const char *option)
{
	const char *text = cmd_option(context, option);
	char with_port[CONF_ENDPOINT_TEXT];
	struct wg_allowed_ip ip;
	bool v6;

	if (!text || !conf_parse_endpoint(endpoint, text))
		return CMD_OK;
	v6 = !strchr(text, '/') && !conf_parse_prefix(&ip, text) &&
	     ip.family == AF_INET6;
	snprintf(with_port, sizeof(with_port), v6 ? "[%s]:%u" : "%s:%u", text,
		 RELAY_PORT_DEFAULT);
	if (!conf_parse_endpoint(endpoint, with_port))
		return CMD_OK;
	return cmd_usage(context,
			 "--%s '%s': write HOST, HOST:PORT or [IPV6]:PORT",
			 option, text);
}

/* ---- blocks ---- */

void site_add_key(struct text *text, const char *key,
		  const struct wg_key *value)
{
	wg_key_text encoded;

	wg_key_format(encoded, value);
	text_add(text, "%s = %s\n", key, encoded);
	sodium_memzero(encoded, sizeof(encoded));
}

void site_add_addresses(struct text *text, const char *key,
			const struct conf_addresses *addresses)
{
	char prefix[CONF_PREFIX_TEXT];

	if (!addresses->count)
		return;
	text_add(text, "%s = ", key);
	for (size_t i = 0; i < addresses->count; i++) {
		conf_format_prefix(prefix, &addresses->list[i]);
		text_add(text, "%s%s", i ? ", " : "", prefix);
	}
	text_add(text, "\n");
}

static void add_marker(struct text *text, const struct conf_peer *peer)
{
	static const char *const words[] = {
		[CONF_RELAY] = "relay",
		[CONF_SPOKE] = "spoke",
		[CONF_HUB] = "hub",
	};

	if (peer->role == CONF_PEER)
		return;
	text_add(text, "# sluice: %s%s%s\n", words[peer->role],
		 *peer->name ? " " : "", peer->name);
	if (peer->port_first != peer->port_last)
		text_add(text, "# sluice: relay-ports %u-%u\n",
			 peer->port_first, peer->port_last);
}

void site_add_peer(struct text *text, const struct conf_peer *peer)
{
	char endpoint[CONF_ENDPOINT_TEXT];

	text_add(text, "[Peer]\n");
	add_marker(text, peer);
	site_add_key(text, "PublicKey", &peer->public_key);
	if (!wg_key_is_zero(&peer->preshared_key))
		site_add_key(text, "PresharedKey", &peer->preshared_key);
	if (peer->endpoint.port) {
		conf_format_endpoint(endpoint, &peer->endpoint);
		text_add(text, "Endpoint = %s\n", endpoint);
	}
	site_add_addresses(text, "AllowedIPs", &peer->allowed_ips);
	if (peer->keepalive)
		text_add(text, "PersistentKeepalive = %u\n", peer->keepalive);
}

/* ---- JSON ---- */

json_t *site_json_addresses(const struct conf_addresses *addresses)
{
	json_t *list = json_array();
	char text[CONF_PREFIX_TEXT];

	for (size_t i = 0; i < addresses->count; i++) {
		conf_format_prefix(text, &addresses->list[i]);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

json_t *site_json_endpoint(const struct conf_endpoint *endpoint)
{
	char text[CONF_ENDPOINT_TEXT];

	if (!endpoint->port)
		return json_null();
	conf_format_endpoint(text, endpoint);
	return json_string(text);
}
