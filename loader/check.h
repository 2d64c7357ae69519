/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does this build's program do on this kernel what it should? It is loaded into
 * a scratch set, neither pinned nor attached, and fed a few packets.
 */
#ifndef SLUICE_LOADER_CHECK_H
#define SLUICE_LOADER_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#define CHECK_ROWS 8

struct check_row {
	const char *what;
	bool held;
	char found[96]; /* what happened instead */
};

struct check_report {
	struct check_row row[CHECK_ROWS];
	int rows;
};

/* -EBADMSG: it loads, but a row does not hold. */
int check_relay(struct check_report *report);

#endif
