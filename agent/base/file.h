/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole files: read with a bound, written so that nothing is ever half there. */
#ifndef SLUICE_BASE_FILE_H
#define SLUICE_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* Reads at most max bytes into a malloc'd, NUL-terminated buffer. 0 or -errno;
 * -EFBIG if the file is larger. */
int file_read(const char *path, size_t max, char **text, size_t *len);

/* The same for secrets: refuses with -EPERM a file that group or others can
 * read (the message is the caller's), -EINVAL what is not a regular file. */
int file_read_secret(const char *path, size_t max, char **text, size_t *len);

/* Writes to PATH.new, syncs, renames, syncs the folder. One writer of a path at
 * a time: the caller holds a lock where there could be two. */
int file_replace(const char *path, mode_t mode, const void *data, size_t len);

#endif
