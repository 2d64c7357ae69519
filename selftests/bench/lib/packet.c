// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <string.h>

#include "../flow.h"

static uint32_t sum(const void *data, size_t len, uint32_t start)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		start += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return start;
}

static uint16_t fold(uint32_t value)
{
	while (value >> 16)
		value = (value & 0xffff) + (value >> 16);
	return htons(~value);
}

static void *put_ethernet(struct bench_frame *frame,
			  const struct bench_path *path, uint16_t proto)
{
	struct ethhdr *eth = (void *)frame->data;

	memset(frame, 0, sizeof(*frame));
	memcpy(eth->h_dest, path->dmac, 6);
	memcpy(eth->h_source, (uint8_t[])BENCH_MAC_A, 6);
	eth->h_proto = htons(proto);
	return eth + 1;
}

/* addresses: both, as the pseudo-header has them. */
static void put_udp(struct bench_frame *frame, struct udphdr *udp,
		    const struct bench_path *path, const void *addresses,
		    size_t addresses_len, const void *payload, size_t len)
{
	size_t udp_len = sizeof(*udp) + len;

	udp->source = htons(path->source_port);
	udp->dest = htons(path->dest_port);
	udp->len = htons(udp_len);
	memcpy(udp + 1, payload, len);
	udp->check = fold(sum(addresses, addresses_len,
			      sum(udp, udp_len, IPPROTO_UDP + udp_len)));
	frame->len = (uint8_t *)udp + udp_len - frame->data;
}

void bench_frame4(struct bench_frame *frame, const struct bench_path *path,
		  const void *payload, size_t len)
{
	struct iphdr *ip = put_ethernet(frame, path, ETH_P_IP);

	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = htons(sizeof(*ip) + sizeof(struct udphdr) + len);
	ip->frag_off = htons(0x4000); /* do not fragment */
	ip->ttl = 64;
	ip->protocol = IPPROTO_UDP;
	ip->saddr = htonl(path->source);
	ip->daddr = htonl(path->dest);
	ip->check = fold(sum(ip, sizeof(*ip), 0));
	put_udp(frame, (void *)(ip + 1), path, &ip->saddr, 8, payload, len);
}

void bench_frame6(struct bench_frame *frame, const struct bench_path *path,
		  const void *payload, size_t len)
{
	struct ipv6hdr *ip = put_ethernet(frame, path, ETH_P_IPV6);

	ip->version = 6;
	ip->payload_len = htons(sizeof(struct udphdr) + len);
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = 64;
	bench_address6((void *)&ip->saddr, path->source);
	bench_address6((void *)&ip->daddr, path->dest);
	put_udp(frame, (void *)(ip + 1), path, &ip->saddr, 32, payload, len);
}

void bench_data(void *payload, uint32_t index)
{
	struct wg_data *data = payload;

	memset(payload, 0, BENCH_PAYLOAD);
	data->header.type = WG_DATA;
	data->receiver = index;
}

void bench_address4(uint8_t address[16], uint32_t value)
{
	value = htonl(value);
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	memcpy(address + 12, &value, 4);
}

void bench_address6(uint8_t address[16], uint32_t value)
{
	value = htonl(value);
	memset(address, 0, 16);
	memcpy(address, (uint8_t[]){0x20, 0x01, 0x0d, 0xb8}, 4);
	memcpy(address + 12, &value, 4);
}
