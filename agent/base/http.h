/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small HTTP server on the daemon's own loop: libmicrohttpd without threads,
 * polled through its epoll descriptor. It serves pages that are made on demand.
 */
#ifndef SLUICE_BASE_HTTP_H
#define SLUICE_BASE_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct http_page {
	const char *path; /* "/metrics" */
	const char *content_type;
	/* malloc'd text, its length in *len; NULL: answer 500. */
	char *(*render)(void *ctx, size_t *len);
};

struct http_server;

/* pages ends with a NULL path and must outlive the server. Addresses mapped. */
int http_server_open(struct http_server **out, uv_loop_t *loop,
		     const uint8_t addr[16], uint16_t port,
		     const struct http_page *pages, void *ctx);
void http_server_close(struct http_server *server);

#endif
