// SPDX-License-Identifier: GPL-2.0-or-later
/* One blocking socket; the kernel's own timeouts guard connect, send, receive. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/client.h"
#include "cmd/cmd.h"

static int say(const struct client *client, int err)
{
	switch (err) {
	case ENOENT:
	case ECONNREFUSED:
		cmd_fail(
			"no daemon listens on %s: start it (systemctl start sluiced), or name its socket with -s",
			client->socket);
		break;
	case EACCES:
	case EPERM:
		cmd_fail("may not open %s: run this as root (sudo)",
			 client->socket);
		break;
	case EAGAIN:
	case EINPROGRESS:
		cmd_fail(
			"the daemon at %s has not answered for %d seconds: see its log (journalctl -u sluiced)",
			client->socket, CLIENT_TIMEOUT_S);
		break;
	case EPIPE:
	case ECONNRESET:
		cmd_fail(
			"the daemon at %s hung up: see its log (journalctl -u sluiced)",
			client->socket);
		break;
	default:
		cmd_fail("%s: %s", client->socket, strerror(err));
	}
	return -1;
}

static void set_timeouts(int fd, int seconds)
{
	struct timeval timeout = {.tv_sec = seconds};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

int client_open(struct client *client, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*client = (struct client){.socket = path, .fd = -1};
	if (strlen(path) >= sizeof(address.sun_path))
		return say(client, ENAMETOOLONG);
	memcpy(address.sun_path, path, strlen(path) + 1);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return say(client, errno);
	set_timeouts(client->fd, CLIENT_TIMEOUT_S);
	if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)))
		return say(client, errno);
	return 0;
}

void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	free(client->buffer);
	client->fd = -1;
	client->buffer = NULL;
}

static int send_all(struct client *client, const char *text, size_t len)
{
	while (len) {
		ssize_t sent = send(client->fd, text, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return say(client, errno);
		text += sent;
		len -= (size_t)sent;
	}
	return 0;
}

static int send_request(struct client *client, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	int err = -1;

	if (!text)
		return say(client, ENOMEM);
	if (!send_all(client, text, strlen(text)))
		err = send_all(client, "\n", 1);
	free(text);
	return err;
}

static int make_room(struct client *client)
{
	size_t size = client->size ? client->size * 2 : 65536;
	char *bigger;

	if (client->used < client->size)
		return 0;
	if (size > CLIENT_REPLY_MAX)
		return say(client, EMSGSIZE);
	bigger = realloc(client->buffer, size);
	if (!bigger)
		return say(client, ENOMEM);
	client->buffer = bigger;
	client->size = size;
	return 0;
}

/* One read. What was there before has no newline. */
static int receive(struct client *client)
{
	ssize_t got;

	if (make_room(client))
		return -1;
	do
		got = recv(client->fd, client->buffer + client->used,
			   client->size - client->used, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return say(client, errno);
	if (!got)
		return say(client, ECONNRESET);
	client->used += (size_t)got;
	return 0;
}

/* The length of the first line with its newline, 0 after an error. */
static size_t read_line(struct client *client)
{
	size_t seen = 0;

	for (;;) {
		const char *end = NULL;

		if (client->used > seen)
			end = memchr(client->buffer + seen, '\n',
				     client->used - seen);
		if (end)
			return (size_t)(end - client->buffer) + 1;
		seen = client->used;
		if (receive(client))
			return 0;
	}
}

static json_t *read_object(struct client *client)
{
	size_t len = read_line(client);
	json_error_t error;
	json_t *object;

	if (!len)
		return NULL;
	object = json_loadb(client->buffer, len - 1, 0, &error);
	client->used -= len;
	memmove(client->buffer, client->buffer + len, client->used);
	if (json_is_object(object))
		return object;
	json_decref(object);
	cmd_fail(
		"what answers on %s does not speak sluiced's language; is it the right socket and the same version?",
		client->socket);
	return NULL;
}

/* Takes the reply's reference. */
static json_t *result_of(json_t *reply)
{
	const char *error = json_string_value(json_object_get(reply, "error"));
	json_t *result = json_object_get(reply, "result");

	if (json_is_true(json_object_get(reply, "ok")) &&
	    json_is_object(result)) {
		json_incref(result);
	} else {
		cmd_fail("%s",
			 error ? error
			       : "the daemon refused and did not say why");
		result = NULL;
	}
	json_decref(reply);
	return result;
}

json_t *client_ask(struct client *client, json_t *request)
{
	json_t *reply = NULL;

	if (!request) /* json_pack took offence at an argument */
		cmd_fail("an argument is not UTF-8");
	else if (!send_request(client, request))
		reply = read_object(client);
	json_decref(request);
	return reply ? result_of(reply) : NULL;
}

json_t *client_wait(struct client *client)
{
	set_timeouts(client->fd, 0);
	return read_object(client);
}

json_t *client_call(const char *path, json_t *request)
{
	struct client client;
	json_t *result = NULL;

	if (client_open(&client, path))
		json_decref(request);
	else
		result = client_ask(&client, request);
	client_close(&client);
	return result;
}

int client_report(const struct cmd_context *context, json_t *request,
		  void (*show)(const json_t *result))
{
	json_t *result = client_call(context->socket, request);

	if (!result)
		return CMD_FAILED;
	if (context->json)
		return cmd_put_json(result);
	if (show)
		show(result);
	json_decref(result);
	return CMD_OK;
}
