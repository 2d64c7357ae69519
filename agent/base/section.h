/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A role's section of sluice.conf, parsed by a table of its keys. A key that is
 * not in the table, one that is given twice, a value that is missing or not
 * valid: all are errors with line, column, and what would be right. Sections of
 * other names are not looked at.
 *
 *	static const struct section_key keys[] = {
 *		{"Interface", parse_interface, .repeats = true},
 *		{"MaxPeers", section_number, AT(max_peers), .min = 1, .max = 9},
 *	};
 */
#ifndef SLUICE_BASE_SECTION_H
#define SLUICE_BASE_SECTION_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ini.h"

#define SECTION_KEYS_MAX 64

struct section;
struct section_key;

/* 0, or what ini_fail returned: a position that is not set becomes the value's. */
typedef int (*section_fn)(struct section *section,
			  const struct section_key *key,
			  const struct ini_item *item, struct ini_error *error);

struct section_key {
	const char *name;
	section_fn parse;
	bool repeats; /* may be given more than once */
	bool may_be_empty;
	/* For the ready-made ones below. */
	size_t at; /* where in the settings the value lies */
	size_t size; /* of a text, its NUL included */
	uint32_t min, max; /* of a number */
	const char *const *words; /* of an enum from 0 on; ends with a NULL */
};

struct section {
	const char *name;
	const struct section_key *keys; /* SECTION_KEYS_MAX at most */
	size_t key_count;
	const char *path; /* of the file */
	void *settings; /* what the keys' functions fill */
	unsigned int line; /* of its header; 0: it is not there */
	uint64_t seen; /* which keys are */
};

/* 0, or -EINVAL with *error filled, among others if it is not there. What the
 * settings hold then is the caller's to clear. */
int section_parse(struct section *section, const char *text, size_t len,
		  struct ini_error *error);
bool section_has(const struct section *section, const struct section_key *key);
/* What no line alone shows: an error at the section's header. -EINVAL. */
__attribute__((format(printf, 3, 4))) int
section_fail(const struct section *section, struct ini_error *error,
	     const char *format, ...);

/* Ready-made, by the type of what lies at key->at. */
int section_bool(struct section *section, const struct section_key *key,
		 const struct ini_item *item, struct ini_error *error);
int section_number(struct section *section, const struct section_key *key,
		   const struct ini_item *item,
		   struct ini_error *error); /* uint32_t */
int section_word(struct section *section, const struct section_key *key,
		 const struct ini_item *item,
		 struct ini_error *error); /* an enum */
int section_file(struct section *section, const struct section_key *key,
		 const struct ini_item *item,
		 struct ini_error *error); /* char[size], as section_resolve */
int section_endpoint(struct section *section, const struct section_key *key,
		     const struct ini_item *item,
		     struct ini_error *error); /* char[size], "[::1]:9586" */

/* For functions of a role's own. */

/* Where the value of a key lies. */
void *section_place(const struct section *section,
		    const struct section_key *key);
/* Calls fn for each piece of a list with commas; messages point at the piece. */
int section_each(struct section *section, const struct section_key *key,
		 const struct ini_item *item, struct ini_error *error,
		 section_fn fn);
/* A file named in the configuration lies beside it. -ENAMETOOLONG. */
int section_resolve(char *path, size_t size, const struct section *section,
		    const char *name);
/* The name of a network device, there or not. */
int section_interface(char name[IF_NAMESIZE], const struct ini_item *item,
		      struct ini_error *error);

#endif
