// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets a second between namespaces: one run of one case.
 *
 *	live [-p PPS] [-t SECONDS] [-f] [-i INDEX] CASE
 *
 * prints "RATE SENT ARRIVED": packets a second at the sink while the sender was
 * running, and how many there were from its start to its end.
 *
 *	a (a0) ------ (r0) r (r1) ------ (b0) b		f (f0) ------ (r2) r
 *
 * The sender is a BPF program that the kernel runs over live frames in
 * namespace a (BPF_F_TEST_XDP_LIVE_FRAMES), on the first CPU; on a veth all that
 * follows happens there too, the sink included. The rate is taken between two
 * moments while it runs, so that setting up and tearing down (24 ms a call) is
 * not in it. -f lets a second sender flood the relay from namespace f with
 * forged handshakes, unpaced, on the second CPU. -i is the receiver index of
 * the flow where it is not this program that makes the session.
 *
 * selftests/bench/run makes the namespaces. `live index` prints the receiver
 * index of the one-flow cases.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "flow.h" /* which the skeleton needs */

#include "bench/gen.skel.h"
#include "lib/packet.h"
#include "lib/report.h"
#include "lib/tables.h"

#define WARM_UP_US 150000
#define SESSIONS_DEFAULT 262144
#define LEGS_DEFAULT 16384
#define SESSIONS_LARGE 1048576

/* What stands between the sender and the sink. */
enum middle {
	NOTHING, /* the sink is at r0 */
	BARE_REDIRECT,
	BARE_TX,
	STACK, /* whatever the script has set up there */
	RELAY_REDIRECT,
	RELAY_TX,
	RELAY_LARGE,
	AGENT, /* sluiced runs there, with real peers beside the flow */
};

static const struct scenario {
	const char *name;
	enum middle middle;
} scenarios[] = {
	{"floor", NOTHING},
	{"bare_redirect", BARE_REDIRECT},
	{"bare_tx", BARE_TX},
	{"stack", STACK},
	{"xdp_redirect", RELAY_REDIRECT},
	{"xdp_tx", RELAY_TX},
	{"xdp_redirect_1m", RELAY_LARGE},
	{"agent", AGENT},
};

/* A sender: its own instance of the programs and their globals. */
struct sender {
	struct gen_bpf *bpf;
	struct bpf_program *program;
	struct bench_frame frame;
	const char *netns, *device;
	int cpu;
	pthread_t thread;
	bool running;
};

static struct bench_tables tables;
static bool relay_open;
static struct bpf_tc_hook tc_hook;

static void enter(const char *netns)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		bench_die("%s: %s: start selftests/bench/run", path,
			  strerror(errno));
	close(fd);
}

static uint32_t ifindex_of(const char *netns, const char *device)
{
	uint32_t ifindex;

	enter(netns);
	ifindex = if_nametoindex(device);
	if (!ifindex)
		bench_die("no device %s in %s", device, netns);
	return ifindex;
}

/* The link is closed, and the program detached, when this process ends. */
static void attach_xdp(const char *netns, const char *device,
		       const struct bpf_program *program)
{
	uint32_t ifindex = ifindex_of(netns, device);
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);

	if (bpf_link_create(bpf_program__fd(program), ifindex, BPF_XDP, &opts) <
	    0)
		bench_die("XDP on %s: %s", device, strerror(errno));
}

static void attach_tc(const char *netns, const char *device,
		      const struct bpf_program *program)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(program));

	tc_hook = (struct bpf_tc_hook){
		.sz = sizeof(tc_hook),
		.ifindex = ifindex_of(netns, device),
		.attach_point = BPF_TC_INGRESS,
	};
	if (bpf_tc_hook_create(&tc_hook) || bpf_tc_attach(&tc_hook, &opts))
		bench_die("tc on %s: %s", device, strerror(errno));
}

static void detach_tc(void)
{
	if (!tc_hook.ifindex)
		return;
	enter("b");
	tc_hook.attach_point |= BPF_TC_EGRESS; /* both: remove the qdisc */
	bpf_tc_hook_destroy(&tc_hook);
}

static uint64_t arrived(const struct sender *sender)
{
	static uint64_t counts[1024];
	uint64_t sum = 0;
	uint32_t zero = 0;

	if (libbpf_num_possible_cpus() > 1024 ||
	    bpf_map_lookup_elem(bpf_map__fd(sender->bpf->maps.arrived), &zero,
				counts))
		bench_die("sink: %s", strerror(errno));
	for (int i = 0; i < libbpf_num_possible_cpus(); i++)
		sum += counts[i];
	return sum;
}

static void sender_open(struct sender *sender, const char *netns,
			const char *device, int cpu)
{
	*sender = (struct sender){.netns = netns, .device = device, .cpu = cpu};
	sender->bpf = gen_bpf__open_and_load();
	if (!sender->bpf)
		bench_die("generator: %s", strerror(errno));
	sender->bpf->bss->gen.random = 0x2545f491;
}

static void sender_frame(struct sender *sender, const struct bench_path *path,
			 const void *payload, size_t len)
{
	bench_frame4(&sender->frame, path, payload, len);
	memcpy(sender->bpf->bss->gen.head, sender->frame.data, BENCH_HEAD4);
}

/* Whoever else runs on this machine is not to pace the sender, and the sender
 * not the thread that watches the clock. */
static void real_time(int priority)
{
	struct sched_param param = {.sched_priority = priority};

	if (sched_setscheduler(0, SCHED_RR, &param))
		bench_note("# no real-time priority: %s", strerror(errno));
}

static void *sender_main(void *arg)
{
	struct sender *sender = arg;
	struct xdp_md md = {.data_end = sender->frame.len};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = sender->frame.data,
		    .data_size_in = sender->frame.len, .ctx_in = &md,
		    .ctx_size_in = sizeof(md), .repeat = INT32_MAX,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = 64);
	cpu_set_t cpus;
	int err;

	CPU_ZERO(&cpus);
	CPU_SET(sender->cpu, &cpus);
	if (pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus))
		bench_note("CPU %d is not ours", sender->cpu);
	real_time(1);
	md.ingress_ifindex = ifindex_of(sender->netns, sender->device);
	err = bpf_prog_test_run_opts(bpf_program__fd(sender->program), &opts);
	if (err != -EINTR) /* sender_stop's signal */
		bench_die("live frames: %s", err ? strerror(-err) : "all sent");
	return NULL;
}

static void ignore(int signal)
{
	(void)signal;
}

static void sender_start(struct sender *sender)
{
	struct sigaction action = {.sa_handler = ignore};

	sigaction(SIGUSR1, &action, NULL); /* without SA_RESTART */
	if (pthread_create(&sender->thread, NULL, sender_main, sender))
		bench_die("no thread");
	sender->running = true;
}

static void sender_stop(struct sender *sender)
{
	if (!sender->running)
		return;
	pthread_kill(sender->thread, SIGUSR1);
	pthread_join(sender->thread, NULL);
	sender->running = false;
}

/* ---- what stands in the middle ---- */

static void relay_attach(const char *device)
{
	bool native;

	enter("r");
	if (loader_attach(tables.loader, device, LOADER_XDP_NATIVE, &native))
		bench_die("%s", loader_error());
}

static void relay_start(enum middle middle)
{
	bool large = middle == RELAY_LARGE, tx = middle == RELAY_TX;
	struct bench_hop hop = {.smac = BENCH_MAC_R1, .dmac = BENCH_MAC_B};

	hop.ifindex = ifindex_of("r", "r1");
	if (tx)
		hop = (struct bench_hop){.smac = BENCH_MAC_R0,
					 .dmac = BENCH_MAC_A,
					 .ifindex = ifindex_of("r", "r0")};
	bench_tables_open(&tables, "live", LEGS_DEFAULT,
			  large ? RELAY_LEG_MAX : LEGS_DEFAULT,
			  large ? SESSIONS_LARGE : SESSIONS_DEFAULT);
	relay_open = true;
	if (large)
		bench_tables_fill(&tables, SESSIONS_LARGE, RELAY_LEG_MAX, &hop);
	else
		bench_tables_fill(&tables, 1, 2, &hop);
	relay_attach("r0");
}

/* An instance of its own: the head it writes is not the sender's. */
static void bare_start(bool tx)
{
	uint8_t a[] = BENCH_MAC_A, b[] = BENCH_MAC_B, r0[] = BENCH_MAC_R0,
		r1[] = BENCH_MAC_R1;
	struct gen_bpf *bare = gen_bpf__open_and_load();

	if (!bare)
		bench_die("bare program: %s", strerror(errno));
	memcpy(bare->bss->gen.head, tx ? a : b, 6);
	memcpy(bare->bss->gen.head + 6, tx ? r0 : r1, 6);
	bare->bss->out_ifindex = ifindex_of("r", "r1");
	attach_xdp("r", "r0",
		   tx ? bare->progs.bare_tx : bare->progs.bare_redirect);
}

static void middle_start(struct sender *sender, enum middle middle)
{
	const struct gen_bpf *bpf = sender->bpf;

	/* A live run's device needs a program, or it has no receive queue. */
	attach_xdp("a", "a0", bpf->progs.sink_xdp);
	switch (middle) {
	case NOTHING:
		attach_xdp("r", "r0", bpf->progs.sink_xdp);
		return;
	case STACK:
		/* Frames that are sk_buffs anyway: no XDP conversion. */
		attach_tc("b", "b0", bpf->progs.sink_tc);
		return;
	case AGENT:
		break;
	case BARE_REDIRECT:
	case BARE_TX:
		bare_start(middle == BARE_TX);
		break;
	default:
		relay_start(middle);
	}
	attach_xdp("b", "b0", bpf->progs.sink_xdp);
}

/* The session that the one-flow cases send on, or any of a million. */
static void flow_prepare(struct sender *sender, enum middle middle, double pps,
			 uint32_t index)
{
	bool large = middle == RELAY_LARGE;
	struct bench_gen *gen = &sender->bpf->bss->gen;
	struct bench_path path = {
		.dmac = BENCH_MAC_R0,
		.dest = BENCH_RELAY4,
		.source_port = BENCH_PEER_PORT,
		.dest_port = BENCH_PORT,
	};
	uint8_t payload[BENCH_PAYLOAD];

	gen->sessions = large ? SESSIONS_LARGE : 1;
	gen->legs = large ? RELAY_LEG_MAX : 2;
	gen->interval_ns = pps > 0 ? 1e9 / pps : 0;
	path.source = BENCH_LEG_NET + bench_from(0, 2);
	if (middle == AGENT)
		gen->sink_index = index;
	bench_data(payload, index);
	sender_frame(sender, &path, payload, sizeof(payload));
	sender->program = large ? sender->bpf->progs.send4_random
				: sender->bpf->progs.send4;
}

static void flood_start(struct sender *flood)
{
	struct bench_path path = {
		.dmac = BENCH_MAC_R2,
		.dest = BENCH_RELAY4,
		.source_port = BENCH_PEER_PORT,
		.dest_port = BENCH_PORT,
	};
	struct wg_initiation forged = {.header.type = WG_INITIATION};

	memset(&forged.macs, 0x5a, sizeof(forged.macs));
	sender_open(flood, "f", "f0", 1);
	sender_frame(flood, &path, &forged, sizeof(forged));
	flood->program = flood->bpf->progs.send_forged;
	attach_xdp("f", "f0", flood->bpf->progs.sink_xdp);
	relay_attach("r2");
	sender_start(flood);
}

/* All that was sent has either arrived or is lost: the count stands still. */
static uint64_t settled(const struct sender *sender)
{
	uint64_t before, now = arrived(sender);

	do {
		before = now;
		usleep(20000);
		now = arrived(sender);
	} while (now != before);
	return now;
}

static void measure(struct sender *flow, struct sender *flood, double seconds)
{
	uint64_t started, count, ended, total, flooded = 0;

	if (flood)
		flood_start(flood);
	sender_start(flow);
	usleep(WARM_UP_US);
	count = arrived(flow);
	flooded = flood ? flood->bpf->bss->gen.sent : 0;
	started = bench_now_ns();
	usleep(seconds * 1e6);
	count = arrived(flow) - count;
	ended = bench_now_ns();
	if (flood)
		flooded = flood->bpf->bss->gen.sent - flooded;
	sender_stop(flow);
	if (flood)
		sender_stop(flood);
	total = settled(flow);
	printf("%.0f %llu %llu\n", count * 1e9 / (ended - started),
	       (unsigned long long)flow->bpf->bss->gen.sent,
	       (unsigned long long)total);
	if (flood)
		bench_note("# flood: %.0f forged handshakes a second",
			   flooded * 1e9 / (ended - started));
}

static const struct scenario *find(const char *name)
{
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
		if (name && !strcmp(scenarios[i].name, name))
			return &scenarios[i];
	bench_die("usage: live [-p PPS] [-t SECONDS] [-f] [-i INDEX] CASE");
}

int main(int argc, char **argv)
{
	const struct scenario *scenario;
	struct sender flow, flood;
	double pps = 0, seconds = 1;
	uint32_t index = bench_index(0);
	bool flooded = false;
	int option;

	while ((option = getopt(argc, argv, "p:t:fi:")) != -1) {
		if (option == 'p')
			pps = strtod(optarg, NULL);
		else if (option == 't')
			seconds = strtod(optarg, NULL);
		else if (option == 'i')
			index = strtoul(optarg, NULL, 0);
		else if (option == 'f')
			flooded = true;
		else
			find(NULL);
	}
	if (argv[optind] && !strcmp(argv[optind], "index"))
		return printf("%u\n", bench_index(0)) < 0;
	scenario = find(argv[optind]);
	real_time(2);
	sender_open(&flow, "a", "a0", 0);
	flow_prepare(&flow, scenario->middle, pps, index);
	middle_start(&flow, scenario->middle);
	measure(&flow, flooded ? &flood : NULL, seconds);
	detach_tc();
	if (relay_open)
		bench_tables_close(&tables);
	return 0;
}
