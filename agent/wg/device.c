// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "wg/device_backend.h"

/* In the order of preference for a new device. An existing one is looked for
 * from the end: a user-space device also has an interface in the kernel. */
static const struct wg_backend *const backends[] = {
	&wg_backend_kernel,
	&wg_backend_userspace,
};
#define BACKENDS (sizeof(backends) / sizeof(backends[0]))

/* What the kernel takes as the name of an interface. */
static bool is_name(const char *name)
{
	if (!*name || strlen(name) >= IF_NAMESIZE || !strcmp(name, ".") ||
	    !strcmp(name, ".."))
		return false;
	for (; *name; name++)
		if (*name == '/' || *name == ':' ||
		    isspace((unsigned char)*name))
			return false;
	return true;
}

/* The back end of an existing device, NULL if it is no WireGuard. */
static const struct wg_backend *backend_of(const char *name)
{
	if (!is_name(name) || !if_nametoindex(name))
		return NULL;
	for (size_t i = BACKENDS; i-- > 0;)
		if (backends[i]->owns(name))
			return backends[i];
	return NULL;
}

int wg_device_create(const char *name, enum wg_device_kind *kind)
{
	int err = -EOPNOTSUPP;

	if (!is_name(name))
		return -EINVAL;
	if (if_nametoindex(name))
		return -EEXIST;
	for (size_t i = 0; i < BACKENDS && err == -EOPNOTSUPP; i++) {
		err = backends[i]->create(name);
		if (!err)
			*kind = backends[i]->kind;
	}
	return err;
}

int wg_device_destroy(const char *name)
{
	return backend_of(name) ? wg_link_delete(name) : -ENODEV;
}

int wg_device_get(struct wg_device *device, const char *name)
{
	const struct wg_backend *backend = backend_of(name);
	struct wg_device got = {0};
	int err;

	if (!backend)
		return -ENODEV;
	err = backend->get(&got, name);
	if (err)
		wg_device_clear(&got);
	else
		*device = got;
	return err;
}

int wg_device_sync(const struct wg_device *want)
{
	const struct wg_backend *backend = backend_of(want->name);
	struct wg_device_change change = {0};
	struct wg_device have = {0};
	int err;

	if (!backend)
		return -ENODEV;
	err = backend->get(&have, want->name);
	if (!err)
		err = wg_device_diff(&change, &have, want);
	if (!err && !wg_device_change_is_empty(&change))
		err = backend->apply(&change);
	wg_device_change_clear(&change);
	wg_device_clear(&have);
	return err;
}
