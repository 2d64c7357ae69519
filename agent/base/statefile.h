/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A role's memory across restarts: a JSON object {"sluice": 1, ...} in a file,
 * written whole and soon after something changed. What fails is logged, and
 * tried again.
 */
#ifndef SLUICE_BASE_STATEFILE_H
#define SLUICE_BASE_STATEFILE_H

#include <jansson.h>
#include <uv.h>

struct statefile;

/* make returns the document, a new reference; owner is whose state it is, in
 * messages, and stays the caller's. */
int statefile_open(struct statefile **out, uv_loop_t *loop, const char *owner,
		   const char *path, json_t *(*make)(void *ctx), void *ctx);
/* Writes what is unsaved. */
void statefile_close(struct statefile *file);

/* -ENOENT: there is none yet. After any other error it was set aside. */
int statefile_read(struct statefile *file, json_t **document);
/* Keeps a file that is of no use under another name, so that the next save
 * destroys nothing; logged. */
void statefile_set_aside(const struct statefile *file);
/* Something changed: saves within a second, unless the last save was slow. */
void statefile_dirty(struct statefile *file);
void statefile_set_path(struct statefile *file, const char *path);

#endif
