/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Telling the relay whom this peer talks to, through the tunnel to it
 * (relay/protocol.txt).
 */
#ifndef SLUICE_CMD_PUBLISH_H
#define SLUICE_CMD_PUBLISH_H

#include "cmd/site.h"

struct published {
	uint64_t version;
	size_t count;
};

/*
 * The keys of the file's peers except the relay, an empty list too. The version
 * is the time of the file's last change; if the relay has a newer list (a file
 * from a backup, a clock set back) this one is given the next version. A
 * cmd_exit; what fails has been said.
 */
int publish(const struct site *site, struct published *published);

/* "published" in a JSON answer; null for NULL. */
json_t *publish_json(const struct published *published);

#endif
