// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * WireGuard devices: the difference between two states, and its way through
 * both back ends' messages. After a sync the oracle's device must be what was
 * wanted.
 */
#include <errno.h>

#include "device_oracle.h"
#include "tap.h"

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
	return tap_done();
}
