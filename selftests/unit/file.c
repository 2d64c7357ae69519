// SPDX-License-Identifier: GPL-2.0-or-later
/* Whole files: bounds, secrets, and replacement that is never half done. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tap.h"

static char folder[] = "/tmp/sluice-file.XXXXXX";
static char path[64];

static void put(const char *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len || fchmod(fd, mode))
		perror(path);
	close(fd);
}

static int files_in_folder(void)
{
	DIR *dir = opendir(folder);
	int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

static void test_read(void)
{
	static char big[10000];
	char *text = NULL;
	size_t len = 7;

	is_int(file_read(path, 100, &text, &len), -ENOENT, "a missing file");
	ok(!text && len == 7, "outputs untouched on failure");
	put("hello", 5, 0644);
	is_int(file_read(path, 5, &text, &len), 0,
	       "a file as large as the bound");
	is_str(text, "hello", "its text ends in NUL");
	is_int(len, 5, "its length");
	free(text);
	is_int(file_read(path, 4, &text, &len), -EFBIG,
	       "one byte over the bound");
	put("", 0, 0644);
	is_int(file_read(path, 4, &text, &len), 0, "an empty file");
	is_int(len, 0, "has no bytes");
	free(text);
	memset(big, 'x', sizeof(big));
	put(big, sizeof(big), 0644);
	is_int(file_read(path, sizeof(big), &text, &len), 0,
	       "a file of several chunks");
	is_mem(text, big, sizeof(big), "comes whole");
	free(text);
	is_int(file_read(folder, 100, &text, &len), -EISDIR, "a folder");
}

static void test_secret(void)
{
	static const mode_t open_modes[] = {0640, 0604, 0610, 0644, 0660};
	char *text;
	size_t len;

	put("secret", 6, 0600);
	is_int(file_read_secret(path, 100, &text, &len), 0, "0600 is read");
	free(text);
	put("secret", 6, 0400);
	is_int(file_read_secret(path, 100, &text, &len), 0, "0400 is read");
	free(text);
	for (size_t i = 0; i < sizeof(open_modes) / sizeof(open_modes[0]);
	     i++) {
		put("secret", 6, open_modes[i]);
		is_int(file_read_secret(path, 100, &text, &len), -EPERM,
		       "%04o is refused", open_modes[i]);
	}
	is_int(file_read_secret("/dev/null", 100, &text, &len), -EINVAL,
	       "a device is refused");
	unlink(path);
	if (mkfifo(path, 0600))
		perror(path);
	is_int(file_read_secret(path, 100, &text, &len), -EINVAL,
	       "a FIFO is refused at once");
	unlink(path);
}

static void test_replace(void)
{
	char *text, missing[96];
	struct stat st;
	size_t len;

	umask(0);
	is_int(file_replace(path, 0600, "one", 3), 0, "a new file");
	stat(path, &st);
	is_int(st.st_mode & 07777, 0600, "its mode whatever the umask");
	is_int(file_replace(path, 0640, "three", 5), 0, "replaced");
	stat(path, &st);
	is_int(st.st_mode & 07777, 0640, "the new mode");
	is_int(file_read(path, 100, &text, &len), 0, "read back");
	is_str(text, "three", "the new text");
	free(text);
	is_int(files_in_folder(), 1, "no temporary file is left");
	snprintf(missing, sizeof(missing), "%s/none/file", folder);
	is_int(file_replace(missing, 0600, "x", 1), -ENOENT, "no such folder");
	unlink(path);
	mkdir(path, 0700);
	ok(file_replace(path, 0600, "x", 1) < 0, "a folder is not replaced");
	is_int(files_in_folder(), 1,
	       "no temporary file is left after a failure");
	rmdir(path);
}

/* The old content stays when the new one can not be written in full. */
static void test_replace_full(void)
{
	static char big[1 << 20];
	struct rlimit limit, old_limit;
	char *text;
	size_t len;

	is_int(file_replace(path, 0600, "old", 3), 0, "an old file");
	/* A limit on the size of files stands for a full disk. */
	getrlimit(RLIMIT_FSIZE, &old_limit);
	limit = old_limit;
	limit.rlim_cur = 4096;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	is_int(file_replace(path, 0600, big, sizeof(big)), -EFBIG,
	       "a full disk is an error");
	setrlimit(RLIMIT_FSIZE, &old_limit);
	is_int(files_in_folder(), 1,
	       "no temporary file is left on a full disk");
	is_int(file_read(path, 100, &text, &len), 0,
	       "the old file is still there");
	is_str(text, "old", "with all it had");
	free(text);
	unlink(path);
}

int main(void)
{
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/file", folder);
	test_read();
	test_secret();
	test_replace();
	test_replace_full();
	rmdir(folder);
	return tap_done();
}
