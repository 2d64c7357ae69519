// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a restart must not lose: who the peers are, where they were last, the
 * greatest timestamp of each (or an old initiation could be replayed), and the
 * consent lists. Sessions and legs are in the pinned maps.
 *
 *   {"format": "sluice-relay-state", "version": 1, "peers": [{
 *     "public_key", "timestamp": hex, "paths": [{"remote", "local"}],
 *     "list_version", "list": [keys]}]}
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "relay/protocol.h"
#include "relay/state.h"
#include "wg/json.h"

#define FORMAT "sluice-relay-state"
#define FORMAT_VERSION 1
#define STAMP_TEXT_LEN (2 * WG_TIMESTAMP_LEN + 1)

/* ---- save ---- */

static json_t *save_paths(const struct relay_engine *engine,
			  const struct relay_party *party)
{
	json_t *paths = json_array();

	for (uint16_t leg = party->first_leg; leg;
	     leg = relay_leg_next(&engine->legs, leg)) {
		struct wg_path path;

		relay_leg_path(&engine->legs, leg, &path);
		json_array_append_new(
			paths,
			json_pack(
				"{s:o, s:o}", "remote",
				json_of_endpoint(path.remote, path.remote_port),
				"local",
				json_of_endpoint(path.local, path.local_port)));
	}
	return paths;
}

static void save_listed(json_t *list, const struct relay_list *order)
{
	const struct relay_list *at;

	for (at = order->next; at != order; at = at->next) {
		const struct relay_side *side = relay_side_of(at);

		if (side->lists)
			json_array_append_new(
				list,
				json_of_key(
					&relay_side_other(side)->party->key));
	}
}

static json_t *save_list(const struct relay_party *party)
{
	json_t *list = json_array();

	save_listed(list, &party->talking);
	save_listed(list, &party->idle);
	return list;
}

static json_t *save_stamp(const struct relay_party *party)
{
	uint8_t stamp[WG_TIMESTAMP_LEN];
	char text[STAMP_TEXT_LEN];

	memcpy(stamp, party->stamp, sizeof(stamp));
	if (party->wg)
		wg_peer_timestamp(party->wg, stamp);
	sodium_bin2hex(text, sizeof(text), stamp, sizeof(stamp));
	return json_string(text);
}

static bool worth_saving(const struct relay_party *party)
{
	return party->allowed && (party->known || !party->listless);
}

static json_t *save_party(const struct relay_engine *engine,
			  const struct relay_party *party)
{
	return json_pack("{s:o, s:o, s:o, s:I, s:o}", "public_key",
			 json_of_key(&party->key), "timestamp",
			 save_stamp(party), "paths", save_paths(engine, party),
			 "list_version", (json_int_t)party->list_version,
			 "list", save_list(party));
}

json_t *relay_engine_save(const struct relay_engine *engine)
{
	json_t *peers = json_array();
	struct relay_list *at;

	for (at = engine->roster.all.next; at != &engine->roster.all;
	     at = at->next) {
		const struct relay_party *party =
			relay_container(at, struct relay_party, all);

		if (worth_saving(party) &&
		    json_array_append_new(peers, save_party(engine, party))) {
			json_decref(peers);
			return NULL;
		}
	}
	return json_pack("{s:s, s:i, s:o}", "format", FORMAT, "version",
			 FORMAT_VERSION, "peers", peers);
}

/* ---- restore: each peer is read whole, then taken; a bad one alone is lost ---- */

struct saved {
	struct wg_key key;
	uint8_t stamp[WG_TIMESTAMP_LEN];
	uint64_t list_version;
	const json_t *paths, *list;
};

static int read_path(struct wg_path *path, const json_t *saved)
{
	int err;

	memset(path, 0, sizeof(*path));
	err = json_to_endpoint(path->remote, &path->remote_port,
			       json_object_get(saved, "remote"));
	if (!err)
		err = json_to_endpoint(path->local, &path->local_port,
				       json_object_get(saved, "local"));
	return err;
}

static int read_stamp(uint8_t stamp[WG_TIMESTAMP_LEN], const json_t *text)
{
	const char *string = json_string_value(text);
	size_t len;

	if (!string || sodium_hex2bin(stamp, WG_TIMESTAMP_LEN, string,
				      strlen(string), NULL, &len, NULL))
		return -EINVAL;
	return len == WG_TIMESTAMP_LEN ? 0 : -EINVAL;
}

static int check_members(const struct saved *saved)
{
	struct wg_path path;
	struct wg_key key;
	json_t *member;
	size_t i;

	if (!json_is_array(saved->paths) || !json_is_array(saved->list) ||
	    json_array_size(saved->list) > RELAY_LIST_MAX)
		return -EINVAL;
	json_array_foreach (saved->paths, i, member)
		if (read_path(&path, member))
			return -EINVAL;
	json_array_foreach (saved->list, i, member)
		if (json_to_key(&key, member))
			return -EINVAL;
	return 0;
}

static int read_party(struct saved *saved, const json_t *peer)
{
	const json_t *version = json_object_get(peer, "list_version");

	if (json_to_key(&saved->key, json_object_get(peer, "public_key")) ||
	    read_stamp(saved->stamp, json_object_get(peer, "timestamp")) ||
	    !json_is_integer(version) || json_integer_value(version) < 0)
		return -EINVAL;
	saved->list_version = json_integer_value(version);
	saved->paths = json_object_get(peer, "paths");
	saved->list = json_object_get(peer, "list");
	return check_members(saved);
}

static void take_stamp(struct relay_party *party, const struct saved *saved)
{
	uint8_t now[WG_TIMESTAMP_LEN];

	memcpy(now, party->stamp, sizeof(now));
	if (party->wg)
		wg_peer_timestamp(party->wg, now);
	if (memcmp(saved->stamp, now, sizeof(now)) <= 0)
		return;
	memcpy(party->stamp, saved->stamp, sizeof(party->stamp));
	if (party->wg)
		wg_peer_set_timestamp(party->wg, saved->stamp);
}

static void take_list(struct relay_engine *engine, struct relay_party *party,
		      const struct saved *saved)
{
	size_t count = json_array_size(saved->list), i;
	struct wg_key *keys;
	json_t *member;
	bool revoked;

	if (!saved->list_version || saved->list_version <= party->list_version)
		return;
	keys = calloc(count + 1, sizeof(*keys));
	if (!keys)
		return;
	json_array_foreach (saved->list, i, member)
		json_to_key(&keys[i], member);
	if (relay_list_replace(&engine->roster, party, keys, count,
			       saved->list_version, &engine->settings,
			       &revoked))
		relay_engine_count(engine, RELAY_OUTCOME_list_refused);
	free(keys);
}

/* Where it was before, unless the maps know better. */
static void take_paths(struct relay_engine *engine, struct relay_party *party,
		       const struct saved *saved)
{
	struct wg_path path;
	json_t *member;
	size_t i;

	if (party->first_leg)
		return;
	json_array_foreach (saved->paths, i, member)
		if (!read_path(&path, member))
			relay_wake_add(engine, party, &path);
}

static void take_party(struct relay_engine *engine, const struct saved *saved)
{
	struct relay_party *party;

	if (!relay_settings_allow(&engine->settings, &saved->key))
		return;
	party = relay_party_make(&engine->roster, &saved->key,
				 &engine->settings);
	if (!party)
		return;
	take_stamp(party, saved);
	take_list(engine, party, saved);
	take_paths(engine, party, saved);
	party->known = true;
}

int relay_engine_restore(struct relay_engine *engine, const json_t *state,
			 uint64_t now_ns)
{
	const json_t *peers = json_object_get(state, "peers");
	const char *format =
		json_string_value(json_object_get(state, "format"));
	struct saved saved;
	size_t spoilt = 0;
	json_t *peer;
	size_t i;

	if (!format || strcmp(format, FORMAT) || !json_is_array(peers) ||
	    json_integer_value(json_object_get(state, "version")) !=
		    FORMAT_VERSION)
		return -EINVAL;
	relay_engine_set_time(engine, now_ns);
	json_array_foreach (peers, i, peer) {
		if (read_party(&saved, peer))
			spoilt++;
		else
			take_party(engine, &saved);
	}
	if (spoilt)
		log_warn(
			"%zu of %zu saved peers can not be read and were left out: they come back by their next handshake, their lists when they send them again",
			spoilt, json_array_size(peers));
	relay_judge_confirm(engine);
	return 0;
}
