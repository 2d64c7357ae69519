// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control protocol: lines split and joined in every way, garbage, too much
 * of everything, watchers that read slowly; then the same over a real socket.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/control.h"
#include "base/control_server.h"
#include "tap.h"

/* ---- a daemon of three commands ---- */

static struct control_client *watcher;

static int do_echo(void *ctx, struct control_call *call)
{
	(void)ctx;
	call->result = json_incref(json_object_get(call->request, "value"));
	return 0;
}

static int big_answers;
static int do_big(void *ctx, struct control_call *call)
{
	static char text[100000];

	(void)ctx;
	memset(text, 'x', sizeof(text) - 1);
	big_answers++;
	return control_answer(call, json_string(text));
}

static int do_fail(void *ctx, struct control_call *call)
{
	const char *text =
		json_string_value(json_object_get(call->request, "text"));

	(void)ctx;
	return text ? control_fail(call, -EINVAL, "%.30s", text) : -EINVAL;
}

static int do_watch(void *ctx, struct control_call *call)
{
	(void)ctx;
	watcher = call->client;
	return 0;
}

static const struct control_command commands[] = {
	{"echo", do_echo},
	{"big", do_big},
	{"fail", do_fail},
	{"watch", do_watch},
};

/* ---- a client without a socket ---- */

struct sink {
	char text[1 << 18];
	size_t len;
	size_t pending; /* what it claims */
	int lines;
};

static void sink_send(void *ctx, char *line, size_t len)
{
	struct sink *sink = ctx;

	if (sink->len + len < sizeof(sink->text)) {
		memcpy(sink->text + sink->len, line, len);
		sink->len += len;
		sink->text[sink->len] = '\0';
	}
	sink->lines++;
	free(line);
}

static size_t sink_pending(void *ctx)
{
	const struct sink *sink = ctx;

	return sink->pending;
}

static const struct control_client_ops sink_ops = {sink_send, sink_pending};
static struct sink sink;
static struct control *control;
static struct control_client *client;

static void start_client(void)
{
	memset(&sink, 0, sizeof(sink));
	control_client_new(&client, control, &sink_ops, &sink);
}

/* Feeds text in pieces of at most `piece` bytes. */
static void feed(const char *text, size_t len, size_t piece)
{
	while (len) {
		char *buffer;
		size_t room = control_client_room(client, &buffer);
		size_t some = len < piece ? len : piece;

		some = some < room ? some : room;
		memcpy(buffer, text, some);
		control_client_filled(client, some);
		while (control_client_step(client))
			;
		text += some;
		len -= some;
	}
}

static const struct {
	const char *name, *in, *out;
} lines[] = {
	{"one request", "{\"cmd\":\"echo\",\"value\":7}\n",
	 "{\"ok\":true,\"result\":7}\n"},
	{"no result stands for an object", "{\"cmd\":\"echo\"}\n",
	 "{\"ok\":true,\"result\":{}}\n"},
	{"two in one read",
	 "{\"cmd\":\"echo\",\"value\":1}\n{\"cmd\":\"echo\",\"value\":2}\n",
	 "{\"ok\":true,\"result\":1}\n{\"ok\":true,\"result\":2}\n"},
	{"empty lines and CRLF", "\n\r\n{\"cmd\":\"echo\",\"value\":1}\r\n",
	 "{\"ok\":true,\"result\":1}\n"},
	{"half a line", "{\"cmd\":\"echo\",\"val", ""},
	{"no command", "{}\n",
	 "{\"ok\":false,\"error\":\"the request has no \\\"cmd\\\"\"}\n"},
	{"a command that is no text", "{\"cmd\":5}\n",
	 "{\"ok\":false,\"error\":\"the request has no \\\"cmd\\\"\"}\n"},
	{"no object", "[1]\n",
	 "{\"ok\":false,\"error\":\"a request is a JSON object\"}\n"},
	{"an error with its text", "{\"cmd\":\"fail\",\"text\":\"do this\"}\n",
	 "{\"ok\":false,\"error\":\"do this\"}\n"},
	{"an error without one", "{\"cmd\":\"fail\"}\n",
	 "{\"ok\":false,\"error\":\"the command failed\"}\n"},
	{"an error cut inside a character",
	 "{\"cmd\":\"fail\",\"text\":\"12345678901234567890123456789\xc3\xa4\"}\n",
	 "{\"ok\":false,\"error\":\"12345678901234567890123456789?\"}\n"},
};

static void test_lines(void)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		for (size_t piece = 1; piece < 200; piece += 66) {
			start_client();
			feed(lines[i].in, strlen(lines[i].in), piece);
			is_str(sink.text, lines[i].out, "%s, %zu bytes a read",
			       lines[i].name, piece);
			control_client_free(client);
		}
	}
}

static void test_refused(void)
{
	static const char *const bad[] = {
		"{",
		"{\"cmd\":\"echo\",\"cmd\":\"echo\"}",
		"hello",
		"{\"cmd\":\"\\ud800\"}",
		"{\"cmd\":\"nonesuch\"}",
		"\x01\x02",
		"{\"cmd\":\"echo\"} trailing",
		"null",
		"{\"cmd\":\"\xff\"}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *reply;

		start_client();
		feed(bad[i], strlen(bad[i]), 1000);
		feed("\n", 1, 1);
		reply = json_loads(sink.text, 0, NULL);
		ok(sink.lines == 1 &&
			   json_is_false(json_object_get(reply, "ok")) &&
			   json_is_string(json_object_get(reply, "error")),
		   "refused with a reason: line %zu", i);
		json_decref(reply);
		control_client_free(client);
	}
}

static void test_size(void)
{
	static char line[CONTROL_LINE_MAX + 10];
	static const char next[] = "tail\n{\"cmd\":\"echo\",\"value\":1}\n";
	size_t at;

	/* The longest line there may be: its newline is byte 65536. */
	at = (size_t)sprintf(line, "{\"cmd\":\"echo\",\"value\":\"");
	memset(line + at, 'x', sizeof(line) - at);
	strcpy(line + CONTROL_LINE_MAX - 3, "\"}\n");
	start_client();
	feed(line, CONTROL_LINE_MAX, 4000);
	ok(strstr(sink.text, "\"ok\":true") && sink.len > 65000,
	   "64 KiB are taken");
	control_client_free(client);

	memset(line, 'x', sizeof(line));
	start_client();
	feed(line, CONTROL_LINE_MAX, 4000);
	is_int(sink.lines, 1, "one byte more is refused once");
	ok(strstr(sink.text, "longer than 64 KiB"), "and says why");
	feed(line, sizeof(line), 4000);
	feed(line, sizeof(line), 4000);
	is_int(sink.lines, 1, "its rest is skipped in silence");
	feed(next, strlen(next), 4000);
	is_int(sink.lines, 2, "the next line is taken");
	ok(strstr(sink.text, "\"result\":1"), "and answered");
	control_client_free(client);
}

static int closed_count;
static void on_closed(void *ctx, struct control_client *gone)
{
	closed_count += ctx == &closed_count && gone == client;
}

static void test_watching(void)
{
	start_client();
	feed("{\"cmd\":\"watch\"}\n", 16, 100);
	ok(watcher == client, "a command may keep its client");
	control_client_on_close(client, on_closed, &closed_count);
	is_int(control_client_push(client, json_pack("{s:i}", "event", 1)), 0,
	       "an event goes out");
	ok(strstr(sink.text, "{\"event\":1}\n"), "as a line of its own");
	sink.pending = CONTROL_PUSH_PENDING_MAX + 1;
	is_int(control_client_push(client, json_pack("{s:i}", "event", 2)),
	       -ENOBUFS, "one that does not read misses some");
	ok(!strstr(sink.text, "{\"event\":2}"), "nothing is kept for it");
	control_client_free(client);
	is_int(closed_count, 1, "the watcher hears that its client is gone");
}

/* ---- over a socket ---- */

static uv_loop_t loop;
static char folder[] = "/tmp/sluice-control.XXXXXX";
static char path[64];

static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct timeval limit = {.tv_sec = 5};

	strcpy(address.sun_path, path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void spin(void)
{
	for (int i = 0; i < 20; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
}

/* One request over a connection of its own, its writing half shut down. */
static ssize_t ask(const char *request, char *reply, size_t size)
{
	int fd = dial();
	ssize_t len;

	spin();
	if (write(fd, request, strlen(request)) < 0)
		return -1;
	shutdown(fd, SHUT_WR);
	spin();
	len = read(fd, reply, size - 1);
	reply[len > 0 ? len : 0] = '\0';
	close(fd);
	spin();
	return len;
}

static void test_socket(void)
{
	struct control_server *second = NULL;
	char reply[256];
	struct stat st;

	stat(path, &st);
	is_int(st.st_mode & 0777, 0600, "the socket is the owner's alone");
	ask("{\"cmd\":\"echo\",\"value\":1}\n", reply, sizeof(reply));
	is_str(reply, "{\"ok\":true,\"result\":1}\n",
	       "answered, though the client has shut down");
	is_int(ask("{\"cmd\":\"echo\"", reply, sizeof(reply)), 0,
	       "half a line gets no answer");
	is_int(control_server_open(&second, &loop, control, path), -EADDRINUSE,
	       "a second server is refused");
	is_int(access(path, F_OK), 0, "and the socket is still there");
}

static void test_many_clients(void)
{
	int fds[CONTROL_CLIENTS_MAX + 8];
	char reply[256] = "";
	size_t count = 0;

	for (; count < sizeof(fds) / sizeof(fds[0]); count++) {
		fds[count] = dial();
		spin();
	}
	ok(read(fds[count - 1], reply, sizeof(reply) - 1) > 0 &&
		   strstr(reply, "too many clients"),
	   "one too many is told so");
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	spin();
	ask("{\"cmd\":\"echo\",\"value\":1}\n", reply, sizeof(reply));
	is_str(reply, "{\"ok\":true,\"result\":1}\n",
	       "once they are gone there is room again");
}

/* Sends requests for large answers and reads none. */
static void test_slow_reader(void)
{
	static char request[60000];
	char reply[64];
	int fd = dial(), sent = 0;
	size_t at = (size_t)sprintf(request, "{\"cmd\":\"echo\",\"value\":\"");

	memset(request + at, 'x', sizeof(request) - at);
	strcpy(request + sizeof(request) - 4, "\"}\n");
	spin();
	for (; sent < 1000; sent++) {
		if (send(fd, request, sizeof(request) - 1, MSG_DONTWAIT) <= 0)
			break;
		spin();
	}
	ok(sent < 100,
	   "one that reads nothing is not read from: %d requests taken", sent);
	ask("{\"cmd\":\"echo\",\"value\":1}\n", reply, sizeof(reply));
	is_str(reply, "{\"ok\":true,\"result\":1}\n",
	       "others are served meanwhile");
	close(fd);
	spin();
}

/* Many small requests for large answers: they are not all made at once. */
static void test_amplifying_reader(void)
{
	static const char request[] = "{\"cmd\":\"big\"}\n";
	const size_t len = sizeof(request) - 1;
	char requests[3000 * 16], reply[64];
	int fd = dial();

	for (size_t i = 0; i < 3000; i++)
		memcpy(requests + i * len, request, len);
	spin();
	ok(send(fd, requests, 3000 * len, MSG_DONTWAIT) > 0,
	   "requests for 300 MB of answers");
	spin();
	ok(big_answers < 30, "only %d answers were made", big_answers);
	ask("{\"cmd\":\"echo\",\"value\":1}\n", reply, sizeof(reply));
	is_str(reply, "{\"ok\":true,\"result\":1}\n",
	       "others are served meanwhile");
	close(fd);
	spin();
}

static void test_stale(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct control_server *server = NULL;

	strcpy(address.sun_path, path);
	ok(!bind(fd, (struct sockaddr *)&address, sizeof(address)),
	   "a socket that nobody serves");
	close(fd);
	is_int(control_server_open(&server, &loop, control, path), 0,
	       "is replaced");
	control_server_close(server);
	uv_run(&loop, UV_RUN_DEFAULT);
	ok(access(path, F_OK), "closing removes the socket");
	close(creat(path, 0600));
	is_int(control_server_open(&server, &loop, control, path), -EEXIST,
	       "a file is not");
	unlink(path);
}

int main(void)
{
	struct control_server *server;

	control_new(&control);
	control_add(control, commands, sizeof(commands) / sizeof(commands[0]),
		    NULL);
	test_lines();
	test_refused();
	test_size();
	test_watching();

	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/run/socket", folder);
	uv_loop_init(&loop);
	if (is_int(control_server_open(&server, &loop, control, path), 0,
		   "the server makes its folder")) {
		test_socket();
		test_many_clients();
		test_slow_reader();
		test_amplifying_reader();
		control_server_close(server);
		uv_run(&loop, UV_RUN_DEFAULT);
	}
	test_stale();
	is_int(uv_loop_close(&loop), 0, "nothing is left in the loop");
	control_free(control);
	path[strlen(path) - strlen("/socket")] = '\0';
	rmdir(path);
	rmdir(folder);
	return tap_done();
}
