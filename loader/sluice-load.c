// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sluice-load: what the loader can do, without a daemon. One row of `commands`
 * a subcommand; each prints for people, or the same facts as JSON with -j.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "loader/check.h"
#include "loader/figures.h"
#include "loader/probe.h"
#include "loader/set.h"

#define LINKS_MAX 256
#define PROBES_MAX 32

/* Exit codes. */
#define EXIT_FAILED 1
#define EXIT_USAGE 2

struct options {
	const char *pin_root;
	struct loader_relay_sizes sizes;
	bool sized;
	enum loader_xdp_mode mode;
	bool json;
	char **names;
	int count;
};

struct command {
	const char *name;
	const char *allowed; /* letters of the options it takes */
	int names_max;
	const char *arguments;
	const char *summary;
	int (*run)(const struct options *options);
};

static const char *const mode_names[] = {
	[LOADER_XDP_NATIVE] = "native",
	[LOADER_XDP_GENERIC] = "generic",
	[LOADER_XDP_AUTO] = "auto",
};

static const struct option long_options[] = {
	{"pin-root", required_argument, NULL, 'p'},
	{"legs", required_argument, NULL, 'l'},
	{"peers", required_argument, NULL, 'n'},
	{"sessions", required_argument, NULL, 's'},
	{"xdp-mode", required_argument, NULL, 'x'},
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

static void print_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(value);
}

/* A command's failure, from the loader's sentence. */
static int failed(const struct options *options)
{
	if (options->json)
		print_json(json_pack("{s:s}", "error", loader_error()));
	else
		fprintf(stderr, "sluice-load: %s\n", loader_error());
	return EXIT_FAILED;
}

static const char *mode_of(bool native)
{
	return mode_names[native ? LOADER_XDP_NATIVE : LOADER_XDP_GENERIC];
}

static void print_attached(json_t *list, const char *name, bool native)
{
	if (list)
		json_array_append_new(
			list, json_pack("{s:s, s:s}", "device", name, "mode",
					mode_of(native)));
	else
		printf("%s: attached, %s XDP%s\n", name, mode_of(native),
		       native ? "" : ", which is slower");
}

static int attach_all(struct loader *loader, const struct options *options,
		      json_t *list)
{
	bool native = false;
	int err = 0;

	for (int i = 0; !err && i < options->count; i++) {
		err = loader_attach(loader, options->names[i], options->mode,
				    &native);
		if (!err)
			print_attached(list, options->names[i], native);
	}
	return err;
}

/* What was not there before does not stay behind a failure. */
static int undo_load(const struct options *options, bool adopted)
{
	char why[1024];

	snprintf(why, sizeof(why), "%s", loader_error());
	if (!adopted && loader_relay_unload(options->pin_root))
		error_set(0, "%s; and taking it back failed: %s", why,
			  loader_error());
	else
		error_set(0, "%s", why);
	return failed(options);
}

static int run_load(const struct options *options)
{
	struct loader *loader;
	json_t *list;
	bool adopted;
	int err;

	err = loader_relay_open(&loader, options->pin_root,
				options->sized ? &options->sizes : NULL);
	if (err)
		return failed(options);
	adopted = loader_adopted(loader);
	list = options->json ? json_array() : NULL;
	err = attach_all(loader, options, list);
	if (!err && !list)
		printf("%s: %s\n", loader->pins.base,
		       adopted ? "taken over" : "made");
	loader_close(loader);
	if (err) {
		json_decref(list);
		return undo_load(options, adopted);
	}
	if (list)
		print_json(json_pack("{s:b, s:o}", "adopted", adopted,
				     "attached", list));
	return 0;
}

static int run_unload(const struct options *options)
{
	if (loader_relay_unload(options->pin_root))
		return failed(options);
	if (options->json)
		print_json(json_pack("{s:b}", "unloaded", 1));
	else
		printf("detached and removed\n");
	return 0;
}

static const char *link_state(const struct loader_link *link)
{
	if (!link->ifindex)
		return "severed";
	if (!link->attached)
		return "elsewhere";
	return mode_of(link->native);
}

static const char *link_advice(const struct loader_link *link)
{
	if (!link->ifindex && if_nametoindex(link->ifname))
		return "its device went and came again: load again";
	if (!link->ifindex)
		return "its device is gone";
	if (!link->attached)
		return "its device is in another network namespace";
	return link->current ? "this build" : "another build: load again";
}

static json_t *link_json(const struct loader_link *link)
{
	return json_pack("{s:s, s:i, s:i, s:s, s:b, s:b}", "device",
			 link->ifname, "ifindex", (int)link->ifindex, "program",
			 (int)link->prog_id, "state", link_state(link),
			 "attached", link->attached, "current", link->current);
}

static json_t *set_json(const struct loader *loader)
{
	const struct sluice_meta *meta = loader_meta(loader);
	json_t *maps = json_object();

	for (int i = 0; i < loader->maps; i++) {
		const struct map *map = &loader->map[i];

		json_object_set_new(maps, map->name,
				    json_pack("{s:I, s:I}", "entries",
					      (json_int_t)map->entries, "bytes",
					      (json_int_t)maps_bytes(map->fd)));
	}
	return json_pack("{s:s, s:i, s:s, s:s, s:b, s:I, s:o}", "path",
			 loader->pins.base, "abi", (int)meta->abi, "role",
			 meta->role, "build", meta->build, "current",
			 loader->prog_id != 0, "loaded_at",
			 (json_int_t)meta->loaded_at, "maps", maps);
}

static void print_set(const struct loader *loader)
{
	const struct sluice_meta *meta = loader_meta(loader);
	time_t at = (time_t)meta->loaded_at;
	uint64_t bytes = 0;
	char when[32];

	for (int i = 0; i < loader->maps; i++)
		bytes += maps_bytes(loader->map[i].fd);
	strftime(when, sizeof(when), "%F %T", localtime(&at));
	printf("set     %s, role %s\n", loader->pins.base, meta->role);
	printf("build   %s, %s\n", meta->build,
	       loader->prog_id ? "this one" : "another one: load again");
	printf("loaded  %s\n", when);
	printf("maps    %d, %.1f MiB\n", loader->maps,
	       (double)bytes / (1024 * 1024));
}

static int print_status(const struct loader *loader,
			const struct loader_link *links, int count,
			bool as_json)
{
	json_t *list = as_json ? json_array() : NULL, *set;
	bool healthy = true;

	if (!as_json)
		print_set(loader);
	for (int i = 0; i < count; i++) {
		healthy = healthy && links[i].attached;
		if (as_json)
			json_array_append_new(list, link_json(&links[i]));
		else
			printf("link    %s: %s, %s\n", links[i].ifname,
			       link_state(&links[i]), link_advice(&links[i]));
	}
	if (as_json) {
		set = set_json(loader);
		json_object_set_new(set, "links", list);
		print_json(set);
	} else if (!count) {
		printf("link    none: nothing is forwarded\n");
	}
	return healthy ? 0 : EXIT_FAILED;
}

static int run_status(const struct options *options)
{
	struct loader_link links[LINKS_MAX];
	struct loader *loader;
	int count, status;

	if (loader_relay_peek(&loader, options->pin_root))
		return failed(options);
	count = loader_links(loader, links, LINKS_MAX);
	if (count > LINKS_MAX)
		count = LINKS_MAX;
	status = count < 0 ? failed(options)
			   : print_status(loader, links, count, options->json);
	loader_close(loader);
	return status;
}

static const char *probe_answer(const struct probe *probe)
{
	if (!probe->err)
		return "yes";
	return probe->err == -EAGAIN ? "not tried" : "no";
}

static json_t *probe_json(const struct probe *probe)
{
	return json_pack("{s:s, s:s, s:b, s:s, s:s*}", "feature", probe->name,
			 "answer", probe_answer(probe), "needed", probe->needed,
			 "meaning", probe->meaning, "error",
			 probe->err ? strerror(-probe->err) : NULL);
}

static void print_probe(const struct probe *probe)
{
	printf("%-15s %-10s %s", probe->name, probe_answer(probe),
	       probe->meaning);
	if (probe->err && probe->err != -EAGAIN)
		printf(" (%s)", strerror(-probe->err));
	putchar('\n');
}

static int run_probe(const struct options *options)
{
	struct probe rows[PROBES_MAX];
	int count = probe_run(rows, PROBES_MAX,
			      options->count ? options->names[0] : NULL);
	json_t *list = options->json ? json_array() : NULL;
	bool complete = true;

	if (count < 0)
		return failed(options);
	for (int i = 0; i < count; i++) {
		const struct probe *row = &rows[i];

		if (row->needed && row->err && row->err != -EAGAIN)
			complete = false;
		if (list)
			json_array_append_new(list, probe_json(row));
		else
			print_probe(row);
	}
	if (list)
		print_json(list);
	return complete ? 0 : EXIT_FAILED;
}

static void print_check(const struct check_report *report)
{
	for (int i = 0; i < report->rows; i++) {
		const struct check_row *row = &report->row[i];

		printf("%-4s %s%s%s\n", row->held ? "ok" : "BAD", row->what,
		       row->held ? "" : ": ", row->found);
	}
}

static json_t *check_json(const struct check_report *report)
{
	json_t *list = json_array();

	for (int i = 0; i < report->rows; i++) {
		const struct check_row *row = &report->row[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:b, s:s}", "what", row->what, "held",
				  row->held, "found", row->found));
	}
	return json_pack("{s:o}", "packets", list);
}

static int run_check(const struct options *options)
{
	struct check_report report;
	int err = check_relay(&report);

	if (err && err != -EBADMSG)
		return failed(options);
	if (options->json)
		print_json(check_json(&report));
	else
		print_check(&report);
	return err ? EXIT_FAILED : 0;
}

static json_t *figures_json(const struct figures *row)
{
	return json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:I}", "program", row->program,
		"verified_instructions", (json_int_t)row->instructions,
		"verified_states", (json_int_t)row->states, "stack_bytes",
		(json_int_t)row->stack, "xlated_bytes", (json_int_t)row->xlated,
		"jited_bytes", (json_int_t)row->jited);
}

static void print_figures(const struct figures *rows, int count)
{
	printf("%-15s %12s %7s %6s %9s %9s\n", "program", "instructions",
	       "states", "stack", "BPF", "machine");
	for (int i = 0; i < count; i++)
		printf("%-15s %12u %7u %6u %9u %9u\n", rows[i].program,
		       rows[i].instructions, rows[i].states, rows[i].stack,
		       rows[i].xlated, rows[i].jited);
}

static int run_verify(const struct options *options)
{
	struct figures rows[FIGURES_MAX];
	int count = figures_take(rows);
	json_t *list;

	if (count < 0)
		return failed(options);
	if (!options->json) {
		print_figures(rows, count);
		return 0;
	}
	list = json_array();
	for (int i = 0; i < count; i++)
		json_array_append_new(list, figures_json(&rows[i]));
	print_json(list);
	return 0;
}

static const struct command commands[] = {
	{"load", "pnsxj", -1,
	 "[-j] [-p ROOT] [--peers N] [--legs N] [--sessions N] [--xdp-mode MODE] [IFNAME ...]",
	 "make or take over the relay's set and attach it", run_load},
	{"unload", "pj", 0, "[-j] [-p ROOT]",
	 "detach and remove it: the relay stops", run_unload},
	{"status", "pj", 0, "[-j] [-p ROOT]",
	 "what is loaded, and what the kernel says is attached", run_status},
	{"probe", "j", 1, "[-j] [IFNAME]",
	 "try what this kernel and a device can do", run_probe},
	{"check", "j", 0, "[-j]", "load aside and run golden packets",
	 run_check},
	{"verify", "j", 0, "[-j]",
	 "load aside and show what it took the verifier, and the sizes",
	 run_verify},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *to)
{
	fprintf(to, "usage:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  sluice-load %s %s\n      %s\n", commands[i].name,
			commands[i].arguments, commands[i].summary);
	fprintf(to, "  sluice-load -h | --help | --version\n");
}

__attribute__((format(printf, 1, 2))) static int misused(const char *format,
							 ...)
{
	va_list args;

	fprintf(stderr, "sluice-load: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; sluice-load -h shows the usage\n");
	return -EINVAL;
}

static int parse_number(uint32_t *number, const char *text)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || !value ||
	    value > UINT32_MAX)
		return misused("%s is not a number of entries", text);
	*number = (uint32_t)value;
	return 0;
}

static int parse_mode(enum loader_xdp_mode *mode, const char *text)
{
	for (size_t i = 0; i < sizeof(mode_names) / sizeof(mode_names[0]);
	     i++) {
		if (!strcmp(text, mode_names[i])) {
			*mode = (enum loader_xdp_mode)i;
			return 0;
		}
	}
	return misused("%s is not an XDP mode: native, generic or auto", text);
}

static int parse_option(struct options *options, int letter)
{
	switch (letter) {
	case 'p':
		options->pin_root = optarg;
		return 0;
	case 'n':
		options->sized = true;
		return parse_number(&options->sizes.peers, optarg);
	case 'l':
		options->sized = true;
		return parse_number(&options->sizes.legs, optarg);
	case 's':
		options->sized = true;
		return parse_number(&options->sizes.sessions, optarg);
	case 'x':
		return parse_mode(&options->mode, optarg);
	default:
		options->json = true;
		return 0;
	}
}

static int parse(struct options *options, const struct command *command,
		 int argc, char **argv)
{
	int letter, err = 0;

	opterr = 0; /* misused() speaks */
	optind = 1;
	while (!err && (letter = getopt_long(argc, argv, "p:jh", long_options,
					     NULL)) != -1) {
		if (letter == 'h') {
			printf("usage: sluice-load %s %s\n", command->name,
			       command->arguments);
			exit(0);
		}
		if (letter == '?' || !strchr(command->allowed, letter))
			err = misused("%s does not take that option",
				      command->name);
		else
			err = parse_option(options, letter);
	}
	options->names = argv + optind;
	options->count = argc - optind;
	if (!err && command->names_max >= 0 &&
	    options->count > command->names_max)
		err = misused("%s takes no argument %s", command->name,
			      options->names[command->names_max]);
	return err;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct options options = {.mode = LOADER_XDP_NATIVE};

	if (parse(&options, command, argc, argv))
		return EXIT_USAGE;
	return command->run(&options);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (!strcmp(name, "-h") || !strcmp(name, "--help")) {
		print_usage(stdout);
		return 0;
	}
	if (!strcmp(name, "--version")) {
		printf("sluice-load %s\n", SLUICE_VERSION);
		return 0;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i].name, name))
			return run(&commands[i], argc - 1, argv + 1);
	}
	print_usage(stderr);
	return EXIT_USAGE;
}
