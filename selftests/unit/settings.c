// SPDX-License-Identifier: GPL-2.0-or-later
/* The [Relay] section: good files, and every bad one with its position. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relay/settings.h"
#include "tap.h"

/* Made for this test; KEY's public key is OWN. */
#define KEY "AC9GJ/21aCx5bJT57ThXwDf2VZQFWAshTmUxLiyO9Fk="
#define OWN "IiM1zmqlw3OF23sZymqagL4ov1Zx/8pNLe57pMq9YT8="
#define P1 "cB9gibKJ06bXo1jctiKUv60akxU3hP9sQMoz1JE3EAQ="
#define P2 "aMYhuNOUOrVbMp7M3lyySi1Z620M59F7IAMEgjkmpXM="

#define BASE "[Relay]\nPrivateKey = " KEY "\nInterface = eth0\n"

static char folder[] = "/tmp/sluice-settings.XXXXXX";
static char path[96];

static void put(const char *name, const char *text, mode_t mode)
{
	char full[128];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", folder, name);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || fchmod(fd, mode))
		perror(full);
	close(fd);
}

static int parse(struct relay_settings *settings, const char *text,
		 struct ini_error *error)
{
	put("conf", text, 0600);
	return relay_settings_parse(settings, path, text, strlen(text), error);
}

static void test_defaults(void)
{
	struct relay_settings s;
	struct ini_error error;
	struct wg_key key;

	if (!is_int(parse(&s, BASE, &error), 0, "the least there must be"))
		printf("# %s\n", error.text);
	is_str(s.interfaces[0], "eth0", "interface");
	is_int(s.interface_count, 1, "one interface");
	ok(s.port_min == 8787 && s.port_max == 8787, "port 8787");
	ok(!s.allow_all && !s.allowed_count, "nobody is allowed");
	wg_key_parse(&key, P1);
	ok(!relay_settings_allow(&s, &key), "really nobody");
	ok(!s.require_mutual && !s.wgx_compat, "both switches are off");
	is_int(s.xdp_mode, RELAY_XDP_NATIVE, "native XDP");
	is_int(s.max_peers, 16384, "peers");
	is_int(s.max_sessions, 262144, "sessions");
	is_str(s.state_file, "/var/lib/sluice/relay.json", "state file");
	is_str(s.metrics_listen, "", "no metrics");
	is_int(s.log_level, LOG_LEVEL_INFO, "log level");
	relay_settings_clear(&s);
	ok(wg_key_is_zero(&s.private_key), "clear wipes the key");
}

static void test_everything(void)
{
	static const char text[] =
		"# the other role's section is not ours\n[Node]\nFoo = bar\n"
		"[relay]\nprivatekeyfile = key\nInterface = eth0, eth1\nInterface=wan\n"
		"ListenPort = 8787-8850\nAllowedPublicKeys = " P2 " , " P1 "\n"
		"AllowedPublicKeys = @peers\nAllowedPublicKeys =\nRequireMutual = yes\n"
		"XdpMode = auto\nMaxPeers = 65534\nMaxSessions = 1048576\n"
		"StateFile = state/relay.json\nMetricsListen = [::1]:9586\n"
		"WgxCompat = yes\nLogLevel = debug\n";
	struct relay_settings s;
	struct ini_error error;
	struct wg_key key, own;
	char state[128];

	put("key", KEY "\n", 0600);
	put("peers", "# ours\n\n" P1 " # twice\n\t" P2 "\r\n", 0644);
	if (!is_int(parse(&s, text, &error), 0, "every key"))
		printf("# %u:%u %s\n", error.line, error.column, error.text);
	wg_key_parse(&key, KEY);
	ok(wg_key_equal(&s.private_key, &key),
	   "key from its file, beside the configuration");
	is_int(s.interface_count, 3, "three interfaces");
	is_str(s.interfaces[2], "wan", "the last of them");
	ok(s.port_min == 8787 && s.port_max == 8850, "sixty-four ports");
	is_int(s.allowed_count, 2, "two keys, named twice each");
	ok(memcmp(&s.allowed[0], &s.allowed[1], 32) < 0, "sorted");
	wg_key_parse(&key, P1);
	ok(relay_settings_allow(&s, &key), "one is allowed");
	wg_key_parse(&own, OWN);
	ok(!relay_settings_allow(&s, &own), "another is not");
	ok(s.require_mutual && s.wgx_compat, "switches");
	is_int(s.xdp_mode, RELAY_XDP_AUTO, "mode");
	ok(s.max_peers == 65534 && s.max_sessions == 1048576, "sizes");
	snprintf(state, sizeof(state), "%s/state/relay.json", folder);
	is_str(s.state_file, state, "state file beside the configuration");
	is_str(s.metrics_listen, "[::1]:9586", "metrics");
	is_int(s.log_level, LOG_LEVEL_DEBUG, "log level");
	relay_settings_clear(&s);
}

static void test_all(void)
{
	struct relay_settings s;
	struct ini_error error;
	struct wg_key key;

	is_int(parse(&s, BASE "AllowedPublicKeys = all\n", &error), 0, "all");
	wg_key_parse(&key, P1);
	ok(s.allow_all && relay_settings_allow(&s, &key), "lets everybody in");
	relay_settings_clear(&s);
}

static const struct {
	const char *name, *text;
	unsigned int line, column;
	const char *says;
} bad[] = {
	{"an empty file", "", 1, 1, "no [Relay]"},
	{"a key outside", "ListenPort = 1\n", 1, 1, "before the first"},
	{"an unknown key", BASE "  ListenPorts = 1\n", 4, 3,
	 "did you mean ListenPort?"},
	{"a strange key", BASE "Colour = red\n", 4, 1, "unknown key 'Colour'"},
	{"a key twice", BASE "ListenPort = 1\nlistenport = 2\n", 5, 1, "twice"},
	{"a section twice", BASE "[relay]\n", 4, 2, "line 1"},
	{"no private key", "\n[Relay]\nInterface = eth0\n", 2, 1,
	 "PrivateKeyFile is missing"},
	{"both private keys", BASE "PrivateKeyFile = key\n", 1, 1, "only one"},
	{"no interface", "[Relay]\nPrivateKey = " KEY "\n", 1, 1,
	 "Interface is missing"},
	{"bad base64", "[Relay]\nPrivateKey = abc\n", 2, 14, "44 characters"},
	{"a zero key",
	 "[Relay]\nPrivateKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	 2, 14, "genkey"},
	{"no key file", "[Relay]\nPrivateKeyFile = none\n", 2, 18,
	 "does not exist"},
	{"an open key file", "[Relay]\nPrivateKeyFile = open\n", 2, 18,
	 "chmod 600"},
	{"a key file of words", "[Relay]\nPrivateKeyFile = words\n", 2, 18,
	 "does not hold"},
	{"a key file that is a folder", "[Relay]\nPrivateKeyFile = .\n", 2, 18,
	 "regular"},
	{"no value", BASE "ListenPort =\n", 4, 13, "no value"},
	{"port 0", BASE "ListenPort = 0\n", 4, 14, "1 to 65535"},
	{"port 65536", BASE "ListenPort = 65536\n", 4, 14, "1 to 65535"},
	{"a port with a sign", BASE "ListenPort = +1\n", 4, 14, "1 to 65535"},
	{"half a range", BASE "ListenPort = 8787-\n", 4, 14, "8787-8794"},
	{"a range backwards", BASE "ListenPort = 9-8\n", 4, 14, "8-9"},
	{"a range of 65", BASE "ListenPort = 8787-8851\n", 4, 14, "at most 64"},
	{"a range over the end", BASE "ListenPort = 65535-65536\n", 4, 14,
	 "1 to 65535"},
	{"a long interface", BASE "Interface = sixteencharacter\n", 4, 13,
	 "no interface name"},
	{"an interface with a slash", BASE "Interface = a, b/c\n", 4, 16,
	 "b/c"},
	{"an interface twice", BASE "Interface = eth1, eth0\n", 4, 19, "twice"},
	{"a comma too many", BASE "Interface = eth1,\n", 4, 18, "comma"},
	{"a bad allowed key", BASE "AllowedPublicKeys = " P1 ", x\n", 4, 67,
	 "'x'"},
	{"the relay's own key", BASE "AllowedPublicKeys = " P1 "," OWN "\n", 4,
	 66, "own"},
	{"its own key in a file", BASE "AllowedPublicKeys = @own\n", 4, 21,
	 "own"},
	{"no list file", BASE "AllowedPublicKeys = @none\n", 4, 21,
	 "can not read"},
	{"a bad list file", BASE "AllowedPublicKeys = @words\n", 4, 21,
	 "words:2:"},
	{"all and a key", BASE "AllowedPublicKeys = all, " P1 "\n", 1, 1,
	 "either"},
	{"a maybe", BASE "RequireMutual = maybe\n", 4, 17, "yes or no"},
	{"another mode", BASE "XdpMode = offload\n", 4, 11,
	 "native, generic or auto"},
	{"no peers", BASE "MaxPeers = 0\n", 4, 12, "65534"},
	{"too many peers", BASE "MaxPeers = 65535\n", 4, 12, "65534"},
	{"too few sessions", BASE "MaxSessions = 15\n", 4, 15, "16"},
	{"a number with a unit", BASE "MaxSessions = 64k\n", 4, 15, "number"},
	{"a number past 64 bits", BASE "MaxSessions = 18446744073709551632\n",
	 4, 15, "number"},
	{"metrics without a port", BASE "MetricsListen = 127.0.0.1\n", 4, 17,
	 "address:port"},
	{"metrics by name", BASE "MetricsListen = localhost:1\n", 4, 17,
	 "address:port"},
	{"another level", BASE "LogLevel = loud\n", 4, 12, "debug"},
};

static void test_bad(void)
{
	put("open", KEY "\n", 0644);
	put("words", "# just\nwords\n", 0600);
	put("own", OWN "\n", 0600);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct relay_settings s, before;
		struct ini_error error = {0};

		memset(&s, 0x5a, sizeof(s));
		before = s;
		ok(parse(&s, bad[i].text, &error) < 0, "%s: refused",
		   bad[i].name);
		is_int(error.line, bad[i].line, "%s: line", bad[i].name);
		is_int(error.column, bad[i].column, "%s: column", bad[i].name);
		ok(strstr(error.text, bad[i].says), "%s: says '%s' in '%s'",
		   bad[i].name, bad[i].says, error.text);
		ok(!strstr(error.text, KEY),
		   "%s: no private key in the message", bad[i].name);
		ok(!memcmp(&s, &before, sizeof(s)), "%s: settings untouched",
		   bad[i].name);
	}
}

static void test_open_configuration(void)
{
	struct relay_settings s;
	struct ini_error error;

	put("conf", BASE, 0644);
	ok(relay_settings_parse(&s, path, BASE, strlen(BASE), &error) < 0,
	   "a readable file with a private key in it is refused");
	is_int(error.line, 2, "at the private key");
	ok(strstr(error.text, "chmod 600"), "with the remedy: %s", error.text);
}

int main(void)
{
	char command[64];
	int err;

	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/conf", folder);
	test_defaults();
	test_everything();
	test_all();
	test_bad();
	test_open_configuration();
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	err = system(command);
	return tap_done() || err;
}
