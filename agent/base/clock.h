/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clocks, in nanoseconds. */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_SECOND_NS 1000000000ULL

uint64_t clock_now_ns(void); /* monotonic: the kernel programs' clock too */
uint64_t clock_wall_ns(void); /* since the epoch */

#endif
