// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The verifier's figures. The size of a loaded program is in its information;
 * what it took to verify is there since 5.16 only, and the depth of the stack
 * not at all, but both have stood in the verifier's log since 5.2:
 *
 *	stack depth 96+32+480
 *	processed 184660 insns (limit 1000000) max_states_per_insn 21
 *	total_states 8080 peak_states 5210 mark_read 150
 *
 * (the second line is one). The depths are those of the program's functions by
 * themselves, in the order in which they stand in it; which calls which is read
 * from the instructions.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/figures.h"
#include "loader/set.h"

#define LOG_STATISTICS 4 /* the kernel's BPF_LOG_STATS */
#define LOG_LEN 16384
#define FUNCTIONS_MAX 256
#define FRAME_STEP 32 /* the verifier rounds each frame up to it */
#define CHAIN_MAX 8 /* frames: it refuses more */

/* A program's functions: where each begins, and its own frame in bytes. */
struct functions {
	const struct bpf_insn *insns;
	size_t count;
	size_t start[FUNCTIONS_MAX + 1]; /* the last one is the end */
	uint32_t frame[FUNCTIONS_MAX];
	size_t number;
};

static bool is_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) &&
	       insn->src_reg == BPF_PSEUDO_CALL;
}

static size_t called_at(const struct functions *all, size_t call)
{
	return call + 1 + (size_t)(ssize_t)all->insns[call].imm;
}

/* False where there are more than fit, or a call leads nowhere. */
static bool find_functions(struct functions *all)
{
	bool *begins = calloc(all->count, sizeof(*begins)), whole = begins;

	for (size_t i = 0; whole && i < all->count; i++) {
		if (!is_call(&all->insns[i]))
			continue;
		whole = called_at(all, i) < all->count;
		if (whole)
			begins[called_at(all, i)] = true;
	}
	for (size_t i = 0; whole && i < all->count; i++) {
		if (i && !begins[i])
			continue;
		whole = all->number < FUNCTIONS_MAX;
		if (whole)
			all->start[all->number++] = i;
	}
	all->start[all->number] = all->count;
	free(begins);
	return whole;
}

static size_t function_at(const struct functions *all, size_t start)
{
	size_t i = 0;

	while (i < all->number && all->start[i] != start)
		i++;
	return i;
}

/* Bytes of a function's frame and the deepest chain below it. */
static uint32_t deepest(const struct functions *all, size_t function, int left)
{
	uint32_t frame = all->frame[function] ?: 1, below = 0;

	if (!left)
		return 0;
	for (size_t i = all->start[function]; i < all->start[function + 1];
	     i++) {
		uint32_t chain;

		if (!is_call(&all->insns[i]))
			continue;
		chain = deepest(all, function_at(all, called_at(all, i)),
				left - 1);
		if (chain > below)
			below = chain;
	}
	return (frame + FRAME_STEP - 1) / FRAME_STEP * FRAME_STEP + below;
}

/* 0 where the depths are not those of the functions that were found. */
static uint32_t read_stack(const char *depths, const struct bpf_insn *insns,
			   size_t count)
{
	struct functions all = {.insns = insns, .count = count};
	size_t number = 0;

	if (!find_functions(&all))
		return 0;
	for (; *depths && *depths != '\n'; number++) {
		char *end;
		unsigned long depth = strtoul(depths, &end, 10);

		if (end == depths || number == all.number)
			return 0;
		all.frame[number] = (uint32_t)depth;
		depths = *end == '+' ? end + 1 : end;
	}
	return number == all.number ? deepest(&all, 0, CHAIN_MAX) : 0;
}

int figures_read_log(struct figures *figures, const char *log,
		     const struct bpf_insn *insns, size_t count)
{
	static const char stack_depth[] = "stack depth ";
	const char *processed = strstr(log, "processed ");
	const char *depths = strstr(log, stack_depth);
	unsigned int instructions, states;

	if (!processed ||
	    sscanf(processed,
		   "processed %u insns (limit %*u) max_states_per_insn %*u total_states %*u peak_states %u",
		   &instructions, &states) != 2)
		return -EBADMSG;
	figures->instructions = instructions;
	figures->states = states;
	figures->stack = 0;
	if (depths)
		figures->stack =
			read_stack(depths + strlen(stack_depth), insns, count);
	return 0;
}

/* A program that is going to be loaded, and what the verifier says of it. */
struct trial {
	const struct bpf_program *program;
	char log[LOG_LEN];
};

static int read_trial(struct figures *row, const struct trial *trial)
{
	const struct bpf_program *program = trial->program;
	const char *name = bpf_program__name(program);
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	struct figures new = {0};

	snprintf(new.program, sizeof(new.program), "%s", name);
	if (figures_read_log(&new, trial->log, bpf_program__insns(program),
			     bpf_program__insn_cnt(program)))
		return error_set(
			-EBADMSG,
			"The verifier has no figures for the program %s", name);
	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len))
		return error_set(-errno, "Can not look at the program %s: %s",
				 name, strerror(errno));
	new.xlated = info.xlated_prog_len;
	new.jited = info.jited_prog_len;
	*row = new;
	return 0;
}

/* How many programs the object has, or -errno. */
static int prepare(struct bpf_object *object, struct trial *trials, int max)
{
	struct bpf_program *program;
	int count = 0;

	bpf_object__for_each_program(program, object)
	{
		struct trial *trial = &trials[count];

		if (count++ == max)
			return error_set(-E2BIG, "Too many programs: %s is one",
					 bpf_program__name(program));
		trial->program = program;
		bpf_program__set_log_level(program, LOG_STATISTICS);
		bpf_program__set_log_buf(program, trial->log, LOG_LEN);
	}
	return count;
}

/* Fails once more, without a log of ours, so that libbpf tells why. */
static void load_plainly(const struct own_object *own)
{
	struct bpf_object *object;

	if (object_open_own(&object, own))
		return;
	object_load(object);
	bpf_object__close(object);
}

/* The rows of one object; how many, or -errno. */
static int take_object(struct figures *rows, int max, struct trial *trials,
		       const struct own_object *own)
{
	struct bpf_object *object;
	int err = object_open_own(&object, own), count;

	if (err)
		return err;
	count = prepare(object, trials, max);
	err = count < 0 ? count : object_load(object);
	for (int i = 0; !err && i < count; i++)
		err = read_trial(&rows[i], &trials[i]);
	bpf_object__close(object);
	if (err && err != -EBADMSG && count > 0)
		load_plainly(own);
	return err ?: count;
}

int figures_take(struct figures rows[FIGURES_MAX])
{
	struct trial *trials = calloc(FIGURES_MAX, sizeof(*trials));
	int count = 0, more = 0;

	if (!trials)
		return error_set(-ENOMEM, "Out of memory");
	for (int i = 0; more >= 0 && own_objects[i].name; i++) {
		more = take_object(&rows[count], FIGURES_MAX - count,
				   &trials[count], &own_objects[i]);
		count += more;
	}
	free(trials);
	return more < 0 ? more : count;
}
