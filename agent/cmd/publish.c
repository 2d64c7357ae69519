// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/publish.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clock.h"
#include "cmd/plan.h"
#include "cmd/tunnel.h"
#include "relay/list_client.h"

#define STALE_TRIES 3
#define SESSION_LIFE_S 180 /* REJECT_AFTER_TIME */

struct run {
	const struct site *site;
	const struct conf_peer *relay;
	struct wg_allowed_ip to; /* the relay inside the tunnel */
	int fd;
	int send_error; /* the last one; a tunnel may take a moment */
};

/* ---- the socket ---- */

static int connect_socket(struct run *run)
{
	const char *name = run->site->interface;
	union wg_endpoint to = {0};

	if (run->to.family == AF_INET) {
		to.v4.sin_family = AF_INET;
		to.v4.sin_port = htons(RELAY_CONTROL_PORT);
		to.v4.sin_addr = run->to.v4;
	} else {
		to.v6.sin6_family = AF_INET6;
		to.v6.sin6_port = htons(RELAY_CONTROL_PORT);
		to.v6.sin6_addr = run->to.v6;
	}
	run->fd = socket(run->to.family,
			 SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (run->fd < 0)
		return -errno;
	/* Into the tunnel and nowhere else, whatever the routes say. */
	if (setsockopt(run->fd, SOL_SOCKET, SO_BINDTODEVICE, name,
		       (socklen_t)strlen(name) + 1) ||
	    connect(run->fd, &to.any,
		    run->to.family == AF_INET ? sizeof(to.v4) : sizeof(to.v6)))
		return -errno;
	return 0;
}

/* Waits for an answer until the client has something to send again. */
static void await_answer(struct run *run, const struct list_client *client)
{
	struct pollfd pollfd = {.fd = run->fd, .events = POLLIN};
	uint64_t due = list_client_due(client), now = clock_now_ns();
	uint64_t ms = due > now ? (due - now) / 1000000 + 1 : 0;

	poll(&pollfd, 1, ms < 1000 ? (int)ms : 1000);
}

static void exchange(struct run *run, struct list_client *client)
{
	uint8_t buffer[RELAY_CONTROL_MAX];
	ssize_t len;

	while (client->state == LIST_CLIENT_BUSY) {
		while ((len = list_client_next(client, clock_now_ns(), buffer,
					       sizeof(buffer))) > 0)
			if (send(run->fd, buffer, (size_t)len, 0) < 0)
				run->send_error = errno;
		if (client->state != LIST_CLIENT_BUSY)
			break;
		await_answer(run, client);
		while ((len = recv(run->fd, buffer, sizeof(buffer), 0)) >= 0)
			list_client_take(client, buffer, (size_t)len);
	}
}

/* ---- what went wrong ---- */

/* No answer: did the relay's tunnel ever come up? */
static int explain_silence(const struct run *run)
{
	const struct site *site = run->site;
	char endpoint[CONF_ENDPOINT_TEXT], to[CONF_PREFIX_TEXT];
	struct wg_device device = {0};
	time_t handshake = 0;
	wg_key_text own;

	conf_format_endpoint(endpoint, &run->relay->endpoint);
	conf_format_prefix(to, &run->to);
	*strchr(to, '/') = '\0';
	wg_key_format(own, &site->public_key);
	if (!wg_device_get(&device, site->interface))
		for (size_t i = 0; i < device.peer_count; i++)
			if (wg_key_equal(&device.peers[i].public_key,
					 &run->relay->public_key))
				handshake =
					device.peers[i].last_handshake.tv_sec;
	wg_device_clear(&device);
	if (handshake && time(NULL) - handshake < SESSION_LIFE_S)
		return cmd_fail(
			"the tunnel to the relay is up, but nothing answers at %s port %u in it: is that relay a sluiced?",
			to, RELAY_CONTROL_PORT);
	return cmd_fail(
		"no handshake with the relay at %s: does its AllowedPublicKeys have %s, is its key the one in %s, does UDP reach it?%s%s",
		endpoint, own, site->path, run->send_error ? " Sending: " : "",
		run->send_error ? strerror(run->send_error) : "");
}

static int explain(const struct run *run, const struct list_client *client)
{
	switch (client->state) {
	case LIST_CLIENT_REFUSED:
		return cmd_fail(
			"the relay refuses the list of %zu keys: it takes at most %d, and from peers it knows only",
			client->key_count, RELAY_LIST_MAX);
	case LIST_CLIENT_STALE:
		return cmd_fail(
			"the relay has newer lists from this key, time and again: does another host use it?");
	default:
		return explain_silence(run);
	}
}

/* ---- one run, and again with a newer version ---- */

static int publish_keys(struct run *run, const struct wg_key *keys,
			size_t count, struct published *published)
{
	uint64_t version = run->site->changed_ms, nonce;
	enum list_client_state state = LIST_CLIENT_STALE;
	struct list_client client;
	int err = CMD_OK;

	for (int i = 1; state == LIST_CLIENT_STALE && !err; i++) {
		uint64_t now_ms = clock_wall_ns() / 1000000;

		randombytes_buf(&nonce, sizeof(nonce));
		err = list_client_init(&client, keys, count, version, nonce);
		if (err)
			return cmd_fail(
				"%zu keys are too many for one list: %s", count,
				strerror(-err));
		exchange(run, &client);
		*published = (struct published){version, count};
		state = client.state;
		if (state != LIST_CLIENT_DONE &&
		    (state != LIST_CLIENT_STALE || i == STALE_TRIES))
			err = explain(run, &client);
		version = client.relay_version + 1;
		if (version < now_ms)
			version = now_ms;
		list_client_clear(&client);
	}
	return err;
}

/* Any address that the tunnel carries to the relay does; hosts are the rule. */
static int find_relay(struct run *run)
{
	const struct site *site = run->site;

	run->relay = conf_relay(&site->conf);
	if (!run->relay)
		return cmd_fail(
			"%s: no [Peer] is the relay: write '# sluice: relay' below the [Peer] that is",
			site->path);
	for (size_t i = 0; i < run->relay->allowed_ips.count; i++) {
		run->to = run->relay->allowed_ips.list[i];
		if (run->to.prefix)
			return CMD_OK;
	}
	return cmd_fail(
		"%s:%u: the relay has no AllowedIPs to reach it at inside the tunnel: give it one, like 10.120.0.2/32",
		site->path, run->relay->line);
}

int publish(const struct site *site, struct published *published)
{
	struct run run = {.site = site, .fd = -1};
	struct wg_key *keys = NULL;
	size_t count;
	int err = find_relay(&run);

	if (err)
		return err;
	if (!tunnel_is_up(site))
		return cmd_fail("%s is not up: 'sluice %s start' makes it",
				site->interface, site->context->group->name);
	err = connect_socket(&run);
	if (err)
		err = cmd_fail(
			"%s: no socket to the relay: %s", site->interface,
			err == -EPERM ? "run this as root" : strerror(-err));
	else if (plan_consent(&keys, &count, &site->conf))
		err = cmd_fail("no memory");
	else
		err = publish_keys(&run, keys, count, published);
	free(keys);
	if (run.fd >= 0)
		close(run.fd);
	return err;
}

json_t *publish_json(const struct published *published)
{
	if (!published)
		return json_null();
	return json_pack("{s:I, s:I}", "version",
			 (json_int_t)published->version, "count",
			 (json_int_t)published->count);
}
