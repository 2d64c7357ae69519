// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control protocol on any bytes in any pieces: the first byte chooses how
 * they are cut. Whatever goes out is JSON, a line each, and an answer.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/control.h"

static int do_echo(void *ctx, struct control_call *call)
{
	const char *text =
		json_string_value(json_object_get(call->request, "fail"));

	(void)ctx;
	if (text)
		return control_fail(call, -EINVAL, "%s", text);
	return control_answer(call, json_incref((json_t *)call->request));
}

static const struct control_command commands[] = {{"echo", do_echo}};

static void check_line(void *ctx, char *line, size_t len)
{
	json_t *reply = json_loadb(line, len, 0, NULL);

	(void)ctx;
	if (line[len - 1] != '\n' || memchr(line, '\n', len - 1))
		abort();
	if (!json_is_boolean(json_object_get(reply, "ok")))
		abort();
	json_decref(reply);
	free(line);
}

static size_t no_pending(void *ctx)
{
	(void)ctx;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct control_client_ops ops = {check_line, no_pending};
	size_t piece = size ? 1 + data[0] * 16U : 1;
	struct control_client *client;
	struct control *control;

	if (control_new(&control))
		return 0;
	control_add(control, commands, 1, NULL);
	if (control_client_new(&client, control, &ops, NULL))
		abort();
	while (size) {
		char *buffer;
		size_t room = control_client_room(client, &buffer);
		size_t len = size < piece ? size : piece;

		if (!room)
			abort();
		len = len < room ? len : room;
		memcpy(buffer, data, len);
		control_client_filled(client, len);
		while (control_client_step(client))
			;
		data += len;
		size -= len;
	}
	control_client_free(client);
	control_free(control);
	return 0;
}
