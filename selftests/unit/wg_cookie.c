// SPDX-License-Identifier: GPL-2.0-or-later
/* Cookies between two parties, over time and from several addresses. */
#include "wg/cookie.h"

#include <errno.h>

#include <sodium.h>

#include "tap.h"
#include "wg/limits.h"

static struct wg_key responder, stranger;
static struct wg_cookie_jar jar;
static struct wg_cookie_slip slip;
static const struct wg_path home = {.remote = {[15] = 1},
				    .remote_port = 0x1234};

static void make_message(struct wg_initiation *message, uint64_t now_ns)
{
	randombytes_buf(message, sizeof(*message));
	message->header = (struct wg_header){.type = WG_INITIATION};
	wg_cookie_slip_sign(&slip, message, &message->macs, &responder, now_ns);
}

static bool fits(const struct wg_initiation *message,
		 const struct wg_path *path, uint64_t now_ns)
{
	return wg_cookie_jar_mac2_fits(&jar, message, &message->macs, path,
				       now_ns);
}

static void test_exchange(void)
{
	uint64_t now_ns = 5 * WG_SECOND_NS;
	struct wg_path elsewhere = home;
	struct wg_initiation message;
	struct wg_cookie reply, spoilt;
	size_t passed = 0;

	memset(&reply, 0, sizeof(reply));
	is_int(wg_cookie_slip_take(&slip, &reply, &responder, now_ns), -EBADMSG,
	       "no cookie for what was never sent");
	make_message(&message, now_ns);
	ok(wg_mac1_fits(&jar.mac1_key, &message, sizeof(message)),
	   "mac1 is made");
	ok(sodium_is_zero(message.macs.mac2, 16),
	   "mac2 is zero without a cookie");
	ok(!fits(&message, &home, now_ns), "and proves nothing");

	wg_cookie_jar_reply(&jar, &reply, message.sender, &message.macs, &home,
			    now_ns);
	ok(reply.header.type == WG_COOKIE && reply.receiver == message.sender,
	   "a reply names the sender");
	for (size_t at = 8; at < sizeof(reply); at++) {
		spoilt = reply;
		((uint8_t *)&spoilt)[at] ^= 0x10;
		passed += !wg_cookie_slip_take(&slip, &spoilt, &responder,
					       now_ns);
	}
	is_int(passed, 0, "no byte of it may change");
	is_int(wg_cookie_slip_take(&slip, &reply, &stranger, now_ns), -EBADMSG,
	       "it is the responder's");
	is_int(wg_cookie_slip_take(&slip, &reply, &responder, now_ns), 0,
	       "taken");
	is_int(wg_cookie_slip_take(&slip, &reply, &responder, now_ns), -EBADMSG,
	       "once");

	make_message(&message, now_ns);
	ok(fits(&message, &home, now_ns), "the next message has a good mac2");
	elsewhere.remote[15] ^= 1;
	ok(!fits(&message, &elsewhere, now_ns), "not from another address");
	elsewhere = home;
	elsewhere.remote_port ^= 1;
	ok(!fits(&message, &elsewhere, now_ns), "nor another port");
	elsewhere.remote_port = home.remote_port ^ 0x100;
	ok(!fits(&message, &elsewhere, now_ns), "in either byte");
	elsewhere = home;
	elsewhere.local_port ^= 1;
	ok(fits(&message, &elsewhere, now_ns), "our own port does not matter");
	message.macs.mac1[3] ^= 1;
	ok(!fits(&message, &home, now_ns), "mac2 covers mac1");

	wg_cookie_jar_reply(&jar, &reply, message.sender, &message.macs, &home,
			    now_ns);
	is_int(wg_cookie_slip_take(&slip, &reply, &responder, now_ns), -EBADMSG,
	       "a reply to another message is not ours");
}

static void test_age(void)
{
	uint64_t born_ns = 5 * WG_SECOND_NS, now_ns;
	struct wg_initiation message, early;

	make_message(&early, born_ns);
	now_ns = born_ns + 115 * WG_SECOND_NS - 1;
	make_message(&message, now_ns);
	ok(fits(&message, &home, now_ns), "a cookie is used for 115 s");
	ok(fits(&early, &home, born_ns + 120 * WG_SECOND_NS - 1),
	   "and good for 120 s");
	ok(!fits(&early, &home, born_ns + 120 * WG_SECOND_NS),
	   "then there is another secret");
	make_message(&message, born_ns + 115 * WG_SECOND_NS);
	ok(sodium_is_zero(message.macs.mac2, 16), "an old one is not used");
}

int main(void)
{
	struct wg_key private_key;

	if (sodium_init() < 0)
		return 1;
	wg_key_generate_private(&private_key);
	wg_key_public(&responder, &private_key);
	wg_key_generate_private(&private_key);
	wg_key_public(&stranger, &private_key);
	wg_cookie_jar_init(&jar, &responder);
	test_exchange();
	test_age();
	return tap_done();
}
