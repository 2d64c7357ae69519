/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The relay's program with small maps of its own, in a network namespace of its
 * own, and what a test asks of it: set a leg, publish a session, run one packet
 * and see what came out and which counter moved.
 *
 * A test run comes in by the loopback device, whose number is 1, unless the test
 * says otherwise: a leg there is answered with XDP_TX, any other with a redirect.
 */
#ifndef SLUICE_FIXTURE_H
#define SLUICE_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <sluice/abi.h>
#include <sluice/reason.h>
#include <sluice/wire.h>

#include <relay.skel.h>

#include "packet.h"
#include "tap.h"
#include "wg/mac.h"

#define FIXTURE_PORT 8787
#define FIXTURE_PORT_MAX 8790
#define FIXTURE_PEER_PORT 51820
#define FIXTURE_LEGS 64
#define FIXTURE_BUCKETS 16
#define FIXTURE_SPILL 16
#define FIXTURE_DEVICE_IN 1
#define FIXTURE_DEVICE_OUT 2
#define FIXTURE_CPUS_MAX 1024

static struct relay_bpf *fixture;
static int fixture_cpus;
static uint32_t fixture_device = FIXTURE_DEVICE_IN; /* packets come in by it */
static struct relay_config fixture_config;
static struct wg_mac1_key fixture_mac1_key;

static const char *const fixture_reasons[] = {
#define FIXTURE_REASON_NAME(name, verdict, text) #name,
	SLUICE_REASONS(FIXTURE_REASON_NAME)};

#define FIXTURE_IS_forward 0
#define FIXTURE_IS_pass 1
#define FIXTURE_IS_drop 2
static const int fixture_fates[] = {
#define FIXTURE_REASON_FATE(name, verdict, text) FIXTURE_IS_##verdict,
	SLUICE_REASONS(FIXTURE_REASON_FATE)};

/* Which reasons a program has met. */
static bool fixture_met[SLUICE_REASON_COUNT];

#define FIXTURE_MAP(name) bpf_map__fd(fixture->maps.name)

static inline void fixture_must(bool held, const char *what)
{
	if (held)
		return;
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static inline void fixture_put(int map, const void *key, const void *value)
{
	fixture_must(!bpf_map_update_elem(map, key, value, BPF_ANY), "update");
}

/* ---- addresses ---- */

struct fixture_address {
	uint8_t bytes[16];
};

static inline struct fixture_address fixture_address(const char *text)
{
	struct fixture_address address;
	uint8_t v4[4];

	if (inet_pton(AF_INET, text, v4) == 1)
		packet_map_v4(address.bytes, v4[0], v4[1], v4[2], v4[3]);
	else
		fixture_must(inet_pton(AF_INET6, text, address.bytes) == 1,
			     text);
	return address;
}

static inline bool fixture_is_v6(const char *text)
{
	return strchr(text, ':');
}

/* ---- the tables ---- */

static inline void fixture_configure(void)
{
	uint32_t zero = 0;

	fixture_put(FIXTURE_MAP(relay_config), &zero, &fixture_config);
}

static inline void fixture_limit(enum relay_rate_class class, uint32_t cost_ns,
				 uint32_t burst)
{
	fixture_config.limit[class] =
		(struct relay_limit){.cost_ns = cost_ns, .burst = burst};
	fixture_configure();
}

static inline void fixture_local(const char *text)
{
	struct fixture_address address = fixture_address(text);
	uint32_t ifindex = FIXTURE_DEVICE_IN;

	fixture_put(FIXTURE_MAP(relay_local), &address, &ifindex);
}

/* A leg that is resolved, on the device that the packets come in by. */
static inline struct relay_leg fixture_leg(const char *addr, uint16_t port,
					   const char *local,
					   uint16_t local_port)
{
	struct fixture_address a = fixture_address(addr);
	struct fixture_address l = fixture_address(local);
	struct relay_leg leg = {
		.seq = 2,
		.flags = RELAY_LEG_INUSE | RELAY_LEG_RESOLVED,
		.port = htons(port),
		.local_port = htons(local_port),
		.ifindex = FIXTURE_DEVICE_IN,
		.dmac = {2, 0, 0, 0, 1, 1},
		.smac = {2, 0, 0, 0, 1, 2},
	};

	if (fixture_is_v6(addr))
		leg.flags |= RELAY_LEG_V6;
	memcpy(leg.addr, a.bytes, 16);
	memcpy(leg.local, l.bytes, 16);
	return leg;
}

static inline void fixture_leg_put(uint32_t number, const struct relay_leg *leg)
{
	fixture_put(FIXTURE_MAP(relay_leg), &number, leg);
}

static inline uint32_t fixture_bucket_of(uint32_t index)
{
	return relay_bucket_of(index, fixture_config.seed_mul,
			       fixture_config.seed_add,
			       fixture_config.bucket_count);
}

static inline void fixture_slot(uint32_t index, unsigned at, uint16_t from,
				uint16_t to)
{
	uint32_t bucket = fixture_bucket_of(index);
	struct relay_bucket value;

	fixture_must(!bpf_map_lookup_elem(FIXTURE_MAP(relay_session), &bucket,
					  &value),
		     "bucket");
	value.slot[at] = (struct relay_slot){
		.index = htole32(index), .from = from, .to = to};
	fixture_put(FIXTURE_MAP(relay_session), &bucket, &value);
}

static inline void fixture_known(const char *text, uint16_t port)
{
	struct fixture_address address = fixture_address(text);
	struct relay_known_key key = {.port = htons(port)};
	struct relay_known value = {.refs = 1};

	memcpy(key.addr, address.bytes, 16);
	fixture_put(FIXTURE_MAP(relay_known), &key, &value);
}

/* prefix counts bits of the mapped address. */
static inline struct relay_block_key fixture_block_key(const char *text,
						       uint32_t prefix)
{
	struct fixture_address address = fixture_address(text);
	struct relay_block_key key = {.prefixlen = prefix};

	memcpy(key.addr, address.bytes, 16);
	return key;
}

/* ---- messages ---- */

struct fixture_message {
	uint8_t bytes[2048];
	size_t len;
};

static inline struct fixture_message fixture_data(uint32_t index, size_t len)
{
	struct fixture_message message = {.len = len};
	struct wg_data head = {.header.type = WG_DATA,
			       .receiver = htole32(index)};

	for (size_t i = 0; i < len; i++)
		message.bytes[i] = i * 7 + 13;
	memcpy(message.bytes, &head, sizeof(head));
	return message;
}

/* A message of that type and its length, unsigned: mac1 fits nobody. */
static inline struct fixture_message fixture_handshake(uint8_t type)
{
	struct fixture_message message = {
		.len = type == WG_INITIATION ? WG_INITIATION_LEN
		       : type == WG_RESPONSE ? WG_RESPONSE_LEN
					     : WG_COOKIE_LEN,
	};

	for (size_t i = 4; i < message.len; i++)
		message.bytes[i] = i * 5 + type;
	message.bytes[0] = type;
	return message;
}

/* From the peer of leg 1 to the relay, unless changed. */
static inline struct packet_spec
fixture_spec(const struct fixture_message *message, const char *source,
	     const char *dest)
{
	struct packet_spec spec = {
		.dmac = {2, 0, 0, 0, 0, 1},
		.smac = {2, 0, 0, 0, 0, 2},
		.v6 = fixture_is_v6(source),
		.source_port = FIXTURE_PEER_PORT,
		.dest_port = FIXTURE_PORT,
		.ttl = 64,
		.payload = message->bytes,
		.length = message->len,
	};
	struct fixture_address s = fixture_address(source);
	struct fixture_address d = fixture_address(dest);

	memcpy(spec.source, s.bytes, 16);
	memcpy(spec.dest, d.bytes, 16);
	return spec;
}

/* ---- running ---- */

struct fixture_result {
	uint32_t verdict;
	int reason; /* that moved by one; -1: none, or more than one did */
	uint8_t frame[PACKET_MAX];
	uint32_t len;
};

static inline void fixture_counts(uint64_t packets[SLUICE_REASON_COUNT])
{
	struct sluice_count values[FIXTURE_CPUS_MAX];

	for (uint32_t i = 0; i < SLUICE_REASON_COUNT; i++) {
		fixture_must(!bpf_map_lookup_elem(FIXTURE_MAP(relay_reason), &i,
						  values),
			     "reason");
		packets[i] = 0;
		for (int cpu = 0; cpu < fixture_cpus; cpu++)
			packets[i] += values[cpu].packets;
	}
}

/* Without looking at the counters. False: the kernel refused to run it. */
static inline bool fixture_run_bare(struct fixture_result *result,
				    const void *frame, size_t len)
{
	struct xdp_md ctx = {.data_end = len,
			     .ingress_ifindex = fixture_device};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
		    .data_size_in = len, .data_out = result->frame,
		    .data_size_out = sizeof(result->frame), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);

	if (bpf_prog_test_run_opts(bpf_program__fd(fixture->progs.relay),
				   &opts))
		return false;
	result->verdict = opts.retval;
	result->len = opts.data_size_out;
	return true;
}

static inline void fixture_run(struct fixture_result *result, const void *frame,
			       size_t len)
{
	uint64_t before[SLUICE_REASON_COUNT], after[SLUICE_REASON_COUNT];
	int moved = 0;

	fixture_counts(before);
	fixture_must(fixture_run_bare(result, frame, len), "test run");
	fixture_counts(after);
	result->reason = -1;
	for (int i = 0; i < SLUICE_REASON_COUNT; i++) {
		moved += after[i] - before[i];
		if (after[i] != before[i])
			result->reason = i;
	}
	if (moved != 1)
		result->reason = -1;
	else
		fixture_met[result->reason] = true;
}

static inline uint32_t fixture_verdict_of(int reason)
{
	if (reason == SLUICE_REASON_forward_tx)
		return XDP_TX;
	if (reason == SLUICE_REASON_forward_redirect)
		return XDP_REDIRECT;
	return fixture_fates[reason] == FIXTURE_IS_pass ? XDP_PASS : XDP_DROP;
}

static inline bool fixture_is_as_judged(const struct fixture_result *result,
					const void *frame, size_t len, int want)
{
	if (result->reason != want ||
	    result->verdict != fixture_verdict_of(want))
		return false;
	if (fixture_fates[want] == FIXTURE_IS_forward)
		return true;
	return result->len == len && !memcmp(result->frame, frame, len);
}

/* Is a frame judged so and, unless it is forwarded, left as it was? */
__attribute__((format(printf, 6, 7))) static inline bool
fixture_judge(const char *file, int line, const void *frame, size_t len,
	      int want, const char *format, ...)
{
	struct fixture_result result;
	char name[256];
	va_list args;
	bool held;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	fixture_run(&result, frame, len);
	held = fixture_is_as_judged(&result, frame, len, want);
	tap_ok(held, file, line, "%s: %s", fixture_reasons[want], name);
	if (!held)
		printf("# got verdict %u, %s\n", result.verdict,
		       result.reason < 0 ? "not one reason"
					 : fixture_reasons[result.reason]);
	return held;
}

#define fixture_judges(frame, len, want, ...) \
	fixture_judge(__FILE__, __LINE__, frame, len, want, __VA_ARGS__)

#define fixture_spec_judges(spec, want, ...) \
	({ \
		uint8_t frame_[PACKET_MAX]; \
		size_t frame_len_ = packet_build(frame_, spec); \
		fixture_judges(frame_, frame_len_, want, __VA_ARGS__); \
	})

/* ---- opening ---- */

static inline void fixture_size(void)
{
	fixture_cpus = libbpf_num_possible_cpus();
	fixture_must(fixture_cpus > 0 && fixture_cpus <= FIXTURE_CPUS_MAX,
		     "possible CPUs");
	bpf_map__set_max_entries(fixture->maps.relay_session, FIXTURE_BUCKETS);
	bpf_map__set_max_entries(fixture->maps.relay_spill, FIXTURE_SPILL);
	bpf_map__set_max_entries(
		fixture->maps.relay_count,
		fixture_cpus * (8 * FIXTURE_BUCKETS + FIXTURE_SPILL));
	bpf_map__set_max_entries(fixture->maps.relay_leg, FIXTURE_LEGS);
	bpf_map__set_max_entries(fixture->maps.relay_leg_count, FIXTURE_LEGS);
}

/* weak_order as the loader sets it on machines that reorder loads. */
static inline void fixture_open(bool weak_order)
{
	struct wg_key key = {.bytes = "a public key, as good as another"};

	fixture_must(!unshare(CLONE_NEWNET), "a network namespace");
	fixture = relay_bpf__open();
	fixture_must(fixture, "open");
	fixture_size();
	fixture->rodata->weak_order = weak_order;
	fixture_must(!relay_bpf__load(fixture), "load");
	wg_mac1_key(&fixture_mac1_key, &key);
	fixture_config = (struct relay_config){
		.seed_mul = 0x9e3779b97f4a7c15,
		.seed_add = 0x1234567,
		.bucket_count = FIXTURE_BUCKETS,
		.count_stride = 8 * FIXTURE_BUCKETS + FIXTURE_SPILL,
		.port_min = FIXTURE_PORT,
		.port_max = FIXTURE_PORT_MAX,
	};
	wg_mac1_midstate(fixture_config.mac1_midstate, &fixture_mac1_key);
	fixture_configure();
}

/* The reasons of a program's rows, each of which it must have met. */
static inline void fixture_covers(const enum sluice_reason *reasons, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ok(fixture_met[reasons[i]], "%s was met",
		   fixture_reasons[reasons[i]]);
}

static inline int fixture_close(void)
{
	relay_bpf__destroy(fixture);
	return tap_done();
}

#endif
