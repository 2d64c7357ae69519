/* SPDX-License-Identifier: GPL-2.0-or-later */
/* WireGuard's values in JSON: as base/json.h has those of addresses. */
#ifndef SLUICE_WG_JSON_H
#define SLUICE_WG_JSON_H

#include <jansson.h>

#include "base/control.h"
#include "wg/key.h"

json_t *json_of_key(const struct wg_key *key);
/* As `sluice relay sessions` has it, "0x1234abcd". */
json_t *json_of_index(uint32_t index_le);
/* -EINVAL for what is no key, NULL among it. */
int json_to_key(struct wg_key *key, const json_t *text);

/* A request's argument: 0, or what control_fail returns. */
int control_take_key(struct wg_key *key, struct control_call *call,
		     const char *name);

#endif
