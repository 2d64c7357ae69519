// SPDX-License-Identifier: GPL-2.0-or-later
#include <sodium.h>

#include "wg/state.h"

/*
 * A peer is in the heap under its earliest deadline. Packets push deadlines back
 * all the time; the heap is told only when one comes forward, and a peer that
 * turns up too early is put back under its true deadline.
 */

/* So that two ends that fell silent together do not start together. */
uint64_t wg_timers_jitter(void)
{
	return randombytes_uniform(WG_REKEY_JITTER_NS);
}

void wg_timers_traversed(struct wg_peer *peer)
{
	if (peer->keepalive)
		peer->persistent_ns =
			peer->tunnel->now_ns + peer->keepalive * WG_SECOND_NS;
}

void wg_timers_sent(struct wg_peer *peer, bool data)
{
	peer->keepalive_ns = WG_NEVER;
	if (data && peer->silence_ns == WG_NEVER)
		peer->silence_ns = peer->tunnel->now_ns +
				   WG_KEEPALIVE_TIMEOUT_NS +
				   WG_REKEY_TIMEOUT_NS + wg_timers_jitter();
	wg_timers_traversed(peer);
}

void wg_timers_received(struct wg_peer *peer, bool data)
{
	peer->heard_ns = peer->tunnel->now_ns;
	peer->silence_ns = WG_NEVER;
	if (data && peer->keepalive_ns == WG_NEVER)
		peer->keepalive_ns =
			peer->tunnel->now_ns + WG_KEEPALIVE_TIMEOUT_NS;
	wg_timers_traversed(peer);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_deadline(const struct wg_peer *peer)
{
	const struct wg_keypair *keypairs[] = {peer->previous, peer->current,
					       peer->next};
	uint64_t due_ns = earlier(peer->keepalive_ns, peer->silence_ns);

	due_ns = earlier(due_ns, peer->persistent_ns);
	for (const struct wg_pending *pending = peer->pending; pending;
	     pending = pending->next)
		due_ns = earlier(due_ns, pending->retry_ns);
	if (peer->slip &&
	    wg_cookie_slip_until(peer->slip) > peer->tunnel->now_ns)
		due_ns = earlier(due_ns, wg_cookie_slip_until(peer->slip));
	for (int i = 0; i < 3; i++)
		if (keypairs[i])
			due_ns = earlier(due_ns, keypairs[i]->born_ns +
							 WG_REJECT_AFTER_NS);
	return due_ns;
}

void wg_timers_schedule(struct wg_peer *peer)
{
	uint64_t due_ns;

	if (peer->gone)
		return;
	due_ns = next_deadline(peer);
	if (!peer->timer.position || due_ns < peer->timer.due_ns)
		wg_heap_set(&peer->tunnel->timers, &peer->timer, due_ns);
}

static bool take(uint64_t *deadline_ns, uint64_t now_ns)
{
	if (*deadline_ns > now_ns)
		return false;
	*deadline_ns = WG_NEVER;
	return true;
}

static void keep_alive(struct wg_peer *peer)
{
	if (wg_session_send(peer, NULL, 0))
		wg_handshake_renew(peer);
}

void wg_timers_run(struct wg_peer *peer)
{
	uint64_t now_ns = peer->tunnel->now_ns;

	wg_session_expire(peer);
	if (take(&peer->persistent_ns, now_ns)) {
		wg_timers_traversed(peer);
		keep_alive(peer);
	}
	if (take(&peer->keepalive_ns, now_ns))
		keep_alive(peer);
	if (take(&peer->silence_ns, now_ns))
		wg_handshake_renew(peer);
	wg_handshake_due(peer);
	wg_handshake_settle(peer);
	if (!peer->gone)
		wg_heap_set(&peer->tunnel->timers, &peer->timer,
			    next_deadline(peer));
}
