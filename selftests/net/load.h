/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What load's sender writes and its sink counts. */
#ifndef SLUICE_LOAD_H
#define SLUICE_LOAD_H

#include <linux/types.h>

#define LOAD_MAGIC 0x736c75696365214cULL
#define LOAD_MAX (1U << 22) /* numbers: a minute and more at 60 kpps */

struct load_payload {
	__u8 type; /* WireGuard's type 4: what the relay reads */
	__u8 reserved[3];
	__u32 index;
	__u64 counter;
	__u64 magic; /* from here on it would be ciphertext */
	__u32 number;
	__u8 rest[68];
} __attribute__((packed));

#endif
