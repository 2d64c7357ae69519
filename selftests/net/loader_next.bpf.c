// SPDX-License-Identifier: GPL-2.0-or-later
/* The relay as a later release might have it: other bytes, the same maps. */
#include "relay.bpf.c"

const volatile __u8 next_release = 1;
