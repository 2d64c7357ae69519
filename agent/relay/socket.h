/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The relay's UDP sockets: one a port, both families. A datagram comes with the
 * local address it was sent to and leaves from exactly the address it is asked
 * to leave from, whatever the routes would choose.
 */
#ifndef SLUICE_RELAY_SOCKET_H
#define SLUICE_RELAY_SOCKET_H

#include <uv.h>

#include "wg/tunnel.h"

struct relay_sockets;

struct relay_socket_ops {
	void (*input)(void *ctx, const struct wg_path *path, const void *data,
		      size_t len);
	/* After each batch of input. */
	void (*batch_end)(void *ctx);
};

/* -EADDRINUSE if somebody has one of the ports (it is named in the log). */
int relay_sockets_open(struct relay_sockets **out, uv_loop_t *loop,
		       uint16_t port_min, uint16_t port_max,
		       const struct relay_socket_ops *ops, void *ctx);
/* Until this is called datagrams wait in the sockets. */
void relay_sockets_start(struct relay_sockets *sockets);
void relay_sockets_close(struct relay_sockets *sockets);

/* Loss is allowed: what the kernel refuses is counted and forgotten. */
void relay_sockets_send(struct relay_sockets *sockets,
			const struct wg_path *path, const void *data,
			size_t len);

#endif
