// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The handshake against a second one: the Noise specification's objects
 * (revision 34, section 5), interpreting the pattern's tokens, proved by a
 * published vector for Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s. WireGuard is that
 * with its own prologue and payloads.
 */
#include "wg/noise.h"

#include <errno.h>

#include <blake2.h>
#include <sodium.h>

#include "tap.h"

/* ---- Noise, as its specification has it ------------------------------- */

struct cipher {
	uint8_t k[32];
	uint64_t n;
	bool has_key;
};

struct noise {
	struct cipher cipher;
	uint8_t ck[32], h[32];
	const uint8_t *s, *e, *rs, *re, *psk;
	uint8_t got_rs[32], got_re[32];
	bool initiator;
};

static void hash(uint8_t out[32], const uint8_t *data, size_t len)
{
	blake2s(out, data, NULL, 32, len, 0);
}

static void hmac_hash(uint8_t out[32], const uint8_t key[32],
		      const uint8_t *data, size_t len)
{
	uint8_t buffer[64 + 128], inner[64 + 32];

	memset(buffer, 0x36, 64);
	memset(inner, 0x5c, 64);
	for (int i = 0; i < 32; i++) {
		buffer[i] ^= key[i];
		inner[i] ^= key[i];
	}
	if (len)
		memcpy(buffer + 64, data, len);
	hash(inner + 64, buffer, 64 + len);
	hash(out, inner, sizeof(inner));
}

static void hkdf(const uint8_t ck[32], const uint8_t *ikm, size_t len,
		 uint8_t out[3][32])
{
	uint8_t temp[32], more[33];

	hmac_hash(temp, ck, ikm, len);
	hmac_hash(out[0], temp, (const uint8_t *)"\x01", 1);
	memcpy(more, out[0], 32);
	more[32] = 2;
	hmac_hash(out[1], temp, more, 33);
	memcpy(more, out[1], 32);
	more[32] = 3;
	hmac_hash(out[2], temp, more, 33);
}

static void mix_hash(struct noise *s, const uint8_t *data, size_t len)
{
	uint8_t joined[32 + 256];

	memcpy(joined, s->h, 32);
	memcpy(joined + 32, data, len);
	hash(s->h, joined, 32 + len);
}

static void mix_key(struct noise *s, const uint8_t ikm[32])
{
	uint8_t out[3][32];

	hkdf(s->ck, ikm, 32, out);
	memcpy(s->ck, out[0], 32);
	memcpy(s->cipher.k, out[1], 32);
	s->cipher.n = 0;
	s->cipher.has_key = true;
}

static void mix_key_and_hash(struct noise *s, const uint8_t ikm[32])
{
	uint8_t out[3][32];

	hkdf(s->ck, ikm, 32, out);
	memcpy(s->ck, out[0], 32);
	mix_hash(s, out[1], 32);
	memcpy(s->cipher.k, out[2], 32);
	s->cipher.n = 0;
	s->cipher.has_key = true;
}

static void nonce_of(uint8_t nonce[12], uint64_t n)
{
	memset(nonce, 0, 12);
	for (int i = 0; i < 8; i++)
		nonce[4 + i] = n >> 8 * i;
}

static size_t encrypt(struct cipher *c, uint8_t *out, const uint8_t *ad,
		      size_t ad_len, const uint8_t *plain, size_t len)
{
	unsigned long long out_len;
	uint8_t nonce[12];

	nonce_of(nonce, c->n++);
	crypto_aead_chacha20poly1305_ietf_encrypt(out, &out_len, plain, len, ad,
						  ad_len, NULL, nonce, c->k);
	return out_len;
}

static size_t encrypt_and_hash(struct noise *s, uint8_t *out,
			       const uint8_t *plain, size_t len)
{
	size_t out_len = encrypt(&s->cipher, out, s->h, 32, plain, len);

	mix_hash(s, out, out_len);
	return out_len;
}

static void start(struct noise *s, const char *prologue, size_t len,
		  const uint8_t responder_static[32])
{
	static const char name[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";

	/* The name is longer than HASHLEN: hashed. */
	hash(s->h, (const uint8_t *)name, strlen(name));
	memcpy(s->ck, s->h, 32);
	mix_hash(s, (const uint8_t *)prologue, len);
	mix_hash(s, responder_static, 32); /* the pre-message <- s */
}

static void dh(struct noise *s, const uint8_t *secret, const uint8_t *point)
{
	uint8_t shared[32];

	if (crypto_scalarmult(shared, secret, point))
		printf("Bail out! a bad point in the reference\n");
	mix_key(s, shared);
}

/* WriteMessage of one pattern: tokens as in the specification, one letter for
 * the one-letter ones, x for es, X for ee, y for se, z for ss, p for psk. */
static size_t write_message(struct noise *s, const char *tokens, uint8_t *out,
			    const uint8_t *payload, size_t len)
{
	uint8_t *at = out, public_key[32];

	for (; *tokens; tokens++)
		switch (*tokens) {
		case 'e':
			crypto_scalarmult_base(at, s->e);
			mix_hash(s, at, 32);
			mix_key(s, at); /* as in every psk handshake */
			at += 32;
			break;
		case 's':
			crypto_scalarmult_base(public_key, s->s);
			at += encrypt_and_hash(s, at, public_key, 32);
			break;
		case 'x':
			dh(s, s->initiator ? s->e : s->s,
			   s->initiator ? s->rs : s->re);
			break;
		case 'y':
			dh(s, s->initiator ? s->s : s->e,
			   s->initiator ? s->re : s->rs);
			break;
		case 'X':
			dh(s, s->e, s->re);
			break;
		case 'z':
			dh(s, s->s, s->rs);
			break;
		case 'p':
			mix_key_and_hash(s, s->psk);
			break;
		}
	at += encrypt_and_hash(s, at, payload, len);
	return at - out;
}

/* What the other side's message does to this side's state. */
static void follow(struct noise *s, const struct noise *writer,
		   const uint8_t *message)
{
	memcpy(s->got_re, message, 32);
	s->re = s->got_re;
	memcpy(s->h, writer->h, 32);
	memcpy(s->ck, writer->ck, 32);
	s->cipher = writer->cipher;
}

static void split(struct noise *s, uint8_t keys[2][32])
{
	uint8_t out[3][32];

	hkdf(s->ck, NULL, 0, out);
	memcpy(keys[0], out[0], 32);
	memcpy(keys[1], out[1], 32);
}

/* ---- the published vector --------------------------------------------- */

static size_t unhex(uint8_t *out, const char *hex)
{
	size_t len;

	sodium_hex2bin(out, strlen(hex) / 2, hex, strlen(hex), NULL, &len,
		       NULL);
	return len;
}

static const char vector_psk[] =
	"54686973206973206d7920417573747269616e20706572737065637469766521";
static const char vector_is[] =
	"e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
static const char vector_ie[] =
	"893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
static const char vector_irs[] =
	"31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62";
static const char vector_rs[] =
	"4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
static const char vector_re[] =
	"bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";
static const char vector_hash[] =
	"f5191b875290abcd41347ac3622d9679688a7e980229cb937ef748336cfde0e5";
static const char *const vector_messages[][2] = {
	{"4c756477696720766f6e204d69736573",
	 "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944001e21de9f98ddd8e2ad57527207feb56253c9c94a9e496782ecfcb2a75fbcaf1b52948cc48daefe660c62119ab5000980c84831215f2441eba616548e832985464cf17e51ee93109008399a21f7e13f"},
	{"4d757272617920526f746862617264",
	 "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843cb765f2caef0751b8f007572dab0322217755c0632f365717edbf34d33e87a"},
	{"462e20412e20486179656b",
	 "8153ca9833bc3c1b91a7e66e5f4d4f5b59bf9e64c2f20d15f0bba7"},
	{"4361726c204d656e676572",
	 "07af0c9c86e1b4e80f36b04ff7688d51141af3debd0332f0a705ef"},
};

static void test_vector(void)
{
	uint8_t psk[32], is[32], ie[32], irs[32], rs[32], re[32], want_hash[32];
	uint8_t payload[64], want[256], got[256], ipub[32], keys[2][32];
	struct noise i = {
		.initiator = true, .s = is, .e = ie, .rs = irs, .psk = psk};
	struct noise r = {.s = rs, .e = re, .rs = ipub, .psk = psk};
	struct cipher ciphers[2] = {{.has_key = true}, {.has_key = true}};
	size_t len;

	unhex(psk, vector_psk);
	unhex(is, vector_is);
	unhex(ie, vector_ie);
	unhex(irs, vector_irs);
	unhex(rs, vector_rs);
	unhex(re, vector_re);
	unhex(want_hash, vector_hash);
	crypto_scalarmult_base(ipub, is);
	start(&i, "John Galt", 9, irs);

	len = unhex(payload, vector_messages[0][0]);
	len = write_message(&i, "exsz", got, payload, len);
	is_int(len, unhex(want, vector_messages[0][1]),
	       "the vector's first message");
	is_mem(got, want, len, "byte for byte");
	follow(&r, &i, got);
	len = unhex(payload, vector_messages[1][0]);
	len = write_message(&r, "eXyp", got, payload, len);
	is_int(len, unhex(want, vector_messages[1][1]), "its second");
	is_mem(got, want, len, "byte for byte");
	is_mem(r.h, want_hash, 32, "its handshake hash");

	split(&r, keys);
	for (int m = 0; m < 2; m++) {
		memcpy(ciphers[m].k, keys[m], 32);
		len = unhex(payload, vector_messages[2 + m][0]);
		len = encrypt(&ciphers[m], got, NULL, 0, payload, len);
		unhex(want, vector_messages[2 + m][1]);
		is_mem(got, want, len, "its transport message %d", m);
	}
}

/* ---- WireGuard -------------------------------------------------------- */

/* What the next ephemeral keys will be. */
static uint8_t drawn[2][32];
static int draws;

static const char *draw_name(void)
{
	return "scripted";
}

static uint32_t draw_random(void)
{
	return 4;
}

static void draw_buf(void *const buf, const size_t size)
{
	memset(buf, 0, size);
	memcpy(buf, drawn[draws++ % 2], size < 32 ? size : 32);
}

static struct randombytes_implementation scripted = {
	.implementation_name = draw_name,
	.random = draw_random,
	.buf = draw_buf,
};

struct ends {
	struct wg_identity a, b;
	struct wg_remote b_at_a, a_at_b;
};

static void make_identity(struct wg_identity *self)
{
	wg_key_generate_private(&self->private_key);
	wg_key_public(&self->public_key, &self->private_key);
}

static void introduce(struct ends *ends, bool with_psk)
{
	memset(ends, 0, sizeof(*ends));
	make_identity(&ends->a);
	make_identity(&ends->b);
	ends->b_at_a.public_key = ends->b.public_key;
	ends->a_at_b.public_key = ends->a.public_key;
	wg_noise_shared(&ends->b_at_a.shared, &ends->a.private_key,
			&ends->b.public_key);
	wg_noise_shared(&ends->a_at_b.shared, &ends->b.private_key,
			&ends->a.public_key);
	if (with_psk) {
		wg_key_generate_preshared(&ends->b_at_a.psk);
		ends->a_at_b.psk = ends->b_at_a.psk;
	}
}

static const uint8_t stamp[12] = {0x40, 0, 0, 0, 0x65, 1, 2, 3, 4, 5, 6, 7};

/* All of it; how far it came: 0 to 4. */
static int shake(struct ends *ends, struct wg_initiation *initiation,
		 struct wg_response *response, struct wg_session_keys keys[2])
{
	struct wg_responder responder;
	uint8_t got[12];

	if (wg_noise_open_static(&responder, initiation, &ends->b))
		return 0;
	if (!wg_key_equal(&responder.remote_static, &ends->a_at_b.public_key))
		return 1;
	if (wg_noise_open_stamp(&responder, initiation, &ends->a_at_b.shared,
				got))
		return 2;
	if (memcmp(got, stamp, 12) ||
	    wg_noise_respond(&responder, response, &ends->a_at_b.psk, &keys[1]))
		return 3;
	return 4;
}

static void test_transcript(bool with_psk)
{
	static const char prologue[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";
	struct randombytes_implementation *usual =
		&randombytes_sysrandom_implementation;
	struct wg_session_keys keys[2];
	struct wg_initiation initiation;
	struct wg_response response;
	struct wg_initiator initiator;
	struct ends ends;
	uint8_t want[256], split_keys[2][32];
	struct noise i, r;

	introduce(&ends, with_psk);
	randombytes_buf(drawn, sizeof(drawn));
	for (int k = 0; k < 2; k++) { /* clamped, as the module will */
		drawn[k][0] &= 248;
		drawn[k][31] = (drawn[k][31] & 127) | 64;
	}
	draws = 0;
	randombytes_set_implementation(&scripted);
	wg_noise_initiate(&initiator, &initiation, &ends.a, &ends.b_at_a,
			  stamp);
	is_int(shake(&ends, &initiation, &response, keys), 4,
	       "%s: both ends agree", with_psk ? "with psk" : "without psk");
	randombytes_set_implementation(usual);
	is_int(wg_noise_finish(&initiator, &response, &ends.a, &ends.b_at_a,
			       &keys[0]),
	       0, "to the end");

	i = (struct noise){.initiator = true,
			   .s = ends.a.private_key.bytes,
			   .e = drawn[0],
			   .rs = ends.b.public_key.bytes,
			   .psk = ends.b_at_a.psk.bytes};
	r = (struct noise){.s = ends.b.private_key.bytes,
			   .e = drawn[1],
			   .rs = ends.a.public_key.bytes,
			   .psk = ends.a_at_b.psk.bytes};
	start(&i, prologue, strlen(prologue), ends.b.public_key.bytes);
	write_message(&i, "exsz", want, stamp, sizeof(stamp));
	is_mem(initiation.ephemeral, want, 32 + 48 + 28,
	       "the initiation is Noise's");
	follow(&r, &i, want);
	write_message(&r, "eXyp", want, NULL, 0);
	is_mem(response.ephemeral, want, 32 + 16, "the response too");
	split(&r, split_keys);
	ok(!memcmp(keys[0].send, split_keys[0], 32) &&
		   !memcmp(keys[1].receive, split_keys[0], 32) &&
		   !memcmp(keys[0].receive, split_keys[1], 32) &&
		   !memcmp(keys[1].send, split_keys[1], 32),
	   "and the keys, at both ends");
}

static void test_spoilt_initiation(void)
{
	struct wg_session_keys keys[2];
	struct wg_initiation initiation, spoilt;
	struct wg_response response;
	struct wg_initiator initiator;
	struct ends ends, others;
	size_t missed = 0;

	introduce(&ends, true);
	introduce(&others, true);
	wg_noise_initiate(&initiator, &initiation, &ends.a, &ends.b_at_a,
			  stamp);
	for (size_t at = 8; at < 116; at++) {
		int want = at < 88 ? 0 : 2;

		spoilt = initiation;
		((uint8_t *)&spoilt)[at] ^= 4;
		missed += shake(&ends, &spoilt, &response, keys) != want;
	}
	is_int(missed, 0, "no byte of an initiation may change");
	is_int(shake(&others, &initiation, &response, keys), 0,
	       "another responder opens nothing");
	/* Made by somebody who knows the initiator's public key only. */
	ends.a_at_b.shared = others.a_at_b.shared;
	is_int(shake(&ends, &initiation, &response, keys), 2,
	       "a stamp under another shared secret");
}

static void test_spoilt_response(void)
{
	struct wg_session_keys keys[2];
	struct wg_initiation initiation;
	struct wg_response response, wrong;
	struct wg_initiator initiator, before;
	struct ends ends, others;
	size_t missed = 0;

	introduce(&ends, true);
	introduce(&others, true);
	wg_noise_initiate(&initiator, &initiation, &ends.a, &ends.b_at_a,
			  stamp);
	is_int(shake(&ends, &initiation, &response, keys), 4, "a response");
	before = initiator;
	for (size_t at = 12; at < 60; at++) {
		wrong = response;
		((uint8_t *)&wrong)[at] ^= 4;
		missed += wg_noise_finish(&initiator, &wrong, &ends.a,
					  &ends.b_at_a, &keys[0]) != -EBADMSG;
	}
	is_int(missed, 0, "no byte of it may change");
	is_int(wg_noise_finish(&initiator, &response, &ends.a, &others.b_at_a,
			       &keys[0]),
	       -EBADMSG, "another psk refuses it");
	is_int(wg_noise_finish(&initiator, &response, &others.a, &ends.b_at_a,
			       &keys[0]),
	       -EBADMSG, "another initiator too");
	is_mem(&initiator, &before, sizeof(before), "the state is as it was");
	is_int(wg_noise_finish(&initiator, &response, &ends.a, &ends.b_at_a,
			       &keys[0]),
	       0, "and the true one passes");
	is_mem(keys[0].send, keys[1].receive, 32, "to the same keys");
}

/* The points of small order, as their encodings (RFC 7748, section 6.1). */
static const uint8_t low_order[][32] = {
	{0},
	{1},
	{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
	 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
	 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
	{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
	 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
	 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
	{0xec, [1 ... 30] = 0xff, [31] = 0x7f},
	{0xed, [1 ... 30] = 0xff, [31] = 0x7f},
	{0xee, [1 ... 30] = 0xff, [31] = 0x7f},
};

static void test_low_order(void)
{
	struct wg_session_keys keys;
	struct wg_initiation initiation;
	struct wg_response response = {0};
	struct wg_initiator initiator;
	struct wg_responder responder;
	struct ends ends;
	int passed = 0;

	introduce(&ends, false);
	wg_noise_initiate(&initiator, &initiation, &ends.a, &ends.b_at_a,
			  stamp);
	for (size_t i = 0; i < sizeof(low_order) / sizeof(*low_order); i++) {
		struct wg_key key, shared;

		memcpy(key.bytes, low_order[i], 32);
		memcpy(initiation.ephemeral, low_order[i], 32);
		memcpy(response.ephemeral, low_order[i], 32);
		passed += !wg_noise_shared(&shared, &ends.a.private_key, &key);
		passed +=
			!wg_noise_open_static(&responder, &initiation, &ends.b);
		passed += !wg_noise_finish(&initiator, &response, &ends.a,
					   &ends.b_at_a, &keys);
		ends.b_at_a.public_key = key;
		passed += !wg_noise_initiate(&initiator, &initiation, &ends.a,
					     &ends.b_at_a, stamp);
		ends.b_at_a.public_key = ends.b.public_key;
	}
	is_int(passed, 0, "points of small order are refused everywhere");
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_vector();
	test_transcript(false);
	test_transcript(true);
	test_spoilt_initiation();
	test_spoilt_response();
	test_low_order();
	return tap_done();
}
