// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pinned set in the BPF file system: where it is, who may touch it, and
 * how pins come and go.
 *
 *	ROOT/v<ABI>/maps/NAME		as the map is called
 *	ROOT/v<ABI>/progs/NAME		the program that links should run
 *	ROOT/v<ABI>/links/xdp_IFNAME	see link.c
 *
 * v<ABI> has mode 0700, and an exclusive flock on that directory makes its
 * holder the only one who changes anything: bpffs has no files to lock, but
 * flock works on every open directory. The lock ends with the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "loader/set.h"

#define BPFFS "/sys/fs/bpf"
#define BPFFS_MAGIC 0xcafe4a11

static const char *const kinds[] = {PINS_MAPS, PINS_PROGS, PINS_LINKS};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

int pins_locate(struct pins *pins, const char *root, unsigned int abi)
{
	struct pins new = {.lock_fd = -1};
	int len;

	len = snprintf(new.root, sizeof(new.root), "%s",
		       root ?: LOADER_PIN_ROOT);
	if (len >= (int)sizeof(new.root) || new.root[0] != '/')
		return error_set(
			-EINVAL,
			"The pin root %s must be an absolute path of less than %zu characters",
			root, sizeof(new.root));
	while (len > 1 && new.root[len - 1] == '/')
		new.root[--len] = '\0';
	snprintf(new.base, sizeof(new.base), "%s/v%u", new.root, abi);
	*pins = new;
	return 0;
}

static void path_of(char path[PINS_PATH_LEN], const struct pins *pins,
		    const char *kind, const char *name)
{
	snprintf(path, PINS_PATH_LEN, "%s/%s%s%.96s", pins->base, kind,
		 name ? "/" : "", name ?: "");
}

/* Is the path, or what will hold it once it is made, in a BPF file system? */
static bool is_bpffs(const char *path)
{
	char at[PINS_PATH_LEN];
	struct statfs fs;
	char *slash;

	snprintf(at, sizeof(at), "%s", path);
	while (statfs(at, &fs)) {
		slash = strrchr(at, '/');
		if (!slash || slash == at)
			return false;
		*slash = '\0';
	}
	return (uint32_t)fs.f_type == BPFFS_MAGIC;
}

static int make_parents(const char *path)
{
	char at[PINS_PATH_LEN];

	snprintf(at, sizeof(at), "%s", path);
	for (char *slash = strchr(at + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(at, 0700) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

static int make_directory(const char *path)
{
	int err = make_parents(path);

	if (!err && mkdir(path, 0700) && errno != EEXIST)
		err = -errno;
	if (err)
		return error_set(err, "Can not make the directory %s: %s", path,
				 strerror(-err));
	return 0;
}

static int mount_bpffs(const char *root)
{
	bool below = !strncmp(root, BPFFS "/", sizeof(BPFFS));
	const char *target = below ? BPFFS : root;
	int err;

	if (is_bpffs(root))
		return 0;
	err = below ? 0 : make_directory(root);
	if (err)
		return err;
	if (mount("bpf", target, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "mode=0700")) {
		err = -errno;
		return error_set(
			err,
			"There is no BPF file system at %s and mounting one failed (%s): run `mount -t bpf bpf %s` as root",
			target, strerror(-err), target);
	}
	return 0;
}

static pid_t lock_holder(int fd)
{
	char line[256];
	struct stat st;
	FILE *file;
	pid_t found = 0;

	if (fstat(fd, &st))
		return 0;
	file = fopen("/proc/locks", "re");
	if (!file)
		return 0;
	while (!found && fgets(line, sizeof(line), file)) {
		unsigned int major, minor;
		unsigned long long inode;
		int pid;

		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%llu", &pid,
			   &major, &minor, &inode) == 4 &&
		    major == major(st.st_dev) && minor == minor(st.st_dev) &&
		    inode == st.st_ino)
			found = pid;
	}
	fclose(file);
	return found;
}

static int refuse_lock(const struct pins *pins, int fd)
{
	pid_t holder = lock_holder(fd);

	if (holder > 0)
		return error_set(
			-EBUSY,
			"Process %d holds %s: stop it first, or use another pin root",
			(int)holder, pins->base);
	return error_set(
		-EBUSY,
		"Another process holds %s: stop it first, or use another pin root",
		pins->base);
}

/* An unload may have removed the directory between our open and our lock. */
static bool still_there(const struct pins *pins, int fd)
{
	struct stat mine, now;

	return !fstat(fd, &mine) && !stat(pins->base, &now) &&
	       mine.st_dev == now.st_dev && mine.st_ino == now.st_ino;
}

int pins_lock(struct pins *pins)
{
	int fd = open(pins->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0) {
		err = -errno;
		return error_set(err, "Can not open %s: %s", pins->base,
				 strerror(-err));
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		err = -errno;
		err = err == -EWOULDBLOCK
			      ? refuse_lock(pins, fd)
			      : error_set(err, "Can not lock %s: %s",
					  pins->base, strerror(-err));
	} else {
		err = still_there(pins, fd) ? 0 : -EAGAIN;
	}
	if (err) {
		close(fd);
		return err;
	}
	pins->lock_fd = fd;
	return 0;
}

void pins_unlock(struct pins *pins)
{
	if (pins->lock_fd >= 0)
		close(pins->lock_fd);
	pins->lock_fd = -1;
}

/* Owners see no more than root does, also where the directory was prepared. */
static int restrict_directory(const struct pins *pins)
{
	struct stat st;
	int err;

	if (fstat(pins->lock_fd, &st))
		return -errno;
	if ((st.st_mode & 07777) == 0700 || !fchmod(pins->lock_fd, 0700))
		return 0;
	err = -errno;
	return error_set(err, "%s is open to others and can not be closed: %s",
			 pins->base, strerror(-err));
}

int pins_prepare(struct pins *pins)
{
	char path[PINS_PATH_LEN];
	int err = mount_bpffs(pins->root);

	if (err)
		return err;
	do {
		err = make_directory(pins->base);
		if (!err)
			err = pins_lock(pins);
	} while (err == -EAGAIN);
	if (err)
		return err;
	err = restrict_directory(pins);
	for (size_t i = 0; !err && i < KINDS; i++) {
		path_of(path, pins, kinds[i], NULL);
		err = make_directory(path);
	}
	if (err)
		pins_unlock(pins);
	return err;
}

int pins_get(const struct pins *pins, const char *kind, const char *name,
	     uint32_t file_flags)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = file_flags);
	char path[PINS_PATH_LEN];
	int fd, err;

	path_of(path, pins, kind, name);
	fd = bpf_obj_get_opts(path, &opts);
	if (fd >= 0)
		return fd;
	err = -errno;
	if (err == -EPERM)
		return error_set(
			err,
			"Opening %s is not permitted: the capabilities CAP_BPF and CAP_NET_ADMIN are needed, so run it as root or give it both",
			path);
	return error_set(err, "Can not open %s: %s", path, strerror(-err));
}

int pins_put(const struct pins *pins, const char *kind, const char *name,
	     int fd)
{
	char path[PINS_PATH_LEN];
	int err;

	path_of(path, pins, kind, name);
	if (!bpf_obj_pin(fd, path))
		return 0;
	err = -errno;
	return error_set(err, "Can not pin %s: %s", path, strerror(-err));
}

int pins_rename(const struct pins *pins, const char *kind, const char *from,
		const char *to)
{
	char old[PINS_PATH_LEN], new[PINS_PATH_LEN];
	int err;

	path_of(old, pins, kind, from);
	path_of(new, pins, kind, to);
	if (!rename(old, new))
		return 0;
	err = -errno;
	return error_set(err, "Can not rename %s to %s: %s", old, new,
			 strerror(-err));
}

int pins_replace(const struct pins *pins, const char *kind, const char *name,
		 int fd)
{
	char fresh[64];
	int err;

	snprintf(fresh, sizeof(fresh), "%s_new", name);
	pins_remove(pins, kind, fresh); /* of a torn upgrade */
	err = pins_put(pins, kind, fresh, fd);
	if (!err)
		err = pins_rename(pins, kind, fresh, name);
	if (err)
		pins_remove(pins, kind, fresh);
	return err;
}

int pins_remove(const struct pins *pins, const char *kind, const char *name)
{
	char path[PINS_PATH_LEN];

	path_of(path, pins, kind, name);
	return unlink(path) ? -errno : 0;
}

bool pins_exist(const struct pins *pins, const char *kind, const char *name)
{
	char path[PINS_PATH_LEN];

	path_of(path, pins, kind, name);
	return !access(path, F_OK);
}

static int is_pin(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int pins_list(const struct pins *pins, const char *kind, struct dirent ***list)
{
	char path[PINS_PATH_LEN];
	int count;

	path_of(path, pins, kind, NULL);
	count = scandir(path, list, is_pin, alphasort);
	return count < 0 ? -errno : count;
}

void pins_list_free(struct dirent **list, int count)
{
	for (int i = 0; i < count; i++)
		free(list[i]);
	if (count >= 0)
		free(list);
}

int pins_versions(const char *root, unsigned int *abis, int max)
{
	DIR *dir = opendir(root);
	struct dirent *entry;
	unsigned int abi;
	int count = 0;
	char end;

	if (!dir)
		return -errno;
	while (count < max && (entry = readdir(dir))) {
		if (sscanf(entry->d_name, "v%u%c", &abi, &end) == 1)
			abis[count++] = abi;
	}
	closedir(dir);
	return count;
}

static int clear_kind(const struct pins *pins, const char *kind)
{
	struct dirent **list;
	int err = 0, removed, count = pins_list(pins, kind, &list);

	if (count < 0)
		return count == -ENOENT ? 0 : count;
	for (int i = 0; i < count; i++) {
		removed = pins_remove(pins, kind, list[i]->d_name);
		if (removed && !err)
			err = error_set(removed, "Can not remove %s/%s/%s: %s",
					pins->base, kind, list[i]->d_name,
					strerror(-removed));
	}
	pins_list_free(list, count);
	return err;
}

/* Links first, so that nothing runs on what is taken away, then meta. */
int pins_clear(const struct pins *pins)
{
	char path[PINS_PATH_LEN];
	int err = clear_kind(pins, PINS_LINKS);

	if (err)
		return err;
	pins_remove(pins, PINS_MAPS, "meta");
	err = clear_kind(pins, PINS_PROGS);
	if (!err)
		err = clear_kind(pins, PINS_MAPS);
	if (err)
		return err;
	for (size_t i = 0; i < KINDS; i++) {
		path_of(path, pins, kinds[i], NULL);
		rmdir(path);
	}
	rmdir(pins->base);
	rmdir(pins->root); /* unless it holds something else or is a mount */
	return 0;
}
