// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What leaves: every pair of families, with 0 to 2 tags on either side, every
 * kind of checksum, several lengths. The whole frame is compared with one that
 * was built from nothing.
 */
#include <endian.h>

#include "fixture.h"

#define INDEX 0x80000001u

static const char *const peers[2][2] = {{"192.0.2.1", "198.51.100.2"},
					{"2001:db8:1::1", "2001:db8:2::2"}};
static const char *const relays[2] = {"203.0.113.1", "2001:db8::1"};
static const size_t lengths[] = {32, 33, 35, 112, 1452};

struct way {
	bool v6_in, v6_out;
	unsigned tags_in, tags_out;
	enum packet_sum sum;
	size_t length;
	uint32_t device;
};

static void set_legs(const struct way *way)
{
	struct relay_leg from =
		fixture_leg(peers[way->v6_in][0], FIXTURE_PEER_PORT,
			    relays[way->v6_in], FIXTURE_PORT);
	struct relay_leg to =
		fixture_leg(peers[way->v6_out][1], 40000, relays[way->v6_out],
			    FIXTURE_PORT + 1);

	to.ifindex = way->device;
	for (unsigned i = 0; i < way->tags_out; i++)
		to.vlan[i] = 100 + i;
	fixture_leg_put(1, &from);
	fixture_leg_put(2, &to);
	fixture_slot(INDEX, 3, 1, 2);
}

static struct packet_spec arriving(const struct way *way,
				   const struct fixture_message *message)
{
	struct packet_spec spec =
		fixture_spec(message, peers[way->v6_in][0], relays[way->v6_in]);

	spec.tags = way->tags_in;
	spec.vlan[0] = 7;
	spec.vlan[1] = 8;
	spec.sum = way->sum;
	spec.tos = 0xb9; /* EF, and ECT(1) */
	spec.id = 0xbeef;
	spec.label = 0xfab1e;
	return spec;
}

/* What the relay must make of it, by the rules and not by its code. */
static struct packet_spec leaving(const struct way *way,
				  const struct packet_spec *in)
{
	struct packet_spec out = *in;
	struct fixture_address source = fixture_address(relays[way->v6_out]);
	struct fixture_address dest = fixture_address(peers[way->v6_out][1]);

	memcpy(out.dmac, (uint8_t[]){2, 0, 0, 0, 1, 1}, 6);
	memcpy(out.smac, (uint8_t[]){2, 0, 0, 0, 1, 2}, 6);
	memcpy(out.source, source.bytes, 16);
	memcpy(out.dest, dest.bytes, 16);
	out.source_port = FIXTURE_PORT + 1;
	out.dest_port = 40000;
	out.ttl--;
	out.v6 = way->v6_out;
	out.tags = way->tags_out;
	out.vlan[0] = 100;
	out.vlan[1] = 101;
	if (way->tags_in && way->tags_out)
		out.tpid[0] = way->tags_in == 2 ? 0x88a8 : 0x8100;
	if (way->v6_in != way->v6_out) {
		out.id = 0;
		out.fragment = 0x4000;
		out.label = 0;
	}
	if (way->sum == PACKET_SUM_PARTIAL)
		out.sum = way->v6_out ? PACKET_SUM_WHOLE : PACKET_SUM_NONE;
	return out;
}

static bool same_frame(const struct fixture_result *got,
		       const struct packet_spec *want, const char *name)
{
	uint8_t frame[PACKET_MAX];
	size_t len = packet_build(frame, want);

	if (got->len != len)
		return is_int(got->len, len, "%s: length", name);
	return is_mem(got->frame, frame, len, "%s: every byte", name);
}

static void check_way(const struct way *way)
{
	static const char *const sums[] = {"whole", "no", "partial"};
	struct fixture_message message = fixture_data(INDEX, way->length);
	struct packet_spec in = arriving(way, &message);
	struct packet_spec out = leaving(way, &in);
	int want = way->device == FIXTURE_DEVICE_IN
			   ? SLUICE_REASON_forward_tx
			   : SLUICE_REASON_forward_redirect;
	struct fixture_result result;
	uint8_t frame[PACKET_MAX];
	char name[128];

	snprintf(name, sizeof(name),
		 "%d to %d, %u to %u tags, %s sum, %zu bytes",
		 way->v6_in ? 6 : 4, way->v6_out ? 6 : 4, way->tags_in,
		 way->tags_out, sums[way->sum], way->length);
	set_legs(way);
	fixture_run(&result, frame, packet_build(frame, &in));
	if (result.reason != want)
		is_int(result.reason, want, "%s", name);
	else
		same_frame(&result, &out, name);
}

/* IPv6 has no zero checksum, and none is made up for a packet without one. */
static bool is_sendable(const struct way *way)
{
	return way->sum != PACKET_SUM_NONE || (!way->v6_in && !way->v6_out);
}

static void check_tags(struct way way)
{
	for (way.tags_in = 0; way.tags_in <= 2; way.tags_in++)
		for (way.tags_out = 0; way.tags_out <= 2; way.tags_out++)
			check_way(&way);
}

static void test_every_way(void)
{
	struct way way = {.device = FIXTURE_DEVICE_IN};

	for (int i = 0; i < 2 * 2 * 3 * 5; i++) {
		way.v6_in = i & 1;
		way.v6_out = i >> 1 & 1;
		way.sum = i / 4 % 3;
		way.length = lengths[i / 12];
		if (is_sendable(&way))
			check_tags(way);
	}
	way = (struct way){.length = 64, .device = FIXTURE_DEVICE_OUT};
	check_tags(way);
	way.v6_out = true;
	check_tags(way);
}

/* A sum that comes to 0 is sent as 0xffff, which is the same number. */
static void test_sum_of_zero(void)
{
	struct way way = {.length = 64, .device = FIXTURE_DEVICE_IN};

	for (int i = 0; i < 4; i++) {
		struct fixture_message message = fixture_data(INDEX, 64);
		struct fixture_result result;
		struct packet_spec in, out;
		uint8_t frame[PACKET_MAX];
		size_t at;
		bool v6;

		way.v6_in = i & 1;
		way.v6_out = i & 2;
		in = arriving(&way, &message);
		out = leaving(&way, &in);
		packet_put16(message.bytes + 40, 0);
		packet_build(frame, &out);
		at = packet_ip_at(frame, PACKET_MAX, &v6) +
		     (v6 ? PACKET_IPV6 : PACKET_IPV4) + 6;
		/* Adding the checksum itself to what is summed makes it 0. */
		packet_put16(message.bytes + 40, packet_get16(frame + at));
		packet_build(frame, &out);
		is_int(packet_get16(frame + at), 0xffff,
		       "the case is the case");
		set_legs(&way);
		fixture_run(&result, frame, packet_build(frame, &in));
		same_frame(&result, &out, "a sum of zero");
	}
}

/* Where the sum of the IPv4 header comes to all ones its checksum is 0. */
static void test_every_id(void)
{
	struct way way = {.length = 32, .device = FIXTURE_DEVICE_IN};
	struct fixture_message message = fixture_data(INDEX, 32);
	unsigned wrong = 0;

	set_legs(&way);
	for (unsigned id = 0; id < 0x10000; id++) {
		struct packet_spec in = arriving(&way, &message);
		struct packet_spec out;
		struct fixture_result result;
		uint8_t frame[PACKET_MAX];
		size_t len;

		in.id = id;
		out = leaving(&way, &in);
		len = packet_build(frame, &in);
		fixture_must(fixture_run_bare(&result, frame, len), "test run");
		packet_build(frame, &out);
		wrong += memcmp(result.frame, frame, len) != 0;
	}
	is_int(wrong, 0, "all 65536 ids, and so all IPv4 header checksums");
}

/* A checksum from nothing is put together from parts of the payload. */
static void test_every_length(void)
{
	struct way way = {.v6_out = true,
			  .sum = PACKET_SUM_PARTIAL,
			  .device = FIXTURE_DEVICE_IN};
	struct fixture_message message = fixture_data(INDEX, 2047);
	unsigned wrong = 0;

	for (size_t i = sizeof(struct wg_data); i < message.len; i++)
		message.bytes[i] = random();
	set_legs(&way);
	for (message.len = 32; message.len <= 2047; message.len++) {
		struct packet_spec in = arriving(&way, &message);
		struct packet_spec out = leaving(&way, &in);
		struct fixture_result result;
		uint8_t frame[PACKET_MAX];
		size_t len = packet_build(frame, &in);

		fixture_must(fixture_run_bare(&result, frame, len), "test run");
		len = packet_build(frame, &out);
		wrong += result.len != len || memcmp(result.frame, frame, len);
	}
	is_int(wrong, 0, "a sum over every length that is summed");
}

/* What was wrong when it came must be wrong when it leaves. */
static void test_wrong_stays_wrong(void)
{
	struct way way = {.length = 64, .device = FIXTURE_DEVICE_IN};
	struct fixture_message message = fixture_data(INDEX, 64);

	for (int i = 0; i < 4; i++) {
		struct fixture_result result;
		uint8_t frame[PACKET_MAX];
		struct packet_spec in;
		size_t len;

		way.v6_in = i & 1;
		way.v6_out = i & 2;
		in = arriving(&way, &message);
		set_legs(&way);
		len = packet_build(frame, &in);
		frame[len - 1] ^= 0x10;
		fixture_run(&result, frame, len);
		is_int(result.verdict, XDP_TX,
		       "a payload with a flipped bit leaves");
		ok(!packet_sums_right(result.frame, result.len),
		   "and its checksum still says so");
	}
}

static void test_padding(void)
{
	struct way way = {.length = 32, .device = FIXTURE_DEVICE_IN};
	struct fixture_message message = fixture_data(INDEX, 32);

	for (int i = 0; i < 4; i++) {
		struct fixture_result result;
		struct packet_spec in, out;
		uint8_t frame[PACKET_MAX];

		way.v6_in = i & 1;
		way.v6_out = i & 2;
		in = arriving(&way, &message);
		in.padding = 11;
		out = leaving(&way, &in);
		set_legs(&way);
		fixture_run(&result, frame, packet_build(frame, &in));
		same_frame(&result, &out, "padding behind the IP packet");
	}
}

static struct sluice_count slot_count(uint32_t place)
{
	struct sluice_count sum = {};

	for (int cpu = 0; cpu < fixture_cpus; cpu++) {
		uint32_t at = cpu * fixture_config.count_stride + place;
		struct sluice_count count;

		fixture_must(!bpf_map_lookup_elem(FIXTURE_MAP(relay_count), &at,
						  &count),
			     "count");
		sum.packets += count.packets;
		sum.bytes += count.bytes;
	}
	return sum;
}

static struct relay_leg_count leg_count(uint32_t leg)
{
	struct relay_leg_count counts[FIXTURE_CPUS_MAX], sum = {};

	fixture_must(!bpf_map_lookup_elem(FIXTURE_MAP(relay_leg_count), &leg,
					  counts),
		     "leg count");
	for (int cpu = 0; cpu < fixture_cpus; cpu++) {
		sum.rx_packets += counts[cpu].rx_packets;
		sum.rx_bytes += counts[cpu].rx_bytes;
		sum.tx_packets += counts[cpu].tx_packets;
		sum.tx_bytes += counts[cpu].tx_bytes;
	}
	return sum;
}

/* One packet: the slot, the sender's leg and the receiver's, in UDP payload. */
static void check_counts(const struct way *way, uint32_t index, uint32_t place,
			 const char *name)
{
	struct fixture_message message = fixture_data(index, way->length);
	struct packet_spec in = arriving(way, &message);
	struct sluice_count was = slot_count(place), is;
	struct relay_leg_count from = leg_count(1), to = leg_count(2);
	struct fixture_result result;
	uint8_t frame[PACKET_MAX];

	fixture_run(&result, frame, packet_build(frame, &in));
	is = slot_count(place);
	is_int(is.packets - was.packets, 1, "%s: the slot's packets", name);
	is_int(is.bytes - was.bytes, way->length, "%s: the slot's bytes", name);
	is_int(leg_count(1).rx_packets - from.rx_packets, 1, "%s: from", name);
	is_int(leg_count(1).rx_bytes - from.rx_bytes, way->length,
	       "%s: from, bytes", name);
	is_int(leg_count(2).tx_packets - to.tx_packets, 1, "%s: to", name);
	is_int(leg_count(2).tx_bytes - to.tx_bytes, way->length,
	       "%s: to, bytes", name);
	is_int(leg_count(1).tx_packets + leg_count(2).rx_packets, 0,
	       "%s: and nothing else", name);
}

static void test_counts(void)
{
	struct way way = {.length = 80, .device = FIXTURE_DEVICE_IN};
	struct relay_spill spill = {.slot = {.from = 1, .to = 2},
				    .count = 8 * FIXTURE_BUCKETS + 5};
	uint32_t index;

	set_legs(&way);
	check_counts(&way, INDEX, 8 * fixture_bucket_of(INDEX) + 3, "plain");
	way.v6_out = true;
	set_legs(&way);
	check_counts(&way, INDEX, 8 * fixture_bucket_of(INDEX) + 3, "4 to 6");
	index = 0x51111;
	spill.slot.index = htole32(index);
	index = htole32(index);
	fixture_put(FIXTURE_MAP(relay_spill), &index, &spill);
	check_counts(&way, 0x51111, spill.count, "spilled");
}

/* Every slot of a bucket, index 0, and stale indices in empty slots. */
static void test_slots(void)
{
	struct way way = {.length = 64, .device = FIXTURE_DEVICE_IN};
	struct fixture_message message = fixture_data(0, 64);
	struct packet_spec in = arriving(&way, &message);

	set_legs(&way);
	fixture_spec_judges(&in, SLUICE_REASON_no_session,
			    "index 0 is not found in empty slots");
	for (unsigned at = 0; at < RELAY_BUCKET_SLOTS; at++) {
		fixture_slot(0, at, 1, 2);
		fixture_spec_judges(&in, SLUICE_REASON_forward_tx,
				    "index 0 in slot %u, stale ones before",
				    at);
		fixture_slot(0, at, RELAY_LEG_NONE, 2);
	}
	fixture_spec_judges(&in, SLUICE_REASON_no_session,
			    "index 0 in stale slots only");
}

int main(void)
{
	fixture_open(true);
	fixture_local(relays[0]);
	fixture_local(relays[1]);
	test_counts();
	test_every_way();
	test_sum_of_zero();
	test_every_id();
	test_every_length();
	test_wrong_stays_wrong();
	test_padding();
	test_slots();
	return fixture_close();
}
