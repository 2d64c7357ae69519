/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocked sources: the trie relay_block, the list behind it, and the clock that
 * takes entries out again. The trie is the truth across restarts of the daemon
 * (it is pinned and holds the times); the state file across reboots.
 */
#ifndef SLUICE_RELAY_BLOCKLIST_H
#define SLUICE_RELAY_BLOCKLIST_H

#include <stdbool.h>

#include <jansson.h>
#include <uv.h>

#include <sluice/abi.h>

struct relay_blocklist;

/* dirty is called when the list changed and should be saved. */
int relay_blocklist_open(struct relay_blocklist **out, uv_loop_t *loop,
			 int trie_fd, void (*dirty)(void *ctx), void *ctx);
void relay_blocklist_close(struct relay_blocklist *blocklist);

/* Takes over what the trie holds; what has expired meanwhile is taken out. */
int relay_blocklist_adopt(struct relay_blocklist *blocklist);

/* seconds: 0 for ever. -ENOSPC: the trie is full. A prefix that is blocked gets
 * the new time. */
int relay_blocklist_add(struct relay_blocklist *blocklist,
			const struct relay_block_key *key, uint64_t seconds);
/* -ENOENT: exactly this prefix is not blocked. */
int relay_blocklist_remove(struct relay_blocklist *blocklist,
			   const struct relay_block_key *key);

/* {"blocks": [{"prefix", "age_s", "expires_s" or null}]} */
json_t *relay_blocklist_report(const struct relay_blocklist *blocklist);
/* For the state file: [{"prefix", "since", "until"}], seconds since the epoch. */
json_t *relay_blocklist_save(const struct relay_blocklist *blocklist);
/* -EINVAL if it is not such a list (nothing changes). */
int relay_blocklist_restore(struct relay_blocklist *blocklist,
			    const json_t *saved);
/* Is a mapped address inside a blocked prefix? A look at the trie, if any is. */
bool relay_blocklist_has(const struct relay_blocklist *blocklist,
			 const uint8_t addr[16]);

#endif
