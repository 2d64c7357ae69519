// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/init.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/file.h"
#include "base/number.h"
#include "cmd/plan.h"

/* ---- the options ---- */

static int take_relay_file(struct conf_peer *relay, const char *path)
{
	struct ini_error error;
	struct conf conf = {0};
	char *text;
	size_t len;
	int err = file_read(strcmp(path, "-") ? path : "/dev/stdin", 1 << 16,
			    &text, &len);

	if (err)
		return cmd_fail("%s: can not be read: %s", path,
				strerror(-err));
	err = conf_parse(&conf, text, len, &error);
	sodium_memzero(text, len);
	free(text);
	if (err == -EINVAL)
		return cmd_fail("%s:%u:%u: %s", path, error.line, error.column,
				error.text);
	if (err)
		return cmd_fail("%s: %s", path, strerror(-err));
	if (conf.peer_count == 1) {
		*relay = conf.peers[0];
		relay->allowed_ips = (struct conf_addresses){0};
	} else {
		err = cmd_fail(
			"%s has %zu [Peer] sections: it should have the one that 'sluice relay export' prints on the relay",
			path, conf.peer_count);
	}
	conf_clear(&conf);
	return err;
}

static int take_relay_key(struct conf_peer *relay,
			  const struct cmd_context *context)
{
	const char *key = cmd_option(context, "relay-key");

	if (!key)
		return CMD_OK;
	return site_take_key(&relay->public_key, context, "--relay-key", key);
}

static int take_relay_ports(struct conf_peer *relay,
			    const struct cmd_context *context)
{
	const char *ports = cmd_option(context, "relay-ports");

	if (!ports ||
	    !number_parse_ports(&relay->port_first, &relay->port_last, ports))
		return CMD_OK;
	return cmd_usage(
		context,
		"--relay-ports '%s': write FIRST-LAST, as the relay's ListenPort has it",
		ports);
}

static int take_relay(struct conf_peer *relay,
		      const struct cmd_context *context)
{
	const char *path = cmd_option(context, "relay-file");
	int err = path ? take_relay_file(relay, path) : CMD_OK;

	if (!err)
		err = site_take_endpoint(&relay->endpoint, context, "relay");
	if (!err)
		err = take_relay_key(relay, context);
	if (!err)
		err = take_relay_ports(relay, context);
	if (err)
		return err;
	if (!relay->endpoint.port)
		return cmd_usage(
			context,
			"where is the relay? Give --relay HOST:PORT, or --relay-file with an Endpoint in it");
	if (wg_key_is_zero(&relay->public_key))
		return cmd_usage(
			context,
			"which key has the relay? Give --relay-key KEY, or --relay-file with what 'sluice relay export' printed there");
	relay->role = CONF_RELAY;
	relay->name[0] = '\0';
	relay->keepalive = SITE_KEEPALIVE;
	return CMD_OK;
}

static int take_interface(const char **name, const struct cmd_context *context)
{
	const char *given = cmd_option(context, "interface");

	*name = given ? given : "sluice0";
	if (conf_is_name(*name) && strlen(*name) < IF_NAMESIZE)
		return CMD_OK;
	return cmd_usage(
		context,
		"--interface '%s': a name of at most 15 letters, digits, . _ and -",
		*name);
}

static int take_relay_addresses(struct init *init)
{
	struct conf_addresses *relay = &init->relay.allowed_ips;
	int err = site_take_addresses(relay, init->context, "relay-address");

	for (size_t i = 0; !err && i < relay->count; i++)
		relay->list[i] = plan_host(&relay->list[i]);
	return err;
}

int init_take(struct init *init)
{
	int err = take_relay(&init->relay, init->context);

	if (!err)
		err = site_take_addresses(&init->addresses, init->context,
					  "address");
	if (!err)
		err = take_relay_addresses(init);
	if (!err)
		err = take_interface(&init->interface, init->context);
	return err;
}

/* ---- the file ---- */

static int write_file(const struct init *init)
{
	bool force = cmd_option(init->context, "force");
	struct text text = {0};
	int err;

	text_add(&text,
		 "# A Sluice %s. wg-quick(8) can use this file too.\n"
		 "[Interface]\n# sluice: interface %s\n",
		 init->context->group->name, init->interface);
	site_add_key(&text, "PrivateKey", &init->private_key);
	site_add_addresses(&text, "Address", &init->addresses);
	if (init->listen_port)
		text_add(&text, "ListenPort = %u\n", init->listen_port);
	text_add(&text, "\n");
	site_add_peer(&text, &init->relay);
	err = site_create(site_path(init->context), &text, force);
	text_clear(&text);
	return err;
}

static int report(const struct init *init, const char *next)
{
	const char *path = site_path(init->context);
	wg_key_text key;

	wg_key_format(key, &init->public_key);
	if (!init->context->json) {
		printf("%s is written. The %s's public key:\n\n    %s\n\nNext:\n%s",
		       path, init->context->group->name, key, next);
		return CMD_OK;
	}
	return cmd_put_json(json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:o}", "file", path, "interface",
		init->interface, "public_key", key, "addresses",
		site_json_addresses(&init->addresses), "relay_endpoint",
		site_json_endpoint(&init->relay.endpoint), "relay_addresses",
		site_json_addresses(&init->relay.allowed_ips)));
}

int init_finish(struct init *init, const char *next)
{
	int err;

	wg_key_generate_private(&init->private_key);
	wg_key_public(&init->public_key, &init->private_key);
	err = write_file(init);
	return err ? err : report(init, next);
}

void init_clear(struct init *init)
{
	conf_addresses_clear(&init->addresses);
	conf_addresses_clear(&init->relay.allowed_ips);
	wg_key_wipe(&init->private_key);
}
