// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sluiced of a later release: the whole daemon with another relay program in
 * it, as relay_elf() is defined here and not taken from the archive.
 */
#include <net/loader_next.skel.h>

#include "loader/set.h"

const void *relay_elf(size_t *size)
{
	return loader_next_bpf__elf_bytes(size);
}

#include "../../agent/sluiced.c"
