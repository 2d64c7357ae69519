// SPDX-License-Identifier: GPL-2.0-or-later
/* From netlink's messages about devices to what a frame needs to leave by one. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "relay/fib.h"
#include "relay/link.h"
#include "tap.h"

#define UP (IFF_UP | IFF_RUNNING)

static struct relay_links links;

struct device {
	int ifindex;
	unsigned int flags;
	uint16_t type;
	uint8_t mac; /* its last byte */
	uint32_t mtu;
	uint32_t lower;
	const char *kind;
	uint16_t vlan, protocol;
	bool elsewhere; /* the lower device is in another namespace */
};

static struct nl_msg *message_of(const struct device *device, int type)
{
	struct ifinfomsg header = {
		.ifi_index = device->ifindex,
		.ifi_flags = device->flags,
		.ifi_type = device->type ? device->type : ARPHRD_ETHER,
	};
	uint8_t mac[ETH_ALEN] = {2, 0, 0, 0, 0, device->mac};
	struct nl_msg *message = nlmsg_alloc_simple(type, 0);
	struct nlattr *info, *data;

	nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
	nla_put(message, IFLA_ADDRESS, sizeof(mac), mac);
	nla_put_u32(message, IFLA_MTU, device->mtu);
	if (device->lower)
		nla_put_u32(message, IFLA_LINK, device->lower);
	if (device->elsewhere)
		nla_put_u32(message, IFLA_LINK_NETNSID, 0);
	if (!device->kind)
		return message;
	info = nla_nest_start(message, IFLA_LINKINFO);
	nla_put_string(message, IFLA_INFO_KIND, device->kind);
	data = nla_nest_start(message, IFLA_INFO_DATA);
	nla_put_u16(message, IFLA_VLAN_ID, device->vlan);
	if (device->protocol)
		nla_put_u16(message, IFLA_VLAN_PROTOCOL,
			    htons(device->protocol));
	nla_nest_end(message, data);
	nla_nest_end(message, info);
	return message;
}

static bool take(const struct device *device, int type)
{
	struct nl_msg *message = message_of(device, type);
	bool changed = relay_links_take(&links, nlmsg_hdr(message));

	nlmsg_free(message);
	return changed;
}

static const struct device devices[] = {
	{1, UP, ARPHRD_LOOPBACK, 1, 65536},
	{2, UP, 0, 2, 1500},
	{3, UP, 0, 3, 1480, 2, "vlan", 100, ETH_P_8021Q},
	{4, IFF_UP, 0, 4, 1500}, /* no carrier */
	{5, UP, 0, 5, 1500, 2, "veth"}, /* its other end has a number too */
	{6, UP, 0, 6, 1500, 2, "vlan", 200, ETH_P_8021AD},
	{7, UP, 0, 7, 1496, 6, "vlan", 300, ETH_P_8021Q}, /* two tags */
	{8, UP, 0, 8, 1496, 3, "vlan", 301, ETH_P_8021Q}, /* two of 802.1Q */
	{9, UP, 0, 9, 1492, 7, "vlan", 302, ETH_P_8021Q}, /* three */
	{10, UP, 0, 10, 1500, 4, "vlan", 100,
	 ETH_P_8021Q}, /* no carrier below */
	{11, UP, 0, 11, 1500, 2, "vlan", 100, ETH_P_8021Q, true},
	{12, UP, ARPHRD_NONE, 12, 1420, 0, "wireguard"},
	{13, UP, 0, 13, 70000},
	{14, UP, 0, 14, 1500, 99, "vlan", 100, ETH_P_8021Q}, /* nothing below */
	{15, UP, 0, 15, 1500, 0, "bridge"},
	{16, UP, 0, 16, 1500, 0, "bond"},
	{17, UP, 0, 17, 1500, 2, "macvlan"},
	{18, UP, 0, 18, 1500, 0, "dummy"},
	{19, UP, 0, 19, 1500, 0, "tun"},
	{20, UP, 0, 20, 1500, 15, "vlan", 100, ETH_P_8021Q}, /* on a bridge */
};

static const struct {
	const char *name;
	uint32_t from, ifindex, mtu;
	uint8_t mac;
	uint16_t outer, inner;
} ways[] = {
	{"a plain device", 2, 2, 1500, 2, 0, 0},
	{"one tag: the lower device, the upper's address and MTU", 3, 2, 1480,
	 3, 100, 0},
	{"a veth is at the bottom itself", 5, 5, 1500, 5, 0, 0},
	{"two tags, the outer first", 7, 2, 1496, 7, 200, 300},
	{"an MTU that 16 bits do not hold", 13, 13, 65535, 13, 0, 0},
	{"a bond", 16, 16, 1500, 16, 0, 0},
};

static const struct {
	const char *name;
	uint32_t from;
} no_ways[] = {
	{"loopback", 1},
	{"no carrier", 4},
	{"802.1ad alone", 6},
	{"two tags of 802.1Q", 8},
	{"three tags", 9},
	{"no carrier below", 10},
	{"another namespace", 11},
	{"no Ethernet", 12},
	{"nothing below", 14},
	{"no such device", 77},
	{"a bridge", 15},
	{"a macvlan", 17},
	{"a dummy", 18},
	{"a tap device", 19},
	{"a VLAN on a bridge", 20},
};

static void test_ways(void)
{
	struct relay_next_hop hop;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		memset(&hop, 0x55, sizeof(hop));
		ok(relay_links_resolve(&links, ways[i].from, &hop) &&
			   hop.ifindex == ways[i].ifindex &&
			   hop.mtu == ways[i].mtu &&
			   hop.smac[5] == ways[i].mac &&
			   hop.vlan[0] == ways[i].outer &&
			   hop.vlan[1] == ways[i].inner,
		   "%s", ways[i].name);
	}
	for (size_t i = 0; i < sizeof(no_ways) / sizeof(no_ways[0]); i++)
		ok(!relay_links_resolve(&links, no_ways[i].from, &hop),
		   "no way: %s", no_ways[i].name);
}

static bool sends_by(uint32_t ifindex)
{
	struct relay_next_hop hop;

	return relay_links_resolve(&links, ifindex, &hop);
}

static void test_attached(void)
{
	struct relay_device on[2] = {{2, true}, {15, false}};

	ok(relay_links_attached(&links, on, 2), "attached: a change");
	ok(!relay_links_attached(&links, on, 2), "the same is none");
	ok(sends_by(2) && !sends_by(15),
	   "no native frames to a bridge that runs the program generically");
	ok(sends_by(5) && !sends_by(18),
	   "devices without the program: by their kind");
	on[0].native = false;
	ok(relay_links_attached(&links, on, 2), "another mode: a change");
	ok(sends_by(2) && sends_by(15) && sends_by(18) && sends_by(20),
	   "all generic: the kernel sends by any device");
	ok(!sends_by(1) && !sends_by(4) && !sends_by(12),
	   "but not by one that is down or no Ethernet");
	on[0].ifindex = 17;
	on[0].native = true;
	ok(relay_links_attached(&links, on, 1), "fewer: a change");
	ok(sends_by(17), "what runs it natively sends");
	on[0].native = false;
	on[1].ifindex = 5;
	on[1].native = true;
	relay_links_attached(&links, on, 2);
	ok(!sends_by(17) && sends_by(5), "one native: no generic one sends");
	relay_links_attached(&links, NULL, 0);
	ok(sends_by(2) && !sends_by(15), "nothing attached: by the kind");
}

static void test_changes(void)
{
	struct device device = devices[1];
	struct relay_next_hop hop;

	ok(!take(&device, RTM_NEWLINK), "the same again is no change");
	device.mtu = 9000;
	ok(take(&device, RTM_NEWLINK), "another MTU is one");
	ok(relay_links_resolve(&links, 2, &hop) && hop.mtu == 9000,
	   "and counts");
	device.flags = IFF_UP;
	ok(take(&device, RTM_NEWLINK), "a lost carrier is one");
	ok(!relay_links_resolve(&links, 3, &hop), "and its VLANs go with it");
	ok(take(&device, RTM_DELLINK), "so is its end");
	ok(!take(&device, RTM_DELLINK), "but only once");
	relay_links_clear(&links);
	ok(!relay_links_resolve(&links, 5, &hop), "cleared: nothing is known");
	ok(take(&devices[1], RTM_NEWLINK) &&
		   relay_links_resolve(&links, 2, &hop),
	   "and it can be filled again");
}

static const struct {
	const char *name;
	int type, state;
	bool mac, valid;
} neighbours[] = {
	{"reachable", RTM_NEWNEIGH, NUD_REACHABLE, true, true},
	{"stale", RTM_NEWNEIGH, NUD_STALE, true, true},
	{"delay", RTM_NEWNEIGH, NUD_DELAY, true, true},
	{"probe", RTM_NEWNEIGH, NUD_PROBE, true, true},
	{"permanent", RTM_NEWNEIGH, NUD_PERMANENT, true, true},
	{"incomplete", RTM_NEWNEIGH, NUD_INCOMPLETE, false, false},
	{"failed, with its old address", RTM_NEWNEIGH, NUD_FAILED, true, false},
	{"reachable without an address", RTM_NEWNEIGH, NUD_REACHABLE, false,
	 false},
	{"deleted", RTM_DELNEIGH, NUD_REACHABLE, true, false},
};

static void test_neighbours(void)
{
	static const uint8_t mac[ETH_ALEN] = {2, 0, 0, 0, 0, 9};
	static const uint8_t v4[4] = {192, 0, 2, 1};

	for (size_t i = 0; i < sizeof(neighbours) / sizeof(neighbours[0]);
	     i++) {
		struct nl_msg *message =
			nlmsg_alloc_simple(neighbours[i].type, 0);
		struct ndmsg header = {
			.ndm_family = AF_INET,
			.ndm_ifindex = 2,
			.ndm_state = (uint16_t)neighbours[i].state};
		struct relay_neighbour got;

		nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
		nla_put(message, NDA_DST, sizeof(v4), v4);
		if (neighbours[i].mac)
			nla_put(message, NDA_LLADDR, sizeof(mac), mac);
		ok(!relay_neighbour_parse(&got, nlmsg_hdr(message)) &&
			   got.valid == neighbours[i].valid &&
			   got.ifindex == 2 && got.addr[10] == 0xff &&
			   got.addr[15] == 1,
		   "a neighbour: %s", neighbours[i].name);
		nlmsg_free(message);
	}
}

int main(void)
{
	relay_links_init(&links);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		take(&devices[i], RTM_NEWLINK);
	test_ways();
	test_attached();
	test_changes();
	test_neighbours();
	relay_links_free(&links);
	return tap_done();
}
