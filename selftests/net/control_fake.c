// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A daemon that says what it is told to, for the command line's tests:
 *
 *	control_fake SOCKET FOLDER MODE
 *
 * Each request is added to FOLDER/requests and answered with the content of
 * FOLDER/COMMAND, whatever it is. MODE: whole; pieces (7 bytes at a time); die
 * (half of it, then it hangs up); mute (never); deaf (hangs up at once).
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "base/file.h"

static int send_all(int fd, const char *data, size_t len, size_t piece)
{
	while (len) {
		ssize_t sent =
			send(fd, data, len < piece ? len : piece, MSG_NOSIGNAL);

		if (sent < 0)
			return -errno;
		data += sent;
		len -= (size_t)sent;
	}
	return 0;
}

static int answer(int fd, const char *folder, const char *mode,
		  const char *command)
{
	static const char unknown[] =
		"{\"ok\": false, \"error\": \"there is no such command\"}\n";
	char path[PATH_MAX], *text;
	size_t len;
	int err;

	if (!strcmp(mode, "mute"))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", folder, command);
	if (file_read(path, SIZE_MAX / 4, &text, &len))
		return send_all(fd, unknown, sizeof(unknown) - 1, SIZE_MAX);
	if (!strcmp(mode, "die"))
		len /= 2;
	err = send_all(fd, text, len, strcmp(mode, "pieces") ? SIZE_MAX : 7);
	free(text);
	return strcmp(mode, "die") ? err : -EPIPE;
}

/* In one write, so that a reader sees whole lines. */
static void note(const char *folder, const char *line)
{
	char path[PATH_MAX];
	FILE *requests;

	snprintf(path, sizeof(path), "%s/requests", folder);
	requests = fopen(path, "a");
	if (requests) {
		fputs(line, requests);
		fclose(requests);
	}
}

static void serve(int fd, const char *folder, const char *mode)
{
	FILE *in = fdopen(fd, "r");
	char *line = NULL;
	size_t size = 0;

	while (in && strcmp(mode, "deaf") && getline(&line, &size, in) > 0) {
		json_t *request = json_loads(line, 0, NULL);
		const char *command =
			json_string_value(json_object_get(request, "cmd"));
		int err;

		note(folder, line);
		err = answer(fd, folder, mode, command ? command : "malformed");
		json_decref(request);
		if (err)
			break;
	}
	free(line);
	if (in)
		fclose(in);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc != 4 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	memcpy(address.sun_path, argv[1], strlen(argv[1]) + 1);
	unlink(argv[1]);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, 16)) {
		perror(argv[1]);
		return 1;
	}
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client >= 0)
			serve(client, argv[2], argv[3]);
	}
}
