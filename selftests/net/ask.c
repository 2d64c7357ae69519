/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies standard input to a unix stream socket and one line of answer back:
 *	ask SOCKET */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char buf[4096];
	ssize_t len;

	if (argc != 2)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", argv[1]);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		perror(argv[1]);
		return 1;
	}
	while ((len = read(0, buf, sizeof(buf))) > 0)
		if (write(fd, buf, len) < 0)
			break;
	while ((len = read(fd, buf, sizeof(buf))) > 0) {
		fwrite(buf, 1, len, stdout);
		if (memchr(buf, '\n', len))
			return 0;
	}
	return 1;
}
