/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Receiver indices that share one bucket of the pinned session table, as nobody
 * can choose them who does not know its seeds:
 *
 *	collide COUNT
 *
 * Prints them in hex, one a line.
 */
#include <stdio.h>
#include <stdlib.h>

#include "loader/loader.h"

int main(int argc, char **argv)
{
	unsigned long wanted = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	const struct relay_config *config;
	struct loader *loader;
	uint64_t bucket = 0;
	size_t entries;

	if (!wanted || loader_relay_peek(&loader, NULL)) {
		fprintf(stderr, "collide: %s\n",
			wanted ? loader_error() : "usage: collide COUNT");
		return 1;
	}
	config = loader_map_memory(loader, "relay_config", &entries);
	if (!config)
		return 1;
	for (uint32_t index = 0x10000001; wanted; index += 0x10001) {
		uint64_t its =
			relay_bucket_of(index, config->seed_mul,
					config->seed_add, config->bucket_count);

		if (index == 0x10000001)
			bucket = its;
		if (its != bucket)
			continue;
		printf("%08x\n", index);
		wanted--;
	}
	loader_close(loader);
	return 0;
}
