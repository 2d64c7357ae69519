// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loader of a later release, for loader.t: the whole library with another
 * program in it, as relay_elf() is defined here. It can also be killed at every
 * step that changes something outside the process, for which the calls that do
 * so are defined here as well.
 *
 *	loader_next ROOT attach IFNAME | unload | hold
 *
 * KILL_AT=N in the environment: SIGKILL before the Nth change.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <net/loader_next.skel.h>

#include "loader/set.h"

static int steps_left = -1;
static bool attaching; /* a map that is not pinned yet is nobody's business */

const void *relay_elf(size_t *size)
{
	return loader_next_bpf__elf_bytes(size);
}

static void step(void)
{
	if (steps_left > 0 && --steps_left == 0)
		kill(getpid(), SIGKILL);
}

static int sys_bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(__NR_bpf, command, attr, sizeof(*attr));
}

int bpf_obj_pin(int fd, const char *path)
{
	union bpf_attr attr = {.pathname = (uintptr_t)path,
			       .bpf_fd = (uint32_t)fd};

	step();
	return sys_bpf(BPF_OBJ_PIN, &attr);
}

int bpf_link_update(int link_fd, int new_fd,
		    const struct bpf_link_update_opts *opts)
{
	union bpf_attr attr = {.link_update = {
				       .link_fd = (uint32_t)link_fd,
				       .new_prog_fd = (uint32_t)new_fd,
				       .flags = opts->flags,
				       .old_prog_fd = opts->old_prog_fd,
			       }};

	step();
	return sys_bpf(BPF_LINK_UPDATE, &attr);
}

int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	union bpf_attr attr = {.map_fd = (uint32_t)fd,
			       .key = (uintptr_t)key,
			       .value = (uintptr_t)value,
			       .flags = flags};

	if (attaching)
		step();
	return sys_bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

int unlink(const char *path)
{
	if (!access(path, F_OK))
		step();
	return unlinkat(AT_FDCWD, path, 0);
}

int rename(const char *old, const char *new)
{
	step();
	return renameat(AT_FDCWD, old, AT_FDCWD, new);
}

static int attach(const char *root, const char *ifname)
{
	struct loader *loader;
	bool native;
	int err = loader_relay_open(&loader, root, NULL);

	if (err)
		return err;
	attaching = true;
	err = loader_attach(loader, ifname, LOADER_XDP_NATIVE, &native);
	loader_close(loader);
	return err;
}

/* Holds the set until standard input ends. */
static int hold(const char *root)
{
	struct loader *loader;
	int err = loader_relay_open(&loader, root, NULL);

	if (err)
		return err;
	printf("held\n");
	fflush(stdout);
	while (getchar() != EOF)
		;
	loader_close(loader);
	return 0;
}

int main(int argc, char **argv)
{
	const char *kill_at = getenv("KILL_AT");
	int err = -EINVAL;

	if (kill_at)
		steps_left = atoi(kill_at);
	if (argc == 4 && !strcmp(argv[2], "attach"))
		err = attach(argv[1], argv[3]);
	else if (argc == 3 && !strcmp(argv[2], "unload"))
		err = loader_relay_unload(argv[1]);
	else if (argc == 3 && !strcmp(argv[2], "hold"))
		err = hold(argv[1]);
	if (err)
		fprintf(stderr, "loader_next: %s\n", loader_error());
	return err != 0;
}
