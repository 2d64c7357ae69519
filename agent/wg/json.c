// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/json.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>

json_t *json_of_key(const struct wg_key *key)
{
	wg_key_text text;

	wg_key_format(text, key);
	return json_string(text);
}

json_t *json_of_index(uint32_t index_le)
{
	char text[11];

	snprintf(text, sizeof(text), "0x%08x", le32toh(index_le));
	return json_string(text);
}

int json_to_key(struct wg_key *key, const json_t *text)
{
	const char *string = json_string_value(text);

	return string ? wg_key_parse(key, string) : -EINVAL;
}

int control_take_key(struct wg_key *key, struct control_call *call,
		     const char *name)
{
	if (!json_to_key(key, json_object_get(call->request, name)))
		return 0;
	return control_fail(call, -EINVAL,
			    "\"%s\" is a public key, 44 characters of base64",
			    name);
}
