// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The corners of a session that a network seldom reaches: counters at their
 * ends, keypairs at their age, an index drawn twice, the wrong kind of index.
 * Looks into the tunnel's private state to get there.
 */
#include "unit/wg_sim.h"

#include <endian.h>
#include <errno.h>

#include "wg/state.h"

static int say(struct sim_peer *to, size_t len)
{
	static uint8_t data[1400];

	memset(data, 0x45, sizeof(data));
	return wg_peer_send(to->peer, data, len, to->node->sim->now_ns);
}

static enum wg_verdict replayed_to(struct sim_node *node, int type)
{
	struct sim_datagram *datagram = &node->sim->last_of[type];

	return wg_tunnel_input(node->tunnel, &datagram->path, datagram->data,
			       datagram->len, node->sim->now_ns);
}

static void test_counters(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	unsigned long before;

	sim_connect(&p);
	sim_run(p.sim, 10 * WG_SECOND_NS);
	p.to_a->peer->current->send_counter = WG_REKEY_AFTER_MESSAGES - 1;
	say(p.to_a, 10);
	sim_run(p.sim, WG_SECOND_NS);
	is_int(p.b->sent_type[WG_INITIATION], 0, "2^60 messages are allowed");
	say(p.to_a, 10);
	sim_run(p.sim, WG_SECOND_NS);
	is_int(p.b->sent_type[WG_INITIATION], 1,
	       "after them the responder renews, too");
	is_int(p.to_b->delivered, 2, "with nothing lost");

	before = p.a->verdicts[WG_BAD_DATA];
	p.to_a->peer->current->send_counter = WG_REJECT_AFTER_MESSAGES - 1;
	is_int(say(p.to_a, 10), 0, "the last counter");
	is_int(say(p.to_a, 10), -ENOKEY, "there is none after it");
	sim_run(p.sim, WG_SECOND_NS);
	is_int(p.to_b->delivered, 3, "the last is accepted");

	sim_run(p.sim, 10 * WG_SECOND_NS);
	is_int(say(p.to_a, 10), -ENOKEY, "a new keypair is made");
	sim_run(p.sim, WG_SECOND_NS);
	is_int(say(p.to_a, 10), 0, "and used");
	memset(p.sim->last_of[WG_DATA].data + 8, 0xff, 8);
	is_int(replayed_to(p.a, WG_DATA), WG_BAD_DATA,
	       "beyond is refused unread");
	is_int(p.a->verdicts[WG_BAD_DATA], before, "none was sent");
	sim_free(p.sim);
}

static void test_age(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	uint64_t born_ns;

	sim_connect(&p);
	born_ns = p.to_a->peer->current->born_ns;
	p.sim->now_ns = born_ns + WG_REJECT_AFTER_NS - 1;
	is_int(say(p.to_a, 10), 0, "a keypair just under 180 s sends");
	say(p.to_b, 10);
	is_int(replayed_to(p.b, WG_DATA), WG_OK, "and receives");
	say(p.to_b, 10);
	p.sim->now_ns++;
	is_int(replayed_to(p.b, WG_DATA), WG_BAD_DATA,
	       "at 180 s it is too old");
	is_int(say(p.to_a, 10), -ENOKEY, "both ways, timers or not");
	sim_free(p.sim);
}

static void test_padding(void)
{
	struct sim_pair p = sim_pair(NULL, 0);

	sim_connect(&p);
	is_int(say(p.to_b, WG_INNER_MAX + 1), -EMSGSIZE,
	       "too long for a datagram");
	for (size_t len = 1; len <= 64; len++) {
		say(p.to_b, 100); /* leaves its bytes in the buffer */
		say(p.to_b, len);
		sim_run(p.sim, 20 * SIM_MS);
		if (p.to_a->last_len != (len + 15) / 16 * 16 ||
		    !sodium_is_zero(p.to_a->last + len, p.to_a->last_len - len))
			break;
	}
	is_int(p.to_a->delivered, 128,
	       "padded to 16 with zeros, in every length");
	sim_free(p.sim);
}

static int swallow(struct sim *sim, const struct sim_datagram *datagram,
		   uint64_t *extra_ns)
{
	(void)sim;
	(void)datagram;
	(void)extra_ns;
	return 0;
}

static void test_kinds(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path path = sim_path(2, 1), other = sim_path(3, 1);
	struct sim_datagram data = {.len = 64};
	uint32_t index_le;

	p.sim->fate = swallow;
	wg_peer_initiate(p.to_b->peer, &path, false, p.sim->now_ns);
	memcpy(&index_le, p.sim->last_of[WG_INITIATION].data + 4, 4);
	ok(wg_tunnel_owns(p.a->tunnel, le32toh(index_le)),
	   "a pending handshake's index is ours");
	data.data[0] = WG_DATA;
	memcpy(data.data + 4, &index_le, 4);
	is_int(wg_tunnel_input(p.a->tunnel, &path, data.data, data.len,
			       p.sim->now_ns),
	       WG_NOT_OURS, "but no data goes there");
	p.sim->fate = NULL;
	sim_run(p.sim, 10 * WG_SECOND_NS);
	ok(!wg_tunnel_owns(p.a->tunnel, le32toh(index_le)),
	   "in the end it goes");

	sim_connect(&p);
	index_le = htole32(p.to_b->peer->current->indexed.index);
	ok(wg_tunnel_owns(p.a->tunnel, le32toh(index_le)),
	   "a keypair's is ours");
	p.sim->fate = swallow;
	wg_peer_initiate(p.to_a->peer, &other, false, p.sim->now_ns);
	memcpy(p.sim->last_of[WG_RESPONSE].data + 8, &index_le, 4);
	is_int(replayed_to(p.a, WG_RESPONSE), WG_NOT_OURS,
	       "but no response goes there");
	sim_free(p.sim);
}

/* A generator that says the same a few times. */
static uint32_t stuck_at;
static int stuck_for;

static const char *stuck_name(void)
{
	return "stuck";
}

static uint32_t stuck_random(void)
{
	if (stuck_for > 0) {
		stuck_for--;
		return stuck_at;
	}
	return randombytes_sysrandom_implementation.random();
}

static void stuck_buf(void *const buf, const size_t size)
{
	randombytes_sysrandom_implementation.buf(buf, size);
}

static struct randombytes_implementation stuck = {
	.implementation_name = stuck_name,
	.random = stuck_random,
	.buf = stuck_buf,
};

static void test_same_index(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path other = sim_path(3, 1);
	uint32_t index_le;

	sim_connect(&p);
	stuck_at = p.to_b->peer->current->indexed.index;
	stuck_for = 5;
	randombytes_set_implementation(&stuck);
	is_int(wg_peer_initiate(p.to_b->peer, &other, false, p.sim->now_ns), 0,
	       "an index in use is drawn five times");
	randombytes_set_implementation(&randombytes_sysrandom_implementation);
	memcpy(&index_le, p.sim->last_of[WG_INITIATION].data + 4, 4);
	ok(!stuck_for && le32toh(index_le) != stuck_at, "another is taken");
	sim_free(p.sim);
}

/* A packet under the previous keypair, while a further handshake has begun. */
static void test_previous(void)
{
	struct sim_pair p = sim_pair(NULL, 0);
	struct wg_path path = sim_path(2, 1);
	struct sim_datagram slow, initiation;

	sim_connect(&p);
	p.sim->fate = swallow;
	say(p.to_b, 10);
	slow = p.sim->last_of[WG_DATA];
	p.sim->fate = NULL;
	sim_run(p.sim, 10 * WG_SECOND_NS);
	wg_peer_initiate(p.to_b->peer, &path, false, p.sim->now_ns);
	sim_run(p.sim, 10 * WG_SECOND_NS); /* a second keypair */
	p.sim->fate = swallow;
	wg_peer_initiate(p.to_b->peer, &path, false, p.sim->now_ns);
	initiation = p.sim->last_of[WG_INITIATION];
	is_int(wg_tunnel_input(p.b->tunnel, &initiation.path, initiation.data,
			       initiation.len, p.sim->now_ns),
	       WG_OK, "a third handshake, not confirmed");
	is_int(wg_tunnel_input(p.b->tunnel, &slow.path, slow.data, slow.len,
			       p.sim->now_ns),
	       WG_OK, "leaves the first keypair to late packets");
	is_int(p.b->claims, 3, "previous, current and next");
	sim_free(p.sim);
}

static void test_settings(void)
{
	struct wg_tunnel_settings settings = {.max_peers = 1,
					      .wall_ns = sim_wall_ns};
	struct wg_tunnel *tunnel = NULL;

	is_int(wg_tunnel_new(&tunnel, &settings, &sim_ops, NULL), -EINVAL,
	       "a zero private key makes no tunnel");
	ok(!tunnel, "and leaves nothing behind");
}

int main(void)
{
	test_counters();
	test_age();
	test_padding();
	test_kinds();
	test_same_index();
	test_previous();
	test_settings();
	return tap_done();
}
