/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The values that reports, requests and saved state have in common. What makes
 * one returns a new reference, or NULL without memory, which json_pack passes on;
 * what reads one leaves its outputs alone when it fails.
 */
#ifndef SLUICE_BASE_JSON_H
#define SLUICE_BASE_JSON_H

#include <stdint.h>

#include <jansson.h>

/* address.h has the forms. */
json_t *json_of_endpoint(const uint8_t addr[16], uint16_t port);
json_t *json_of_prefix(const uint8_t addr[16], unsigned int len);
json_t *json_of_mac(const uint8_t mac[6]);

/* Its name; null for 0 and for one that is gone. */
json_t *json_of_interface(unsigned int ifindex);

/* Seconds from `at` to `now`, not less than none; null if `at` is 0: never. */
json_t *json_of_age(uint64_t now_s, uint64_t at_s);

/* -EINVAL for what is no such text, NULL among it. */
int json_to_endpoint(uint8_t addr[16], uint16_t *port, const json_t *text);
int json_to_prefix(uint8_t addr[16], unsigned int *len, const json_t *text);

#endif
