// SPDX-License-Identifier: GPL-2.0-or-later
/* sluice hub: a site that spokes reach through the relay. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "cmd/hub.h"
#include "cmd/init.h"
#include "cmd/life.h"
#include "cmd/plan.h"
#include "wg/json.h"

/* ---- init ---- */

static bool has_host(const struct conf_addresses *addresses,
		     const struct wg_allowed_ip *ip)
{
	const struct wg_allowed_ip host = plan_host(ip);

	for (size_t i = 0; i < addresses->count; i++) {
		const struct wg_allowed_ip other =
			plan_host(&addresses->list[i]);

		if (plan_covers(&host, &other))
			return true;
	}
	return false;
}

static int check_hub_addresses(struct init *init)
{
	struct conf_addresses *addresses = &init->addresses;
	int err = CMD_OK;

	if (!addresses->count &&
	    conf_parse_addresses(addresses, HUB_DEFAULT_ADDRESS))
		return cmd_fail("no memory");
	for (size_t i = 0; !err && i < addresses->count; i++) {
		const struct wg_allowed_ip *ip = &addresses->list[i];
		const struct wg_allowed_ip network = plan_network(ip);
		unsigned int bits = ip->family == AF_INET ? 32 : 128;
		char text[CONF_PREFIX_TEXT];

		conf_format_prefix(text, ip);
		if (ip->prefix + 3u > bits)
			err = cmd_usage(
				init->context,
				"--address %s: there is no room for spokes; write the hub's address with its network's length, like " HUB_DEFAULT_ADDRESS,
				text);
		else if (!memcmp(&ip->v6, &network.v6, bits / 8))
			err = cmd_usage(
				init->context,
				"--address %s is the network's own address; give the hub one in it, like " HUB_DEFAULT_ADDRESS,
				text);
	}
	return err;
}

/* Where the relay answers inside the tunnel: the next host behind the hub. */
static int choose_relay_addresses(struct init *init)
{
	struct conf_addresses *relay = &init->relay.allowed_ips;
	struct conf_addresses used = {0};
	int err = CMD_OK;

	for (size_t i = 0; !err && i < relay->count; i++)
		if (has_host(&init->addresses, &relay->list[i]))
			err = cmd_usage(
				init->context,
				"--relay-address is the hub's own: give the relay another");
	if (err || relay->count)
		return err;
	for (size_t i = 0; !err && i < init->addresses.count; i++) {
		const struct wg_allowed_ip *subnet = &init->addresses.list[i];
		const struct wg_allowed_ip own = plan_host(subnet);
		struct wg_allowed_ip ip;

		err = conf_addresses_add(&used, &own);
		if (!err)
			err = plan_address(&ip, subnet, &used);
		if (!err)
			err = conf_addresses_add(relay, &ip);
	}
	conf_addresses_clear(&used);
	return err ? cmd_fail("no address for the relay: %s", strerror(-err))
		   : CMD_OK;
}

static int take_listen_port(struct init *init)
{
	const char *text = cmd_option(init->context, "listen-port");
	uint16_t first, last;

	if (!text)
		return CMD_OK;
	if (number_parse_ports(&first, &last, text) || first != last)
		return cmd_usage(init->context,
				 "--listen-port '%s': write a port, 1 to 65535",
				 text);
	init->listen_port = first;
	return CMD_OK;
}

static int hub_init(struct cmd_context *context, int argc, char **argv)
{
	struct init init = {.context = context};
	int err = init_take(&init);

	(void)argc, (void)argv;
	if (!err)
		err = check_hub_addresses(&init);
	if (!err)
		err = choose_relay_addresses(&init);
	if (!err)
		err = take_listen_port(&init);
	if (!err)
		err = init_finish(
			&init,
			"  1. on the relay, add that key to AllowedPublicKeys in sluice.conf and reload sluiced;\n"
			"  2. here, 'sluice hub add-spoke NAME' for each spoke, and add its key there too;\n"
			"  3. here, 'sluice hub start'.\n");
	init_clear(&init);
	return err;
}

/* ---- remove-spoke ---- */

static int find_spoke(const struct conf_peer **peer, const struct site *site,
		      const char *what)
{
	struct wg_key key;

	*peer = conf_find_name(&site->conf, what);
	if (!*peer && !wg_key_parse(&key, what))
		*peer = conf_find_key(&site->conf, &key);
	if (!*peer)
		return cmd_fail(
			"%s has no spoke '%s': give a name or a public key that stands in it",
			site->path, what);
	if ((*peer)->role == CONF_RELAY)
		return cmd_fail(
			"'%s' is the relay, no spoke: edit %s to take it out",
			what, site->path);
	return CMD_OK;
}

static int report_removal(const struct site *site, const char *what,
			  const struct published *published)
{
	if (!site->context->json) {
		printf("%s is removed%s.\n", what,
		       published ? ", and the relay knows" : "");
		return CMD_OK;
	}
	return cmd_put_json(json_pack("{s:s, s:o}", "removed", what,
				      "published", publish_json(published)));
}

static int hub_remove_spoke(struct cmd_context *context, int argc, char **argv)
{
	const struct conf_peer *peer;
	struct published published;
	struct ini_error error;
	struct site site;
	bool done = false;
	int err = site_open(&site, context, true);

	(void)argc;
	if (!err)
		err = find_spoke(&peer, &site, argv[0]);
	if (!err && conf_remove(&site.conf, peer, &error))
		err = cmd_fail("%s: %s", site.path, error.text);
	if (!err)
		err = site_save(&site);
	if (!err)
		err = life_follow(&site, &published, &done);
	if (!err)
		err = report_removal(&site, argv[0], done ? &published : NULL);
	site_close(&site);
	return err;
}

/* ---- export ---- */

/* The hub as a peer for those who write their files themselves. */
static int hub_export(struct cmd_context *context, int argc, char **argv)
{
	struct conf_peer hub = {.role = CONF_HUB, .keepalive = SITE_KEEPALIVE};
	const struct conf_peer *relay;
	struct text text = {0};
	struct site site;
	int err = site_open(&site, context, false);

	(void)argc, (void)argv;
	if (err)
		goto close;
	relay = conf_relay(&site.conf);
	hub.public_key = site.public_key;
	if (relay)
		hub.endpoint = relay->endpoint;
	for (size_t i = 0; !err && i < site.conf.addresses.count; i++) {
		struct wg_allowed_ip ip =
			plan_network(&site.conf.addresses.list[i]);

		err = conf_addresses_add(&hub.allowed_ips, &ip);
	}
	site_add_peer(&text, &hub);
	if (err || text.failed) {
		err = cmd_fail("no memory");
		goto close;
	}
	if (!context->json) {
		fputs(text.bytes, stdout);
		goto close;
	}
	err = cmd_put_json(json_pack(
		"{s:o, s:o, s:o, s:s}", "public_key",
		json_of_key(&hub.public_key), "endpoint",
		site_json_endpoint(&hub.endpoint), "allowed_ips",
		site_json_addresses(&hub.allowed_ips), "text", text.bytes));
close:
	text_clear(&text);
	conf_addresses_clear(&hub.allowed_ips);
	site_close(&site);
	return err;
}

/* ---- the group ---- */

static const struct cmd_option init_options[] = {
	INIT_OPTIONS,
	{"relay-ports", 0, "FIRST-LAST",
	 "the ports it listens on; spokes are spread over them"},
	{"address", 0, "ADDRESS/LEN[,...]",
	 "the hub's, with its network (" HUB_DEFAULT_ADDRESS ")"},
	{"listen-port", 0, "PORT", "UDP port (chosen at start)"},
	{NULL},
};

static const struct cmd commands[] = {
	{"init", "", "make the hub's key and file", 0, 0, hub_init,
	 init_options},
	{"add-spoke", "[NAME]", "add a spoke and print its configuration", 0, 1,
	 hub_add_spoke, hub_add_options},
	{"remove-spoke", "NAME|KEY", "take a spoke out", 1, 1, hub_remove_spoke,
	 life_options},
	LIFE_COMMANDS("the list of spokes"),
	{"export", "", "print the hub as a [Peer] for others", 0, 0, hub_export,
	 NULL},
	{NULL},
};

const struct cmd_group cmd_hub = {
	.name = "hub",
	.summary = "a site that spokes reach through the relay",
	.commands = commands,
	.options = site_options,
};
