// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Golden packets for the relay. One IPv4 flow from a hub to a spoke, built by
 * the same function before and after, so that whole frames are compared.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <sluice/reason.h>
#include <sluice/wire.h>

#include "loader/check.h"
#include "loader/set.h"

#define INDEX 0x5eed1234
#define PORT 8787
#define HEADERS (ETHER_HDR_LEN + sizeof(struct iphdr) + sizeof(struct udphdr))
#define FRAME_MAX (HEADERS + WG_INITIATION_LEN)
#define LOOPBACK 1 /* the ifindex that a test run's packets come in by */

struct host {
	uint8_t mac[ETH_ALEN];
	uint8_t ip[4];
	uint16_t port;
};

/* RFC 5737 addresses and locally administered MACs. */
static const struct host relay = {{2, 0, 0, 0, 0, 1}, {192, 0, 2, 1}, PORT};
static const struct host hub = {{2, 0, 0, 0, 0, 2}, {198, 51, 100, 2}, 4000};
static const struct host spoke = {{2, 0, 0, 0, 0, 3}, {203, 0, 113, 3}, 5000};

struct frame {
	uint8_t bytes[FRAME_MAX];
	uint32_t len;
};

/* RFC 1071: the sum is the same in either byte order. */
static uint16_t ip_checksum(const struct iphdr *ip)
{
	uint16_t words[sizeof(*ip) / 2];
	uint32_t sum = 0;

	memcpy(words, ip, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum += words[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* A WireGuard message of some type; a UDP checksum of 0 means none. */
static struct frame make_frame(const struct host *from, const struct host *to,
			       uint8_t ttl, uint8_t type, uint16_t len,
			       uint32_t index)
{
	struct frame frame = {.len = (uint32_t)HEADERS + len};
	struct iphdr ip = {.version = 4,
			   .ihl = 5,
			   .ttl = ttl,
			   .protocol = IPPROTO_UDP,
			   .tot_len = htons(frame.len - ETHER_HDR_LEN)};
	struct udphdr udp = {.source = htons(from->port),
			     .dest = htons(to->port),
			     .len = htons(sizeof(udp) + len)};
	uint32_t wire_index = htole32(index);
	uint8_t *at = frame.bytes;

	memcpy(&ip.saddr, from->ip, sizeof(ip.saddr));
	memcpy(&ip.daddr, to->ip, sizeof(ip.daddr));
	ip.check = ip_checksum(&ip);
	memcpy(at, to->mac, ETH_ALEN);
	memcpy(at + ETH_ALEN, from->mac, ETH_ALEN);
	at[12] = ETHERTYPE_IP >> 8;
	at[13] = ETHERTYPE_IP & 0xff;
	memcpy(at + ETHER_HDR_LEN, &ip, sizeof(ip));
	memcpy(at + ETHER_HDR_LEN + sizeof(ip), &udp, sizeof(udp));
	at[HEADERS] = type;
	memcpy(at + HEADERS + 4, &wire_index, sizeof(wire_index));
	return frame;
}

static void map_address(uint8_t addr[16], const struct host *host)
{
	memset(addr, 0, 10);
	memset(addr + 10, 0xff, 2);
	memcpy(addr + 12, host->ip, 4);
}

static void fill_leg(struct relay_leg *leg, const struct host *peer)
{
	leg->flags = RELAY_LEG_INUSE | RELAY_LEG_RESOLVED;
	leg->mtu = 1500;
	map_address(leg->addr, peer);
	map_address(leg->local, &relay);
	leg->port = htons(peer->port);
	leg->local_port = htons(relay.port);
	leg->ifindex = LOOPBACK;
	memcpy(leg->dmac, peer->mac, ETH_ALEN);
	memcpy(leg->smac, relay.mac, ETH_ALEN);
}

/* Leg 1, the hub, sends to leg 2, the spoke. */
static int fill_tables(const struct loader *loader)
{
	size_t count;
	struct relay_config *config =
		loader_map_memory(loader, "relay_config", &count);
	struct relay_bucket *buckets =
		loader_map_memory(loader, "relay_session", &count);
	struct relay_leg *legs = loader_map_memory(loader, "relay_leg", &count);
	struct relay_local_key local;
	uint32_t ifindex = LOOPBACK;
	uint64_t bucket;
	int err;

	if (!config || !buckets || !legs)
		return -ENOENT;
	config->port_min = PORT;
	config->port_max = PORT;
	config->flags = RELAY_MONITOR;
	config->event_interval_ns = 0;
	fill_leg(&legs[1], &hub);
	fill_leg(&legs[2], &spoke);
	bucket = relay_bucket_of(INDEX, config->seed_mul, config->seed_add,
				 config->bucket_count);
	buckets[bucket].slot[0] = (struct relay_slot){htole32(INDEX), 1, 2};
	map_address(local.addr, &relay);
	err = loader_map_update(loader_map_fd(loader, "relay_local"), &local,
				&ifindex);
	if (err)
		return error_set(err, "Can not fill the map relay_local: %s",
				 strerror(-err));
	return 0;
}

static const char *action_name(uint32_t action)
{
	static const char *const names[] = {"aborted", "dropped", "passed",
					    "sent back", "redirected"};

	return action < 5 ? names[action] : "unknown";
}

/* Runs one frame; wanted NULL: its bytes do not matter. */
static void expect(struct check_report *report, int prog_fd, const char *what,
		   const struct frame *in, uint32_t action,
		   const struct frame *wanted)
{
	struct check_row *row = &report->row[report->rows++];
	struct frame out = {0};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = in->bytes,
		    .data_size_in = in->len, .data_out = out.bytes,
		    .data_size_out = sizeof(out.bytes), .repeat = 1);

	row->what = what;
	if (bpf_prog_test_run_opts(prog_fd, &run)) {
		snprintf(row->found, sizeof(row->found),
			 "the test run failed: %s", strerror(errno));
		return;
	}
	if (run.retval != action) {
		snprintf(row->found, sizeof(row->found), "the packet was %s",
			 action_name(run.retval));
		return;
	}
	row->held = !wanted || (run.data_size_out == wanted->len &&
				!memcmp(out.bytes, wanted->bytes, wanted->len));
	if (!row->held)
		snprintf(row->found, sizeof(row->found),
			 "it was sent with other bytes than it should have");
}

static void run_packets(struct check_report *report, int prog_fd)
{
	struct host stranger = hub;
	struct frame in, out;

	in = make_frame(&hub, &relay, 64, WG_DATA, WG_DATA_MIN_LEN, INDEX);
	out = make_frame(&relay, &spoke, 63, WG_DATA, WG_DATA_MIN_LEN, INDEX);
	expect(report, prog_fd, "a live session's packet is forwarded", &in,
	       XDP_TX, &out);
	in = make_frame(&hub, &relay, 1, WG_DATA, WG_DATA_MIN_LEN, INDEX);
	expect(report, prog_fd, "a packet without a hop left is dropped", &in,
	       XDP_DROP, NULL);
	in = make_frame(&hub, &relay, 64, WG_DATA, WG_DATA_MIN_LEN, INDEX + 1);
	expect(report, prog_fd, "an unknown receiver index is dropped", &in,
	       XDP_DROP, NULL);
	stranger.ip[3]++;
	in = make_frame(&stranger, &relay, 64, WG_INITIATION, WG_INITIATION_LEN,
			INDEX);
	expect(report, prog_fd, "a stranger's handshake is dropped", &in,
	       XDP_DROP, NULL);
	in = make_frame(&hub, &spoke, 64, WG_DATA, WG_DATA_MIN_LEN, INDEX);
	expect(report, prog_fd, "a packet for another host is passed", &in,
	       XDP_PASS, &in);
}

static void on_event(void *ctx, const struct relay_event *event)
{
	uint64_t *reasons = ctx;

	*reasons |= 1ULL << (event->reason & 63);
}

/* The drops of run_packets() have come out of the ring buffer. */
static void expect_events(struct check_report *report, struct loader *loader,
			  const uint64_t *reasons)
{
	struct check_row *row = &report->row[report->rows++];
	const uint64_t wanted = 1ULL << SLUICE_REASON_no_session |
				1ULL << SLUICE_REASON_stranger;

	row->what = "drops are reported with their reasons";
	if (loader_events_consume(loader))
		snprintf(row->found, sizeof(row->found),
			 "they can not be read");
	else if ((*reasons & wanted) != wanted)
		snprintf(row->found, sizeof(row->found),
			 "reported were 0x%" PRIx64 ", not 0x%" PRIx64,
			 *reasons, wanted);
	else
		row->held = true;
}

int check_relay(struct check_report *report)
{
	static const struct loader_relay_sizes small = {.legs = 16,
							.sessions = 64};
	struct check_report found = {0};
	struct loader *loader;
	struct frame in;
	uint64_t reasons = 0;
	int err = loader_relay_scratch(&loader, &small), prog_fd;

	if (err)
		return err;
	prog_fd = loader_program_fd(loader);
	in = make_frame(&hub, &relay, 64, WG_DATA, WG_DATA_MIN_LEN, INDEX);
	expect(&found, prog_fd, "an empty set passes everything", &in, XDP_PASS,
	       &in);
	err = fill_tables(loader);
	if (!err)
		err = loader_events_open(loader, on_event, &reasons);
	if (!err) {
		run_packets(&found, prog_fd);
		expect_events(&found, loader, &reasons);
	}
	loader_close(loader);
	if (err)
		return err;
	for (int i = 0; i < found.rows; i++) {
		if (!found.row[i].held)
			err = -EBADMSG;
	}
	*report = found;
	return err;
}
