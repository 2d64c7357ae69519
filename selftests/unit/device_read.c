// SPDX-License-Identifier: GPL-2.0-or-later
/* WireGuard devices: what both back ends read of one, and what they refuse. */
#include <errno.h>

#include "device_make.h"
#include "tap.h"
#include "wg/device_netlink.h"
#include "wg/device_uapi.h"

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

int main(void)
{
	test_read_dump();
	test_read_bad();
	test_read_text();
	test_read_bad_text();
	return tap_done();
}
