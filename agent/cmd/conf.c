// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "base/number.h"
#include "cmd/text.h"

#define MARKER "sluice:"

enum part { NOWHERE, INTERFACE, PEER, ELSEWHERE };

struct parser {
	struct conf *conf;
	enum part part;
};

static struct conf_peer *last_peer(struct conf *conf)
{
	return conf->peer_count ? &conf->peers[conf->peer_count - 1] : NULL;
}

/* ---- values ---- */

static int take_key(struct wg_key *key, const struct ini_item *item,
		    struct ini_error *error)
{
	if (!wg_key_parse(key, item->value))
		return 0;
	return ini_fail(error, "%s is no key: it has 44 base64 characters",
			item->key);
}

static int take_number(unsigned long *number, const struct ini_item *item,
		       unsigned long max, struct ini_error *error)
{
	const char *text = item->value;
	char *end;

	if (!strcasecmp(text, "off")) {
		*number = 0;
		return 0;
	}
	errno = 0;
	*number = strtoul(text, &end, 0);
	if (!isdigit((unsigned char)*text) || *end || errno || *number > max)
		return ini_fail(error, "%s is a number from 0 to %lu",
				item->key, max);
	return 0;
}

static int take_addresses(struct conf_addresses *addresses,
			  const struct ini_item *item, struct ini_error *error)
{
	int err = conf_parse_addresses(addresses, item->value);

	if (err == -EINVAL)
		return ini_fail(
			error,
			"%s has addresses like 10.120.0.1/16, with commas between them",
			item->key);
	return err ? ini_fail(error, "no memory") : 0;
}

static int take_table(struct conf *conf, const struct ini_item *item,
		      struct ini_error *error)
{
	unsigned long number;

	if (!strcasecmp(item->value, "auto")) {
		conf->table = CONF_TABLE_AUTO;
	} else if (!strcasecmp(item->value, "off")) {
		conf->table = CONF_TABLE_OFF;
	} else {
		if (take_number(&number, item, UINT32_MAX, error) || !number)
			return ini_fail(error,
					"Table is auto, off or a number");
		conf->table = CONF_TABLE_NUMBER;
		conf->table_number = (uint32_t)number;
	}
	return 0;
}

/* ---- assignments ---- */

static const char *const interface_keys[] = {
	"PrivateKey", "Address", "ListenPort", "FwMark", "MTU", "Table",
};
static const char *const peer_keys[] = {
	"PublicKey", "PresharedKey",	    "AllowedIPs",
	"Endpoint",  "PersistentKeepalive",
};
/* What only wg-quick carries out. */
static const char *const quick_keys[] = {
	"DNS", "PreUp", "PostUp", "PreDown", "PostDown", "SaveConfig",
};

/* Its place in the list, or -1. */
static int place_of(const char *key, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcasecmp(key, keys[i]))
			return (int)i;
	return -1;
}
#define PLACE_OF(key, keys) place_of(key, keys, sizeof(keys) / sizeof(*(keys)))

static int take_ignored(struct conf *conf, const char *key, unsigned int line)
{
	struct conf_ignored *list = realloc(
		conf->ignored, (conf->ignored_count + 1) * sizeof(*list));

	if (!list)
		return -ENOMEM;
	conf->ignored = list;
	list += conf->ignored_count++;
	*list = (struct conf_ignored){
		.line = line,
		.known = PLACE_OF(key, quick_keys) >= 0,
	};
	snprintf(list->key, sizeof(list->key), "%s", key);
	return 0;
}

static int take_interface(struct conf *conf, const struct ini_item *item,
			  struct ini_error *error)
{
	unsigned long number = 0;
	int err;

	switch (PLACE_OF(item->key, interface_keys)) {
	case 0:
		return take_key(&conf->private_key, item, error);
	case 1:
		return take_addresses(&conf->addresses, item, error);
	case 2:
		err = take_number(&number, item, UINT16_MAX, error);
		conf->listen_port = (uint16_t)number;
		return err;
	case 3:
		err = take_number(&number, item, UINT32_MAX, error);
		conf->fwmark = (uint32_t)number;
		return err;
	case 4:
		err = take_number(&number, item, UINT16_MAX, error);
		conf->mtu = (uint32_t)number;
		return err;
	case 5:
		return take_table(conf, item, error);
	default:
		return take_ignored(conf, item->key, item->line);
	}
}

static int take_peer(struct conf *conf, const struct ini_item *item,
		     struct ini_error *error)
{
	struct conf_peer *peer = last_peer(conf);
	unsigned long number = 0;
	int err;

	switch (PLACE_OF(item->key, peer_keys)) {
	case 0:
		return take_key(&peer->public_key, item, error);
	case 1:
		return take_key(&peer->preshared_key, item, error);
	case 2:
		return take_addresses(&peer->allowed_ips, item, error);
	case 3:
		if (conf_parse_endpoint(&peer->endpoint, item->value))
			return ini_fail(
				error,
				"Endpoint is HOST:PORT, an IPv6 address in brackets");
		return 0;
	case 4:
		err = take_number(&number, item, UINT16_MAX, error);
		peer->keepalive = (uint16_t)number;
		return err;
	default:
		return take_ignored(conf, item->key, item->line);
	}
}

/* Doubles its room; keys are wiped where they were. */
static struct conf_peer *add_peer(struct conf *conf)
{
	size_t count = conf->peer_count;

	if (!(count & (count - 1))) {
		struct conf_peer *peers =
			calloc(count ? count * 2 : 1, sizeof(*peers));

		if (!peers)
			return NULL;
		if (count) {
			memcpy(peers, conf->peers, count * sizeof(*peers));
			sodium_memzero(conf->peers, count * sizeof(*peers));
		}
		free(conf->peers);
		conf->peers = peers;
	}
	return &conf->peers[conf->peer_count++];
}

static int take_header(struct parser *parser, const struct ini_item *item)
{
	struct conf_peer *peer;

	if (!strcasecmp(item->section, "Interface")) {
		parser->part = INTERFACE;
		return 0;
	}
	if (strcasecmp(item->section, "Peer") != 0) {
		parser->part = ELSEWHERE;
		return take_ignored(parser->conf, item->section, item->line);
	}
	parser->part = PEER;
	peer = add_peer(parser->conf);
	if (!peer)
		return -ENOMEM;
	peer->line = item->line;
	return 0;
}

static int take_item(void *ctx, const struct ini_item *item,
		     struct ini_error *error)
{
	struct parser *parser = ctx;

	if (!item->key)
		return take_header(parser, item);
	switch (parser->part) {
	case INTERFACE:
		return take_interface(parser->conf, item, error);
	case PEER:
		return take_peer(parser->conf, item, error);
	case ELSEWHERE:
		return 0;
	default:
		return ini_fail(error, "%s stands before any [Section]",
				item->key);
	}
}

/* ---- comments, and which bytes belong to whom ---- */

struct line {
	const char *start; /* behind its white space */
	const char *end; /* behind its last byte that is not white space */
	size_t begin, next; /* in the text */
	unsigned int number;
};

static bool next_line(struct line *line, const char *text, size_t len)
{
	const char *newline;

	if (line->next >= len)
		return false;
	line->begin = line->next;
	newline = memchr(text + line->begin, '\n', len - line->begin);
	line->next = newline ? (size_t)(newline - text) + 1 : len;
	line->number++;
	line->start = text + line->begin;
	line->end = text + line->next;
	while (line->end > line->start && isspace((unsigned char)line->end[-1]))
		line->end--;
	while (line->start < line->end && isspace((unsigned char)*line->start))
		line->start++;
	return true;
}

static bool is_comment(const struct line *line)
{
	return line->start < line->end &&
	       (*line->start == '#' || *line->start == ';');
}

/* "# sluice: WORD VALUE"; false if the line is no such. */
static bool read_marker(const struct line *line, char word[CONF_NAME_LEN],
			char value[CONF_NAME_LEN])
{
	char copy[2 * CONF_NAME_LEN + 32];
	size_t len = (size_t)(line->end - line->start);

	if (!is_comment(line) || len >= sizeof(copy))
		return false;
	memcpy(copy, line->start, len);
	copy[len] = '\0';
	word[0] = value[0] = '\0';
	return sscanf(copy + 1, " " MARKER " %63s %63s", word, value) >= 1;
}

static void mark_peer(struct conf_peer *peer, const char *word,
		      const char *value)
{
	uint16_t first, last;

	if (!strcmp(word, "relay-ports")) {
		if (!number_parse_ports(&first, &last, value)) {
			peer->port_first = first;
			peer->port_last = last;
		}
		return;
	}
	if (!strcmp(word, "relay"))
		peer->role = CONF_RELAY;
	else if (!strcmp(word, "spoke"))
		peer->role = CONF_SPOKE;
	else if (!strcmp(word, "hub"))
		peer->role = CONF_HUB;
	else
		return;
	snprintf(peer->name, sizeof(peer->name), "%s", value);
}

static void mark_interface(struct conf *conf, const char *word,
			   const char *value)
{
	if (!strcmp(word, "interface") &&
	    strlen(value) < sizeof(conf->interface))
		snprintf(conf->interface, sizeof(conf->interface), "%.15s",
			 value);
}

/*
 * Reads our comments, and gives each peer its bytes: from the comments directly
 * above its header (not ours, which are of the section before) to the next one's.
 */
static void walk_lines(struct conf *conf)
{
	struct line line = {.number = 0};
	struct conf_peer *peer = NULL;
	size_t upcoming = 0, comments = SIZE_MAX;
	char word[CONF_NAME_LEN], value[CONF_NAME_LEN];
	bool interface = false;

	while (next_line(&line, conf->text, conf->len)) {
		bool marker = read_marker(&line, word, value);

		if (line.start < line.end && *line.start == '[') {
			size_t begin =
				comments < line.begin ? comments : line.begin;

			if (peer)
				peer->end = begin;
			peer = NULL;
			if (upcoming < conf->peer_count &&
			    conf->peers[upcoming].line == line.number) {
				peer = &conf->peers[upcoming++];
				peer->begin = begin;
				peer->end = conf->len;
			}
			interface = !strncasecmp(line.start, "[Interface", 10);
		}
		if (marker && peer)
			mark_peer(peer, word, value);
		else if (marker && interface)
			mark_interface(conf, word, value);
		if (!is_comment(&line) || marker)
			comments = SIZE_MAX;
		else if (comments == SIZE_MAX)
			comments = line.begin;
	}
	sodium_memzero(word, sizeof(word));
	sodium_memzero(value, sizeof(value));
}

/* ---- the whole ---- */

/* The places of the peers, in the order of their keys. */
static int compare_places(const void *a, const void *b)
{
	const struct conf_peer *const *x = a, *const *y = b;
	int order = memcmp((*x)->public_key.bytes, (*y)->public_key.bytes,
			   WG_KEY_LEN);

	return order ? order : (*x > *y) - (*x < *y);
}

static int check_peers(const struct conf *conf, struct ini_error *error)
{
	const struct conf_peer **sorted =
		calloc(conf->peer_count + 1, sizeof(const void *));
	int err = sorted ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < conf->peer_count; i++) {
		sorted[i] = &conf->peers[i];
		if (!wg_key_is_zero(&sorted[i]->public_key))
			continue;
		error->line = sorted[i]->line;
		error->column = 1;
		err = ini_fail(error, "this [Peer] has no PublicKey");
	}
	if (!err)
		qsort(sorted, conf->peer_count, sizeof(const void *),
		      compare_places);
	for (size_t i = 1; !err && i < conf->peer_count; i++) {
		if (!wg_key_equal(&sorted[i - 1]->public_key,
				  &sorted[i]->public_key))
			continue;
		error->line = sorted[i]->line;
		error->column = 1;
		err = ini_fail(error,
			       "the [Peer] of line %u has the same PublicKey",
			       sorted[i - 1]->line);
	}
	free(sorted);
	return err;
}

int conf_parse(struct conf *conf, const char *text, size_t len,
	       struct ini_error *error)
{
	struct conf made = {.len = len};
	struct parser parser = {.conf = &made};
	int err;

	memset(error, 0, sizeof(*error));
	made.text = malloc(len + 1);
	if (!made.text)
		return -ENOMEM;
	if (len)
		memcpy(made.text, text, len);
	made.text[len] = '\0';
	err = ini_parse(made.text, len, take_item, &parser, error);
	if (!err) {
		walk_lines(&made);
		err = check_peers(&made, error);
	}
	if (err)
		conf_clear(&made);
	else
		*conf = made;
	sodium_memzero(&made, sizeof(made));
	return err;
}

void conf_clear(struct conf *conf)
{
	if (conf->text)
		sodium_memzero(conf->text, conf->len);
	free(conf->text);
	conf_addresses_clear(&conf->addresses);
	for (size_t i = 0; i < conf->peer_count; i++)
		conf_addresses_clear(&conf->peers[i].allowed_ips);
	if (conf->peers)
		sodium_memzero(conf->peers,
			       conf->peer_count * sizeof(*conf->peers));
	free(conf->peers);
	free(conf->ignored);
	sodium_memzero(conf, sizeof(*conf));
}

/* Replaces `cut` bytes at `at` and reads the result. */
static int splice(struct conf *conf, size_t at, size_t cut, const char *bytes,
		  size_t len, struct ini_error *error)
{
	size_t total = conf->len - cut + len;
	char *text = malloc(total + 1);
	struct conf made;
	int err;

	if (!text)
		return -ENOMEM;
	memcpy(text, conf->text, at);
	if (len)
		memcpy(text + at, bytes, len);
	memcpy(text + at + len, conf->text + at + cut, conf->len - at - cut);
	err = conf_parse(&made, text, total, error);
	sodium_memzero(text, total);
	free(text);
	if (err)
		return err;
	conf_clear(conf);
	*conf = made;
	sodium_memzero(&made, sizeof(made));
	return 0;
}

static bool ends_with(const struct conf *conf, size_t at, const char *what)
{
	size_t len = strlen(what);

	return at >= len && !memcmp(conf->text + at - len, what, len);
}

int conf_append(struct conf *conf, const char *block, size_t len,
		struct ini_error *error)
{
	struct text bytes = {0};
	int err;

	if (conf->len)
		text_add(&bytes,
			 ends_with(conf, conf->len, "\n") ? "\n" : "\n\n");
	text_put(&bytes, block, len);
	err = bytes.failed ? -ENOMEM
			   : splice(conf, conf->len, 0, bytes.bytes, bytes.len,
				    error);
	text_clear(&bytes);
	return err;
}

int conf_remove(struct conf *conf, const struct conf_peer *peer,
		struct ini_error *error)
{
	size_t begin = peer->begin, end = peer->end;

	/* At the end no blank line follows it: the one before goes instead. */
	if (end == conf->len && ends_with(conf, begin, "\n\n"))
		begin--;
	return splice(conf, begin, end - begin, NULL, 0, error);
}

/* ---- looking up ---- */

const struct conf_peer *conf_find_key(const struct conf *conf,
				      const struct wg_key *key)
{
	for (size_t i = 0; i < conf->peer_count; i++)
		if (wg_key_equal(&conf->peers[i].public_key, key))
			return &conf->peers[i];
	return NULL;
}

const struct conf_peer *conf_find_name(const struct conf *conf,
				       const char *name)
{
	for (size_t i = 0; i < conf->peer_count; i++)
		if (*name && !strcmp(conf->peers[i].name, name))
			return &conf->peers[i];
	return NULL;
}

const struct conf_peer *conf_relay(const struct conf *conf)
{
	for (size_t i = 0; i < conf->peer_count; i++)
		if (conf->peers[i].role == CONF_RELAY)
			return &conf->peers[i];
	return NULL;
}
