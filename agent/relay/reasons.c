// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/reasons.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/loader.h"

const struct relay_reason_text relay_reason_texts[SLUICE_REASON_COUNT] = {
#define REASON_TEXT(name, verdict, text) \
	[SLUICE_REASON_##name] = {#name, #verdict, text},
	SLUICE_REASONS(REASON_TEXT)
#undef REASON_TEXT
};

int relay_reasons_read(int map_fd,
		       struct sluice_count counts[SLUICE_REASON_COUNT])
{
	struct sluice_count sums[SLUICE_REASON_COUNT] = {0};
	int cpus = loader_cpus(), err = 0;
	struct sluice_count *values;

	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; !err && i < SLUICE_REASON_COUNT; i++) {
		err = loader_map_lookup_percpu(map_fd, &i, values);
		for (int cpu = 0; !err && cpu < cpus; cpu++) {
			sums[i].packets += values[cpu].packets;
			sums[i].bytes += values[cpu].bytes;
		}
	}
	free(values);
	if (!err)
		memcpy(counts, sums, sizeof(sums));
	return err;
}
