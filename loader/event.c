// SPDX-License-Identifier: GPL-2.0-or-later
/* Drop events from the ring buffer to a callback. */
#include <errno.h>
#include <string.h>

#include "loader/set.h"

static int on_event(void *ctx, void *data, size_t size)
{
	struct loader *loader = ctx;

	if (size >= sizeof(struct relay_event))
		loader->event_fn(loader->event_ctx, data);
	return 0;
}

int loader_events_open(struct loader *loader, loader_event_fn fn, void *ctx)
{
	int fd = loader_map_fd(loader, "relay_event");

	if (fd < 0)
		return fd;
	if (loader->readonly)
		return error_set(
			-EPERM,
			"Reading events takes them away, which a look at the set may not do");
	if (loader->ring)
		return error_set(-EALREADY, "The events are being read");
	loader->event_fn = fn;
	loader->event_ctx = ctx;
	loader->ring = ring_buffer__new(fd, on_event, loader, NULL);
	if (!loader->ring)
		return error_set(-errno, "Can not read the events: %s",
				 strerror(errno));
	return 0;
}

int loader_events_fd(const struct loader *loader)
{
	if (!loader->ring)
		return error_set(-ENOENT, "The events are not open");
	return ring_buffer__epoll_fd(loader->ring);
}

int loader_events_consume(struct loader *loader)
{
	int count;

	if (!loader->ring)
		return error_set(-ENOENT, "The events are not open");
	count = ring_buffer__consume(loader->ring);
	if (count < 0)
		return error_set(count, "Can not read the events: %s",
				 strerror(-count));
	return 0;
}
