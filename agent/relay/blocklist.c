// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay/blocklist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "loader/loader.h"

struct entry {
	struct relay_block_key key;
	struct relay_block value;
};

struct relay_blocklist {
	uv_timer_t timer; /* until the first entry expires */
	int trie_fd;
	void (*dirty)(void *ctx);
	void *ctx;
	struct entry *entries;
	size_t count, size;
};

static uint64_t wall_seconds(void)
{
	return clock_wall_ns() / CLOCK_SECOND_NS;
}

static struct entry *find(struct relay_blocklist *blocklist,
			  const struct relay_block_key *key)
{
	for (size_t i = 0; i < blocklist->count; i++) {
		if (!memcmp(&blocklist->entries[i].key, key, sizeof(*key)))
			return &blocklist->entries[i];
	}
	return NULL;
}

static int reserve(struct relay_blocklist *blocklist)
{
	size_t size = blocklist->size ? blocklist->size * 2 : 16;
	struct entry *grown;

	if (blocklist->count < blocklist->size)
		return 0;
	grown = realloc(blocklist->entries, size * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	blocklist->entries = grown;
	blocklist->size = size;
	return 0;
}

/* Writes the trie first: what it refuses is not listed either. */
static int put(struct relay_blocklist *blocklist, const struct entry *entry)
{
	struct entry *known = find(blocklist, &entry->key);
	int err = known ? 0 : reserve(blocklist);

	if (!err)
		err = loader_map_update(blocklist->trie_fd, &entry->key,
					&entry->value);
	if (err)
		return err == -E2BIG ? -ENOSPC : err;
	if (known)
		*known = *entry;
	else
		blocklist->entries[blocklist->count++] = *entry;
	return 0;
}

static int take_out(struct relay_blocklist *blocklist, struct entry *entry)
{
	int err = loader_map_delete(blocklist->trie_fd, &entry->key);

	if (err && err != -ENOENT)
		return err;
	*entry = blocklist->entries[--blocklist->count];
	return 0;
}

/* ---- expiry ---- */

static void on_timer(uv_timer_t *timer);

static void arm(struct relay_blocklist *blocklist)
{
	uint64_t now = wall_seconds(), first = UINT64_MAX, wait;

	for (size_t i = 0; i < blocklist->count; i++) {
		uint64_t until = blocklist->entries[i].value.until;

		if (until && until < first)
			first = until;
	}
	if (first == UINT64_MAX) {
		uv_timer_stop(&blocklist->timer);
		return;
	}
	/* An hour at most: the wall clock may be set meanwhile. */
	wait = first > now ? first - now : 0;
	uv_timer_start(&blocklist->timer, on_timer,
		       (wait < 3600 ? wait + 1 : 3600) * 1000, 0);
}

static void expire(struct relay_blocklist *blocklist)
{
	uint64_t now = wall_seconds();
	size_t i = 0;

	while (i < blocklist->count) {
		struct entry *entry = &blocklist->entries[i];
		address_text prefix;

		if (!entry->value.until || entry->value.until > now) {
			i++;
			continue;
		}
		address_format_prefix(prefix, entry->key.addr,
				      entry->key.prefixlen);
		if (take_out(blocklist, entry)) {
			i++;
			continue;
		}
		log_info("%s is blocked no longer: its time is over", prefix);
		blocklist->dirty(blocklist->ctx);
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct relay_blocklist *blocklist = timer->data;

	expire(blocklist);
	arm(blocklist);
}

/* ---- commands ---- */

int relay_blocklist_add(struct relay_blocklist *blocklist,
			const struct relay_block_key *key, uint64_t seconds)
{
	uint64_t now = wall_seconds();
	struct entry entry = {
		.key = *key,
		.value = {.since = now, .until = seconds ? now + seconds : 0},
	};
	int err = put(blocklist, &entry);

	if (err)
		return err;
	arm(blocklist);
	blocklist->dirty(blocklist->ctx);
	return 0;
}

int relay_blocklist_remove(struct relay_blocklist *blocklist,
			   const struct relay_block_key *key)
{
	struct entry *entry = find(blocklist, key);
	int err = entry ? take_out(blocklist, entry) : -ENOENT;

	if (err)
		return err;
	arm(blocklist);
	blocklist->dirty(blocklist->ctx);
	return 0;
}

bool relay_blocklist_has(const struct relay_blocklist *blocklist,
			 const uint8_t addr[16])
{
	struct relay_block_key key = {.prefixlen = 128};
	struct relay_block value;

	if (!blocklist->count)
		return false;
	memcpy(key.addr, addr, sizeof(key.addr));
	return !loader_map_lookup(blocklist->trie_fd, &key, &value);
}

static json_t *prefix_of(const struct entry *entry)
{
	return json_of_prefix(entry->key.addr, entry->key.prefixlen);
}

json_t *relay_blocklist_report(const struct relay_blocklist *blocklist)
{
	uint64_t now = wall_seconds();
	json_t *list = json_array();

	for (size_t i = 0; i < blocklist->count; i++) {
		const struct entry *entry = &blocklist->entries[i];
		uint64_t since = entry->value.since, until = entry->value.until;

		json_array_append_new(
			list,
			json_pack(
				"{s:o, s:I, s:o}", "prefix", prefix_of(entry),
				"age_s",
				(json_int_t)(now > since ? now - since : 0),
				"expires_s",
				until ? json_of_age(until, now) : json_null()));
	}
	return json_pack("{s:o}", "blocks", list);
}

json_t *relay_blocklist_save(const struct relay_blocklist *blocklist)
{
	json_t *list = json_array();

	for (size_t i = 0; i < blocklist->count; i++) {
		const struct entry *entry = &blocklist->entries[i];

		json_array_append_new(
			list,
			json_pack("{s:o, s:I, s:I}", "prefix", prefix_of(entry),
				  "since", (json_int_t)entry->value.since,
				  "until", (json_int_t)entry->value.until));
	}
	return list;
}

static int parse_saved(struct entry *entry, json_t *item)
{
	json_int_t since, until;
	json_t *prefix;
	unsigned int len;

	memset(entry, 0, sizeof(*entry));
	if (json_unpack(item, "{s:o, s:I, s:I}", "prefix", &prefix, "since",
			&since, "until", &until) ||
	    since < 0 || until < 0 ||
	    json_to_prefix(entry->key.addr, &len, prefix))
		return -EINVAL;
	entry->key.prefixlen = len;
	entry->value.since = (uint64_t)since;
	entry->value.until = (uint64_t)until;
	return 0;
}

int relay_blocklist_restore(struct relay_blocklist *blocklist,
			    const json_t *saved)
{
	struct entry entry;
	json_t *item;
	size_t i;
	int err = 0;

	if (!json_is_array(saved))
		return -EINVAL;
	json_array_foreach (saved, i, item) {
		if (parse_saved(&entry, item))
			return -EINVAL;
	}
	json_array_foreach (saved, i, item) {
		parse_saved(&entry, item);
		err = put(blocklist, &entry);
		if (err)
			break;
	}
	expire(blocklist);
	arm(blocklist);
	return err;
}

int relay_blocklist_adopt(struct relay_blocklist *blocklist)
{
	struct entry entry;
	int err = loader_map_next_key(blocklist->trie_fd, NULL, &entry.key);

	while (!err) {
		err = loader_map_lookup(blocklist->trie_fd, &entry.key,
					&entry.value);
		if (!err)
			err = reserve(blocklist);
		if (err)
			return err;
		blocklist->entries[blocklist->count++] = entry;
		err = loader_map_next_key(blocklist->trie_fd, &entry.key,
					  &entry.key);
	}
	if (err != -ENOENT)
		return err;
	expire(blocklist);
	arm(blocklist);
	return 0;
}

/* ---- opening ---- */

int relay_blocklist_open(struct relay_blocklist **out, uv_loop_t *loop,
			 int trie_fd, void (*dirty)(void *ctx), void *ctx)
{
	struct relay_blocklist *blocklist = calloc(1, sizeof(*blocklist));

	if (!blocklist)
		return -ENOMEM;
	blocklist->trie_fd = trie_fd;
	blocklist->dirty = dirty;
	blocklist->ctx = ctx;
	uv_timer_init(loop, &blocklist->timer);
	blocklist->timer.data = blocklist;
	*out = blocklist;
	return 0;
}

static void timer_closed(uv_handle_t *handle)
{
	struct relay_blocklist *blocklist = handle->data;

	free(blocklist->entries);
	free(blocklist);
}

void relay_blocklist_close(struct relay_blocklist *blocklist)
{
	if (blocklist)
		uv_close((uv_handle_t *)&blocklist->timer, timer_closed);
}
