// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

#include "base/address.h"

/* A scraper needs one; strangers on a public address get no more than this. */
#define CONNECTIONS_MAX 32
#define CONNECTION_TIMEOUT_S 10
#define CONNECTION_MEMORY 8192

struct http_server {
	uv_poll_t poll;
	uv_timer_t timer;
	struct MHD_Daemon *daemon;
	const struct http_page *pages;
	void *ctx;
	int open_handles;
};

static enum MHD_Result respond(struct MHD_Connection *connection,
			       unsigned int status,
			       struct MHD_Response *response)
{
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result respond_text(struct MHD_Connection *connection,
				    unsigned int status, const char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);

	if (response && status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
					"GET, HEAD");
	return respond(connection, status, response);
}

static enum MHD_Result respond_page(struct http_server *server,
				    struct MHD_Connection *connection,
				    const struct http_page *page)
{
	struct MHD_Response *response;
	size_t len;
	char *text = page->render(server->ctx, &len);

	if (!text)
		return respond_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
				    "failed\n");
	response = MHD_create_response_from_buffer(len, text,
						   MHD_RESPMEM_MUST_FREE);
	if (!response)
		free(text);
	else
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
					page->content_type);
	return respond(connection, MHD_HTTP_OK, response);
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection,
			      const char *url, const char *method,
			      const char *version, const char *upload,
			      size_t *upload_size, void **state)
{
	static int headers_seen;
	struct http_server *server = cls;

	(void)version;
	(void)upload;
	/* The first call comes before a body: answer once it is over. */
	if (!*state) {
		*state = &headers_seen;
		return MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD))
		return respond_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				    "only GET\n");
	for (const struct http_page *page = server->pages; page->path; page++) {
		if (!strcmp(url, page->path))
			return respond_page(server, connection, page);
	}
	return respond_text(connection, MHD_HTTP_NOT_FOUND, "no such page\n");
}

static void turn(struct http_server *server);

static void on_timer(uv_timer_t *timer)
{
	turn(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	turn(poll->data);
}

static void turn(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	MHD_run(server->daemon);
	if (MHD_get_timeout(server->daemon, &timeout) == MHD_YES)
		uv_timer_start(&server->timer, on_timer, timeout, 0);
	else
		uv_timer_stop(&server->timer);
}

static struct MHD_Daemon *start(struct http_server *server,
				const uint8_t addr[16], uint16_t port)
{
	struct sockaddr_storage address;
	unsigned int flags = MHD_USE_EPOLL;

	address_to_sockaddr(&address, addr, port);
	if (address.ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	errno = 0;
	return MHD_start_daemon(
		flags, port, NULL, NULL, answer, server, MHD_OPTION_SOCK_ADDR,
		&address, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_END);
}

int http_server_open(struct http_server **out, uv_loop_t *loop,
		     const uint8_t addr[16], uint16_t port,
		     const struct http_page *pages, void *ctx)
{
	struct http_server *server = calloc(1, sizeof(*server));
	const union MHD_DaemonInfo *info;
	int err;

	if (!server)
		return -ENOMEM;
	server->pages = pages;
	server->ctx = ctx;
	server->daemon = start(server, addr, port);
	if (!server->daemon) {
		err = errno ? -errno : -EIO;
		goto fail_start;
	}
	info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	err = info ? uv_poll_init(loop, &server->poll, info->epoll_fd) : -EIO;
	if (err)
		goto fail_poll;
	uv_timer_init(loop, &server->timer);
	server->poll.data = server->timer.data = server;
	server->open_handles = 2;
	uv_poll_start(&server->poll, UV_READABLE, on_poll);
	*out = server;
	return 0;
fail_poll:
	MHD_stop_daemon(server->daemon);
fail_start:
	free(server);
	return err;
}

static void handle_closed(uv_handle_t *handle)
{
	struct http_server *server = handle->data;

	if (!--server->open_handles)
		free(server);
}

void http_server_close(struct http_server *server)
{
	if (!server)
		return;
	uv_close((uv_handle_t *)&server->poll, handle_closed);
	uv_close((uv_handle_t *)&server->timer, handle_closed);
	MHD_stop_daemon(server->daemon);
}
