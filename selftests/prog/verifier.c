// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it takes this kernel's verifier to walk each program, and the programs'
 * sizes, beside those that are recorded in selftests/vm/verifier.txt: a tenth more
 * is a failure, so that nobody makes a program costlier without seeing it.
 *
 * Figures are those of a kernel and of a compiler. A kernel of the matrix, which
 * SLUICE_KERNEL names, has to be recorded; any other goes by its release and
 * machine, as in 6.18-x86_64, and is only shown where nobody has recorded it.
 * So is every kernel's where another compiler made the programs.
 */
#include <stdlib.h>
#include <sys/utsname.h>

#include "loader/figures.h"
#include "loader/set.h"
#include "tap.h"

/* From the makefile: "clang-14", and the objects of bpf/. */
#ifndef BPF_COMPILER
#error "BPF_COMPILER names the compiler of the programs"
#endif

#define RECORDS_FILE "selftests/vm/verifier.txt"
#define RECORDS_MAX 256
#define ALLOWED(recorded) ((recorded) + (recorded) / 10)

struct record {
	char kernel[32], program[32], compiler[16];
	uint32_t instructions, xlated;
	uint32_t jited; /* 0: not recorded */
	bool met;
};

static struct record records[RECORDS_MAX];
static int record_count;
static char kernel[48]; /* its name in the records */
static bool of_matrix; /* a kernel of kernels.txt */

static void name_kernel(void)
{
	const char *name = getenv("SLUICE_KERNEL");
	unsigned int major, minor;
	struct utsname host;

	of_matrix = name && *name;
	if (of_matrix)
		snprintf(kernel, sizeof(kernel), "%s", name);
	else if (!uname(&host) &&
		 sscanf(host.release, "%u.%u", &major, &minor) == 2)
		snprintf(kernel, sizeof(kernel), "%u.%u-%.16s", major, minor,
			 host.machine);
}

static bool read_record(const char *line)
{
	struct record new = {0};
	char jited[16];

	if (line[0] == '#' || line[0] == '\n')
		return true;
	if (record_count == RECORDS_MAX ||
	    sscanf(line, "%31s %31s %u %u %15s %15s", new.kernel, new.program,
		   &new.instructions, &new.xlated, jited, new.compiler) != 6)
		return false;
	new.jited = (uint32_t)strtoul(jited, NULL, 10); /* "-" is 0 */
	records[record_count++] = new;
	return true;
}

static void read_records(void)
{
	FILE *file = fopen(RECORDS_FILE, "re");
	bool whole = file;
	char line[160];

	while (file && fgets(line, sizeof(line), file))
		whole = read_record(line) && whole;
	ok(whole, RECORDS_FILE " can be read");
	if (file)
		fclose(file);
}

/* Of this kernel. program NULL: any; compiler NULL: any. */
static struct record *find_record(const char *program, const char *compiler)
{
	for (int i = 0; i < record_count; i++) {
		struct record *row = &records[i];

		if (!strcmp(row->kernel, kernel) &&
		    (!program || !strcmp(row->program, program)) &&
		    (!compiler || !strcmp(row->compiler, compiler)))
			return row;
	}
	return NULL;
}

static void within(const char *program, const char *what, uint32_t got,
		   uint32_t recorded)
{
	if (!ok(got <= ALLOWED(recorded), "%s: %s", program, what))
		printf("# %u, a tenth above the recorded %u: make it cheaper, or if it is worth that\n"
		       "# record it, make record-verifier KERNELS=%s\n",
		       got, recorded, of_matrix ? kernel : "");
	else if (got + got / 10 < recorded)
		printf("# %s: %u %s, the recorded %u allows much more: make record-verifier KERNELS=%s\n",
		       program, got, what, recorded, of_matrix ? kernel : "");
}

static void compare(const struct figures *row, struct record *record)
{
	record->met = true;
	within(row->program, "instructions", row->instructions,
	       record->instructions);
	within(row->program, "bytes of BPF code", row->xlated, record->xlated);
	/* Without a compiler in the kernel there is no machine code. */
	if (record->jited)
		within(row->program, "bytes of machine code", row->jited,
		       record->jited);
}

static void judge(const struct figures *row)
{
	struct record *record = find_record(row->program, BPF_COMPILER);

	/* For people, and for selftests/vm/record. */
	printf("# figures\t%s\t%s\t%u\t%u\t%u\t%s\n", kernel, row->program,
	       row->instructions, row->xlated, row->jited, BPF_COMPILER);
	printf("# %s: %u states, %u of %u bytes of stack\n", row->program,
	       row->states, row->stack, FIGURES_STACK_MAX);
	if (record) {
		compare(row, record);
	} else if (find_record(row->program, NULL)) {
		ok(true, "%s: shown, recorded with another compiler",
		   row->program);
	} else if (of_matrix || find_record(NULL, BPF_COMPILER)) {
		ok(false, "%s: recorded for %s", row->program, kernel);
		printf("# make record-verifier KERNELS=%s writes it to " RECORDS_FILE
		       "\n",
		       of_matrix ? kernel : "");
	} else {
		ok(true, "%s: shown, %s is not recorded", row->program, kernel);
	}
}

/* No record of a program that is no more. */
static void find_leftovers(void)
{
	for (int i = 0; i < record_count; i++) {
		if (!strcmp(records[i].kernel, kernel) &&
		    !strcmp(records[i].compiler, BPF_COMPILER) &&
		    !ok(records[i].met, "%s is still there",
			records[i].program))
			printf("# make record-verifier KERNELS=%s takes its line away\n",
			       of_matrix ? kernel : "");
	}
}

/* Every object of bpf/ is in the loader's table. */
static void check_table(void)
{
	char names[] = BPF_PROGS, *rest = names, *name;
	int i;

	while ((name = strtok_r(rest, " ", &rest))) {
		for (i = 0; own_objects[i].name; i++) {
			if (!strcmp(own_objects[i].name, name))
				break;
		}
		ok(own_objects[i].name, "%s is in the loader's table", name);
	}
}

int main(void)
{
	struct figures rows[FIGURES_MAX];
	int count = figures_take(rows);

	name_kernel();
	read_records();
	check_table();
	if (!ok(count > 0, "the programs load"))
		printf("# %s\n", loader_error());
	for (int i = 0; i < count; i++)
		judge(&rows[i]);
	if (count > 0)
		find_leftovers();
	return tap_done();
}
