// SPDX-License-Identifier: GPL-2.0-or-later
/* Passes everything: a veth takes frames that its peer sent by XDP_TX only while
 * a program sits on it. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}
