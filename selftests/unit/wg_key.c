// SPDX-License-Identifier: GPL-2.0-or-later
/* Keys as text, and Curve25519 by RFC 7748's numbers. */
#include "wg/key.h"

#include <errno.h>

#include <sodium.h>

#include "tap.h"

static const struct wg_key counting = {
	{0,  1,	 2,  3,	 4,  5,	 6,  7,	 8,  9,	 10, 11, 12, 13, 14, 15,
	 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31},
};
static const char counting_text[] =
	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

static void test_text(void)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"", "empty"},
		{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "no padding"},
		{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", "stray bits"},
		{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", "31 bytes"},
		{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g", "33 bytes"},
		{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "a newline"},
		{"AAECAwQFBgcICQoL A0ODxAREhMUFRYXGBkaGxwdHh8=", "a blank"},
		{"AAECAwQFBgcICQoL-A0ODxAREhMUFRYXGBkaGxwdHh8=",
		 "URL alphabet"},
		{"====AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
		 "early padding"},
		{"\x80"
		 "AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
		 "not ASCII"},
	};
	struct wg_key key, before;
	wg_key_text text;

	is_int(wg_key_parse(&key, counting_text), 0, "a key is parsed");
	is_mem(key.bytes, counting.bytes, 32, "to its bytes");
	wg_key_format(text, &counting);
	is_str(text, counting_text, "and written back");
	before = key;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		is_int(wg_key_parse(&key, bad[i].text), -EINVAL, "refused: %s",
		       bad[i].why);
	ok(wg_key_equal(&key, &before), "a refused text changes nothing");
	for (int i = 0; i < 1000; i++) {
		wg_key_generate_preshared(&before);
		wg_key_format(text, &before);
		if (wg_key_parse(&key, text) || !wg_key_equal(&key, &before))
			break;
	}
	ok(wg_key_equal(&key, &before),
	   "a thousand random keys go there and back");
}

/* RFC 7748, section 6.1 */
static void test_curve(void)
{
	static const struct {
		const char *private_key, *public_key;
	} owners[] = {
		{"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
		 "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"},
		{"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
		 "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"},
	};

	for (int i = 0; i < 2; i++) {
		struct wg_key private_key, public_key;
		char hex[65];

		sodium_hex2bin(private_key.bytes, 32, owners[i].private_key, 64,
			       NULL, NULL, NULL);
		is_int(wg_key_public(&public_key, &private_key), 0,
		       "a public key is computed");
		sodium_bin2hex(hex, sizeof(hex), public_key.bytes, 32);
		is_str(hex, owners[i].public_key, "RFC 7748's");
	}
}

static void test_generated(void)
{
	struct wg_key a, b;

	wg_key_generate_private(&a);
	wg_key_generate_private(&b);
	ok(!wg_key_equal(&a, &b), "two generated keys differ");
	ok(!(a.bytes[0] & 7) && (a.bytes[31] & 0xc0) == 0x40,
	   "they are clamped");
	ok(!wg_key_is_zero(&a), "and not zero");
	wg_key_wipe(&a);
	ok(wg_key_is_zero(&a), "a wiped key is");
}

int main(void)
{
	test_text();
	test_curve();
	test_generated();
	return tap_done();
}
