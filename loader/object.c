// SPDX-License-Identifier: GPL-2.0-or-later
/* A BPF object between its ELF bytes and the kernel. */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <linux/capability.h>
#include <sodium.h>

#include "loader/probe.h"
#include "loader/set.h"

/* Does this machine need barriers to read what is being written? */
#if defined(__x86_64__) || defined(__i386__) || defined(__s390x__)
#define WEAK_ORDER 0
#else
#define WEAK_ORDER 1
#endif

const struct own_object own_objects[] = {
	{"relay", relay_elf},
	{NULL, NULL},
};

/* libbpf has error numbers of its own, from 4000 on: about the ELF file. */
static int plain_error(int err)
{
	return err <= -__LIBBPF_ERRNO__START ? -EINVAL : err;
}

static const struct btf_var_secinfo *find_constant(const struct btf *btf,
						   const char *name)
{
	const struct btf_type *section, *var;
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);

	if (id < 0)
		return NULL;
	section = btf__type_by_id(btf, id);
	for (int i = 0; i < btf_vlen(section); i++) {
		var = btf__type_by_id(btf, btf_var_secinfos(section)[i].type);
		if (!strcmp(btf__name_by_offset(btf, var->name_off), name))
			return &btf_var_secinfos(section)[i];
	}
	return NULL;
}

static struct bpf_map *find_rodata(struct bpf_object *object)
{
	struct bpf_map *map;

	/* libbpf's name for it is cut to fit: "relay.rodata" and the like. */
	bpf_object__for_each_map(map, object)
	{
		if (bpf_map__is_internal(map) &&
		    strstr(bpf_map__name(map), ".rodata"))
			return map;
	}
	return NULL;
}

int object_set_constant(struct bpf_object *object, const char *name,
			uint64_t value)
{
	const struct btf_var_secinfo *at =
		find_constant(bpf_object__btf(object), name);
	struct bpf_map *map = find_rodata(object);
	size_t size;
	/* Writable whatever libbpf's version declares: skeletons write there. */
	char *data = map ? (char *)bpf_map__initial_value(map, &size) : NULL;

	if (!at || !data || at->offset + (size_t)at->size > size)
		return error_set(
			-ENOENT,
			"The program in this binary has no constant %s: the build is mixed, run `make clean` and build again",
			name);
	switch (at->size) {
	case 1:
		*(uint8_t *)(data + at->offset) = value;
		return 0;
	case 2:
		*(uint16_t *)(data + at->offset) = value;
		return 0;
	case 4:
		*(uint32_t *)(data + at->offset) = value;
		return 0;
	case 8:
		*(uint64_t *)(data + at->offset) = value;
		return 0;
	default:
		return error_set(-EINVAL, "The constant %s is no integer",
				 name);
	}
}

int object_open(struct bpf_object **out, const char *name, const void *elf,
		size_t size)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
	struct bpf_object *object;
	int err;

	error_collect();
	object = bpf_object__open_mem(elf, size, &opts);
	if (!object)
		return error_set(
			plain_error(-errno),
			"The program %s in this binary can not be read (%s): build it for this machine",
			name, error_detail());
	err = object_set_constant(object, "weak_order",
				  WEAK_ORDER && !probe_barrier());
	if (err) {
		bpf_object__close(object);
		return err;
	}
	*out = object;
	return 0;
}

int object_open_own(struct bpf_object **out, const struct own_object *own)
{
	size_t size;
	const void *elf = own->elf(&size);

	return object_open(out, own->name, elf, size);
}

void object_build(char build[SLUICE_BUILD_LEN], const void *elf, size_t size)
{
	uint8_t hash[crypto_generichash_BYTES_MIN];
	char hex[2 * sizeof(hash) + 1];

	crypto_generichash(hash, sizeof(hash), elf, size, NULL, 0);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	memset(build, 0, SLUICE_BUILD_LEN);
	memcpy(build, hex, SLUICE_BUILD_LEN - 2);
}

/*
 * A packet pointer plus a number that is only bounded is what a speculating
 * CPU could abuse: the verifier takes it from CAP_PERFMON only.
 */
static bool may_use_offsets(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	uint64_t effective;

	if (syscall(SYS_capget, &head, data))
		return true;
	effective = (uint64_t)data[1].effective << 32 | data[0].effective;
	return effective & (1ULL << CAP_PERFMON | 1ULL << CAP_SYS_ADMIN);
}

static int explain_load(int err, const char *name)
{
	switch (err) {
	case -EPERM:
		return error_set(
			err,
			"Loading the program %s is not permitted: the capabilities CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON are needed, so run it as root or give it these",
			name);
	case -ENOMEM:
	case -ENOSPC:
		return error_set(
			err,
			"There is not enough memory for the maps of %s (%s): ask for fewer peers or sessions",
			name, error_detail());
	case -EACCES:
		if (!may_use_offsets())
			return error_set(
				-EPERM,
				"The program %s needs CAP_PERFMON to load (%s): load it with that or as root; afterwards CAP_BPF and CAP_NET_ADMIN are enough",
				name, error_detail());
		break;
	default:
		break;
	}
	return error_set(
		err,
		"The kernel refused the program %s (%s): %s; `sluice-load probe` says what this kernel lacks",
		name, strerror(-err), error_detail());
}

/*
 * libbpf raises RLIMIT_MEMLOCK where the kernel still counts by it (before
 * 5.11) and goes on if it may not, which is what we want.
 */
int object_load(struct bpf_object *object)
{
	int err;

	error_collect();
	err = plain_error(bpf_object__load(object));
	return err ? explain_load(err, bpf_object__name(object)) : 0;
}
