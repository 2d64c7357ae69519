// SPDX-License-Identifier: GPL-2.0-or-later
/* What is read out of the verifier's log, and the deepest chain of calls. */
#include <errno.h>

#include "loader/figures.h"
#include "tap.h"

#define CALL(at, to) \
	{ \
		.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, \
		.imm = (to) - (at)-1 \
	}
#define EXIT \
	{ \
		.code = BPF_JMP | BPF_EXIT \
	}
#define TOTALS \
	"processed 1234 insns (limit 1000000) max_states_per_insn 5 total_states 67 peak_states 58 mark_read 9\n"

/* 0 calls 4 and 6, 4 calls 7, 6 is a leaf that calls nobody, 7 too. */
static const struct bpf_insn program[] = {
	CALL(0, 6),
	CALL(1, 4),
	{.code = BPF_JMP | BPF_CALL, .imm = 5}, /* a helper */
	EXIT,
	CALL(4, 7),
	EXIT,
	EXIT,
	EXIT,
};
#define COUNT (sizeof(program) / sizeof(program[0]))

static const struct {
	const char *name, *log;
	int err;
	uint32_t stack;
} rows[] = {
	{"each frame rounded up to 32, empty ones too",
	 "verification time 99 usec\nstack depth 8+40+0+1\n" TOTALS, 0,
	 32 + 64 + 32},
	{"the deeper of two branches", "stack depth 0+0+480+0\n" TOTALS, 0,
	 32 + 480},
	{"words before it", "func#1 @4\nstack depth 0+0+0+32\n" TOTALS, 0, 96},
	{"one frame too few", "stack depth 8+40+0\n" TOTALS, 0, 0},
	{"one too many", "stack depth 8+40+0+1+1\n" TOTALS, 0, 0},
	{"no number", "stack depth 8+40+x\n" TOTALS, 0, 0},
	{"no depths", TOTALS, 0, 0},
	{"nothing", "", -EBADMSG, 0},
	{"another shape", "processed many insns\n", -EBADMSG, 0},
};

static void test_logs(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct figures figures = {.jited = 77};

		is_int(figures_read_log(&figures, rows[i].log, program, COUNT),
		       rows[i].err, "%s", rows[i].name);
		is_int(figures.stack, rows[i].stack, "%s: stack", rows[i].name);
		is_int(figures.instructions, rows[i].err ? 0 : 1234,
		       "%s: instructions", rows[i].name);
		is_int(figures.states, rows[i].err ? 0 : 58, "%s: states",
		       rows[i].name);
		is_int(figures.jited, 77, "%s: nothing else", rows[i].name);
	}
}

/* A call out of the program, as no kernel lets it through. */
static void test_wild_call(void)
{
	static const struct bpf_insn wild[] = {CALL(0, 9), EXIT};
	struct figures figures = {0};

	is_int(figures_read_log(&figures, "stack depth 8\n" TOTALS, wild, 2), 0,
	       "a call to nowhere");
	is_int(figures.stack, 0, "has no stack");
}

int main(void)
{
	test_logs();
	test_wild_call();
	return tap_done();
}
