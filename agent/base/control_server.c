// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/control_server.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

#define BACKLOG 16

struct session {
	uv_pipe_t pipe;
	struct control_server *server;
	struct control_client *client;
	struct session *next, **link;
	size_t pending; /* bytes written and not yet taken */
	bool ended; /* the other side will send no more */
	bool reading;
};

struct control_server {
	uv_pipe_t pipe;
	struct control *control;
	struct session *sessions;
	unsigned int session_count;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

struct write {
	uv_write_t request;
	struct session *session;
	char *line;
	size_t len;
};

static void pump(struct session *session);

/* ---- one client ---- */

static void session_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void session_close(struct session *session)
{
	if (uv_is_closing((uv_handle_t *)&session->pipe))
		return;
	*session->link = session->next;
	if (session->next)
		session->next->link = session->link;
	session->server->session_count--;
	control_client_free(session->client);
	session->client = NULL;
	uv_close((uv_handle_t *)&session->pipe, session_closed);
}

static void written(uv_write_t *request, int status)
{
	struct write *write = (struct write *)request;
	struct session *session = write->session;

	session->pending -= write->len;
	free(write->line);
	free(write);
	if (!session->client)
		return; /* closed while it was on its way */
	if (status)
		session_close(session);
	else
		pump(session);
}

static void session_send(void *ctx, char *line, size_t len)
{
	struct session *session = ctx;
	struct write *write = calloc(1, sizeof(*write));
	uv_buf_t buf = uv_buf_init(line, (unsigned int)len);

	if (!write) {
		free(line);
		return;
	}
	*write = (struct write){.session = session, .line = line, .len = len};
	if (uv_write(&write->request, (uv_stream_t *)&session->pipe, &buf, 1,
		     written)) {
		free(line);
		free(write);
		return;
	}
	session->pending += len;
}

static size_t session_pending(void *ctx)
{
	const struct session *session = ctx;

	return session->pending;
}

static const struct control_client_ops session_ops = {
	.send = session_send,
	.pending = session_pending,
};

static void session_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct session *session = handle->data;

	(void)suggested;
	buf->len = control_client_room(session->client, &buf->base);
}

static void session_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	struct session *session = stream->data;

	(void)buf;
	if (len > 0) {
		control_client_filled(session->client, (size_t)len);
	} else if (len < 0) {
		/* It may have shut down its half only and wait for answers. */
		session->ended = true;
		session->reading = false;
		uv_read_stop(stream);
		if (len != UV_EOF) {
			session_close(session);
			return;
		}
	}
	pump(session);
}

/* Answers what is there as long as the answers are taken, then reads on. */
static void pump(struct session *session)
{
	uv_stream_t *stream = (uv_stream_t *)&session->pipe;

	while (!session->pending && control_client_step(session->client))
		;
	if (session->ended) {
		if (!session->pending)
			session_close(session);
		return;
	}
	if (session->pending && session->reading) {
		uv_read_stop(stream);
		session->reading = false;
	} else if (!session->pending && !session->reading) {
		session->reading =
			!uv_read_start(stream, session_alloc, session_read);
	}
}

static void link_session(struct control_server *server, struct session *session)
{
	session->next = server->sessions;
	session->link = &server->sessions;
	if (session->next)
		session->next->link = &session->next;
	server->sessions = session;
	server->session_count++;
}

static void accept_one(uv_stream_t *listener, int status)
{
	static const char full[] =
		"{\"ok\":false,\"error\":\"too many clients are connected\"}\n";
	struct control_server *server = listener->data;
	struct session *session = status ? NULL : calloc(1, sizeof(*session));
	uv_buf_t buf = uv_buf_init((char *)full, sizeof(full) - 1);

	if (!session)
		return;
	session->server = server;
	uv_pipe_init(listener->loop, &session->pipe, 0);
	session->pipe.data = session;
	if (uv_accept(listener, (uv_stream_t *)&session->pipe))
		goto refuse;
	if (server->session_count >= CONTROL_CLIENTS_MAX) {
		uv_try_write((uv_stream_t *)&session->pipe, &buf, 1);
		goto refuse;
	}
	if (control_client_new(&session->client, server->control, &session_ops,
			       session))
		goto refuse;
	link_session(server, session);
	pump(session);
	return;
refuse:
	uv_close((uv_handle_t *)&session->pipe, session_closed);
}

/* ---- the socket ---- */

static bool is_answered(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answered;

	if (fd < 0)
		return true;
	/* A full queue of a daemon that hangs is an answer too. */
	answered = !connect(fd, (const struct sockaddr *)address,
			    sizeof(*address)) ||
		   errno == EAGAIN;
	close(fd);
	return answered;
}

static int clear_stale(const struct sockaddr_un *address)
{
	struct stat st;

	if (lstat(address->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (is_answered(address))
		return -EADDRINUSE;
	return unlink(address->sun_path) ? -errno : 0;
}

static int make_folder(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	return mkdir(dirname(copy), 0755) && errno != EEXIST ? -errno : 0;
}

static int bind_socket(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int err;

	if (fd < 0)
		return -errno;
	/* Not chmod afterwards: somebody could connect in between. */
	mask = umask(0177);
	err = bind(fd, (const struct sockaddr *)address, sizeof(*address))
		      ? -errno
		      : 0;
	umask(mask);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

static int open_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int err;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	err = make_folder(path);
	if (!err)
		err = clear_stale(&address);
	return err ? err : bind_socket(&address);
}

static void server_closed(uv_handle_t *handle)
{
	free(handle->data);
}

int control_server_open(struct control_server **out, uv_loop_t *loop,
			struct control *control, const char *path)
{
	struct control_server *server = calloc(1, sizeof(*server));
	int fd, err;

	if (!server)
		return -ENOMEM;
	fd = open_socket(path);
	if (fd < 0) {
		free(server);
		return fd;
	}
	strcpy(server->path, path);
	server->control = control;
	uv_pipe_init(loop, &server->pipe, 0);
	server->pipe.data = server;
	err = uv_pipe_open(&server->pipe, fd);
	if (err)
		close(fd);
	else
		err = uv_listen((uv_stream_t *)&server->pipe, BACKLOG,
				accept_one);
	if (err) {
		unlink(path);
		uv_close((uv_handle_t *)&server->pipe, server_closed);
		return err;
	}
	*out = server;
	return 0;
}

void control_server_close(struct control_server *server)
{
	if (!server)
		return;
	while (server->sessions)
		session_close(server->sessions);
	unlink(server->path);
	uv_close((uv_handle_t *)&server->pipe, server_closed);
}
