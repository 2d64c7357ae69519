/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line as tables. A group (`relay`, `hub`, `spoke`) is a table of
 * commands; each command says which options and how many arguments it takes, so
 * that parsing, usage errors and `sluice help` come from the same words. A
 * command's run() then sees only its own arguments and asks for its options.
 *
 *	sluice [-j] [-s SOCKET] GROUP COMMAND [ARG...]
 *
 * Options stand anywhere after `sluice`; `--` ends them. Long options take their
 * value as `--name VALUE` or `--name=VALUE`, short ones as `-x VALUE` or
 * `-xVALUE`; short flags can be joined.
 */
#ifndef SLUICE_CMD_H
#define SLUICE_CMD_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/* What run() returns and the process exits with. */
enum cmd_exit { CMD_OK = 0, CMD_FAILED = 1, CMD_USAGE = 2 };

struct cmd_context;

struct cmd_option {
	const char *name; /* long: "config" for --config */
	char letter; /* short: 'c' for -c; 0 for none */
	const char *argument; /* "FILE" in help; NULL: a flag */
	const char *summary;
};

struct cmd {
	const char *name; /* NULL ends the table */
	const char *arguments; /* "PEER [OTHER]" in help, "" for none */
	const char *summary; /* one line, no full stop */
	int min, max; /* arguments; max -1: any number */
	/* argv[0] is the first argument after the command's name; argv[argc]
	 * is NULL. Counts and options were checked before. */
	int (*run)(struct cmd_context *context, int argc, char **argv);
	const struct cmd_option *options; /* this command's own, or NULL */
};

struct cmd_group {
	const char *name; /* NULL: its commands stand directly after `sluice` */
	const char *summary;
	const struct cmd *commands; /* ended by a NULL name */
	const struct cmd_option *options; /* all its commands', or NULL */
};

#define CMD_OPTIONS_MAX 16

struct cmd_context {
	bool json; /* -j: one JSON document on standard output, nothing else */
	const char *socket; /* -s: the daemon's control socket */
	const struct cmd_group *group;
	const struct cmd *cmd;
	size_t option_count;
	struct {
		const struct cmd_option *option;
		const char *value; /* "" for a flag */
	} options[CMD_OPTIONS_MAX]; /* the last of a name counts */
};

extern const struct cmd_group cmd_key, cmd_relay, cmd_hub, cmd_spoke;

/* The whole of main(): parses, dispatches, prints help. Ends with a NULL. */
int cmd_main(int argc, char **argv, const struct cmd_group *const *groups);

/* The value of an option by its long name, "" for a flag, NULL if not given. */
const char *cmd_option(const struct cmd_context *context, const char *name);

/* "sluice: " and a sentence on standard error. CMD_FAILED. */
__attribute__((format(printf, 1, 2))) int cmd_fail(const char *format, ...);
/* The same and the command's usage line. CMD_USAGE. */
__attribute__((format(printf, 2, 3))) int
cmd_usage(const struct cmd_context *context, const char *format, ...);
/* A document on standard output, indented by two, keys in their order.
 * CMD_OK, or CMD_FAILED if standard output can not take it. */
int cmd_print_json(const json_t *document);
/* The same, and takes the reference. */
int cmd_put_json(json_t *document);

#endif
