// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static int notify_fd = -1;

void notify_open(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	socklen_t len;

	if (!path || strlen(path) < 2 ||
	    strlen(path) >= sizeof(address.sun_path))
		return;
	strcpy(address.sun_path, path);
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			  strlen(path));
	if (*path == '@')
		address.sun_path[0] = '\0'; /* an abstract socket */
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify_fd >= 0 &&
	    connect(notify_fd, (const struct sockaddr *)&address, len)) {
		close(notify_fd);
		notify_fd = -1;
	}
	if (notify_fd < 0)
		log_warn("can not reach $NOTIFY_SOCKET: %m");
}

static void say(const char *text)
{
	if (notify_fd >= 0 &&
	    send(notify_fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		log_warn("can not tell the service manager: %m");
}

void notify_ready(void)
{
	say("READY=1");
}

void notify_reloading(void)
{
	char text[80];

	/* Type=notify-reload wants to know that this is not an older answer. */
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		 clock_now_ns() / 1000);
	say(text);
}

void notify_stopping(void)
{
	say("STOPPING=1");
}
