// SPDX-License-Identifier: GPL-2.0-or-later
/* The text for Prometheus: complete, well formed, and without a word about peers. */
#include <ctype.h>
#include <stdlib.h>

#include "relay/metrics.h"
#include "tap.h"

static struct sluice_count reasons[SLUICE_REASON_COUNT];
static const char *const outcome_names[] = {"leg_made", "leg_moved"};
static const uint64_t outcome_values[] = {3, UINT64_MAX};
static const struct loader_link links[] = {
	{.ifname = "eth0", .attached = true, .native = true},
	{.ifname = "a\"b\\c", .attached = false},
};

static char *render(const char *status_text)
{
	json_t *status = json_loads(status_text, 0, NULL);
	struct relay_metrics metrics = {
		.reasons = reasons,
		.outcome_count = 2,
		.outcome_names = outcome_names,
		.outcome_values = outcome_values,
		.status = status,
		.links = links,
		.link_count = 2,
		.build = "0123abcd",
		.started_at = 1700000000,
	};
	size_t len = 0;
	char *text = relay_metrics_render(&metrics, &len);

	ok(text && strlen(text) == len, "the length fits");
	json_decref(status);
	return text;
}

static void has(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	ok(at && (at == text || at[-1] == '\n') && at[strlen(line)] == '\n',
	   "has %s", line);
}

/* NAME{labels} VALUE, after the HELP and TYPE of that NAME. */
static bool well_formed(char *text)
{
	char type[128] = "", *line, *rest = text;

	while ((line = strsep(&rest, "\n"))) {
		size_t len = strcspn(line, "{ ");
		char *value = strrchr(line, ' ');

		if (!rest)
			return !*line; /* it ends in a newline */
		if (!strncmp(line, "# TYPE ", 7)) {
			snprintf(type, sizeof(type), "%.*s",
				 (int)strcspn(line + 7, " "), line + 7);
			continue;
		}
		if (!strncmp(line, "# HELP ", 7))
			continue;
		if (strncmp(line, type, len) || type[len] || !value ||
		    !isdigit(value[1])) {
			printf("# line '%s'\n", line);
			return false;
		}
	}
	return false;
}

int main(void)
{
	char *text;

	reasons[SLUICE_REASON_stranger] = (struct sluice_count){7, 1064};
	text = render(
		"{\"public_key\": \"SECRETLY-WHO\", \"peers\": {\"count\": 2, \"max\": 16384},"
		"\"sessions\": {\"live\": 4}, \"user_space\": {\"data_packets\": 5}}");
	has(text, "# TYPE sluice_relay_packets_total counter");
	has(text,
	    "sluice_relay_packets_total{reason=\"stranger\",verdict=\"drop\"} 7");
	has(text,
	    "sluice_relay_bytes_total{reason=\"stranger\",verdict=\"drop\"} 1064");
	has(text,
	    "sluice_relay_packets_total{reason=\"broken\",verdict=\"drop\"} 0");
	has(text,
	    "sluice_relay_outcomes_total{outcome=\"leg_moved\"} 18446744073709551615");
	has(text, "# TYPE sluice_relay_peers gauge");
	has(text, "sluice_relay_peers 2");
	has(text, "sluice_relay_peers_max 16384");
	has(text, "sluice_relay_sessions 4");
	has(text, "sluice_relay_user_space_data_packets_total 5");
	has(text,
	    "sluice_relay_interface_attached{interface=\"eth0\",mode=\"native\"} 1");
	has(text,
	    "sluice_relay_interface_attached{interface=\"a\\\"b\\\\c\",mode=\"generic\"} 0");
	has(text,
	    "sluice_bpf_program_info{name=\"relay\",build=\"0123abcd\"} 1");
	has(text, "process_start_time_seconds 1700000000");
	ok(!strstr(text, "sluice_relay_legs "),
	   "a figure that nobody reports is left out");
	ok(!strstr(text, "SECRETLY"), "nothing else of the report gets in");
	ok(well_formed(text), "every line is one of the format's");
	free(text);
	return tap_done();
}
