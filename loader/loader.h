/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening, sizing, loading, pinning, attaching and replacing Sluice's programs.
 * libbpf is used in this folder and nowhere else; callers see file descriptors
 * and mapped memory.
 *
 * A `loader` is the handle on one role's pinned set below
 * ROOT/v<SLUICE_ABI>/{maps,progs,links}. Everything that is pinned outlives
 * the process: closing a handle never detaches anything.
 *
 * Functions return 0 or -errno and leave their outputs untouched on failure.
 * `loader_error()` has one sentence about the last failure that says what a
 * person can do.
 */
#ifndef SLUICE_LOADER_H
#define SLUICE_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/abi.h>

#define LOADER_PIN_ROOT "/sys/fs/bpf/sluice"

enum loader_xdp_mode {
	LOADER_XDP_NATIVE, /* the default: fail where the driver has no XDP */
	LOADER_XDP_GENERIC,
	LOADER_XDP_AUTO, /* native, else generic */
};

/* How large the relay's maps are. Zero means the default. */
struct loader_relay_sizes {
	uint32_t legs; /* as many as peers, at most RELAY_LEG_MAX */
	uint32_t sessions; /* 262144 receiver indices; two to six a peer pair */
	/* Whose legs these are: as many as legs, 16384 if neither is given. A
	 * peer with legs at several addresses may find no room for them all. */
	uint32_t peers;
};

struct loader;

/*
 * Opens the relay's set below pin_root (NULL: LOADER_PIN_ROOT), creating and
 * pinning the maps if there are none; mounts a bpffs there if there is none.
 * An existing set is taken over: its sizes stay if they are what is asked for.
 *   -EEXIST    another layout, another role, or other sizes are pinned there
 *   -EBUSY     another process holds the set (an exclusive lock is kept)
 *   -EPERM     capabilities CAP_BPF and CAP_NET_ADMIN are missing, or, where a
 *              program has to be loaded (none yet, or another build), CAP_PERFMON
 * No program runs yet for a fresh set: fill the maps, then attach. sizes may be
 * NULL: those of the set that is there, else the defaults.
 */
int loader_relay_open(struct loader **out, const char *pin_root,
		      const struct loader_relay_sizes *sizes);

/* The same without creating, locking or changing anything. -ENOENT: no set. */
int loader_relay_peek(struct loader **out, const char *pin_root);

/* A fresh set that is neither pinned nor locked and goes with its handle; it can
 * not be attached. For checks and benchmarks. */
int loader_relay_scratch(struct loader **out,
			 const struct loader_relay_sizes *sizes);

void loader_close(struct loader *loader);

/* The last failure of this thread, one sentence, never NULL. */
const char *loader_error(void);

/* True if loader_relay_open found a set that was already there. */
bool loader_adopted(const struct loader *loader);
const struct sluice_meta *loader_meta(const struct loader *loader);

/*
 * Maps by name. The descriptor and the memory belong to the handle. The memory
 * of a mappable map is the kernel's own, shared and writable (read-only for a
 * peeked set); *entries is how many values lie there, one after another.
 */
int loader_map_fd(const struct loader *loader, const char *name);
void *loader_map_memory(const struct loader *loader, const char *name,
			size_t *entries);

/* Element operations on a map that is not mapped: 0 or -errno, no sentence. */
int loader_map_lookup(int fd, const void *key, void *value);
int loader_map_update(int fd, const void *key, const void *value);
int loader_map_delete(int fd, const void *key);
/* The key after `key` (NULL: the first); -ENOENT at the end. */
int loader_map_next_key(int fd, const void *key, void *next);
/* Values of all possible CPUs of a per-CPU map, value_size each (a multiple of
 * eight), loader_cpus() of them. */
int loader_map_lookup_percpu(int fd, const void *key, void *values);
int loader_cpus(void);

/*
 * Attaches the program of this build to a device, or replaces the one that a
 * pinned link of this set runs there, atomically. *native tells the mode.
 *   -EBUSY     another XDP program sits on the device
 *   -EOPNOTSUPP  no native XDP and mode is LOADER_XDP_NATIVE
 *   -ENODEV    no such device
 */
int loader_attach(struct loader *loader, const char *ifname,
		  enum loader_xdp_mode mode, bool *native);
/* Detaches and removes the pinned link. -ENOENT: none. */
int loader_detach(struct loader *loader, const char *ifname);

/* What the kernel says is attached, which is what counts: a pin proves nothing. */
struct loader_link {
	char ifname[16]; /* as it is called now, or as it was pinned if gone */
	uint32_t ifindex; /* 0: the device is gone, the link is severed */
	uint32_t prog_id;
	bool attached; /* the device runs our link's program */
	bool native;
	bool current; /* the program is the one of this build */
};
/* Fills at most max links; returns how many there are, or -errno. */
int loader_links(const struct loader *loader, struct loader_link *links,
		 size_t max);

/* Detaches everything and removes the pins, of any layout. -ENOENT: nothing
 * there; -EBUSY: another process holds it; -EEXIST: it is not the relay's. */
int loader_relay_unload(const char *pin_root);

/* Drop events: calls back for each one waiting. The descriptor is pollable.
 * Reading takes them away: -EPERM for a peeked set. */
typedef void (*loader_event_fn)(void *ctx, const struct relay_event *event);
int loader_events_open(struct loader *loader, loader_event_fn fn, void *ctx);
int loader_events_fd(const struct loader *loader);
int loader_events_consume(struct loader *loader);

/* BPF_PROG_TEST_RUN of this build's relay program, for checks and benchmarks:
 * the descriptor of the loaded program, owned by the handle. */
int loader_program_fd(struct loader *loader);

#endif
