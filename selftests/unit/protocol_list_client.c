// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * relay/list_client.h against the relay's own side, over a line that loses,
 * doubles and reorders, on a clock that the test turns.
 */
#include <errno.h>
#include <stdlib.h>

#include "relay/list_client.h"
#include "tap.h"

#define SECOND UINT64_C(1000000000)

static uint32_t random_state = 0x1157c0de;

static uint32_t random32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static struct wg_key *some_keys(size_t count)
{
	struct wg_key *keys = calloc(count + 1, sizeof(*keys));

	for (size_t i = 0; i < count; i++) {
		memcpy(keys[i].bytes, &i, sizeof(i));
		keys[i].bytes[30] = 1;
	}
	return keys;
}

/* ---- a relay of one asker ---- */

struct relay {
	uint64_t current;
	struct relay_assembly assembly;
	struct wg_key *keys;
	size_t count;
	size_t datagrams;
};

static size_t relay_answer(struct relay *relay, uint8_t *data, size_t len)
{
	struct relay_message chunk, answer = {.kind = RELAY_LIST_ACK};
	struct wg_key *keys;
	size_t count;

	relay->datagrams++;
	if (relay_message_parse(&chunk, data, len))
		return 0;
	answer.result = relay_assembly_take(&relay->assembly, relay->current,
					    &chunk, &keys, &count);
	if (answer.result == RELAY_LIST_DONE) {
		free(relay->keys);
		relay->keys = keys;
		relay->count = count;
		relay->current = chunk.version;
	}
	answer.version = answer.result == RELAY_LIST_STALE ? relay->current
							   : chunk.version;
	answer.chunk = chunk.chunk;
	answer.chunks = chunk.chunks;
	answer.nonce = chunk.nonce;
	return (size_t)relay_message_build(data, RELAY_CONTROL_MAX, &answer);
}

static void relay_clear(struct relay *relay)
{
	relay_assembly_clear(&relay->assembly);
	free(relay->keys);
	memset(relay, 0, sizeof(*relay));
}

/* ---- a line ---- */

#define LINE_MAX_PACKETS 1024

struct line {
	unsigned int loss; /* percent, each way */
	size_t count;
	struct {
		uint8_t data[RELAY_CONTROL_MAX];
		size_t len;
	} packet[LINE_MAX_PACKETS];
};

static void line_put(struct line *line, const uint8_t *data, size_t len)
{
	if (!len || random32() % 100 < line->loss ||
	    line->count == LINE_MAX_PACKETS)
		return;
	memcpy(line->packet[line->count].data, data, len);
	line->packet[line->count++].len = len;
	if (line->loss && random32() % 10 == 0 &&
	    line->count < LINE_MAX_PACKETS) {
		line->packet[line->count] = line->packet[line->count - 1];
		line->count++;
	}
}

/* Any of them: the line reorders. */
static size_t line_take(struct line *line, uint8_t *data)
{
	size_t which, len;

	if (!line->count)
		return 0;
	which = random32() % line->count;
	len = line->packet[which].len;
	memcpy(data, line->packet[which].data, len);
	line->packet[which] = line->packet[--line->count];
	return len;
}

/* Runs to the end; the relay restarts once when it has had `restart_at`
 * datagrams. Returns the time it took. */
static uint64_t run(struct list_client *client, struct relay *relay,
		    unsigned int loss, size_t restart_at)
{
	static struct line there, back;
	uint8_t data[RELAY_CONTROL_MAX];
	uint64_t now = 5 * SECOND;
	ssize_t len;

	there = (struct line){.loss = loss};
	back = (struct line){.loss = loss};
	while (client->state == LIST_CLIENT_BUSY) {
		while ((len = list_client_next(client, now, data,
					       sizeof(data))) > 0)
			line_put(&there, data, (size_t)len);
		while ((len = (ssize_t)line_take(&there, data))) {
			line_put(&back, data,
				 relay_answer(relay, data, (size_t)len));
			if (restart_at && relay->datagrams == restart_at)
				relay_assembly_clear(&relay->assembly);
		}
		while ((len = (ssize_t)line_take(&back, data)))
			list_client_take(client, data, (size_t)len);
		if (list_client_due(client) > now &&
		    list_client_due(client) != UINT64_MAX)
			now = list_client_due(client);
	}
	return now - 5 * SECOND;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wg_key));
}

static void whole(size_t count, unsigned int loss, size_t restart_at)
{
	struct wg_key *keys = some_keys(count);
	struct list_client client;
	struct relay relay = {0};
	uint64_t took;

	is_int(list_client_init(&client, keys, count, 1000, 77), 0,
	       "%zu keys, %u %% loss%s", count, loss,
	       restart_at ? ", a restart" : "");
	took = run(&client, &relay, loss, restart_at);
	is_int(client.state, LIST_CLIENT_DONE, "done");
	is_int(relay.current, 1000, "in force");
	is_int(relay.count, count, "all of them");
	qsort(keys, count, sizeof(*keys), compare);
	ok(relay.count == count &&
		   !memcmp(relay.keys, keys, count * sizeof(*keys)),
	   "the same ones");
	ok(took <= 31 * SECOND, "in %llu s",
	   (unsigned long long)(took / SECOND));
	if (!loss && !restart_at)
		is_int(relay.datagrams, client.chunks, "no chunk twice");
	list_client_clear(&client);
	relay_clear(&relay);
	free(keys);
}

/* What is sent when, to a relay that never answers. */
static void silent(void)
{
	static const unsigned int at[] = {0, 1, 3, 7, 15};
	struct wg_key *keys = some_keys(1);
	uint8_t data[RELAY_CONTROL_MAX];
	struct list_client client;

	list_client_init(&client, keys, 1, 1000, 77);
	for (size_t i = 0; i < 5; i++) {
		uint64_t due = 100 * SECOND + at[i] * SECOND;

		is_int(list_client_due(&client), i ? due : 0, "due at %u s",
		       at[i]);
		if (i)
			is_int(list_client_next(&client, due - 1, data,
						sizeof(data)),
			       0, "not before");
		is_int(list_client_next(&client, due, data, sizeof(data)), 64,
		       "try %zu", i + 1);
		is_int(list_client_next(&client, due, data, sizeof(data)), 0,
		       "once");
	}
	is_int(list_client_next(&client, 131 * SECOND - 1, data, sizeof(data)),
	       0, "no sixth");
	is_int(client.state, LIST_CLIENT_BUSY, "still waiting");
	is_int(list_client_next(&client, 131 * SECOND, data, sizeof(data)), 0,
	       "no sixth");
	is_int(client.state, LIST_CLIENT_SILENT, "silent after 31 s");
	ok(list_client_due(&client) == UINT64_MAX, "nothing is due");
	list_client_clear(&client);
	free(keys);
}

static void window(void)
{
	struct wg_key *keys = some_keys(36 * 20);
	uint8_t data[RELAY_CONTROL_MAX], first[RELAY_CONTROL_MAX];
	struct list_client client;
	struct relay relay = {0};
	size_t sent = 0, len = 0;

	list_client_init(&client, keys, 36 * 20, 1000, 77);
	while (list_client_next(&client, SECOND, data, sizeof(data)) > 0)
		if (!sent++)
			memcpy(first, data, sizeof(first));
	is_int(sent, LIST_CLIENT_WINDOW, "a window of chunks");
	is_int(list_client_due(&client), 2 * SECOND, "then waits");
	len = relay_answer(&relay, first, 32 + 36 * 32);
	is_int(list_client_take(&client, first, len), 0, "one answered");
	is_int(list_client_due(&client), 0, "one more is due");
	is_int(list_client_take(&client, first, len), 0, "answered twice");
	is_int(client.acked, 1, "counts once");
	ok(list_client_next(&client, SECOND, data, sizeof(data)) > 0, "sent");
	is_int(list_client_next(&client, SECOND, data, sizeof(data)), 0, "one");
	relay_clear(&relay);
	list_client_clear(&client);
	free(keys);
}

static int answer_with(struct list_client *client, struct relay_message *answer)
{
	uint8_t data[RELAY_CONTROL_MAX];
	int len = relay_message_build(data, sizeof(data), answer);

	return list_client_take(client, data, (size_t)len);
}

static void answers(void)
{
	static const struct {
		const char *name;
		struct relay_message answer;
		int want;
		enum list_client_state state;
	} rows[] = {
		/* clang-format off */
		{"done", {.kind = 2, .version = 1000, .chunks = 2, .nonce = 77, .result = 1}, 0, LIST_CLIENT_DONE},
		{"more", {.kind = 2, .version = 1000, .chunks = 2, .nonce = 77, .result = 0}, 0, LIST_CLIENT_BUSY},
		{"stale, our own", {.kind = 2, .version = 1000, .chunks = 2, .nonce = 77, .result = 2}, 0, LIST_CLIENT_DONE},
		{"stale, newer", {.kind = 2, .version = 1001, .chunks = 2, .nonce = 77, .result = 2}, 0, LIST_CLIENT_STALE},
		{"stale, older", {.kind = 2, .version = 999, .chunks = 2, .nonce = 77, .result = 2}, -EBADMSG, LIST_CLIENT_BUSY},
		{"refused", {.kind = 2, .version = 1000, .chunks = 2, .nonce = 77, .result = 3}, 0, LIST_CLIENT_REFUSED},
		{"another nonce", {.kind = 2, .version = 1000, .chunks = 2, .nonce = 78, .result = 1}, -EBADMSG, LIST_CLIENT_BUSY},
		{"another version", {.kind = 2, .version = 1001, .chunks = 2, .nonce = 77, .result = 1}, -EBADMSG, LIST_CLIENT_BUSY},
		{"other chunks", {.kind = 2, .version = 1000, .chunks = 3, .chunk = 2, .nonce = 77, .result = 0}, -EBADMSG, LIST_CLIENT_BUSY},
		{"answer to a query", {.kind = 2, .version = 1000, .nonce = 77, .result = 1}, -EBADMSG, LIST_CLIENT_BUSY},
		{"a query", {.kind = 3, .nonce = 77}, -EBADMSG, LIST_CLIENT_BUSY},
		{"a chunk", {.kind = 1, .version = 1000, .chunks = 2, .key_count = 36, .nonce = 77}, -EBADMSG, LIST_CLIENT_BUSY},
		/* clang-format on */
	};
	struct wg_key *keys = some_keys(40);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct relay_message answer = rows[i].answer;
		struct list_client client;

		list_client_init(&client, keys, 40, 1000, 77);
		is_int(answer_with(&client, &answer), rows[i].want, "%s",
		       rows[i].name);
		is_int(client.state, rows[i].state, "its state");
		if (client.state == LIST_CLIENT_STALE)
			is_int(client.relay_version, 1001,
			       "the relay's version");
		list_client_clear(&client);
	}
	free(keys);
}

int main(void)
{
	struct list_client client;

	whole(0, 0, 0);
	whole(1, 0, 0);
	whole(36, 0, 0);
	whole(37, 0, 0);
	whole(RELAY_LIST_MAX, 0, 0);
	whole(0, 20, 0);
	whole(1000, 20, 0);
	whole(1000, 0, 20); /* the relay forgets 20 of 28 chunks */
	whole(RELAY_LIST_MAX, 5, 0);
	is_int(list_client_init(&client, NULL, RELAY_LIST_MAX + 1, 1, 1),
	       -E2BIG, "one key too many");
	silent();
	window();
	answers();
	return tap_done();
}
