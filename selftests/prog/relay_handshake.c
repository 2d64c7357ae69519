// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who gets through to the agent: mac1 against libb2, known addresses, blocked
 * ones, token buckets, and what is told of drops.
 */
#include <blake2.h>
#include <endian.h>
#include <time.h>

#include "fixture.h"

#define RELAY "203.0.113.1"
#define RELAY6 "2001:db8::1"
#define STRANGER "192.0.2.99"
#define STRANGER6 "2001:db8:99::1"
#define KNOWN "192.0.2.1"
#define KNOWN6 "2001:db8:1::1"
#define NEVER 4000000000U /* ns a packet: no refill while a test runs */

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 16;
}

static struct fixture_message random_handshake(uint8_t type)
{
	struct fixture_message message = fixture_handshake(type);

	for (size_t i = 4; i < message.len; i++)
		message.bytes[i] = draw();
	return message;
}

/* mac1 by libb2: keyed BLAKE2s with 16 bytes of output over what is before. */
static void sign(struct fixture_message *message)
{
	size_t hashed = message->len - sizeof(struct wg_macs);

	blake2s(message->bytes + hashed, message->bytes, fixture_mac1_key.bytes,
		WG_MAC_LEN, hashed, sizeof(fixture_mac1_key.bytes));
}

static struct packet_spec from(const struct fixture_message *message,
			       const char *source)
{
	return fixture_spec(message, source,
			    fixture_is_v6(source) ? RELAY6 : RELAY);
}

static uint32_t verdict_on(const struct packet_spec *spec)
{
	struct fixture_result result;
	uint8_t frame[PACKET_MAX];
	size_t len = packet_build(frame, spec);

	fixture_must(fixture_run_bare(&result, frame, len), "test run");
	return result.verdict;
}

static void test_mac1(void)
{
	unsigned refused = 0, forged = 0, unlike = 0;

	for (int i = 0; i < 5000; i++) {
		struct fixture_message message = random_handshake(1 + i % 2);
		struct packet_spec spec = from(&message, STRANGER);
		size_t at = 4 + draw() % (message.len - WG_MAC_LEN - 4);

		spec.tags = i % 3;
		sign(&message);
		unlike += !wg_mac1_fits(&fixture_mac1_key, message.bytes,
					message.len);
		refused += verdict_on(&spec) != XDP_PASS;
		message.bytes[at] ^= 1 << draw() % 8;
		forged += verdict_on(&spec) != XDP_DROP;
	}
	is_int(unlike, 0, "libb2 and wg_mac1_fits are of one opinion");
	is_int(refused, 0, "5000 random handshakes that libb2 signed pass");
	is_int(forged, 0, "and none with a flipped bit does");
}

/* Every single bit of one message of each type. */
static void test_every_bit(void)
{
	for (uint8_t type = 1; type <= 2; type++) {
		struct fixture_message message = random_handshake(type);
		struct packet_spec spec = from(&message, STRANGER6);
		struct fixture_result result;
		uint8_t frame[PACKET_MAX];
		unsigned passed = 0, wanted = 0;

		sign(&message);
		for (size_t bit = 0; bit < 8 * message.len; bit++) {
			size_t len;

			message.bytes[bit / 8] ^= 1 << bit % 8;
			len = packet_build(frame, &spec);
			fixture_must(fixture_run_bare(&result, frame, len),
				     "test run");
			passed += result.verdict == XDP_PASS;
			wanted += bit / 8 >= message.len - WG_MAC_LEN;
			message.bytes[bit / 8] ^= 1 << bit % 8;
		}
		is_int(passed, wanted, "type %d: every bit counts up to mac1",
		       type);
	}
}

static void test_own(void)
{
	static const char *const sources[] = {STRANGER, STRANGER6};

	for (int i = 0; i < 4; i++) {
		struct fixture_message message = random_handshake(1 + i / 2);
		struct packet_spec spec = from(&message, sources[i % 2]);

		fixture_spec_judges(&spec, SLUICE_REASON_stranger, "type %d",
				    1 + i / 2);
		sign(&message);
		fixture_spec_judges(&spec, SLUICE_REASON_handshake_own,
				    "type %d", 1 + i / 2);
	}
}

/* A cookie answers an initiation of the relay's own, whose index is live. */
static void test_cookie(void)
{
	struct fixture_message message = fixture_handshake(WG_COOKIE);
	struct packet_spec spec = from(&message, STRANGER);
	uint32_t index = 0x77777;

	memcpy(message.bytes + 4, &(uint32_t){htole32(index)}, 4);
	fixture_spec_judges(&spec, SLUICE_REASON_stranger, "a cookie");
	fixture_slot(index, 2, 1, 2);
	fixture_spec_judges(&spec, SLUICE_REASON_stranger,
			    "a cookie with somebody else's index");
	fixture_slot(index, 2, RELAY_LEG_LOCAL, RELAY_LEG_LOCAL);
	fixture_spec_judges(&spec, SLUICE_REASON_handshake_own,
			    "a cookie for the relay");
	fixture_slot(index, 2, 0, 0);
}

static void test_known(void)
{
	static const char *const sources[] = {KNOWN, KNOWN6};

	for (int i = 0; i < 6; i++) {
		struct fixture_message message = fixture_handshake(1 + i / 2);
		const char *source = sources[i % 2];
		struct packet_spec spec = from(&message, source);
		struct relay_known_key key = {.port = htons(FIXTURE_PEER_PORT)};

		memcpy(key.addr, spec.source, 16);
		fixture_known(source, FIXTURE_PEER_PORT);
		fixture_known(source, 0);
		fixture_spec_judges(&spec, SLUICE_REASON_handshake_known,
				    "type %d", 1 + i / 2);
		spec.source_port++;
		fixture_spec_judges(&spec, SLUICE_REASON_handshake_address,
				    "type %d", 1 + i / 2);
		spec.source[15]++;
		fixture_spec_judges(&spec, SLUICE_REASON_stranger,
				    "type %d, the next address", 1 + i / 2);
		bpf_map_delete_elem(FIXTURE_MAP(relay_known), &key);
		key.port = 0;
		bpf_map_delete_elem(FIXTURE_MAP(relay_known), &key);
	}
}

static void test_blocked(void)
{
	struct fixture_message message = random_handshake(WG_INITIATION);
	struct packet_spec spec = from(&message, STRANGER);
	struct relay_block_key net = fixture_block_key("192.0.2.0", 96 + 24);
	struct relay_block_key net6 = fixture_block_key("2001:db8:99::", 48);
	struct relay_block value = {};
	struct relay_leg leg = fixture_leg("192.0.2.50", FIXTURE_PEER_PORT,
					   RELAY, FIXTURE_PORT);
	struct fixture_message data = fixture_data(0x5000, 64);

	sign(&message);
	fixture_put(FIXTURE_MAP(relay_block), &net, &value);
	fixture_put(FIXTURE_MAP(relay_block), &net6, &value);
	fixture_spec_judges(&spec, SLUICE_REASON_blocked, "a signed handshake");
	spec = from(&message, STRANGER6);
	fixture_spec_judges(&spec, SLUICE_REASON_blocked, "the same over IPv6");
	spec = from(&message, "192.0.3.1");
	fixture_spec_judges(&spec, SLUICE_REASON_handshake_own, "the next /24");
	fixture_leg_put(1, &leg);
	fixture_leg_put(2, &leg);
	fixture_slot(0x5000, 0, 1, 2);
	spec = from(&data, STRANGER);
	fixture_spec_judges(&spec, SLUICE_REASON_blocked,
			    "data with a live index from a blocked source");
	spec = fixture_spec(&message, STRANGER, "203.0.113.9");
	fixture_spec_judges(&spec, SLUICE_REASON_foreign,
			    "a blocked source and another host");
	bpf_map_delete_elem(FIXTURE_MAP(relay_block), &net);
	bpf_map_delete_elem(FIXTURE_MAP(relay_block), &net6);
	spec = from(&message, STRANGER);
	fixture_spec_judges(&spec, SLUICE_REASON_handshake_own, "unblocked");
}

static void test_query(void)
{
	struct fixture_message message = {.bytes = {0x31}, .len = 32};
	struct packet_spec spec = from(&message, STRANGER);

	fixture_spec_judges(&spec, SLUICE_REASON_bad_shape,
			    "a query, not wanted");
	fixture_config.flags = RELAY_WGX_COMPAT;
	fixture_limit(RELAY_RATE_STRANGER, NEVER, 1);
	fixture_spec_judges(&spec, SLUICE_REASON_wgx_query, "a padded query");
	fixture_spec_judges(&spec, SLUICE_REASON_rate_limited, "one too many");
	spec.length = 31;
	fixture_spec_judges(&spec, SLUICE_REASON_bad_shape,
			    "a query shorter than its answer");
	spec.length = 1;
	fixture_spec_judges(&spec, SLUICE_REASON_bad_shape,
			    "a query of a byte");
	fixture_config.flags = 0;
	fixture_limit(RELAY_RATE_STRANGER, 0, 0);
}

/* burst packets of a source go up, then none. */
static void check_burst(const struct packet_spec *spec, int admitted,
			unsigned burst, const char *name)
{
	for (unsigned i = 0; i < burst; i++)
		fixture_spec_judges(spec, admitted, "%s, packet %u of %u", name,
				    i + 1, burst);
	fixture_spec_judges(spec, SLUICE_REASON_rate_limited, "%s, one more",
			    name);
}

static void test_rates(void)
{
	struct fixture_message message = random_handshake(WG_INITIATION);
	struct packet_spec spec;

	sign(&message);
	for (int class = 0; class < RELAY_RATE_CLASSES; class ++)
		fixture_limit(class, NEVER, 3 + class);
	fixture_known(KNOWN, FIXTURE_PEER_PORT);
	fixture_known(KNOWN, 0);
	spec = from(&message, "192.0.2.10");
	check_burst(&spec, SLUICE_REASON_handshake_own, 3, "a stranger");
	spec.source_port++;
	fixture_spec_judges(&spec, SLUICE_REASON_rate_limited,
			    "its other port");
	spec = from(&message, "192.0.2.11");
	check_burst(&spec, SLUICE_REASON_handshake_own, 3, "the next address");
	spec = from(&message, KNOWN);
	check_burst(&spec, SLUICE_REASON_handshake_known, 4, "a known peer");
	fixture_known(KNOWN, FIXTURE_PEER_PORT + 1);
	spec.source_port++;
	check_burst(&spec, SLUICE_REASON_handshake_known, 4,
		    "its neighbour behind the same NAT");
	message.bytes[10] ^= 1;
	spec.source_port++;
	check_burst(&spec, SLUICE_REASON_handshake_address, 5, "its address");
	message.bytes[10] ^= 1;
	spec = from(&message, "2001:db8:7::1");
	check_burst(&spec, SLUICE_REASON_handshake_own, 3, "an IPv6 stranger");
	spec.source[15] = 2;
	fixture_spec_judges(&spec, SLUICE_REASON_rate_limited, "the same /64");
	spec.source[7] = 1;
	fixture_spec_judges(&spec, SLUICE_REASON_handshake_own, "the next /64");
	fixture_limit(RELAY_RATE_STRANGER, NEVER, 0);
	spec = from(&message, "192.0.2.12");
	fixture_spec_judges(&spec, SLUICE_REASON_rate_limited,
			    "no burst at all");
}

/* A millisecond a packet: after an empty bucket one comes back. */
static void test_refill(void)
{
	struct fixture_message message = random_handshake(WG_INITIATION);
	struct packet_spec spec = from(&message, "192.0.2.20");
	struct timespec pause = {.tv_nsec = 30 * 1000 * 1000};
	uint8_t frame[PACKET_MAX];
	size_t len;
	struct fixture_result result;
	int admitted = 0;

	sign(&message);
	len = packet_build(frame, &spec);
	fixture_limit(RELAY_RATE_STRANGER, 20 * 1000 * 1000, 2);
	for (int i = 0; i < 10; i++) {
		fixture_run(&result, frame, len);
		admitted += result.verdict == XDP_PASS;
	}
	ok(admitted >= 2 && admitted < 10, "a burst of 2 is used up (%d)",
	   admitted);
	nanosleep(&pause, NULL);
	fixture_judges(frame, len, SLUICE_REASON_handshake_own,
		       "after more than the cost of a packet");
	nanosleep(&(struct timespec){.tv_nsec = 200 * 1000 * 1000}, NULL);
	admitted = 0;
	for (int i = 0; i < 10; i++) {
		fixture_run(&result, frame, len);
		admitted += result.verdict == XDP_PASS;
	}
	ok(admitted >= 2 && admitted < 10,
	   "a rest fills no more than the burst (%d)", admitted);
	fixture_limit(RELAY_RATE_STRANGER, 0, 0);
}

static struct relay_event last_event;
static int events;

static int on_event(void *ctx, void *data, size_t len)
{
	(void)ctx;
	if (len == sizeof(last_event))
		memcpy(&last_event, data, len);
	events++;
	return 0;
}

static void check_event(const struct packet_spec *spec, int reason,
			const struct fixture_message *message, uint32_t index)
{
	is_int(last_event.reason, reason, "its reason");
	is_int(ntohs(last_event.source_port), spec->source_port, "its port");
	is_int(ntohs(last_event.dest_port), spec->dest_port, "its other port");
	is_mem(last_event.source, spec->source, 16, "its source");
	is_mem(last_event.dest, spec->dest, 16, "its destination");
	is_int(last_event.length, message->len, "its length");
	is_int(last_event.type, message->bytes[0], "its type");
	is_int(le32toh(last_event.index), index, "its index");
	is_int(last_event.ifindex, FIXTURE_DEVICE_IN, "its device");
	ok(last_event.at_ns, "its time");
}

/* Only when somebody reads, and then not more often than the interval says. */
static void test_events(void)
{
	struct ring_buffer *ring = ring_buffer__new(FIXTURE_MAP(relay_event),
						    on_event, NULL, NULL);
	struct fixture_message message = fixture_data(0xabcdef01, 40);
	struct packet_spec spec = from(&message, STRANGER);

	fixture_must(ring, "ring");
	fixture_spec_judges(&spec, SLUICE_REASON_no_session, "nobody watches");
	ring_buffer__consume(ring);
	is_int(events, 0, "nothing is sent");
	fixture_config.flags = RELAY_MONITOR;
	fixture_config.event_interval_ns = NEVER;
	fixture_configure();
	fixture_spec_judges(&spec, SLUICE_REASON_no_session, "watched");
	ring_buffer__consume(ring);
	is_int(events, 1, "one event is sent");
	check_event(&spec, SLUICE_REASON_no_session, &message, 0xabcdef01);
	for (int i = 0; i < 10; i++)
		fixture_spec_judges(&spec, SLUICE_REASON_no_session, "again");
	ring_buffer__consume(ring);
	ok(events <= fixture_cpus, "at most one an interval and CPU (%d)",
	   events);
	fixture_config.event_interval_ns = 0;
	fixture_configure();
	events = 0;
	message = fixture_handshake(WG_RESPONSE);
	spec = from(&message, STRANGER6);
	fixture_spec_judges(&spec, SLUICE_REASON_stranger, "without interval");
	fixture_spec_judges(&spec, SLUICE_REASON_stranger, "without interval");
	ring_buffer__consume(ring);
	is_int(events, 2, "each drop is sent");
	check_event(&spec, SLUICE_REASON_stranger, &message,
		    message.bytes[8] | message.bytes[9] << 8 |
			    message.bytes[10] << 16 |
			    (uint32_t)message.bytes[11] << 24);
	fixture_config.flags = 0;
	fixture_configure();
	ring_buffer__free(ring);
}

static const enum sluice_reason covered[] = {
	SLUICE_REASON_handshake_own,	 SLUICE_REASON_handshake_known,
	SLUICE_REASON_handshake_address, SLUICE_REASON_wgx_query,
	SLUICE_REASON_blocked,		 SLUICE_REASON_stranger,
	SLUICE_REASON_rate_limited,
};

int main(void)
{
	fixture_open(false);
	fixture_local(RELAY);
	fixture_local(RELAY6);
	test_own();
	test_mac1();
	test_every_bit();
	test_cookie();
	test_known();
	test_blocked();
	test_query();
	test_events();
	test_rates();
	test_refill();
	fixture_covers(covered, sizeof(covered) / sizeof(*covered));
	return fixture_close();
}
