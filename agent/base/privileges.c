// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The user id stays 0: bpffs has no access lists, and the pins below it belong
 * to root. Without CAP_DAC_OVERRIDE and the others that means the right to open
 * root's own files, and nothing else that is special.
 */
#include "base/privileges.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cap-ng.h>
#include <seccomp.h>

#include "base/log.h"

static const struct {
	unsigned int capability;
	const char *why;
} kept[] = {
	{CAP_BPF,
	 "element operations on hash maps; the program, when an interface comes back"},
	{CAP_NET_ADMIN,
	 "attaching to an interface that comes back; asking for neighbours"},
};
#define KEPT_COUNT (sizeof(kept) / sizeof(kept[0]))

static int drop_capabilities(void)
{
	/* Without CAP_SETPCAP the bounding set can not be made smaller; then
	 * somebody else has chosen it, and no_new_privs makes it moot. */
	capng_select_t set = CAPNG_SELECT_CAPS;

	if (capng_get_caps_process())
		return -EIO;
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		set = CAPNG_SELECT_BOTH;
	for (size_t i = 0; i < KEPT_COUNT; i++) {
		if (!capng_have_capability(CAPNG_PERMITTED,
					   kept[i].capability)) {
			log_error("capability %s is missing, wanted for: %s",
				  capng_capability_to_name(kept[i].capability),
				  kept[i].why);
			return -EPERM;
		}
	}
	capng_clear(set);
	for (size_t i = 0; i < KEPT_COUNT; i++)
		capng_update(
			CAPNG_ADD,
			CAPNG_EFFECTIVE | CAPNG_PERMITTED |
				(set == CAPNG_SELECT_BOTH ? CAPNG_BOUNDING_SET
							  : 0),
			kept[i].capability);
	return capng_apply(set) ? -EPERM : 0;
}

/* What libuv, libbpf, libnl, libmicrohttpd and the C library use once we run. */
static const int allowed[] = {
	/* the loop and its clocks */
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(eventfd2),
	SCMP_SYS(pipe2),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_gettime64),
	SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(restart_syscall),
	/* descriptors */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(close),
	SCMP_SYS(dup),
	SCMP_SYS(dup3),
	SCMP_SYS(fcntl),
	SCMP_SYS(fcntl64),
	SCMP_SYS(ioctl),
	SCMP_SYS(lseek),
	SCMP_SYS(_llseek),
	/* files: the configuration, the state, the pins */
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(stat),
	SCMP_SYS(stat64),
	SCMP_SYS(lstat),
	SCMP_SYS(lstat64),
	SCMP_SYS(fstat),
	SCMP_SYS(fstat64),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstatat64),
	SCMP_SYS(statx),
	SCMP_SYS(statfs),
	SCMP_SYS(statfs64),
	SCMP_SYS(fstatfs),
	SCMP_SYS(fstatfs64),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(getcwd),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(fchmod),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(ftruncate64),
	SCMP_SYS(flock),
	SCMP_SYS(umask),
	SCMP_SYS(rmdir),
	/* sockets; socket() itself is below */
	SCMP_SYS(bind),
	SCMP_SYS(connect),
	SCMP_SYS(listen),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(send),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(recv),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(recvmmsg_time64),
	SCMP_SYS(shutdown),
	SCMP_SYS(sendfile),
	SCMP_SYS(sendfile64),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(mmap),
	SCMP_SYS(mmap2),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(mprotect),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock),
	SCMP_SYS(mlock2),
	SCMP_SYS(munlock),
	/* the kernel programs and their maps */
	SCMP_SYS(bpf),
	/* the process itself */
	SCMP_SYS(getrandom),
	SCMP_SYS(futex),
	SCMP_SYS(futex_time64),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(prlimit64),
	SCMP_SYS(getrlimit),
	SCMP_SYS(ugetrlimit),
	SCMP_SYS(setrlimit),
	SCMP_SYS(getrusage),
	SCMP_SYS(prctl),
	SCMP_SYS(capget),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(getcpu),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(tgkill),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* The daemon never starts a program. Whoever tries has taken it over. */
static const int deadly[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_writev),
};

static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

static int add_rules(scmp_filter_ctx filter)
{
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(allowed) / sizeof(allowed[0]);
	     i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; !err && i < sizeof(deadly) / sizeof(deadly[0]); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, deadly[i],
				       0);
	for (size_t i = 0; !err && i < sizeof(families) / sizeof(families[0]);
	     i++)
		err = seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	return err;
}

/*
 * What is not listed fails with ENOSYS, as on an older kernel: libraries then
 * take their fallback, where killing would turn a library's upgrade into a
 * daemon that can not start, and EPERM into an error that nobody expects.
 */
static int filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int err;

	if (!filter)
		return -ENOMEM;
	err = add_rules(filter);
	if (!err && seccomp_load(filter)) {
		/* A kernel without seccomp, as some routers have. */
		log_warn(
			"this kernel filters no system calls: running without");
	}
	seccomp_release(filter);
	return err;
}

int privileges_prepare(void)
{
	static const int rings[] = {
		SCMP_SYS(io_uring_setup),
		SCMP_SYS(io_uring_enter),
		SCMP_SYS(io_uring_register),
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int err = filter ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < sizeof(rings) / sizeof(rings[0]); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), rings[i],
				       0);
	/* A kernel without seccomp: privileges_drop says so. */
	if (!err)
		seccomp_load(filter);
	else
		log_error("can not filter system calls: %s", strerror(-err));
	if (filter)
		seccomp_release(filter);
	return err;
}

int privileges_drop(void)
{
	int err;

	/* No core file and no ptrace by other processes of the same user: the
	 * memory holds the private key. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		log_warn("can not forbid core dumps: %m");
	err = drop_capabilities();
	if (err) {
		log_error("can not drop capabilities: %s", strerror(-err));
		return err;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		err = -errno;
		log_error("can not set no_new_privs: %m");
		return err;
	}
	err = filter_calls();
	if (err)
		log_error("can not filter system calls: %s", strerror(-err));
	return err;
}
