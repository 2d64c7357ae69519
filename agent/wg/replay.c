// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/replay.h"

#include <string.h>

static uint64_t bit(uint64_t counter)
{
	return UINT64_C(1) << counter % 64;
}

bool wg_replay_is_new(const struct wg_replay *replay, uint32_t bits,
		      uint64_t counter)
{
	if (counter > replay->greatest)
		return true;
	if (replay->greatest - counter > WG_REPLAY_WINDOW(bits))
		return false;
	return !(replay->words[counter / 64 % (bits / 64)] & bit(counter));
}

/* Makes room: the words between the old and the new greatest are empty. */
static void advance(struct wg_replay *replay, uint32_t bits, uint64_t counter)
{
	const uint64_t words = bits / 64;
	uint64_t word = replay->greatest / 64;
	uint64_t steps = counter / 64 - word;

	if (steps >= words)
		memset(replay->words, 0, bits / 8);
	else
		while (steps--)
			replay->words[++word % words] = 0;
	replay->greatest = counter;
}

bool wg_replay_accept(struct wg_replay *replay, uint32_t bits, uint64_t counter)
{
	if (!wg_replay_is_new(replay, bits, counter))
		return false;
	if (counter > replay->greatest)
		advance(replay, bits, counter);
	replay->words[counter / 64 % (bits / 64)] |= bit(counter);
	return true;
}
