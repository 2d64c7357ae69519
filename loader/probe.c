// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Feature probes. Each is tried for real; those that need a scratch device or
 * a scratch mount run in a child with namespaces of its own, so that nothing
 * can be left behind.
 */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/if_link.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>

#include "loader/probe.h"
#include "loader/set.h"

#define BPFFS "/sys/fs/bpf"
#define BPFFS_MAGIC 0xcafe4a11

enum feature {
	MAP_ARRAY,
	MAP_PERCPU,
	MAP_HASH,
	MAP_LRU,
	MAP_TRIE,
	MAP_RING,
	XDP_PROGRAM,
	XDP_JIT,
	BARRIER,
	TEST_RUN,
	BPF_FS,
	DEVICE_GENERIC,
	DEVICE_NATIVE,
	DEVICE_REPLACE,
	FEATURES,
};

static const struct {
	const char *name;
	bool needed;
	const char *yes, *no;
} features[FEATURES] = {
	[MAP_ARRAY] = {"mappable_array", true,
		       "the agent writes sessions without a system call",
		       "the session table can not be made"},
	[MAP_PERCPU] = {"percpu_array", true, "counters cost nothing",
			"packets can not be counted"},
	[MAP_HASH] = {"hash", true, "known addresses can be kept",
		      "known addresses can not be kept"},
	[MAP_LRU] = {"lru_hash", true, "sources are limited in rate",
		     "floods can not be limited"},
	[MAP_TRIE] = {"lpm_trie", true, "networks can be blocked",
		      "networks can not be blocked"},
	[MAP_RING] = {"ring_buffer", true, "drops can be watched",
		      "drops can not be watched"},
	[XDP_PROGRAM] = {"xdp_program", true, "XDP programs load",
			 "no XDP program loads"},
	[XDP_JIT] =
		{"jit", false, "programs run as machine code",
		 "programs are interpreted, which is several times slower: sysctl net.core.bpf_jit_enable=1"},
	[BARRIER] =
		{"barrier", false,
		 "a packet never meets a leg that is half written",
		 "processors with weak ordering do without: a packet that meets a leg being written may go astray"},
	[TEST_RUN] = {"test_run", false, "`sluice-load check` works",
		      "`sluice-load check` does not work"},
	[BPF_FS] = {"bpffs", true, "what is loaded survives the daemon",
		    "nothing can be pinned: mount -t bpf bpf /sys/fs/bpf"},
	[DEVICE_GENERIC] = {"xdp_generic", false,
			    "XdpMode = generic works there",
			    "XdpMode = generic does not work there"},
	[DEVICE_NATIVE] =
		{"xdp_native", false, "full speed there",
		 "XdpMode = generic or auto is needed there, and is slower"},
	[DEVICE_REPLACE] = {"bpf_link", true,
			    "programs are replaced without losing a packet",
			    "programs can not be attached and replaced"},
};

static int try_map(enum bpf_map_type type, uint32_t key, uint32_t value,
		   uint32_t entries, uint32_t flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);
	int fd = bpf_map_create(type, "probe", key, value, entries, &opts);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int load(const struct bpf_insn *insns, size_t count)
{
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "probe", "GPL", insns, count,
			       NULL);

	return fd < 0 ? -errno : fd;
}

/* r0 = verdict; exit */
static int load_program(int verdict)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = verdict},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return load(insns, 2);
}

/* *(u64 *)(r10 - 8) = 0; r0 = 0; r0 = fetch_add(r10 - 8, r0); exit */
static int load_barrier(void)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ST | BPF_MEM | BPF_DW,
		 .dst_reg = BPF_REG_10,
		 .off = -8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_STX | BPF_ATOMIC | BPF_DW,
		 .dst_reg = BPF_REG_10,
		 .off = -8,
		 .imm = BPF_ADD | BPF_FETCH},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return load(insns, 4);
}

static int try_jit(int prog_fd)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len))
		return -errno;
	return info.jited_prog_len ? 0 : -EOPNOTSUPP;
}

/* Machine code for an empty program, but not for one with a barrier? */
static bool barrier_costs_jit(int barrier_fd)
{
	int plain_fd = load_program(XDP_PASS);
	bool costs =
		plain_fd >= 0 && !try_jit(plain_fd) && try_jit(barrier_fd) != 0;

	if (plain_fd >= 0)
		close(plain_fd);
	return costs;
}

int probe_barrier(void)
{
	int fd = load_barrier(), err;

	if (fd < 0)
		return fd;
	err = barrier_costs_jit(fd) ? -EOPNOTSUPP : 0;
	close(fd);
	return err;
}

static int try_run(int prog_fd)
{
	char frame[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame,
		    .data_size_in = sizeof(frame), .repeat = 1);

	if (bpf_prog_test_run_opts(prog_fd, &run))
		return -errno;
	return run.retval == XDP_PASS ? 0 : -EBADMSG;
}

/* A link goes when its descriptor is closed. */
static int try_attach(int prog_fd, int ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int fd = bpf_link_create(prog_fd, ifindex, BPF_XDP, &opts);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int try_replace(int prog_fd, int ifindex)
{
	int fd = bpf_link_create(prog_fd, ifindex, BPF_XDP, NULL), other;
	int err = fd < 0 ? -errno : 0;

	if (err)
		return err;
	other = load_program(XDP_PASS);
	err = other < 0 ? other : 0;
	if (!err && bpf_link_update(fd, other, NULL))
		err = -errno;
	close(fd);
	if (other >= 0)
		close(other);
	return err;
}

/* A device in use can not be tried, but shows what it is in use by. */
static int occupied_answer(int ifindex, bool native)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, state);

	if (bpf_xdp_query(ifindex, 0, &state))
		return -EAGAIN;
	return (native ? state.drv_prog_id : state.skb_prog_id) ? 0 : -EAGAIN;
}

static void try_device(int prog_fd, int ifindex, int err[FEATURES])
{
	int generic = try_attach(prog_fd, ifindex, XDP_FLAGS_SKB_MODE);
	int native = try_attach(prog_fd, ifindex, XDP_FLAGS_DRV_MODE);

	if (generic == -EBUSY || generic == -EEXIST)
		generic = occupied_answer(ifindex, false);
	if (native == -EBUSY || native == -EEXIST)
		native = occupied_answer(ifindex, true);
	err[DEVICE_GENERIC] = generic;
	err[DEVICE_NATIVE] = native;
	err[DEVICE_REPLACE] = try_replace(prog_fd, ifindex);
	if (err[DEVICE_REPLACE] == -EBUSY || err[DEVICE_REPLACE] == -EEXIST)
		err[DEVICE_REPLACE] = -EAGAIN;
}

static void try_scratch_device(int prog_fd, int err[FEATURES])
{
	struct nl_sock *sock;
	unsigned int ifindex;

	if (unshare(CLONE_NEWNET))
		return;
	sock = nl_socket_alloc();
	if (!sock)
		return;
	if (!nl_connect(sock, NETLINK_ROUTE) &&
	    !rtnl_link_veth_add(sock, "probe0", "probe1", getpid())) {
		ifindex = if_nametoindex("probe0");
		if (ifindex)
			try_device(prog_fd, (int)ifindex, err);
	}
	nl_socket_free(sock);
}

static int try_mount(void)
{
	struct statfs fs;

	if (!statfs(BPFFS, &fs) && (uint32_t)fs.f_type == BPFFS_MAGIC)
		return 0;
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	return mount("bpf", BPFFS, "bpf", 0, NULL) ? -errno : 0;
}

/* What needs namespaces of its own, in a child; its answers come by a pipe. */
static void try_in_child(int prog_fd, bool scratch, int err[FEATURES])
{
	size_t size = FEATURES * sizeof(err[0]);
	int answers[FEATURES], pipe_fd[2];
	pid_t child;

	if (pipe(pipe_fd))
		return;
	child = fork();
	if (child == 0) {
		err[BPF_FS] = try_mount();
		if (scratch && prog_fd >= 0)
			try_scratch_device(prog_fd, err);
		_exit(write(pipe_fd[1], err, size) != (ssize_t)size);
	}
	close(pipe_fd[1]);
	if (child > 0 && read(pipe_fd[0], answers, size) == (ssize_t)size)
		memcpy(err, answers, size);
	close(pipe_fd[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
}

static void try_maps(int err[FEATURES])
{
	err[MAP_ARRAY] = try_map(BPF_MAP_TYPE_ARRAY, 4, 64, 4, BPF_F_MMAPABLE);
	err[MAP_PERCPU] = try_map(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 16, 4, 0);
	err[MAP_HASH] = try_map(BPF_MAP_TYPE_HASH, 4, 16, 4, 0);
	err[MAP_LRU] = try_map(BPF_MAP_TYPE_LRU_HASH, 12, 16, 64, 0);
	err[MAP_TRIE] =
		try_map(BPF_MAP_TYPE_LPM_TRIE, 20, 16, 4, BPF_F_NO_PREALLOC);
	err[MAP_RING] = try_map(BPF_MAP_TYPE_RINGBUF, 0, 0, 65536, 0);
}

static const char *meaning(int feature, int err)
{
	if (err == -EAGAIN)
		return "the device is in use, or CAP_SYS_ADMIN is missing for a scratch one";
	return err ? features[feature].no : features[feature].yes;
}

int probe_run(struct probe *rows, int max, const char *ifname)
{
	int ifindex = ifname ? (int)if_nametoindex(ifname) : 0;
	int err[FEATURES], prog_fd, count = max < FEATURES ? max : FEATURES;

	if (ifname && !ifindex)
		return error_set(
			-ENODEV,
			"There is no network device %s in this network namespace: `ip link` lists what is there",
			ifname);
	for (int i = 0; i < FEATURES; i++)
		err[i] = -EAGAIN;
	error_collect(); /* a refusal is an answer here, not a warning */
	try_maps(err);
	prog_fd = load_program(XDP_PASS);
	err[XDP_PROGRAM] = prog_fd < 0 ? prog_fd : 0;
	if (prog_fd >= 0) {
		err[XDP_JIT] = try_jit(prog_fd);
		err[BARRIER] = probe_barrier();
		err[TEST_RUN] = try_run(prog_fd);
	}
	if (prog_fd >= 0 && ifname)
		try_device(prog_fd, ifindex, err);
	try_in_child(prog_fd, !ifname, err);
	if (prog_fd >= 0)
		close(prog_fd);
	for (int i = 0; i < count; i++)
		rows[i] = (struct probe){features[i].name, features[i].needed,
					 err[i], meaning(i, err[i])};
	return count;
}
