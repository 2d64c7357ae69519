/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses as the kernel programs keep them: 16 bytes, IPv4 mapped
 * (::ffff:a.b.c.d), and their text forms. Ports in host order.
 */
#ifndef SLUICE_BASE_ADDRESS_H
#define SLUICE_BASE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "[2001:db8:...]:65535" and the final NUL. */
#define ADDRESS_TEXT_LEN 64
typedef char address_text[ADDRESS_TEXT_LEN];

bool address_is_v4(const uint8_t addr[16]);
void address_from_v4(uint8_t addr[16], const void *v4);

/* -EINVAL for anything but a numeric address. */
int address_parse(uint8_t addr[16], const char *text);
void address_format(address_text text, const uint8_t addr[16]);

/* "192.0.2.1:51820", "[2001:db8::1]:51820"; the port is 1 to 65535. */
int address_parse_endpoint(uint8_t addr[16], uint16_t *port, const char *text);
void address_format_endpoint(address_text text, const uint8_t addr[16],
			     uint16_t port);

/* "192.0.2.0/24", "2001:db8::/32"; without a slash the whole address. The
 * length counts in the mapped address (an IPv4 /24 is 120); bits behind it are
 * cleared. */
int address_parse_prefix(uint8_t addr[16], unsigned int *len, const char *text);
void address_format_prefix(address_text text, const uint8_t addr[16],
			   unsigned int len);

/* The length of the socket address written. */
socklen_t address_to_sockaddr(struct sockaddr_storage *out,
			      const uint8_t addr[16], uint16_t port);

#endif
