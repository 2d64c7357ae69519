/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serves the control protocol on a unix socket. A client that does not read its
 * answers is not read from either, so what it can make us hold is one request
 * and one answer. The process must ignore SIGPIPE.
 */
#ifndef SLUICE_BASE_CONTROL_SERVER_H
#define SLUICE_BASE_CONTROL_SERVER_H

#include <uv.h>

#include "base/control.h"

#define CONTROL_CLIENTS_MAX 64

struct control_server;

/*
 * Creates the socket, mode 0600 from its first moment, and its folder if that is
 * all that is missing. -EADDRINUSE: another daemon answers there; -EEXIST: what
 * lies there is no socket. A socket that nobody answers on is replaced.
 */
int control_server_open(struct control_server **out, uv_loop_t *loop,
			struct control *control, const char *path);
/* Removes the socket. Memory goes once the loop has run its closing callbacks. */
void control_server_close(struct control_server *server);

#endif
