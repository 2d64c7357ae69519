// SPDX-License-Identifier: GPL-2.0-or-later
/* sluice hub add-spoke: keys, addresses and a port for one more spoke. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/file.h"
#include "base/number.h"
#include "cmd/hub.h"
#include "cmd/life.h"
#include "cmd/plan.h"
#include "cmd/qr.h"
#include "wg/json.h"

const struct cmd_option hub_add_options[] = {
	{"qr", 0, NULL, "show the configuration as a QR code"},
	{"svg", 0, "FILE", "write the QR code as a picture"},
	{"public-key", 0, "KEY", "the spoke keeps its private key to itself"},
	{"address", 0, "ADDRESS[,...]", "the spoke's (the next free one)"},
	{"allowed-ips", 0, "PREFIX[,...]",
	 "what the spoke sends to the hub (its networks)"},
	{"behind", 0, "PREFIX[,...]", "networks behind the spoke"},
	{"relay-port", 0, "PORT",
	 "the relay's port to meet on (the least used)"},
	LIFE_OPTIONS,
	{NULL},
};

struct spoke {
	struct site *site;
	const struct conf_peer *relay;
	struct conf_peer peer; /* as the hub's file has it */
	struct conf_addresses addresses; /* the spoke's own */
	struct conf_addresses allowed_ips; /* what it sends to the hub */
	struct wg_key private_key; /* zero: it keeps its own */
};

static int take_spoke_name(struct spoke *spoke, const char *name)
{
	const struct cmd_context *context = spoke->site->context;

	if (!name)
		return CMD_OK;
	if (!conf_is_name(name))
		return cmd_usage(
			context,
			"'%s' is no name: write letters, digits and . _ - + @",
			name);
	if (conf_find_name(&spoke->site->conf, name))
		return cmd_fail(
			"there is a spoke '%s' already: choose another name, or 'sluice hub remove-spoke %s' first",
			name, name);
	snprintf(spoke->peer.name, sizeof(spoke->peer.name), "%s", name);
	return CMD_OK;
}

static int take_spoke_key(struct spoke *spoke)
{
	const struct cmd_context *context = spoke->site->context;
	const char *text = cmd_option(context, "public-key");
	struct wg_key *key = &spoke->peer.public_key;
	int err;

	wg_key_generate_preshared(&spoke->peer.preshared_key);
	if (!text) {
		wg_key_generate_private(&spoke->private_key);
		wg_key_public(key, &spoke->private_key);
		return CMD_OK;
	}
	err = site_take_key(key, context, "--public-key", text);
	if (err)
		return err;
	if (wg_key_equal(key, &spoke->site->public_key))
		return cmd_fail(
			"--public-key is the hub's own: give the spoke's");
	if (conf_find_key(&spoke->site->conf, key))
		return cmd_fail(
			"a peer with that key is in %s already: 'sluice hub remove-spoke %s' first",
			spoke->site->path, text);
	return CMD_OK;
}

/* One of each of the hub's networks. */
static int choose_addresses(struct spoke *spoke,
			    const struct conf_addresses *used)
{
	const struct conf_addresses *subnets = &spoke->site->conf.addresses;
	struct wg_allowed_ip ip;
	int err = 0;

	for (size_t i = 0; !err && i < subnets->count; i++) {
		const struct wg_allowed_ip *subnet = &subnets->list[i];
		char text[CONF_PREFIX_TEXT];

		if (subnet->prefix == plan_host(subnet).prefix)
			continue;
		err = plan_address(&ip, subnet, used);
		conf_format_prefix(text, subnet);
		if (err == -ENOSPC)
			return cmd_fail(
				"%s is full: remove spokes that are gone, or give [Interface] a wider Address in %s",
				text, spoke->site->path);
		if (!err)
			err = conf_addresses_add(&spoke->addresses, &ip);
	}
	if (err)
		return cmd_fail("no memory");
	if (!spoke->addresses.count)
		return cmd_fail(
			"%s: [Interface] has no Address with a network for spokes, like " HUB_DEFAULT_ADDRESS,
			spoke->site->path);
	return CMD_OK;
}

/* Is one of these taken? The hub's default route takes nothing. */
static int check_addresses(const struct spoke *spoke, const char *option,
			   const struct conf_addresses *wanted,
			   const struct conf_addresses *used)
{
	char text[CONF_PREFIX_TEXT];

	for (size_t i = 0; i < wanted->count; i++)
		for (size_t j = 0; j < used->count; j++) {
			const struct wg_allowed_ip *want = &wanted->list[i];
			const struct wg_allowed_ip *have = &used->list[j];

			if (!have->prefix || (!plan_covers(have, want) &&
					      !plan_covers(want, have)))
				continue;
			conf_format_prefix(text, want);
			return cmd_fail(
				"--%s %s is taken: another peer in %s, or the hub itself, has it",
				option, text, spoke->site->path);
		}
	return CMD_OK;
}

static int take_spoke_addresses(struct spoke *spoke)
{
	const struct cmd_context *context = spoke->site->context;
	struct conf_addresses used = {0}, behind = {0};
	int err = plan_used(&used, &spoke->site->conf);

	if (err)
		err = cmd_fail("no memory");
	if (!err)
		err = site_take_addresses(&spoke->addresses, context,
					  "address");
	for (size_t i = 0; i < spoke->addresses.count; i++)
		spoke->addresses.list[i] = plan_host(&spoke->addresses.list[i]);
	if (!err)
		err = check_addresses(spoke, "address", &spoke->addresses,
				      &used);
	if (!err && !spoke->addresses.count)
		err = choose_addresses(spoke, &used);
	if (!err)
		err = site_take_addresses(&behind, context, "behind");
	if (!err)
		err = check_addresses(spoke, "behind", &behind, &used);
	for (size_t i = 0; !err && i < spoke->addresses.count; i++)
		if (conf_addresses_add(&spoke->peer.allowed_ips,
				       &spoke->addresses.list[i]))
			err = cmd_fail("no memory");
	for (size_t i = 0; !err && i < behind.count; i++) {
		behind.list[i] = plan_network(&behind.list[i]);
		if (conf_addresses_add(&spoke->peer.allowed_ips,
				       &behind.list[i]))
			err = cmd_fail("no memory");
	}
	conf_addresses_clear(&used);
	conf_addresses_clear(&behind);
	return err;
}

/* Without --allowed-ips: the hub's networks. */
static int take_allowed_ips(struct spoke *spoke)
{
	const struct conf_addresses *own = &spoke->site->conf.addresses;
	int err = site_take_addresses(&spoke->allowed_ips, spoke->site->context,
				      "allowed-ips");

	if (err || spoke->allowed_ips.count)
		return err;
	for (size_t i = 0; !err && i < own->count; i++) {
		struct wg_allowed_ip network = plan_network(&own->list[i]);

		err = conf_addresses_add(&spoke->allowed_ips, &network);
	}
	return err ? cmd_fail("no memory") : CMD_OK;
}

/* Both ends of a pair use one port of the relay, so that they meet on one. */
static int take_endpoint(struct spoke *spoke)
{
	const struct cmd_context *context = spoke->site->context;
	const char *text = cmd_option(context, "relay-port");
	const struct conf_peer *relay = spoke->relay;
	uint16_t first = relay->port_first, last = relay->port_last;
	uint16_t wanted, wanted_last;

	if (!relay->endpoint.port)
		return cmd_fail("%s:%u: the relay has no Endpoint: give it one",
				spoke->site->path, relay->line);
	if (!first)
		first = last = relay->endpoint.port;
	if (text && (number_parse_ports(&wanted, &wanted_last, text) ||
		     wanted != wanted_last || wanted < first || wanted > last))
		return cmd_usage(
			context,
			"--relay-port '%s': the relay listens on %u to %u",
			text, first, last);
	if (text)
		first = last = wanted;
	spoke->peer.endpoint = relay->endpoint;
	spoke->peer.endpoint.port = plan_port(&spoke->site->conf, first, last);
	return CMD_OK;
}

static int take_spoke(struct spoke *spoke, const char *name)
{
	int err;

	spoke->peer.role = CONF_SPOKE;
	spoke->peer.keepalive = SITE_KEEPALIVE;
	spoke->relay = conf_relay(&spoke->site->conf);
	if (!spoke->relay)
		return cmd_fail(
			"%s: no [Peer] is the relay: write '# sluice: relay' below the [Peer] that is",
			spoke->site->path);
	err = take_spoke_name(spoke, name);
	if (!err)
		err = take_spoke_key(spoke);
	if (!err)
		err = take_spoke_addresses(spoke);
	if (!err)
		err = take_allowed_ips(spoke);
	return err ? err : take_endpoint(spoke);
}

/* The file of the spoke: itself, the relay, the hub. */
static void spoke_config(struct text *text, const struct spoke *spoke)
{
	struct conf_peer relay = *spoke->relay, hub = spoke->peer;

	text_add(text, "[Interface]\n");
	if (wg_key_is_zero(&spoke->private_key))
		text_add(text, "# PrivateKey = the spoke's own\n");
	else
		site_add_key(text, "PrivateKey", &spoke->private_key);
	site_add_addresses(text, "Address", &spoke->addresses);
	relay.endpoint = spoke->peer.endpoint;
	relay.keepalive = SITE_KEEPALIVE;
	relay.port_first = relay.port_last = 0;
	relay.name[0] = '\0';
	text_add(text, "\n");
	site_add_peer(text, &relay);
	hub.role = CONF_HUB;
	hub.name[0] = '\0';
	hub.public_key = spoke->site->public_key;
	hub.allowed_ips = spoke->allowed_ips;
	text_add(text, "\n");
	site_add_peer(text, &hub);
	wg_key_wipe(&hub.preshared_key);
}

static int save_spoke(struct spoke *spoke)
{
	int err = site_append(spoke->site, &spoke->peer);

	/* The list of peers may have moved. */
	spoke->relay = conf_relay(&spoke->site->conf);
	return err;
}

static int write_picture(const struct spoke *spoke, const char *config)
{
	const char *path = cmd_option(spoke->site->context, "svg");
	struct text picture = {0};
	int err;

	if (!path)
		return CMD_OK;
	err = qr_svg(&picture, config);
	if (!err)
		err = file_replace(path, 0600, picture.bytes, picture.len);
	text_clear(&picture);
	return err ? cmd_fail("%s: the picture can not be written: %s", path,
			      strerror(-err))
		   : CMD_OK;
}

static int print_code(const char *config)
{
	struct text code = {0};
	int err = qr_terminal(&code, config);

	if (!err)
		fputs(code.bytes, stdout);
	text_clear(&code);
	return err ? cmd_fail(
			     "the configuration makes no QR code: %s",
			     err == -ERANGE ? "it is too long" : strerror(-err))
		   : CMD_OK;
}

static int print_spoke_json(const struct spoke *spoke, const char *config,
			    const struct published *published)
{
	const struct conf_peer *peer = &spoke->peer;

	return cmd_put_json(
		json_pack("{s:s*, s:o, s:o, s:o, s:s, s:o}", "name",
			  *peer->name ? peer->name : NULL, "public_key",
			  json_of_key(&peer->public_key), "addresses",
			  site_json_addresses(&spoke->addresses), "endpoint",
			  site_json_endpoint(&peer->endpoint), "config", config,
			  "published", publish_json(published)));
}

/* Standard output has the configuration and nothing else. */
static int print_spoke(const struct spoke *spoke, const char *config,
		       const struct published *published)
{
	const struct cmd_context *context = spoke->site->context;
	wg_key_text key;

	if (context->json)
		return print_spoke_json(spoke, config, published);
	wg_key_format(key, &spoke->peer.public_key);
	fprintf(stderr,
		"# The spoke's public key, for the relay's AllowedPublicKeys: %s\n",
		key);
	if (cmd_option(context, "qr"))
		return print_code(config);
	fputs(config, stdout);
	return CMD_OK;
}

/* The configuration is printed even if applying or publishing then fails: the
 * spoke is in the hub's file, and its key is nowhere else. */
static int finish_spoke(struct spoke *spoke)
{
	struct published published;
	struct text config = {0};
	bool done = false;
	int err, printed;

	spoke_config(&config, spoke);
	if (config.failed)
		return cmd_fail("no memory");
	err = write_picture(spoke, config.bytes);
	if (!err)
		err = save_spoke(spoke);
	if (!err) {
		err = life_follow(spoke->site, &published, &done);
		printed = print_spoke(spoke, config.bytes,
				      done ? &published : NULL);
		err = err ? err : printed;
	}
	text_clear(&config);
	return err;
}

int hub_add_spoke(struct cmd_context *context, int argc, char **argv)
{
	struct spoke spoke = {0};
	struct site site;
	int err = site_open(&site, context, true);

	spoke.site = &site;
	if (!err)
		err = take_spoke(&spoke, argc ? argv[0] : NULL);
	if (!err)
		err = finish_spoke(&spoke);
	conf_addresses_clear(&spoke.peer.allowed_ips);
	conf_addresses_clear(&spoke.addresses);
	conf_addresses_clear(&spoke.allowed_ips);
	sodium_memzero(&spoke, sizeof(spoke));
	site_close(&site);
	return err;
}
