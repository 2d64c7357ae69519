/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The relay's memory across restarts: {"sluice": 1, "engine": ..., "blocks": ...}
 * in StateFile, written whole and soon after something changed.
 */
#ifndef SLUICE_RELAY_STATEFILE_H
#define SLUICE_RELAY_STATEFILE_H

#include <jansson.h>
#include <uv.h>

struct relay_statefile;

/* make returns the document, a new reference. */
int relay_statefile_open(struct relay_statefile **out, uv_loop_t *loop,
			 const char *path, json_t *(*make)(void *ctx),
			 void *ctx);
/* Writes what is unsaved. */
void relay_statefile_close(struct relay_statefile *file);

/* -ENOENT: there is none yet. After any other error it was set aside. */
int relay_statefile_read(struct relay_statefile *file, json_t **document);
/* Keeps a file that is of no use under another name, so that the next save
 * destroys nothing; logged. */
void relay_statefile_set_aside(const struct relay_statefile *file);
void relay_statefile_dirty(struct relay_statefile *file);
void relay_statefile_set_path(struct relay_statefile *file, const char *path);

#endif
