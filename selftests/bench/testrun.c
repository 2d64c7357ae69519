// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nanoseconds a packet, by BPF_PROG_TEST_RUN: the relay's program beside the
 * least that any program costs.
 *
 * The kernel gives a repeated run the packet as the last repeat left it, and a
 * forwarded packet is no longer one that would be forwarded. So a forwarding
 * case runs a restorer (gen.bpf.c) that writes the packet's head anew and jumps
 * into the program by a tail call; the same restorer jumping into the empty
 * program is measured beside it, and
 *
 *	figure = restorer and program - restorer and empty + empty
 *
 * Cases whose packet stays as it is run without all that. Random cases are given
 * as measured, generator included; relay_random_floor is the generator alone.
 * The cases take turns over several rounds and the least of the rounds counts:
 * what disturbs a run only ever adds. Each run is checked by its verdict and by
 * the relay's own count of the reason.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <sluice/reason.h>

#include "flow.h" /* which the skeletons need */

#include "bench/floor.skel.h"
#include "bench/gen.skel.h"
#include "bench/hash.skel.h"
#include "lib/packet.h"
#include "lib/report.h"
#include "lib/tables.h"

#define SESSIONS 262144 /* the default sizes */
#define LEGS 16384
#define LEGS_V4 (LEGS - 2)
#define LEG_V6_FROM (LEGS - 1)
#define LEG_V6_TO LEGS
#define SESSIONS_LARGE 1048576
#define LEGS_LARGE RELAY_LEG_MAX
/* Session numbers beyond the random ones. */
#define SESSION_4TO6 SESSIONS
#define SESSION_6 (SESSIONS + 1)
#define SESSION_NONE (4 * SESSIONS_LARGE)

#define ROUNDS_MAX 16
#define NO_REASON SLUICE_REASON_COUNT

enum step {
	EMPTY,
	BASE4,
	BASE6,
	BASE_SHRINK_GROW,
	FLOOR,
	FORWARD_V4,
	FORWARD_V6,
	FORWARD_4TO6,
	MAC1_REJECT,
	MISS,
	RANDOM_FLOOR,
	RANDOM_1K,
	RANDOM_100K,
	RANDOM_1M,
	HASH_1M,
	STEPS,
};

struct run {
	int restorer_fd; /* -1: the program itself */
	int program_fd;
	const struct bench_frame *frame;
	const struct bench_tables *tables;
	uint32_t verdict;
	uint32_t reason; /* that each packet is counted under, or NO_REASON */
	uint32_t sessions, legs; /* to choose from */
};

static struct bench_tables normal, large;
static struct gen_bpf *gen;
static struct floor_bpf *lookups;
static struct hash_bpf *hash;
static struct bench_frame data4, data6, data4to6, unknown, forged;
static struct run runs[STEPS];
static double samples[STEPS][ROUNDS_MAX];

/* ---- the packets ---- */

static void make_data4(struct bench_frame *frame, uint32_t session)
{
	struct bench_path path = {
		.dmac = BENCH_MAC_R0,
		.source = BENCH_LEG_NET + bench_from(0, LEGS_V4),
		.dest = BENCH_RELAY4,
		.source_port = BENCH_PEER_PORT,
		.dest_port = BENCH_PORT,
	};
	uint8_t payload[BENCH_PAYLOAD];

	bench_data(payload, bench_index(session));
	bench_frame4(frame, &path, payload, sizeof(payload));
}

static void make_data6(struct bench_frame *frame, uint32_t session)
{
	struct bench_path path = {
		.dmac = BENCH_MAC_R0,
		.source = LEG_V6_FROM,
		.dest = BENCH_RELAY6,
		.source_port = BENCH_PEER_PORT,
		.dest_port = BENCH_PORT,
	};
	uint8_t payload[BENCH_PAYLOAD];

	bench_data(payload, bench_index(session));
	bench_frame6(frame, &path, payload, sizeof(payload));
}

/* An initiation by a stranger whose mac1 fits nobody. */
static void make_forged(struct bench_frame *frame)
{
	struct bench_path path = {
		.dmac = BENCH_MAC_R0,
		.source = 0xc6336401, /* 198.51.100.1 */
		.dest = BENCH_RELAY4,
		.source_port = BENCH_PEER_PORT,
		.dest_port = BENCH_PORT,
	};
	struct wg_initiation message = {.header.type = WG_INITIATION};

	memset(&message.macs, 0x5a, sizeof(message.macs));
	bench_frame4(frame, &path, &message, sizeof(message));
}

/* ---- programs and tables ---- */

/* A test run without a context comes in by the loopback device, number 1: what
 * leaves there is transmitted, not redirected. */
static const struct bench_hop loopback = {
	.ifindex = 1, .dmac = BENCH_MAC_A, .smac = BENCH_MAC_R0};

static void open_tables(void)
{
	bench_tables_open(&normal, "normal", LEGS, LEGS, SESSIONS);
	bench_tables_fill(&normal, SESSIONS, LEGS_V4, &loopback);
	bench_leg_set(&normal, LEG_V6_FROM, true, &loopback);
	bench_leg_set(&normal, LEG_V6_TO, true, &loopback);
	bench_session_set(&normal, bench_index(SESSION_4TO6),
			  bench_from(0, LEGS_V4), LEG_V6_TO);
	bench_session_set(&normal, bench_index(SESSION_6), LEG_V6_FROM,
			  LEG_V6_TO);
	bench_tables_open(&large, "large", LEGS, LEGS_LARGE, SESSIONS_LARGE);
	bench_tables_fill(&large, SESSIONS_LARGE, LEGS_LARGE, &loopback);
}

/* The object's maps become those of the relay, wherever it has them. */
static void share_maps(struct bpf_object *object,
		       const struct bench_tables *tables)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		int fd = loader_map_fd(tables->loader, bpf_map__name(map));

		if (fd >= 0 && bpf_map__reuse_fd(map, fd))
			bench_die("map %s can not be shared",
				  bpf_map__name(map));
	}
}

static void load(struct bpf_object *object)
{
	int err = bpf_object__load(object);

	if (err)
		bench_die("reference program: %s", strerror(-err));
}

static void fill_hash(int fd)
{
	for (uint32_t i = 0; i < SESSIONS_LARGE; i++) {
		uint32_t index = bench_index(i);
		struct relay_spill value = {
			.slot = {.index = index,
				 .from = bench_from(i, LEGS_LARGE),
				 .to = bench_to(i, LEGS_LARGE)},
			.count = i,
		};

		if (bpf_map_update_elem(fd, &index, &value, BPF_ANY))
			bench_die("session %u: %s", i, strerror(errno));
	}
}

static void open_programs(void)
{
	gen = gen_bpf__open_and_load();
	lookups = floor_bpf__open();
	hash = hash_bpf__open();
	if (!gen || !lookups || !hash)
		bench_die("programs: %s", strerror(errno));
	share_maps(lookups->obj, &normal);
	load(lookups->obj);
	share_maps(hash->obj, &large);
	bpf_map__set_max_entries(hash->maps.session_hash, SESSIONS_LARGE);
	load(hash->obj);
	fill_hash(bpf_map__fd(hash->maps.session_hash));
	gen->bss->gen.random = 0x2545f491;
}

static struct run plain(int program_fd, const struct bench_frame *frame,
			uint32_t verdict, uint32_t reason)
{
	return (struct run){.restorer_fd = -1,
			    .program_fd = program_fd,
			    .frame = frame,
			    .tables = &normal,
			    .verdict = verdict,
			    .reason = reason};
}

static struct run restored(const struct bpf_program *restorer, int program_fd,
			   const struct bench_frame *frame, uint32_t reason)
{
	struct run run = plain(program_fd, frame, XDP_TX, reason);

	run.restorer_fd = bpf_program__fd(restorer);
	return run;
}

static struct run chosen(int program_fd, const struct bench_tables *tables,
			 uint32_t sessions, uint32_t legs, uint32_t reason)
{
	struct run run =
		restored(gen->progs.run4_random, program_fd, &data4, reason);

	run.tables = tables;
	run.sessions = sessions;
	run.legs = legs;
	return run;
}

static void plan(void)
{
	const enum sluice_reason tx = SLUICE_REASON_forward_tx;
	int empty = bpf_program__fd(gen->progs.empty);
	int floor = bpf_program__fd(lookups->progs.lookups);
	int relay = loader_program_fd(normal.loader);
	int relay_large = loader_program_fd(large.loader);
	int relay_hash = bpf_program__fd(hash->progs.relay);

	runs[EMPTY] = plain(empty, &data4, XDP_TX, NO_REASON);
	runs[BASE4] = restored(gen->progs.run4, empty, &data4, NO_REASON);
	runs[BASE6] = restored(gen->progs.run6, empty, &data6, NO_REASON);
	runs[BASE_SHRINK_GROW] =
		restored(gen->progs.run4_shrink_grow, empty, &data4, NO_REASON);
	runs[FLOOR] = restored(gen->progs.run4, floor, &data4, NO_REASON);
	runs[FORWARD_V4] = restored(gen->progs.run4, relay, &data4, tx);
	runs[FORWARD_V6] = restored(gen->progs.run6, relay, &data6, tx);
	runs[FORWARD_4TO6] =
		restored(gen->progs.run4_shrink, relay, &data4to6, tx);
	runs[MAC1_REJECT] =
		plain(relay, &forged, XDP_DROP, SLUICE_REASON_stranger);
	runs[MISS] = plain(relay, &unknown, XDP_DROP, SLUICE_REASON_no_session);
	runs[RANDOM_FLOOR] =
		chosen(empty, &large, SESSIONS_LARGE, LEGS_LARGE, NO_REASON);
	runs[RANDOM_1K] = chosen(relay, &normal, 1000, LEGS_V4, tx);
	runs[RANDOM_100K] = chosen(relay, &normal, 100000, LEGS_V4, tx);
	runs[RANDOM_1M] =
		chosen(relay_large, &large, SESSIONS_LARGE, LEGS_LARGE, tx);
	runs[HASH_1M] =
		chosen(relay_hash, &large, SESSIONS_LARGE, LEGS_LARGE, tx);
}

/* ---- measuring ---- */

static void arm(const struct run *run)
{
	uint32_t zero = 0;

	memcpy(gen->bss->gen.head, run->frame->data,
	       sizeof(gen->bss->gen.head));
	gen->bss->gen.sessions = run->sessions;
	gen->bss->gen.legs = run->legs;
	if (run->restorer_fd >= 0 &&
	    bpf_map_update_elem(bpf_map__fd(gen->maps.measured), &zero,
				&run->program_fd, BPF_ANY))
		bench_die("prog array: %s", strerror(errno));
}

static double once(const struct run *run, uint32_t repeat)
{
	uint8_t out[2 * BENCH_FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = run->frame->data,
		    .data_size_in = run->frame->len, .data_out = out,
		    .data_size_out = sizeof(out), .repeat = repeat);
	int fd = run->restorer_fd >= 0 ? run->restorer_fd : run->program_fd;
	bool counted = run->reason != NO_REASON;
	uint64_t before = counted ? bench_reason(run->tables, run->reason) : 0;

	arm(run);
	if (bpf_prog_test_run_opts(fd, &opts))
		bench_die("test run: %s", strerror(errno));
	if (opts.retval != run->verdict)
		bench_die("step %td: verdict %u instead of %u", run - runs,
			  opts.retval, run->verdict);
	if (counted &&
	    bench_reason(run->tables, run->reason) - before != repeat)
		bench_die("step %td: not every packet took the measured way",
			  run - runs);
	return opts.duration;
}

static void report(const double ns[STEPS])
{
	double over4 = ns[EMPTY] - ns[BASE4];
	double move = (ns[BASE_SHRINK_GROW] - ns[BASE4]) / 2;

	bench_value("relay_empty", ns[EMPTY], "ns");
	bench_value("relay_floor", ns[FLOOR] + over4, "ns");
	bench_value("relay_forward_v4", ns[FORWARD_V4] + over4, "ns");
	bench_value("relay_forward_v6", ns[FORWARD_V6] - ns[BASE6] + ns[EMPTY],
		    "ns");
	bench_value("relay_forward_4to6", ns[FORWARD_4TO6] + over4 - move,
		    "ns");
	bench_value("relay_mac1_reject", ns[MAC1_REJECT], "ns");
	bench_value("relay_miss", ns[MISS], "ns");
	bench_value("relay_random_floor", ns[RANDOM_FLOOR], "ns");
	bench_value("relay_random_1k", ns[RANDOM_1K], "ns");
	bench_value("relay_random_100k", ns[RANDOM_100K], "ns");
	bench_value("relay_random_1m", ns[RANDOM_1M], "ns");
	bench_value("relay_hash_1m", ns[HASH_1M], "ns");
	bench_note(
		"# as measured: restorer and empty %.0f (IPv6 %.0f), and floor %.0f, and v4 %.0f",
		ns[BASE4], ns[BASE6], ns[FLOOR], ns[FORWARD_V4]);
}

int main(void)
{
	int rounds = bench_quick() ? 3 : ROUNDS_MAX;
	uint32_t repeat = bench_quick() ? 50000 : 200000;
	double least[STEPS];

	open_tables();
	open_programs();
	make_data4(&data4, 0);
	make_data4(&data4to6, SESSION_4TO6);
	make_data4(&unknown, SESSION_NONE);
	make_data6(&data6, SESSION_6);
	make_forged(&forged);
	plan();
	for (int round = 0; round < rounds; round++)
		for (int step = 0; step < STEPS; step++)
			samples[step][round] = once(&runs[step], repeat);
	for (int step = 0; step < STEPS; step++)
		least[step] = bench_min(samples[step], rounds);
	report(least);
	bench_tables_close(&normal);
	bench_tables_close(&large);
	return 0;
}
