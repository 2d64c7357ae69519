// SPDX-License-Identifier: GPL-2.0-or-later
/* A user-space WireGuard: wireguard-go as a daemon of its own, and its socket. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fcntl.h>
#include <sodium.h>

#include "wg/device_backend.h"
#include "wg/device_uapi.h"

#define PROGRAM "wireguard-go"
#define SOCKET_FORMAT "/var/run/wireguard/%s.sock"
#define START_TRIES 500 /* 10 ms apart */
#define ANSWER_SECONDS 10
#define ANSWER_MAX (64u << 20)

static void pause_shortly(void)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	nanosleep(&pause, NULL);
}

/* ---- the socket ---- */

static int connect_device(const char *name)
{
	const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, err;

	snprintf(address.sun_path, sizeof(address.sun_path), SOCKET_FORMAT,
		 name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
		err = -errno;
		close(fd);
		return err;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

static int send_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		text += sent;
		len -= (size_t)sent;
	}
	return 0;
}

/* Secrets: a buffer that grows is wiped where it was. */
struct answer {
	char *text;
	size_t len, room;
};

static void answer_clear(struct answer *answer)
{
	if (answer->text)
		sodium_memzero(answer->text, answer->room);
	free(answer->text);
	*answer = (struct answer){0};
}

static int answer_grow(struct answer *answer)
{
	struct answer grown = {.len = answer->len};

	grown.room = answer->room ? answer->room * 2 : 4096;
	if (grown.room > ANSWER_MAX)
		return -EFBIG;
	grown.text = malloc(grown.room);
	if (!grown.text)
		return -ENOMEM;
	if (answer->len)
		memcpy(grown.text, answer->text, answer->len);
	answer_clear(answer);
	*answer = grown;
	return 0;
}

/* An answer ends with an empty line. */
static bool answer_ends(const struct answer *answer)
{
	return answer->len >= 2 &&
	       !memcmp(answer->text + answer->len - 2, "\n\n", 2);
}

static int receive_answer(int fd, struct answer *answer)
{
	ssize_t got;
	int err;

	while (!answer_ends(answer)) {
		if (answer->len == answer->room) {
			err = answer_grow(answer);
			if (err)
				return err;
		}
		got = recv(fd, answer->text + answer->len,
			   answer->room - answer->len, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (!got)
			return -EBADMSG;
		answer->len += (size_t)got;
	}
	return 0;
}

/* One request and its answer. */
static int ask(const char *name, const char *text, size_t len,
	       struct answer *answer)
{
	int err, fd = connect_device(name);

	if (fd < 0)
		return fd;
	err = send_all(fd, text, len);
	if (!err)
		err = receive_answer(fd, answer);
	close(fd);
	return err;
}

static bool userspace_owns(const char *name)
{
	int fd = connect_device(name);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static int userspace_get(struct wg_device *device, const char *name)
{
	static const char request[] = "get=1\n\n";
	struct answer answer = {0};
	int err = ask(name, request, sizeof(request) - 1, &answer);

	if (!err)
		err = wg_uapi_read(device, answer.text, answer.len);
	snprintf(device->name, sizeof(device->name), "%s", name);
	answer_clear(&answer);
	return err;
}

static int userspace_apply(const struct wg_device_change *change)
{
	struct answer answer = {0};
	char *text;
	size_t len;
	int err = wg_uapi_build(&text, &len, change);

	if (err)
		return err;
	err = ask(change->name, text, len, &answer);
	sodium_memzero(text, len);
	free(text);
	if (!err)
		err = wg_uapi_read_errno(answer.text, answer.len);
	answer_clear(&answer);
	return err;
}

/* ---- the process ---- */

/*
 * Our environment without the variable that would keep it in the foreground:
 * the daemon it starts outlives us, and the child we wait for ends as soon as
 * interface and socket are there.
 */
static char **daemon_environment(void)
{
	static const char variable[] = "WG_PROCESS_FOREGROUND=";
	size_t count = 0, kept = 0;
	char **copy;

	while (environ[count])
		count++;
	copy = calloc(count + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < count; i++)
		if (strncmp(environ[i], variable, sizeof(variable) - 1) != 0)
			copy[kept++] = environ[i];
	return copy;
}

static int spawn_program(pid_t *pid, const char *name)
{
	char *const argv[] = {(char *)PROGRAM, (char *)name, NULL};
	char **environment = daemon_environment();
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int err;

	if (!environment)
		return -ENOMEM;
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	err = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR,
					       0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, 0, 1);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, 0, 2);
	/* A session of its own: the terminal's signals are not for it. */
	if (!err)
		err = posix_spawnattr_setflags(
			&attributes,
			POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
	if (!err)
		err = posix_spawnattr_setsigmask(&attributes, &none);
	if (!err)
		err = posix_spawnp(pid, PROGRAM, &actions, &attributes, argv,
				   environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	free(environment);
	return err == ENOENT ? -EOPNOTSUPP : -err;
}

/* Waits for the child, which has put its work into a daemon, and ends it if it
 * takes too long. */
static int await_child(pid_t pid)
{
	int status = 0;

	for (int i = 0; i < START_TRIES; i++) {
		pid_t done = waitpid(pid, &status, WNOHANG);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done == pid)
			return WIFEXITED(status) && !WEXITSTATUS(status) ? 0
									 : -EIO;
		pause_shortly();
	}
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	return -ETIMEDOUT;
}

static int userspace_create(const char *name)
{
	pid_t pid = -1;
	int err;

	if (access("/dev/net/tun", R_OK | W_OK))
		return errno == ENOENT ? -EOPNOTSUPP : -EPERM;
	err = spawn_program(&pid, name);
	if (!err)
		err = await_child(pid);
	for (int i = 0; !err && !userspace_owns(name); i++) {
		if (i == START_TRIES)
			err = -ETIMEDOUT;
		pause_shortly();
	}
	return err;
}

const struct wg_backend wg_backend_userspace = {
	.kind = WG_DEVICE_USERSPACE,
	.create = userspace_create,
	.owns = userspace_owns,
	.get = userspace_get,
	.apply = userspace_apply,
};
