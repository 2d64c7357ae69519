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
#include <string.h>
#include <unistd.h>

#include <sodium.h>
#include <uv.h>

#include "base/control.h"
#include "base/control_server.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/privileges.h"
#include "base/roles.h"

#define CONFIG_DEFAULT SLUICE_SYSCONFDIR "/sluice/sluice.conf"
#define SOCKET_DEFAULT "/run/sluice/sluiced.sock"
#define PIN_ROOT_DEFAULT "/sys/fs/bpf/sluice"

/* In the order in which they start. */
static const struct role *const role_table[] = {&role_relay, NULL};
_Static_assert(sizeof(role_table) / sizeof(role_table[0]) <= ROLES_MAX + 1,
	       "more roles than base/roles.h has room for");

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
	struct roles roles;
};

/* ---- signals ---- */

static void on_signal(uv_signal_t *handle, int number)
{
	struct sluiced *sluiced = handle->data;

	if (number == SIGHUP) {
		notify_reloading();
		roles_reload(&sluiced->roles, sluiced->options.config);
		notify_ready();
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

static int command_ping(void *ctx, struct control_call *call)
{
	struct sluiced *sluiced = ctx;

	return control_answer(
		call, json_pack("{s:s, s:i, s:o}", "version", SLUICE_VERSION,
				"pid", (int)getpid(), "roles",
				roles_names(&sluiced->roles)));
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

static void close_handle(uv_handle_t *handle, void *ctx)
{
	(void)ctx;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void stop(struct sluiced *sluiced)
{
	control_server_close(sluiced->server);
	roles_stop(&sluiced->roles);
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
		.roles = {.table = role_table},
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
		err = roles_start(&sluiced.roles, options->config,
				  &sluiced.context);
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

static int check_config(const char *path)
{
	if (roles_check(role_table, path))
		return 1;
	printf("%s: ok\n", path);
	return 0;
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
