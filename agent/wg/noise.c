// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/noise.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

/* Every key of the handshake seals exactly one thing. */
static const uint8_t zero_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

static void mix_hash(struct wg_symmetric *s, const void *data, size_t len)
{
	wg_hash2(s->hash, s->hash, sizeof(s->hash), data, len);
}

static void start(struct wg_symmetric *s, const struct wg_key *responder)
{
	wg_hash2(s->chain, construction, sizeof(construction) - 1, NULL, 0);
	memcpy(s->hash, s->chain, sizeof(s->hash));
	mix_hash(s, identifier, sizeof(identifier) - 1);
	mix_hash(s, responder->bytes, WG_KEY_LEN);
}

/* key may be NULL where the pattern needs none. */
static void mix_key(struct wg_symmetric *s, uint8_t key[WG_KEY_LEN],
		    const void *input)
{
	uint8_t *outputs[] = {s->chain, key};

	wg_kdf(outputs, key ? 2 : 1, s->chain, input, WG_KEY_LEN);
}

static void mix_psk(struct wg_symmetric *s, uint8_t key[WG_KEY_LEN],
		    const struct wg_key *psk)
{
	uint8_t tau[WG_HASH_LEN];
	uint8_t *outputs[] = {s->chain, tau, key};

	wg_kdf(outputs, 3, s->chain, psk->bytes, WG_KEY_LEN);
	mix_hash(s, tau, sizeof(tau));
	sodium_memzero(tau, sizeof(tau));
}

/* -EBADMSG: a low-order point, which would make the secret known to all. */
static int mix_dh(struct wg_symmetric *s, uint8_t key[WG_KEY_LEN],
		  const struct wg_key *private_key, const void *public_key)
{
	uint8_t secret[WG_KEY_LEN];
	int ret = 0;

	if (crypto_scalarmult(secret, private_key->bytes, public_key))
		ret = -EBADMSG;
	else
		mix_key(s, key, secret);
	sodium_memzero(secret, sizeof(secret));
	return ret;
}

static void mix_ephemeral(struct wg_symmetric *s, const uint8_t *public_key)
{
	mix_key(s, NULL, public_key);
	mix_hash(s, public_key, WG_KEY_LEN);
}

static void seal(struct wg_symmetric *s, uint8_t *sealed,
		 const uint8_t key[WG_KEY_LEN], const void *plain, size_t len)
{
	crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, plain, len,
						  s->hash, sizeof(s->hash),
						  NULL, zero_nonce, key);
	mix_hash(s, sealed, len + WG_TAG_LEN);
}

static int open_sealed(struct wg_symmetric *s, void *plain,
		       const uint8_t key[WG_KEY_LEN], const uint8_t *sealed,
		       size_t len)
{
	if (crypto_aead_chacha20poly1305_ietf_decrypt(
		    plain, NULL, NULL, sealed, len + WG_TAG_LEN, s->hash,
		    sizeof(s->hash), zero_nonce, key))
		return -EBADMSG;
	mix_hash(s, sealed, len + WG_TAG_LEN);
	return 0;
}

static void split(const struct wg_symmetric *s, uint8_t *initiator_sends,
		  uint8_t *responder_sends)
{
	uint8_t *outputs[] = {initiator_sends, responder_sends};

	wg_kdf(outputs, 2, s->chain, NULL, 0);
}

int wg_noise_shared(struct wg_key *shared, const struct wg_key *private_key,
		    const struct wg_key *public_key)
{
	struct wg_key secret;
	int ret = -EINVAL;

	if (!crypto_scalarmult(secret.bytes, private_key->bytes,
			       public_key->bytes)) {
		*shared = secret;
		ret = 0;
	}
	wg_key_wipe(&secret);
	return ret;
}

/* -> e, es, s, ss, {stamp} */
int wg_noise_initiate(struct wg_initiator *out, struct wg_initiation *message,
		      const struct wg_identity *self,
		      const struct wg_remote *remote,
		      const uint8_t stamp[WG_TIMESTAMP_LEN])
{
	struct wg_initiator state;
	struct wg_initiation made = {.header.type = WG_INITIATION};
	struct wg_key ephemeral;
	uint8_t key[WG_KEY_LEN];
	int ret = -EBADMSG;

	start(&state.symmetric, &remote->public_key);
	wg_key_generate_private(&state.ephemeral);
	if (wg_key_public(&ephemeral, &state.ephemeral))
		goto wipe;
	memcpy(made.ephemeral, ephemeral.bytes, WG_KEY_LEN);
	mix_ephemeral(&state.symmetric, made.ephemeral);

	if (mix_dh(&state.symmetric, key, &state.ephemeral,
		   remote->public_key.bytes))
		goto wipe;
	seal(&state.symmetric, made.sealed_static, key, self->public_key.bytes,
	     WG_KEY_LEN);

	mix_key(&state.symmetric, key, remote->shared.bytes);
	seal(&state.symmetric, made.sealed_timestamp, key, stamp,
	     WG_TIMESTAMP_LEN);
	*out = state;
	*message = made;
	ret = 0;
wipe:
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(key, sizeof(key));
	return ret;
}

int wg_noise_open_static(struct wg_responder *out,
			 const struct wg_initiation *message,
			 const struct wg_identity *self)
{
	struct wg_responder state = {0};
	uint8_t key[WG_KEY_LEN];
	int ret;

	start(&state.symmetric, &self->public_key);
	memcpy(state.remote_ephemeral.bytes, message->ephemeral, WG_KEY_LEN);
	mix_ephemeral(&state.symmetric, message->ephemeral);
	ret = mix_dh(&state.symmetric, key, &self->private_key,
		     message->ephemeral);
	if (!ret)
		ret = open_sealed(&state.symmetric, state.remote_static.bytes,
				  key, message->sealed_static, WG_KEY_LEN);
	if (!ret)
		*out = state;
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(key, sizeof(key));
	return ret;
}

int wg_noise_open_stamp(struct wg_responder *state,
			const struct wg_initiation *message,
			const struct wg_key *shared,
			uint8_t stamp[WG_TIMESTAMP_LEN])
{
	struct wg_symmetric symmetric = state->symmetric;
	uint8_t key[WG_KEY_LEN], opened[WG_TIMESTAMP_LEN];
	int ret;

	mix_key(&symmetric, key, shared->bytes);
	ret = open_sealed(&symmetric, opened, key, message->sealed_timestamp,
			  sizeof(opened));
	if (!ret) {
		memcpy(stamp, opened, sizeof(opened));
		state->symmetric = symmetric;
	}
	sodium_memzero(&symmetric, sizeof(symmetric));
	sodium_memzero(key, sizeof(key));
	return ret;
}

/* <- e, ee, se, psk, {} */
int wg_noise_respond(struct wg_responder *state, struct wg_response *message,
		     const struct wg_key *psk, struct wg_session_keys *keys)
{
	struct wg_symmetric symmetric = state->symmetric;
	struct wg_response made = {.header.type = WG_RESPONSE};
	struct wg_key ephemeral, private_key;
	uint8_t key[WG_KEY_LEN];
	int ret = -EBADMSG;

	wg_key_generate_private(&private_key);
	if (wg_key_public(&ephemeral, &private_key))
		goto wipe;
	memcpy(made.ephemeral, ephemeral.bytes, WG_KEY_LEN);
	mix_ephemeral(&symmetric, made.ephemeral);
	if (mix_dh(&symmetric, NULL, &private_key,
		   state->remote_ephemeral.bytes) ||
	    mix_dh(&symmetric, NULL, &private_key, state->remote_static.bytes))
		goto wipe;
	mix_psk(&symmetric, key, psk);
	seal(&symmetric, made.sealed_nothing, key, NULL, 0);
	split(&symmetric, keys->receive, keys->send);
	*message = made;
	ret = 0;
wipe:
	sodium_memzero(&symmetric, sizeof(symmetric));
	sodium_memzero(key, sizeof(key));
	wg_key_wipe(&private_key);
	return ret;
}

int wg_noise_finish(const struct wg_initiator *state,
		    const struct wg_response *message,
		    const struct wg_identity *self,
		    const struct wg_remote *remote,
		    struct wg_session_keys *keys)
{
	struct wg_symmetric symmetric = state->symmetric;
	uint8_t key[WG_KEY_LEN];
	int ret = -EBADMSG;

	mix_ephemeral(&symmetric, message->ephemeral);
	if (mix_dh(&symmetric, NULL, &state->ephemeral, message->ephemeral) ||
	    mix_dh(&symmetric, NULL, &self->private_key, message->ephemeral))
		goto wipe;
	mix_psk(&symmetric, key, &remote->psk);
	if (open_sealed(&symmetric, NULL, key, message->sealed_nothing, 0))
		goto wipe;
	split(&symmetric, keys->send, keys->receive);
	ret = 0;
wipe:
	sodium_memzero(&symmetric, sizeof(symmetric));
	sodium_memzero(key, sizeof(key));
	return ret;
}
