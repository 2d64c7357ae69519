// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/attach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/attr.h>

#include "base/log.h"
#include "base/netlink.h"

#define LINKS_MAX 64

struct interface {
	char name[IF_NAMESIZE];
	uint32_t ifindex; /* that we attached to; 0: it does not exist */
	bool native;
};

struct relay_attach {
	struct netlink *netlink;
	struct loader *loader;
	enum loader_xdp_mode mode;
	relay_attach_fn fn;
	void *ctx;
	struct interface interfaces[RELAY_INTERFACES_MAX];
	size_t count;
};

static enum loader_xdp_mode mode_of(enum relay_xdp_mode mode)
{
	switch (mode) {
	case RELAY_XDP_GENERIC:
		return LOADER_XDP_GENERIC;
	case RELAY_XDP_AUTO:
		return LOADER_XDP_AUTO;
	default:
		return LOADER_XDP_NATIVE;
	}
}

static void note_attached(struct interface *interface, bool native)
{
	uint32_t ifindex = if_nametoindex(interface->name);

	if (interface->ifindex == ifindex && interface->native == native)
		return;
	interface->ifindex = ifindex;
	interface->native = native;
	log_info("attached to %s in %s mode", interface->name,
		 native ? "native" : "generic (slow)");
}

static int attach_one(struct relay_attach *attach, struct interface *interface)
{
	bool native;
	int err = loader_attach(attach->loader, interface->name, attach->mode,
				&native);

	if (err == -ENODEV) {
		log_warn("there is no interface %s: attaching when it appears",
			 interface->name);
		interface->ifindex = 0;
		return 0;
	}
	if (err) {
		log_error("can not attach to %s: %s", interface->name,
			  loader_error());
		return err;
	}
	note_attached(interface, native);
	return 0;
}

static void tell(const struct relay_attach *attach)
{
	struct relay_device devices[RELAY_INTERFACES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < attach->count; i++) {
		const struct interface *interface = &attach->interfaces[i];

		if (interface->ifindex)
			devices[count++] = (struct relay_device){
				interface->ifindex, interface->native};
	}
	attach->fn(attach->ctx, devices, count);
}

static struct interface *find(struct relay_attach *attach, const char *name)
{
	for (size_t i = 0; i < attach->count; i++) {
		if (!strcmp(attach->interfaces[i].name, name))
			return &attach->interfaces[i];
	}
	return NULL;
}

/* What is pinned counts, so that a restart with fewer interfaces is right too. */
static void detach_others(struct relay_attach *attach)
{
	struct loader_link links[LINKS_MAX];
	int count = loader_links(attach->loader, links, LINKS_MAX);

	for (int i = 0; i < count && i < LINKS_MAX; i++) {
		if (find(attach, links[i].ifname))
			continue;
		if (loader_detach(attach->loader, links[i].ifname))
			log_error("can not detach from %s: %s", links[i].ifname,
				  loader_error());
		else
			log_info(
				"detached from %s: it is not configured any more",
				links[i].ifname);
	}
}

/* Interfaces that were there before keep what is known of them. */
static void take_names(struct relay_attach *attach,
		       const struct relay_settings *settings)
{
	struct interface interfaces[RELAY_INTERFACES_MAX] = {0};

	for (size_t i = 0; i < settings->interface_count; i++) {
		const struct interface *known =
			find(attach, settings->interfaces[i]);

		if (known)
			interfaces[i] = *known;
		else
			memcpy(interfaces[i].name, settings->interfaces[i],
			       IF_NAMESIZE);
	}
	memcpy(attach->interfaces, interfaces, sizeof(interfaces));
	attach->count = settings->interface_count;
}

int relay_attach_apply(struct relay_attach *attach,
		       const struct relay_settings *settings)
{
	bool any = false;
	int err = 0;

	attach->mode = mode_of(settings->xdp_mode);
	take_names(attach, settings);
	for (size_t i = 0; i < attach->count; i++) {
		int failed = attach_one(attach, &attach->interfaces[i]);

		err = err ? err : failed;
		any |= attach->interfaces[i].ifindex != 0;
	}
	if (!err && !any) {
		log_error(
			"none of the interfaces exists, the first is %s: see `ip link`",
			settings->interfaces[0]);
		err = -ENODEV;
	}
	detach_others(attach);
	tell(attach);
	return err;
}

/* ---- interfaces that come and go ---- */

static void link_seen(struct relay_attach *attach, const char *name,
		      uint32_t ifindex)
{
	struct interface *interface = find(attach, name);

	if (!interface || interface->ifindex == ifindex)
		return;
	log_info("interface %s appeared", name);
	attach_one(attach, interface);
	tell(attach);
}

static void link_gone(struct relay_attach *attach, uint32_t ifindex)
{
	for (size_t i = 0; i < attach->count; i++) {
		struct interface *interface = &attach->interfaces[i];

		if (interface->ifindex != ifindex)
			continue;
		log_warn(
			"interface %s is gone: attaching again when it is back",
			interface->name);
		interface->ifindex = 0;
		tell(attach);
	}
}

static void on_event(void *ctx, const struct nlmsghdr *const_message)
{
	struct nlmsghdr *message = (struct nlmsghdr *)const_message;
	const struct ifinfomsg *header = nlmsg_data(message);
	struct nlattr *name;

	if (!nlmsg_valid_hdr(message, sizeof(*header)) ||
	    header->ifi_family != AF_UNSPEC)
		return;
	if (message->nlmsg_type == RTM_DELLINK) {
		link_gone(ctx, (uint32_t)header->ifi_index);
	} else if (message->nlmsg_type == RTM_NEWLINK) {
		name = nlmsg_find_attr(message, sizeof(*header), IFLA_IFNAME);
		if (name)
			link_seen(ctx, nla_get_string(name),
				  (uint32_t)header->ifi_index);
	}
}

static void on_overrun(void *ctx)
{
	struct relay_attach *attach = ctx;

	for (size_t i = 0; i < attach->count; i++) {
		struct interface *interface = &attach->interfaces[i];

		if (if_nametoindex(interface->name) != interface->ifindex)
			interface->ifindex = 0;
	}
	netlink_dump(attach->netlink, RTM_GETLINK, AF_UNSPEC, on_event, attach);
}

int relay_attach_open(struct relay_attach **out, uv_loop_t *loop,
		      struct loader *loader, relay_attach_fn fn, void *ctx)
{
	static const unsigned int groups[] = {RTNLGRP_LINK, 0};
	static const struct netlink_ops ops = {.event = on_event,
					       .overrun = on_overrun};
	struct relay_attach *attach = calloc(1, sizeof(*attach));
	int err;

	if (!attach)
		return -ENOMEM;
	attach->loader = loader;
	attach->fn = fn;
	attach->ctx = ctx;
	err = netlink_open(&attach->netlink, loop, groups, &ops, attach);
	if (err) {
		free(attach);
		return err;
	}
	*out = attach;
	return 0;
}

void relay_attach_close(struct relay_attach *attach)
{
	if (!attach)
		return;
	netlink_close(attach->netlink);
	free(attach);
}
