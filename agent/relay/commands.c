// SPDX-License-Identifier: GPL-2.0-or-later
/* The relay's commands on the control socket (control.txt). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "relay/daemon.h"
#include "relay/reasons.h"
#include "wg/json.h"

/* Behind NAT mappings that live for 30 s: RFC 4787 requires two minutes, many
 * routers do not care. */
#define EXPORT_KEEPALIVE_S 25
#define BLOCK_SECONDS_MAX (100LL * 366 * 86400)

/* ---- status ---- */

static json_t *report_interfaces(const struct relay_daemon *daemon)
{
	struct loader_link *links;
	json_t *list = json_array();
	size_t count;

	if (relay_daemon_links(daemon, &links, &count))
		return list;
	for (size_t i = 0; i < count; i++)
		json_array_append_new(
			list,
			json_pack("{s:s, s:i, s:b, s:b, s:b}", "name",
				  links[i].ifname, "ifindex",
				  (int)links[i].ifindex, "attached",
				  links[i].attached, "native", links[i].native,
				  "current", links[i].current));
	free(links);
	return list;
}

static json_t *report_reasons(const struct relay_daemon *daemon)
{
	struct sluice_count counts[SLUICE_REASON_COUNT];
	json_t *list = json_array();

	if (relay_reasons_read(daemon->reason_fd, counts))
		return list;
	for (int i = 0; i < SLUICE_REASON_COUNT; i++) {
		const struct relay_reason_text *reason = &relay_reason_texts[i];

		if (!counts[i].packets)
			continue;
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:I, s:I, s:s}", "name",
				  reason->name, "verdict", reason->verdict,
				  "packets", (json_int_t)counts[i].packets,
				  "bytes", (json_int_t)counts[i].bytes, "text",
				  reason->text));
	}
	return list;
}

static int command_status(void *ctx, struct control_call *call)
{
	struct relay_daemon *daemon = ctx;
	uint64_t now = clock_now_ns();
	json_t *status = relay_engine_status(daemon->engine, now), *ours;
	const struct sluice_meta *meta = loader_meta(daemon->loader);

	ours = json_pack(
		"{s:I, s:s%, s:i, s:s, s:o, s:o}", "uptime_s",
		(json_int_t)((now - daemon->started_ns) / CLOCK_SECOND_NS),
		"build", meta->build, strnlen(meta->build, SLUICE_BUILD_LEN),
		"abi", (int)meta->abi, "pin_root", daemon->role->pin_root,
		"interfaces", report_interfaces(daemon), "reasons",
		report_reasons(daemon));
	if (!status || !ours || json_object_update(status, ours)) {
		json_decref(status);
		status = NULL;
	}
	json_decref(ours);
	return control_answer(call, status);
}

/* ---- the engine's reports ---- */

static int command_peers(void *ctx, struct control_call *call)
{
	struct relay_daemon *daemon = ctx;

	return control_answer(
		call, relay_engine_peers(daemon->engine, clock_now_ns()));
}

static int command_sessions(void *ctx, struct control_call *call)
{
	struct relay_daemon *daemon = ctx;

	return control_answer(
		call, relay_engine_sessions(daemon->engine, clock_now_ns()));
}

static int command_routes(void *ctx, struct control_call *call)
{
	struct relay_daemon *daemon = ctx;

	return control_answer(
		call, relay_engine_routes(daemon->engine, clock_now_ns()));
}

static int command_explain(void *ctx, struct control_call *call)
{
	struct relay_daemon *daemon = ctx;
	const json_t *second = json_object_get(call->request, "other");
	bool pair = second && !json_is_null(second);
	struct wg_key peer, other;
	int err = control_take_key(&peer, call, "peer");

	if (!err && pair)
		err = control_take_key(&other, call, "other");
	if (err)
		return err;
	return control_answer(call, relay_engine_explain(daemon->engine, &peer,
							 pair ? &other : NULL,
							 clock_now_ns()));
}

/* ---- export ---- */

struct export_list {
	json_t *endpoints;
	uint16_t port;
};

static void add_endpoint(void *ctx, const uint8_t addr[16])
{
	struct export_list *export = ctx;

	json_array_append_new(export->endpoints,
			      json_of_endpoint(addr, export->port));
}

/* What a peer puts into its own configuration; the first endpoint counts. The
 * marks are those of `sluice hub` and `sluice spoke`. */
static char *export_text(const struct relay_daemon *daemon,
			 const char *public_key, const json_t *endpoints)
{
	const struct relay_settings *settings = daemon->settings;
	size_t len, i;
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);
	json_t *endpoint;

	if (!out)
		return NULL;
	fprintf(out, "[Peer]\n# sluice: relay\n");
	if (settings->port_min != settings->port_max)
		fprintf(out, "# sluice: relay-ports %u-%u\n",
			settings->port_min, settings->port_max);
	fprintf(out, "PublicKey = %s\n", public_key);
	json_array_foreach (endpoints, i, endpoint)
		fprintf(out, "%sEndpoint = %s\n", i ? "# " : "",
			json_string_value(endpoint));
	fprintf(out,
		"PersistentKeepalive = %d\n# AllowedIPs = the relay's address inside the tunnel"
		"\nAllowedIPs =\n",
		EXPORT_KEEPALIVE_S);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static int command_export(void *ctx, struct control_call *call)
{
	struct relay_daemon *daemon = ctx;
	struct export_list export = {
		.endpoints = json_array(),
		.port = daemon->settings->port_min,
	};
	wg_key_text key;
	json_t *report;
	char *text;

	wg_key_format(key, &daemon->public_key);
	relay_local_each(daemon->local, add_endpoint, &export);
	text = export_text(daemon, key, export.endpoints);
	report = json_pack("{s:s, s:o, s:s}", "public_key", key, "endpoints",
			   export.endpoints, "text", text ? text : "");
	free(text);
	return control_answer(call, report);
}

/* ---- blocking ---- */

static int take_prefix(struct relay_block_key *key, struct control_call *call)
{
	static const uint8_t zeros[16];
	unsigned int len;
	int err;

	memset(key, 0, sizeof(*key));
	err = control_take_prefix(key->addr, &len, call, "prefix");
	if (err)
		return err;
	/* IPv4 is mapped to ::ffff:0:0/96. */
	if (len <= 80 && !memcmp(key->addr, zeros, 16))
		return control_fail(
			call, -EINVAL,
			"%.40s would block all of IPv4 too: use 2000::/3",
			json_string_value(
				json_object_get(call->request, "prefix")));
	key->prefixlen = len;
	return 0;
}

static int command_block(void *ctx, struct control_call *call)
{
	struct relay_daemon *daemon = ctx;
	struct relay_block_key key;
	address_text prefix;
	uint64_t seconds;
	int err = take_prefix(&key, call);

	if (!err)
		err = control_take_seconds(&seconds, call, "seconds",
					   BLOCK_SECONDS_MAX);
	if (err)
		return err;
	err = relay_blocklist_add(daemon->blocklist, &key, seconds);
	if (err == -ENOSPC)
		return control_fail(
			call, err,
			"the list is full: unblock something, or block a shorter prefix");
	if (err)
		return control_fail(call, err, "can not block it: %s",
				    strerror(-err));
	relay_engine_block(daemon->engine, &key, clock_now_ns());
	relay_daemon_turn(daemon);
	address_format_prefix(prefix, key.addr, key.prefixlen);
	log_info("%s is blocked", prefix);
	return 0;
}

static int command_unblock(void *ctx, struct control_call *call)
{
	struct relay_daemon *daemon = ctx;
	struct relay_block_key key;
	address_text prefix;
	int err = take_prefix(&key, call);

	if (err)
		return err;
	address_format_prefix(prefix, key.addr, key.prefixlen);
	err = relay_blocklist_remove(daemon->blocklist, &key);
	if (err == -ENOENT)
		return control_fail(
			call, err,
			"%s is not blocked (relay-blocks lists what is)",
			prefix);
	if (err)
		return control_fail(call, err, "can not unblock %s: %s", prefix,
				    strerror(-err));
	log_info("%s is blocked no longer", prefix);
	return 0;
}

static int command_blocks(void *ctx, struct control_call *call)
{
	struct relay_daemon *daemon = ctx;

	return control_answer(call, relay_blocklist_report(daemon->blocklist));
}

static int command_monitor(void *ctx, struct control_call *call)
{
	struct relay_daemon *daemon = ctx;
	int err = relay_monitor_watch(daemon->monitor, call->client);

	if (err == -EALREADY)
		return control_fail(call, err,
				    "this connection watches already");
	return err ? control_fail(call, err, "out of memory") : 0;
}

static const struct control_command commands[] = {
	{"relay-status", command_status},
	{"relay-peers", command_peers},
	{"relay-sessions", command_sessions},
	{"relay-routes", command_routes},
	{"relay-explain", command_explain},
	{"relay-export", command_export},
	{"relay-block", command_block},
	{"relay-unblock", command_unblock},
	{"relay-blocks", command_blocks},
	{"relay-monitor", command_monitor},
};

int relay_commands_add(struct relay_daemon *daemon, struct control *control)
{
	return control_add(control, commands,
			   sizeof(commands) / sizeof(commands[0]), daemon);
}
