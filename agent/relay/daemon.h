/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The relay role inside sluiced: the engine and everything that acts for it.
 * daemon.c puts the parts together, hands.c acts for the engine, commands.c and
 * monitor.c answer on the control socket, scrape.c answers Prometheus.
 */
#ifndef SLUICE_RELAY_DAEMON_H
#define SLUICE_RELAY_DAEMON_H

#include <uv.h>

#include "base/http.h"
#include "base/role.h"
#include "base/statefile.h"
#include "loader/loader.h"
#include "relay/attach.h"
#include "relay/blocklist.h"
#include "relay/engine.h"
#include "relay/local.h"
#include "relay/nexthop.h"
#include "relay/socket.h"

struct relay_monitor;

struct relay_daemon {
	const struct role_context *role;
	struct relay_settings *settings; /* locked memory */
	struct wg_key public_key;
	struct loader *loader;
	struct relay_config *config; /* mapped */
	const struct relay_leg *legs; /* mapped; [0] is never used */
	size_t leg_count;
	int reason_fd, spill_fd, known_fd, leg_count_fd;
	struct relay_engine *engine;
	struct relay_sockets *sockets;
	struct relay_local *local;
	struct relay_nexthops *nexthops;
	struct relay_attach *attach;
	struct relay_blocklist *blocklist;
	struct relay_monitor *monitor;
	struct statefile *statefile;
	struct http_server *http;
	uv_timer_t tick; /* when the engine is due */
	bool running; /* started, so that its state is worth a save */
	void *zeros; /* a leg's counters of all CPUs */
	uint64_t started_ns,
		started_at; /* monotonic; seconds since the epoch */
};

/* Lets the engine do what is due, and sets the clock for the next time. */
void relay_daemon_turn(struct relay_daemon *daemon);

/* Something worth saving changed. */
void relay_daemon_dirty(void *daemon);

/* hands.c: what the engine acts with; its ctx is the daemon. */
extern const struct relay_ops relay_hands;

/* scrape.c: serves metrics, unless `listen` is "". Logs why it can not. */
int relay_scrape_open(struct relay_daemon *daemon, const char *listen);
/* Links of the set, and the configured interfaces that have none. malloc'd. */
int relay_daemon_links(const struct relay_daemon *daemon,
		       struct loader_link **links, size_t *count);

/* commands.c */
int relay_commands_add(struct relay_daemon *daemon, struct control *control);

/* monitor.c: drop events to those clients that asked for them. */
int relay_monitor_open(struct relay_monitor **out, struct relay_daemon *daemon);
void relay_monitor_close(struct relay_monitor *monitor);
int relay_monitor_watch(struct relay_monitor *monitor,
			struct control_client *client);

#endif
