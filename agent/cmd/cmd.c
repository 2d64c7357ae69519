// SPDX-License-Identifier: GPL-2.0-or-later
/* From the words of the command line to a command's run(), and its help. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/client.h"
#include "cmd/cmd.h"

/* In static storage: messages of any command need the name of the option. */
static const struct cmd_option global_options[] = {
	{"json", 'j', NULL, "print JSON"},
	{"socket", 's', "SOCKET", "the daemon's control socket"},
	{"help", 'h', NULL, "say how it is used"},
	{"version", 0, NULL, "print the version"},
	{NULL},
};

struct words {
	struct cmd_context context;
	const struct cmd_group *const *groups;
	char **args; /* positional, NULL-terminated; shares argv's memory */
	int count;
	bool help; /* the first word was "help" */
	bool only_args; /* after -- */
};

/* ---- messages ---- */

static void complain(const char *format, va_list args)
{
	fflush(stdout);
	fputs("sluice: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

int cmd_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
	return CMD_FAILED;
}

static void print_usage(FILE *out, const struct cmd_group *group,
			const struct cmd *cmd)
{
	const char *name = group && group->name ? group->name : "";

	fprintf(out, "Usage: sluice%s%s", *name ? " " : "", name);
	if (cmd)
		fprintf(out, " %s%s%s\n", cmd->name, *cmd->arguments ? " " : "",
			cmd->arguments);
	else
		fputs(*name ? " COMMAND [ARG...]\n"
			    : " [-j] [-s SOCKET] GROUP COMMAND [ARG...]\n",
		      out);
}

int cmd_usage(const struct cmd_context *context, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
	print_usage(stderr, context->group, context->cmd);
	return CMD_USAGE;
}

static int write_failed(void)
{
	int err = errno;

	return cmd_fail("can not write the output: %s", strerror(err));
}

int cmd_print_json(const json_t *document)
{
	if (json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY) ||
	    putchar('\n') == EOF)
		return write_failed();
	return CMD_OK;
}

int cmd_put_json(json_t *document)
{
	int err = cmd_print_json(document);

	json_decref(document);
	return err;
}

/* ---- help ---- */

static void print_options(const char *title, const struct cmd_option *option)
{
	if (!option || !option->name)
		return;
	printf("\n%s:\n", title);
	for (; option->name; option++) {
		char text[64];

		snprintf(text, sizeof(text), "%c%c%s--%s%s%s",
			 option->letter ? '-' : ' ',
			 option->letter ? option->letter : ' ',
			 option->letter ? ", " : "  ", option->name,
			 option->argument ? " " : "",
			 option->argument ? option->argument : "");
		printf("  %-32s %s\n", text, option->summary);
	}
}

static void print_commands(const struct cmd_group *group)
{
	for (const struct cmd *cmd = group->commands; cmd->name; cmd++) {
		char text[64];

		snprintf(text, sizeof(text), "%s%s%s", cmd->name,
			 *cmd->arguments ? " " : "", cmd->arguments);
		printf("  %-24s %s\n", text, cmd->summary);
	}
}

static void help_all(const struct cmd_group *const *groups)
{
	print_usage(stdout, NULL, NULL);
	printf("\nGroups and commands (sluice help GROUP says more):\n");
	for (; *groups; groups++)
		if ((*groups)->name)
			printf("  %-24s %s\n", (*groups)->name,
			       (*groups)->summary);
		else
			print_commands(*groups);
	print_options("Options", global_options);
}

static void help_group(const struct cmd_group *group)
{
	print_usage(stdout, group, NULL);
	printf("\n%s:\n", group->summary);
	print_commands(group);
	print_options("Options", group->options);
}

static int help(const struct words *words)
{
	const struct cmd_context *context = &words->context;

	if (context->cmd) {
		print_usage(stdout, context->group, context->cmd);
		printf("\n%s.\n", context->cmd->summary);
		print_options("Options", context->cmd->options);
		print_options("Options of the group", context->group->options);
	} else if (context->group && context->group->name) {
		help_group(context->group);
	} else {
		help_all(words->groups);
	}
	return CMD_OK;
}

/* ---- options ---- */

/* By long name, or by letter if name is NULL. */
static const struct cmd_option *search(const struct cmd_option *option,
				       const char *name, size_t len,
				       char letter)
{
	for (; option && option->name; option++)
		if (name ? strlen(option->name) == len &&
				    !memcmp(option->name, name, len)
			 : option->letter == letter)
			return option;
	return NULL;
}

/* Until the command is known, any of the group's commands' will do. */
static const struct cmd_option *find_option(const struct cmd_context *context,
					    const char *name, size_t len,
					    char letter)
{
	const struct cmd_group *group = context->group;
	const struct cmd_option *found;

	found = search(global_options, name, len, letter);
	if (!found && group)
		found = search(group->options, name, len, letter);
	if (!found && context->cmd)
		return search(context->cmd->options, name, len, letter);
	if (!group)
		return found;
	for (const struct cmd *cmd = group->commands; !found && cmd->name;
	     cmd++)
		found = search(cmd->options, name, len, letter);
	return found;
}

static int set_option(struct cmd_context *context,
		      const struct cmd_option *option, const char *value)
{
	if (option->argument && !value)
		return cmd_usage(context, "--%s needs a value: %s",
				 option->name, option->argument);
	if (context->option_count == CMD_OPTIONS_MAX)
		return cmd_usage(context, "too many options");
	context->options[context->option_count].option = option;
	context->options[context->option_count++].value = value ? value : "";
	return CMD_OK;
}

/* Both return through *used whether the next word was the value. */
static int take_long(struct cmd_context *context, const char *word,
		     const char *next, bool *used)
{
	const char *value = strchr(word, '=');
	size_t len = value ? (size_t)(value - word) : strlen(word);
	const struct cmd_option *option = find_option(context, word, len, 0);

	if (!option)
		return cmd_usage(context, "there is no option --%s", word);
	if (value && !option->argument)
		return cmd_usage(context, "--%s takes no value", option->name);
	if (value)
		return set_option(context, option, value + 1);
	*used = option->argument && next;
	return set_option(context, option, option->argument ? next : NULL);
}

static int take_short(struct cmd_context *context, const char *letters,
		      const char *next, bool *used)
{
	for (; *letters; letters++) {
		const struct cmd_option *option =
			find_option(context, NULL, 0, *letters);
		int err;

		if (!option)
			return cmd_usage(context, "there is no option -%c",
					 *letters);
		if (option->argument && letters[1])
			return set_option(context, option, letters + 1);
		*used = option->argument && next;
		err = set_option(context, option,
				 option->argument ? next : NULL);
		if (err)
			return err;
	}
	return CMD_OK;
}

const char *cmd_option(const struct cmd_context *context, const char *name)
{
	for (size_t i = context->option_count; i-- > 0;)
		if (!strcmp(context->options[i].option->name, name))
			return context->options[i].value;
	return NULL;
}

/* An option of the group's that stood before the command it does not fit. */
static int check_options(const struct cmd_context *context)
{
	for (size_t i = 0; i < context->option_count; i++) {
		const struct cmd_option *option = context->options[i].option;

		if (find_option(context, option->name, strlen(option->name),
				0) != option)
			return cmd_usage(context, "%s takes no option --%s",
					 context->cmd->name, option->name);
	}
	return CMD_OK;
}

/* ---- words ---- */

static const struct cmd *find_cmd(const struct cmd_group *group,
				  const char *name)
{
	for (const struct cmd *cmd = group->commands; cmd->name; cmd++)
		if (!strcmp(cmd->name, name))
			return cmd;
	return NULL;
}

/* A group's name, or that of a command that stands without one. */
static int take_group(struct words *words, const char *word)
{
	struct cmd_context *context = &words->context;

	for (size_t i = 0; words->groups[i]; i++) {
		const struct cmd_group *group = words->groups[i];

		if (!group->name)
			context->cmd = find_cmd(group, word);
		if (context->cmd ||
		    (group->name && !strcmp(group->name, word))) {
			context->group = group;
			return CMD_OK;
		}
	}
	return cmd_usage(context,
			 "there is no group or command \"%s\"; see sluice help",
			 word);
}

static int take_word(struct words *words, char *word)
{
	struct cmd_context *context = &words->context;

	if (!context->group && !words->help && !strcmp(word, "help")) {
		words->help = true;
		return CMD_OK;
	}
	if (!context->group)
		return take_group(words, word);
	if (!context->cmd) {
		context->cmd = find_cmd(context->group, word);
		if (context->cmd)
			return CMD_OK;
		return cmd_usage(
			context, "%s has no command \"%s\"; see sluice help %s",
			context->group->name, word, context->group->name);
	}
	words->args[words->count++] = word;
	return CMD_OK;
}

/* Positional words move to the front of argv: args never overtakes argv. */
static int parse(struct words *words, int argc, char **argv)
{
	int err = CMD_OK;

	for (int i = 0; i < argc && !err; i++) {
		const char *word = argv[i];
		bool used = false;

		if (words->only_args || word[0] != '-' || !word[1])
			err = take_word(words, argv[i]);
		else if (!strcmp(word, "--"))
			words->only_args = true;
		else if (word[1] == '-')
			err = take_long(&words->context, word + 2, argv[i + 1],
					&used);
		else
			err = take_short(&words->context, word + 1, argv[i + 1],
					 &used);
		i += used;
	}
	words->args[words->count] = NULL;
	return err;
}

static int check_count(const struct words *words)
{
	const struct cmd_context *context = &words->context;
	const struct cmd *cmd = context->cmd;

	if (words->count < cmd->min)
		return cmd_usage(context, "%s needs %s", cmd->name,
				 cmd->arguments);
	if (cmd->max >= 0 && words->count > cmd->max)
		return cmd_usage(context, "\"%s\" is one argument too many",
				 words->args[cmd->max]);
	return CMD_OK;
}

static int dispatch(struct words *words)
{
	struct cmd_context *context = &words->context;
	const char *socket = cmd_option(context, "socket");
	int err;

	if (!context->group)
		return cmd_usage(context, "what to do? See sluice help");
	if (!context->cmd)
		return cmd_usage(context,
				 "%s needs a command; see sluice help %s",
				 context->group->name, context->group->name);
	err = check_options(context);
	if (!err)
		err = check_count(words);
	if (err)
		return err;
	context->json = cmd_option(context, "json");
	context->socket = socket ? socket : CLIENT_SOCKET;
	return context->cmd->run(context, words->count, words->args);
}

int cmd_main(int argc, char **argv, const struct cmd_group *const *groups)
{
	struct words words = {.groups = groups, .args = argv};
	int code = argc ? parse(&words, argc - 1, argv + 1) : CMD_OK;

	if (code)
		return code;
	if (cmd_option(&words.context, "version"))
		puts("sluice " SLUICE_VERSION);
	else if (words.help || cmd_option(&words.context, "help"))
		code = help(&words);
	else
		code = dispatch(&words);
	/* A full disk must not look like a success. */
	if (code == CMD_OK && (fflush(stdout) || ferror(stdout)))
		return write_failed();
	return code;
}
