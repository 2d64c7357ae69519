// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/life.h"

#include <inttypes.h>
#include <stdio.h>

#include "cmd/tunnel.h"

const struct cmd_option life_options[] = {LIFE_OPTIONS, {NULL}};

/* NULL: the relay was not told. Nothing is said after an error. */
static int report(const struct site *site, const char *what,
		  const struct published *published, int err)
{
	int printed;

	if (!site->context->json) {
		if (what)
			printf("%s is %s.\n", site->interface, what);
		if (published)
			printf("The relay has the list of %zu keys, version %" PRIu64
			       ".\n",
			       published->count, published->version);
		return err;
	}
	printed = cmd_put_json(json_pack("{s:s, s:s*, s:o}", "interface",
					 site->interface, "state", what,
					 "published", publish_json(published)));
	return err ? err : printed;
}

/* Applies with `apply`, then tells the relay. */
static int run(struct cmd_context *context, int (*apply)(const struct site *),
	       const char *what)
{
	struct published published;
	struct site site;
	bool sync = !cmd_option(context, "no-sync");
	int err = site_open(&site, context, false);

	if (!err && apply)
		err = apply(&site);
	if (!err) {
		/* What is up stays up if the relay is away: only say so. */
		err = sync ? publish(&site, &published) : CMD_OK;
		if (!err || apply)
			err = report(&site, what,
				     sync && !err ? &published : NULL, err);
	}
	site_close(&site);
	return err;
}

int life_start(struct cmd_context *context, int argc, char **argv)
{
	(void)argc, (void)argv;
	return run(context, tunnel_start, "up");
}

int life_reload(struct cmd_context *context, int argc, char **argv)
{
	(void)argc, (void)argv;
	return run(context, tunnel_reload, "up to date");
}

int life_sync(struct cmd_context *context, int argc, char **argv)
{
	(void)argc, (void)argv;
	return run(context, NULL, NULL);
}

int life_stop(struct cmd_context *context, int argc, char **argv)
{
	struct site site;
	int err = site_open(&site, context, false);

	(void)argc, (void)argv;
	if (!err)
		err = tunnel_stop(&site);
	if (!err)
		err = report(&site, "down", NULL, CMD_OK);
	site_close(&site);
	return err;
}

int life_follow(const struct site *site, struct published *published,
		bool *done)
{
	int err;

	*done = false;
	if (!tunnel_is_up(site))
		return CMD_OK;
	err = tunnel_reload(site);
	if (!err && !cmd_option(site->context, "no-sync")) {
		err = publish(site, published);
		*done = !err;
	}
	return err;
}
