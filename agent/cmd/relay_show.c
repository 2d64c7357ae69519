// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "cmd/output.h"
#include "cmd/relay.h"

/* ---- fields ---- */

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "-";
}

/* A number of either kind, rounded down; 0 if there is none. */
static int64_t number(const json_t *object, const char *key)
{
	return (int64_t)json_number_value(json_object_get(object, key));
}

/* Counters pass 2^53, so never by way of a double. */
static uint64_t count(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static bool flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static const char *age(output_text out, const json_t *object, const char *key)
{
	if (!json_is_number(json_object_get(object, key)))
		return "never";
	return output_age(out, number(object, key));
}

static const char *short_age(output_text out, const json_t *object,
			     const char *key, const char *none)
{
	if (!json_is_number(json_object_get(object, key)))
		return none;
	return output_short(out, number(object, key));
}

/* ---- status ---- */

static void show_ports(const json_t *result)
{
	const json_t *ports = json_object_get(result, "ports");
	json_int_t first = json_integer_value(json_array_get(ports, 0));
	json_int_t last = json_integer_value(json_array_get(ports, 1));

	if (first == last)
		output_field("listening port", "%" JSON_INTEGER_FORMAT, first);
	else
		output_field("listening ports",
			     "%" JSON_INTEGER_FORMAT "-%" JSON_INTEGER_FORMAT,
			     first, last);
}

static void show_interface(const json_t *interface)
{
	const char *mode = flag(interface, "native") ? "native" : "generic";

	if (!flag(interface, "attached"))
		output_field(
			"interface",
			"%s, not attached: nothing is forwarded in the kernel",
			text(interface, "name"));
	else
		output_field(
			"interface", "%s, attached, %s XDP%s",
			text(interface, "name"), mode,
			flag(interface, "current") ? "" : ", an older program");
}

static void show_allowed(const json_t *result)
{
	const json_t *allowed = json_object_get(result, "allowed");

	if (json_is_string(allowed))
		output_field("allowed public keys", "%s",
			     text(result, "allowed"));
	else if (count(result, "allowed"))
		output_field("allowed public keys", "%" PRIu64,
			     count(result, "allowed"));
	else
		output_field("allowed public keys",
			     "none: nobody can use this relay");
	if (flag(result, "require_mutual"))
		output_field("consent", "of both peers");
	else
		output_field("consent", "of one peer");
}

static void show_totals(const json_t *result)
{
	const json_t *peers = json_object_get(result, "peers");
	const json_t *sessions = json_object_get(result, "sessions");
	const json_t *forwarded = json_object_get(result, "forwarded");
	const json_t *slow = json_object_get(result, "user_space");
	output_text bytes;

	output_field("peers",
		     "%" PRIu64 " of %" PRIu64 ", legs %" PRIu64 " of %" PRIu64,
		     count(peers, "count"), count(peers, "max"),
		     count(peers, "legs"), count(peers, "legs_max"));
	output_field("sessions",
		     "%" PRIu64 " of %" PRIu64 " live, %" PRIu64
		     " pending, %" PRIu64 " spilled",
		     count(sessions, "live"), count(sessions, "max"),
		     count(sessions, "pending"), count(sessions, "spilled"));
	output_field("forwarded", "%" PRIu64 " packets, %s",
		     count(forwarded, "packets"),
		     output_bytes(bytes, count(forwarded, "bytes")));
	output_field("through user space", "%" PRIu64 " data packets, %s",
		     count(slow, "data_packets"),
		     output_bytes(bytes, count(slow, "data_bytes")));
}

static void show_reasons(const json_t *reasons)
{
	const json_t *reason;
	size_t i;

	if (!json_array_size(reasons))
		return;
	printf("\n%-20s %-8s %14s %12s  %s\n", "reason", "verdict", "packets",
	       "size", "meaning");
	json_array_foreach (reasons, i, reason) {
		output_text bytes;

		printf("%-20s %-8s %14" PRIu64 " %12s  %s\n",
		       text(reason, "name"), text(reason, "verdict"),
		       count(reason, "packets"),
		       output_bytes(bytes, count(reason, "bytes")),
		       text(reason, "text"));
	}
}

/* The agent's own decisions, those that were ever taken. */
static void show_outcomes(json_t *outcomes)
{
	bool started = false;
	const char *name;
	json_t *value;

	json_object_foreach (outcomes, name, value) {
		if (!json_integer_value(value))
			continue;
		if (!started)
			printf("\n%-28s %14s\n", "decision of sluiced",
			       "times");
		started = true;
		printf("%-28s %14" JSON_INTEGER_FORMAT "\n", name,
		       json_integer_value(value));
	}
}

void relay_show_status(const json_t *result)
{
	const json_t *interface;
	output_text span;
	size_t i;

	output_title("relay", text(result, "public_key"));
	show_ports(result);
	json_array_foreach (json_object_get(result, "interfaces"), i,
			    interface) {
		show_interface(interface);
	}
	output_field("running for", "%s",
		     output_span(span, number(result, "uptime_s")));
	output_field("build", "%s, ABI %" PRIu64 ", pinned in %s",
		     text(result, "build"), count(result, "abi"),
		     text(result, "pin_root"));
	show_allowed(result);
	show_totals(result);
	show_reasons(json_object_get(result, "reasons"));
	show_outcomes(json_object_get(result, "outcomes"));
}

/* ---- peers ---- */

static void show_leg(const json_t *leg)
{
	bool resolved = json_is_string(json_object_get(leg, "next_hop"));

	output_field("leg", "%" PRIu64 ", %s at %s on %s, %s%s",
		     count(leg, "leg"), text(leg, "endpoint"),
		     text(leg, "local"), text(leg, "interface"),
		     resolved ? "next hop " : "next hop not known",
		     resolved ? text(leg, "next_hop") : "");
}

static void show_peer(const json_t *peer)
{
	output_text rx, tx, since;
	const json_t *leg;
	size_t i;

	output_title("peer", text(peer, "public_key"));
	output_field("endpoint", "%s",
		     json_is_string(json_object_get(peer, "endpoint"))
			     ? text(peer, "endpoint")
			     : "(none)");
	output_field("latest handshake", "%s",
		     age(since, peer, "handshake_age_s"));
	output_field("last heard", "%s", age(since, peer, "heard_age_s"));
	output_field("transfer", "%s received, %s sent",
		     output_bytes(rx, count(peer, "rx_bytes")),
		     output_bytes(tx, count(peer, "tx_bytes")));
	if (count(peer, "list_version"))
		output_field("lists", "%" PRIu64 " keys", count(peer, "lists"));
	else
		output_field("lists", "(none)");
	json_array_foreach (json_object_get(peer, "legs"), i, leg) {
		show_leg(leg);
	}
}

void relay_show_peers(const json_t *result)
{
	const json_t *peer;
	size_t i;

	json_array_foreach (json_object_get(result, "peers"), i, peer) {
		show_peer(peer);
	}
}

/* ---- tables: fixed columns, so that a million rows need no second pass ---- */

void relay_show_sessions(const json_t *result)
{
	const json_t *sessions = json_object_get(result, "sessions"), *session;
	size_t i;

	if (json_array_size(sessions))
		printf("%-10s  %-44s  %-44s  %8s  %8s  %12s  %11s\n", "index",
		       "from", "to", "age", "expires", "packets", "size");
	json_array_foreach (sessions, i, session) {
		output_text born, expires, bytes;

		printf("%-10s  %-44s  %-44s  %8s  %8s  %12" PRIu64 "  %11s\n",
		       text(session, "index"), text(session, "from"),
		       text(session, "to"),
		       short_age(born, session, "age_s", "-"),
		       short_age(expires, session, "expires_s", "-"),
		       count(session, "packets"),
		       output_bytes(bytes, count(session, "bytes")));
	}
}

static const char *listing(const json_t *route)
{
	bool a = flag(route, "a_lists_b"), b = flag(route, "b_lists_a");

	if (a && b)
		return "<->";
	if (a)
		return "->";
	return b ? "<-" : "-";
}

void relay_show_routes(const json_t *result)
{
	const json_t *routes = json_object_get(result, "routes"), *route;
	size_t i;

	if (json_array_size(routes))
		printf("%-44s  %-5s  %-44s  %-7s  %s\n", "peer", "lists",
		       "peer", "allowed", "state");
	json_array_foreach (routes, i, route) {
		printf("%-44s  %-5s  %-44s  %-7s  %s\n", text(route, "a"),
		       listing(route), text(route, "b"),
		       flag(route, "allowed") ? "yes" : "no",
		       text(route, "state"));
	}
}

void relay_show_blocks(const json_t *result)
{
	const json_t *blocks = json_object_get(result, "blocks"), *block;
	size_t i;

	if (json_array_size(blocks))
		printf("%-43s  %8s  %8s\n", "prefix", "age", "expires");
	json_array_foreach (blocks, i, block) {
		output_text born, expires;

		printf("%-43s  %8s  %8s\n", text(block, "prefix"),
		       short_age(born, block, "age_s", "-"),
		       short_age(expires, block, "expires_s", "never"));
	}
}

/* ---- events ---- */

void relay_show_event(const json_t *event)
{
	const char *index = json_string_value(json_object_get(event, "index"));

	printf("%-8s %-20s %s > %s on %s, %s, %" PRIu64 " bytes%s%s\n",
	       text(event, "verdict"), text(event, "reason"),
	       text(event, "source"), text(event, "dest"),
	       text(event, "interface"), text(event, "type"),
	       count(event, "length"), index ? ", index " : "",
	       index ? index : "");
}
