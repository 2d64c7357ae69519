/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a packet met its verdict: one list, from which the enum, the names and
 * the metrics are generated. A program has one exit that counts under one of
 * these and returns. Append only: the numbers are indices of a pinned map.
 *
 * X(name, verdict, text): verdict is what becomes of the packet: `forward`,
 * `pass` (to the host's stack, be it the agent's socket or somebody else's) or
 * `drop`. The text finishes the sentence "The packet ...".
 */
#ifndef SLUICE_REASON_H
#define SLUICE_REASON_H

/* clang-format off */
#define SLUICE_REASONS(X)                                                                        \
	X(forward_tx, forward, "was forwarded out of the device it came in by")                  \
	X(forward_redirect, forward, "was forwarded out of another device")                      \
	X(foreign, pass, "was not for the relay's port on one of its addresses")                 \
	X(not_simple, pass, "is a fragment or has IP options or extension headers")              \
	X(handshake_own, pass, "is a handshake for the relay itself")                            \
	X(handshake_known, pass, "is a handshake from a known peer's address and port")          \
	X(handshake_address, pass, "is a handshake from a known address, unknown port")          \
	X(tunnel_data, pass, "is data of the relay's own tunnel")                                \
	X(wgx_query, pass, "is a public key query")                                              \
	X(mismatch_asked, pass, "came from a source that is not its leg's, the agent may ask")   \
	X(leg_busy, pass, "met a leg that was being written, the agent forwards it")             \
	X(no_neighbour, pass, "has no resolved next hop yet, the agent forwards it")             \
	X(no_headroom, pass, "has to grow and the driver has no room, the agent forwards it")    \
	X(too_big, pass, "is larger than the way out allows, the agent forwards it")             \
	X(needs_checksum, pass, "needs a checksum that the program does not compute")            \
	X(bad_length, drop, "has lengths that contradict each other")                            \
	X(bad_shape, drop, "is not shaped like a WireGuard message")                             \
	X(blocked, drop, "came from a blocked source")                                           \
	X(stranger, drop, "is a handshake from an unknown source and not for the relay")         \
	X(rate_limited, drop, "is one too many from its source")                                 \
	X(no_session, drop, "carries a receiver index that nobody has")                          \
	X(wrong_source, drop, "carries a known index from a wrong source, too often to ask")     \
	X(ttl_expired, drop, "has no hop left")                                                  \
	X(loop, drop, "would be sent to the relay itself")                                       \
	X(no_route, drop, "has a destination that the host has no route to")                     \
	X(broken, drop, "failed after it was rewritten")
/* clang-format on */

enum sluice_reason {
#define SLUICE_REASON_ENUM(name, verdict, text) SLUICE_REASON_##name,
	SLUICE_REASONS(SLUICE_REASON_ENUM)
#undef SLUICE_REASON_ENUM
		SLUICE_REASON_COUNT,
};

#endif
