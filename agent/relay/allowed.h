/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AllowedPublicKeys while the configuration is parsed: `all`, keys, and files
 * with a key a line, collected with the places where they stand.
 */
#ifndef SLUICE_RELAY_ALLOWED_H
#define SLUICE_RELAY_ALLOWED_H

#include "base/section.h"
#include "relay/settings.h"

struct relay_allowed {
	bool all;
	struct relay_allowed_key *keys;
	size_t count, size;
};

/* Of the table of keys; a struct relay_allowed lies at key->at. */
int relay_allowed_parse(struct section *section, const struct section_key *key,
			const struct ini_item *item, struct ini_error *error);

/* Sorts what was collected into the settings, where the private key is. */
int relay_allowed_finish(struct relay_settings *settings,
			 const struct relay_allowed *allowed,
			 const struct section *section,
			 struct ini_error *error);
void relay_allowed_clear(struct relay_allowed *allowed);

#endif
