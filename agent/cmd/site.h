/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file of this host's hub or spoke, and what the commands of both groups
 * have in common. What fails here has said so.
 */
#ifndef SLUICE_CMD_SITE_H
#define SLUICE_CMD_SITE_H

#include "cmd/cmd.h"
#include "cmd/conf.h"
#include "cmd/text.h"

#define SITE_FILE_MAX (64u << 20)
#define SITE_KEEPALIVE 25 /* seconds: shorter than NATs forget UDP */

/* The group's options: -f FILE. */
extern const struct cmd_option site_options[];

struct site {
	const struct cmd_context *context;
	const char *path;
	char interface[IF_NAMESIZE];
	struct conf conf;
	struct wg_key public_key; /* the interface's */
	uint64_t changed_ms; /* when the file was, wall clock */
	int lock; /* of the folder, -1: none */
};

const char *site_path(const struct cmd_context *context);

/*
 * Reads the file. `change`: nobody else can change it until site_close. The
 * interface is the one the file names, else named after the file, as wg-quick
 * does it. 0, or a cmd_exit; close it either way.
 */
int site_open(struct site *site, const struct cmd_context *context,
	      bool change);
int site_save(struct site *site);
/* Adds a [Peer] to the end of the file and saves it. A cmd_exit. */
int site_append(struct site *site, const struct conf_peer *peer);
void site_close(struct site *site);

/* Writes a new file; refuses to replace one without `force`. A cmd_exit. */
int site_create(const char *path, const struct text *text, bool force);

/* Arguments of options. 0, or CMD_USAGE with a message. */
int site_take_key(struct wg_key *key, const struct cmd_context *context,
		  const char *what, const char *text);
int site_take_addresses(struct conf_addresses *addresses,
			const struct cmd_context *context, const char *option);
int site_take_endpoint(struct conf_endpoint *endpoint,
		       const struct cmd_context *context, const char *option);

/* Blocks of a file. */
void site_add_addresses(struct text *text, const char *key,
			const struct conf_addresses *addresses);
void site_add_key(struct text *text, const char *key,
		  const struct wg_key *value);
void site_add_peer(struct text *text, const struct conf_peer *peer);

/* JSON of the pieces, new references. */
json_t *site_json_addresses(const struct conf_addresses *addresses);
json_t *site_json_endpoint(const struct conf_endpoint *endpoint);

#endif
