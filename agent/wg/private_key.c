// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/private_key.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "base/file.h"

#define FILE_MAX 4096

int wg_private_key_parse(struct section *section, const struct section_key *key,
			 const struct ini_item *item, struct ini_error *error)
{
	struct wg_key *private_key = section_place(section, key);
	struct stat st;

	if (!stat(section->path, &st) && (st.st_mode & (S_IRWXG | S_IRWXO)))
		return ini_fail(
			error,
			"this file holds a private key and others can read it: chmod 600 it, or use PrivateKeyFile");
	if (wg_key_parse(private_key, item->value) ||
	    wg_key_is_zero(private_key))
		return ini_fail(
			error,
			"%s is the 44 characters that `sluice genkey` prints",
			key->name);
	return 0;
}

static int read_key(struct wg_key *private_key, const char *path)
{
	char *text;
	size_t len;
	int err = file_read_secret(path, FILE_MAX, &text, &len);

	if (err)
		return err;
	text[strcspn(text, "\r\n")] = '\0';
	if (wg_key_parse(private_key, text) || wg_key_is_zero(private_key))
		err = -EBADMSG;
	sodium_memzero(text, len);
	free(text);
	return err;
}

int wg_private_key_parse_file(struct section *section,
			      const struct section_key *key,
			      const struct ini_item *item,
			      struct ini_error *error)
{
	char path[PATH_MAX];
	int err = section_resolve(path, sizeof(path), section, item->value);

	if (!err)
		err = read_key(section_place(section, key), path);
	switch (err) {
	case 0:
		return 0;
	case -EPERM:
		return ini_fail(
			error,
			"%.80s can be read by others: chmod 600 it and make a new key",
			path);
	case -EINVAL:
		return ini_fail(error, "%.80s is no regular file", path);
	case -EBADMSG:
	case -EFBIG:
		return ini_fail(
			error,
			"%.80s does not hold a key as `sluice genkey` prints it",
			path);
	case -ENOENT:
		return ini_fail(
			error,
			"%.60s does not exist: umask 077; sluice genkey > it",
			path);
	default:
		return ini_fail(error, "can not read %.80s: %s", path,
				strerror(-err));
	}
}

int wg_private_key_check(const struct section *section,
			 const struct section_key *inside,
			 const struct section_key *file, const char *owner,
			 struct ini_error *error)
{
	bool both = section_has(section, inside) && section_has(section, file);

	if (both)
		return section_fail(section, error,
				    "%s and %s: only one of them", inside->name,
				    file->name);
	if (!section_has(section, inside) && !section_has(section, file))
		return section_fail(section, error,
				    "%s is missing: the %s needs a key",
				    file->name, owner);
	return 0;
}
