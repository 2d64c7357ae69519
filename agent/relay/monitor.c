// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `sluice relay monitor`: the program writes events only while the flag
 * RELAY_MONITOR is set, and it is set only while somebody watches.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "relay/daemon.h"
#include "relay/reasons.h"
#include "wg/json.h"

struct watcher {
	struct control_client *client;
	struct watcher *next;
};

struct relay_monitor {
	struct relay_daemon *daemon;
	uv_poll_t poll;
	struct watcher *watchers;
};

static void set_flag(struct relay_monitor *monitor)
{
	uint32_t *flags = &monitor->daemon->config->flags;

	if (monitor->watchers)
		__atomic_fetch_or(flags, RELAY_MONITOR, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(flags, ~(uint32_t)RELAY_MONITOR,
				   __ATOMIC_RELAXED);
}

static const char *type_name(uint8_t type)
{
	static const char *const names[] = {"none", "initiation", "response",
					    "cookie", "data"};

	return type < sizeof(names) / sizeof(names[0]) ? names[type]
						       : "unknown";
}

/* An initiation has no receiver. */
static json_t *index_of(const struct relay_event *event)
{
	if (event->type < WG_RESPONSE || event->type > WG_DATA)
		return json_null();
	return json_of_index(event->index);
}

static json_t *describe(const struct relay_event *event)
{
	const struct relay_reason_text *reason;
	uint64_t now = clock_now_ns();
	char name[IF_NAMESIZE] = "?";

	if (event->reason >= SLUICE_REASON_COUNT)
		return NULL;
	reason = &relay_reason_texts[event->reason];
	if_indextoname(event->ifindex, name);
	return json_pack(
		"{s:{s:s, s:s, s:o, s:o, s:s, s:s, s:i, s:o, s:f}}", "event",
		"reason", reason->name, "verdict", reason->verdict, "source",
		json_of_endpoint(event->source, ntohs(event->source_port)),
		"dest", json_of_endpoint(event->dest, ntohs(event->dest_port)),
		"interface", name, "type", type_name(event->type), "length",
		(int)event->length, "index", index_of(event), "age_s",
		now > event->at_ns ? (double)(now - event->at_ns) / 1e9 : 0.0);
}

static void on_event(void *ctx, const struct relay_event *event)
{
	struct relay_monitor *monitor = ctx;
	json_t *message = monitor->watchers ? describe(event) : NULL;

	if (!message)
		return;
	/* A watcher that reads too slowly misses some. */
	for (struct watcher *watcher = monitor->watchers; watcher;
	     watcher = watcher->next)
		control_client_push(watcher->client, json_incref(message));
	json_decref(message);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct relay_monitor *monitor = poll->data;

	(void)status;
	(void)events;
	loader_events_consume(monitor->daemon->loader);
}

static void on_close(void *ctx, struct control_client *client)
{
	struct relay_monitor *monitor = ctx;

	for (struct watcher **at = &monitor->watchers; *at; at = &(*at)->next) {
		struct watcher *watcher = *at;

		if (watcher->client != client)
			continue;
		*at = watcher->next;
		free(watcher);
		break;
	}
	set_flag(monitor);
}

int relay_monitor_watch(struct relay_monitor *monitor,
			struct control_client *client)
{
	struct watcher *watcher;

	for (watcher = monitor->watchers; watcher; watcher = watcher->next) {
		if (watcher->client == client)
			return -EALREADY;
	}
	watcher = calloc(1, sizeof(*watcher));
	if (!watcher)
		return -ENOMEM;
	watcher->client = client;
	watcher->next = monitor->watchers;
	monitor->watchers = watcher;
	control_client_on_close(client, on_close, monitor);
	set_flag(monitor);
	return 0;
}

int relay_monitor_open(struct relay_monitor **out, struct relay_daemon *daemon)
{
	struct relay_monitor *monitor = calloc(1, sizeof(*monitor));
	int err;

	if (!monitor)
		return -ENOMEM;
	monitor->daemon = daemon;
	/* A process that was killed may have left it set. */
	set_flag(monitor);
	err = loader_events_open(daemon->loader, on_event, monitor);
	if (!err)
		err = uv_poll_init(daemon->role->loop, &monitor->poll,
				   loader_events_fd(daemon->loader));
	if (err) {
		log_error("can not read drop events: %s", loader_error());
		free(monitor);
		return err;
	}
	monitor->poll.data = monitor;
	uv_poll_start(&monitor->poll, UV_READABLE, on_poll);
	*out = monitor;
	return 0;
}

static void poll_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void relay_monitor_close(struct relay_monitor *monitor)
{
	if (!monitor)
		return;
	while (monitor->watchers) {
		struct watcher *watcher = monitor->watchers;

		control_client_on_close(watcher->client, NULL, NULL);
		monitor->watchers = watcher->next;
		free(watcher);
	}
	set_flag(monitor);
	uv_close((uv_handle_t *)&monitor->poll, poll_closed);
}
