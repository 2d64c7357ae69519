// SPDX-License-Identifier: GPL-2.0-or-later
/* JSON values there and back, and the arguments of requests. */
#include <endian.h>
#include <errno.h>
#include <net/if.h>

#include "base/address.h"
#include "base/json.h"
#include "tap.h"
#include "wg/json.h"

/* Takes the reference; "null" and numbers as they are dumped. */
static const char *dump(json_t *value)
{
	static char text[128];
	size_t len = json_dumpb(value, text, sizeof(text) - 1,
				JSON_ENCODE_ANY | JSON_COMPACT);

	text[len < sizeof(text) ? len : 0] = '\0';
	json_decref(value);
	return text;
}

static void test_made(void)
{
	static const uint8_t mac[6] = {0x02, 0, 0xab, 0xcd, 0, 0x09};
	struct wg_key key = {{0}};
	uint8_t addr[16];
	unsigned int len;

	address_parse(addr, "192.0.2.1");
	is_str(dump(json_of_endpoint(addr, 51820)), "\"192.0.2.1:51820\"",
	       "an endpoint");
	address_parse_prefix(addr, &len, "2001:db8::/32");
	is_str(dump(json_of_prefix(addr, len)), "\"2001:db8::/32\"",
	       "a prefix");
	is_str(dump(json_of_mac(mac)), "\"02:00:ab:cd:00:09\"", "a MAC");
	is_str(dump(json_of_interface(if_nametoindex("lo"))), "\"lo\"",
	       "an interface");
	is_str(dump(json_of_interface(0)), "null", "no interface");
	is_str(dump(json_of_interface(0x7ffffff0)), "null", "one that is gone");
	is_str(dump(json_of_age(100, 0)), "null", "never");
	is_str(dump(json_of_age(100, 97)), "3", "three seconds ago");
	is_str(dump(json_of_age(100, 101)), "0", "nothing is in the future");
	is_str(dump(json_of_age(0x500000000, 1)), "21474836479",
	       "ages have more than 32 bits");
	is_str(dump(json_of_index(htole32(0x1234abcd))), "\"0x1234abcd\"",
	       "an index");
	is_str(dump(json_of_key(&key)),
	       "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"", "a key");
}

static void test_read(void)
{
	json_t *text = json_string("[2001:db8::1]:7"),
	       *number = json_integer(7);
	uint8_t addr[16] = {0}, want[16];
	uint16_t port = 0;
	unsigned int len = 9;
	struct wg_key key = {{1}};

	address_parse(want, "2001:db8::1");
	is_int(json_to_endpoint(addr, &port, text), 0, "an endpoint is read");
	is_mem(addr, want, 16, "its address");
	is_int(port, 7, "its port");
	is_int(json_to_endpoint(addr, &port, number), -EINVAL,
	       "a number is no endpoint");
	is_int(json_to_prefix(addr, &len, text), -EINVAL,
	       "an endpoint is no prefix");
	is_int(json_to_prefix(addr, &len, NULL), -EINVAL,
	       "nothing is no prefix");
	is_int(len, 9, "and changes nothing");
	is_int(json_to_key(&key, number), -EINVAL, "a number is no key");
	is_int(json_to_key(&key, NULL), -EINVAL, "nothing is no key");
	is_int(key.bytes[0], 1, "and changes nothing");
	json_decref(text);
	json_decref(number);
}

/* ---- arguments ---- */

static struct control_call call_of(json_t *request)
{
	return (struct control_call){.request = request};
}

static void test_seconds(void)
{
	static const struct {
		const char *request;
		int err;
		uint64_t seconds;
	} rows[] = {
		{"{}", 0, 0},
		{"{\"s\": null}", 0, 0},
		{"{\"s\": 1}", 0, 1},
		{"{\"s\": 600}", 0, 600},
		{"{\"s\": 601}", -EINVAL, 42},
		{"{\"s\": 0}", -EINVAL, 42},
		{"{\"s\": -1}", -EINVAL, 42},
		{"{\"s\": \"1\"}", -EINVAL, 42},
		{"{\"s\": 1.5}", -EINVAL, 42},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *request = json_loads(rows[i].request, 0, NULL);
		struct control_call call = call_of(request);
		uint64_t seconds = 42;

		is_int(control_take_seconds(&seconds, &call, "s", 600),
		       rows[i].err, "seconds of %s", rows[i].request);
		is_int(seconds, rows[i].seconds, "are these");
		ok(!rows[i].err == !*call.error, "an error has a sentence");
		json_decref(request);
	}
}

static void test_arguments(void)
{
	json_t *request = json_pack("{s:s, s:s, s:i}", "good", "192.0.2.0/24",
				    "bad", "nonsense", "number", 3);
	struct control_call call = call_of(request);
	struct wg_key key;
	uint8_t addr[16];
	unsigned int len;

	is_int(control_take_prefix(addr, &len, &call, "good"), 0, "a prefix");
	is_int(len, 120, "its length is that of the mapped one");
	is_int(control_take_prefix(addr, &len, &call, "bad"), -EINVAL,
	       "no prefix");
	ok(strstr(call.error, "\"bad\""), "the error names the argument");
	is_int(control_take_prefix(addr, &len, &call, "number"), -EINVAL,
	       "a number is none");
	is_int(control_take_key(&key, &call, "absent"), -EINVAL, "no key");
	ok(strstr(call.error, "\"absent\""), "the error names it too");
	is_int(control_answer(&call, NULL), -ENOMEM, "no report: no memory");
	is_str(call.error, "out of memory", "it says so");
	json_decref(request);
}

int main(void)
{
	test_made();
	test_read();
	test_seconds();
	test_arguments();
	return tap_done();
}
