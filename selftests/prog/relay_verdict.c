// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every reason, one row or more each: one packet, its verdict, the one counter
 * that moved, and a packet that is as it was unless it was forwarded.
 */
#include <endian.h>
#include <sys/mman.h>

#include "fixture.h"

#define INDEX 0x1000u
#define INDEX_LOCAL 0x1001u
#define INDEX_6TO4 0x1002u
#define INDEX_4TO6 0x1003u
#define INDEX_6 0x1004u
#define INDEX_GONE 0x1005u
#define INDEX_NO_LEG 0x1006u
#define INDEX_LOCAL6 0x1007u
#define PEER "192.0.2.1"
#define OTHER "198.51.100.2"
#define RELAY "203.0.113.1"
#define PEER6 "2001:db8:1::1"
#define OTHER6 "2001:db8:2::2"
#define RELAY6 "2001:db8::1"
#define STRANGER "192.0.2.99"
#define STRANGER6 "2001:db8:99::1"
#define ELSEWHERE "203.0.113.77"

enum { LEG_PEER = 1, LEG_OTHER, LEG_PEER6, LEG_OTHER6, LEG_UNUSED };

static struct packet_spec data(uint32_t index, const char *source,
			       const char *dest)
{
	static struct fixture_message message;

	message = fixture_data(index, 64);
	return fixture_spec(&message, source, dest);
}

static void set_up(void)
{
	struct relay_leg legs[] = {
		[LEG_PEER] = fixture_leg(PEER, FIXTURE_PEER_PORT, RELAY,
					 FIXTURE_PORT),
		[LEG_OTHER] = fixture_leg(OTHER, 40000, RELAY, FIXTURE_PORT),
		[LEG_PEER6] = fixture_leg(PEER6, FIXTURE_PEER_PORT, RELAY6,
					  FIXTURE_PORT),
		[LEG_OTHER6] = fixture_leg(OTHER6, 40000, RELAY6, FIXTURE_PORT),
	};

	fixture_local(RELAY);
	fixture_local(RELAY6);
	for (uint32_t i = LEG_PEER; i <= LEG_OTHER6; i++)
		fixture_leg_put(i, &legs[i]);
	fixture_slot(INDEX, 0, LEG_PEER, LEG_OTHER);
	fixture_slot(INDEX_LOCAL, 1, RELAY_LEG_LOCAL, RELAY_LEG_LOCAL);
	fixture_slot(INDEX_LOCAL6, 7, RELAY_LEG_LOCAL, RELAY_LEG_LOCAL);
	fixture_slot(INDEX_6TO4, 2, LEG_PEER6, LEG_OTHER);
	fixture_slot(INDEX_4TO6, 3, LEG_PEER, LEG_OTHER6);
	fixture_slot(INDEX_6, 4, LEG_PEER6, LEG_OTHER6);
	fixture_slot(INDEX_GONE, 5, LEG_PEER, LEG_UNUSED);
	fixture_slot(INDEX_NO_LEG, 6, LEG_PEER, FIXTURE_LEGS + 1);
}

static void test_forward(void)
{
	struct packet_spec spec = data(INDEX, PEER, RELAY);
	struct relay_leg leg = fixture_leg(OTHER, 40000, RELAY, FIXTURE_PORT);

	fixture_spec_judges(&spec, SLUICE_REASON_forward_tx, "same device");
	leg.ifindex = FIXTURE_DEVICE_OUT;
	fixture_leg_put(LEG_OTHER, &leg);
	fixture_spec_judges(&spec, SLUICE_REASON_forward_redirect,
			    "another device");
	leg.ifindex = FIXTURE_DEVICE_IN;
	fixture_leg_put(LEG_OTHER, &leg);
}

static void test_ports(void)
{
	struct packet_spec spec = data(INDEX, PEER, RELAY);
	uint8_t frame[PACKET_MAX];
	size_t len;

	spec.dest_port = FIXTURE_PORT - 1;
	fixture_spec_judges(&spec, SLUICE_REASON_foreign, "a port below");
	spec.dest_port = FIXTURE_PORT_MAX + 1;
	fixture_spec_judges(&spec, SLUICE_REASON_foreign, "a port above");
	len = packet_build(frame, &spec);
	packet_put16(frame + 38, 3);
	fixture_judges(frame, len, SLUICE_REASON_foreign,
		       "another port with a wrong length");
	spec = data(0xdead, PEER, RELAY);
	spec.dest_port = FIXTURE_PORT_MAX;
	fixture_spec_judges(&spec, SLUICE_REASON_no_session, "the last port");
}

/* A byte of a good frame is changed. */
struct patch {
	const char *name;
	bool v6;
	unsigned at;
	uint8_t value;
	int want;
};

static const struct patch patches[] = {
	{"ARP", false, 13, 0x06, SLUICE_REASON_foreign},
	{"TCP", false, 23, 6, SLUICE_REASON_foreign},
	{"ICMP", false, 23, 1, SLUICE_REASON_foreign},
	{"IP options", false, 14, 0x46, SLUICE_REASON_not_simple},
	{"a header of four words", false, 14, 0x44, SLUICE_REASON_not_simple},
	{"a header of no words", false, 14, 0x40, SLUICE_REASON_not_simple},
	{"version 6 in IPv4", false, 14, 0x65, SLUICE_REASON_not_simple},
	{"more fragments", false, 20, 0x20, SLUICE_REASON_not_simple},
	{"a fragment offset", false, 21, 0x01, SLUICE_REASON_not_simple},
	{"a high fragment offset", false, 20, 0x10, SLUICE_REASON_not_simple},
	{"don't fragment", false, 20, 0x40, SLUICE_REASON_forward_tx},
	{"TCP over IPv6", true, 20, 6, SLUICE_REASON_foreign},
	{"ICMPv6", true, 20, 58, SLUICE_REASON_foreign},
	{"ESP", true, 20, 50, SLUICE_REASON_foreign},
	{"next header 255", true, 20, 255, SLUICE_REASON_foreign},
	{"hop-by-hop options", true, 20, 0, SLUICE_REASON_not_simple},
	{"a routing header", true, 20, 43, SLUICE_REASON_not_simple},
	{"a fragment header", true, 20, 44, SLUICE_REASON_not_simple},
	{"an authentication header", true, 20, 51, SLUICE_REASON_not_simple},
	{"destination options", true, 20, 60, SLUICE_REASON_not_simple},
	{"a mobility header", true, 20, 135, SLUICE_REASON_not_simple},
	{"version 4 in IPv6", true, 14, 0x45, SLUICE_REASON_foreign},
	{"a traffic class", true, 14, 0x6b, SLUICE_REASON_forward_tx},
};

static void test_patches(void)
{
	for (size_t i = 0; i < sizeof(patches) / sizeof(*patches); i++) {
		const struct patch *patch = &patches[i];
		struct packet_spec spec = patch->v6
						  ? data(INDEX_6, PEER6, RELAY6)
						  : data(INDEX, PEER, RELAY);
		uint8_t frame[PACKET_MAX];
		size_t len = packet_build(frame, &spec);

		frame[patch->at] = patch->value;
		fixture_judges(frame, len, patch->want, "%s", patch->name);
	}
}

static void test_third_tag(void)
{
	struct packet_spec spec = data(INDEX, PEER, RELAY);
	uint8_t frame[PACKET_MAX], tagged[PACKET_MAX];
	size_t len;

	spec.tags = 2;
	len = packet_build(frame, &spec);
	memcpy(tagged, frame, 12);
	memcpy(tagged + 12, "\x88\xa8\0\1", 4);
	memcpy(tagged + 16, frame + 12, len - 12);
	fixture_judges(tagged, len + 4, SLUICE_REASON_foreign, "three tags");
}

/*
 * A length of the IP or UDP header, off by this much. `ours`: by the port and
 * the address, which is asked before a drop.
 */
struct length_row {
	const char *name;
	bool udp;
	int by;
	int want;
};

static const struct length_row length_rows[] = {
	{"UDP one longer than IP", true, 1, SLUICE_REASON_bad_length},
	{"UDP one shorter than IP", true, -1, SLUICE_REASON_forward_tx},
	{"UDP of a keepalive's length", true, -32, SLUICE_REASON_forward_tx},
	{"UDP below a keepalive's", true, -33, SLUICE_REASON_bad_shape},
	{"UDP of its header only", true, -64, SLUICE_REASON_bad_shape},
	{"UDP below its header", true, -65, SLUICE_REASON_bad_length},
	{"UDP length 0", true, -72, SLUICE_REASON_bad_length},
	{"IP one longer than the frame", false, 1, SLUICE_REASON_bad_length},
	{"IP one shorter than UDP", false, -1, SLUICE_REASON_bad_length},
	{"IP of its and UDP's header", false, -64, SLUICE_REASON_bad_length},
	{"IP without a whole UDP header", false, -65, SLUICE_REASON_foreign},
	{"IP without any UDP header", false, -72, SLUICE_REASON_foreign},
};

static void check_length(const struct length_row *row, bool v6, bool ours)
{
	struct packet_spec spec =
		v6 ? data(INDEX_6, PEER6, RELAY6) : data(INDEX, PEER, RELAY);
	const struct fixture_address elsewhere =
		fixture_address(v6 ? "2001:db8::77" : ELSEWHERE);
	unsigned udp = PACKET_ETHERNET + (v6 ? PACKET_IPV6 : PACKET_IPV4);
	unsigned at = row->udp ? udp + 4 : PACKET_ETHERNET + (v6 ? 4 : 2);
	bool drop = fixture_fates[row->want] == FIXTURE_IS_drop;
	uint8_t frame[PACKET_MAX];
	size_t len;

	if (!ours)
		memcpy(spec.dest, elsewhere.bytes, 16);
	len = packet_build(frame, &spec);
	packet_put16(frame + at, packet_get16(frame + at) + row->by);
	if (ours)
		fixture_judges(frame, len, row->want, "IPv%d, %s", v6 ? 6 : 4,
			       row->name);
	else if (drop)
		fixture_judges(frame, len, SLUICE_REASON_foreign,
			       "IPv%d, %s, not for this host", v6 ? 6 : 4,
			       row->name);
}

static void test_lengths(void)
{
	for (size_t i = 0; i < sizeof(length_rows) / sizeof(*length_rows); i++)
		for (int j = 0; j < 4; j++)
			check_length(&length_rows[i], j & 1, j & 2);
}

static void test_ipv6_without_checksum(void)
{
	struct packet_spec spec = data(INDEX_6, PEER6, RELAY6);

	spec.sum = PACKET_SUM_NONE;
	fixture_spec_judges(&spec, SLUICE_REASON_bad_length,
			    "IPv6 without a checksum");
}

/* Type, reserved bytes, lengths. */
static void test_shapes(void)
{
	static const struct {
		uint8_t type;
		size_t len;
	} exact[] = {{1, 148}, {2, 92}, {3, 64}};
	struct fixture_message message;
	struct packet_spec spec;

	for (int i = 0; i < 3; i++) {
		message = fixture_handshake(exact[i].type);
		for (int by = -1; by <= 1; by += 2) {
			spec = fixture_spec(&message, STRANGER, RELAY);
			spec.length = exact[i].len + by;
			fixture_spec_judges(&spec, SLUICE_REASON_bad_shape,
					    "type %d, %+d bytes", i + 1, by);
		}
		spec = fixture_spec(&message, STRANGER, RELAY);
		fixture_spec_judges(&spec, SLUICE_REASON_stranger, "type %d",
				    i + 1);
		for (int at = 1; at < 4; at++) {
			message = fixture_handshake(exact[i].type);
			message.bytes[at] = 1;
			fixture_spec_judges(&spec, SLUICE_REASON_bad_shape,
					    "type %d, reserved byte %d", i + 1,
					    at);
		}
	}
	for (int at = 1; at < 4; at++) {
		message = fixture_data(INDEX, 64);
		message.bytes[at] = 0x80;
		spec = fixture_spec(&message, PEER, RELAY);
		fixture_spec_judges(&spec, SLUICE_REASON_bad_shape,
				    "data, reserved byte %d", at);
	}
	for (size_t len = 0; len < 32; len++) {
		message = fixture_data(INDEX, 32);
		spec = fixture_spec(&message, PEER, RELAY);
		spec.length = len;
		fixture_spec_judges(&spec, SLUICE_REASON_bad_shape,
				    "data of %zu bytes", len);
	}
	spec = fixture_spec(&message, PEER, RELAY);
	fixture_spec_judges(&spec, SLUICE_REASON_forward_tx, "a keepalive");
	for (int type = 0; type < 256; type++) {
		if (type >= 1 && type <= 4)
			continue;
		message = fixture_data(INDEX, 64);
		message.bytes[0] = type;
		spec = fixture_spec(&message, PEER, RELAY);
		fixture_spec_judges(&spec, SLUICE_REASON_bad_shape, "type %d",
				    type);
	}
}

/* The same to an address that is not this host's: nobody's business here. */
static void test_foreign_address(void)
{
	struct fixture_message message = fixture_handshake(WG_INITIATION);
	struct packet_spec spec = fixture_spec(&message, STRANGER, ELSEWHERE);

	fixture_spec_judges(&spec, SLUICE_REASON_foreign, "a handshake");
	message.bytes[0] = 9;
	fixture_spec_judges(&spec, SLUICE_REASON_foreign, "a bad shape");
	spec = data(0xdead, PEER, ELSEWHERE);
	fixture_spec_judges(&spec, SLUICE_REASON_foreign, "an unknown index");
	spec = data(INDEX, PEER, ELSEWHERE);
	fixture_spec_judges(&spec, SLUICE_REASON_foreign, "a live index");
	spec = data(INDEX_6, PEER6, "2001:db8::2");
	fixture_spec_judges(&spec, SLUICE_REASON_foreign, "the same for IPv6");
}

static void test_no_session(void)
{
	struct packet_spec spec = data(0xdead, PEER, RELAY);
	struct relay_spill spill = {.slot = {.from = LEG_PEER, .to = LEG_OTHER},
				    .count = 8 * FIXTURE_BUCKETS};
	uint32_t index = htole32(0xbeef);

	fixture_spec_judges(&spec, SLUICE_REASON_no_session, "nobody has it");
	spec = data(0xdead, PEER6, RELAY6);
	fixture_spec_judges(&spec, SLUICE_REASON_no_session, "nor over IPv6");
	spec = data(INDEX_GONE, PEER, RELAY);
	fixture_spec_judges(&spec, SLUICE_REASON_no_session,
			    "the leg it leads to is not in use");
	spec = data(INDEX_NO_LEG, PEER, RELAY);
	fixture_spec_judges(&spec, SLUICE_REASON_no_session,
			    "the leg it leads to is beyond the table");
	spec = data(0xbeef, PEER, RELAY);
	spill.slot.index = htole32(0xbee0);
	fixture_put(FIXTURE_MAP(relay_spill), &index, &spill);
	fixture_spec_judges(&spec, SLUICE_REASON_no_session,
			    "a spilled slot with another index");
	spill.slot.index = index;
	fixture_put(FIXTURE_MAP(relay_spill), &index, &spill);
	fixture_spec_judges(&spec, SLUICE_REASON_forward_tx, "a spilled slot");
}

/* The relay's own tunnel: known peers at will, new sources by their bucket. */
static void test_tunnel(void)
{
	struct packet_spec spec = data(INDEX_LOCAL, PEER, RELAY);

	fixture_limit(RELAY_RATE_MISMATCH, 1000000000, 2);
	for (int i = 0; i < 2; i++)
		fixture_spec_judges(&spec, SLUICE_REASON_mismatch_asked,
				    "own tunnel, a new source");
	fixture_spec_judges(&spec, SLUICE_REASON_wrong_source,
			    "own tunnel, a new source once more");
	fixture_known(PEER, FIXTURE_PEER_PORT);
	for (int i = 0; i < 4; i++)
		fixture_spec_judges(&spec, SLUICE_REASON_tunnel_data,
				    "own tunnel, a known source");
	spec.source_port++;
	fixture_spec_judges(&spec, SLUICE_REASON_wrong_source,
			    "own tunnel, a known source's other port");
	spec = data(INDEX_LOCAL, PEER, ELSEWHERE);
	fixture_spec_judges(&spec, SLUICE_REASON_foreign,
			    "own tunnel's index to another host");
	fixture_known(PEER6, FIXTURE_PEER_PORT);
	spec = data(INDEX_LOCAL6, PEER6, RELAY6);
	fixture_spec_judges(&spec, SLUICE_REASON_tunnel_data, "over IPv6");
}

/* What its peers send into it is limited too. */
static void test_tunnel_rate(void)
{
	struct packet_spec spec = data(INDEX_LOCAL, PEER, RELAY);

	fixture_limit(RELAY_RATE_KNOWN, 4000000000U, 2);
	for (int i = 0; i < 2; i++)
		fixture_spec_judges(&spec, SLUICE_REASON_tunnel_data,
				    "own tunnel, packet %d of 2", i + 1);
	fixture_spec_judges(&spec, SLUICE_REASON_rate_limited,
			    "own tunnel, one too many");
	fixture_limit(RELAY_RATE_KNOWN, 0, 0);
}

static void forget_rate(const char *source)
{
	struct fixture_address address = fixture_address(source);
	struct relay_rate_key key = {.family = fixture_is_v6(source) ? 6 : 4,
				     .rate_class = RELAY_RATE_MISMATCH};

	if (fixture_is_v6(source))
		memcpy(key.source, address.bytes, 8);
	else
		memcpy(key.source, address.bytes + 12, 4);
	bpf_map_delete_elem(FIXTURE_MAP(relay_rate), &key);
}

static void forget_slow_rate(void)
{
	struct fixture_address address = fixture_address(PEER);
	struct relay_rate_key key = {.port = htons(FIXTURE_PEER_PORT),
				     .family = 4,
				     .rate_class = RELAY_RATE_SLOW};

	memcpy(key.source, address.bytes + 12, 4);
	fixture_must(!bpf_map_delete_elem(FIXTURE_MAP(relay_rate), &key),
		     "a bucket by address and port");
}

/* Each part of the 4-tuple, off by a bit; a source may be asked twice. */
static void test_sources(void)
{
	const struct packet_spec good = data(INDEX, PEER, RELAY);
	struct relay_leg leg =
		fixture_leg(PEER, FIXTURE_PEER_PORT, RELAY, FIXTURE_PORT);
	struct packet_spec spec = good;

	fixture_limit(RELAY_RATE_MISMATCH, 1000000000, 2);
	spec.source[15] ^= 2;
	for (int n = 0; n < 2; n++)
		fixture_spec_judges(&spec, SLUICE_REASON_mismatch_asked,
				    "another address");
	fixture_spec_judges(&spec, SLUICE_REASON_wrong_source,
			    "another address, once more");
	forget_rate(PEER);
	spec = good;
	spec.source_port ^= 1;
	fixture_spec_judges(&spec, SLUICE_REASON_mismatch_asked,
			    "another port");
	spec = good;
	spec.dest_port++;
	fixture_spec_judges(&spec, SLUICE_REASON_mismatch_asked,
			    "to another of the relay's ports");
	for (int at = 0; at < 16; at++) {
		spec = data(INDEX_6, PEER6, RELAY6);
		spec.source[at] ^= 4;
		fixture_spec_judges(&spec, SLUICE_REASON_mismatch_asked,
				    "IPv6, byte %d of the source", at);
		forget_rate(PEER6);
	}
	forget_rate(PEER);
	spec = data(INDEX_6, PEER, RELAY);
	fixture_spec_judges(&spec, SLUICE_REASON_mismatch_asked,
			    "an IPv6 leg's index over IPv4");
	spec = data(INDEX, PEER6, RELAY6);
	fixture_spec_judges(&spec, SLUICE_REASON_mismatch_asked,
			    "an IPv4 leg's index over IPv6");
	fixture_limit(RELAY_RATE_MISMATCH, 0, 0);
	leg.flags = RELAY_LEG_RESOLVED;
	fixture_leg_put(LEG_PEER, &leg);
	spec = data(INDEX, PEER, RELAY);
	fixture_spec_judges(&spec, SLUICE_REASON_mismatch_asked,
			    "from where a leg was that is not in use");
	leg.flags |= RELAY_LEG_INUSE;
	fixture_leg_put(LEG_PEER, &leg);
	spec = data(INDEX, STRANGER, RELAY);
	for (int n = 0; n < 100; n++)
		fixture_spec_judges(&spec, SLUICE_REASON_mismatch_asked,
				    "no cost is no limit");
}

/* A leg with an odd sequence number is being written. */
static void test_leg_busy(void)
{
	struct relay_leg leg =
		fixture_leg(PEER, FIXTURE_PEER_PORT, RELAY, FIXTURE_PORT);
	struct packet_spec spec = data(INDEX, PEER, RELAY);

	leg.seq = 3;
	fixture_leg_put(LEG_PEER, &leg);
	fixture_spec_judges(&spec, SLUICE_REASON_leg_busy, "the sender's");
	spec = data(INDEX, PEER, ELSEWHERE);
	fixture_spec_judges(&spec, SLUICE_REASON_foreign,
			    "the sender's, to another address");
	leg.seq = 4;
	fixture_leg_put(LEG_PEER, &leg);
	leg = fixture_leg(OTHER, 40000, RELAY, FIXTURE_PORT);
	leg.seq = 5;
	fixture_leg_put(LEG_OTHER, &leg);
	spec = data(INDEX, PEER, RELAY);
	fixture_spec_judges(&spec, SLUICE_REASON_leg_busy, "the receiver's");
	leg.seq = 6;
	fixture_leg_put(LEG_OTHER, &leg);
	fixture_spec_judges(&spec, SLUICE_REASON_forward_tx, "written");
}

static void test_ttl(void)
{
	static const struct {
		uint32_t index;
		const char *source, *dest;
	} ways[] = {{INDEX, PEER, RELAY},
		    {INDEX_4TO6, PEER, RELAY},
		    {INDEX_6TO4, PEER6, RELAY6},
		    {INDEX_6, PEER6, RELAY6}};

	for (int i = 0; i < 4; i++) {
		struct packet_spec spec =
			data(ways[i].index, ways[i].source, ways[i].dest);

		spec.ttl = 0;
		fixture_spec_judges(&spec, SLUICE_REASON_ttl_expired, "0");
		spec.ttl = 1;
		fixture_spec_judges(&spec, SLUICE_REASON_ttl_expired, "1");
		spec.ttl = 2;
		fixture_spec_judges(&spec, SLUICE_REASON_forward_tx, "2");
		spec.ttl = 255;
		fixture_spec_judges(&spec, SLUICE_REASON_forward_tx, "255");
	}
}

/* The packet is 64 bytes of payload, UDP, and the IP header it leaves with. */
static void check_mtu(uint32_t index, uint32_t to, const char *source,
		      const char *dest, const struct relay_leg *good,
		      unsigned header)
{
	struct packet_spec spec = data(index, source, dest);
	struct relay_leg leg = *good;

	leg.mtu = header + PACKET_UDP + 64;
	fixture_leg_put(to, &leg);
	fixture_spec_judges(&spec, SLUICE_REASON_forward_tx, "just fits");
	leg.mtu--;
	fixture_leg_put(to, &leg);
	fixture_spec_judges(&spec, SLUICE_REASON_too_big, "by one byte");
	fixture_leg_put(to, good);
}

static void test_mtu(void)
{
	struct relay_leg leg = fixture_leg(OTHER, 40000, RELAY, FIXTURE_PORT);
	struct relay_leg leg6 =
		fixture_leg(OTHER6, 40000, RELAY6, FIXTURE_PORT);

	check_mtu(INDEX, LEG_OTHER, PEER, RELAY, &leg, PACKET_IPV4);
	check_mtu(INDEX_6TO4, LEG_OTHER, PEER6, RELAY6, &leg, PACKET_IPV4);
	check_mtu(INDEX_4TO6, LEG_OTHER6, PEER, RELAY, &leg6, PACKET_IPV6);
	check_mtu(INDEX_6, LEG_OTHER6, PEER6, RELAY6, &leg6, PACKET_IPV6);
}

static void check_loop(uint32_t index, uint32_t to, const struct relay_leg *leg,
		       const char *source, const char *dest, const char *name)
{
	struct packet_spec spec = data(index, source, dest);

	fixture_leg_put(to, leg);
	fixture_spec_judges(&spec, SLUICE_REASON_loop, "%s", name);
}

static void test_loop(void)
{
	struct relay_leg to =
		fixture_leg(RELAY, FIXTURE_PORT, RELAY, FIXTURE_PORT);
	struct relay_leg to6 =
		fixture_leg(RELAY6, FIXTURE_PORT, RELAY6, FIXTURE_PORT);
	struct fixture_message message = fixture_handshake(WG_INITIATION);
	struct packet_spec spec = fixture_spec(&message, RELAY, RELAY);
	struct relay_leg from;

	check_loop(INDEX, LEG_OTHER, &to, PEER, RELAY, "to itself");
	check_loop(INDEX_6TO4, LEG_OTHER, &to, PEER6, RELAY6, "6 to 4");
	check_loop(INDEX_6, LEG_OTHER6, &to6, PEER6, RELAY6, "IPv6");
	check_loop(INDEX_4TO6, LEG_OTHER6, &to6, PEER, RELAY, "4 to 6");
	to = fixture_leg(RELAY, 40000, ELSEWHERE, FIXTURE_PORT);
	check_loop(INDEX, LEG_OTHER, &to, PEER, RELAY,
		   "to the address that it came to");
	to = fixture_leg(OTHER, 40000, RELAY, FIXTURE_PORT);
	fixture_leg_put(LEG_OTHER, &to);
	to6 = fixture_leg(OTHER6, 40000, RELAY6, FIXTURE_PORT);
	fixture_leg_put(LEG_OTHER6, &to6);
	from = fixture_leg(RELAY, FIXTURE_PEER_PORT, RELAY, FIXTURE_PORT);
	fixture_leg_put(LEG_UNUSED, &from);
	fixture_slot(0x77, 6, LEG_UNUSED, LEG_OTHER);
	check_loop(0x77, LEG_OTHER, &to, RELAY, RELAY, "from itself");
	fixture_slot(0x77, 6, 0, 0);
	memset(&from, 0, sizeof(from));
	fixture_leg_put(LEG_UNUSED, &from);
	fixture_known(RELAY, FIXTURE_PEER_PORT);
	fixture_spec_judges(&spec, SLUICE_REASON_loop,
			    "a handshake from an own address");
	spec = data(INDEX, RELAY, RELAY);
	fixture_spec_judges(&spec, SLUICE_REASON_loop,
			    "a live index from an own address");
}

static void test_checksums(void)
{
	struct fixture_message large = fixture_data(INDEX_4TO6, 2048);
	struct packet_spec spec = data(INDEX_4TO6, PEER, RELAY);

	spec.sum = PACKET_SUM_NONE;
	fixture_spec_judges(&spec, SLUICE_REASON_needs_checksum,
			    "none on IPv4, needed on IPv6");
	spec = fixture_spec(&large, PEER, RELAY);
	fixture_spec_judges(&spec, SLUICE_REASON_forward_tx, "large, whole");
	spec.sum = PACKET_SUM_PARTIAL;
	spec.length = 2047;
	fixture_spec_judges(&spec, SLUICE_REASON_forward_tx,
			    "partial, the largest that is summed");
	spec.length = 2048;
	fixture_spec_judges(&spec, SLUICE_REASON_needs_checksum,
			    "partial, one larger");
	large = fixture_data(INDEX_6, 2048);
	spec = fixture_spec(&large, PEER6, RELAY6);
	spec.sum = PACKET_SUM_PARTIAL;
	fixture_spec_judges(&spec, SLUICE_REASON_needs_checksum,
			    "partial, IPv6 to IPv6");
}

/*
 * A driver without room in front of the packet, as far as a test run can be one:
 * metadata takes all of the 256 bytes but the 40 that the kernel wants itself.
 */
#define HEADROOM_TAKEN 216

static void test_headroom(void)
{
	struct packet_spec spec = data(INDEX_4TO6, PEER, RELAY);
	uint8_t frame[PACKET_MAX], out[PACKET_MAX];
	uint8_t in[HEADROOM_TAKEN + PACKET_MAX] = {};
	size_t len = packet_build(frame, &spec);
	struct xdp_md ctx = {.data = HEADROOM_TAKEN,
			     .data_end = HEADROOM_TAKEN + len,
			     .ingress_ifindex = FIXTURE_DEVICE_IN};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in,
		    .data_size_in = HEADROOM_TAKEN + len, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);
	uint64_t before[SLUICE_REASON_COUNT], after[SLUICE_REASON_COUNT];

	memcpy(in + HEADROOM_TAKEN, frame, len);
	fixture_counts(before);
	if (bpf_prog_test_run_opts(bpf_program__fd(fixture->progs.relay),
				   &opts)) {
		tap_skip("this kernel allows at most 32 bytes of metadata");
		fixture_met[SLUICE_REASON_no_headroom] = true;
		return;
	}
	fixture_counts(after);
	is_int(opts.retval, XDP_PASS, "no_headroom: passed up");
	is_int(after[SLUICE_REASON_no_headroom] -
		       before[SLUICE_REASON_no_headroom],
	       1, "no_headroom: counted");
	is_mem(out + opts.data_size_out - len, frame, len,
	       "no_headroom: as it was");
	fixture_met[SLUICE_REASON_no_headroom] = true;
}

/* An unresolved leg in a namespace without any route. */
static void test_unresolved(void)
{
	struct relay_leg leg = fixture_leg(OTHER, 40000, RELAY, FIXTURE_PORT);
	struct packet_spec spec = data(INDEX, PEER, RELAY);

	leg.flags &= ~RELAY_LEG_RESOLVED;
	fixture_leg_put(LEG_OTHER, &leg);
	fixture_spec_judges(&spec, SLUICE_REASON_no_neighbour,
			    "this host does not forward");
	leg.flags |= RELAY_LEG_RESOLVED;
	fixture_leg_put(LEG_OTHER, &leg);
}

/*
 * What a leg gives the agent to do is limited by its address and port; what the
 * program forwards itself is not, whatever the bucket says.
 */
static void check_slow(enum packet_sum sum, int reason)
{
	struct packet_spec spec = data(INDEX_4TO6, PEER, RELAY);

	spec.sum = sum;
	fixture_limit(RELAY_RATE_SLOW, 4000000000U, 2);
	for (int i = 0; i < 2; i++)
		fixture_spec_judges(&spec, reason, "slow, packet %d of 2",
				    i + 1);
	fixture_spec_judges(&spec, SLUICE_REASON_rate_limited,
			    "slow, one too many");
	spec = data(INDEX, PEER, RELAY);
	fixture_limit(RELAY_RATE_SLOW, 4000000000U, 0);
	for (int i = 0; i < 50; i++)
		fixture_spec_judges(&spec, SLUICE_REASON_forward_tx,
				    "forwarded whatever the bucket says");
	fixture_limit(RELAY_RATE_SLOW, 0, 0);
	forget_slow_rate();
}

static void test_slow_rate(void)
{
	const struct relay_leg good =
		fixture_leg(OTHER6, 40000, RELAY6, FIXTURE_PORT);
	struct relay_leg leg = good;

	leg.mtu = 80;
	fixture_leg_put(LEG_OTHER6, &leg);
	check_slow(PACKET_SUM_WHOLE, SLUICE_REASON_too_big);
	leg = good;
	leg.flags &= ~RELAY_LEG_RESOLVED;
	fixture_leg_put(LEG_OTHER6, &leg);
	check_slow(PACKET_SUM_WHOLE, SLUICE_REASON_no_neighbour);
	leg = good;
	leg.seq = 3;
	fixture_leg_put(LEG_OTHER6, &leg);
	check_slow(PACKET_SUM_WHOLE, SLUICE_REASON_leg_busy);
	fixture_leg_put(LEG_OTHER6, &good);
	check_slow(PACKET_SUM_NONE, SLUICE_REASON_needs_checksum);
}

/* All but those that relay_handshake and relay_route meet, and `broken`, which
 * no packet can bring about. */
static const enum sluice_reason covered[] = {
	SLUICE_REASON_forward_tx,     SLUICE_REASON_forward_redirect,
	SLUICE_REASON_foreign,	      SLUICE_REASON_not_simple,
	SLUICE_REASON_tunnel_data,    SLUICE_REASON_mismatch_asked,
	SLUICE_REASON_leg_busy,	      SLUICE_REASON_no_neighbour,
	SLUICE_REASON_no_headroom,    SLUICE_REASON_too_big,
	SLUICE_REASON_needs_checksum, SLUICE_REASON_bad_length,
	SLUICE_REASON_bad_shape,      SLUICE_REASON_stranger,
	SLUICE_REASON_no_session,     SLUICE_REASON_wrong_source,
	SLUICE_REASON_ttl_expired,    SLUICE_REASON_loop,
	SLUICE_REASON_rate_limited,
};

int main(void)
{
	fixture_open(false);
	set_up();
	test_forward();
	test_ports();
	test_patches();
	test_third_tag();
	test_lengths();
	test_ipv6_without_checksum();
	test_shapes();
	test_foreign_address();
	test_no_session();
	test_tunnel();
	test_tunnel_rate();
	test_sources();
	test_leg_busy();
	test_ttl();
	test_mtu();
	test_checksums();
	test_headroom();
	test_unresolved();
	test_slow_rate();
	test_loop();
	fixture_covers(covered, sizeof(covered) / sizeof(*covered));
	return fixture_close();
}
