/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel program's verdicts: what they are called, and how many there were. */
#ifndef SLUICE_RELAY_REASONS_H
#define SLUICE_RELAY_REASONS_H

#include <sluice/abi.h>
#include <sluice/reason.h>

struct relay_reason_text {
	const char *name;
	const char *verdict; /* "forward", "pass", "drop" */
	const char *text; /* finishes "The packet ..." */
};

extern const struct relay_reason_text relay_reason_texts[SLUICE_REASON_COUNT];

/* Sums over all CPUs of the map relay_reason. 0 or -errno. */
int relay_reasons_read(int map_fd,
		       struct sluice_count counts[SLUICE_REASON_COUNT]);

#endif
