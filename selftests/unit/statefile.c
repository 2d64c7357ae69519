// SPDX-License-Identifier: GPL-2.0-or-later
/* State files: saved soon and at the end, and never over what can not be read. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/statefile.h"
#include "tap.h"

static char folder[] = "/tmp/sluice-statefile.XXXXXX";
static char path[96], aside[104];
static uv_loop_t loop;
static int made, value;

static json_t *make(void *ctx)
{
	(void)ctx;
	made++;
	return value < 0 ? NULL : json_pack("{s:i}", "value", value);
}

static struct statefile *begin(void)
{
	struct statefile *file;

	made = 0;
	uv_loop_init(&loop);
	if (statefile_open(&file, &loop, "test", path, make, NULL))
		abort();
	return file;
}

static void end(struct statefile *file)
{
	statefile_close(file);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
}

static int read_value(struct statefile *file)
{
	json_t *document;
	int err = statefile_read(file, &document), found;

	if (err)
		return err;
	found = (int)json_integer_value(json_object_get(document, "value"));
	json_decref(document);
	return found;
}

static void put(const char *text)
{
	if (file_replace(path, 0600, text, strlen(text)))
		perror(path);
}

static void test_save(void)
{
	struct statefile *file = begin();
	struct stat st;

	is_int(read_value(file), -ENOENT, "there is none yet");
	value = 7;
	for (int i = 0; i < 10; i++)
		statefile_dirty(file);
	uv_run(&loop, UV_RUN_DEFAULT);
	is_int(made, 1, "many changes are one save");
	is_int(read_value(file), 7, "which can be read");
	ok(!stat(path, &st) && (st.st_mode & 0777) == 0600,
	   "by its owner alone");
	value = 8;
	statefile_dirty(file);
	end(file);
	is_int(made, 2, "what is unsaved is saved at the end");
	file = begin();
	is_int(read_value(file), 8, "and there at the next start");
	end(file);
	is_int(made, 0, "where nothing changed nothing is written");
}

static void test_failure(void)
{
	struct statefile *file = begin();

	value = -1;
	statefile_dirty(file);
	uv_run(&loop, UV_RUN_ONCE);
	is_int(made, 1, "a save fails");
	is_int(read_value(file), 8, "and what was there stays");
	value = 9;
	end(file);
	file = begin();
	is_int(read_value(file), 9, "the next one succeeds");
	end(file);
}

static void test_bad(void)
{
	static const char *const texts[] = {
		"",
		"{}",
		"[]",
		"{\"sluice\": 2}",
		"{\"sluice\": \"1\"}",
		"{\"sluice\": 1",
		"{\"sluice\": 1, \"sluice\": 1}",
	};
	struct statefile *file = begin();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put(texts[i]);
		is_int(read_value(file), -EINVAL, "'%s' is no state", texts[i]);
		ok(access(path, F_OK) && !unlink(aside), "it is set aside");
	}
	end(file);
}

int main(void)
{
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/deep/state.json", folder);
	snprintf(aside, sizeof(aside), "%s.bad", path);
	test_save();
	test_failure();
	test_bad();
	unlink(path);
	snprintf(path, sizeof(path), "%s/deep", folder);
	rmdir(path);
	ok(!rmdir(folder), "nothing else was written");
	return tap_done();
}
