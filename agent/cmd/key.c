// SPDX-License-Identifier: GPL-2.0-or-later
/* genkey, pubkey, genpsk: as those of wg(8). Secrets go from standard input to
 * standard output, never through arguments. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "cmd/cmd.h"
#include "wg/key.h"

/* A key that others can read is none: say so, as the file is already there. */
static void warn_if_exposed(void)
{
	struct stat st;

	if (!fstat(STDOUT_FILENO, &st) && S_ISREG(st.st_mode) &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)))
		fprintf(stderr,
			"sluice: warning: others may open this file; set \"umask 077\" first and make a new key\n");
}

static int print_key(const struct wg_key *key)
{
	wg_key_text text;
	int err;

	wg_key_format(text, key);
	err = puts(text) == EOF || fflush(stdout);
	sodium_memzero(text, sizeof(text));
	if (err)
		return cmd_fail("can not write the key: %s", strerror(errno));
	return CMD_OK;
}

static int start(void)
{
	if (sodium_init() < 0)
		return cmd_fail("no random numbers: libsodium does not start");
	return CMD_OK;
}

static int generate(void (*make)(struct wg_key *key))
{
	struct wg_key key;
	int code = start();

	if (code)
		return code;
	warn_if_exposed();
	make(&key);
	code = print_key(&key);
	wg_key_wipe(&key);
	return code;
}

static int genkey(struct cmd_context *context, int argc, char **argv)
{
	(void)context, (void)argc, (void)argv;
	return generate(wg_key_generate_private);
}

static int genpsk(struct cmd_context *context, int argc, char **argv)
{
	(void)context, (void)argc, (void)argv;
	return generate(wg_key_generate_preshared);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/*
 * One key and white space behind it, nothing else. Read without stdio, whose
 * buffer would keep the key.
 */
static int read_key(struct wg_key *key)
{
	char text[WG_KEY_TEXT_LEN + 66] = "";
	size_t used = 0, len;
	ssize_t got;
	int err;

	while (used < sizeof(text) - 1 &&
	       (got = read(STDIN_FILENO, text + used,
			   sizeof(text) - 1 - used)) > 0)
		used += (size_t)got;
	for (len = used; len && is_space(text[len - 1]); len--)
		text[len - 1] = '\0';
	err = strlen(text) == len && used < sizeof(text) - 1
		      ? wg_key_parse(key, text)
		      : -EINVAL;
	sodium_memzero(text, sizeof(text));
	return err;
}

static int pubkey(struct cmd_context *context, int argc, char **argv)
{
	struct wg_key private_key, public_key;
	int code = start();

	(void)context, (void)argc, (void)argv;
	if (code)
		return code;
	if (read_key(&private_key))
		return cmd_fail(
			"standard input holds no private key: 44 characters of base64");
	if (wg_key_public(&public_key, &private_key))
		code = cmd_fail("this private key has no public key");
	else
		code = print_key(&public_key);
	wg_key_wipe(&private_key);
	return code;
}

static const struct cmd commands[] = {
	{"genkey", "", "make a private key", 0, 0, genkey},
	{"pubkey", "", "read a private key, print its public key", 0, 0,
	 pubkey},
	{"genpsk", "", "make a preshared key", 0, 0, genpsk},
	{NULL},
};

const struct cmd_group cmd_key = {.commands = commands};
