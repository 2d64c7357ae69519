// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets that nobody means well with: cut at every byte, and a few hundred
 * thousand that are random or nearly right. Whatever they are, what is not
 * forwarded leaves as it came; what is forwarded came from where its session
 * comes from, has grown by no more than a header may, and has right checksums if
 * it had.
 */
#include <endian.h>

#include "fixture.h"

#define ROUNDS 300000
#define GROWTH_MAX (PACKET_IPV6 - PACKET_IPV4 + 2 * PACKET_TAG)
#define PEER "192.0.2.1"
#define PEER6 "2001:db8:1::1"
#define RELAY "203.0.113.1"
#define RELAY6 "2001:db8::1"

enum { LEG_4 = 1, LEG_6, LEG_TO_4, LEG_TO_6, LEG_TAGGED, LEG_TAGGED_6 };

static uint64_t random_state = 88172645463325252;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 32) * below >> 32;
}

/* Two sessions from each of LEG_4 and LEG_6 to every other leg: index 256 *
 * from + to. */
static void set_up(void)
{
	struct relay_leg legs[] = {
		[LEG_4] = fixture_leg(PEER, FIXTURE_PEER_PORT, RELAY,
				      FIXTURE_PORT),
		[LEG_6] = fixture_leg(PEER6, FIXTURE_PEER_PORT, RELAY6,
				      FIXTURE_PORT),
		[LEG_TO_4] =
			fixture_leg("198.51.100.2", 40000, RELAY, FIXTURE_PORT),
		[LEG_TO_6] = fixture_leg("2001:db8:2::2", 40000, RELAY6,
					 FIXTURE_PORT),
		[LEG_TAGGED] =
			fixture_leg("198.51.100.3", 40000, RELAY, FIXTURE_PORT),
		[LEG_TAGGED_6] = fixture_leg("2001:db8:2::3", 40000, RELAY6,
					     FIXTURE_PORT),
	};
	unsigned at = 0;

	fixture_local(RELAY);
	fixture_local(RELAY6);
	legs[LEG_TAGGED].vlan[0] = 5;
	legs[LEG_TAGGED_6].vlan[0] = 5;
	legs[LEG_TAGGED_6].vlan[1] = 6;
	for (uint32_t i = LEG_4; i <= LEG_TAGGED_6; i++)
		fixture_leg_put(i, &legs[i]);
	for (uint16_t from = LEG_4; from <= LEG_6; from++)
		for (uint16_t to = LEG_TO_4; to <= LEG_TAGGED_6; to++)
			fixture_slot(256 * from + to, at++, from, to);
}

static size_t good_packet(uint8_t frame[PACKET_MAX])
{
	uint16_t from = LEG_4 + draw(2), to = LEG_TO_4 + draw(4);
	struct fixture_message message =
		fixture_data(256 * from + to, 32 + draw(200));
	struct packet_spec spec =
		fixture_spec(&message, from == LEG_6 ? PEER6 : PEER,
			     from == LEG_6 ? RELAY6 : RELAY);

	spec.tags = draw(3);
	spec.sum = draw(3);
	spec.tos = draw(256);
	spec.id = draw(65536);
	spec.padding = draw(4) ? 0 : draw(20);
	if (!draw(8)) {
		message = fixture_handshake(1 + draw(3));
		spec.length = message.len;
	}
	return packet_build(frame, &spec);
}

/* A few bytes, mostly of the headers, and sometimes the length. */
static size_t mutate(uint8_t *frame, size_t len)
{
	unsigned changes = draw(4);

	while (changes--)
		frame[draw(draw(4) ? 90 : len) % len] ^= 1 << draw(8);
	if (!draw(8))
		frame[draw(len)] = draw(256);
	if (!draw(4))
		len = PACKET_ETHERNET + draw(len - PACKET_ETHERNET + 1);
	return len;
}

static size_t noise(uint8_t *frame)
{
	size_t len = PACKET_ETHERNET + draw(300);

	for (size_t i = 0; i < len; i++)
		frame[i] = draw(256);
	if (draw(2))
		memcpy(frame + 12, draw(2) ? "\x08\x00\x45" : "\x86\xdd\x60",
		       3);
	return len;
}

/* Is it from PEER or PEER6 to the relay, with an index of theirs? */
static bool may_be_forwarded(const uint8_t *frame, size_t len)
{
	bool v6;
	size_t at = packet_ip_at(frame, len, &v6);
	const uint8_t *ip = frame + at;
	const uint8_t *udp = ip + (v6 ? PACKET_IPV6 : PACKET_IPV4);
	struct fixture_address source = fixture_address(v6 ? PEER6 : PEER);
	struct fixture_address dest = fixture_address(v6 ? RELAY6 : RELAY);
	uint32_t index;

	if (!at || udp + PACKET_UDP + WG_DATA_MIN_LEN > frame + len)
		return false;
	memcpy(&index, udp + PACKET_UDP + 4, 4);
	if (le32toh(index) >> 8 != (v6 ? LEG_6 : LEG_4))
		return false;
	if (packet_get16(udp) != FIXTURE_PEER_PORT ||
	    packet_get16(udp + 2) != FIXTURE_PORT || ip[v6 ? 7 : 8] < 2)
		return false;
	if (v6)
		return !memcmp(ip + 8, source.bytes, 16) &&
		       !memcmp(ip + 24, dest.bytes, 16);
	return ip[0] == 0x45 && !memcmp(ip + 12, source.bytes + 12, 4) &&
	       !memcmp(ip + 16, dest.bytes + 12, 4);
}

static struct {
	unsigned forwarded, changed, aborted, astray, grown, sums, partial;
} seen;

static void look(const uint8_t *frame, size_t len)
{
	struct fixture_result result;
	bool partial;

	fixture_must(fixture_run_bare(&result, frame, len), "test run");
	if (result.verdict == XDP_PASS || result.verdict == XDP_DROP) {
		seen.changed +=
			result.len != len || memcmp(result.frame, frame, len);
		return;
	}
	seen.aborted += result.verdict != XDP_TX;
	seen.forwarded++;
	seen.astray += !may_be_forwarded(frame, len);
	seen.grown += result.len > len + GROWTH_MAX;
	partial = packet_is_partial(frame, len);
	seen.partial += partial;
	if (partial || packet_sums_right(frame, len))
		seen.sums += !packet_sums_right(result.frame, result.len);
}

static void test_random(void)
{
	uint8_t frame[PACKET_MAX];

	for (int i = 0; i < ROUNDS; i++) {
		size_t len = i % 16 ? good_packet(frame) : noise(frame);

		if (i % 8)
			len = mutate(frame, len);
		look(frame, len);
	}
	ok(seen.forwarded > ROUNDS / 10, "many were forwarded (%u of %u)",
	   seen.forwarded, ROUNDS);
	ok(seen.partial > ROUNDS / 100, "some with a partial checksum (%u)",
	   seen.partial);
	is_int(seen.changed, 0, "what is not forwarded is as it was");
	is_int(seen.aborted, 0, "no other verdict");
	is_int(seen.astray, 0, "only what comes from its leg is forwarded");
	is_int(seen.grown, 0, "nothing grows by more than its headers do");
	is_int(seen.sums, 0, "what was right is right");
}

/* Every length from an Ethernet header to the whole frame. */
static void check_cuts(const struct packet_spec *spec, const char *name)
{
	uint8_t frame[PACKET_MAX];
	size_t whole = packet_build(frame, spec);
	struct fixture_result result;
	unsigned sent = 0, changed = 0;

	for (size_t len = PACKET_ETHERNET; len < whole; len++) {
		fixture_must(fixture_run_bare(&result, frame, len), "test run");
		sent += result.verdict != XDP_PASS &&
			result.verdict != XDP_DROP;
		changed +=
			result.len != len || memcmp(result.frame, frame, len);
	}
	is_int(sent, 0, "%s: no part of it is forwarded", name);
	is_int(changed, 0, "%s: no part of it is changed", name);
	fixture_must(fixture_run_bare(&result, frame, whole), "test run");
	is_int(result.verdict,
	       spec->length == WG_INITIATION_LEN ? XDP_DROP : XDP_TX,
	       "%s: the whole is what it is", name);
}

static void test_cuts(void)
{
	struct fixture_message initiation = fixture_handshake(WG_INITIATION);
	char name[64];

	for (int i = 0; i < 2 * 4 * 3; i++) {
		uint16_t from = LEG_4 + (i & 1), to = LEG_TO_4 + i / 2 % 4;
		struct fixture_message message =
			fixture_data(256 * from + to, 64);
		struct packet_spec spec =
			fixture_spec(&message, from == LEG_6 ? PEER6 : PEER,
				     from == LEG_6 ? RELAY6 : RELAY);

		spec.tags = i / 8;
		snprintf(name, sizeof(name), "data of leg %u to %u, %u tags",
			 from, to, spec.tags);
		check_cuts(&spec, name);
		spec.payload = initiation.bytes;
		spec.length = initiation.len;
		if (to == LEG_TO_4)
			check_cuts(&spec, "an initiation");
	}
}

int main(void)
{
	fixture_open(false);
	set_up();
	test_cuts();
	test_random();
	return fixture_close();
}
