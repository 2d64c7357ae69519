// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/link.h"

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

/* Of a frame; struct relay_next_hop has as many. */
#define TAGS_MAX 2

struct facts {
	uint32_t ifindex;
	uint32_t lower; /* the device below a VLAN device */
	uint32_t mtu;
	uint16_t vlan; /* 0: no VLAN device */
	bool service; /* the tag is 802.1ad's, else 802.1Q's */
	bool usable; /* up and Ethernet */
	bool sends; /* of a kind that sends frames of a native program */
	uint8_t mac[ETH_ALEN];
};

struct link {
	struct relay_hash_node node;
	struct facts facts;
};

static struct link *find(const struct relay_links *links, uint32_t ifindex)
{
	uint64_t hash =
		relay_hash_of(&links->by_ifindex, &ifindex, sizeof(ifindex));
	struct relay_hash_node *node =
		relay_hash_first(&links->by_ifindex, hash);

	for (; node; node = relay_hash_next(node)) {
		struct link *link = (struct link *)node;

		if (link->facts.ifindex == ifindex)
			return link;
	}
	return NULL;
}

int relay_links_init(struct relay_links *links)
{
	return relay_hash_init(&links->by_ifindex);
}

void relay_links_clear(struct relay_links *links)
{
	struct relay_hash *hash = &links->by_ifindex;

	for (size_t i = 0; i <= hash->mask; i++) {
		while (hash->heads[i]) {
			struct relay_hash_node *node = hash->heads[i];

			relay_hash_remove(hash, node);
			free(node);
		}
	}
}

void relay_links_free(struct relay_links *links)
{
	relay_links_clear(links);
	relay_hash_clear(&links->by_ifindex);
}

/* ---- what a message says ---- */

static void parse_vlan(struct facts *facts, struct nlattr *data)
{
	struct nlattr *id =
		nla_find(nla_data(data), nla_len(data), IFLA_VLAN_ID);
	struct nlattr *protocol =
		nla_find(nla_data(data), nla_len(data), IFLA_VLAN_PROTOCOL);

	if (id)
		facts->vlan = nla_get_u16(id);
	if (!facts->vlan)
		facts->usable = false; /* a tag for the priority only */
	facts->service =
		protocol && nla_get_u16(protocol) == htons(ETH_P_8021AD);
}

/*
 * Drivers with ndo_xdp_xmit, as far as a name can tell. Of hardware, which has no
 * kind, nearly all that run a program natively have it. To any other the kernel
 * drops what is redirected and tells nobody but a tracepoint.
 */
static bool kind_sends(const struct nlattr *kind)
{
	return !nla_strcmp(kind, "veth") || !nla_strcmp(kind, "bond");
}

static void parse_kind(struct facts *facts, struct nlattr *info)
{
	struct nlattr *kind =
		nla_find(nla_data(info), nla_len(info), IFLA_INFO_KIND);
	struct nlattr *data =
		nla_find(nla_data(info), nla_len(info), IFLA_INFO_DATA);

	if (!kind)
		return;
	facts->sends = kind_sends(kind);
	if (nla_strcmp(kind, "vlan"))
		return;
	if (data)
		parse_vlan(facts, data);
	else
		facts->usable = false;
}

static void parse_attributes(struct facts *facts, struct nlmsghdr *message)
{
	struct nlattr *attr;
	int rest;

	nlmsg_for_each_attr(attr, message, sizeof(struct ifinfomsg), rest)
	{
		switch (nla_type(attr)) {
		case IFLA_ADDRESS:
			if (nla_len(attr) == ETH_ALEN)
				memcpy(facts->mac, nla_data(attr), ETH_ALEN);
			break;
		case IFLA_MTU:
			facts->mtu = nla_get_u32(attr);
			break;
		case IFLA_LINK:
			facts->lower = nla_get_u32(attr);
			break;
		case IFLA_LINKINFO:
			parse_kind(facts, attr);
			break;
		}
	}
	/* Without a tag the device below says nothing: that of a veth is its
	 * other end. With one it must be in this namespace. */
	if (!facts->vlan)
		facts->lower = 0;
	else if (nlmsg_find_attr(message, sizeof(struct ifinfomsg),
				 IFLA_LINK_NETNSID))
		facts->usable = false;
}

static bool forget(struct relay_links *links, uint32_t ifindex)
{
	struct link *link = find(links, ifindex);

	if (!link)
		return false;
	relay_hash_remove(&links->by_ifindex, &link->node);
	free(link);
	return true;
}

static bool store(struct relay_links *links, const struct facts *facts)
{
	struct link *link = find(links, facts->ifindex);

	if (link && !memcmp(&link->facts, facts, sizeof(*facts)))
		return false;
	if (!link) {
		link = calloc(1, sizeof(*link));
		if (!link)
			return false;
		relay_hash_insert(
			&links->by_ifindex, &link->node,
			relay_hash_of(&links->by_ifindex, &facts->ifindex,
				      sizeof(facts->ifindex)));
	}
	link->facts = *facts;
	return true;
}

bool relay_links_take(struct relay_links *links, const struct nlmsghdr *message)
{
	const struct ifinfomsg *header = nlmsg_data(message);
	struct facts facts;

	if (!nlmsg_valid_hdr(message, sizeof(*header)))
		return false;
	/* AF_BRIDGE tells of a bridge's port, not of the device. */
	if (header->ifi_family != AF_UNSPEC)
		return false;
	if (message->nlmsg_type == RTM_DELLINK)
		return forget(links, (uint32_t)header->ifi_index);
	memset(&facts, 0, sizeof(facts)); /* compared bytewise */
	facts.sends = true;
	facts.ifindex = (uint32_t)header->ifi_index;
	facts.usable = header->ifi_type == ARPHRD_ETHER &&
		       (header->ifi_flags & IFF_UP) &&
		       (header->ifi_flags & IFF_RUNNING);
	parse_attributes(&facts, (struct nlmsghdr *)message);
	return store(links, &facts);
}

bool relay_links_attached(struct relay_links *links,
			  const struct relay_device *devices, size_t count)
{
	bool changed = count != links->attached_count;

	for (size_t i = 0; i < count; i++) {
		struct relay_device *known = &links->attached[i];

		changed |= known->ifindex != devices[i].ifindex ||
			   known->native != devices[i].native;
		*known = devices[i];
	}
	links->attached_count = count;
	return changed;
}

/*
 * Does the device send what the program gives it? Where the program runs only
 * the generic way, any does: the kernel sends as it always sends. Else one that
 * runs it natively does, and one that can not do even that does not.
 */
static bool sends(const struct relay_links *links, const struct facts *facts)
{
	const struct relay_device *own = NULL;
	bool native = false;

	for (size_t i = 0; i < links->attached_count; i++) {
		native |= links->attached[i].native;
		if (links->attached[i].ifindex == facts->ifindex)
			own = &links->attached[i];
	}
	if (links->attached_count && !native)
		return true;
	return own ? own->native : facts->sends;
}

/* As the program writes them: one tag is 802.1Q's, of two the outer is 802.1ad's. */
static bool tags_fit(const struct link *const tagged[TAGS_MAX], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (tagged[i]->facts.service != (i == 1))
			return false;
	}
	return true;
}

bool relay_links_resolve(const struct relay_links *links, uint32_t ifindex,
			 struct relay_next_hop *hop)
{
	const struct link *link = find(links, ifindex);
	const struct link *top = link;
	const struct link *tagged[TAGS_MAX]; /* inner first: the way down */
	size_t count = 0;

	for (; link && link->facts.vlan;
	     link = find(links, link->facts.lower)) {
		if (!link->facts.usable || count == TAGS_MAX)
			return false;
		tagged[count++] = link;
	}
	if (!link || !link->facts.usable || !sends(links, &link->facts) ||
	    !tags_fit(tagged, count))
		return false;
	hop->ifindex = link->facts.ifindex;
	hop->mtu = (uint16_t)(top->facts.mtu < UINT16_MAX ? top->facts.mtu
							  : UINT16_MAX);
	memcpy(hop->smac, top->facts.mac, ETH_ALEN);
	for (size_t i = 0; i < TAGS_MAX; i++)
		hop->vlan[i] =
			i < count ? tagged[count - 1 - i]->facts.vlan : 0;
	return true;
}
