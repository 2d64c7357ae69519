/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the agent decided about a datagram or a command: one list, from which
 * the enum, the counters' names and the sentences of `explain` come. Order is
 * free, names are an interface (status, metrics).
 *
 * X(name, text): the text finishes "The last handshake ...", for those that a
 * handshake between two peers can meet, else it explains the counter.
 */
#ifndef SLUICE_RELAY_OUTCOME_H
#define SLUICE_RELAY_OUTCOME_H

/* clang-format off */
#define RELAY_OUTCOMES(X)                                                              \
	/* handshakes on their way through */                                          \
	X(initiation_forwarded, "was forwarded, and no answer has come")               \
	X(response_forwarded, "was answered and is in force")                          \
	X(cookie_forwarded, "met a peer under load, which asked to try again")         \
	X(unknown_sender, "came from an address that no peer has")                     \
	X(no_consent, "was for none of the keys that its sender may talk to")          \
	X(mac1_budget, "was one of too many for unknown destinations")                 \
	X(not_here, "was for a peer that the relay has not seen or has lost")          \
	X(index_collision, "carried an index that is in use, WireGuard tries another") \
	X(pending_full, "came while too many others of its sender were unanswered")    \
	X(sessions_full, "came while the relay had no room for another session")       \
	X(pair_limit, "was one of too many between the same two peers")                \
	X(response_unmatched, "was an answer to no handshake under way")               \
	X(response_wrong_source, "was answered from a wrong address")                  \
	X(response_wrong_mac1, "was answered to another key")                          \
	X(cookie_unmatched, "was a cookie for no handshake under way")                 \
	X(pending_expired, "was forwarded and never answered")                         \
	/* where peers are */                                                          \
	X(held, "waits for its sender to prove its new port")                          \
	X(hold_full, "came from an unproven port while too many others did")           \
	X(hold_expired, "came from an unproven port, and nobody answered there")       \
	X(challenged, "asked a peer at an unproven source to prove itself")            \
	X(leg_made, "a peer proved that it is on one of the relay's ports")            \
	X(leg_moved, "a peer proved a new address, its sessions went with it")         \
	X(leg_taken, "a peer proved an address that another one had")                  \
	X(leg_expired, "a peer was silent for too long")                               \
	X(leg_blocked, "a peer was inside a blocked prefix")                           \
	X(legs_full, "there was no room for another leg")                              \
	X(peers_full, "there was no room for another peer")                            \
	X(not_allowed, "came from a key that may not use the relay")                   \
	X(source_blocked, "came from a blocked source, in pieces or with IP options")  \
	/* data that came up */                                                        \
	X(slow_path, "data that the kernel program left to the agent")                 \
	X(slow_path_no_leg, "the same, for a peer that has gone")                      \
	X(data_unknown, "data with an index that nobody has")                          \
	X(data_wrong_source, "data with a known index from a wrong source")            \
	/* the relay's own tunnel */                                                   \
	X(tunnel_ok, "a message of the relay's own tunnel")                            \
	X(tunnel_malformed, "a datagram that is no WireGuard message")                 \
	X(tunnel_cookie_sent, "a handshake under load, answered with a cookie")        \
	X(tunnel_bad_handshake, "a handshake that did not decrypt")                    \
	X(tunnel_refused, "a handshake of a peer that was refused")                    \
	X(tunnel_replayed, "a replayed initiation or packet")                          \
	X(tunnel_too_soon, "initiations in too quick a row")                           \
	X(tunnel_bad_data, "data of the tunnel that did not decrypt")                  \
	X(tunnel_gave_up, "a peer did not answer the relay's handshakes")              \
	/* what the tunnel carries */                                                  \
	X(list_chunk, "a part of a consent list")                                      \
	X(list_applied, "a consent list that is now in force")                         \
	X(list_stale, "a consent list that is not newer than the one in force")        \
	X(list_refused, "a consent list that is too long or could not be stored")      \
	X(list_query, "a question which list is in force")                             \
	X(list_expired, "a consent list of which chunks never came")                   \
	X(wgx_list, "a list in wgx's form")                                            \
	X(wgx_query, "wgx's question for the relay's key")                             \
	X(echo, "a ping of the relay")                                                 \
	X(control_malformed, "a command that is not well formed")                      \
	X(inner_ignored, "a packet in the tunnel that is for nobody")
/* clang-format on */

enum relay_outcome {
#define RELAY_OUTCOME_ENUM(name, text) RELAY_OUTCOME_##name,
	RELAY_OUTCOMES(RELAY_OUTCOME_ENUM)
#undef RELAY_OUTCOME_ENUM
		RELAY_OUTCOME_COUNT,
};

extern const char *const relay_outcome_names[RELAY_OUTCOME_COUNT];
extern const char *const relay_outcome_texts[RELAY_OUTCOME_COUNT];

#endif
