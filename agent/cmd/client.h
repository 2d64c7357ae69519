/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The asking end of the daemon's control socket (relay/control.txt): one JSON
 * object a line, there and back. Everything here says itself what went wrong.
 */
#ifndef SLUICE_CMD_CLIENT_H
#define SLUICE_CMD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/cmd.h"

#define CLIENT_SOCKET "/run/sluice/sluiced.sock"
#define CLIENT_TIMEOUT_S 5 /* without a byte from the daemon */
/* Bytes. A million sessions take a quarter of it. */
#define CLIENT_REPLY_MAX (1u << 30)

struct client {
	const char *socket;
	int fd; /* -1: closed */
	char *buffer; /* what came and is not yet a line */
	size_t used, size;
};

/* 0, or -1 after an error message; closed either way with client_close. */
int client_open(struct client *client, const char *socket);
void client_close(struct client *client);

/* Sends a request (takes its reference). The reply's "result", a new reference,
 * or NULL after an error message. */
json_t *client_ask(struct client *client, json_t *request);

/* The next line, parsed, however long it takes; NULL after an error message,
 * the daemon's hanging up among them. */
json_t *client_wait(struct client *client);

/* Open, ask, close. */
json_t *client_call(const char *socket, json_t *request);

/* A command that is one question: takes the request, prints the result as JSON
 * or with `show`, if there is one. A cmd_exit. */
int client_report(const struct cmd_context *context, json_t *request,
		  void (*show)(const json_t *result));

#endif
