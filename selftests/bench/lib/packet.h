/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frames that the benchmarks send, with right checksums. */
#ifndef SLUICE_BENCH_PACKET_H
#define SLUICE_BENCH_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/wire.h>

/* Addresses of the lab's devices; `lib/lab.sh` gives them to the veths. */
#define BENCH_MAC_A \
	{ \
		0x02, 0x5a, 0, 0, 0, 0x0a \
	}
#define BENCH_MAC_B \
	{ \
		0x02, 0x5a, 0, 0, 0, 0x0b \
	}
#define BENCH_MAC_R0 \
	{ \
		0x02, 0x5a, 0, 0, 0, 0x10 \
	} /* the relay's, towards A */
#define BENCH_MAC_R1 \
	{ \
		0x02, 0x5a, 0, 0, 0, 0x11 \
	} /* towards B */
#define BENCH_MAC_R2 \
	{ \
		0x02, 0x5a, 0, 0, 0, 0x12 \
	} /* towards the flood */

#define BENCH_FRAME_MAX 256

struct bench_frame {
	size_t len;
	uint8_t data[BENCH_FRAME_MAX];
};

/* What lies below the UDP payload. Addresses and ports in host order. */
struct bench_path {
	uint8_t dmac[6];
	uint32_t source, dest; /* IPv4; IPv6: the last four bytes */
	uint16_t source_port, dest_port;
};

void bench_frame4(struct bench_frame *frame, const struct bench_path *path,
		  const void *payload, size_t len);
void bench_frame6(struct bench_frame *frame, const struct bench_path *path,
		  const void *payload, size_t len);

/* A data message of BENCH_PAYLOAD bytes; index as it stands in a slot. */
void bench_data(void *payload, uint32_t index);

/* IPv4: mapped. IPv6: 2001:db8::VALUE. */
void bench_address4(uint8_t address[16], uint32_t value);
void bench_address6(uint8_t address[16], uint32_t value);

#endif
