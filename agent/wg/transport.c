// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/transport.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "wg/limits.h"

#define NONCE_LEN crypto_aead_chacha20poly1305_ietf_NPUBBYTES

/* Four zero bytes, then the counter, little-endian. */
static void make_nonce(uint8_t nonce[NONCE_LEN], uint64_t counter)
{
	uint64_t counter_le = htole64(counter);

	memset(nonce, 0, 4);
	memcpy(nonce + 4, &counter_le, sizeof(counter_le));
}

static size_t padded(size_t len)
{
	return (len + WG_PADDING - 1) & ~(size_t)(WG_PADDING - 1);
}

size_t wg_sealed_len(size_t len)
{
	return sizeof(struct wg_data) + padded(len) + WG_TAG_LEN;
}

int wg_keypair_seal(struct wg_keypair *keypair, void *out, const void *data,
		    size_t len)
{
	uint8_t *body = (uint8_t *)out + sizeof(struct wg_data);
	struct wg_data head = {.header.type = WG_DATA};
	uint8_t nonce[NONCE_LEN];

	if (keypair->send_counter >= WG_REJECT_AFTER_MESSAGES)
		return -ENOKEY;
	head.receiver = keypair->remote_index_le;
	head.counter = htole64(keypair->send_counter);
	make_nonce(nonce, keypair->send_counter++);
	memcpy(out, &head, sizeof(head));
	if (len)
		memcpy(body, data, len);
	memset(body + len, 0, padded(len) - len);
	crypto_aead_chacha20poly1305_ietf_encrypt(body, NULL, body, padded(len),
						  NULL, 0, NULL, nonce,
						  keypair->keys.send);
	return 0;
}

int wg_keypair_open(struct wg_keypair *keypair, void *plain,
		    const void *message, size_t len, bool *late)
{
	const uint8_t *body = (const uint8_t *)message + sizeof(struct wg_data);
	struct wg_data head;
	uint8_t nonce[NONCE_LEN];
	uint64_t counter;

	memcpy(&head, message, sizeof(head));
	counter = le64toh(head.counter);
	if (counter >= WG_REJECT_AFTER_MESSAGES)
		return -EBADMSG;
	if (!wg_replay_is_new(&keypair->replay, keypair->replay_bits, counter))
		return -EALREADY;
	make_nonce(nonce, counter);
	if (crypto_aead_chacha20poly1305_ietf_decrypt(
		    plain, NULL, NULL, body, len - sizeof(head), NULL, 0, nonce,
		    keypair->keys.receive))
		return -EBADMSG;
	*late = counter < keypair->replay.greatest;
	wg_replay_accept(&keypair->replay, keypair->replay_bits, counter);
	return 0;
}
