// SPDX-License-Identifier: GPL-2.0-or-later
/* What Prometheus asks for: the page of MetricsListen, and the links on it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "relay/daemon.h"
#include "relay/metrics.h"
#include "relay/reasons.h"

static bool has_link(const struct loader_link *links, size_t count,
		     const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(links[i].ifname, name))
			return true;
	}
	return false;
}

int relay_daemon_links(const struct relay_daemon *daemon,
		       struct loader_link **out, size_t *out_count)
{
	const struct relay_settings *settings = daemon->settings;
	size_t max = 4 * RELAY_INTERFACES_MAX, count;
	struct loader_link *links =
		calloc(max + settings->interface_count, sizeof(*links));
	int got;

	if (!links)
		return -ENOMEM;
	got = loader_links(daemon->loader, links, max);
	if (got < 0) {
		free(links);
		return got;
	}
	count = (size_t)got < max ? (size_t)got : max;
	for (size_t i = 0; i < settings->interface_count; i++) {
		if (!has_link(links, count, settings->interfaces[i]))
			memcpy(links[count++].ifname, settings->interfaces[i],
			       IF_NAMESIZE);
	}
	*out = links;
	*out_count = count;
	return 0;
}

static char *render_metrics(void *ctx, size_t *len)
{
	struct relay_daemon *daemon = ctx;
	struct sluice_count reasons[SLUICE_REASON_COUNT];
	char build[SLUICE_BUILD_LEN + 1] = "";
	struct relay_metrics metrics = {.reasons = reasons,
					.build = build,
					.started_at = daemon->started_at};
	json_t *status = relay_engine_status(daemon->engine, clock_now_ns());
	struct loader_link *links = NULL;
	char *text = NULL;

	metrics.status = status;
	memcpy(build, loader_meta(daemon->loader)->build, SLUICE_BUILD_LEN);
	metrics.outcome_count =
		relay_engine_outcomes(daemon->engine, &metrics.outcome_names,
				      &metrics.outcome_values);
	if (status && !relay_reasons_read(daemon->reason_fd, reasons) &&
	    !relay_daemon_links(daemon, &links, &metrics.link_count)) {
		metrics.links = links;
		text = relay_metrics_render(&metrics, len);
	}
	free(links);
	json_decref(status);
	return text;
}

static const struct http_page pages[] = {
	{"/metrics", "text/plain; version=0.0.4; charset=utf-8",
	 render_metrics},
	{NULL},
};

int relay_scrape_open(struct relay_daemon *daemon, const char *listen)
{
	uint8_t addr[16];
	uint16_t port;
	int err;

	if (!*listen)
		return 0;
	err = address_parse_endpoint(addr, &port, listen);
	if (!err)
		err = http_server_open(&daemon->http, daemon->role->loop, addr,
				       port, pages, daemon);
	if (err)
		log_error("can not serve metrics on %s: %s", listen,
			  strerror(-err));
	return err;
}
