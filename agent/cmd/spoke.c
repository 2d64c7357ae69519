// SPDX-License-Identifier: GPL-2.0-or-later
/* sluice spoke: a host that reaches hubs through the relay. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/file.h"
#include "cmd/init.h"
#include "cmd/life.h"
#include "cmd/plan.h"
#include "wg/json.h"

/* ---- init ---- */

/* Without --relay-address: the second host of the spoke's network, where `hub
 * init` puts it behind the hub. */
static int choose_relay_addresses(struct init *init)
{
	struct conf_addresses *relay = &init->relay.allowed_ips;
	int err = 0;

	if (relay->count)
		return CMD_OK;
	for (size_t i = 0; !err && i < init->addresses.count; i++) {
		const struct wg_allowed_ip *own = &init->addresses.list[i];
		struct conf_addresses first = {0};
		struct wg_allowed_ip ip;

		if (own->prefix == plan_host(own).prefix)
			continue;
		err = plan_address(&ip, own, &first);
		if (!err)
			err = conf_addresses_add(&first, &ip);
		if (!err)
			err = plan_address(&ip, own, &first);
		if (!err)
			err = conf_addresses_add(relay, &ip);
		conf_addresses_clear(&first);
	}
	if (err)
		return cmd_fail("no address for the relay: %s", strerror(-err));
	if (!relay->count)
		return cmd_usage(
			init->context,
			"where does the relay answer inside the tunnel? Give --relay-address, or --address with its network's length, like 10.120.0.7/16");
	return CMD_OK;
}

static int spoke_init(struct cmd_context *context, int argc, char **argv)
{
	struct init init = {.context = context};
	int err = init_take(&init);

	(void)argc, (void)argv;
	if (!err && !init.addresses.count)
		err = cmd_usage(
			context,
			"which address has the spoke? Give --address, like 10.120.0.7/16");
	if (!err)
		err = choose_relay_addresses(&init);
	if (!err)
		err = init_finish(
			&init,
			"  1. on the relay, add that key to AllowedPublicKeys in sluice.conf and reload sluiced;\n"
			"  2. on the hub, 'sluice hub add-spoke NAME --public-key' with that key;\n"
			"  3. here, 'sluice spoke add-hub' with the hub's key, then 'sluice spoke start'.\n");
	init_clear(&init);
	return err;
}

/* ---- add-hub ---- */

/* The first line of the file, which is nobody else's business. */
static int take_psk(struct wg_key *psk, const struct cmd_context *context)
{
	const char *path = cmd_option(context, "psk-file");
	char *text;
	size_t len;
	int err;

	if (!path)
		return CMD_OK;
	if (!strcmp(path, "-"))
		err = file_read("/dev/stdin", 256, &text, &len);
	else
		err = file_read_secret(path, 256, &text, &len);
	if (err == -EPERM)
		return cmd_fail("%s can be read by others: run 'chmod 600 %s'",
				path, path);
	if (err)
		return cmd_fail("%s: can not be read: %s", path,
				strerror(-err));
	text[strcspn(text, "\r\n")] = '\0';
	err = wg_key_parse(psk, text);
	sodium_memzero(text, len);
	free(text);
	return err ? cmd_fail(
			     "%s has no key in it: one line of 44 base64 characters, as 'sluice genpsk' prints it",
			     path)
		   : CMD_OK;
}

static int take_hub_key(struct conf_peer *hub, const struct site *site,
			const char *text)
{
	int err = site_take_key(&hub->public_key, site->context, text, text);

	if (err)
		return err;
	if (wg_key_equal(&hub->public_key, &site->public_key))
		return cmd_fail("%s is this spoke's own key: give the hub's",
				text);
	if (conf_find_key(&site->conf, &hub->public_key))
		return cmd_fail(
			"a [Peer] with that key is in %s already: edit it there",
			site->path);
	return CMD_OK;
}

static int take_hub_name(struct conf_peer *hub, const struct site *site)
{
	const char *name = cmd_option(site->context, "name");

	if (!name)
		return CMD_OK;
	if (!conf_is_name(name))
		return cmd_usage(
			site->context,
			"--name '%s': write letters, digits and . _ - + @",
			name);
	if (conf_find_name(&site->conf, name))
		return cmd_fail(
			"there is a '%s' in %s already: choose another name",
			name, site->path);
	snprintf(hub->name, sizeof(hub->name), "%s", name);
	return CMD_OK;
}

/* WireGuard gives a prefix to one peer: a second hub that took it would cut the
 * first one off. */
static int check_prefixes(const struct conf_peer *hub, const struct site *site)
{
	struct conf_addresses used = {0}, fresh = {0};
	char text[CONF_PREFIX_TEXT];
	int err = plan_used(&used, &site->conf);

	for (size_t i = 0; !err && i < hub->allowed_ips.count; i++) {
		const struct conf_addresses one = {
			.list = &hub->allowed_ips.list[i],
			.count = 1,
		};

		conf_addresses_clear(&fresh);
		err = plan_missing(&fresh, &used, &one);
		if (!err && !fresh.count) {
			conf_format_prefix(text, one.list);
			err = cmd_fail(
				"%s goes to another peer already: give this hub others with --allowed-ips",
				text);
		}
	}
	conf_addresses_clear(&fresh);
	conf_addresses_clear(&used);
	return err < 0 ? cmd_fail("no memory") : err;
}

/* Without --allowed-ips: the network the spoke's own address is in. */
static int take_prefixes(struct conf_peer *hub, const struct site *site)
{
	struct conf_addresses *prefixes = &hub->allowed_ips;
	int err = site_take_addresses(prefixes, site->context, "allowed-ips");

	for (size_t i = 0; !err && i < prefixes->count; i++)
		prefixes->list[i] = plan_network(&prefixes->list[i]);
	for (size_t i = 0; !err && !cmd_option(site->context, "allowed-ips") &&
			   i < site->conf.addresses.count;
	     i++) {
		const struct wg_allowed_ip *own = &site->conf.addresses.list[i];
		struct wg_allowed_ip network = plan_network(own);

		if (own->prefix != plan_host(own).prefix &&
		    conf_addresses_add(prefixes, &network))
			err = cmd_fail("no memory");
	}
	if (!err && !prefixes->count)
		err = cmd_usage(
			site->context,
			"what shall go to this hub? Give --allowed-ips, like 10.120.0.0/16");
	return err ? err : check_prefixes(hub, site);
}

static int take_hub(struct conf_peer *hub, const struct site *site,
		    const char *key)
{
	const struct conf_peer *relay = conf_relay(&site->conf);
	int err = take_hub_key(hub, site, key);

	if (relay)
		hub->endpoint = relay->endpoint;
	if (!err)
		err = take_hub_name(hub, site);
	if (!err)
		err = take_psk(&hub->preshared_key, site->context);
	if (!err)
		err = site_take_endpoint(&hub->endpoint, site->context,
					 "endpoint");
	if (!err && !hub->endpoint.port)
		err = cmd_usage(
			site->context,
			"%s names no relay with an Endpoint: give --endpoint HOST:PORT",
			site->path);
	return err ? err : take_prefixes(hub, site);
}

static int report_hub(const struct site *site, const struct conf_peer *hub,
		      const struct published *published)
{
	if (!site->context->json) {
		printf("The hub is in %s%s.\n", site->path,
		       published ? ", and the relay knows" : "");
		return CMD_OK;
	}
	return cmd_put_json(json_pack("{s:o, s:o, s:o, s:o}", "public_key",
				      json_of_key(&hub->public_key), "endpoint",
				      site_json_endpoint(&hub->endpoint),
				      "allowed_ips",
				      site_json_addresses(&hub->allowed_ips),
				      "published", publish_json(published)));
}

static int spoke_add_hub(struct cmd_context *context, int argc, char **argv)
{
	struct conf_peer hub = {.role = CONF_HUB, .keepalive = SITE_KEEPALIVE};
	struct published published;
	struct site site;
	bool done = false;
	int err = site_open(&site, context, true);

	(void)argc;
	if (!err)
		err = take_hub(&hub, &site, argv[0]);
	if (!err)
		err = site_append(&site, &hub);
	if (!err)
		err = life_follow(&site, &published, &done);
	if (!err)
		err = report_hub(&site, &hub, done ? &published : NULL);
	conf_addresses_clear(&hub.allowed_ips);
	wg_key_wipe(&hub.preshared_key);
	site_close(&site);
	return err;
}

/* ---- the group ---- */

static const struct cmd_option init_options[] = {
	INIT_OPTIONS,
	{"address", 0, "ADDRESS/LEN[,...]", "the spoke's, with its network"},
	{NULL},
};

static const struct cmd_option add_options[] = {
	{"name", 0, "NAME", "a name for the hub"},
	{"psk-file", 0, "FILE",
	 "the pair's preshared key; - for standard input"},
	{"allowed-ips", 0, "PREFIX[,...]",
	 "what goes to this hub (the spoke's network)"},
	{"endpoint", 0, "HOST[:PORT]", "where the hub is met (the relay)"},
	LIFE_OPTIONS,
	{NULL},
};

static const struct cmd commands[] = {
	{"init", "", "make the spoke's key and file", 0, 0, spoke_init,
	 init_options},
	{"add-hub", "KEY", "add a hub to the file", 1, 1, spoke_add_hub,
	 add_options},
	LIFE_COMMANDS("whom this spoke talks to"),
	{NULL},
};

const struct cmd_group cmd_spoke = {
	.name = "spoke",
	.summary = "a host that reaches hubs through the relay",
	.commands = commands,
	.options = site_options,
};
