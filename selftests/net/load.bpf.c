// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The far end of a load: takes the numbered datagrams, and nothing else, off a
 * device before its host sees them. One queue, hence one writer at a time.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_helpers.h>

#include "load.h"

__u64 seen[LOAD_MAX / 64];
__u64 arrived, twice, last_ns, pause_ns;
__u32 pause_from; /* the number before the longest pause */
__u32 last_number;

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	struct load_payload load;
} __attribute__((packed));

static void note_pause(__u32 number)
{
	__u64 now = bpf_ktime_get_ns();

	if (last_ns && now - last_ns > pause_ns) {
		pause_ns = now - last_ns;
		pause_from = last_number;
	}
	last_ns = now;
	last_number = number;
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	const struct frame *frame = (void *)(long)ctx->data;
	__u32 number;
	__u64 bit;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end ||
	    frame->load.magic != LOAD_MAGIC)
		return XDP_PASS;
	number = frame->load.number & (LOAD_MAX - 1);
	bit = 1ULL << number % 64;
	if (seen[number / 64] & bit)
		twice++;
	else
		arrived++;
	seen[number / 64] |= bit;
	note_pause(number);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
