// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sluiced of a later release: the whole daemon with another relay program in
 * it, as relay_elf() is defined here and not taken from the archive.
 *
 * KILL_SAVE=N in the environment: SIGKILL at the Nth step of saving the state,
 * for which the calls that make one up are defined here as well.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <net/loader_next.skel.h>

#include "loader/set.h"

#include "../../agent/sluiced.c"

static int saving = -1; /* the new state's descriptor */
static int steps;

const void *relay_elf(size_t *size)
{
	return loader_next_bpf__elf_bytes(size);
}

static bool is_last_step(void)
{
	const char *last = getenv("KILL_SAVE");

	return last && ++steps == atoi(last);
}

static void step(void)
{
	if (is_last_step())
		raise(SIGKILL);
}

static bool is_new_state(const char *path)
{
	size_t len = strlen(path);

	return len > 4 && !strcmp(path + len - 4, ".new");
}

int open(const char *path, int flags, ...)
{
	int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
	mode_t mode = 0;
	va_list args;

	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	if (!is_new_state(path))
		return real(path, flags, mode);
	steps = 0;
	step();
	saving = real(path, flags, mode);
	return saving;
}

int fchmod(int fd, mode_t mode)
{
	int (*real)(int, mode_t) = dlsym(RTLD_NEXT, "fchmod");

	if (fd == saving)
		step();
	return real(fd, mode);
}

ssize_t write(int fd, const void *data, size_t len)
{
	ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");

	if (fd == saving && is_last_step()) {
		real(fd, data, len / 2);
		raise(SIGKILL);
	}
	return real(fd, data, len);
}

int fsync(int fd)
{
	int (*real)(int) = dlsym(RTLD_NEXT, "fsync");

	if (saving >= 0)
		step();
	return real(fd);
}

int rename(const char *from, const char *to)
{
	int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");

	if (saving >= 0)
		step();
	return real(from, to);
}
