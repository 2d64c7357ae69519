// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#define READ_CHUNK 4096

static void free_wiped(char *text, size_t size)
{
	if (text)
		sodium_memzero(text, size);
	free(text);
}

/* Not realloc: it leaves copies of secrets behind. */
static int grow(char **text, size_t *size, size_t len)
{
	size_t new_size = *size ? *size * 2 : READ_CHUNK;
	char *new_text = malloc(new_size);

	if (!new_text)
		return -ENOMEM;
	if (len)
		memcpy(new_text, *text, len);
	free_wiped(*text, *size);
	*text = new_text;
	*size = new_size;
	return 0;
}

static int read_all(int fd, size_t max, char **out, size_t *out_len)
{
	char *text = NULL;
	size_t size = 0, len = 0;
	ssize_t got = 1;
	int err;

	while (got) {
		if (len + 1 >= size) {
			err = grow(&text, &size, len);
			if (err)
				goto fail;
		}
		got = read(fd, text + len, size - len - 1);
		if (got < 0) {
			err = -errno;
			if (err == -EINTR)
				continue;
			goto fail;
		}
		len += (size_t)got;
		if (len > max) {
			err = -EFBIG;
			goto fail;
		}
	}
	text[len] = '\0';
	*out = text;
	*out_len = len;
	return 0;
fail:
	free_wiped(text, size);
	return err;
}

int file_read(const char *path, size_t max, char **text, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int err;

	if (fd < 0)
		return -errno;
	err = read_all(fd, max, text, len);
	close(fd);
	return err;
}

int file_read_secret(const char *path, size_t max, char **text, size_t *len)
{
	/* Non-blocking, so that a FIFO is refused rather than waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int err;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	else if (st.st_mode & (S_IRWXG | S_IRWXO))
		err = -EPERM;
	else
		err = read_all(fd, max, text, len);
	close(fd);
	return err;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t done = write(fd, data, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		data += done;
		len -= (size_t)done;
	}
	return 0;
}

static int fill(int fd, mode_t mode, const void *data, size_t len)
{
	int err = fchmod(fd, mode) ? -errno : write_all(fd, data, len);

	if (!err && fsync(fd))
		err = -errno;
	return err;
}

/* The rename itself is durable only once its folder is (rename(2) and fsync(2)
 * say nothing about each other). */
static int sync_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd, err = 0;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Some file systems can not sync a folder and say EINVAL. */
	if (fsync(fd) && errno != EINVAL)
		err = -errno;
	close(fd);
	return err;
}

int file_replace(const char *path, mode_t mode, const void *data, size_t len)
{
	char temporary[PATH_MAX];
	int fd, err;

	/* One name, so that a writer that was killed leaves at most one. */
	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >=
	    (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = open(temporary,
		  O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = fill(fd, mode, data, len);
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(temporary, path))
		err = -errno;
	if (err) {
		unlink(temporary);
		return err;
	}
	return sync_folder(path);
}
