// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A set's maps: from the kernel's object or from their pins, compared, mapped
 * into memory where they can be, and read and written by element.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "loader/set.h"

static int map_info(int fd, struct bpf_map_info *info)
{
	uint32_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(fd, info, &len) ? -errno : 0;
}

/*
 * An array of values in memory has them a multiple of eight apart, and the
 * kernel maps whole pages.
 */
static int map_memory(struct map *map, const struct bpf_map_info *info,
		      bool readonly)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t length = (uint64_t)info->value_size * info->max_entries;
	void *memory;

	if (info->type != BPF_MAP_TYPE_ARRAY ||
	    !(info->map_flags & BPF_F_MMAPABLE))
		return 0;
	if (info->value_size % 8)
		return -EINVAL;
	length = (length + page - 1) / page * page;
	if (length > SIZE_MAX / 2)
		return -E2BIG;
	memory = mmap(NULL, (size_t)length,
		      PROT_READ | (readonly ? 0 : PROT_WRITE), MAP_SHARED,
		      map->fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	map->memory = memory;
	map->length = (size_t)length;
	return 0;
}

/* Takes fd over, also on failure. */
int maps_add(struct loader *loader, const char *name, int fd)
{
	struct map *map = &loader->map[loader->maps];
	struct bpf_map_info info;
	int err = -E2BIG;

	if (loader->maps == LOADER_MAPS)
		goto close_fd;
	*map = (struct map){.fd = fd};
	snprintf(map->name, sizeof(map->name), "%s", name);
	err = map_info(fd, &info);
	if (!err)
		err = map_memory(map, &info, loader->readonly);
	if (err)
		goto close_fd;
	map->entries = info.max_entries;
	loader->maps++;
	return 0;
close_fd:
	close(fd);
	return error_set(err, "Can not use the map %s: %s", name,
			 strerror(-err));
}

/*
 * From now on the descriptor only reads. Not before: the kernel takes a mapping
 * of a read-only file for a private one, which maps refuse.
 */
static int make_readonly(const struct loader *loader, const struct map *map)
{
	int fd = pins_get(&loader->pins, PINS_MAPS, map->name, BPF_F_RDONLY);
	int err = 0;

	if (fd < 0)
		return fd;
	if (dup3(fd, map->fd, O_CLOEXEC) < 0)
		err = error_set(-errno, "Can not keep a map open: %s",
				strerror(errno));
	close(fd);
	return err;
}

/* The constants' map has no pin: it belongs to its program. */
int maps_add_pinned(struct loader *loader, const struct bpf_object *object)
{
	const struct bpf_map *map;
	int fd, err;

	bpf_object__for_each_map(map, object)
	{
		const char *name = bpf_map__name(map);

		if (bpf_map__is_internal(map))
			continue;
		fd = pins_get(&loader->pins, PINS_MAPS, name, 0);
		if (fd == -ENOENT)
			return error_set(
				-EEXIST,
				"%s has no map %s, so another version of Sluice made it: remove it with `sluice-load unload` (it stops forwarding) and load again",
				loader->pins.base, name);
		if (fd < 0)
			return fd;
		err = maps_add(loader, name, fd);
		if (!err && loader->readonly)
			err = make_readonly(loader,
					    &loader->map[loader->maps - 1]);
		if (err)
			return err;
	}
	return 0;
}

int maps_add_loaded(struct loader *loader, const struct bpf_object *object)
{
	const struct bpf_map *map;
	int fd, err;

	bpf_object__for_each_map(map, object)
	{
		if (bpf_map__is_internal(map))
			continue;
		fd = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return error_set(-errno, "Can not keep a map open: %s",
					 strerror(errno));
		err = maps_add(loader, bpf_map__name(map), fd);
		if (err)
			return err;
	}
	return 0;
}

static int compare_map(const struct loader *loader, const struct bpf_map *want)
{
	const char *name = bpf_map__name(want);
	struct bpf_map_info have;
	int err = map_info(loader_map_fd(loader, name), &have);
	const struct {
		const char *what;
		uint32_t have, want;
	} rows[] = {
		{"type", have.type, bpf_map__type(want)},
		{"key size", have.key_size, bpf_map__key_size(want)},
		{"value size", have.value_size, bpf_map__value_size(want)},
		{"size", have.max_entries, bpf_map__max_entries(want)},
		{"flags", have.map_flags, bpf_map__map_flags(want)},
	};

	if (err)
		return error_set(err, "Can not look at the map %s: %s", name,
				 strerror(-err));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].have == rows[i].want)
			continue;
		return error_set(
			-EEXIST,
			"The map %s below %s has %s %u, wanted is %u: ask for what is there, or remove it with `sluice-load unload` (it stops forwarding) and load again",
			name, loader->pins.base, rows[i].what, rows[i].have,
			rows[i].want);
	}
	return 0;
}

int maps_compare(const struct loader *loader, const struct bpf_object *object)
{
	const struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, object)
	{
		if (!bpf_map__is_internal(map))
			err = compare_map(loader, map);
		if (err)
			return err;
	}
	return 0;
}

void maps_close(struct loader *loader)
{
	for (int i = 0; i < loader->maps; i++) {
		if (loader->map[i].memory)
			munmap(loader->map[i].memory, loader->map[i].length);
		close(loader->map[i].fd);
	}
	loader->maps = 0;
}

uint64_t maps_bytes(int fd)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	}
	fclose(file);
	return bytes;
}

static const struct map *find_map(const struct loader *loader, const char *name)
{
	for (int i = 0; i < loader->maps; i++) {
		if (!strcmp(loader->map[i].name, name))
			return &loader->map[i];
	}
	return NULL;
}

int loader_map_fd(const struct loader *loader, const char *name)
{
	const struct map *map = find_map(loader, name);

	if (!map)
		return error_set(-ENOENT, "There is no map %s", name);
	return map->fd;
}

void *loader_map_memory(const struct loader *loader, const char *name,
			size_t *entries)
{
	const struct map *map = find_map(loader, name);

	if (!map || !map->memory) {
		error_set(-ENOENT, "There is no map %s in memory", name);
		return NULL;
	}
	if (entries)
		*entries = map->entries;
	return map->memory;
}

int loader_map_lookup(int fd, const void *key, void *value)
{
	return bpf_map_lookup_elem(fd, key, value) ? -errno : 0;
}

int loader_map_update(int fd, const void *key, const void *value)
{
	return bpf_map_update_elem(fd, key, value, BPF_ANY) ? -errno : 0;
}

int loader_map_delete(int fd, const void *key)
{
	return bpf_map_delete_elem(fd, key) ? -errno : 0;
}

int loader_map_next_key(int fd, const void *key, void *next)
{
	return bpf_map_get_next_key(fd, key, next) ? -errno : 0;
}

int loader_map_lookup_percpu(int fd, const void *key, void *values)
{
	return loader_map_lookup(fd, key, values);
}

int loader_cpus(void)
{
	return libbpf_num_possible_cpus();
}
