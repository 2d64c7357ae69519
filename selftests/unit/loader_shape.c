// SPDX-License-Identifier: GPL-2.0-or-later
/* The relay's map sizes, and that the object has what the loader sets in it. */
#include <errno.h>
#include <stdlib.h>

#include <sluice/reason.h>

#include "loader/set.h"
#include "tap.h"

/* Random indices that find their bucket full. */
static uint32_t overflowing(const struct shape *shape, uint32_t indices)
{
	uint8_t *filled = calloc(shape->buckets, 1);
	uint32_t over = 0;

	for (uint32_t i = 0; filled && i < indices; i++) {
		uint64_t at = relay_bucket_of((uint32_t)random() * 2654435761U,
					      0x9e3779b97f4a7c15ULL, 1,
					      shape->buckets);

		if (filled[at] == RELAY_BUCKET_SLOTS)
			over++;
		else
			filled[at]++;
	}
	free(filled);
	return over;
}

static const struct {
	struct loader_relay_sizes sizes;
	uint32_t cpus, buckets, spill, legs, peers;
} rows[] = {
	{{0}, 2, 49152, 17347, 16384, 16384}, /* the defaults */
	{{.legs = 1, .sessions = 1}, 1, 2, 1024, 1, 1},
	{{.legs = 2, .sessions = 6}, 1, 2, 1024, 2, 2},
	{{.legs = 2, .sessions = 9}, 1, 3, 1024, 2, 2},
	{{.peers = 100, .sessions = 65536}, 2, 10956, 3866, 100, 100},
	{{.legs = 9, .peers = 100, .sessions = 1}, 1, 4, 1024, 9, 9},
	{{65534, 1048576, 16384}, 2, 180224, 63608, 65534, 16384},
	{{1, 1 << 24}, 1, 2796203, 986895, 1, 1},
};

static void test_sizes(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shape shape = {0};
		uint32_t sessions = rows[i].sizes.sessions ?: 262144;
		uint32_t indices = sessions + 2 * rows[i].peers;

		is_int(shape_of_sizes(&shape, &rows[i].sizes, rows[i].cpus), 0,
		       "row %zu fits", i);
		is_int(shape.buckets, rows[i].buckets, "row %zu: buckets", i);
		is_int(shape.spill, rows[i].spill, "row %zu: spill", i);
		is_int(shape.legs, rows[i].legs, "row %zu: legs", i);
		is_int(shape.peers, rows[i].peers, "row %zu: peers", i);
		ok(6ULL * shape.buckets >= indices,
		   "row %zu: six in a bucket at most", i);
		ok(shape.spill >= overflowing(&shape, indices),
		   "row %zu: the spill has what overflows", i);
	}
}

static void test_refusals(void)
{
	struct loader_relay_sizes legs = {.legs = RELAY_LEG_MAX + 1};
	struct loader_relay_sizes sessions = {.sessions = (1 << 24) + 1};
	struct loader_relay_sizes most = {.sessions = 1 << 24};
	struct shape shape = {.buckets = 77};

	is_int(shape_of_sizes(&shape, &legs, 1), -E2BIG, "too many peers");
	ok(strstr(loader_error(), "65534"), "the error says how many fit");
	is_int(shape_of_sizes(&shape, &sessions, 1), -E2BIG,
	       "too many sessions");
	is_int(shape_of_sizes(&shape, &most, 256), -E2BIG, "too many counters");
	is_int(shape.buckets, 77, "a failure leaves the output alone");
}

static void test_entries(void)
{
	struct loader_relay_sizes sizes = {.legs = 10, .sessions = 64};
	struct shape shape;

	shape_of_sizes(&shape, &sizes, 3);
	is_int(shape_entries(&shape, "relay_session"), 14, "session");
	is_int(shape_entries(&shape, "relay_spill"), 1024, "spill");
	is_int(shape_entries(&shape, "relay_count"), (14 * 8 + 1024) * 3,
	       "count: a region for each CPU");
	is_int(shape_entries(&shape, "relay_leg"), 11, "leg 0 is nobody");
	is_int(shape_entries(&shape, "relay_peer"), 11, "peer");
	is_int(shape_entries(&shape, "relay_leg_count"), 11, "leg_count");
	is_int(shape_entries(&shape, "relay_known"), 20, "known");
	sizes.peers = 3;
	shape_of_sizes(&shape, &sizes, 3);
	is_int(shape_entries(&shape, "relay_known"), 13, "of fewer peers");
	ok(shape_entries(&shape, "relay_reason") >= SLUICE_REASON_COUNT,
	   "every reason has a counter");
	is_int(shape_entries(&shape, "relay_block"), 0,
	       "a map of fixed size stays as it is");
}

static void test_object(void)
{
	static const char *const names[] = {
		"meta",
		"relay_config",
		"relay_session",
		"relay_spill",
		"relay_count",
		"relay_leg",
		"relay_leg_count",
		"relay_peer",
		"relay_known",
		"relay_local",
		"relay_block",
		"relay_rate",
		"relay_reason",
		"reason_name",
		"relay_event",
	};
	char build[SLUICE_BUILD_LEN], other[SLUICE_BUILD_LEN];
	struct bpf_object *object;
	size_t size;
	const void *elf = relay_elf(&size);

	if (!ok(!object_open(&object, "relay", elf, size), "the object opens"))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ok(bpf_object__find_map_by_name(object, names[i]),
		   "the object has the map %s", names[i]);
	is_int(object_set_constant(object, "weak_order", 1), 0,
	       "weak_order is a constant");
	is_int(object_set_constant(object, "no_such_thing", 1), -ENOENT,
	       "an unknown constant is refused");
	bpf_object__close(object);
	object_build(build, elf, size);
	object_build(other, elf, size - 1);
	is_int(strlen(build), SLUICE_BUILD_LEN - 2, "a build is hex digits");
	ok(strcmp(build, other), "other bytes are another build");
	is_int(object_open(&object, "relay", "nonsense", 8), -EINVAL,
	       "what is no ELF file is refused");
}

int main(void)
{
	is_str(loader_error(), "nothing has failed", "no error yet");
	test_sizes();
	test_refusals();
	test_entries();
	test_object();
	return tap_done();
}
