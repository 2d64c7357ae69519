// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sluice relay: each command is one request on the control socket. With -j the
 * result is printed as it came, else as relay_show.c puts it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/relay.h"
#include "wg/key.h"

/* ---- reports ---- */

static int report(const struct cmd_context *context, const char *request,
		  void (*show)(const json_t *result))
{
	return client_report(context, json_pack("{s:s}", "cmd", request), show);
}

static int status(struct cmd_context *context, int argc, char **argv)
{
	(void)argc, (void)argv;
	return report(context, "relay-status", relay_show_status);
}

static int peers(struct cmd_context *context, int argc, char **argv)
{
	(void)argc, (void)argv;
	return report(context, "relay-peers", relay_show_peers);
}

static int sessions(struct cmd_context *context, int argc, char **argv)
{
	(void)argc, (void)argv;
	return report(context, "relay-sessions", relay_show_sessions);
}

static int routes(struct cmd_context *context, int argc, char **argv)
{
	(void)argc, (void)argv;
	return report(context, "relay-routes", relay_show_routes);
}

static int blocks(struct cmd_context *context, int argc, char **argv)
{
	(void)argc, (void)argv;
	return report(context, "relay-blocks", relay_show_blocks);
}

static void show_export(const json_t *result)
{
	const char *block = json_string_value(json_object_get(result, "text"));
	size_t len = block ? strlen(block) : 0;

	if (len)
		printf("%s%s", block, block[len - 1] == '\n' ? "" : "\n");
}

static int export(struct cmd_context *context, int argc, char **argv)
{
	(void)argc, (void)argv;
	return report(context, "relay-export", show_export);
}

/* ---- explain ---- */

/* The one peer whose key begins with this; NULL after an error message. */
static const char *match_peer(const json_t *result, const char *prefix)
{
	const char *found = NULL;
	const json_t *peer;
	size_t i, count = 0;

	json_array_foreach (json_object_get(result, "peers"), i, peer) {
		const char *key =
			json_string_value(json_object_get(peer, "public_key"));

		if (!key || strncmp(key, prefix, strlen(prefix)) != 0)
			continue;
		found = key;
		count++;
	}
	if (count == 1)
		return found;
	if (count)
		cmd_fail("%zu peers' keys begin with \"%s\": give more of it",
			 count, prefix);
	else
		cmd_fail(
			"the relay knows no peer whose key begins with \"%s\": give the whole key, or see sluice relay peers",
			prefix);
	return NULL;
}

/* A whole key stands for itself, so that `explain` can say "never seen". */
static int resolve(const struct cmd_context *context, const json_t **peers,
		   const char *word, const char **key)
{
	struct wg_key parsed;

	*key = word;
	if (!wg_key_parse(&parsed, word))
		return CMD_OK;
	if (!*peers)
		*peers = client_call(context->socket,
				     json_pack("{s:s}", "cmd", "relay-peers"));
	*key = *peers ? match_peer(*peers, word) : NULL;
	return *key ? CMD_OK : CMD_FAILED;
}

static int show_explanation(const struct cmd_context *context, json_t *result)
{
	const char *sentence =
		json_string_value(json_object_get(result, "sentence"));
	int code = CMD_OK;

	if (context->json)
		code = cmd_print_json(result);
	else
		puts(sentence ? sentence : "the daemon gave no explanation");
	if (code == CMD_OK && !json_is_true(json_object_get(result, "talks")))
		code = CMD_FAILED;
	return code;
}

static int explain(struct cmd_context *context, int argc, char **argv)
{
	const json_t *known = NULL;
	const char *peer, *other = NULL;
	json_t *request, *result = NULL;
	int code = resolve(context, &known, argv[0], &peer);

	if (!code && argc > 1)
		code = resolve(context, &known, argv[1], &other);
	if (!code) {
		request = json_pack("{s:s,s:s,s:s*}", "cmd", "relay-explain",
				    "peer", peer, "other", other);
		result = client_call(context->socket, request);
		code = result ? show_explanation(context, result) : CMD_FAILED;
	}
	json_decref(result);
	json_decref((json_t *)known);
	return code;
}

/* ---- blocks ---- */

/* "90", "90s", "5m", "1h", "7d", up to a hundred years. */
static int parse_span(json_int_t *seconds, const char *word)
{
	static const struct {
		const char *name;
		long long seconds;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
	long long most = 100LL * 365 * 86400, value;
	char *end;

	if (*word < '0' || *word > '9')
		return -EINVAL;
	errno = 0;
	value = strtoll(word, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		if (errno || !value || value > most / units[i].seconds)
			return -ERANGE;
		*seconds = value * units[i].seconds;
		return 0;
	}
	return -EINVAL;
}

static int block(struct cmd_context *context, int argc, char **argv)
{
	json_t *request =
		json_pack("{s:s,s:s}", "cmd", "relay-block", "prefix", argv[0]);
	json_int_t seconds;

	if (argc > 1) {
		if (parse_span(&seconds, argv[1])) {
			json_decref(request);
			return cmd_usage(context,
					 "\"%s\" is no time: 90, 5m, 1h, 7d",
					 argv[1]);
		}
		json_object_set_new(request, "seconds", json_integer(seconds));
	}
	return client_report(context, request, NULL);
}

static int unblock(struct cmd_context *context, int argc, char **argv)
{
	(void)argc;
	return client_report(context,
			     json_pack("{s:s,s:s}", "cmd", "relay-unblock",
				       "prefix", argv[0]),
			     NULL);
}

/* ---- monitor ---- */

/* A line an event, at once: someone is watching. */
static int print_event(const struct cmd_context *context, const json_t *event)
{
	if (!context->json)
		relay_show_event(event);
	else if (json_dumpf(event, stdout, JSON_COMPACT) ||
		 putchar('\n') == EOF)
		return -EIO;
	return fflush(stdout) ? -errno : 0;
}

static int monitor(struct cmd_context *context, int argc, char **argv)
{
	struct client client;
	json_t *line = NULL;
	int err = 0;

	(void)argc, (void)argv;
	if (!client_open(&client, context->socket))
		line = client_ask(&client,
				  json_pack("{s:s}", "cmd", "relay-monitor"));
	while (line && !err) {
		json_decref(line);
		line = client_wait(&client);
		if (json_is_object(json_object_get(line, "event")))
			err = print_event(context,
					  json_object_get(line, "event"));
	}
	if (err)
		cmd_fail("can not write the events: %s", strerror(-err));
	json_decref(line);
	client_close(&client);
	return CMD_FAILED; /* it ends only by a signal, or when something fails */
}

static const struct cmd commands[] = {
	{"status", "", "what the relay is and what it did", 0, 0, status},
	{"peers", "", "the peers that it knows", 0, 0, peers},
	{"sessions", "", "live sessions, one direction each", 0, 0, sessions},
	{"routes", "", "who listed whom", 0, 0, routes},
	{"explain", "PEER [OTHER]", "why a peer, or two, can talk or not", 1, 2,
	 explain},
	{"export", "", "the relay as a [Peer] section", 0, 0, export},
	{"monitor", "", "packets that were not forwarded, as they come", 0, 0,
	 monitor},
	{"block", "PREFIX [TIME]",
	 "drop what comes from there, for 90, 5m, 1h or ever", 1, 2, block},
	{"unblock", "PREFIX", "let it in again", 1, 1, unblock},
	{"blocks", "", "what is blocked", 0, 0, blocks},
	{NULL},
};

const struct cmd_group cmd_relay = {
	.name = "relay",
	.summary = "the relay that runs on this machine",
	.commands = commands,
};
