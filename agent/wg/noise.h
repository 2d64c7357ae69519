/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handshake, Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (the paper's section
 * 5.4), as pure functions: structs in, structs out. Indices, MACs, time and what
 * a stamp means belong to the caller.
 *
 *	initiator				responder
 *	wg_noise_initiate ──── initiation ────> wg_noise_open_static  (who?)
 *						wg_noise_open_stamp   (really)
 *	wg_noise_finish <────── response ────── wg_noise_respond
 *
 * All return 0 or -EBADMSG and write their outputs only on success; states are
 * the caller's to wipe.
 */
#ifndef SLUICE_WG_NOISE_H
#define SLUICE_WG_NOISE_H

#include "wg/hash.h"
#include "wg/key.h"

struct wg_identity {
	struct wg_key private_key;
	struct wg_key public_key;
};

/* A peer as the handshake sees it. */
struct wg_remote {
	struct wg_key public_key;
	struct wg_key psk; /* zero: none */
	struct wg_key shared; /* DH(our static, its static) */
};

struct wg_symmetric {
	uint8_t hash[WG_HASH_LEN];
	uint8_t chain[WG_HASH_LEN];
};

struct wg_initiator {
	struct wg_symmetric symmetric;
	struct wg_key ephemeral; /* private */
};

struct wg_responder {
	struct wg_symmetric symmetric;
	struct wg_key remote_ephemeral;
	struct wg_key remote_static; /* after wg_noise_open_static */
};

struct wg_session_keys {
	uint8_t send[WG_KEY_LEN];
	uint8_t receive[WG_KEY_LEN];
};

/* DH of two static keys. -EINVAL: the public key is no usable point. */
int wg_noise_shared(struct wg_key *shared, const struct wg_key *private_key,
		    const struct wg_key *public_key);

int wg_noise_initiate(struct wg_initiator *state, struct wg_initiation *message,
		      const struct wg_identity *self,
		      const struct wg_remote *remote,
		      const uint8_t stamp[WG_TIMESTAMP_LEN]);

int wg_noise_open_static(struct wg_responder *state,
			 const struct wg_initiation *message,
			 const struct wg_identity *self);
/* Proves that the owner of remote_static made the message, once. */
int wg_noise_open_stamp(struct wg_responder *state,
			const struct wg_initiation *message,
			const struct wg_key *shared,
			uint8_t stamp[WG_TIMESTAMP_LEN]);
int wg_noise_respond(struct wg_responder *state, struct wg_response *message,
		     const struct wg_key *psk, struct wg_session_keys *keys);

/* Leaves the state as it was if the response is not for it. */
int wg_noise_finish(const struct wg_initiator *state,
		    const struct wg_response *message,
		    const struct wg_identity *self,
		    const struct wg_remote *remote,
		    struct wg_session_keys *keys);

#endif
