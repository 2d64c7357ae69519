// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Several roles from one file: which of them start, in which order, and what one
 * that fails leaves of the others.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/roles.h"
#include "base/section.h"
#include "tap.h"

/* ---- two roles of one number each, which write down what they are asked ---- */

static char diary[256];

static void note(const char *name, const char *what)
{
	size_t len = strlen(diary);

	snprintf(diary + len, sizeof(diary) - len, "%s%s %s", len ? ", " : "",
		 name, what);
}

static int held; /* settings and states that are not yet freed */

static const struct section_key keys[] = {
	{"Number", section_number, .min = 1, .max = 9},
};

static int parse(void **settings, const char *name, const char *path,
		 const char *text, size_t len, struct ini_error *error)
{
	uint32_t *number = calloc(1, sizeof(*number));
	struct section section = {
		.name = name,
		.keys = keys,
		.key_count = 1,
		.path = path,
		.settings = number,
	};
	int err = section_parse(&section, text, len, error);

	if (err) {
		free(number);
		return err;
	}
	held++;
	*settings = number;
	return 0;
}

static void free_settings(void *settings)
{
	free(settings);
	held--;
}

/* A role with the number 9 can not start, one given 8 does not take it. */
static int start(void **state, void *settings, const char *name)
{
	if (*(uint32_t *)settings == 9) {
		note(name, "fails");
		free_settings(settings);
		return -EIO;
	}
	note(name, "starts");
	*state = settings;
	return 0;
}

static int reload(void *state, void *settings, const char *name)
{
	uint32_t number = *(uint32_t *)settings;

	free_settings(settings);
	if (number == 8)
		return -EIO;
	*(uint32_t *)state = number;
	note(name, "reloads");
	return 0;
}

static void stop(void *state, const char *name)
{
	note(name, "stops");
	free_settings(state);
}

static void check(const void *settings)
{
	(void)settings;
}

#define ROLE(word, section_name) \
	static int word##_parse(void **settings, const char *path, \
				const char *text, size_t len, \
				struct ini_error *error) \
	{ \
		return parse(settings, section_name, path, text, len, error); \
	} \
	static int word##_start(void **state, void *settings, \
				const struct role_context *context) \
	{ \
		(void)context; \
		return start(state, settings, #word); \
	} \
	static int word##_reload(void *state, void *settings) \
	{ \
		return reload(state, settings, #word); \
	} \
	static void word##_stop(void *state) \
	{ \
		stop(state, #word); \
	} \
	static const struct role word = { \
		.section = section_name, \
		.name = #word, \
		.parse = word##_parse, \
		.check = check, \
		.free_settings = free_settings, \
		.start = word##_start, \
		.reload = word##_reload, \
		.stop = word##_stop, \
	}

ROLE(guard, "Guard");
ROLE(tower, "Tower");

static const struct role *const table[] = {&guard, &tower, NULL};

/* ---- a file ---- */

static char path[] = "/tmp/sluice-roles.XXXXXX";

static void put(const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(path);
	close(fd);
}

static int begin(struct roles *roles, const char *text)
{
	*roles = (struct roles){.table = table};
	diary[0] = '\0';
	put(text);
	return roles_start(roles, path, NULL);
}

static int again(struct roles *roles, const char *text)
{
	diary[0] = '\0';
	put(text);
	return roles_reload(roles, path);
}

static void end(struct roles *roles, const char *said, const char *what)
{
	roles_stop(roles);
	is_str(diary, said, "%s", what);
	is_int(held, 0, "nothing is left over");
}

#define BOTH "[Tower]\nNumber = 1\n[guard]\nNumber = 2\n"

static void test_start(void)
{
	struct roles roles;
	json_t *names;

	is_int(begin(&roles, BOTH), 0, "both start");
	names = roles_names(&roles);
	is_int(json_array_size(names), 2, "both are named");
	json_decref(names);
	end(&roles, "guard starts, tower starts, tower stops, guard stops",
	    "in the order of the table, and back");
	is_int(begin(&roles, "[Tower]\n"), 0, "one starts");
	names = roles_names(&roles);
	is_str(json_string_value(json_array_get(names, 0)), "tower",
	       "it alone is named");
	json_decref(names);
	end(&roles, "tower starts, tower stops", "the other one is not asked");
	is_int(begin(&roles, "[Guard]\n[Tower]\nNumber = 9\n"), -EIO,
	       "the second can not");
	end(&roles, "guard starts, tower fails, guard stops",
	    "the first is stopped");
}

static void test_invalid(void)
{
	static const char *const texts[] = {
		"",
		"Number = 1\n[Guard]\n",
		"[Gard]\n",
		"[Guard]\n[Relay]\n",
		"[Guard]\n[Tower]\nNumbr = 1\n",
		"[Guard]\n[Tower]\nNumber = 0\n",
		"[Guard]\n[Tower]\n[Guard]\n",
	};
	struct roles roles;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		is_int(begin(&roles, texts[i]), -EINVAL, "an invalid file");
		end(&roles, "", "nobody starts");
		is_int(roles_check(table, path), -EINVAL, "checked");
	}
	put(BOTH);
	is_int(roles_check(table, path), 0, "a valid file");
	is_int(held, 0, "nothing is left over");
	is_int(roles_check(table, "/nonexistent/conf"), -ENOENT, "no file");
}

static void test_reload(void)
{
	struct roles roles;

	begin(&roles, BOTH);
	is_int(again(&roles, "[Guard]\n[Tower]\n"), 0, "both reload");
	is_str(diary, "guard reloads, tower reloads", "in order");
	is_int(again(&roles, "[Guard]\n[Tower]\nNumber = x\n"), -EINVAL,
	       "an invalid file");
	is_str(diary, "", "reaches nobody");
	is_int(again(&roles, "[Guard]\nNumber = 8\n[Tower]\n"), -EIO,
	       "one does not take it");
	is_str(diary, "tower reloads", "the other one does");
	is_int(again(&roles, "[Tower]\n"), -EINVAL, "a section went");
	is_str(diary, "tower reloads", "the other one has its own");
	end(&roles, "tower reloads, tower stops, guard stops",
	    "whose section went runs on until the end");
	begin(&roles, "[Guard]\n");
	is_int(again(&roles, BOTH), -EINVAL, "a section came");
	end(&roles, "guard reloads, guard stops", "it waits for a restart");
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	test_start();
	test_invalid();
	test_reload();
	unlink(path);
	return tap_done();
}
