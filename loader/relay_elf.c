// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The relay's object file, in a file of its own: a test that defines relay_elf
 * itself gets the whole loader with another program in it.
 */
#include <relay.skel.h>

#include "loader/set.h"

const void *relay_elf(size_t *size)
{
	return relay_bpf__elf_bytes(size);
}
