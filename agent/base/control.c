// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define GROUPS_MAX 8
/* Ages have a fraction; nobody wants to see seventeen digits of it. */
#define DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(6))

struct group {
	const struct control_command *commands;
	size_t count;
	void *ctx;
};

struct control {
	struct group groups[GROUPS_MAX];
	size_t count;
};

struct control_client {
	struct control *control;
	const struct control_client_ops *ops;
	void *ctx;
	void (*closed)(void *ctx, struct control_client *client);
	void *closed_ctx;
	size_t len;
	size_t searched; /* bytes of the buffer known to hold no newline */
	bool skipping; /* the rest of a line that was too long */
	char buffer[CONTROL_LINE_MAX];
};

int control_new(struct control **out)
{
	struct control *control = calloc(1, sizeof(*control));

	if (!control)
		return -ENOMEM;
	*out = control;
	return 0;
}

void control_free(struct control *control)
{
	free(control);
}

int control_add(struct control *control, const struct control_command *commands,
		size_t count, void *ctx)
{
	if (control->count == GROUPS_MAX)
		return -ENOSPC;
	control->groups[control->count++] =
		(struct group){commands, count, ctx};
	return 0;
}

int control_client_new(struct control_client **out, struct control *control,
		       const struct control_client_ops *ops, void *ctx)
{
	struct control_client *client = malloc(sizeof(*client));

	if (!client)
		return -ENOMEM;
	/* The buffer stays untouched until it is used: 64 KiB a client. */
	memset(client, 0, offsetof(struct control_client, buffer));
	client->control = control;
	client->ops = ops;
	client->ctx = ctx;
	*out = client;
	return 0;
}

void control_client_free(struct control_client *client)
{
	if (!client)
		return;
	if (client->closed)
		client->closed(client->closed_ctx, client);
	free(client);
}

void control_client_on_close(struct control_client *client,
			     void (*closed)(void *ctx,
					    struct control_client *client),
			     void *ctx)
{
	client->closed = closed;
	client->closed_ctx = ctx;
}

/* ---- what commands use ---- */

int control_fail(struct control_call *call, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(call->error, sizeof(call->error), format, args);
	va_end(args);
	return err;
}

int control_answer(struct control_call *call, json_t *report)
{
	if (!report)
		return control_fail(call, -ENOMEM, "out of memory");
	call->result = report;
	return 0;
}

int control_take_prefix(uint8_t addr[16], unsigned int *len,
			struct control_call *call, const char *name)
{
	if (!json_to_prefix(addr, len, json_object_get(call->request, name)))
		return 0;
	return control_fail(
		call, -EINVAL,
		"\"%s\" is an address or a prefix, as 192.0.2.0/24 or 2001:db8::/32",
		name);
}

int control_take_seconds(uint64_t *seconds, struct control_call *call,
			 const char *name, uint64_t max)
{
	const json_t *given = json_object_get(call->request, name);
	json_int_t value = json_integer_value(given);
	bool absent = !given || json_is_null(given);

	if (!absent && (value < 1 || (uint64_t)value > max))
		return control_fail(
			call, -EINVAL,
			"\"%s\" is a positive number, or absent for ever",
			name);
	*seconds = absent ? 0 : (uint64_t)value;
	return 0;
}

/* ---- answers ---- */

static int send_json(struct control_client *client, json_t *message)
{
	size_t len = message ? json_dumpb(message, NULL, 0, DUMP_FLAGS) : 0;
	char *line = len ? malloc(len + 1) : NULL;

	if (line && json_dumpb(message, line, len, DUMP_FLAGS) == len) {
		line[len] = '\n';
		client->ops->send(client->ctx, line, len + 1);
	} else {
		free(line);
		len = 0;
	}
	json_decref(message);
	return len ? 0 : -ENOMEM;
}

/* A text that was cut inside a character is no UTF-8 any more. */
static json_t *string_of(const char *text)
{
	json_t *string = json_string(text);
	char ascii[CONTROL_ERROR_LEN];

	if (string)
		return string;
	snprintf(ascii, sizeof(ascii), "%s", text);
	for (char *c = ascii; *c; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
	return json_string(ascii);
}

static void send_error(struct control_client *client, const char *text)
{
	send_json(client,
		  json_pack("{s:b, s:o}", "ok", 0, "error", string_of(text)));
}

static void send_result(struct control_client *client, json_t *result)
{
	if (!result)
		result = json_object();
	if (send_json(client,
		      json_pack("{s:b, s:o}", "ok", 1, "result", result)))
		send_error(client, "out of memory for the answer");
}

int control_client_push(struct control_client *client, json_t *message)
{
	if (client->ops->pending(client->ctx) > CONTROL_PUSH_PENDING_MAX) {
		json_decref(message);
		return -ENOBUFS;
	}
	return send_json(client, message);
}

/* ---- requests ---- */

static const struct control_command *find(const struct control *control,
					  const char *name, void **ctx)
{
	for (size_t i = 0; i < control->count; i++) {
		const struct group *group = &control->groups[i];

		for (size_t j = 0; j < group->count; j++) {
			if (strcmp(group->commands[j].name, name))
				continue;
			*ctx = group->ctx;
			return &group->commands[j];
		}
	}
	return NULL;
}

static void run(struct control_client *client, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "cmd"));
	struct control_call call = {.client = client, .request = request};
	const struct control_command *command;
	void *ctx;

	if (!name) {
		send_error(client, "the request has no \"cmd\"");
		return;
	}
	command = find(client->control, name, &ctx);
	if (!command) {
		control_fail(
			&call, -ENOENT,
			"unknown command '%.40s': is sluiced older, or is its role not configured?",
			name);
		send_error(client, call.error);
		return;
	}
	if (command->fn(ctx, &call))
		send_error(client,
			   *call.error ? call.error : "the command failed");
	else
		send_result(client, call.result);
}

static void handle(struct control_client *client, const char *line, size_t len)
{
	char text[CONTROL_ERROR_LEN];
	json_error_t error;
	json_t *request;

	if (len && line[len - 1] == '\r')
		len--;
	if (!len)
		return;
	request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!request) {
		snprintf(text, sizeof(text), "not JSON at byte %d: %.100s",
			 error.position, error.text);
		send_error(client, text);
	} else if (!json_is_object(request)) {
		send_error(client, "a request is a JSON object");
	} else {
		run(client, request);
	}
	json_decref(request);
}

size_t control_client_room(struct control_client *client, char **buffer)
{
	*buffer = client->buffer + client->len;
	return sizeof(client->buffer) - client->len;
}

void control_client_filled(struct control_client *client, size_t len)
{
	client->len += len;
}

static void consume(struct control_client *client, size_t len)
{
	client->len -= len;
	memmove(client->buffer, client->buffer + len, client->len);
	client->searched = 0;
}

bool control_client_step(struct control_client *client)
{
	char *newline = memchr(client->buffer + client->searched, '\n',
			       client->len - client->searched);
	size_t line_len;

	client->searched = client->len;
	if (!newline) {
		if (client->skipping) {
			consume(client, client->len);
		} else if (client->len == sizeof(client->buffer)) {
			client->skipping = true;
			consume(client, client->len);
			send_error(client, "the request is longer than 64 KiB");
		}
		return false;
	}
	line_len = (size_t)(newline - client->buffer);
	if (client->skipping)
		client->skipping = false;
	else
		handle(client, client->buffer, line_len);
	consume(client, line_len + 1);
	return true;
}
