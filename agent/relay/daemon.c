// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The relay role: what the engine decides meets the kernel here.
 *
 *	sockets ─▶ engine ─▶ mapped tables ─▶ XDP program
 *	             ▲ next hops (netlink), time, commands
 *
 * Everything is filled before the program is attached, and nothing is taken away
 * when the daemon ends: packets go on.
 */
#include "relay/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"

/* Legs a peer, where there is a range of ports to be on. */
#define LEGS_PER_PEER 4

/* ---- what the engine hears ---- */

static void on_tick(uv_timer_t *timer)
{
	relay_daemon_turn(timer->data);
}

void relay_daemon_turn(struct relay_daemon *daemon)
{
	uint64_t now = clock_now_ns();
	uint64_t due = relay_engine_tick(daemon->engine, now);
	uint64_t wait_ms = due > now ? (due - now + 999999) / 1000000 : 0;

	if (due == UINT64_MAX)
		uv_timer_stop(&daemon->tick);
	else
		uv_timer_start(&daemon->tick, on_tick, wait_ms ? wait_ms : 1,
			       0);
}

static void on_input(void *ctx, const struct wg_path *path, const void *data,
		     size_t len)
{
	struct relay_daemon *daemon = ctx;

	/* The program did not see the source of what came in pieces or with IP
	 * options, nor anything on interfaces where it is not. */
	if (relay_blocklist_has(daemon->blocklist, path->remote)) {
		relay_engine_blocked(daemon->engine);
		return;
	}
	relay_engine_input(daemon->engine, path, data, len, clock_now_ns());
}

static void on_batch_end(void *ctx)
{
	relay_daemon_turn(ctx);
}

static const struct relay_socket_ops socket_ops = {
	.input = on_input,
	.batch_end = on_batch_end,
};

static void on_next_hop(void *ctx, uint16_t leg,
			const struct relay_next_hop *hop)
{
	struct relay_daemon *daemon = ctx;

	/* While the engine takes over old legs it can not be told yet; that is
	 * made up for at once afterwards. */
	if (daemon->engine)
		relay_engine_next_hop(daemon->engine, leg, hop);
}

static void on_attached(void *ctx, const struct relay_device *devices,
			size_t count)
{
	struct relay_daemon *daemon = ctx;

	relay_nexthops_attached(daemon->nexthops, devices, count);
}

/* ---- saved state ---- */

void relay_daemon_dirty(void *ctx)
{
	struct relay_daemon *daemon = ctx;

	/* Taking over old tables is no change of ours. */
	if (daemon->engine)
		statefile_dirty(daemon->statefile);
}

static json_t *make_state(void *ctx)
{
	struct relay_daemon *daemon = ctx;
	json_t *engine = relay_engine_save(daemon->engine);

	return engine ? json_pack("{s:o, s:o}", "engine", engine, "blocks",
				  relay_blocklist_save(daemon->blocklist))
		      : NULL;
}

/* Legs that were taken over and blocked meanwhile: one look each, however long
 * the list of blocks is. */
static void drop_blocked_legs(struct relay_daemon *daemon)
{
	const struct relay_leg *legs = daemon->legs;
	struct relay_block_key key = {.prefixlen = 128};

	for (size_t i = 1; i < daemon->leg_count; i++) {
		if (!(legs[i].flags & RELAY_LEG_INUSE) ||
		    !relay_blocklist_has(daemon->blocklist, legs[i].addr))
			continue;
		memcpy(key.addr, legs[i].addr, sizeof(key.addr));
		relay_engine_block(daemon->engine, &key, clock_now_ns());
	}
}

/* A state that can not be read is no reason to stay down: peers come back by
 * themselves, a keepalive later. It is kept for whoever wants to know. */
static void restore_state(struct relay_daemon *daemon)
{
	const char *path = daemon->settings->state_file;
	bool whole = true;
	json_t *state;

	if (statefile_read(daemon->statefile, &state))
		return;
	/* Of a set that was taken over the trie is newer than the file. */
	if (!loader_adopted(daemon->loader) &&
	    relay_blocklist_restore(daemon->blocklist,
				    json_object_get(state, "blocks"))) {
		log_warn("%s: the blocked sources could not be restored", path);
		whole = false;
	}
	if (relay_engine_restore(daemon->engine,
				 json_object_get(state, "engine"),
				 clock_now_ns())) {
		log_warn("%s: the peers could not be restored", path);
		whole = false;
	}
	json_decref(state);
	if (!whole)
		statefile_set_aside(daemon->statefile);
}

/* ---- starting ---- */

static int open_set(struct relay_daemon *daemon)
{
	const struct relay_settings *settings = daemon->settings;
	uint64_t legs = settings->max_peers;
	struct loader_relay_sizes sizes = {
		.sessions = settings->max_sessions,
		.peers = settings->max_peers,
	};
	int err;

	if (settings->port_max > settings->port_min)
		legs *= LEGS_PER_PEER;
	sizes.legs = (uint32_t)(legs < RELAY_LEG_MAX ? legs : RELAY_LEG_MAX);
	err = loader_relay_open(&daemon->loader, daemon->role->pin_root,
				&sizes);
	if (err) {
		log_error("%s", loader_error());
		return err;
	}
	daemon->reason_fd = loader_map_fd(daemon->loader, "relay_reason");
	daemon->spill_fd = loader_map_fd(daemon->loader, "relay_spill");
	daemon->known_fd = loader_map_fd(daemon->loader, "relay_known");
	daemon->leg_count_fd = loader_map_fd(daemon->loader, "relay_leg_count");
	daemon->zeros =
		calloc((size_t)loader_cpus(), sizeof(struct relay_leg_count));
	return daemon->zeros ? 0 : -ENOMEM;
}

static int fill_tables(struct relay_daemon *daemon, struct relay_tables *tables)
{
	struct loader *loader = daemon->loader;
	size_t counts, peers, configs;

	*tables = (struct relay_tables){.cpus = loader_meta(loader)->cpus};
	tables->config = loader_map_memory(loader, "relay_config", &configs);
	tables->buckets = loader_map_memory(loader, "relay_session",
					    &tables->bucket_count);
	tables->counts = loader_map_memory(loader, "relay_count", &counts);
	tables->legs =
		loader_map_memory(loader, "relay_leg", &tables->leg_count);
	tables->peers = loader_map_memory(loader, "relay_peer", &peers);
	if (!tables->config || !tables->buckets || !tables->counts ||
	    !tables->legs || !tables->peers || !tables->cpus) {
		log_error("the relay's maps can not be mapped: %s",
			  loader_error());
		return -EIO;
	}
	tables->count_stride = counts / tables->cpus;
	daemon->config = tables->config;
	daemon->legs = tables->legs;
	daemon->leg_count = tables->leg_count;
	return 0;
}

static int open_engine(struct relay_daemon *daemon)
{
	struct relay_tables tables;
	int err = fill_tables(daemon, &tables);

	if (err)
		return err;
	err = relay_engine_new(&daemon->engine, daemon->settings, &tables,
			       &relay_hands, daemon, clock_now_ns());
	if (err) {
		log_error("can not start the relay: %s", strerror(-err));
		return err;
	}
	relay_nexthops_repeat(daemon->nexthops);
	return 0;
}

/* What the engine needs from its first moment on. */
static int open_hands(struct relay_daemon *daemon)
{
	const struct relay_settings *settings = daemon->settings;
	uv_loop_t *loop = daemon->role->loop;
	int err = statefile_open(&daemon->statefile, loop, "relay",
				 settings->state_file, make_state, daemon);

	if (!err)
		err = relay_blocklist_open(
			&daemon->blocklist, loop,
			loader_map_fd(daemon->loader, "relay_block"),
			relay_daemon_dirty, daemon);
	if (!err)
		err = relay_blocklist_adopt(daemon->blocklist);
	if (!err)
		err = relay_local_open(
			&daemon->local, loop,
			loader_map_fd(daemon->loader, "relay_local"));
	if (!err)
		err = relay_nexthops_open(&daemon->nexthops, loop, on_next_hop,
					  daemon);
	if (err)
		log_error("can not read addresses, routes and blocks: %s",
			  strerror(-err));
	return err;
}

static int open_all(struct relay_daemon *daemon)
{
	const struct relay_settings *settings = daemon->settings;
	uv_loop_t *loop = daemon->role->loop;
	int err = open_set(daemon);

	if (!err) /* logs the port itself */
		err = relay_sockets_open(&daemon->sockets, loop,
					 settings->port_min, settings->port_max,
					 &socket_ops, daemon);
	if (!err)
		err = open_hands(daemon);
	if (!err)
		err = open_engine(daemon);
	if (err)
		return err;
	restore_state(daemon);
	drop_blocked_legs(daemon);
	err = relay_monitor_open(&daemon->monitor, daemon);
	if (!err)
		err = relay_scrape_open(daemon, settings->metrics_listen);
	if (!err)
		err = relay_commands_add(daemon, daemon->role->control);
	if (!err)
		err = relay_attach_open(&daemon->attach, loop, daemon->loader,
					on_attached, daemon);
	/* The last step: from here on the program sees packets. */
	return err ? err : relay_attach_apply(daemon->attach, settings);
}

static void free_settings(void *arg)
{
	struct relay_settings *settings = arg;

	if (!settings)
		return;
	relay_settings_clear(settings);
	sodium_free(settings);
}

static void tick_closed(uv_handle_t *handle)
{
	struct relay_daemon *daemon = handle->data;

	free_settings(daemon->settings);
	free(daemon->zeros);
	free(daemon);
}

static void stop(void *state)
{
	struct relay_daemon *daemon = state;

	http_server_close(daemon->http);
	relay_monitor_close(daemon->monitor);
	/* Timestamps and addresses of the last minutes are not worth a save of
	 * their own, but the last one shall have them. */
	if (daemon->running)
		statefile_dirty(daemon->statefile);
	statefile_close(daemon->statefile);
	relay_attach_close(daemon->attach);
	relay_sockets_close(daemon->sockets);
	relay_engine_free(daemon->engine);
	relay_nexthops_close(daemon->nexthops);
	relay_local_close(daemon->local);
	relay_blocklist_close(daemon->blocklist);
	loader_close(daemon->loader);
	uv_close((uv_handle_t *)&daemon->tick, tick_closed);
}

/* A set that this process made and could not put to work is of no use. */
static void fail_start(struct relay_daemon *daemon)
{
	bool ours = daemon->loader && !loader_adopted(daemon->loader);
	const char *pin_root = daemon->role->pin_root;

	stop(daemon);
	if (ours && loader_relay_unload(pin_root))
		log_warn("can not remove the pins again: %s", loader_error());
}

static void log_start(const struct relay_daemon *daemon)
{
	const struct relay_settings *settings = daemon->settings;
	char ports[16];
	wg_key_text key;

	snprintf(ports, sizeof(ports),
		 settings->port_min == settings->port_max ? "%u" : "%u-%u",
		 settings->port_min, settings->port_max);
	wg_key_format(key, &daemon->public_key);
	log_info("relay %s on UDP %s%s", key, ports,
		 loader_adopted(daemon->loader)
			 ? ", with the sessions of before"
			 : "");
}

static int start(void **out, void *settings, const struct role_context *context)
{
	struct relay_daemon *daemon = calloc(1, sizeof(*daemon));
	int err;

	if (!daemon) {
		free_settings(settings);
		return -ENOMEM;
	}
	daemon->role = context;
	daemon->settings = settings;
	daemon->started_ns = clock_now_ns();
	daemon->started_at = clock_wall_ns() / CLOCK_SECOND_NS;
	uv_timer_init(context->loop, &daemon->tick);
	daemon->tick.data = daemon;
	log_set_level(daemon->settings->log_level);
	err = wg_key_public(&daemon->public_key,
			    &daemon->settings->private_key);
	if (!err)
		err = open_all(daemon);
	if (err) {
		fail_start(daemon);
		return err;
	}
	relay_sockets_start(daemon->sockets);
	relay_daemon_turn(daemon);
	log_start(daemon);
	daemon->running = true;
	*out = daemon;
	return 0;
}

/* ---- reloading ---- */

static int reload_metrics(struct relay_daemon *daemon,
			  const struct relay_settings *settings)
{
	if (!strcmp(settings->metrics_listen, daemon->settings->metrics_listen))
		return 0;
	http_server_close(daemon->http);
	daemon->http = NULL;
	return relay_scrape_open(daemon, settings->metrics_listen);
}

/*
 * The engine judges first: if it says no, nothing has changed. What may fail
 * after it (an interface, the port of the metrics) fails alone and is logged.
 */
static int reload(void *state, void *new_settings)
{
	struct relay_daemon *daemon = state;
	struct relay_settings *settings = new_settings;
	int err = relay_engine_reload(daemon->engine, settings, clock_now_ns()),
	    failed;

	if (err) {
		free_settings(settings);
		return err;
	}
	log_set_level(settings->log_level);
	err = reload_metrics(daemon, settings);
	failed = relay_attach_apply(daemon->attach, settings);
	statefile_set_path(daemon->statefile, settings->state_file);
	free_settings(daemon->settings);
	daemon->settings = settings;
	relay_daemon_turn(daemon);
	return err ? err : failed;
}

/* ---- settings ---- */

static int parse(void **out, const char *path, const char *text, size_t len,
		 struct ini_error *error)
{
	struct relay_settings *settings = sodium_malloc(sizeof(*settings));
	int err;

	if (!settings) {
		*error = (struct ini_error){
			.line = 1, .column = 1, .text = "out of memory"};
		return -ENOMEM;
	}
	err = relay_settings_parse(settings, path, text, len, error);
	if (err) {
		sodium_free(settings);
		return err;
	}
	*out = settings;
	return 0;
}

static void check(const void *arg)
{
	const struct relay_settings *settings = arg;

	for (size_t i = 0; i < settings->interface_count; i++) {
		if (!if_nametoindex(settings->interfaces[i]))
			log_warn("there is no interface %s now",
				 settings->interfaces[i]);
	}
	if (!settings->allow_all && !settings->allowed_count)
		log_warn(
			"AllowedPublicKeys is empty: nobody may use the relay");
}

const struct role role_relay = {
	.section = "Relay",
	.name = "relay",
	.parse = parse,
	.check = check,
	.free_settings = free_settings,
	.start = start,
	.reload = reload,
	.stop = stop,
};
