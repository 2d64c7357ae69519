// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The files of hubs and spokes: what is read out of them, and that an edit
 * leaves every byte alone that it is not about.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/number.h"
#include "cmd/conf.h"
#include "tap.h"

#define KEY_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="
#define KEY_B "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI="
#define KEY_C "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAM="
#define KEY_D "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQ="

/* Written by many hands. */
static const char site[] =
	"# my hub\n"
	"\t[interface] # lower case\n"
	"  # sluice: interface wgtest \n"
	"PRIVATEKEY=" KEY_A "\n"
	"Address = 10.120.0.1/16 , fd00::1/64\n"
	"Address = 192.168.1.1\n"
	"ListenPort = 51820   # as ever\n"
	"FwMark = 0x1f\r\n"
	"MTU = 1380\n"
	"Table = 4711\n"
	"PostUp = iptables -A FORWARD -i %i -j ACCEPT; echo up\n"
	"Colour = blue\n"
	"\n"
	"[Peer]\n"
	"# sluice: relay\n"
	"# sluice: relay-ports 8787-8794\n"
	"PublicKey = " KEY_B "\n"
	"Endpoint = [2001:db8::1]:8787\n"
	"AllowedIPs = 10.120.0.2/32\n"
	"PersistentKeepalive = 25\n"
	"\n"
	"# anna's phone\n"
	"[Peer]\n"
	"# sluice: spoke anna\n"
	"PublicKey = " KEY_C "\n"
	"PresharedKey = " KEY_D "\n"
	"AllowedIPs = 10.120.0.3/32\n"
	"AllowedIPs = fd00::3, 192.168.9.0/24\n"
	"Endpoint = relay.example.org:8788\n"
	"PersistentKeepalive = off\n"
	"\n"
	"[Peer]\n"
	"PublicKey = " KEY_D "\n"
	"AllowedIPs =\n";

static int parse(struct conf *conf, const char *text, struct ini_error *error)
{
	return conf_parse(conf, text, strlen(text), error);
}

static void test_read(void)
{
	struct ini_error error;
	struct conf conf = {0};
	char text[CONF_ENDPOINT_TEXT];

	if (!is_int(parse(&conf, site, &error), 0, "read"))
		printf("# line %u: %s\n", error.line, error.text);
	is_str(conf.interface, "wgtest", "interface");
	is_int(conf.private_key.bytes[31], 1, "private key");
	is_int(conf.addresses.count, 3, "addresses of two lines");
	conf_format_prefix(text, &conf.addresses.list[1]);
	is_str(text, "fd00::1/64", "an address keeps its host bits");
	is_int(conf.addresses.list[2].prefix, 32, "no length: a host");
	is_int(conf.listen_port, 51820, "port");
	is_int(conf.fwmark, 31, "mark");
	is_int(conf.mtu, 1380, "MTU");
	is_int(conf.table, CONF_TABLE_NUMBER, "table");
	is_int(conf.table_number, 4711, "its number");
	if (is_int(conf.ignored_count, 2, "what has no effect is told")) {
		is_str(conf.ignored[0].key, "PostUp", "wg-quick's");
		ok(conf.ignored[0].known, "is known");
		is_int(conf.ignored[0].line, 11, "with its line");
		ok(!conf.ignored[1].known, "Colour is not");
	}
	if (!is_int(conf.peer_count, 3, "peers"))
		return;
	is_int(conf.peers[0].role, CONF_RELAY, "the relay");
	is_int(conf.peers[0].port_first, 8787, "its first port");
	is_int(conf.peers[0].port_last, 8794, "its last");
	conf_format_endpoint(text, &conf.peers[0].endpoint);
	is_str(text, "[2001:db8::1]:8787", "its endpoint");
	is_int(conf.peers[0].keepalive, 25, "its keepalive");
	is_int(conf.peers[1].role, CONF_SPOKE, "a spoke");
	is_str(conf.peers[1].name, "anna", "its name");
	is_int(conf.peers[1].preshared_key.bytes[31], 4, "its preshared key");
	is_int(conf.peers[1].allowed_ips.count, 3, "its addresses");
	conf_format_endpoint(text, &conf.peers[1].endpoint);
	is_str(text, "relay.example.org:8788", "an endpoint by name");
	is_int(conf.peers[2].role, CONF_PEER, "an unmarked peer");
	is_int(conf.peers[2].allowed_ips.count, 0, "without addresses");
	ok(conf_relay(&conf) == &conf.peers[0], "the relay is found");
	ok(conf_find_name(&conf, "anna") == &conf.peers[1], "by name");
	ok(!conf_find_name(&conf, ""), "no name finds nobody");
	ok(conf_find_key(&conf, &conf.peers[2].public_key) == &conf.peers[2],
	   "by key");
	is_str(conf.text, site, "the text is what it was");
	conf_clear(&conf);
}

/* Removing peer `at` must leave exactly `want`. */
static void check_remove(const char *what, const char *text, size_t at,
			 const char *want)
{
	struct ini_error error;
	struct conf conf = {0};

	parse(&conf, text, &error);
	if (ok(at < conf.peer_count, "%s: it is there", what)) {
		is_int(conf_remove(&conf, &conf.peers[at], &error), 0, "%s",
		       what);
		is_str(conf.text, want, "%s: the rest stays", what);
	}
	conf_clear(&conf);
}

static void test_remove(void)
{
	static const char anna[] =
		"# anna's phone\n[Peer]\n# sluice: spoke anna\n";
	char want[sizeof(site)];
	const char *begin = strstr(site, anna);
	const char *end = strstr(begin, "\n[Peer]\nPublicKey = " KEY_D) + 1;

	snprintf(want, sizeof(want), "%.*s%s", (int)(begin - site), site, end);
	check_remove("one in the middle goes with its comment", site, 1, want);
	snprintf(want, sizeof(want), "%.*s", (int)(end - 1 - site), site);
	check_remove("the last goes with the blank line before", site, 2, want);
	check_remove("no blank lines",
		     "[Peer]\nPublicKey = " KEY_A "\n# sluice: spoke a\n"
		     "# of b\n[Peer]\nPublicKey = " KEY_B "\n",
		     0, "# of b\n[Peer]\nPublicKey = " KEY_B "\n");
	check_remove("our comment is not of the next",
		     "[Peer]\nPublicKey = " KEY_A "\n# sluice: spoke a\n"
		     "[Peer]\nPublicKey = " KEY_B "\n",
		     1, "[Peer]\nPublicKey = " KEY_A "\n# sluice: spoke a\n");
	check_remove("no newline at the end", "[Peer]\nPublicKey = " KEY_A, 0,
		     "");
	check_remove("another section follows",
		     "[Peer]\nPublicKey = " KEY_A "\n\n[Notes]\nx = y\n", 0,
		     "[Notes]\nx = y\n");
	check_remove(
		"carriage returns",
		"[Interface]\r\n\r\n[Peer]\r\nPublicKey = " KEY_A "\r\n\r\n"
		"[Peer]\r\nPublicKey = " KEY_B "\r\n",
		0, "[Interface]\r\n\r\n[Peer]\r\nPublicKey = " KEY_B "\r\n");
}

static void test_append(void)
{
	static const char block[] =
		"[Peer]\n# sluice: spoke new\nPublicKey = "
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAU=\n";
	static const char *const texts[] = {
		site,
		"",
		"[Interface]\nPrivateKey = " KEY_A "\n",
		"[Peer]\nPublicKey = " KEY_A "\n",
		"# only a comment\n",
	};
	struct ini_error error;
	struct conf conf = {0};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		parse(&conf, texts[i], &error);
		is_int(conf_append(&conf, block, strlen(block), &error), 0,
		       "append to text %zu", i);
		ok(!strncmp(conf.text, texts[i], strlen(texts[i])),
		   "text %zu stands unchanged before it", i);
		ok(conf_find_name(&conf, "new") != NULL, "the peer is read");
		conf_remove(&conf, conf_find_name(&conf, "new"), &error);
		is_str(conf.text, texts[i], "removing it undoes that");
		conf_clear(&conf);
	}

	parse(&conf, "[Interface]\nMTU = 1400", &error);
	conf_append(&conf, block, strlen(block), &error);
	ok(strstr(conf.text, "1400\n\n[Peer]"),
	   "a missing newline is made good");
	is_int(conf.mtu, 1400, "and the value stays");
	is_int(conf_append(&conf, block, strlen(block), &error), -EINVAL,
	       "the same key twice is refused");
	is_int(conf.peer_count, 1, "and changes nothing");
	conf_clear(&conf);
}

static void test_bad(void)
{
	static const struct {
		const char *text;
		unsigned int line;
	} rows[] = {
		{"PrivateKey = " KEY_A "\n", 1},
		{"[Interface]\nPrivateKey = x\n", 2},
		{"[Interface]\nAddress = 10.0.0.1/33\n", 2},
		{"[Interface]\nAddress = 10.0.0\n", 2},
		{"[Interface]\nAddress = fd00::1/129\n", 2},
		{"[Interface]\nListenPort = 65536\n", 2},
		{"[Interface]\nListenPort = -1\n", 2},
		{"[Interface]\nMTU = big\n", 2},
		{"[Interface]\nTable = main\n", 2},
		{"[Interface]\nno assignment\n", 2},
		{"[Peer]\nAllowedIPs = 10.0.0.0/8\n", 1},
		{"[Peer]\nPublicKey = " KEY_A "\nEndpoint = nowhere\n", 3},
		{"[Peer]\nPublicKey = " KEY_A "\nEndpoint = a:0\n", 3},
		{"[Peer]\nPublicKey = " KEY_A "\nEndpoint = ::1:5\n", 3},
		{"[Peer]\nPublicKey = " KEY_A "\nPersistentKeepalive = 65536\n",
		 3},
		{"[Peer]\nPublicKey = " KEY_A "\n\n[Peer]\nPublicKey = " KEY_A
		 "\n",
		 4},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf conf = {.mtu = 7};
		struct ini_error error;

		is_int(parse(&conf, rows[i].text, &error), -EINVAL,
		       "refused: %zu", i);
		is_int(error.line, rows[i].line, "with its line");
		ok(*error.text && conf.mtu == 7, "and a word; nothing touched");
	}
}

static void test_endpoints(void)
{
	static const struct {
		const char *text, *host;
		int port; /* 0: refused */
	} rows[] = {
		{"192.0.2.1:51820", "192.0.2.1", 51820},
		{"[2001:db8::1]:1", "2001:db8::1", 1},
		{"[fe80::1%eth0]:65535", "fe80::1%eth0", 65535},
		{"relay-1.example.org:8787", "relay-1.example.org", 8787},
		{"host", NULL, 0},
		{"host:", NULL, 0},
		{":1", NULL, 0},
		{"host:65536", NULL, 0},
		{"host:1x", NULL, 0},
		{"host:+1", NULL, 0},
		{"[::1:1", NULL, 0},
		{"[]:1", NULL, 0},
		{"[fe80::1%]:1", NULL, 0},
		{"[host]:1", NULL, 0},
		{"a b:1", NULL, 0},
		{"-a:1", NULL, 0},
		{"a\nb:1", NULL, 0},
		{"", NULL, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_endpoint endpoint = {.port = 0};
		int err = conf_parse_endpoint(&endpoint, rows[i].text);

		is_int(err, rows[i].port ? 0 : -EINVAL, "endpoint %zu", i);
		is_int(endpoint.port, rows[i].port, "its port");
		if (rows[i].host)
			is_str(endpoint.host, rows[i].host, "its host");
	}
}

static void test_ports(void)
{
	static const struct {
		const char *text;
		int first, last;
	} rows[] = {
		{"8787", 8787, 8787},
		{"8787-8794", 8787, 8794},
		{"1-65535", 1, 65535},
		{"9-8", 0, 0},
		{"0", 0, 0},
		{"1-65536", 0, 0},
		{"-5", 0, 0},
		{"5-", 0, 0},
		{"", 0, 0},
		{"1-2-3", 0, 0},
		{"123456789-5", 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t first = 0, last = 0;

		number_parse_ports(&first, &last, rows[i].text);
		ok(first == rows[i].first && last == rows[i].last, "ports '%s'",
		   rows[i].text);
	}
}

static void test_names(void)
{
	ok(conf_is_name("anna") && conf_is_name("a.b_c-d+e@f9"), "names");
	ok(!conf_is_name("") && !conf_is_name("a b") && !conf_is_name("-f") &&
		   !conf_is_name("a\nPrivateKey") && !conf_is_name("#"),
	   "no names");
}

/* Every cut of a file is read or refused, never anything else. */
static void test_cuts(void)
{
	int wrong = 0;

	for (size_t len = 0; len <= sizeof(site) - 1; len++) {
		struct ini_error error;
		struct conf conf = {0};
		char *copy = malloc(len + 1);
		int err;

		memcpy(copy, site, len);
		err = conf_parse(&conf, copy, len, &error);
		if (!err && (conf.len != len || memcmp(conf.text, site, len)))
			wrong++;
		if (err && (err != -EINVAL || !*error.text))
			wrong++;
		for (size_t i = 0; !err && i < conf.peer_count; i++)
			wrong += conf.peers[i].begin >= conf.peers[i].end ||
				 conf.peers[i].end > len;
		conf_clear(&conf);
		free(copy);
	}
	is_int(wrong, 0, "every cut of a file is read whole or refused");
}

int main(void)
{
	test_read();
	test_remove();
	test_append();
	test_bad();
	test_endpoints();
	test_ports();
	test_names();
	test_cuts();
	return tap_done();
}
