// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Why a peer is or is not reached, or why two do or do not talk: one word for
 * scripts, one sentence for people. The first thing that stands in the way is
 * the answer, in the order in which a handshake meets it.
 */
#include <stdarg.h>
#include <stdio.h>

#include "relay/state.h"

struct answer {
	const char *reason;
	bool talks;
	char sentence[480];
};

__attribute__((format(printf, 4, 5))) static bool say(struct answer *answer,
						      const char *reason,
						      bool talks,
						      const char *format, ...)
{
	va_list args;

	answer->reason = reason;
	answer->talks = talks;
	va_start(args, format);
	vsnprintf(answer->sentence, sizeof(answer->sentence), format, args);
	va_end(args);
	return true;
}

struct name { /* the first characters of a key tell it from others */
	char text[13];
};

static struct name name_of(const struct wg_key *key)
{
	wg_key_text text;
	struct name name;

	wg_key_format(text, key);
	snprintf(name.text, sizeof(name.text), "%.8s...", text);
	return name;
}

#define NAME(key) name_of(key).text

static uint32_t ago(const struct relay_engine *engine, uint32_t at_s,
		    uint64_t now_ns)
{
	uint32_t now_s = (now_ns - engine->epoch_ns) / RELAY_SECOND_NS + 1;

	return now_s > at_s ? now_s - at_s : 0;
}

static bool noted(const struct relay_party *party, enum relay_outcome what,
		  uint32_t *at_s)
{
	for (int i = 0; i < RELAY_PARTY_NOTES; i++) {
		if (!party->noted_s[i] || party->noted[i] != what)
			continue;
		*at_s = party->noted_s[i];
		return true;
	}
	return false;
}

/* ---- one peer ---- */

/* What keeps the relay from reaching it. */
static bool absent(const struct relay_engine *engine, const struct wg_key *key,
		   uint64_t now_ns, struct answer *answer)
{
	const struct relay_party *party =
		relay_party_find(&engine->roster, key);
	uint32_t at_s;

	if (!relay_settings_allow(&engine->settings, key))
		return say(
			answer, "not-allowed", false,
			"%s may not use the relay: its key is not in AllowedPublicKeys.",
			NAME(key));
	if (!party || (!party->wg && !party->known))
		return say(
			answer, "never-seen", false,
			"%s has never been seen: it has not made a handshake with the relay (is the relay one of its peers, with a keepalive?).",
			NAME(key));
	if (party->first_leg)
		return false;
	if (noted(party, RELAY_OUTCOME_leg_blocked, &at_s))
		return say(
			answer, "blocked", false,
			"%s was cut off %u s ago because its address is blocked.",
			NAME(key), ago(engine, at_s, now_ns));
	if (noted(party, RELAY_OUTCOME_legs_full, &at_s))
		return say(
			answer, "legs-full", false,
			"%s proved its address %u s ago, but the relay has no room for another leg (raise MaxPeers).",
			NAME(key), ago(engine, at_s, now_ns));
	if (noted(party, RELAY_OUTCOME_leg_taken, &at_s))
		return say(
			answer, "address-taken", false,
			"%s lost its address and port %u s ago to another peer that proved to be there, and has not been heard since.",
			NAME(key), ago(engine, at_s, now_ns));
	if (noted(party, RELAY_OUTCOME_leg_expired, &at_s))
		return say(
			answer, "expired", false,
			"%s fell silent: nothing has been heard of it for %u s.",
			NAME(key),
			ago(engine, at_s, now_ns) + RELAY_PARTY_LIFE);
	return say(
		answer, "unproven", false,
		"%s is known but has not proven an address since the relay started: its packets do not come, or the relay's answers do not reach it.",
		NAME(key));
}

static void explain_one(const struct relay_engine *engine,
			const struct wg_key *key, uint64_t now_ns,
			struct answer *answer)
{
	const struct relay_party *party;
	uint32_t heard_s;

	if (absent(engine, key, now_ns, answer))
		return;
	party = relay_party_find(&engine->roster, key);
	heard_s = relay_party_heard(engine, party);
	if (!party->edges) {
		say(answer, "no-consent", false,
		    "%s is here, but it lists nobody and nobody lists it, so it may talk to nobody.",
		    NAME(key));
		return;
	}
	say(answer, "present", true,
	    "%s is here, heard %u s ago; it lists %u peers, may talk to at most %u, and has %u session directions.",
	    NAME(key), ago(engine, heard_s, now_ns), party->lists, party->edges,
	    relay_party_sessions(engine, party));
}

/* ---- two peers ---- */

static bool unlisted(const struct relay_engine *engine, const struct wg_key *a,
		     const struct wg_key *b, const struct relay_edge *edge,
		     struct answer *answer)
{
	const struct relay_side *side = edge ? edge->side : NULL;
	const struct relay_party *lister, *other;

	if (!side)
		return say(answer, "no-consent", false,
			   "%s and %s may not talk: neither lists the other%s.",
			   NAME(a), NAME(b),
			   engine->roster.mutual
				   ? ", and the relay wants both to"
				   : "");
	if (relay_edge_open(&engine->roster, edge))
		return false;
	lister = side[side[1].lists].party;
	other = side[!side[1].lists].party;
	return say(
		answer, "no-consent", false,
		"%s lists %s, but %s does not list %s, and the relay has RequireMutual = yes.",
		NAME(&lister->key), NAME(&other->key), NAME(&other->key),
		NAME(&lister->key));
}

/* The last initiation of one that fitted nobody at its time: was it for the
 * other? Then consent came later. */
static bool tried_in_vain(const struct relay_engine *engine,
			  const struct relay_party *from, uint64_t now_ns,
			  const struct relay_party *to, uint32_t since_s,
			  struct answer *answer)
{
	uint32_t at_s;

	if (!from->affairs || !from->affairs->unmatched ||
	    (!noted(from, RELAY_OUTCOME_no_consent, &at_s) &&
	     !noted(from, RELAY_OUTCOME_mac1_budget, &at_s)) ||
	    at_s <= since_s)
		return false;
	if (wg_mac1_fits(&to->mac1, from->affairs->unmatched,
			 WG_INITIATION_LEN))
		return say(
			answer, "no-handshake", false,
			"%s tried to reach %s %u s ago, before they could; it tries again when it has something to send.",
			NAME(&from->key), NAME(&to->key),
			ago(engine, at_s, now_ns));
	return say(
		answer, "wrong-mac1", false,
		"%s sent a handshake %u s ago that is for none of the keys it may talk to, %s among them: is the public key in its configuration right?",
		NAME(&from->key), ago(engine, at_s, now_ns), NAME(&to->key));
}

static const char *outcome_word(enum relay_outcome what)
{
	switch (what) {
	case RELAY_OUTCOME_initiation_forwarded:
		return "pending";
	case RELAY_OUTCOME_pending_expired:
		return "unanswered";
	case RELAY_OUTCOME_index_collision:
		return "collision";
	case RELAY_OUTCOME_pending_full:
	case RELAY_OUTCOME_pair_limit:
		return "rate-limited";
	case RELAY_OUTCOME_sessions_full:
		return "sessions-full";
	case RELAY_OUTCOME_response_forwarded:
		return "expired";
	default:
		return relay_outcome_names[what];
	}
}

/* A peer that has just been heard is where it was: the data is somebody's who
 * has seen an index of its. */
#define KEEPALIVE_S 30

static bool wandering(const struct relay_engine *engine, uint64_t now_ns,
		      const struct relay_party *party, struct answer *answer)
{
	uint32_t heard_s = relay_party_heard(engine, party), at_s;

	if (!noted(party, RELAY_OUTCOME_data_wrong_source, &at_s) ||
	    at_s <= heard_s || ago(engine, heard_s, now_ns) <= KEEPALIVE_S)
		return false;
	return say(
		answer, "source-mismatch", false,
		"data with an index of %s came %u s ago from a source that is not its; the relay asked there, and %s has not proven to be the one.",
		NAME(&party->key), ago(engine, at_s, now_ns),
		NAME(&party->key));
}

static void explain_lapsed(const struct relay_engine *engine, uint64_t now_ns,
			   const struct relay_edge *edge, struct answer *answer)
{
	const struct relay_side *last = &edge->side[0];
	const struct relay_party *a, *b;

	if (edge->side[1].note.at_s > last->note.at_s)
		last = &edge->side[1];
	a = last->party;
	b = relay_side_other(last)->party;
	if (tried_in_vain(engine, a, now_ns, b, last->note.at_s, answer) ||
	    tried_in_vain(engine, b, now_ns, a, last->note.at_s, answer))
		return;
	if (!last->note.at_s) {
		say(answer, "no-handshake", false,
		    "%s and %s may talk and are both here, but neither has started a handshake: is the relay's address the other one's endpoint?",
		    NAME(&a->key), NAME(&b->key));
		return;
	}
	say(answer, outcome_word(last->note.what), false,
	    "%s and %s have no session: the last handshake of %s to %s, %u s ago, %s.",
	    NAME(&a->key), NAME(&b->key), NAME(&a->key), NAME(&b->key),
	    ago(engine, last->note.at_s, now_ns),
	    last->note.what == RELAY_OUTCOME_response_forwarded
		    ? "was answered, but its session has expired"
		    : relay_outcome_texts[last->note.what]);
}

static void explain_two(const struct relay_engine *engine,
			const struct wg_key *a, const struct wg_key *b,
			uint64_t now_ns, struct answer *answer)
{
	const struct relay_party *one, *other;
	const struct relay_edge *edge;

	if (absent(engine, a, now_ns, answer) ||
	    absent(engine, b, now_ns, answer))
		return;
	one = relay_party_find(&engine->roster, a);
	other = relay_party_find(&engine->roster, b);
	edge = relay_edge_find(&engine->roster, one, other);
	if (unlisted(engine, a, b, edge, answer) ||
	    wandering(engine, now_ns, one, answer) ||
	    wandering(engine, now_ns, other, answer))
		return;
	if (edge->handshake_s &&
	    ago(engine, edge->handshake_s, now_ns) < RELAY_SESSION_LIFE) {
		say(answer, "live", true,
		    "%s and %s talk: their last handshake was forwarded %u s ago.",
		    NAME(a), NAME(b), ago(engine, edge->handshake_s, now_ns));
		return;
	}
	explain_lapsed(engine, now_ns, edge, answer);
}

json_t *relay_engine_explain(const struct relay_engine *engine,
			     const struct wg_key *a, const struct wg_key *b,
			     uint64_t now_ns)
{
	struct answer answer = {0};

	if (b && wg_key_equal(a, b))
		say(&answer, "same", false, "%s is one peer: name two.",
		    NAME(a));
	else if (b)
		explain_two(engine, a, b, now_ns, &answer);
	else
		explain_one(engine, a, now_ns, &answer);
	return json_pack("{s:s, s:b, s:s}", "reason", answer.reason, "talks",
			 answer.talks, "sentence", answer.sentence);
}
