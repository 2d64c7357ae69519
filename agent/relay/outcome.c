// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/outcome.h"

const char *const relay_outcome_names[RELAY_OUTCOME_COUNT] = {
#define NAME(name, text) #name,
	RELAY_OUTCOMES(NAME)
#undef NAME
};

const char *const relay_outcome_texts[RELAY_OUTCOME_COUNT] = {
#define TEXT(name, text) text,
	RELAY_OUTCOMES(TEXT)
#undef TEXT
};
