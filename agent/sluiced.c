// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sluiced, the daemon: one process, one thread, one loop. It reads its
 * configuration, starts the roles that have a section there, gives up what it
 * needs no longer, and runs until it is told to stop. What the roles have put
 * into the kernel goes on without it.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <sodium.h>
#include <uv.h>

#include "base/control.h"
#include "base/control_server.h"
#include "base/file.h"
#include "base/ini.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/privileges.h"
#include "base/role.h"

#define CONFIG_DEFAULT SLUICE_SYSCONFDIR "/sluice/sluice.conf"
#define SOCKET_DEFAULT "/run/sluice/sluiced.sock"
#define PIN_ROOT_DEFAULT "/sys/fs/bpf/sluice"
#define CONFIG_MAX (16U << 20)

static const struct role *const roles[] = {&role_relay};
#define ROLE_COUNT (sizeof(roles) / sizeof(roles[0]))

struct options {
	const char *config;
	const char *socket;
	const char *pin_root;
	bool check_only;
};

struct sluiced {
	struct options options;
	uv_loop_t loop;
	struct role_context context;
	struct control_server *server;
	uv_signal_t signals[3];
	void *states[ROLE_COUNT]; /* NULL: the role is off */
};

/* ---- the configuration ---- */

static int check_section(void *ctx, const struct ini_item *item,
			 struct ini_error *error)
{
	bool *present = ctx;
	const char *names[ROLE_COUNT], *nearest;

	/* Keys are their roles' to judge; those before a section are nobody's. */
	if (item->key && item->section)
		return 0;
	error->line = item->line;
	error->column = item->column;
	if (item->key) {
		snprintf(error->text, sizeof(error->text),
			 "'%.40s' stands before the first [Section]",
			 item->key);
		return -EINVAL;
	}
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		names[i] = roles[i]->section;
		if (strcasecmp(item->section, names[i]))
			continue;
		present[i] = true;
		error->line = 0;
		return 0;
	}
	nearest = ini_nearest(item->section, names, ROLE_COUNT);
	snprintf(error->text, sizeof(error->text),
		 "unknown section [%.40s]: %s [%s]", item->section,
		 nearest ? "did you mean" : "there is",
		 nearest ? nearest : names[0]);
	return -EINVAL;
}

static int parse_text(void *settings[ROLE_COUNT], const char *path,
		      const char *text, size_t len, struct ini_error *error)
{
	bool present[ROLE_COUNT] = {false};
	bool any = false;
	int err = ini_parse(text, len, check_section, present, error);

	for (size_t i = 0; !err && i < ROLE_COUNT; i++) {
		if (present[i])
			err = roles[i]->parse(&settings[i], path, text, len,
					      error);
		any |= present[i];
	}
	if (err || any)
		return err;
	*error = (struct ini_error){.line = 1, .column = 1};
	snprintf(error->text, sizeof(error->text),
		 "no section: there is nothing to do");
	return -EINVAL;
}

static void free_settings(void *settings[ROLE_COUNT])
{
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		roles[i]->free_settings(settings[i]);
		settings[i] = NULL;
	}
}

/* Settings of all roles, or none. */
static int read_config(void *settings[ROLE_COUNT], const char *path)
{
	struct ini_error error = {0};
	char *text;
	size_t len;
	int err = file_read(path, CONFIG_MAX, &text, &len);

	if (err) {
		log_error("can not read %s: %s", path, strerror(-err));
		return err;
	}
	err = parse_text(settings, path, text, len, &error);
	sodium_memzero(text, len);
	free(text);
	if (err) {
		log_error("%s:%u:%u: %s", path, error.line, error.column,
			  error.text);
		free_settings(settings);
		return err;
	}
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		if (settings[i])
			roles[i]->check(settings[i]);
	}
	return 0;
}

static int check_config(const char *path)
{
	void *settings[ROLE_COUNT] = {NULL};

	if (read_config(settings, path))
		return 1;
	free_settings(settings);
	printf("%s: ok\n", path);
	return 0;
}

/* ---- signals ---- */

static void reload(struct sluiced *sluiced)
{
	void *settings[ROLE_COUNT] = {NULL};
	int failed = 0;

	notify_reloading();
	if (read_config(settings, sluiced->options.config)) {
		log_error("nothing was changed");
		goto done;
	}
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		if (!settings[i] != !sluiced->states[i]) {
			log_error("[%s] came or went: that needs a restart",
				  roles[i]->section);
			roles[i]->free_settings(settings[i]);
			failed++;
		} else if (settings[i] &&
			   roles[i]->reload(sluiced->states[i], settings[i])) {
			log_error("[%s] was not, or not wholly, reloaded",
				  roles[i]->section);
			failed++;
		}
	}
	if (!failed)
		log_info("reloaded %s", sluiced->options.config);
done:
	notify_ready();
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct sluiced *sluiced = handle->data;

	if (number == SIGHUP) {
		reload(sluiced);
		return;
	}
	log_info("stopping; what is attached stays attached");
	uv_stop(&sluiced->loop);
}

static int watch_signals(struct sluiced *sluiced)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	int err = 0;

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; !err && i < sizeof(numbers) / sizeof(numbers[0]);
	     i++) {
		uv_signal_init(&sluiced->loop, &sluiced->signals[i]);
		sluiced->signals[i].data = sluiced;
		err = uv_signal_start(&sluiced->signals[i], on_signal,
				      numbers[i]);
	}
	if (err)
		log_error("can not watch signals: %s", strerror(-err));
	return err;
}

/* ---- commands of the daemon itself ---- */

static int command_ping(void *ctx, struct control_client *client,
			const json_t *request, json_t **result,
			char error[CONTROL_ERROR_LEN])
{
	struct sluiced *sluiced = ctx;
	json_t *names = json_array();

	(void)client;
	(void)request;
	(void)error;
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		if (sluiced->states[i])
			json_array_append_new(names,
					      json_string(roles[i]->name));
	}
	*result = json_pack("{s:s, s:i, s:o}", "version", SLUICE_VERSION, "pid",
			    (int)getpid(), "roles", names);
	return 0;
}

static const struct control_command commands[] = {{"ping", command_ping}};

static int open_control(struct sluiced *sluiced)
{
	const char *path = sluiced->options.socket;
	int err = control_new(&sluiced->context.control);

	if (!err)
		err = control_add(sluiced->context.control, commands, 1,
				  sluiced);
	if (!err)
		err = control_server_open(&sluiced->server, &sluiced->loop,
					  sluiced->context.control, path);
	if (err == -EADDRINUSE)
		log_error(
			"another sluiced answers on %s: stop it, or choose another socket with "
			"-s and other pins with -p",
			path);
	else if (err == -EEXIST)
		log_error("%s exists and is no socket: move it away", path);
	else if (err)
		log_error("can not listen on %s: %s", path, strerror(-err));
	return err;
}

/* ---- life ---- */

static int start_roles(struct sluiced *sluiced)
{
	void *settings[ROLE_COUNT] = {NULL};
	int err = read_config(settings, sluiced->options.config);

	for (size_t i = 0; !err && i < ROLE_COUNT; i++) {
		if (!settings[i])
			continue;
		err = roles[i]->start(&sluiced->states[i], settings[i],
				      &sluiced->context);
		settings[i] = NULL; /* the role's now */
	}
	free_settings(settings);
	return err;
}

static void close_handle(uv_handle_t *handle, void *ctx)
{
	(void)ctx;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void stop(struct sluiced *sluiced)
{
	control_server_close(sluiced->server);
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		if (sluiced->states[i])
			roles[i]->stop(sluiced->states[i]);
	}
	/* What is left are the signals; all others close themselves. */
	uv_walk(&sluiced->loop, close_handle, NULL);
	uv_run(&sluiced->loop, UV_RUN_DEFAULT);
	uv_loop_close(&sluiced->loop);
	control_free(sluiced->context.control);
}

static int run(const struct options *options)
{
	struct sluiced sluiced = {
		.options = *options,
		.context = {.loop = &sluiced.loop,
			    .pin_root = options->pin_root},
	};
	int err;

	if (privileges_prepare() || uv_loop_init(&sluiced.loop))
		return 1;
	notify_open();
	err = watch_signals(&sluiced);
	/* The socket before the roles: a second daemon shall touch nothing. It
	 * is answered only once the loop runs. */
	if (!err)
		err = open_control(&sluiced);
	if (!err)
		err = start_roles(&sluiced);
	if (!err)
		err = privileges_drop();
	if (!err) {
		notify_ready();
		uv_run(&sluiced.loop, UV_RUN_DEFAULT);
		notify_stopping();
	}
	stop(&sluiced);
	return err ? 1 : 0;
}

static void usage(FILE *out)
{
	fprintf(out,
		"usage: sluiced [-hnV] [-c FILE] [-p PINROOT] [-s SOCKET]\n"
		"  -c FILE     configuration, " CONFIG_DEFAULT "\n"
		"  -n          check the configuration and exit\n"
		"  -p PINROOT  folder in a bpffs, " PIN_ROOT_DEFAULT "\n"
		"  -s SOCKET   control socket, " SOCKET_DEFAULT "\n"
		"  -V          version\n");
}

int main(int argc, char **argv)
{
	struct options options = {
		.config = CONFIG_DEFAULT,
		.socket = SOCKET_DEFAULT,
		.pin_root = PIN_ROOT_DEFAULT,
	};
	int option;

	while ((option = getopt(argc, argv, "c:hnp:s:V")) != -1) {
		switch (option) {
		case 'c':
			options.config = optarg;
			break;
		case 'n':
			options.check_only = true;
			break;
		case 'p':
			options.pin_root = optarg;
			break;
		case 's':
			options.socket = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			printf("sluiced %s\n", SLUICE_VERSION);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	if (sodium_init() < 0) {
		log_error("libsodium can not be initialised");
		return 1;
	}
	return options.check_only ? check_config(options.config)
				  : run(&options);
}
