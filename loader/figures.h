/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this kernel's verifier makes of the programs of this build. Each object
 * is loaded aside, neither pinned nor attached, with the maps' small sizes, and
 * goes again: nothing that runs is touched.
 */
#ifndef SLUICE_LOADER_FIGURES_H
#define SLUICE_LOADER_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

/* The verifier gives up past either of these. */
#define FIGURES_INSTRUCTIONS_MAX 1000000
#define FIGURES_STACK_MAX 512

#define FIGURES_MAX 32 /* programs of all objects */

struct figures {
	char program[32];
	uint32_t instructions; /* walked, many of them more than once */
	uint32_t states; /* kept to compare with, at the most */
	/* Bytes of the deepest chain of calls; 0: it could not be told. A
	 * kernel rounds each frame up, older ones to 32 bytes, as here. */
	uint32_t stack;
	uint32_t xlated; /* bytes of BPF code */
	uint32_t jited; /* bytes of machine code; 0: interpreted */
};

/* A row for each program of each object; how many, or -errno. */
int figures_take(struct figures rows[FIGURES_MAX]);

/*
 * From the verifier's log about a program that it accepted, asked for its
 * statistics alone, and the program as it was loaded. -EBADMSG: none in it.
 */
int figures_read_log(struct figures *figures, const char *log,
		     const struct bpf_insn *insns, size_t count);

#endif
