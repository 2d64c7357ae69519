/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of this folder share: the handle, the pins below it, and the
 * sentence about the last failure. Nobody outside the folder includes this,
 * apart from tests.
 *
 * A set is complete when its `meta` is pinned: that pin is made last and taken
 * away first, so whatever lies around without it is a torn load or unload and
 * may be removed by the holder of the lock.
 */
#ifndef SLUICE_LOADER_SET_H
#define SLUICE_LOADER_SET_H

#include <dirent.h>

#include <bpf/libbpf.h>

#include "loader/loader.h"

/* error.c */

/* Keeps the sentence for loader_error() and returns err, for `return`. */
__attribute__((format(printf, 2, 3))) int error_set(int err, const char *format,
						    ...);
/* Forgets libbpf's warnings; error_detail() is what matters of those since. */
void error_collect(void);
const char *error_detail(void);

/* pins.c */

#define PINS_ROOT_LEN 256
#define PINS_PATH_LEN (PINS_ROOT_LEN + 128)
/* maps/NAME: what lies below a set. */
#define PINS_MAPS "maps"
#define PINS_PROGS "progs"
#define PINS_LINKS "links"

struct pins {
	char root[PINS_ROOT_LEN];
	char base[PINS_ROOT_LEN + 16]; /* ROOT/v<ABI> */
	int lock_fd; /* -1: not held */
};

/* Only says where the set would be. */
int pins_locate(struct pins *pins, const char *root, unsigned int abi);
/* Mounts and makes the folders where they are missing, then locks. */
int pins_prepare(struct pins *pins);
int pins_lock(struct pins *pins);
void pins_unlock(struct pins *pins);

int pins_get(const struct pins *pins, const char *kind, const char *name,
	     uint32_t file_flags);
int pins_put(const struct pins *pins, const char *kind, const char *name,
	     int fd);
/* Puts fd in the place of a pin; at no time is there none. */
int pins_replace(const struct pins *pins, const char *kind, const char *name,
		 int fd);
int pins_rename(const struct pins *pins, const char *kind, const char *from,
		const char *to);
int pins_remove(const struct pins *pins, const char *kind, const char *name);
bool pins_exist(const struct pins *pins, const char *kind, const char *name);

/* Names of one kind, sorted; how many, or -errno. free with pins_list_free. */
int pins_list(const struct pins *pins, const char *kind, struct dirent ***list);
void pins_list_free(struct dirent **list, int count);
/* The ABI numbers of the sets below root; how many, or -errno. */
int pins_versions(const char *root, unsigned int *abis, int max);
/* Removes every pin of the set in the safe order, and its folders. */
int pins_clear(const struct pins *pins);

/* maps.c */

struct map {
	char name[BPF_OBJ_NAME_LEN];
	int fd;
	uint32_t entries;
	void *memory; /* NULL: not mappable */
	size_t length;
};

int maps_add(struct loader *loader, const char *name, int fd);
int maps_add_pinned(struct loader *loader, const struct bpf_object *object);
int maps_add_loaded(struct loader *loader, const struct bpf_object *object);
/* -EEXIST and what differs, unless each is what the object would make. */
int maps_compare(const struct loader *loader, const struct bpf_object *object);
void maps_close(struct loader *loader);
/* What the kernel accounts for a map, in bytes; 0: it does not say. */
uint64_t maps_bytes(int fd);

/* object.c */

/* The ELF file that a skeleton carries, each in a file of its own. */
const void *relay_elf(size_t *size);

/* Every object of this build; the last one has no name. */
struct own_object {
	const char *name;
	const void *(*elf)(size_t *size);
};
extern const struct own_object own_objects[];

int object_open_own(struct bpf_object **out, const struct own_object *own);
/* The object as this machine needs it. */
int object_open(struct bpf_object **out, const char *name, const void *elf,
		size_t size);
/* Sets a constant of the object by its name; -ENOENT if it has none. */
int object_set_constant(struct bpf_object *object, const char *name,
			uint64_t value);
/* The hash that names this build, NUL-padded hex. */
void object_build(char build[SLUICE_BUILD_LEN], const void *elf, size_t size);
int object_load(struct bpf_object *object);

/* shape.c */

/* What the sizes of the relay's maps follow from. */
struct shape {
	uint32_t buckets; /* 2 or more */
	uint32_t spill;
	uint32_t legs;
	uint32_t peers; /* at most as many as legs */
	uint32_t cpus;
};

/* -E2BIG if the tables' numbers would not fit. */
int shape_of_sizes(struct shape *shape, const struct loader_relay_sizes *sizes,
		   uint32_t cpus);
uint32_t shape_stride(const struct shape *shape);
/* max_entries of a map by name; 0: as the object has it. */
uint32_t shape_entries(const struct shape *shape, const char *map);

/* link.c */

/* Makes the loaded program the pinned one and writes its build into meta. */
int link_commit(struct loader *loader);

#define LOADER_MAPS 32

struct loader {
	struct pins pins;
	bool pinned; /* false: a scratch set */
	bool readonly; /* peeked */
	bool adopted;
	bool upgrade; /* prog_fd is not what is pinned yet */
	char build[SLUICE_BUILD_LEN]; /* of this binary */
	struct sluice_meta meta;
	int prog_fd; /* -1: peeked, or none */
	uint32_t prog_id; /* of the program of this build; 0: not loaded */
	struct map map[LOADER_MAPS];
	int maps;
	struct ring_buffer *ring;
	loader_event_fn event_fn;
	void *event_ctx;
};

#endif
