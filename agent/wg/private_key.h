/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A private key in a section of sluice.conf: PrivateKey, the key itself, or
 * PrivateKeyFile, a file with it. Neither may be readable by others. What it is
 * parsed into belongs into locked memory.
 */
#ifndef SLUICE_WG_PRIVATE_KEY_H
#define SLUICE_WG_PRIVATE_KEY_H

#include "base/section.h"
#include "wg/key.h"

/* Of a table of keys; a struct wg_key lies at key->at. */
int wg_private_key_parse(struct section *section, const struct section_key *key,
			 const struct ini_item *item, struct ini_error *error);
int wg_private_key_parse_file(struct section *section,
			      const struct section_key *key,
			      const struct ini_item *item,
			      struct ini_error *error);

/* Exactly one of both is there. `owner` is who needs it. */
int wg_private_key_check(const struct section *section,
			 const struct section_key *inside,
			 const struct section_key *file, const char *owner,
			 struct ini_error *error);

#endif
