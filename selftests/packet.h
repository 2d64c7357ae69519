/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames for tests: one is built from a description, byte by byte, and one is
 * judged. Checksums are summed here in the plainest way there is, so that they
 * are an opinion of their own about what the programs under test compute.
 */
#ifndef SLUICE_PACKET_H
#define SLUICE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PACKET_MAX 4096
#define PACKET_ETHERNET 14
#define PACKET_TAG 4
#define PACKET_IPV4 20
#define PACKET_IPV6 40
#define PACKET_UDP 8

enum packet_sum {
	PACKET_SUM_WHOLE,
	PACKET_SUM_NONE, /* 0 */
	PACKET_SUM_PARTIAL, /* the pseudo header's, as a sender leaves it that
			     * lets its device do the rest */
};

struct packet_spec {
	uint8_t dmac[6], smac[6];
	unsigned tags; /* 0 to 2 */
	uint16_t vlan[2], tpid[2]; /* tpid 0: 0x8100, and 0x88a8 outside it */
	bool v6;
	uint8_t source[16], dest[16]; /* IPv4: mapped */
	uint16_t source_port, dest_port;
	uint8_t tos, ttl;
	uint16_t id, fragment; /* IPv4: the whole field with the flags */
	uint32_t label; /* IPv6 */
	enum packet_sum sum;
	const void *payload;
	size_t length; /* of the payload */
	size_t padding; /* bytes behind the IP packet */
};

static inline void packet_put16(uint8_t *at, unsigned value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static inline unsigned packet_get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

/* The one's complement sum of 16-bit words (RFC 1071), folded, not inverted. */
static inline uint32_t packet_sum16(const uint8_t *bytes, size_t len,
				    uint32_t sum)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? bytes[i] : bytes[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* Of the pseudo header of the UDP packet at udp that has this IP header. */
static inline uint32_t packet_pseudo(const uint8_t *ip, bool v6, size_t udp_len)
{
	uint32_t sum = 17 + udp_len;

	return v6 ? packet_sum16(ip + 8, 32, sum)
		  : packet_sum16(ip + 12, 8, sum);
}

static inline size_t packet_ip_length(const struct packet_spec *spec)
{
	return (spec->v6 ? PACKET_IPV6 : PACKET_IPV4) + PACKET_UDP +
	       spec->length;
}

static inline uint8_t *packet_put_ethernet(uint8_t *at,
					   const struct packet_spec *spec)
{
	memcpy(at, spec->dmac, 6);
	memcpy(at + 6, spec->smac, 6);
	at += 12;
	for (unsigned i = 0; i < spec->tags; i++) {
		unsigned usual = spec->tags == 2 && !i ? 0x88a8 : 0x8100;

		packet_put16(at, spec->tpid[i] ? spec->tpid[i] : usual);
		packet_put16(at + 2, spec->vlan[i]);
		at += PACKET_TAG;
	}
	packet_put16(at, spec->v6 ? 0x86dd : 0x0800);
	return at + 2;
}

static inline uint8_t *packet_put_ipv4(uint8_t *at,
				       const struct packet_spec *spec)
{
	memset(at, 0, PACKET_IPV4);
	at[0] = 0x45;
	at[1] = spec->tos;
	packet_put16(at + 2, packet_ip_length(spec));
	packet_put16(at + 4, spec->id);
	packet_put16(at + 6, spec->fragment);
	at[8] = spec->ttl;
	at[9] = 17;
	memcpy(at + 12, spec->source + 12, 4);
	memcpy(at + 16, spec->dest + 12, 4);
	packet_put16(at + 10, (uint16_t)~packet_sum16(at, PACKET_IPV4, 0));
	return at + PACKET_IPV4;
}

static inline uint8_t *packet_put_ipv6(uint8_t *at,
				       const struct packet_spec *spec)
{
	packet_put16(at, 0x6000 | spec->tos << 4 | spec->label >> 16);
	packet_put16(at + 2, spec->label & 0xffff);
	packet_put16(at + 4, PACKET_UDP + spec->length);
	at[6] = 17;
	at[7] = spec->ttl;
	memcpy(at + 8, spec->source, 16);
	memcpy(at + 24, spec->dest, 16);
	return at + PACKET_IPV6;
}

static inline unsigned packet_udp_sum(const uint8_t *ip, const uint8_t *udp,
				      const struct packet_spec *spec)
{
	size_t len = PACKET_UDP + spec->length;
	uint32_t sum = packet_pseudo(ip, spec->v6, len);

	if (spec->sum == PACKET_SUM_NONE)
		return 0;
	if (spec->sum == PACKET_SUM_PARTIAL)
		return sum;
	sum = (uint16_t)~packet_sum16(udp, len, sum);
	return sum ? sum : 0xffff;
}

/* Writes the frame and returns its length. */
static inline size_t packet_build(uint8_t frame[PACKET_MAX],
				  const struct packet_spec *spec)
{
	uint8_t *ip = packet_put_ethernet(frame, spec);
	uint8_t *udp = spec->v6 ? packet_put_ipv6(ip, spec)
				: packet_put_ipv4(ip, spec);

	packet_put16(udp, spec->source_port);
	packet_put16(udp + 2, spec->dest_port);
	packet_put16(udp + 4, PACKET_UDP + spec->length);
	packet_put16(udp + 6, 0);
	memcpy(udp + PACKET_UDP, spec->payload, spec->length);
	packet_put16(udp + 6, packet_udp_sum(ip, udp, spec));
	memset(udp + PACKET_UDP + spec->length, 0, spec->padding);
	return udp + PACKET_UDP + spec->length + spec->padding - frame;
}

/* Where the IP header starts; 0 if there is none behind at most two tags. */
static inline size_t packet_ip_at(const uint8_t *frame, size_t len, bool *v6)
{
	size_t at = 12;

	while (at + 2 <= len && at < 20 &&
	       (packet_get16(frame + at) == 0x8100 ||
		packet_get16(frame + at) == 0x88a8))
		at += PACKET_TAG;
	if (at + 2 > len)
		return 0;
	*v6 = packet_get16(frame + at) == 0x86dd;
	if (!*v6 && packet_get16(frame + at) != 0x0800)
		return 0;
	return at + 2;
}

/*
 * Are the checksums of a UDP frame right? IPv4 may have none for UDP. The frame
 * must be one that parses.
 */
static inline bool packet_sums_right(const uint8_t *frame, size_t len)
{
	bool v6;
	size_t at = packet_ip_at(frame, len, &v6);
	const uint8_t *ip = frame + at;
	const uint8_t *udp = ip + (v6 ? PACKET_IPV6 : PACKET_IPV4);
	size_t udp_len;

	if (!at || udp + PACKET_UDP > frame + len)
		return false;
	udp_len = packet_get16(udp + 4);
	if (udp + udp_len > frame + len)
		return false;
	if (!v6 && packet_sum16(ip, PACKET_IPV4, 0) != 0xffff)
		return false;
	if (!packet_get16(udp + 6))
		return !v6;
	return packet_sum16(udp, udp_len, packet_pseudo(ip, v6, udp_len)) ==
	       0xffff;
}

/* Is the UDP field the pseudo header's sum, and all else right? */
static inline bool packet_is_partial(const uint8_t *frame, size_t len)
{
	bool v6;
	size_t at = packet_ip_at(frame, len, &v6);
	const uint8_t *udp = frame + at + (v6 ? PACKET_IPV6 : PACKET_IPV4);
	uint32_t sum;

	if (!at || udp + PACKET_UDP > frame + len)
		return false;
	if (!v6 && packet_sum16(frame + at, PACKET_IPV4, 0) != 0xffff)
		return false;
	sum = packet_pseudo(frame + at, v6, packet_get16(udp + 4));
	return packet_get16(udp + 6) == sum;
}

static inline void packet_map_v4(uint8_t addr[16], uint8_t a, uint8_t b,
				 uint8_t c, uint8_t d)
{
	const uint8_t mapped[16] = {[10] = 0xff, 0xff, a, b, c, d};

	memcpy(addr, mapped, 16);
}

#endif
