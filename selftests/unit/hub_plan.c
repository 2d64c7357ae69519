// SPDX-License-Identifier: GPL-2.0-or-later
/* What hubs and spokes decide: addresses, ports, routes; and the QR code. */
#include <errno.h>
#include <stdlib.h>

#include <qrencode.h>

#include "cmd/plan.h"
#include "cmd/qr.h"
#include "tap.h"

#define KEY(n) "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" n "="

static struct conf_addresses list_of(const char *text)
{
	struct conf_addresses list = {0};

	conf_parse_addresses(&list, text);
	return list;
}

static void join(char *text, size_t size, const struct conf_addresses *list)
{
	char one[CONF_PREFIX_TEXT];

	*text = '\0';
	for (size_t i = 0; i < list->count; i++) {
		conf_format_prefix(one, &list->list[i]);
		snprintf(text + strlen(text), size - strlen(text), "%s%s",
			 i ? " " : "", one);
	}
}

static void test_address(void)
{
	static const struct {
		const char *subnet, *used, *want; /* NULL: full */
	} rows[] = {
		{"10.120.0.1/16", "", "10.120.0.1/32"},
		{"10.120.0.1/16", "10.120.0.1", "10.120.0.2/32"},
		{"10.120.0.1/16", "10.120.0.1 10.120.0.3", "10.120.0.2/32"},
		{"10.120.0.1/16", "10.120.0.3 10.120.0.2 10.120.0.1",
		 "10.120.0.4/32"},
		{"10.120.0.1/16", "10.120.0.0/24", "10.120.1.0/32"},
		{"10.120.0.1/16", "10.120.0.0/24 10.120.0.7 10.120.1.0",
		 "10.120.1.1/32"},
		{"10.120.0.1/16",
		 "0.0.0.0/0 10.120.0.0/16 10.121.0.0/24 fd00::/8",
		 "10.120.0.1/32"},
		{"10.0.0.1/30", "10.0.0.1", "10.0.0.2/32"},
		{"10.0.0.1/30", "10.0.0.1 10.0.0.2", NULL},
		{"10.0.0.1/30", "10.0.0.0/31 10.0.0.2/31", NULL},
		{"10.0.0.0/31", "10.0.0.0", "10.0.0.1/32"},
		{"10.0.0.0/31", "10.0.0.0 10.0.0.1", NULL},
		{"255.255.255.1/24", "255.255.255.0/25 255.255.255.128/25",
		 NULL},
		{"255.255.255.254/31", "255.255.255.254 255.255.255.255", NULL},
		{"fd00::1/64", "fd00::1 fd00::2", "fd00::3/128"},
		{"fd00::ff/64", "fd00::/120", "fd00::100/128"},
		{"ffff:ffff:ffff:ffff::/64",
		 "ffff:ffff:ffff:ffff:8000::/65 ffff:ffff:ffff:ffff::/65",
		 NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_addresses used = list_of(rows[i].used);
		struct wg_allowed_ip subnet, got;
		char text[CONF_PREFIX_TEXT] = "";
		int err;

		conf_parse_prefix(&subnet, rows[i].subnet);
		err = plan_address(&got, &subnet, &used);
		is_int(err, rows[i].want ? 0 : -ENOSPC, "%s without %s",
		       rows[i].subnet, rows[i].used);
		if (!err)
			conf_format_prefix(text, &got);
		is_str(text, rows[i].want ? rows[i].want : "", "the next one");
		conf_addresses_clear(&used);
	}
}

/* Beside the plainest way: count up and look at all of them. */
static void test_address_model(void)
{
	int wrong = 0;

	srand(11);
	for (int round = 0; round < 500; round++) {
		struct conf_addresses used = {0};
		struct wg_allowed_ip subnet, ip, got;
		int want = -1;

		conf_parse_prefix(&subnet, "10.0.0.64/27");
		for (int i = rand() % 40; i > 0; i--) {
			char text[32];

			snprintf(text, sizeof(text), "10.0.0.%d/%d",
				 60 + rand() % 40, 28 + rand() % 5);
			conf_parse_prefix(&ip, text);
			conf_addresses_add(&used, &ip);
		}
		for (int last = 94; last > 64; last--) {
			bool taken = false;
			char text[32];

			snprintf(text, sizeof(text), "10.0.0.%d", last);
			conf_parse_prefix(&ip, text);
			for (size_t i = 0; i < used.count; i++)
				taken |= plan_covers(&used.list[i], &ip);
			if (!taken)
				want = last;
		}
		if (plan_address(&got, &subnet, &used))
			wrong += want != -1;
		else
			wrong += want != (int)(ntohl(got.v4.s_addr) & 0xff);
		conf_addresses_clear(&used);
	}
	is_int(wrong, 0, "500 random sets: the address a plain search finds");
}

static void test_covers(void)
{
	static const struct {
		const char *outer, *inner;
		bool covers;
	} rows[] = {
		{"10.0.0.0/8", "10.1.2.3/32", true},
		{"10.0.0.0/8", "10.0.0.0/8", true},
		{"10.9.9.9/8", "10.1.0.0/16", true},
		{"10.0.0.0/16", "10.0.0.0/8", false},
		{"10.0.0.0/9", "10.128.0.1/32", false},
		{"0.0.0.0/0", "1.2.3.4/32", true},
		{"0.0.0.0/0", "fd00::1/128", false},
		{"fd00::/64", "fd00::ffff/128", true},
		{"fd00::/64", "fd00:0:0:1::/128", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wg_allowed_ip outer, inner;

		conf_parse_prefix(&outer, rows[i].outer);
		conf_parse_prefix(&inner, rows[i].inner);
		is_int(plan_covers(&outer, &inner), rows[i].covers, "%s in %s",
		       rows[i].inner, rows[i].outer);
	}
}

#define PEER(n, role, rest) \
	"[Peer]\n# sluice: " role "\nPublicKey = " KEY(n) "\n" rest "\n"

static void test_port(void)
{
	static const char text[] = PEER("E", "relay", "Endpoint = r:8787")
		PEER("I", "spoke", "Endpoint = r:8787")
			PEER("M", "spoke", "Endpoint = r:8788")
				PEER("Q", "spoke", "Endpoint = r:8789")
					PEER("U", "spoke", "Endpoint = r:8787");
	struct ini_error error;
	struct conf conf = {0};

	is_int(conf_parse(&conf, text, sizeof(text) - 1, &error), 0,
	       "a hub's file");
	is_int(plan_port(&conf, 8787, 8790), 8790, "a port without spokes");
	is_int(plan_port(&conf, 8787, 8789), 8788,
	       "the lowest of the least used");
	is_int(plan_port(&conf, 8787, 8787), 8787, "one port");
	is_int(plan_port(&conf, 65535, 65535), 65535,
	       "the last port ends the search");
	conf_clear(&conf);
}

static void check_routes(const char *addresses, const char *allowed,
			 const char *want, int defaults)
{
	struct plan_routes plan = {0};
	struct ini_error error;
	struct conf conf = {0};
	char text[512], got[512];

	snprintf(
		text, sizeof(text),
		"[Interface]\nAddress = %s\n" PEER(
			"E", "relay",
			"AllowedIPs = 10.120.0.2/32") "[Peer]\nPublicKey = " KEY("I") "\nAllowedIPs = %s\n",
		addresses, allowed);
	conf_parse(&conf, text, strlen(text), &error);
	is_int(plan_routes(&plan, &conf), 0, "routes of %s", allowed);
	join(got, sizeof(got), &plan.routes);
	is_str(got, want, "with %s", addresses);
	is_int(plan.default_v4 + 2 * plan.default_v6, defaults,
	       "default routes");
	plan_routes_clear(&plan);
	conf_clear(&conf);
}

static void test_routes(void)
{
	check_routes("10.120.0.1/16", "10.120.0.3/32", "", 0);
	check_routes("10.120.0.1/16", "10.120.0.3/32, 192.168.9.1/24",
		     "192.168.9.0/24", 0);
	check_routes("10.120.0.3/32", "10.120.0.0/16", "10.120.0.0/16", 0);
	check_routes("10.120.0.3/32", "10.120.0.7/32",
		     "10.120.0.2/32 10.120.0.7/32", 0);
	check_routes("10.120.0.3/32", "0.0.0.0/0, ::/0", "10.120.0.2/32", 3);
	check_routes("10.120.0.3/32, fd00::3/128", "fd00::/64, fd00::1/128",
		     "10.120.0.2/32 fd00::/64", 0);
}

static void test_consent(void)
{
	static const char text[] =
		PEER("E", "relay", "") PEER("I", "spoke a", "") PEER(
			"M", "hub", "") "[Peer]\nPublicKey = " KEY("Q") "\n";
	static const char alone[] = PEER("E", "relay", "");
	struct ini_error error;
	struct conf conf = {0};
	struct wg_key *keys;
	size_t count;

	conf_parse(&conf, text, sizeof(text) - 1, &error);
	plan_consent(&keys, &count, &conf);
	is_int(count, 3, "everybody but the relay is on the list");
	ok(count == 3 && wg_key_equal(&keys[2], &conf.peers[3].public_key),
	   "unmarked peers too");
	free(keys);
	conf_clear(&conf);
	conf_parse(&conf, alone, sizeof(alone) - 1, &error);
	plan_consent(&keys, &count, &conf);
	is_int(count, 0, "the relay alone: the empty list");
	free(keys);
	conf_clear(&conf);
}

/* Reads the half blocks back into modules. */
static void test_qr(void)
{
	static const char config[] = "[Interface]\nPrivateKey = " KEY("E") "\n";
	static const char commented[] =
		"# a\n[Interface]\n# b\n\nPrivateKey = " KEY("E") "\n";
	QRcode *want = QRcode_encodeString8bit(config, 0, QR_ECLEVEL_L);
	struct text text = {0}, picture = {0};
	int x = 0, y = 0, wrong = 0, dark = 0, drawn = 0;
	char *huge = calloc(1, 5000);

	is_int(qr_terminal(&text, commented), 0, "a code without the comments");
	for (const char *at = text.bytes; *at;) {
		int up = -1, down = -1;

		if (!strncmp(at, "\033", 1)) {
			at = strchr(at, 'm') + 1;
			continue;
		}
		if (*at == '\n') {
			y += 2;
			x = 0;
			at++;
			continue;
		}
		if (!strncmp(at, "\u2588", 3))
			up = down = 0;
		else if (!strncmp(at, "\u2580", 3))
			up = 0, down = 1;
		else if (!strncmp(at, "\u2584", 3))
			up = 1, down = 0;
		else if (*at == ' ')
			up = down = 1;
		at += *at == ' ' ? 1 : 3;
		for (int half = 0; half < 2; half++) {
			int row = y + half - 4, column = x - 4;
			bool inside = row >= 0 && column >= 0 &&
				      row < want->width && column < want->width;
			int module = inside ? want->data[row * want->width +
							 column] &
						      1
					    : 0;

			wrong += module != (half ? down : up);
			dark += module;
		}
		x++;
	}
	is_int(wrong, 0, "module for module, with a light margin");
	is_int(x ? 0 : y, want->width + 8 + (want->width & 1), "as many lines");
	qr_svg(&picture, config);
	for (const char *at = picture.bytes; (at = strstr(at, "h1v1h-1z"));
	     at++)
		drawn++;
	is_int(drawn, dark, "the picture has as many dark modules");
	memset(huge, 'a', 4999);
	text_clear(&text);
	is_int(qr_terminal(&text, huge), -ERANGE, "too much for a code");
	free(huge);
	text_clear(&text);
	text_clear(&picture);
	QRcode_free(want);
}

int main(void)
{
	test_covers();
	test_address();
	test_address_model();
	test_port();
	test_routes();
	test_consent();
	test_qr();
	return tap_done();
}
