// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "cmd/field.h"
#include "cmd/relay.h"

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
	const char *mode =
		field_flag(interface, "native") ? "native" : "generic";

	if (!field_flag(interface, "attached"))
		output_field(
			"interface",
			"%s, not attached: nothing is forwarded in the kernel",
			field_text(interface, "name"));
	else
		output_field("interface", "%s, attached, %s XDP%s",
			     field_text(interface, "name"), mode,
			     field_flag(interface, "current")
				     ? ""
				     : ", an older program");
}

static void show_allowed(const json_t *result)
{
	const json_t *allowed = json_object_get(result, "allowed");

	if (json_is_string(allowed))
		output_field("allowed public keys", "%s",
			     field_text(result, "allowed"));
	else if (field_count(result, "allowed"))
		output_field("allowed public keys", "%" PRIu64,
			     field_count(result, "allowed"));
	else
		output_field("allowed public keys",
			     "none: nobody can use this relay");
	if (field_flag(result, "require_mutual"))
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
		     field_count(peers, "count"), field_count(peers, "max"),
		     field_count(peers, "legs"),
		     field_count(peers, "legs_max"));
	output_field("sessions",
		     "%" PRIu64 " of %" PRIu64 " live, %" PRIu64
		     " pending, %" PRIu64 " spilled",
		     field_count(sessions, "live"),
		     field_count(sessions, "max"),
		     field_count(sessions, "pending"),
		     field_count(sessions, "spilled"));
	output_field("forwarded", "%" PRIu64 " packets, %s",
		     field_count(forwarded, "packets"),
		     output_bytes(bytes, field_count(forwarded, "bytes")));
	output_field("through user space", "%" PRIu64 " data packets, %s",
		     field_count(slow, "data_packets"),
		     output_bytes(bytes, field_count(slow, "data_bytes")));
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
		       field_text(reason, "name"),
		       field_text(reason, "verdict"),
		       field_count(reason, "packets"),
		       output_bytes(bytes, field_count(reason, "bytes")),
		       field_text(reason, "text"));
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

	output_title("relay", field_text(result, "public_key"));
	show_ports(result);
	json_array_foreach (json_object_get(result, "interfaces"), i,
			    interface) {
		show_interface(interface);
	}
	output_field("running for", "%s",
		     output_span(span, field_number(result, "uptime_s")));
	output_field("build", "%s, ABI %" PRIu64 ", pinned in %s",
		     field_text(result, "build"), field_count(result, "abi"),
		     field_text(result, "pin_root"));
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
		     field_count(leg, "leg"), field_text(leg, "endpoint"),
		     field_text(leg, "local"), field_text(leg, "interface"),
		     resolved ? "next hop " : "next hop not known",
		     resolved ? field_text(leg, "next_hop") : "");
}

static void show_peer(const json_t *peer)
{
	output_text rx, tx, since;
	const json_t *leg;
	size_t i;

	output_title("peer", field_text(peer, "public_key"));
	output_field("endpoint", "%s",
		     json_is_string(json_object_get(peer, "endpoint"))
			     ? field_text(peer, "endpoint")
			     : "(none)");
	output_field("latest handshake", "%s",
		     field_age(since, peer, "handshake_age_s"));
	output_field("last heard", "%s", field_age(since, peer, "heard_age_s"));
	output_field("transfer", "%s received, %s sent",
		     output_bytes(rx, field_count(peer, "rx_bytes")),
		     output_bytes(tx, field_count(peer, "tx_bytes")));
	if (field_count(peer, "list_version"))
		output_field("lists", "%" PRIu64 " keys",
			     field_count(peer, "lists"));
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
		       field_text(session, "index"),
		       field_text(session, "from"), field_text(session, "to"),
		       field_short_age(born, session, "age_s", "-"),
		       field_short_age(expires, session, "expires_s", "-"),
		       field_count(session, "packets"),
		       output_bytes(bytes, field_count(session, "bytes")));
	}
}

static const char *listing(const json_t *route)
{
	bool a = field_flag(route, "a_lists_b"),
	     b = field_flag(route, "b_lists_a");

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
		printf("%-44s  %-5s  %-44s  %-7s  %s\n", field_text(route, "a"),
		       listing(route), field_text(route, "b"),
		       field_flag(route, "allowed") ? "yes" : "no",
		       field_text(route, "state"));
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

		printf("%-43s  %8s  %8s\n", field_text(block, "prefix"),
		       field_short_age(born, block, "age_s", "-"),
		       field_short_age(expires, block, "expires_s", "never"));
	}
}

/* ---- events ---- */

void relay_show_event(const json_t *event)
{
	const char *index = json_string_value(json_object_get(event, "index"));

	printf("%-8s %-20s %s > %s on %s, %s, %" PRIu64 " bytes%s%s\n",
	       field_text(event, "verdict"), field_text(event, "reason"),
	       field_text(event, "source"), field_text(event, "dest"),
	       field_text(event, "interface"), field_text(event, "type"),
	       field_count(event, "length"), index ? ", index " : "",
	       index ? index : "");
}
