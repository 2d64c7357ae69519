// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * WireGuard devices: the difference between two states, and its way through
 * both back ends' messages. The oracle is a device as plain as can be that does
 * what linux/wireguard.h and wireguard.com/xplatform say about each attribute
 * and each line; after a sync it must be what was wanted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include <linux/wireguard.h>
#include <netlink/genl/genl.h>

#include "tap.h"
#include "wg/device_diff.h"
#include "wg/device_model.h"
#include "wg/device_netlink.h"
#include "wg/device_uapi.h"

/* ---- making devices ---- */

static struct wg_key key_of(unsigned int n)
{
	struct wg_key key = {{0x40}};

	memcpy(key.bytes + 1, &n, sizeof(n));
	return key;
}

static struct wg_allowed_ip ip_of(const char *text, unsigned int prefix)
{
	struct wg_allowed_ip ip = {
		.family = strchr(text, ':') ? AF_INET6 : AF_INET,
		.prefix = (uint8_t)prefix,
	};

	inet_pton(ip.family, text, &ip.v6);
	return ip;
}

static union wg_endpoint endpoint_of(const char *text, uint16_t port)
{
	union wg_endpoint endpoint = {0};

	if (strchr(text, ':')) {
		endpoint.v6.sin6_family = AF_INET6;
		endpoint.v6.sin6_port = htons(port);
		inet_pton(AF_INET6, text, &endpoint.v6.sin6_addr);
	} else {
		endpoint.v4.sin_family = AF_INET;
		endpoint.v4.sin_port = htons(port);
		inet_pton(AF_INET, text, &endpoint.v4.sin_addr);
	}
	return endpoint;
}

static struct wg_device_peer *add_peer(struct wg_device *device, unsigned int n)
{
	struct wg_device_peer *peer = wg_device_add_peer(device);

	peer->public_key = key_of(n);
	return peer;
}

static void add_ip(struct wg_device_peer *peer, const char *text,
		   unsigned int prefix)
{
	struct wg_allowed_ip ip = ip_of(text, prefix);

	wg_device_peer_add_ip(peer, &ip);
}

/* ---- the oracle ---- */

static struct wg_device_peer *find(struct wg_device *device,
				   const struct wg_key *key)
{
	for (size_t i = 0; i < device->peer_count; i++)
		if (wg_key_equal(&device->peers[i].public_key, key))
			return &device->peers[i];
	return NULL;
}

static void drop_ip(struct wg_device *device, const struct wg_allowed_ip *ip)
{
	for (size_t i = 0; i < device->peer_count; i++) {
		struct wg_device_peer *peer = &device->peers[i];
		size_t kept = 0;

		for (size_t j = 0; j < peer->allowed_ip_count; j++)
			if (wg_allowed_ip_compare(&peer->allowed_ips[j], ip))
				peer->allowed_ips[kept++] =
					peer->allowed_ips[j];
		peer->allowed_ip_count = kept;
	}
}

static void give_ip(struct wg_device *device, const struct wg_key *key,
		    struct wg_allowed_ip ip)
{
	wg_allowed_ip_mask(&ip);
	drop_ip(device, &ip);
	wg_device_peer_add_ip(find(device, key), &ip);
}

static void remove_peer(struct wg_device *device, struct wg_device_peer *peer)
{
	size_t at = (size_t)(peer - device->peers);

	free(peer->allowed_ips);
	memmove(peer, peer + 1,
		(device->peer_count - at - 1) * sizeof(*device->peers));
	device->peer_count--;
}

/* What set_peer of the kernel does with the flags. NULL: nothing to do. */
static struct wg_device_peer *
begin_peer(struct wg_device *device, const struct wg_key *key, uint32_t flags)
{
	struct wg_device_peer *peer = find(device, key);

	if (!peer) {
		if (flags & (WGPEER_F_REMOVE_ME | WGPEER_F_UPDATE_ONLY))
			return NULL;
		peer = wg_device_add_peer(device);
		peer->public_key = *key;
	}
	if (flags & WGPEER_F_REMOVE_ME) {
		remove_peer(device, peer);
		return NULL;
	}
	if (flags & WGPEER_F_REPLACE_ALLOWEDIPS)
		peer->allowed_ip_count = 0;
	return peer;
}

/* ---- the kernel's side of SET_DEVICE ---- */

static void kernel_take_peer(struct wg_device *device, struct nlattr *entry)
{
	struct nlattr *attr[WGPEER_A_MAX + 1], *ip,
		*ip_attr[WGALLOWEDIP_A_MAX + 1];
	struct wg_device_peer *peer;
	struct wg_key key;
	int left;

	nla_parse_nested(attr, WGPEER_A_MAX, entry, NULL);
	memcpy(key.bytes, nla_data(attr[WGPEER_A_PUBLIC_KEY]), WG_KEY_LEN);
	peer = begin_peer(
		device, &key,
		attr[WGPEER_A_FLAGS] ? nla_get_u32(attr[WGPEER_A_FLAGS]) : 0);
	if (!peer)
		return;
	if (attr[WGPEER_A_PRESHARED_KEY])
		memcpy(peer->preshared_key.bytes,
		       nla_data(attr[WGPEER_A_PRESHARED_KEY]), WG_KEY_LEN);
	if (attr[WGPEER_A_ENDPOINT])
		memcpy(&peer->endpoint, nla_data(attr[WGPEER_A_ENDPOINT]),
		       (size_t)nla_len(attr[WGPEER_A_ENDPOINT]));
	if (attr[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL])
		peer->keepalive = nla_get_u16(
			attr[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL]);
	if (!attr[WGPEER_A_ALLOWEDIPS])
		return;
	nla_for_each_nested(ip, attr[WGPEER_A_ALLOWEDIPS], left)
	{
		struct wg_allowed_ip got = {0};

		nla_parse_nested(ip_attr, WGALLOWEDIP_A_MAX, ip, NULL);
		got.family =
			(uint8_t)nla_get_u16(ip_attr[WGALLOWEDIP_A_FAMILY]);
		got.prefix = nla_get_u8(ip_attr[WGALLOWEDIP_A_CIDR_MASK]);
		memcpy(&got.v6, nla_data(ip_attr[WGALLOWEDIP_A_IPADDR]),
		       (size_t)nla_len(ip_attr[WGALLOWEDIP_A_IPADDR]));
		give_ip(device, &key, got);
	}
}

static void kernel_take(struct wg_device *device, struct nlmsghdr *message)
{
	struct nlattr *attr[WGDEVICE_A_MAX + 1], *peer;
	int left;

	genlmsg_parse(message, 0, attr, WGDEVICE_A_MAX, NULL);
	if (attr[WGDEVICE_A_PRIVATE_KEY])
		memcpy(device->private_key.bytes,
		       nla_data(attr[WGDEVICE_A_PRIVATE_KEY]), WG_KEY_LEN);
	if (attr[WGDEVICE_A_LISTEN_PORT])
		device->listen_port = nla_get_u16(attr[WGDEVICE_A_LISTEN_PORT]);
	if (attr[WGDEVICE_A_FWMARK])
		device->fwmark = nla_get_u32(attr[WGDEVICE_A_FWMARK]);
	if (!attr[WGDEVICE_A_PEERS])
		return;
	nla_for_each_nested(peer, attr[WGDEVICE_A_PEERS], left)
		kernel_take_peer(device, peer);
}

static struct nl_msg *new_message(size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_size(size);

	genlmsg_put(msg, 0, 0, 42, 0, 0, WG_CMD_SET_DEVICE, WG_GENL_VERSION);
	return msg;
}

/* Applies the change as messages; how many there were. */
static int apply_netlink(struct wg_device *device,
			 const struct wg_device_change *change)
{
	struct wg_netlink_cursor cursor = {0};
	int messages = 0;

	while (!cursor.done && messages < 10000) {
		struct nl_msg *msg = new_message(WG_NETLINK_MESSAGE_LEN);

		if (wg_netlink_build(msg, change, &cursor)) {
			nlmsg_free(msg);
			return -1;
		}
		kernel_take(device, nlmsg_hdr(msg));
		nlmsg_free(msg);
		messages++;
	}
	return messages;
}

/* ---- the daemon's side of set=1 ---- */

static void hex_key(struct wg_key *key, const char *text)
{
	for (size_t i = 0; i < sizeof(key->bytes); i++)
		sscanf(text + 2 * i, "%2hhx", &key->bytes[i]);
}

/* Flags come in lines before what they are about, so a peer begins with its
 * first line that is not one of them. */
static void apply_uapi(struct wg_device *device,
		       const struct wg_device_change *change)
{
	struct wg_device_peer *peer = NULL;
	struct wg_key key = {{0}};
	bool update_only = false;
	char *text, *save = NULL, *line;
	size_t len;

	if (wg_uapi_build(&text, &len, change))
		return;
	text[len - 1] = '\0';
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, '=');

		*value++ = '\0';
		if (!strcmp(line, "public_key")) {
			const char *next = value + strlen(value) + 1;

			hex_key(&key, value);
			update_only = !strncmp(next, "update_only=true", 16);
			peer = !strncmp(next, "remove=true", 11)
				       ? begin_peer(device, &key,
						    WGPEER_F_REMOVE_ME)
				       : begin_peer(
						 device, &key,
						 update_only
							 ? WGPEER_F_UPDATE_ONLY
							 : 0);
		} else if (!strcmp(line, "private_key")) {
			hex_key(&device->private_key, value);
		} else if (!strcmp(line, "listen_port")) {
			device->listen_port = (uint16_t)atoi(value);
		} else if (!strcmp(line, "fwmark")) {
			device->fwmark = (uint32_t)strtoul(value, NULL, 10);
		} else if (!peer) {
			continue;
		} else if (!strcmp(line, "preshared_key")) {
			hex_key(&peer->preshared_key, value);
		} else if (!strcmp(line, "persistent_keepalive_interval")) {
			peer->keepalive = (uint16_t)atoi(value);
		} else if (!strcmp(line, "replace_allowed_ips")) {
			peer->allowed_ip_count = 0;
		} else if (!strcmp(line, "endpoint")) {
			char *port = strrchr(value, ':');

			*port++ = '\0';
			if (*value == '[') {
				value++;
				value[strlen(value) - 1] = '\0';
			}
			peer->endpoint =
				endpoint_of(value, (uint16_t)atoi(port));
		} else if (!strcmp(line, "allowed_ip")) {
			char *slash = strchr(value, '/');

			*slash++ = '\0';
			give_ip(device, &key,
				ip_of(value, (unsigned int)atoi(slash)));
			peer = find(device, &key);
		}
	}
	free(text);
}

/* ---- comparing ---- */

static bool has_ip(const struct wg_device_peer *peer, struct wg_allowed_ip ip)
{
	wg_allowed_ip_mask(&ip);
	for (size_t i = 0; i < peer->allowed_ip_count; i++) {
		struct wg_allowed_ip other = peer->allowed_ips[i];

		wg_allowed_ip_mask(&other);
		if (!wg_allowed_ip_compare(&other, &ip))
			return true;
	}
	return false;
}

/* Whom an address belongs to when the device is configured peer by peer. */
static bool is_last_owner(const struct wg_device *want, size_t peer,
			  const struct wg_allowed_ip *ip)
{
	for (size_t i = peer + 1; i < want->peer_count; i++)
		if (has_ip(&want->peers[i], *ip))
			return false;
	return true;
}

static bool is_repeated(const struct wg_device_peer *peer, size_t at)
{
	const struct wg_device_peer before = {
		.allowed_ips = peer->allowed_ips,
		.allowed_ip_count = at,
	};

	return has_ip(&before, peer->allowed_ips[at]);
}

static bool same_peer(const struct wg_device *want, size_t at,
		      struct wg_device_peer *is)
{
	const struct wg_device_peer *peer = &want->peers[at];
	size_t owned = 0;

	if (!is || !wg_key_equal(&peer->preshared_key, &is->preshared_key) ||
	    peer->keepalive != is->keepalive)
		return false;
	if (wg_endpoint_len(&peer->endpoint) &&
	    !wg_endpoint_equal(&peer->endpoint, &is->endpoint))
		return false;
	for (size_t i = 0; i < peer->allowed_ip_count; i++) {
		if (!is_last_owner(want, at, &peer->allowed_ips[i]) ||
		    is_repeated(peer, i))
			continue;
		if (!has_ip(is, peer->allowed_ips[i]))
			return false;
		owned++;
	}
	return owned == is->allowed_ip_count;
}

static bool same_device(const struct wg_device *want, struct wg_device *is)
{
	if (want->peer_count != is->peer_count || want->fwmark != is->fwmark ||
	    !wg_key_equal(&want->private_key, &is->private_key) ||
	    (want->listen_port && want->listen_port != is->listen_port))
		return false;
	for (size_t i = 0; i < want->peer_count; i++)
		if (!same_peer(want, i, find(is, &want->peers[i].public_key)))
			return false;
	return true;
}

static void copy_device(struct wg_device *to, const struct wg_device *from)
{
	*to = *from;
	to->peers = NULL;
	to->peer_count = 0;
	for (size_t i = 0; i < from->peer_count; i++) {
		struct wg_device_peer *peer = wg_device_add_peer(to);

		*peer = from->peers[i];
		peer->allowed_ips = NULL;
		peer->allowed_ip_count = 0;
		for (size_t j = 0; j < from->peers[i].allowed_ip_count; j++)
			wg_device_peer_add_ip(peer,
					      &from->peers[i].allowed_ips[j]);
	}
}

/* From one state to the other over each back end; the change for a look. */
static void check_sync(const char *what, const struct wg_device *have,
		       const struct wg_device *want,
		       struct wg_device_change *change)
{
	struct wg_device kernel, daemon;
	struct wg_device_change again = {0};

	memset(change, 0, sizeof(*change));
	is_int(wg_device_diff(change, have, want), 0, "%s: compared", what);
	copy_device(&kernel, have);
	copy_device(&daemon, have);
	ok(apply_netlink(&kernel, change) > 0 && same_device(want, &kernel),
	   "%s: netlink gives what was wanted", what);
	apply_uapi(&daemon, change);
	ok(same_device(want, &daemon), "%s: the text protocol gives it too",
	   what);
	is_int(wg_device_diff(&again, &kernel, want), 0, "%s: compared again",
	       what);
	ok(wg_device_change_is_empty(&again), "%s: and then nothing is left",
	   what);
	wg_device_change_clear(&again);
	wg_device_clear(&kernel);
	wg_device_clear(&daemon);
}

/* ---- the tests ---- */

static void make_site(struct wg_device *device)
{
	struct wg_device_peer *peer;

	memset(device, 0, sizeof(*device));
	strcpy(device->name, "wg-test");
	device->private_key = key_of(1000);
	device->listen_port = 51820;
	peer = add_peer(device, 1);
	peer->endpoint = endpoint_of("192.0.2.1", 8787);
	peer->keepalive = 25;
	add_ip(peer, "10.120.0.2", 32);
	peer = add_peer(device, 2);
	peer->preshared_key = key_of(2000);
	peer->endpoint = endpoint_of("2001:db8::1", 8788);
	add_ip(peer, "10.120.0.3", 32);
	add_ip(peer, "fd00::3", 128);
	peer = add_peer(device, 3);
	add_ip(peer, "10.120.0.4", 32);
}

static void test_nothing(void)
{
	struct wg_device have, want;
	struct wg_device_change change = {0};

	make_site(&have);
	make_site(&want);
	want.listen_port = 0;
	memset(&want.peers[0].endpoint, 0, sizeof(want.peers[0].endpoint));
	wg_device_diff(&change, &have, &want);
	ok(wg_device_change_is_empty(&change),
	   "port 0 and no endpoint leave what the device has");
	wg_device_change_clear(&change);

	add_ip(&want.peers[2], "10.120.0.4", 32);
	have.peers[2].allowed_ips[0] = ip_of("10.120.0.4", 32);
	wg_device_diff(&change, &have, &want);
	ok(wg_device_change_is_empty(&change),
	   "an address written twice is one");
	wg_device_change_clear(&change);
	wg_device_clear(&have);
	wg_device_clear(&want);
}

static void test_create(void)
{
	struct wg_device nothing = {.name = "wg-test"}, want;
	struct wg_device_change change;

	make_site(&want);
	check_sync("a new device", &nothing, &want, &change);
	is_int(change.flags, WG_DEVICE_PRIVATE_KEY | WG_DEVICE_LISTEN_PORT,
	       "a new device: key and port, no mark");
	is_int(change.peers[2].flags, WG_PEER_NEW, "a bare peer is only made");
	wg_device_change_clear(&change);
	check_sync("emptied", &want, &nothing, &change);
	is_int(change.peer_count, 3, "emptied: three removals");
	wg_device_change_clear(&change);
	wg_device_clear(&want);
}

static void test_peers(void)
{
	struct wg_device have, want;
	struct wg_device_change change;

	make_site(&have);
	make_site(&want);
	want.fwmark = 0x1234;
	remove_peer(&want, &want.peers[0]);
	want.peers[0].preshared_key = key_of(2001);
	want.peers[0].keepalive = 25;
	want.peers[0].endpoint = endpoint_of("2001:db8::1", 8789);
	add_peer(&want, 4)->keepalive = 7;
	check_sync("peers", &have, &want, &change);
	is_int(change.peer_count, 3,
	       "peers: one leaves, one changes, one comes");
	is_int(change.peers[0].flags, WG_PEER_REMOVE, "peers: removals first");
	is_int(change.peers[1].flags,
	       WG_PEER_PSK | WG_PEER_KEEPALIVE | WG_PEER_ENDPOINT,
	       "peers: the addresses of a changed peer are not touched");
	is_int(change.peers[1].allowed_ip_count, 0, "peers: none sent");
	wg_device_change_clear(&change);

	memset(&want.peers[0].preshared_key, 0,
	       sizeof(want.peers[0].preshared_key));
	check_sync("key taken away", &have, &want, &change);
	wg_device_change_clear(&change);
	wg_device_clear(&have);
	wg_device_clear(&want);
}

static void test_ips(void)
{
	struct wg_device have, want;
	struct wg_device_change change;

	make_site(&have);
	make_site(&want);
	add_ip(&want.peers[1], "192.168.7.77", 24);
	check_sync("one more address", &have, &want, &change);
	is_int(change.peers[0].flags, 0, "one more address: list not replaced");
	is_int(change.peers[0].allowed_ip_count, 1,
	       "one more address: only it");
	wg_device_change_clear(&change);

	want.peers[1].allowed_ip_count = 1;
	check_sync("one address less", &have, &want, &change);
	is_int(change.peers[0].flags, WG_PEER_REPLACE_IPS,
	       "one less: replaced");
	wg_device_change_clear(&change);

	/* 10.120.0.3 from peer 2 to 3, 10.120.0.4 the other way. */
	wg_device_clear(&want);
	make_site(&want);
	want.peers[1].allowed_ips[0] = ip_of("10.120.0.4", 32);
	want.peers[2].allowed_ips[0] = ip_of("10.120.0.3", 32);
	check_sync("swapped", &have, &want, &change);
	ok(!(change.peers[0].flags & WG_PEER_REPLACE_IPS) &&
		   !(change.peers[1].flags & WG_PEER_REPLACE_IPS),
	   "swapped: each takes the other's, no list is emptied");
	wg_device_change_clear(&change);
	wg_device_clear(&want);

	make_site(&want);
	add_ip(&want.peers[0], "10.120.0.4", 32);
	add_ip(&want.peers[1], "10.120.0.4", 32);
	check_sync("named thrice", &have, &want, &change);
	ok(wg_device_change_is_empty(&change), "named thrice: the last has it");
	wg_device_change_clear(&change);
	wg_device_clear(&want);

	make_site(&want);
	have.peers[0].allowed_ips[0] = ip_of("10.120.0.4", 32);
	remove_peer(&want, &want.peers[0]);
	check_sync("taken from a peer that goes", &have, &want, &change);
	wg_device_change_clear(&change);
	wg_device_clear(&have);
	wg_device_clear(&want);
}

/* Many random states, each from the one before. */
static void test_random(void)
{
	struct wg_device have = {.name = "wg-test"};
	int wrong = 0;

	srand(7);
	for (int round = 0; round < 300; round++) {
		struct wg_device want = {.name = "wg-test"};
		struct wg_device_change change = {0};
		struct wg_device kernel, daemon;

		want.private_key = key_of((unsigned int)rand() % 3);
		want.fwmark = (uint32_t)rand() % 3;
		for (unsigned int n = 0; n < 6; n++) {
			struct wg_device_peer *peer;
			char text[32];

			if (rand() % 3 == 0)
				continue;
			peer = add_peer(&want, n);
			peer->keepalive = (uint16_t)(rand() % 2 * 25);
			for (int ips = rand() % 6; ips > 0; ips--) {
				snprintf(text, sizeof(text), "10.0.%d.%d",
					 rand() % 4, rand() % 2);
				add_ip(peer, text, rand() % 2 ? 24 : 32);
			}
		}
		wg_device_diff(&change, &have, &want);
		copy_device(&kernel, &have);
		copy_device(&daemon, &have);
		apply_netlink(&kernel, &change);
		apply_uapi(&daemon, &change);
		wrong += !same_device(&want, &kernel) ||
			 !same_device(&want, &daemon);
		wg_device_change_clear(&change);
		wg_device_clear(&daemon);
		wg_device_clear(&have);
		wg_device_clear(&want);
		have = kernel;
	}
	wg_device_clear(&have);
	is_int(wrong, 0,
	       "300 random changes end as wanted over both back ends");
}

static void test_split(void)
{
	struct wg_device nothing = {.name = "wg-test"};
	struct wg_device want = {.name = "wg-test"}, kernel;
	struct wg_device_change change = {0};
	char text[32];

	for (unsigned int n = 0; n < 300; n++) {
		struct wg_device_peer *peer = add_peer(&want, n);

		peer->preshared_key = key_of(n + 5000);
		peer->endpoint = endpoint_of("2001:db8::1", (uint16_t)(n + 1));
		peer->keepalive = 25;
		for (unsigned int i = 0; i < (n == 7 ? 3000 : 2); i++) {
			snprintf(text, sizeof(text), "10.%u.%u.%u", n % 250,
				 i / 250 + n / 250 * 20, i % 250);
			add_ip(peer, text, 32);
		}
	}
	wg_device_diff(&change, &nothing, &want);
	copy_device(&kernel, &nothing);
	ok(apply_netlink(&kernel, &change) > 15,
	   "a large change takes many messages");
	ok(same_device(&want, &kernel), "and arrives whole");
	wg_device_clear(&kernel);

	/* Continuations must not forget what came before them. */
	copy_device(&kernel, &want);
	wg_device_change_clear(&change);
	kernel.peers[7].allowed_ip_count = 2999;
	add_ip(&kernel.peers[7], "172.16.0.1", 32);
	wg_device_diff(&change, &kernel, &want);
	is_int(change.peers[0].flags, WG_PEER_REPLACE_IPS,
	       "a long list is replaced");
	apply_netlink(&kernel, &change);
	ok(same_device(&want, &kernel), "over several messages, whole");
	wg_device_change_clear(&change);
	wg_device_clear(&kernel);
	wg_device_clear(&want);
}

static void test_too_small(void)
{
	struct wg_device nothing = {.name = "wg-test"}, want;
	struct wg_device_change change = {0};
	struct wg_netlink_cursor cursor = {0};
	struct nl_msg *msg;
	int err = 0;

	make_site(&want);
	wg_device_diff(&change, &nothing, &want);
	for (int i = 0; !err && !cursor.done && i < 20; i++) {
		msg = new_message(128);
		err = wg_netlink_build(msg, &change, &cursor);
		nlmsg_free(msg);
	}
	is_int(err, -EMSGSIZE,
	       "a message without room is an error, not a loop");
	wg_device_change_clear(&change);
	wg_device_clear(&want);
}

static void test_duplicate(void)
{
	struct wg_device have = {0}, want = {0};
	struct wg_device_change change = {0};

	add_peer(&want, 1);
	add_peer(&want, 1);
	is_int(wg_device_diff(&change, &have, &want), -EEXIST,
	       "one key for two peers is refused");
	wg_device_clear(&want);
}

/* ---- reading GET_DEVICE ---- */

static void put_dump_peer(struct nl_msg *msg, unsigned int n, bool first,
			  const char *const *ips)
{
	const int64_t stamp[2] = {1700000000, 123456789};
	const union wg_endpoint endpoint = endpoint_of("2001:db8::9", 443);
	struct nlattr *peer = nla_nest_start(msg, 0), *list, *entry;
	struct wg_key key = key_of(n), psk = key_of(n + 100);

	nla_put(msg, WGPEER_A_PUBLIC_KEY, WG_KEY_LEN, key.bytes);
	if (first) {
		nla_put(msg, WGPEER_A_PRESHARED_KEY, WG_KEY_LEN, psk.bytes);
		nla_put(msg, WGPEER_A_LAST_HANDSHAKE_TIME, sizeof(stamp),
			stamp);
		nla_put_u16(msg, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 25);
		nla_put_u64(msg, WGPEER_A_TX_BYTES, 1ull << 40);
		nla_put_u64(msg, WGPEER_A_RX_BYTES, 7);
		nla_put_u32(msg, WGPEER_A_PROTOCOL_VERSION, 1);
		nla_put(msg, WGPEER_A_ENDPOINT, sizeof(endpoint.v6), &endpoint);
	}
	list = nla_nest_start(msg, WGPEER_A_ALLOWEDIPS);
	for (; *ips; ips++) {
		struct wg_allowed_ip ip =
			ip_of(*ips, strchr(*ips, ':') ? 128 : 32);

		entry = nla_nest_start(msg, 0);
		nla_put_u8(msg, WGALLOWEDIP_A_CIDR_MASK, ip.prefix);
		nla_put_u16(msg, WGALLOWEDIP_A_FAMILY, ip.family);
		nla_put(msg, WGALLOWEDIP_A_IPADDR,
			ip.family == AF_INET ? sizeof(ip.v4) : sizeof(ip.v6),
			&ip.v6);
		nla_nest_end(msg, entry);
	}
	nla_nest_end(msg, list);
	nla_nest_end(msg, peer);
}

static int read_dump(struct wg_device *device, bool first, unsigned int n,
		     bool peer_first, const char *const *ips)
{
	struct nl_msg *msg = new_message(4096);
	struct wg_key key = key_of(1000);
	struct nlattr *peers;
	int err;

	nla_put_string(msg, WGDEVICE_A_IFNAME, "wg-test");
	if (first) {
		nla_put_u16(msg, WGDEVICE_A_LISTEN_PORT, 51820);
		nla_put_u32(msg, WGDEVICE_A_FWMARK, 9);
		nla_put(msg, WGDEVICE_A_PRIVATE_KEY, WG_KEY_LEN, key.bytes);
	}
	peers = nla_nest_start(msg, WGDEVICE_A_PEERS);
	put_dump_peer(msg, n, peer_first, ips);
	nla_nest_end(msg, peers);
	err = wg_netlink_read(device, nlmsg_hdr(msg));
	nlmsg_free(msg);
	return err;
}

static void test_read_dump(void)
{
	static const char *const some[] = {"10.0.0.1", "fd00::1", NULL};
	static const char *const more[] = {"10.0.0.2", NULL};
	struct wg_device device = {0};
	struct wg_device_peer *peer;
	struct wg_key psk = key_of(101);

	is_int(read_dump(&device, true, 1, true, some), 0,
	       "dump: first message");
	is_int(read_dump(&device, false, 1, false, more), 0,
	       "dump: its peer goes on");
	is_int(read_dump(&device, false, 2, true, more), 0,
	       "dump: another peer");
	is_str(device.name, "wg-test", "dump: name");
	is_int(device.listen_port, 51820, "dump: port");
	is_int(device.fwmark, 9, "dump: mark");
	is_int(device.peer_count, 2, "dump: a split peer is one");
	peer = &device.peers[0];
	is_int(peer->allowed_ip_count, 3, "dump: with all its addresses");
	is_mem(peer->preshared_key.bytes, psk.bytes, WG_KEY_LEN,
	       "dump: its key is not lost by going on");
	is_int(peer->keepalive, 25, "dump: keepalive");
	is_int(peer->tx_bytes, 1ll << 40, "dump: bytes sent");
	is_int(peer->rx_bytes, 7, "dump: bytes received");
	is_int(peer->last_handshake.tv_sec, 1700000000, "dump: handshake");
	is_int(peer->last_handshake.tv_nsec, 123456789,
	       "dump: its nanoseconds");
	is_int(ntohs(peer->endpoint.v6.sin6_port), 443, "dump: endpoint");
	wg_device_clear(&device);
}

static void test_read_bad(void)
{
	struct wg_device device = {0};
	struct nl_msg *msg = new_message(4096);
	struct nlattr *peers, *peer;

	peers = nla_nest_start(msg, WGDEVICE_A_PEERS);
	peer = nla_nest_start(msg, 0);
	nla_put(msg, WGPEER_A_PUBLIC_KEY, 31, key_of(1).bytes);
	nla_nest_end(msg, peer);
	nla_nest_end(msg, peers);
	is_int(wg_netlink_read(&device, nlmsg_hdr(msg)), -EBADMSG,
	       "a key of 31 bytes is refused");
	nlmsg_free(msg);
	wg_device_clear(&device);
}

/* ---- reading get=1 ---- */

#define HEX1 "4001000000000000000000000000000000000000000000000000000000000000"
#define HEX2 "4002000000000000000000000000000000000000000000000000000000000000"

static void test_read_text(void)
{
	static const char text[] =
		"private_key=" HEX1 "\nlisten_port=12912\nfwmark=77\n"
		"public_key=" HEX1 "\npreshared_key=" HEX2
		"\nprotocol_version=1\n"
		"endpoint=[fe80::1%lo]:51821\nlast_handshake_time_sec=5\n"
		"last_handshake_time_nsec=6\ntx_bytes=38333\nrx_bytes=2224\n"
		"persistent_keepalive_interval=111\n"
		"allowed_ip=192.168.4.6/32\nallowed_ip=fd00::/64\n"
		"public_key=" HEX2 "\nendpoint=182.122.22.19:3233\n"
		"a_line_of_tomorrow=1\nerrno=0\n\n";
	struct wg_device device = {0};

	is_int(wg_uapi_read(&device, text, sizeof(text) - 1), 0, "text: read");
	is_int(device.listen_port, 12912, "text: port");
	is_int(device.fwmark, 77, "text: mark");
	if (is_int(device.peer_count, 2, "text: peers")) {
		is_int(device.peers[0].keepalive, 111, "text: keepalive");
		is_int(device.peers[0].allowed_ip_count, 2, "text: addresses");
		is_int(device.peers[0].allowed_ips[1].prefix, 64,
		       "text: prefix");
		is_int(device.peers[0].tx_bytes, 38333, "text: sent");
		is_int(device.peers[0].endpoint.v6.sin6_scope_id, 1,
		       "text: scope");
		is_int(ntohs(device.peers[1].endpoint.v4.sin_port), 3233,
		       "text: endpoint");
		ok(!wg_key_is_zero(&device.public_key),
		   "text: public key derived");
	}
	wg_device_clear(&device);
}

static void test_read_bad_text(void)
{
	static const struct {
		const char *text;
		int err;
	} rows[] = {
		{"errno=0\n\n", 0},
		{"errno=-22\n\n", -EINVAL},
		{"errno=98\n\n", -EADDRINUSE},
		{"", -EBADMSG},
		{"listen_port=1\n\n", -EBADMSG},
		{"listen_port=65536\nerrno=0\n\n", -EBADMSG},
		{"listen_port=-1\nerrno=0\n\n", -EBADMSG},
		{"no assignment\nerrno=0\n\n", -EBADMSG},
		{"public_key=40\nerrno=0\n\n", -EBADMSG},
		{"public_key=" HEX1 "00\nerrno=0\n\n", -EBADMSG},
		{"public_key=" HEX1 "\nallowed_ip=10.0.0.1\nerrno=0\n\n",
		 -EBADMSG},
		{"public_key=" HEX1 "\nallowed_ip=10.0.0.1/33\nerrno=0\n\n",
		 -EBADMSG},
		{"public_key=" HEX1 "\nendpoint=]:1\nerrno=0\n\n", -EBADMSG},
		{"public_key=" HEX1 "\nendpoint=:1\nerrno=0\n\n", -EBADMSG},
		{"public_key=" HEX1 "\nendpoint=localhost:1\nerrno=0\n\n",
		 -EBADMSG},
		{"public_key=" HEX1 "\nerrno=0", -EBADMSG},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wg_device device = {0};

		is_int(wg_uapi_read(&device, rows[i].text,
				    strlen(rows[i].text)),
		       rows[i].err, "answer %zu", i);
		wg_device_clear(&device);
	}
	is_int(wg_uapi_read_errno("errno=-1\n\n", 10), -EPERM,
	       "errno of a set");
}

static void test_mask(void)
{
	static const struct {
		const char *from;
		unsigned int prefix;
		const char *to;
	} rows[] = {
		{"10.120.5.6", 16, "10.120.0.0"},
		{"10.120.5.6", 32, "10.120.5.6"},
		{"255.255.255.255", 0, "0.0.0.0"},
		{"10.255.0.0", 9, "10.128.0.0"},
		{"fd00:1:2:3:4::5", 64, "fd00:1:2:3::"},
		{"ffff::1", 1, "8000::"},
		{"fd00::1", 128, "fd00::1"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wg_allowed_ip ip = ip_of(rows[i].from, rows[i].prefix);
		char text[INET6_ADDRSTRLEN];

		wg_allowed_ip_mask(&ip);
		inet_ntop(ip.family, &ip.v6, text, sizeof(text));
		is_str(text, rows[i].to, "%s/%u", rows[i].from, rows[i].prefix);
	}
}

int main(void)
{
	test_mask();
	test_nothing();
	test_create();
	test_peers();
	test_ips();
	test_random();
	test_split();
	test_too_small();
	test_duplicate();
	test_read_dump();
	test_read_bad();
	test_read_text();
	test_read_bad_text();
	return tap_done();
}
