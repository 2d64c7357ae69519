// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void describe(FILE *out, const char *name, const char *type,
		     const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Label values that others choose: the format's three escapes. */
static void print_label(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

static void print_reasons(FILE *out, const struct relay_metrics *metrics)
{
	describe(
		out, "sluice_relay_packets_total", "counter",
		"Packets that met the relay's XDP program, by verdict and reason.");
	for (int i = 0; i < SLUICE_REASON_COUNT; i++)
		fprintf(out,
			"sluice_relay_packets_total{reason=\"%s\",verdict=\"%s\"} %" PRIu64
			"\n",
			relay_reason_texts[i].name,
			relay_reason_texts[i].verdict,
			(uint64_t)metrics->reasons[i].packets);
	describe(out, "sluice_relay_bytes_total", "counter",
		 "Bytes of those packets, Ethernet header included.");
	for (int i = 0; i < SLUICE_REASON_COUNT; i++)
		fprintf(out,
			"sluice_relay_bytes_total{reason=\"%s\",verdict=\"%s\"} %" PRIu64
			"\n",
			relay_reason_texts[i].name,
			relay_reason_texts[i].verdict,
			(uint64_t)metrics->reasons[i].bytes);
}

static void print_outcomes(FILE *out, const struct relay_metrics *metrics)
{
	describe(out, "sluice_relay_outcomes_total", "counter",
		 "Decisions of the agent on what the program passed to it.");
	for (size_t i = 0; i < metrics->outcome_count; i++)
		fprintf(out,
			"sluice_relay_outcomes_total{outcome=\"%s\"} %" PRIu64
			"\n",
			metrics->outcome_names[i], metrics->outcome_values[i]);
}

/* Figures of the status report: {object, member} of it. */
static const struct {
	const char *name, *type, *object, *member, *help;
} gauges[] = {
	{"sluice_relay_peers", "gauge", "peers", "count",
	 "Peers that the relay knows."},
	{"sluice_relay_peers_max", "gauge", "peers", "max", "Peers that fit."},
	{"sluice_relay_legs", "gauge", "peers", "legs",
	 "Addresses of peers on relay ports."},
	{"sluice_relay_legs_max", "gauge", "peers", "legs_max",
	 "Legs that fit."},
	{"sluice_relay_sessions", "gauge", "sessions", "live",
	 "Receiver indices that are forwarded."},
	{"sluice_relay_sessions_max", "gauge", "sessions", "max",
	 "Receiver indices that fit."},
	{"sluice_relay_sessions_spilled", "gauge", "sessions", "spilled",
	 "Receiver indices that found their bucket full."},
	{"sluice_relay_handshakes_pending", "gauge", "sessions", "pending",
	 "Forwarded initiations that wait for their response."},
	{"sluice_relay_user_space_data_packets_total", "counter", "user_space",
	 "data_packets", "Data packets that took the way through the agent."},
	{"sluice_relay_user_space_data_bytes_total", "counter", "user_space",
	 "data_bytes", "Bytes of those."},
};

static void print_gauges(FILE *out, const struct relay_metrics *metrics)
{
	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
		const json_t *object =
			json_object_get(metrics->status, gauges[i].object);
		const json_t *value = json_object_get(object, gauges[i].member);

		if (!json_is_integer(value))
			continue;
		describe(out, gauges[i].name, gauges[i].type, gauges[i].help);
		fprintf(out, "%s %" JSON_INTEGER_FORMAT "\n", gauges[i].name,
			json_integer_value(value));
	}
}

static void print_interfaces(FILE *out, const struct relay_metrics *metrics)
{
	describe(out, "sluice_relay_interface_attached", "gauge",
		 "1 if the kernel runs the program on the interface, by mode.");
	for (size_t i = 0; i < metrics->link_count; i++) {
		const struct loader_link *link = &metrics->links[i];

		fputs("sluice_relay_interface_attached{interface=\"", out);
		print_label(out, link->ifname);
		fprintf(out, "\",mode=\"%s\"} %d\n",
			link->native ? "native" : "generic", link->attached);
	}
}

static void print_info(FILE *out, const struct relay_metrics *metrics)
{
	describe(out, "sluice_bpf_program_info", "gauge",
		 "The loaded program's build.");
	fputs("sluice_bpf_program_info{name=\"relay\",build=\"", out);
	print_label(out, metrics->build);
	fputs("\"} 1\n", out);
	describe(out, "process_start_time_seconds", "gauge",
		 "Start of the agent, seconds since the epoch.");
	fprintf(out, "process_start_time_seconds %" PRIu64 "\n",
		metrics->started_at);
}

char *relay_metrics_render(const struct relay_metrics *metrics, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);
	int failed;

	if (!out)
		return NULL;
	print_reasons(out, metrics);
	print_outcomes(out, metrics);
	print_gauges(out, metrics);
	print_interfaces(out, metrics);
	print_info(out, metrics);
	failed = ferror(out);
	if (fclose(out) || failed) {
		free(text);
		return NULL;
	}
	return text;
}
