// SPDX-License-Identifier: GPL-2.0-or-later
/* The replay window: a table of sequences, then a plain model beside it. */
#include "wg/replay.h"

#include <stdlib.h>

#include "tap.h"

#define BITS WG_REPLAY_BITS
#define W WG_REPLAY_WINDOW(BITS)
#define TOP (UINT64_MAX - 8192)

/* Each row continues the one before it; reset starts over. */
static const struct {
	bool reset;
	uint64_t counter;
	bool accepted;
} rows[] = {
	{true, 0, true},
	{false, 1, true},
	{false, 1, false},
	{false, 9, true},
	{false, 8, true},
	{false, 7, true},
	{false, 7, false},
	{false, W, true},
	{false, W - 1, true},
	{false, W - 1, false},
	{false, W - 2, true},
	{false, 2, true},
	{false, 2, false},
	{false, W + 16, true},
	{false, 3, false},
	{false, W + 16, false},
	{false, W * 4, true},
	{false, W * 4 - (W - 1), true},
	{false, 10, false},
	{false, W * 4 - W, true},
	{false, W * 4 - (W + 1), false},
	{false, W * 4 - (W - 2), true},
	{false, W * 4 + 1 - W, false},
	{false, 0, false},
	{false, TOP, true},
	{false, TOP - 1, true},
	{false, TOP, false},
	{false, TOP - 1, false},
	{false, TOP - 2, true},
	{false, TOP + 1, true},
	{false, TOP + 2, true},
	{false, TOP + 2, false},
	{true, 5, true},
	{false, 0, true},
	{false, 0, false},
	{true, W * 3, true},
	{false, 0, false},
	{false, W * 2, true},
};

/* With room for the largest. */
static union {
	struct wg_replay replay;
	uint64_t room[1 + BITS / 64];
} window;

static void reset(void)
{
	memset(&window, 0, sizeof(window));
}

static void test_table(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bool asked;

		if (rows[i].reset)
			reset();
		asked = wg_replay_is_new(&window.replay, BITS, rows[i].counter);
		ok(wg_replay_accept(&window.replay, BITS, rows[i].counter) ==
				   rows[i].accepted &&
			   asked == rows[i].accepted,
		   "row %zu: %llu is %s", i,
		   (unsigned long long)rows[i].counter,
		   rows[i].accepted ? "new" : "refused");
	}
}

/* Every counter in a sweep, forwards and backwards, each once. */
static void test_sweeps(void)
{
	size_t first = 0, second = 0;

	reset();
	for (uint64_t i = 1; i <= W; i++)
		first += wg_replay_accept(&window.replay, BITS, i);
	for (uint64_t i = 1; i <= W; i++)
		second += wg_replay_accept(&window.replay, BITS, i);
	ok(first == W && !second, "forwards");

	reset();
	first = second = 0;
	for (uint64_t i = W + 2; i-- > 1;)
		first += wg_replay_accept(&window.replay, BITS, i);
	ok(first == W + 1, "backwards through the whole window");
	ok(wg_replay_accept(&window.replay, BITS, 0) == false,
	   "and no further");
}

/* The model remembers everything. */
enum { SPAN = 20000 };
static bool seen[SPAN];

static void test_model(uint32_t bits)
{
	static const uint64_t bases[] = {0, 63, (UINT64_C(1) << 32) - SPAN / 2,
					 TOP - SPAN};

	for (int b = 0; b < 4; b++) {
		uint64_t greatest = 0;
		long accepted = 0;
		bool held = true;

		reset();
		memset(seen, 0, sizeof(seen));
		srandom(b + 1);
		for (int i = 0; i < 200000 && held; i++) {
			uint64_t centre = i / 12, offset, counter;
			bool want;

			offset = centre + random() % 2600;
			offset = offset > 1300 ? offset - 1300 : 0;
			if (random() % 50000 == 0)
				offset += random() % 3000;
			if (offset >= SPAN)
				offset = SPAN - 1;
			counter = bases[b] + offset;
			want = !seen[offset] &&
			       (counter > greatest ||
				greatest - counter <= WG_REPLAY_WINDOW(bits));
			held = wg_replay_accept(&window.replay, bits,
						counter) == want;
			if (want) {
				seen[offset] = true;
				accepted++;
				if (counter > greatest)
					greatest = counter;
			}
		}
		ok(held && accepted > 1000,
		   "%u bits: %ld random counters from %llu", bits, accepted,
		   (unsigned long long)bases[b]);
		for (size_t word = 1 + bits / 64; word <= BITS / 64; word++)
			held &= !window.room[word];
		ok(held, "and nothing is written behind the window");
	}
}

int main(void)
{
	test_table();
	test_sweeps();
	test_model(BITS);
	test_model(256);
	test_model(128);
	return tap_done();
}
