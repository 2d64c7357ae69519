// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A leg that changes while packets take it: each leaves by the old way or by the
 * new one, or goes up to the agent, and none by a mixture of both.
 */
#include <endian.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"

#define INDEX 0x4242u
#define ROUNDS 100000
#define PEER "192.0.2.1"
#define RELAY "203.0.113.1"

static struct relay_leg ways[2];
static atomic_bool stopped;

/*
 * As the agent does it: odd, the fields, even. By words, so that a whole change
 * may fall between two looks of a reader; and now and then a rest, with either
 * way in place.
 */
static void *writer(void *arg)
{
	volatile uint64_t *to = arg;
	_Atomic uint32_t *seq = arg;

	for (unsigned i = 0; !atomic_load(&stopped); i++) {
		const struct relay_leg *way = &ways[i & 1];
		uint64_t words[sizeof(*way) / 8];

		memcpy(words, way, sizeof(*way));
		atomic_fetch_add(seq, 1);
		((volatile uint16_t *)to)[2] = way->flags;
		((volatile uint16_t *)to)[3] = way->mtu;
		for (unsigned at = 1; at < sizeof(words) / 8; at++)
			to[at] = words[at];
		atomic_fetch_add(seq, 1);
		if (i % 17 == 0)
			usleep(1);
	}
	return NULL;
}

static void make_ways(void)
{
	ways[0] = fixture_leg("198.51.100.2", 40000, RELAY, FIXTURE_PORT);
	ways[1] = fixture_leg("198.18.77.99", 50001, "203.0.113.2",
			      FIXTURE_PORT + 1);
	memset(ways[1].dmac, 0xaa, 6);
	memset(ways[1].smac, 0xba, 6);
}

/* The packet as it leaves by that way. */
static size_t expect(uint8_t frame[PACKET_MAX], const struct packet_spec *in,
		     const struct relay_leg *way)
{
	struct packet_spec out = *in;

	memcpy(out.dmac, way->dmac, 6);
	memcpy(out.smac, way->smac, 6);
	memcpy(out.source, way->local, 16);
	memcpy(out.dest, way->addr, 16);
	out.source_port = ntohs(way->local_port);
	out.dest_port = ntohs(way->port);
	out.ttl--;
	return packet_build(frame, &out);
}

static void run(const struct packet_spec *in)
{
	uint8_t frame[PACKET_MAX], left[2][PACKET_MAX];
	size_t len = packet_build(frame, in);
	unsigned by[2] = {}, up = 0, mixed = 0;
	struct fixture_result result;

	for (int i = 0; i < 2; i++)
		expect(left[i], in, &ways[i]);
	for (int i = 0; i < ROUNDS; i++) {
		fixture_must(fixture_run_bare(&result, frame, len), "test run");
		if (!memcmp(result.frame, left[0], len))
			by[0]++;
		else if (!memcmp(result.frame, left[1], len))
			by[1]++;
		else if (result.verdict == XDP_PASS)
			up += !memcmp(result.frame, frame, len);
		else
			mixed++;
	}
	ok(by[0] && by[1], "by the old way and by the new one (%u and %u)",
	   by[0], by[1]);
	is_int(by[0] + by[1] + up, ROUNDS, "each packet is whole (%u went up)",
	       up);
	is_int(mixed, 0, "none took a mixture");
}

int main(void)
{
	struct fixture_message message = fixture_data(INDEX, 64);
	struct packet_spec in = fixture_spec(&message, PEER, RELAY);
	size_t size = FIXTURE_LEGS * sizeof(struct relay_leg);
	struct relay_leg from =
		fixture_leg(PEER, FIXTURE_PEER_PORT, RELAY, FIXTURE_PORT);
	struct relay_leg *legs;
	pthread_t thread;

	fixture_open(false);
	fixture_local(RELAY);
	make_ways();
	fixture_leg_put(1, &from);
	fixture_leg_put(2, &ways[0]);
	fixture_slot(INDEX, 0, 1, 2);
	legs = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		    FIXTURE_MAP(relay_leg), 0);
	fixture_must(legs != MAP_FAILED, "mmap");
	fixture_must(!pthread_create(&thread, NULL, writer, &legs[2]),
		     "thread");
	run(&in);
	atomic_store(&stopped, true);
	pthread_join(thread, NULL);
	munmap(legs, size);
	return fixture_close();
}
