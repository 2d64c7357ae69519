// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pings of the relay inside its tunnel (RFC 792, RFC 4443): people use them to
 * see whether it lives. The answer is the question with its addresses swapped,
 * so the only sums that change are those that cover the type.
 */
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "relay/state.h"

#define ICMP_LEN 8

/* RFC 1624, equation 3, for the type in the high byte of a word. */
static void set_type(uint8_t *icmp, uint8_t type)
{
	uint32_t sum;
	uint16_t old;

	memcpy(&old, icmp + 2, 2);
	sum = (uint16_t)~ntohs(old) + (uint16_t) ~(icmp[0] << 8) + (type << 8);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	old = htons((uint16_t)~sum);
	memcpy(icmp + 2, &old, 2);
	icmp[0] = type;
}

static void swap(uint8_t *a, uint8_t *b, size_t len)
{
	while (len--) {
		uint8_t byte = *a;

		*a++ = *b;
		*b++ = byte;
	}
}

static size_t echo_v4(uint8_t *answer, size_t len)
{
	struct iphdr ip;
	size_t total;

	if (len < sizeof(ip) + ICMP_LEN)
		return 0;
	memcpy(&ip, answer, sizeof(ip));
	total = ntohs(ip.tot_len);
	if (ip.ihl != 5 || total > len || total < sizeof(ip) + ICMP_LEN ||
	    ntohs(ip.frag_off) & ~IP_DF || ip.protocol != IPPROTO_ICMP ||
	    answer[sizeof(ip)] != ICMP_ECHO)
		return 0;
	swap(answer + offsetof(struct iphdr, saddr),
	     answer + offsetof(struct iphdr, daddr), 4);
	set_type(answer + sizeof(ip), ICMP_ECHOREPLY);
	return total;
}

static size_t echo_v6(uint8_t *answer, size_t len)
{
	struct ip6_hdr ip;
	size_t total;

	if (len < sizeof(ip) + ICMP_LEN)
		return 0;
	memcpy(&ip, answer, sizeof(ip));
	total = sizeof(ip) + ntohs(ip.ip6_plen);
	if (total > len || total < sizeof(ip) + ICMP_LEN ||
	    ip.ip6_nxt != IPPROTO_ICMPV6 ||
	    answer[sizeof(ip)] != ICMP6_ECHO_REQUEST)
		return 0;
	swap(answer + offsetof(struct ip6_hdr, ip6_src),
	     answer + offsetof(struct ip6_hdr, ip6_dst), 16);
	set_type(answer + sizeof(ip), ICMP6_ECHO_REPLY);
	return total;
}

size_t relay_echo(uint8_t *answer, size_t size, const uint8_t *packet,
		  size_t len)
{
	if (!len || len > size)
		return 0;
	memcpy(answer, packet, len);
	switch (packet[0] >> 4) {
	case 4:
		return echo_v4(answer, len);
	case 6:
		return echo_v6(answer, len);
	}
	return 0;
}
