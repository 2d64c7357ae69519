// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * XDP links: attach, replace, detach, and what the kernel says about them.
 *
 * A link is pinned as links/xdp_IFNAME, the name its device had at that time;
 * '.' is reserved in the BPF file system and '%' marks an escape, so they are
 * written %2e and %25. The pin's name is a label only: which device a link is
 * on is what the kernel says, so a renamed device keeps its link. A link
 * outlives its device and then has ifindex 0: severed.
 *
 * Order of a replacement: every link by itself, atomically; then the pinned
 * program; then meta. Whoever is interrupted leaves a set that the next
 * loader_attach() brings to its own program, as it compares program ids.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>

#include "loader/set.h"

#define PROGRAM "relay"
#define PIN_LEN (4 + 3 * IF_NAMESIZE)

struct own_link {
	char pin[PIN_LEN];
	int fd;
	uint32_t ifindex;
	uint32_t prog_id;
};

static void pin_of_name(char pin[PIN_LEN], const char *ifname)
{
	char *at = pin + sprintf(pin, "xdp_");

	for (; *ifname && at < pin + PIN_LEN - 4; ifname++) {
		if (*ifname == '.' || *ifname == '%')
			at += sprintf(at, "%%%02x", *ifname);
		else
			*at++ = *ifname;
	}
	*at = '\0';
}

static void name_of_pin(char ifname[IF_NAMESIZE], const char *pin)
{
	unsigned int byte;
	size_t len = 0;
	int used;

	if (!strncmp(pin, "xdp_", 4))
		pin += 4;
	for (; *pin && len < IF_NAMESIZE - 1; pin += used) {
		used = 0;
		sscanf(pin, "%%%2x%n", &byte, &used);
		if (used == 3) {
			ifname[len++] = (char)byte;
		} else {
			ifname[len++] = *pin;
			used = 1;
		}
	}
	ifname[len] = '\0';
}

static int link_open(const struct loader *loader, const char *pin,
		     struct own_link *link)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);
	int fd = pins_get(&loader->pins, PINS_LINKS, pin, 0), err;

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &len)) {
		err = error_set(-errno, "Can not look at the link %s: %s", pin,
				strerror(errno));
		close(fd);
		return err;
	}
	*link = (struct own_link){
		.fd = fd,
		.ifindex = info.xdp.ifindex,
		.prog_id = info.prog_id,
	};
	snprintf(link->pin, sizeof(link->pin), "%s", pin);
	return 0;
}

static int query(int ifindex, struct bpf_xdp_query_opts *state)
{
	memset(state, 0, sizeof(*state));
	state->sz = sizeof(*state);
	return bpf_xdp_query(ifindex, 0, state);
}

/*
 * Is the link's program on that device, and how? An ifindex by itself can lie:
 * the device may have moved to another network namespace.
 */
static bool is_attached(const struct own_link *link, bool *native)
{
	struct bpf_xdp_query_opts state;

	if (!link->ifindex || query((int)link->ifindex, &state))
		return false;
	*native = state.drv_prog_id == link->prog_id;
	return *native || state.skb_prog_id == link->prog_id;
}

/* The link of this set on a device of this network namespace. */
static int find_link(const struct loader *loader, uint32_t ifindex,
		     struct own_link *found)
{
	struct dirent **list;
	int count = pins_list(&loader->pins, PINS_LINKS, &list);
	int err = count < 0 ? count : -ENOENT;
	bool native;

	for (int i = 0; err == -ENOENT && i < count; i++) {
		struct own_link link = {.fd = -1};

		if (link_open(loader, list[i]->d_name, &link))
			continue;
		if (link.ifindex == ifindex && is_attached(&link, &native)) {
			*found = link;
			err = 0;
		} else {
			close(link.fd);
		}
	}
	pins_list_free(list, count);
	return err;
}

/* What sits on a device, for a person. */
static void name_occupant(char text[64], int ifindex)
{
	struct bpf_prog_info info = {0};
	struct bpf_xdp_query_opts state;
	uint32_t len = sizeof(info), id;
	int fd;

	snprintf(text, 64, "another XDP program");
	if (query(ifindex, &state))
		return;
	id = state.prog_id ?: state.drv_prog_id ?: state.skb_prog_id;
	if (!id)
		return;
	/* Opening by id takes CAP_SYS_ADMIN; the number is good enough. */
	fd = bpf_prog_get_fd_by_id(id);
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
		snprintf(text, 64, "XDP program %u (%s)", id, info.name);
	else
		snprintf(text, 64, "XDP program %u", id);
	if (fd >= 0)
		close(fd);
}

/* "eth0 (driver virtio_net)", or the name alone. */
static void name_device(char text[64], const char *ifname)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = {.ifr_data = (void *)&info};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(text, 64, "%.15s", ifname);
	if (fd < 0)
		return;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	if (!ioctl(fd, SIOCETHTOOL, &request) && info.driver[0])
		snprintf(text, 64, "%.15s (driver %.31s)", ifname, info.driver);
	close(fd);
}

static int explain_attach(int err, const char *ifname, bool native)
{
	int ifindex = (int)if_nametoindex(ifname);
	char occupant[64], device[64];

	switch (err) {
	case -EBUSY:
	case -EEXIST: /* the other mode, or a device above this one */
		name_occupant(occupant, ifindex);
		return error_set(
			-EBUSY,
			"%s is in use by %s: detach that first (`ip link set dev %s xdp off` unless a link holds it, `bpftool net` shows all)",
			ifname, occupant, ifname);
	case -ENODEV:
		return error_set(err, "The network device %s has gone", ifname);
	case -EPERM:
		return error_set(
			err,
			"Attaching to %s is not permitted: the capabilities CAP_BPF and CAP_NET_ADMIN are needed, so run it as root or give it both",
			ifname);
	default:
		break;
	}
	name_device(device, ifname);
	if (!native)
		return error_set(err, "%s takes no generic XDP: %s", device,
				 strerror(-err));
	if (err == -EOPNOTSUPP)
		return error_set(
			err,
			"%s has no native XDP: allow the slower mode with XdpMode = generic or auto (--xdp-mode)",
			device);
	return error_set(
		err,
		"%s refused native XDP (%s): the kernel log has its driver's reason, often the MTU, LRO or too few queues; or allow the slower mode with XdpMode = generic or auto (--xdp-mode)",
		device, strerror(-err));
}

static int create_link(const struct loader *loader, const char *ifname,
		       bool native)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	int fd = bpf_link_create(loader->prog_fd, (int)if_nametoindex(ifname),
				 BPF_XDP, &opts);

	if (fd < 0)
		return explain_attach(-errno, ifname, native);
	return fd;
}

/* Would another mode do where this error came from? */
static bool is_about_mode(int err)
{
	return err != -EBUSY && err != -ENODEV && err != -EPERM &&
	       err != -ENOMEM;
}

/*
 * Makes the pin's name free. A severed link under it is the rest of a device
 * that is no more; a live one belongs to a device that had this name before.
 */
static int free_pin(const struct loader *loader, const char *pin)
{
	char ifname[IF_NAMESIZE], other[PIN_LEN];
	struct own_link link = {.fd = -1};
	int err = link_open(loader, pin, &link);

	if (err == -ENOENT)
		return 0;
	if (err)
		return err;
	close(link.fd);
	if (!link.ifindex)
		return pins_remove(&loader->pins, PINS_LINKS, pin);
	if (if_indextoname(link.ifindex, ifname)) {
		pin_of_name(other, ifname);
		if (!pins_exist(&loader->pins, PINS_LINKS, other))
			return pins_rename(&loader->pins, PINS_LINKS, pin,
					   other);
	}
	return error_set(
		-EEXIST,
		"%s/links/%s is the link of another device that had this name: detach it first",
		loader->pins.base, pin);
}

static int attach_new(const struct loader *loader, const char *ifname,
		      enum loader_xdp_mode mode)
{
	char pin[PIN_LEN];
	int fd, err;

	pin_of_name(pin, ifname);
	err = free_pin(loader, pin);
	if (err)
		return err;
	fd = create_link(loader, ifname, mode != LOADER_XDP_GENERIC);
	if (fd < 0 && mode == LOADER_XDP_AUTO && is_about_mode(fd))
		fd = create_link(loader, ifname, false);
	if (fd < 0)
		return fd;
	err = pins_put(&loader->pins, PINS_LINKS, pin, fd);
	close(fd); /* unpinned, it detaches itself */
	return err;
}

static int remove_link(const struct loader *loader, const struct own_link *link)
{
	int err;

	if (bpf_link_detach(link->fd) && errno != ENOLINK) {
		err = -errno;
		return error_set(err, "Can not detach %s: %s", link->pin,
				 strerror(-err));
	}
	err = pins_remove(&loader->pins, PINS_LINKS, link->pin);
	if (err)
		return error_set(err, "Can not remove %s/links/%s: %s",
				 loader->pins.base, link->pin, strerror(-err));
	return 0;
}

/* A link can not change its mode: out, in, and back to the old on failure. */
static int change_mode(const struct loader *loader, const char *ifname,
		       const struct own_link *link, bool to_native)
{
	char why[512];
	int err = remove_link(loader, link);

	if (err)
		return err;
	err = attach_new(loader, ifname,
			 to_native ? LOADER_XDP_NATIVE : LOADER_XDP_GENERIC);
	if (!err)
		return 0;
	snprintf(why, sizeof(why), "%s", loader_error());
	if (!attach_new(loader, ifname,
			to_native ? LOADER_XDP_GENERIC : LOADER_XDP_NATIVE))
		return error_set(err, "%s; it stays in %s mode", why,
				 to_native ? "generic" : "native");
	return error_set(err, "%s; and it could not be put back (%s)", why,
			 loader_error());
}

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

/*
 * With the expected old program the kernel refuses a swap that somebody else
 * came before. Only root can open a program by its id, so the pinned one is
 * what can be expected; after a torn upgrade the link runs another, and the
 * lock alone protects.
 */
static int swap_program(const struct loader *loader,
			const struct own_link *link)
{
	LIBBPF_OPTS(bpf_link_update_opts, opts);
	int old = pins_get(&loader->pins, PINS_PROGS, PROGRAM, 0), err = 0;

	if (old >= 0 && program_id(old) == link->prog_id) {
		opts.flags = BPF_F_REPLACE;
		opts.old_prog_fd = (uint32_t)old;
	}
	if (bpf_link_update(link->fd, loader->prog_fd, &opts))
		err = -errno;
	if (old >= 0)
		close(old);
	return err;
}

static int update_link(const struct loader *loader, const char *ifname,
		       enum loader_xdp_mode mode, const struct own_link *link)
{
	bool native = false;
	int err;

	is_attached(link, &native);
	if (mode != LOADER_XDP_AUTO && native != (mode == LOADER_XDP_NATIVE))
		return change_mode(loader, ifname, link, !native);
	if (link->prog_id == loader->prog_id)
		return 0;
	err = swap_program(loader, link);
	if (err == -ENOLINK) /* the device went just now */
		return attach_new(loader, ifname, mode);
	if (err)
		return error_set(err, "Can not replace the program on %s: %s",
				 ifname, strerror(-err));
	return 0;
}

static int write_meta(struct loader *loader)
{
	uint32_t zero = 0;
	int err = loader_map_update(loader_map_fd(loader, "meta"), &zero,
				    &loader->meta);

	if (err)
		return error_set(err, "Can not write to the map meta: %s",
				 strerror(-err));
	return 0;
}

/* meta names no build while the pinned program changes: no moment lies. */
int link_commit(struct loader *loader)
{
	int err;

	memset(loader->meta.build, 0, SLUICE_BUILD_LEN);
	err = write_meta(loader);
	if (!err)
		err = pins_replace(&loader->pins, PINS_PROGS, PROGRAM,
				   loader->prog_fd);
	if (err)
		return err;
	memcpy(loader->meta.build, loader->build, SLUICE_BUILD_LEN);
	loader->meta.loaded_at = (uint64_t)time(NULL);
	err = write_meta(loader);
	if (!err)
		loader->upgrade = false;
	return err;
}

static int refuse_readonly(const struct loader *loader)
{
	if (loader->pinned && !loader->readonly)
		return 0;
	return error_set(-EPERM, "This set is only looked at");
}

int loader_attach(struct loader *loader, const char *ifname,
		  enum loader_xdp_mode mode, bool *native)
{
	uint32_t ifindex = if_nametoindex(ifname);
	struct own_link link = {.fd = -1};
	int err = refuse_readonly(loader);

	if (err)
		return err;
	if (!ifindex)
		return error_set(
			-ENODEV,
			"There is no network device %s in this network namespace: `ip link` lists what is there",
			ifname);
	err = find_link(loader, ifindex, &link);
	if (!err) {
		err = update_link(loader, ifname, mode, &link);
		close(link.fd);
	} else if (err == -ENOENT) {
		err = attach_new(loader, ifname, mode);
	}
	if (!err && loader->upgrade)
		err = link_commit(loader);
	if (err)
		return err;
	err = find_link(loader, ifindex, &link);
	if (err)
		return error_set(err, "%s lost its program at once", ifname);
	is_attached(&link, native);
	close(link.fd);
	return 0;
}

int loader_detach(struct loader *loader, const char *ifname)
{
	uint32_t ifindex = if_nametoindex(ifname);
	int err = refuse_readonly(loader);
	struct own_link link = {.fd = -1};
	char pin[PIN_LEN];

	if (err)
		return err;
	err = ifindex ? find_link(loader, ifindex, &link) : -ENOENT;
	if (err == -ENOENT) {
		pin_of_name(pin, ifname);
		err = link_open(loader, pin, &link);
	}
	if (err == -ENOENT)
		return error_set(err, "Nothing of ours is attached to %s",
				 ifname);
	if (err)
		return err;
	err = remove_link(loader, &link);
	close(link.fd);
	return err;
}

static void describe(const struct loader *loader, const struct own_link *link,
		     struct loader_link *out)
{
	*out = (struct loader_link){
		.ifindex = link->ifindex,
		.prog_id = link->prog_id,
		.current = loader->prog_id && link->prog_id == loader->prog_id,
	};
	out->attached = is_attached(link, &out->native);
	if (!out->attached || !if_indextoname(link->ifindex, out->ifname))
		name_of_pin(out->ifname, link->pin);
}

int loader_links(const struct loader *loader, struct loader_link *links,
		 size_t max)
{
	struct dirent **list;
	struct own_link link = {.fd = -1};
	int err = 0, count;

	if (!loader->pinned)
		return 0;
	count = pins_list(&loader->pins, PINS_LINKS, &list);
	if (count < 0)
		return error_set(count, "Can not look at %s/links: %s",
				 loader->pins.base, strerror(-count));
	for (int i = 0; !err && i < count && (size_t)i < max; i++) {
		err = link_open(loader, list[i]->d_name, &link);
		if (err)
			break;
		describe(loader, &link, &links[i]);
		close(link.fd);
	}
	pins_list_free(list, count);
	return err ?: count;
}
