// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A leg that the agent has not resolved: what the kernel's routes and
 * neighbours make of it, for both families, same and changed. By another device
 * than the packet came in by the program sends nothing on its own.
 */
#include <endian.h>
#include <net/if.h>

#include "fixture.h"

#define PEER "192.0.2.1"
#define PEER6 "2001:db8:1::1"
#define RELAY "203.0.113.1"
#define RELAY6 "2001:db8::1"
#define INDEX_4TO4 0x44u
#define INDEX_4TO6 0x46u
#define INDEX_6TO4 0x64u
#define INDEX_6TO6 0x66u

enum { LEG_4 = 1, LEG_6, LEG_TO_4, LEG_TO_6 };

static const char *const commands[] = {
	"ip link set lo up",
	"ip link add out type veth peer name far",
	"ip link set out address 02:00:00:00:02:02 mtu 1400 up",
	"ip link set far up",
	"ip addr add 203.0.113.1/24 dev out",
	"ip addr add 2001:db8::1/64 dev out nodad",
	"ip route add 198.51.100.0/24 via 203.0.113.254",
	"ip route add 198.51.101.0/24 via 203.0.113.253",
	"ip route add blackhole 198.51.102.0/24",
	"ip route add unreachable 198.51.103.0/24",
	"ip route add prohibit 198.51.104.0/24",
	"ip -6 route add 2001:db8:2::/64 via 2001:db8::254",
	"ip -6 route add 2001:db8:3::/64 via 2001:db8::253",
	"ip -6 route add blackhole 2001:db8:4::/64",
	"ip -6 route add unreachable 2001:db8:5::/64",
	"ip -6 route add prohibit 2001:db8:6::/64",
	"ip neigh add 203.0.113.254 lladdr 02:00:00:00:02:01 dev out",
	"ip neigh add 2001:db8::254 lladdr 02:00:00:00:02:01 dev out",
	"sysctl -qw net.ipv4.conf.all.forwarding=1",
	"sysctl -qw net.ipv6.conf.all.forwarding=1",
};

static void set_up(void)
{
	struct relay_leg from =
		fixture_leg(PEER, FIXTURE_PEER_PORT, RELAY, FIXTURE_PORT);
	struct relay_leg from6 =
		fixture_leg(PEER6, FIXTURE_PEER_PORT, RELAY6, FIXTURE_PORT);

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fixture_must(!system(commands[i]), commands[i]);
	fixture_local(RELAY);
	fixture_local(RELAY6);
	fixture_leg_put(LEG_4, &from);
	fixture_leg_put(LEG_6, &from6);
	fixture_slot(INDEX_4TO4, 0, LEG_4, LEG_TO_4);
	fixture_slot(INDEX_4TO6, 1, LEG_4, LEG_TO_6);
	fixture_slot(INDEX_6TO4, 2, LEG_6, LEG_TO_4);
	fixture_slot(INDEX_6TO6, 3, LEG_6, LEG_TO_6);
}

struct row {
	const char *to;
	size_t length;
	int want;
};

static const struct row rows[] = {
	{"198.51.100.2", 64, SLUICE_REASON_forward_tx},
	{"198.51.100.2", 1400 - 28, SLUICE_REASON_forward_tx},
	{"198.51.100.2", 1400 - 27, SLUICE_REASON_too_big},
	{"198.51.101.2", 64, SLUICE_REASON_no_neighbour},
	{"198.51.102.2", 64, SLUICE_REASON_no_route},
	{"198.51.103.2", 64, SLUICE_REASON_no_route},
	{"198.51.104.2", 64, SLUICE_REASON_no_route},
	{"10.99.99.99", 64, SLUICE_REASON_no_neighbour},
	{"2001:db8:2::2", 64, SLUICE_REASON_forward_tx},
	{"2001:db8:2::2", 1400 - 48, SLUICE_REASON_forward_tx},
	{"2001:db8:2::2", 1400 - 47, SLUICE_REASON_too_big},
	{"2001:db8:3::2", 64, SLUICE_REASON_no_neighbour},
	{"2001:db8:4::2", 64, SLUICE_REASON_no_route},
	{"2001:db8:5::2", 64, SLUICE_REASON_no_route},
	{"2001:db8:6::2", 64, SLUICE_REASON_no_route},
};

static struct packet_spec arriving(const struct fixture_message *message,
				   bool v6)
{
	return fixture_spec(message, v6 ? PEER6 : PEER, v6 ? RELAY6 : RELAY);
}

/* The same packet, arrived by a device that the route does not lead to. */
static int wanted(const struct row *row)
{
	if (fixture_device == FIXTURE_DEVICE_IN &&
	    row->want == SLUICE_REASON_forward_tx)
		return SLUICE_REASON_no_neighbour;
	return row->want;
}

static void check_row(const struct row *row, bool v6_in)
{
	bool v6_out = fixture_is_v6(row->to);
	uint32_t index = 0x44 + 0x20 * v6_in + 2 * v6_out;
	struct fixture_message message = fixture_data(index, row->length);
	struct packet_spec spec = arriving(&message, v6_in);
	struct relay_leg leg = fixture_leg(
		row->to, 40000, v6_out ? RELAY6 : RELAY, FIXTURE_PORT);

	leg.flags &= ~RELAY_LEG_RESOLVED;
	leg.vlan[0] = 9; /* not valid, like the rest of the next hop */
	memset(leg.dmac, 0xee, 12);
	fixture_leg_put(v6_out ? LEG_TO_6 : LEG_TO_4, &leg);
	fixture_spec_judges(&spec, wanted(row),
			    "to %s, %zu bytes, from IPv%d, by device %u",
			    row->to, row->length, v6_in ? 6 : 4,
			    fixture_device);
}

/* The frame carries the next hop that the kernel knows. */
static void check_frame(bool v6_in, bool v6_out)
{
	struct row row = {v6_out ? "2001:db8:2::2" : "198.51.100.2", 64,
			  SLUICE_REASON_forward_tx};
	uint32_t index = 0x44 + 0x20 * v6_in + 2 * v6_out;
	struct fixture_message message = fixture_data(index, 64);
	struct packet_spec spec = arriving(&message, v6_in);
	struct fixture_result result;
	uint8_t frame[PACKET_MAX];

	check_row(&row, v6_in);
	fixture_run(&result, frame, packet_build(frame, &spec));
	is_mem(result.frame, "\2\0\0\0\2\1\2\0\0\0\2\2", 12,
	       "the next hop's address and the device's");
	is_int(packet_get16(result.frame + 12), v6_out ? 0x86dd : 0x0800,
	       "no tag");
	ok(packet_sums_right(result.frame, result.len), "right checksums");
}

/* Redirected to the device that was named, and answered where it came from. */
static void test_device(void)
{
	struct row row = {"198.51.100.2", 64, SLUICE_REASON_forward_tx};
	struct relay_leg leg = fixture_leg(row.to, 40000, RELAY, FIXTURE_PORT);
	struct fixture_message message = fixture_data(INDEX_4TO4, 64);
	struct packet_spec spec = arriving(&message, false);

	leg.ifindex = if_nametoindex("out");
	fixture_leg_put(LEG_TO_4, &leg);
	fixture_spec_judges(&spec, SLUICE_REASON_forward_redirect,
			    "a resolved leg on another device");
	leg.ifindex = FIXTURE_DEVICE_IN;
	fixture_leg_put(LEG_TO_4, &leg);
	fixture_spec_judges(&spec, SLUICE_REASON_forward_tx,
			    "a resolved leg on the same device");
}

static void test_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		check_row(&rows[i], false);
		check_row(&rows[i], true);
	}
}

static const enum sluice_reason covered[] = {
	SLUICE_REASON_forward_tx,   SLUICE_REASON_forward_redirect,
	SLUICE_REASON_no_neighbour, SLUICE_REASON_too_big,
	SLUICE_REASON_no_route,
};

int main(void)
{
	fixture_open(false);
	set_up();
	test_rows();
	test_device();
	fixture_device = if_nametoindex("out");
	test_rows();
	for (int i = 0; i < 4; i++)
		check_frame(i & 1, i & 2);
	fixture_covers(covered, sizeof(covered) / sizeof(*covered));
	return fixture_close();
}
