// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/tunnel.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "cmd/link.h"
#include "wg/device_model.h"

#define RESOLVE_TRIES 4 /* 1, 2 and 4 s between them */
#define RESOLVE_SECONDS 8 /* no try begins later than this */
#define FIRST_TABLE 51820 /* of default routes, as wg-quick chooses */

/* ---- endpoints ---- */

/* Most peers of a hub have the same host: the relay. */
struct resolver {
	char host[CONF_HOST_LEN];
	union wg_endpoint address;
};

/* Names may not resolve yet while a host boots. */
static int look_up(union wg_endpoint *address, const char *host)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	struct addrinfo *found = NULL;
	struct timespec start, now;
	int err = EAI_AGAIN;

	clock_gettime(CLOCK_MONOTONIC, &start);
	now = start;
	for (unsigned int i = 0; err == EAI_AGAIN && i < RESOLVE_TRIES &&
				 now.tv_sec - start.tv_sec < RESOLVE_SECONDS;
	     i++) {
		if (i)
			sleep(1u << (i - 1));
		err = getaddrinfo(host, NULL, &hints, &found);
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	if (err)
		return cmd_fail("%s: its address is not found: %s", host,
				err == EAI_SYSTEM ? strerror(errno)
						  : gai_strerror(err));
	memset(address, 0, sizeof(*address));
	if (found->ai_addrlen <= sizeof(*address))
		memcpy(address, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return CMD_OK;
}

static int resolve(struct resolver *resolver, union wg_endpoint *out,
		   const struct conf_endpoint *endpoint)
{
	int err;

	if (!endpoint->port)
		return CMD_OK;
	if (strcmp(resolver->host, endpoint->host) != 0) {
		err = look_up(&resolver->address, endpoint->host);
		if (err)
			return err;
		memcpy(resolver->host, endpoint->host, sizeof(resolver->host));
	}
	*out = resolver->address;
	if (out->any.sa_family == AF_INET6)
		out->v6.sin6_port = htons(endpoint->port);
	else
		out->v4.sin_port = htons(endpoint->port);
	return CMD_OK;
}

/* ---- what the file asks for ---- */

struct plan {
	const struct site *site;
	struct wg_device device;
	struct plan_routes routes;
	struct link link;
};

static void plan_clear(struct plan *plan)
{
	wg_device_clear(&plan->device);
	plan_routes_clear(&plan->routes);
}

static int plan_peer(struct plan *plan, struct resolver *resolver,
		     const struct conf_peer *from)
{
	struct wg_device_peer *peer = wg_device_add_peer(&plan->device);
	int err = peer ? 0 : -ENOMEM;

	if (!err) {
		peer->public_key = from->public_key;
		peer->preshared_key = from->preshared_key;
		peer->keepalive = from->keepalive;
	}
	for (size_t i = 0; !err && i < from->allowed_ips.count; i++)
		err = wg_device_peer_add_ip(peer, &from->allowed_ips.list[i]);
	if (err)
		return cmd_fail("no memory");
	return resolve(resolver, &peer->endpoint, &from->endpoint);
}

static int plan_device(struct plan *plan)
{
	const struct conf *conf = &plan->site->conf;
	struct wg_device *device = &plan->device;
	struct resolver resolver = {.host = ""};
	int err = CMD_OK;

	memcpy(device->name, plan->site->interface, sizeof(device->name));
	device->private_key = conf->private_key;
	device->listen_port = conf->listen_port;
	device->fwmark = conf->fwmark;
	for (size_t i = 0; !err && i < conf->peer_count; i++)
		err = plan_peer(plan, &resolver, &conf->peers[i]);
	return err;
}

/* A table of the owner's has all routes in it, default ones too, and the rules
 * about it are the owner's. */
static int plan_own_table(struct plan *plan)
{
	const struct wg_allowed_ip any4 = {.family = AF_INET};
	const struct wg_allowed_ip any6 = {.family = AF_INET6};
	struct plan_routes *routes = &plan->routes;
	int err = 0;

	plan->link.table = plan->site->conf.table_number;
	if (routes->default_v4)
		err = conf_addresses_add(&routes->routes, &any4);
	if (!err && routes->default_v6)
		err = conf_addresses_add(&routes->routes, &any6);
	routes->default_v4 = routes->default_v6 = false;
	return err;
}

/* The tunnel's packets carry the table's number as their mark. `current` is the
 * mark the device has now, and so the table that may have rules. */
static int plan_default_table(struct plan *plan, uint32_t current)
{
	bool wanted = plan->routes.default_v4 || plan->routes.default_v6;
	uint32_t *table = &plan->link.default_table;
	int err = 0;

	*table = plan->device.fwmark ? plan->device.fwmark : current;
	if (wanted && !*table)
		err = link_free_table(table, FIRST_TABLE);
	if (wanted)
		plan->device.fwmark = *table;
	return err;
}

static int plan_link(struct plan *plan, uint32_t current_mark)
{
	const struct conf *conf = &plan->site->conf;
	int err;

	memcpy(plan->link.name, plan->site->interface, sizeof(plan->link.name));
	plan->link.mtu = conf->mtu;
	plan->link.addresses = &conf->addresses;
	if (conf->table == CONF_TABLE_OFF)
		return CMD_OK;
	plan->link.routes = &plan->routes;
	err = plan_routes(&plan->routes, conf);
	if (!err && conf->table == CONF_TABLE_NUMBER)
		err = plan_own_table(plan);
	else if (!err)
		err = plan_default_table(plan, current_mark);
	return err ? cmd_fail("%s: its routes can not be planned: %s",
			      plan->site->interface, strerror(-err))
		   : CMD_OK;
}

static int plan_make(struct plan *plan, const struct site *site,
		     uint32_t current_mark)
{
	int err;

	*plan = (struct plan){.site = site};
	err = plan_device(plan);
	return err ? err : plan_link(plan, current_mark);
}

/* ---- doing it ---- */

static void warn_ignored(const struct site *site)
{
	for (size_t i = 0; i < site->conf.ignored_count; i++) {
		const struct conf_ignored *ignored = &site->conf.ignored[i];

		fprintf(stderr,
			ignored->known
				? "sluice: %s:%u: %s has no effect here: only wg-quick does that\n"
				: "sluice: %s:%u: %s is unknown to WireGuard and has no effect\n",
			site->path, ignored->line, ignored->key);
	}
}

static int explain_create(const struct site *site, int err)
{
	const char *group = site->context->group->name, *name = site->interface;

	switch (err) {
	case -EEXIST:
		return cmd_fail(
			"%s exists already: 'sluice %s reload' applies the file to it, 'sluice %s stop' takes it away",
			name, group, group);
	case -EPERM:
	case -EACCES:
		return cmd_fail("%s can not be made: run this as root", name);
	case -EOPNOTSUPP:
		return cmd_fail(
			"%s can not be made: this kernel has no WireGuard, and wireguard-go (or /dev/net/tun, which it needs) is not there: install one of them",
			name);
	case -EIO:
		return cmd_fail(
			"%s can not be made: wireguard-go ended with an error; 'WG_PROCESS_FOREGROUND=1 LOG_LEVEL=debug wireguard-go %s' shows it",
			name, name);
	default:
		return cmd_fail("%s can not be made: %s", name, strerror(-err));
	}
}

static int explain_apply(const struct site *site, int err)
{
	if (err == -EADDRINUSE || err == -EEXIST)
		return cmd_fail(
			"%s: %s: is UDP port %u free, and are its addresses and routes on no other interface?",
			site->interface, strerror(-err),
			site->conf.listen_port);
	if (err == -EPERM || err == -EACCES)
		return cmd_fail("%s can not be changed: run this as root",
				site->interface);
	return cmd_fail("%s: the file can not be applied: %s", site->interface,
			strerror(-err));
}

static int plan_apply(const struct plan *plan)
{
	int err = wg_device_sync(&plan->device);

	if (!err)
		err = link_apply(&plan->link);
	return err ? explain_apply(plan->site, err) : CMD_OK;
}

int tunnel_start(const struct site *site)
{
	enum wg_device_kind kind;
	struct plan plan;
	int err = plan_make(&plan, site, 0);

	if (err)
		goto clear;
	warn_ignored(site);
	err = wg_device_create(site->interface, &kind);
	if (err) {
		err = explain_create(site, err);
		goto clear;
	}
	err = plan_apply(&plan);
	if (err) {
		if (plan.link.default_table)
			link_forget_rules(plan.link.default_table);
		wg_device_destroy(site->interface);
	}
clear:
	plan_clear(&plan);
	return err;
}

/* The device as it is; says so if it is not. */
static int get_device(struct wg_device *device, const struct site *site)
{
	const char *group = site->context->group->name;
	int err = wg_device_get(device, site->interface);

	if (err == -ENODEV)
		return cmd_fail("%s is not up: 'sluice %s start' makes it",
				site->interface, group);
	if (err == -EPERM || err == -EACCES)
		return cmd_fail("%s: run this as root", site->interface);
	if (err)
		return cmd_fail("%s can not be read: %s", site->interface,
				strerror(-err));
	return CMD_OK;
}

int tunnel_reload(const struct site *site)
{
	struct wg_device device = {0};
	struct plan plan;
	int err = get_device(&device, site);

	if (err)
		return err;
	err = plan_make(&plan, site, device.fwmark);
	if (!err) {
		warn_ignored(site);
		err = plan_apply(&plan);
	}
	plan_clear(&plan);
	wg_device_clear(&device);
	return err;
}

int tunnel_stop(const struct site *site)
{
	struct wg_device device = {0};
	uint32_t mark;
	int err = get_device(&device, site);

	if (err)
		return err;
	mark = device.fwmark;
	wg_device_clear(&device);
	if (mark)
		err = link_forget_rules(mark);
	if (!err)
		err = wg_device_destroy(site->interface);
	if (err)
		return cmd_fail(
			"%s can not be taken away: %s", site->interface,
			err == -EPERM ? "run this as root" : strerror(-err));
	return CMD_OK;
}

bool tunnel_is_up(const struct site *site)
{
	struct wg_device device = {0};
	bool up = !wg_device_get(&device, site->interface) &&
		  wg_key_equal(&device.public_key, &site->public_key);

	wg_device_clear(&device);
	return up;
}
