/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The relay's figures in Prometheus' text format (version 0.0.4). No label
 * names a peer or an address: whoever may read the figures learns how busy the
 * relay is, not who talks.
 */
#ifndef SLUICE_RELAY_METRICS_H
#define SLUICE_RELAY_METRICS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/loader.h"
#include "relay/reasons.h"

struct relay_metrics {
	const struct sluice_count *reasons; /* SLUICE_REASON_COUNT */
	size_t outcome_count;
	const char *const *outcome_names;
	const uint64_t *outcome_values;
	const json_t *status; /* relay_engine_status */
	const struct loader_link *links;
	size_t link_count;
	const char *build; /* of the loaded program */
	uint64_t started_at; /* seconds since the epoch */
};

/* malloc'd text, or NULL on ENOMEM. */
char *relay_metrics_render(const struct relay_metrics *metrics, size_t *len);

#endif
