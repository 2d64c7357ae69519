// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The relay's set: made afresh, taken over, looked at, removed.
 *
 * Fresh: size, load, fill, pin; `meta` last. Taken over: `meta`, then every
 * map must be what this build would make; a program of another build is loaded
 * on the pinned maps and waits for loader_attach() to put it in place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <sluice/reason.h>

#include "loader/set.h"

#define ROLE "relay"
#define PROGRAM "relay"
#define VERSIONS_MAX 32

static const struct loader_relay_sizes default_sizes;

static struct loader *new_loader(void)
{
	struct loader *loader = calloc(1, sizeof(*loader));

	if (!loader) {
		error_set(-ENOMEM, "Out of memory");
		return NULL;
	}
	loader->prog_fd = -1;
	loader->pins.lock_fd = -1;
	return loader;
}

void loader_close(struct loader *loader)
{
	if (!loader)
		return;
	ring_buffer__free(loader->ring);
	maps_close(loader);
	if (loader->prog_fd >= 0)
		close(loader->prog_fd);
	pins_unlock(&loader->pins);
	free(loader);
}

bool loader_adopted(const struct loader *loader)
{
	return loader->adopted;
}

const struct sluice_meta *loader_meta(const struct loader *loader)
{
	return &loader->meta;
}

int loader_program_fd(struct loader *loader)
{
	if (loader->prog_fd < 0)
		return error_set(-ENOENT, "No program is loaded");
	return loader->prog_fd;
}

static int open_object(struct loader *loader, struct bpf_object **out)
{
	size_t size;
	const void *elf = relay_elf(&size);

	object_build(loader->build, elf, size);
	return object_open(out, ROLE, elf, size);
}

static int apply_shape(struct bpf_object *object, const struct shape *shape)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		const char *name = bpf_map__name(map);
		uint32_t entries = shape_entries(shape, name);
		int err = 0;

		if (entries)
			err = bpf_map__set_max_entries(map, entries);
		if (err)
			return error_set(err, "Can not size the map %s: %s",
					 name, strerror(-err));
	}
	return 0;
}

static uint32_t entries_of(const struct loader *loader, const char *name)
{
	for (int i = 0; i < loader->maps; i++) {
		if (!strcmp(loader->map[i].name, name))
			return loader->map[i].entries;
	}
	return 0;
}

/* Nonsense comes out as sizes that maps_compare() then refuses. */
static struct shape shape_of_pins(const struct loader *loader)
{
	uint32_t legs = entries_of(loader, "relay_leg");

	return (struct shape){
		.buckets = entries_of(loader, "relay_session") ?: 2,
		.spill = entries_of(loader, "relay_spill"),
		.legs = legs ? legs - 1 : 0,
		.peers =
			legs ? entries_of(loader, "relay_known") - legs + 1 : 0,
		.cpus = loader->meta.cpus,
	};
}

static int take_program(struct loader *loader, int fd)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	if (fd < 0)
		return error_set(-errno, "Can not keep the program open: %s",
				 strerror(errno));
	loader->prog_fd = fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return error_set(-errno, "Can not look at the program: %s",
				 strerror(errno));
	loader->prog_id = info.id;
	return 0;
}

static int load_program(struct loader *loader, struct bpf_object *object)
{
	const struct bpf_program *program;
	int err = object_load(object);

	if (err)
		return err;
	program = bpf_object__find_program_by_name(object, PROGRAM);
	if (!program)
		return error_set(-ENOENT,
				 "This binary has no program %s: build again",
				 PROGRAM);
	return take_program(
		loader, fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0));
}

static int put(const struct loader *loader, const char *map, uint32_t key,
	       const void *value)
{
	int fd = loader_map_fd(loader, map), err;

	if (fd < 0)
		return fd;
	err = loader_map_update(fd, &key, value);
	if (err)
		return error_set(err, "Can not write to the map %s: %s", map,
				 strerror(-err));
	return 0;
}

/*
 * The names stay writable: a later build may append reasons. Nobody but
 * readers of counters uses them.
 */
static int fill_names(const struct loader *loader)
{
	static const struct sluice_reason_name names[] = {
#define NAME(name, verdict, text) {#name},
		SLUICE_REASONS(NAME)
#undef NAME
	};
	int err = 0;

	for (uint32_t i = 0; !err && i < SLUICE_REASON_COUNT; i++)
		err = put(loader, "reason_name", i, &names[i]);
	return err;
}

/* A rate of packets a second as the nanoseconds that each one costs. */
#define LIMIT(rate, most) \
	{ \
		.cost_ns = 1000000000U / (rate), .burst = (most) \
	}

/*
 * What describes the table, and the rest such that a set without an agent
 * changes nothing: no port is the relay's.
 */
static int fill_config(const struct loader *loader, const struct shape *shape)
{
	struct relay_config config = {
		.bucket_count = shape->buckets,
		.count_stride = shape_stride(shape),
		.event_interval_ns = 10 * 1000 * 1000,
		.limit =
			{
				[RELAY_RATE_STRANGER] = LIMIT(20, 5),
				[RELAY_RATE_KNOWN] = LIMIT(200, 100),
				[RELAY_RATE_ADDRESS] = LIMIT(20, 5),
				[RELAY_RATE_MISMATCH] = LIMIT(20, 5),
				[RELAY_RATE_SLOW] = LIMIT(1000, 100),
			},
	};
	uint64_t seeds[2];

	if (getrandom(seeds, sizeof(seeds), 0) != sizeof(seeds))
		return error_set(-errno, "No random numbers: %s",
				 strerror(errno));
	config.seed_mul = seeds[0] | 1;
	config.seed_add = seeds[1];
	return put(loader, "relay_config", 0, &config);
}

static int fill_meta(struct loader *loader, const struct shape *shape)
{
	loader->meta = (struct sluice_meta){
		.magic = SLUICE_MAGIC,
		.abi = SLUICE_ABI,
		.role = ROLE,
		.cpus = shape->cpus,
		.loaded_at = (uint64_t)time(NULL),
	};
	memcpy(loader->meta.build, loader->build, SLUICE_BUILD_LEN);
	return put(loader, "meta", 0, &loader->meta);
}

/* Everything of a fresh set but its pins. */
static int make_set(struct loader *loader,
		    const struct loader_relay_sizes *sizes)
{
	struct bpf_object *object;
	struct shape shape;
	int err = shape_of_sizes(&shape, sizes ?: &default_sizes,
				 (uint32_t)loader_cpus());

	if (!err)
		err = open_object(loader, &object);
	if (err)
		return err;
	err = apply_shape(object, &shape);
	if (!err)
		err = load_program(loader, object);
	if (!err)
		err = maps_add_loaded(loader, object);
	bpf_object__close(object); /* the handle has its own descriptors */
	if (!err)
		err = fill_names(loader);
	if (!err)
		err = fill_config(loader, &shape);
	if (!err)
		err = fill_meta(loader, &shape);
	return err;
}

static int pin_set(struct loader *loader)
{
	int err = pins_put(&loader->pins, PINS_PROGS, PROGRAM, loader->prog_fd);

	for (int i = 0; !err && i < loader->maps; i++) {
		const struct map *map = &loader->map[i];

		if (strcmp(map->name, "meta") != 0)
			err = pins_put(&loader->pins, PINS_MAPS, map->name,
				       map->fd);
	}
	if (!err)
		err = pins_put(&loader->pins, PINS_MAPS, "meta",
			       loader_map_fd(loader, "meta"));
	return err;
}

static int refuse_orphans(const struct pins *pins)
{
	struct dirent **list;
	int count = pins_list(pins, PINS_LINKS, &list);

	pins_list_free(list, count);
	if (count > 0)
		return error_set(
			-EEXIST,
			"%s has links but no meta: something that is not Sluice was here; look at it with bpftool, then `sluice-load unload` removes it",
			pins->base);
	return 0;
}

static int create(struct loader *loader, const struct loader_relay_sizes *sizes)
{
	int err = refuse_orphans(&loader->pins);

	if (err)
		return err;
	err = make_set(loader, sizes);
	if (err)
		goto remove;
	/* A torn load or unload, if there was one. */
	for (int i = 0; i < loader->maps; i++)
		pins_remove(&loader->pins, PINS_MAPS, loader->map[i].name);
	pins_remove(&loader->pins, PINS_PROGS, PROGRAM);
	err = pin_set(loader);
	if (!err)
		return 0;
remove:
	pins_clear(&loader->pins);
	return err;
}

static int check_meta(const struct pins *pins, const struct sluice_meta *meta)
{
	if (meta->magic != SLUICE_MAGIC)
		return error_set(
			-EEXIST,
			"%s was not made by Sluice: move it away, or use another pin root",
			pins->base);
	if (meta->abi != SLUICE_ABI)
		return error_set(
			-EEXIST,
			"%s has layout %u, this program knows %u: remove it with `sluice-load unload` (it stops forwarding) and load again",
			pins->base, meta->abi, SLUICE_ABI);
	if (strncmp(meta->role, ROLE, sizeof(meta->role)) != 0)
		return error_set(
			-EEXIST,
			"%s belongs to the role %.15s, not to the %s: use another pin root",
			pins->base, meta->role, ROLE);
	return 0;
}

static int read_meta(const struct pins *pins, struct sluice_meta *meta)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info), zero = 0;
	int fd = pins_get(pins, PINS_MAPS, "meta", BPF_F_RDONLY), err = 0;

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		err = -errno;
	else if (info.type != BPF_MAP_TYPE_ARRAY || info.key_size != 4 ||
		 info.value_size != sizeof(*meta))
		memset(meta, 0, sizeof(*meta)); /* no magic */
	else
		err = loader_map_lookup(fd, &zero, meta);
	close(fd);
	if (err)
		return error_set(err, "Can not read %s/maps/meta: %s",
				 pins->base, strerror(-err));
	return 0;
}

static bool same_build(const struct loader *loader)
{
	return !memcmp(loader->build, loader->meta.build, SLUICE_BUILD_LEN) &&
	       pins_exist(&loader->pins, PINS_PROGS, PROGRAM);
}

/* Another build's program on the maps that are pinned. */
static int load_upgrade(struct loader *loader, struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		int err;

		if (bpf_map__is_internal(map))
			continue;
		err = bpf_map__reuse_fd(
			map, loader_map_fd(loader, bpf_map__name(map)));
		if (err)
			return error_set(err,
					 "Can not take over the map %s: %s",
					 bpf_map__name(map), strerror(-err));
	}
	loader->upgrade = true;
	return load_program(loader, object);
}

/* Opens the pinned maps if they are what the object would make. */
static int open_pinned(struct loader *loader, struct bpf_object *object,
		       const struct loader_relay_sizes *sizes)
{
	struct shape shape;
	int err = maps_add_pinned(loader, object);

	if (err)
		return err;
	if (sizes)
		err = shape_of_sizes(&shape, sizes, (uint32_t)loader_cpus());
	else
		shape = shape_of_pins(loader);
	if (!err)
		err = apply_shape(object, &shape);
	if (!err)
		err = maps_compare(loader, object);
	return err;
}

static int adopt(struct loader *loader, const struct loader_relay_sizes *sizes)
{
	struct bpf_object *object;
	int err = check_meta(&loader->pins, &loader->meta);

	if (!err)
		err = open_object(loader, &object);
	if (err)
		return err;
	loader->adopted = true;
	err = open_pinned(loader, object, sizes);
	if (!err && same_build(loader))
		err = take_program(loader, pins_get(&loader->pins, PINS_PROGS,
						    PROGRAM, 0));
	else if (!err)
		err = load_upgrade(loader, object);
	if (!err && loader->upgrade)
		err = fill_names(loader);
	bpf_object__close(object);
	return err;
}

/* Two layouts at once would fight for the same devices. */
static int refuse_other_versions(const struct pins *pins)
{
	unsigned int abis[VERSIONS_MAX];
	int count = pins_versions(pins->root, abis, VERSIONS_MAX);

	for (int i = 0; i < count; i++) {
		if (abis[i] != SLUICE_ABI)
			return error_set(
				-EEXIST,
				"%s/v%u holds layout %u, this program knows %u: remove it with `sluice-load unload` (it stops forwarding) and load again",
				pins->root, abis[i], abis[i], SLUICE_ABI);
	}
	return 0;
}

int loader_relay_open(struct loader **out, const char *pin_root,
		      const struct loader_relay_sizes *sizes)
{
	struct loader *loader = new_loader();
	int err;

	if (!loader)
		return -ENOMEM;
	loader->pinned = true;
	err = pins_locate(&loader->pins, pin_root, SLUICE_ABI);
	if (!err)
		err = refuse_other_versions(&loader->pins);
	if (!err)
		err = pins_prepare(&loader->pins);
	if (!err)
		err = read_meta(&loader->pins, &loader->meta);
	if (err == -ENOENT && loader->pins.lock_fd >= 0)
		err = create(loader, sizes);
	else if (!err)
		err = adopt(loader, sizes);
	if (err) {
		loader_close(loader);
		return err;
	}
	*out = loader;
	return 0;
}

int loader_relay_scratch(struct loader **out,
			 const struct loader_relay_sizes *sizes)
{
	struct loader *loader = new_loader();
	int err;

	if (!loader)
		return -ENOMEM;
	err = make_set(loader, sizes);
	if (err) {
		loader_close(loader);
		return err;
	}
	*out = loader;
	return 0;
}

/* Which program is this build's, if it is the pinned one. */
static int peek_program(struct loader *loader)
{
	int fd, err;

	if (!same_build(loader))
		return 0;
	fd = pins_get(&loader->pins, PINS_PROGS, PROGRAM, 0);
	if (fd < 0)
		return fd;
	err = take_program(loader, fd);
	return err;
}

static int peek(struct loader *loader)
{
	struct bpf_object *object;
	int err = check_meta(&loader->pins, &loader->meta);

	if (!err)
		err = open_object(loader, &object);
	if (err)
		return err;
	err = open_pinned(loader, object, NULL);
	bpf_object__close(object);
	if (!err)
		err = peek_program(loader);
	return err;
}

int loader_relay_peek(struct loader **out, const char *pin_root)
{
	struct loader *loader = new_loader();
	int err;

	if (!loader)
		return -ENOMEM;
	loader->pinned = true;
	loader->readonly = true;
	loader->adopted = true;
	err = pins_locate(&loader->pins, pin_root, SLUICE_ABI);
	if (!err)
		err = read_meta(&loader->pins, &loader->meta);
	if (err == -ENOENT)
		error_set(err, "Nothing is loaded below %s", loader->pins.root);
	if (!err)
		err = peek(loader);
	if (err) {
		loader_close(loader);
		return err;
	}
	*out = loader;
	return 0;
}

/* Of any layout: meta's head is the same in all of them. */
static int unload_version(const char *root, unsigned int abi)
{
	struct sluice_meta meta = {.magic = SLUICE_MAGIC, .role = ROLE};
	struct pins pins;
	int err = pins_locate(&pins, root, abi);

	if (!err)
		err = pins_lock(&pins);
	if (err == -EAGAIN || err == -ENOENT)
		return 0; /* another unload was faster */
	if (err)
		return err;
	if (pins_exist(&pins, PINS_MAPS, "meta"))
		err = read_meta(&pins, &meta);
	meta.abi = SLUICE_ABI;
	if (!err)
		err = check_meta(&pins, &meta);
	if (!err)
		err = pins_clear(&pins);
	pins_unlock(&pins);
	return err;
}

int loader_relay_unload(const char *pin_root)
{
	unsigned int abis[VERSIONS_MAX];
	const char *root = pin_root ?: LOADER_PIN_ROOT;
	int count = pins_versions(root, abis, VERSIONS_MAX), err = 0;

	if (count == 0 || count == -ENOENT)
		return error_set(-ENOENT, "Nothing is loaded below %s", root);
	if (count < 0)
		return error_set(count, "Can not look below %s: %s", root,
				 strerror(-count));
	for (int i = 0; !err && i < count; i++)
		err = unload_version(root, abis[i]);
	return err;
}
