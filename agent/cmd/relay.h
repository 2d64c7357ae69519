/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The relay's reports (relay/control.txt) as people read them. What a daemon of
 * another version leaves out is shown as "-" or 0. */
#ifndef SLUICE_CMD_RELAY_H
#define SLUICE_CMD_RELAY_H

#include <jansson.h>

void relay_show_status(const json_t *result);
void relay_show_peers(const json_t *result);
void relay_show_sessions(const json_t *result);
void relay_show_routes(const json_t *result);
void relay_show_blocks(const json_t *result);
void relay_show_event(const json_t *event);

#endif
