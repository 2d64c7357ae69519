// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What peers say to the relay inside their tunnel, so that their key stands for
 * it: consent lists (protocol.txt), wgx's list if that is wanted, and pings.
 * Answers go back to the address and port that asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/protocol.h"
#include "relay/state.h"

#define ANSWER_MAX (RELAY_CONTROL_MAX + 48) /* IPv6 and UDP headers */

static void reply(struct relay_engine *engine, struct relay_party *party,
		  const struct relay_inner *asked, const void *data, size_t len)
{
	uint8_t packet[ANSWER_MAX];
	struct relay_inner inner = {
		.source_port = asked->dest_port,
		.dest_port = asked->source_port,
		.payload = data,
		.payload_len = len,
	};
	int size;

	memcpy(inner.source, asked->dest, sizeof(inner.source));
	memcpy(inner.dest, asked->source, sizeof(inner.dest));
	size = relay_inner_build(packet, sizeof(packet), &inner);
	if (size > 0)
		wg_peer_send(party->wg, packet, size, engine->now_ns);
}

static void acknowledge(struct relay_engine *engine, struct relay_party *party,
			const struct relay_inner *asked,
			const struct relay_message *question,
			enum relay_list_result result, uint64_t version)
{
	uint8_t data[RELAY_CONTROL_MAX];
	struct relay_message ack = {
		.kind = RELAY_LIST_ACK,
		.version = version,
		.chunk = question->chunk,
		.chunks = question->chunks,
		.result = result,
		.nonce = question->nonce,
	};
	int len = relay_message_build(data, sizeof(data), &ack);

	if (len > 0)
		reply(engine, party, asked, data, len);
}

/* ---- lists ---- */

void relay_assembly_drop(struct relay_engine *engine, struct relay_party *party)
{
	struct relay_affairs *affairs = party->affairs;

	if (!affairs || !affairs->assembly)
		return;
	relay_assembly_clear(affairs->assembly);
	free(affairs->assembly);
	affairs->assembly = NULL;
	engine->assemblies--;
}

static struct relay_assembly *assembly_of(struct relay_engine *engine,
					  struct relay_party *party)
{
	struct relay_affairs *affairs = relay_party_affairs(party);

	if (!affairs)
		return NULL;
	if (!affairs->assembly && engine->assemblies < RELAY_ASSEMBLIES_MAX) {
		affairs->assembly = calloc(1, sizeof(*affairs->assembly));
		engine->assemblies += affairs->assembly != NULL;
	}
	affairs->assembly_s = engine->now_s;
	return affairs->assembly;
}

static bool put_in_force(struct relay_engine *engine, struct relay_party *party,
			 const struct wg_key *keys, size_t count,
			 uint64_t version)
{
	bool revoked;

	if (relay_list_replace(&engine->roster, party, keys, count, version,
			       &engine->settings, &revoked)) {
		relay_engine_count(engine, RELAY_OUTCOME_list_refused);
		relay_party_note(party, RELAY_OUTCOME_list_refused,
				 engine->now_s);
		return false;
	}
	/* Sessions of a previous process wait for a list to confirm them. */
	if (revoked || engine->now_s < engine->adopted_until_s)
		relay_judge_party(engine, party);
	relay_engine_count(engine, RELAY_OUTCOME_list_applied);
	relay_engine_dirty(engine);
	return true;
}

static enum relay_list_result take_chunk(struct relay_engine *engine,
					 struct relay_party *party,
					 struct relay_assembly *assembly,
					 const struct relay_message *chunk)
{
	enum relay_list_result result;
	struct wg_key *keys = NULL;
	size_t count = 0;

	relay_engine_count(engine, RELAY_OUTCOME_list_chunk);
	result = relay_assembly_take(assembly, party->list_version, chunk,
				     &keys, &count);
	if (result == RELAY_LIST_STALE)
		relay_engine_count(engine, RELAY_OUTCOME_list_stale);
	if (result == RELAY_LIST_REFUSED)
		relay_engine_count(engine, RELAY_OUTCOME_list_refused);
	if (result == RELAY_LIST_DONE &&
	    !put_in_force(engine, party, keys, count, chunk->version))
		result = RELAY_LIST_REFUSED;
	free(keys);
	return result;
}

static void list_chunk(struct relay_engine *engine, struct relay_party *party,
		       const struct relay_inner *asked,
		       const struct relay_message *chunk)
{
	struct relay_assembly *assembly = assembly_of(engine, party);
	enum relay_list_result result;
	uint64_t version = chunk->version;

	if (!assembly)
		return; /* busy: the asker tries again */
	result = take_chunk(engine, party, assembly, chunk);
	if (result == RELAY_LIST_STALE)
		version = assembly->version > party->list_version
				  ? assembly->version
				  : party->list_version;
	if (!assembly->keys)
		relay_assembly_drop(engine, party);
	acknowledge(engine, party, asked, chunk, result, version);
}

static void list_query(struct relay_engine *engine, struct relay_party *party,
		       const struct relay_inner *asked,
		       const struct relay_message *query)
{
	relay_engine_count(engine, RELAY_OUTCOME_list_query);
	acknowledge(engine, party, asked, query, RELAY_LIST_DONE,
		    party->list_version);
}

/* ---- wgx ---- */

/* wgx's lists carry no version: each one is newer than the last. */
static uint64_t newer_version(const struct relay_engine *engine,
			      const struct relay_party *party)
{
	uint64_t now_ms = engine->ops.wall_ns() / 1000000;

	if (party->list_version >= RELAY_LIST_VERSION_MAX)
		return RELAY_LIST_VERSION_MAX;
	return now_ms > party->list_version ? now_ms : party->list_version + 1;
}

static bool wgx_command(struct relay_engine *engine, struct relay_party *party,
			const struct relay_inner *asked)
{
	uint8_t answer[RELAY_WGX_REPLY_LEN];
	struct relay_wgx_request request;
	bool applied;

	if (!engine->settings.wgx_compat ||
	    relay_wgx_parse(&request, asked->payload, asked->payload_len))
		return false;
	relay_engine_count(engine, RELAY_OUTCOME_wgx_list);
	applied = put_in_force(engine, party, request.keys, request.key_count,
			       newer_version(engine, party));
	relay_wgx_reply(answer, request.request_id, applied);
	reply(engine, party, asked, answer, sizeof(answer));
	return true;
}

/* ---- everything that comes ---- */

static void command(struct relay_engine *engine, struct relay_party *party,
		    const struct relay_inner *asked)
{
	struct relay_message message;

	if (!relay_message_parse(&message, asked->payload,
				 asked->payload_len)) {
		if (message.kind == RELAY_LIST_CHUNK)
			list_chunk(engine, party, asked, &message);
		else if (message.kind == RELAY_LIST_QUERY)
			list_query(engine, party, asked, &message);
		else
			relay_engine_count(engine,
					   RELAY_OUTCOME_control_malformed);
		return;
	}
	if (!wgx_command(engine, party, asked))
		relay_engine_count(engine, RELAY_OUTCOME_control_malformed);
}

static bool ping(struct relay_engine *engine, struct relay_party *party,
		 const void *packet, size_t len)
{
	uint8_t answer[2048];
	size_t size = relay_echo(answer, sizeof(answer), packet, len);

	if (!size)
		return false;
	relay_engine_count(engine, RELAY_OUTCOME_echo);
	wg_peer_send(party->wg, answer, size, engine->now_ns);
	return true;
}

void relay_control(struct relay_engine *engine, struct relay_party *party,
		   const void *packet, size_t len)
{
	struct relay_inner inner;

	if (!relay_inner_parse(&inner, packet, len) &&
	    inner.dest_port == RELAY_CONTROL_PORT)
		command(engine, party, &inner);
	else if (!ping(engine, party, packet, len))
		relay_engine_count(engine, RELAY_OUTCOME_inner_ignored);
}
