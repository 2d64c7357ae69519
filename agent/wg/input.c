// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <string.h>

#include "wg/state.h"

/*
 * The order matters: each step costs more than the one before it, and nothing is
 * answered or remembered before the step that pays for it. Shape, mac1 (made for
 * us), load and mac2 (the source is real), Curve25519.
 */

static bool shaped(const void *data, size_t len)
{
	struct wg_header header;

	if (len < sizeof(header))
		return false;
	memcpy(&header, data, sizeof(header));
	if (header.reserved[0] || header.reserved[1] || header.reserved[2])
		return false;
	switch (header.type) {
	case WG_INITIATION:
		return len == WG_INITIATION_LEN;
	case WG_RESPONSE:
		return len == WG_RESPONSE_LEN;
	case WG_COOKIE:
		return len == WG_COOKIE_LEN;
	case WG_DATA:
		return len >= WG_DATA_MIN_LEN &&
		       len <= WG_INNER_MAX + WG_DATA_MIN_LEN;
	default:
		return false;
	}
}

/* Counts a handshake; true while there are too many, and a second longer. */
static bool overloaded(struct wg_load *load, uint32_t limit, uint64_t now_ns)
{
	if (now_ns - load->second_ns >= WG_SECOND_NS) {
		load->second_ns = now_ns;
		load->count = 0;
	}
	if (++load->count > limit)
		load->over_until_ns = now_ns + WG_SECOND_NS;
	return now_ns < load->over_until_ns;
}

/* True if the sender must first show, by mac2, that it is where it says. */
static bool challenge(struct wg_tunnel *tunnel, struct wg_load *load,
		      const struct wg_path *path, const void *message,
		      const struct wg_macs *macs, uint32_t sender_le)
{
	struct wg_cookie_jar *jar = &tunnel->vault->jar;
	struct wg_cookie reply;

	if (!overloaded(load, tunnel->load_limit, tunnel->now_ns) ||
	    wg_cookie_jar_mac2_fits(jar, message, macs, path, tunnel->now_ns))
		return false;
	wg_cookie_jar_reply(jar, &reply, sender_le, macs, path, tunnel->now_ns);
	tunnel->ops.send(tunnel->ctx, path, &reply, sizeof(reply));
	return true;
}

static enum wg_verdict take_initiation(struct wg_tunnel *tunnel,
				       const struct wg_path *path,
				       const void *data)
{
	struct wg_initiation message;

	memcpy(&message, data, sizeof(message));
	if (!wg_mac1_fits(&tunnel->vault->jar.mac1_key, &message,
			  sizeof(message)))
		return WG_NOT_OURS;
	if (challenge(tunnel, &tunnel->initiations, path, &message,
		      &message.macs, message.sender))
		return WG_COOKIE_SENT;
	return wg_handshake_answer(tunnel, path, &message);
}

/* Responses have their own account: forged initiations must not keep us from
 * completing handshakes that we began, and only few know our index. */
static enum wg_verdict take_response(struct wg_tunnel *tunnel,
				     const struct wg_path *path,
				     const void *data)
{
	struct wg_response message;
	struct wg_indexed *indexed;

	memcpy(&message, data, sizeof(message));
	indexed = wg_index_find(&tunnel->indices, le32toh(message.receiver));
	if (!indexed || indexed->kind != WG_INDEXED_HANDSHAKE ||
	    !wg_mac1_fits(&tunnel->vault->jar.mac1_key, &message,
			  sizeof(message)))
		return WG_NOT_OURS;
	if (challenge(tunnel, &tunnel->responses, path, &message, &message.macs,
		      message.sender))
		return WG_COOKIE_SENT;
	return wg_handshake_finish((struct wg_pending *)indexed, path,
				   &message);
}

static enum wg_verdict take_cookie(struct wg_tunnel *tunnel, const void *data)
{
	struct wg_cookie message;
	struct wg_indexed *indexed;

	memcpy(&message, data, sizeof(message));
	indexed = wg_index_find(&tunnel->indices, le32toh(message.receiver));
	if (!indexed)
		return WG_NOT_OURS;
	if (!indexed->peer->slip ||
	    wg_cookie_slip_take(indexed->peer->slip, &message,
				&indexed->peer->public_key, tunnel->now_ns))
		return WG_BAD_HANDSHAKE;
	/* The next initiation or response will carry it; not before its time,
	 * for who sends cookies has enough to do. */
	indexed->peer->rx_bytes += sizeof(message);
	return WG_OK;
}

static enum wg_verdict take_data(struct wg_tunnel *tunnel,
				 const struct wg_path *path, const void *data,
				 size_t len)
{
	struct wg_indexed *indexed;
	struct wg_data head;

	memcpy(&head, data, sizeof(head));
	indexed = wg_index_find(&tunnel->indices, le32toh(head.receiver));
	if (!indexed || indexed->kind != WG_INDEXED_KEYPAIR)
		return WG_NOT_OURS;
	return wg_session_receive((struct wg_keypair *)indexed, path, data,
				  len);
}

static enum wg_verdict take(struct wg_tunnel *tunnel,
			    const struct wg_path *path, const void *data,
			    size_t len)
{
	if (!shaped(data, len))
		return WG_MALFORMED;
	switch (*(const uint8_t *)data) {
	case WG_INITIATION:
		return take_initiation(tunnel, path, data);
	case WG_RESPONSE:
		return take_response(tunnel, path, data);
	case WG_COOKIE:
		return take_cookie(tunnel, data);
	default:
		return take_data(tunnel, path, data, len);
	}
}

enum wg_verdict wg_tunnel_input(struct wg_tunnel *tunnel,
				const struct wg_path *path, const void *data,
				size_t len, uint64_t now_ns)
{
	enum wg_verdict verdict;

	wg_peers_enter(tunnel, now_ns);
	verdict = take(tunnel, path, data, len);
	wg_peers_leave(tunnel);
	return verdict;
}
