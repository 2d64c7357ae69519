// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/statefile.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"

#define STATE_MAX (256U << 20)
#define STATE_VERSION 1
#define DELAY_MS 1000
/* A large state on a slow disk: at most one part in this many of our time. */
#define COST_SHARE 20
#define RETRY_MS 10000

struct statefile {
	uv_timer_t timer;
	const char *owner;
	char path[PATH_MAX];
	json_t *(*make)(void *ctx);
	void *ctx;
	bool unsaved;
	uint64_t cost_ms; /* of the last save */
};

static int save(struct statefile *file)
{
	json_t *document = file->make(file->ctx);
	char *text;
	int err;

	if (document && json_object_set_new(document, "sluice",
					    json_integer(STATE_VERSION))) {
		json_decref(document);
		document = NULL;
	}
	text = document ? json_dumps(document, JSON_COMPACT) : NULL;
	err = text ? file_replace(file->path, 0600, text, strlen(text))
		   : -ENOMEM;
	free(text);
	json_decref(document);
	return err;
}

static void on_timer(uv_timer_t *timer)
{
	static struct log_limit limit;
	struct statefile *file = timer->data;
	uint64_t start = uv_hrtime();
	int err = save(file);

	file->cost_ms = (uv_hrtime() - start) / 1000000;
	if (!err) {
		file->unsaved = false;
		return;
	}
	if (log_limit(&limit))
		log_error("can not save %s: %s", file->path, strerror(-err));
	uv_timer_start(&file->timer, on_timer, RETRY_MS, 0);
}

void statefile_dirty(struct statefile *file)
{
	uint64_t delay = file->cost_ms * COST_SHARE;

	file->unsaved = true;
	if (uv_is_active((uv_handle_t *)&file->timer))
		return;
	uv_timer_start(&file->timer, on_timer,
		       delay > DELAY_MS ? delay : DELAY_MS, 0);
}

void statefile_set_path(struct statefile *file, const char *path)
{
	if (!strcmp(file->path, path))
		return;
	snprintf(file->path, sizeof(file->path), "%s", path);
	statefile_dirty(file);
}

void statefile_set_aside(const struct statefile *file)
{
	char aside[PATH_MAX + 8];

	snprintf(aside, sizeof(aside), "%s.bad", file->path);
	if (rename(file->path, aside))
		log_warn("can not rename %s: %m", file->path);
	else
		log_warn("%s is kept as %s", file->path, aside);
}

static int parse(json_t **out, const char *text, size_t len)
{
	json_t *document = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

	if (json_integer_value(json_object_get(document, "sluice")) !=
	    STATE_VERSION) {
		json_decref(document);
		return -EINVAL;
	}
	*out = document;
	return 0;
}

int statefile_read(struct statefile *file, json_t **out)
{
	char *text;
	size_t len;
	int err = file_read(file->path, STATE_MAX, &text, &len);

	if (err == -ENOENT)
		return err;
	if (!err) {
		err = parse(out, text, len);
		free(text);
	}
	if (!err)
		return 0;
	if (err == -EINVAL)
		log_warn("%s is no state of the %s", file->path, file->owner);
	else
		log_warn("can not read %s: %s", file->path, strerror(-err));
	statefile_set_aside(file);
	return err;
}

/* Where no service manager has made it. */
static void make_folder(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	if (mkdir(dirname(copy), 0700) && errno != EEXIST)
		log_warn("can not make the folder of %s: %m", path);
}

int statefile_open(struct statefile **out, uv_loop_t *loop, const char *owner,
		   const char *path, json_t *(*make)(void *ctx), void *ctx)
{
	struct statefile *file = calloc(1, sizeof(*file));

	if (!file)
		return -ENOMEM;
	snprintf(file->path, sizeof(file->path), "%s", path);
	make_folder(path);
	file->owner = owner;
	file->make = make;
	file->ctx = ctx;
	uv_timer_init(loop, &file->timer);
	file->timer.data = file;
	*out = file;
	return 0;
}

static void timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void statefile_close(struct statefile *file)
{
	int err;

	if (!file)
		return;
	err = file->unsaved ? save(file) : 0;
	if (err)
		log_error("can not save %s: %s", file->path, strerror(-err));
	uv_close((uv_handle_t *)&file->timer, timer_closed);
}
