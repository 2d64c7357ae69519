/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interface that a hub's or spoke's file describes: made, brought in line,
 * taken away. What fails here has said so; what is half made is undone.
 */
#ifndef SLUICE_CMD_TUNNEL_H
#define SLUICE_CMD_TUNNEL_H

#include "cmd/site.h"

/* A cmd_exit each. */
int tunnel_start(const struct site *site);
int tunnel_reload(const struct site *site);
int tunnel_stop(const struct site *site);

/* The interface is there and has the file's key. */
bool tunnel_is_up(const struct site *site);

#endif
