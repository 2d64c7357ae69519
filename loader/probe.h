/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this kernel and this process can do, found out by doing it; a version
 * number says nothing about a distribution's kernel.
 */
#ifndef SLUICE_LOADER_PROBE_H
#define SLUICE_LOADER_PROBE_H

#include <stdbool.h>

struct probe {
	const char *name;
	bool needed; /* without it the relay does not run */
	int err; /* 0: yes; -errno: no; -EAGAIN: it could not be tried */
	const char *meaning;
};

/*
 * Fills rows with every feature; returns how many. Device features are tried
 * on ifname, which some drivers take as a reason to reset their queues, or on
 * a veth in a network namespace of its own where ifname is NULL. -ENODEV: no
 * such device.
 */
int probe_run(struct probe *rows, int max, const char *ifname);

/*
 * 0: the barrier of bpf/lib/base.h costs nothing but itself. -errno: this kernel's
 * compiler does not know it, as arm64's before 5.18, so that a program with one
 * would be interpreted or refused.
 */
int probe_barrier(void);

#endif
