// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/field.h"

const char *field_text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "-";
}

int64_t field_number(const json_t *object, const char *key)
{
	return (int64_t)json_number_value(json_object_get(object, key));
}

uint64_t field_count(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

bool field_flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

const char *field_age(output_text out, const json_t *object, const char *key)
{
	if (!json_is_number(json_object_get(object, key)))
		return "never";
	return output_age(out, field_number(object, key));
}

const char *field_short_age(output_text out, const json_t *object,
			    const char *key, const char *none)
{
	if (!json_is_number(json_object_get(object, key)))
		return none;
	return output_short(out, field_number(object, key));
}
