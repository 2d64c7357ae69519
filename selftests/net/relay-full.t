#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Tables of the smallest size, filled to the brim: peers, sessions, one bucket of
# the session table, legs. What does not fit is refused and counted, what lives
# is not touched, and there is room again when something goes.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/load.sh"
lab_enter "$@"
make_inet
make_site 1 hub
make_site 2 spoke
make_site 3 other
make_site 4 late
relay_conf "MaxPeers = 3" "MaxSessions = 16"
check "sluiced starts" start_sluiced || done_testing
keys hub spoke other late
peer hub wgh 10.120.0.1 "" spoke=10.120.0.2 other=10.120.0.3
peer spoke wgs 10.120.0.2 "" hub=10.120.0.1
peer other wgo 10.120.0.3 "" hub=10.120.0.1
for p in hub:wgh spoke:wgs other:wgo; do
	known "${p%:*}" "${p#*:}" || diag "no handshake of ${p%:*} with the relay"
done
check "the hub publishes its list" publish hub spoke other
check "the spoke reaches the hub" pinging spoke 10.120.0.1
FLOW=$(session spoke hub)
# The whole time.
load_start flow 500 spoke wgs hub

full() { relay_json status '[.peers.count, .peers.legs] | join(" ")'; }
live() { relay_json status .sessions.live; }
endpoint() { relay_json peers ".peers[] | select(.public_key == \"$(pub "$1")\") | .endpoint"; }
spoof() { ns inet "$O/selftests/net/forge" -s "$1" "$RELAY4:8787" "${@:2}" >/dev/null; }
grown() { [ "$($1 "$2")" -ge $(($3 + $4)) ]; }
# counted FUNCTION NAME LOW TEXT COMMAND...: the counter grows by LOW or more.
counted() {
	local kind=$1 name=$2 low=$3 text=$4 before
	shift 4
	before=$($kind "$name")
	"$@"
	wait_for 5 grown "$kind" "$name" "$before" "$low"
	ok $? "$text ($name)" || diag "$name: $before to $($kind "$name")"
}

# ---- peers ----

is "$(full)" "3 3" "three peers are all that fit"
counted outcome peers_full 1 "a fourth one is refused" peer late wgl 10.120.0.4 "" hub=10.120.0.1
ns late ping -c1 -W1 -q $RELAY_INNER >/dev/null
is $? 1 "it has no tunnel"
is "$(full)" "3 3" "nobody had to go for it"

# ---- an index that is in use ----

hub_at=$(endpoint hub) other_at=$(endpoint other)
was=$(live)
counted outcome index_collision 5 "initiations with a live index are not passed on" \
	eval "for i in 1 2 3 4 5; do spoof '$other_at' initiation '$(pub hub)' $FLOW; done"
counted outcome initiation_forwarded 1 "one with a new index is" spoof "$other_at" initiation "$(pub hub)" 0badcafe
counted outcome index_collision 1 "a response with a live index is refused" \
	spoof "$hub_at" response "$(pub other)" 0badcafe "$FLOW"
is "$(live)" "$was" "neither made a session"

# ---- sessions, all in one bucket ----

mapfile -t INDICES < <("$O/selftests/net/collide" 40)
is "${#INDICES[@]}" 40 "forty indices that share a bucket"
same_bucket() {
	INDEX=${INDICES[0]}
	INDICES=("${INDICES[@]:1}")
}
# A handshake between other and hub as nobody but they could finish it, which the
# relay can not tell. $FIRST is the index on which the hub sends to other.
handshake() {
	same_bucket
	FIRST=$INDEX
	same_bucket
	spoof "$other_at" initiation "$(pub hub)" "$FIRST"
	wait_for 2 grown outcome initiation_forwarded "$1" 1
	spoof "$hub_at" response "$(pub other)" "$FIRST" "$INDEX"
	wait_for 2 grown outcome response_forwarded "$2" 1
}
made=0
while [ "$(live)" -lt 16 ] && [ $made -lt 10 ]; do
	handshake "$(outcome initiation_forwarded)" "$(outcome response_forwarded)" || break
	made=$((made + 1))
done
is "$(live)" 16 "after $made more handshakes the session table is full"
between "$(relay_json status .sessions.spilled)" 3 16 "a bucket has run over: some are in the spill"
is "$(bpftool -j map dump pinned /sys/fs/bpf/sluice/v1/maps/relay_spill | jq length)" \
	"$(relay_json status .sessions.spilled)" "bpftool finds as many there"
SPILLED=$FIRST
is "$(relay_json sessions ".sessions[] | select(.index == \"0x$SPILLED\") | .spilled")" true \
	"the last one is among them"
load_start spilled 500 hub wgh other "$SPILLED"

counted outcome sessions_full 1 "there is no room for another" \
	eval "same_bucket; spoof '$other_at' initiation '$(pub hub)' \$INDEX"
rekey() {
	ns spoke wg set wgs peer "$(pub hub)" remove
	ns spoke wg set wgs peer "$(pub hub)" endpoint "$RELAY4:8787" allowed-ips 10.120.0.1/32
	ns spoke ping -c1 -W1 -q 10.120.0.1 >/dev/null
}
counted outcome sessions_full 1 "nor for a true handshake of the spoke" rekey
is "$(live)" 16 "none was pushed out"

moved() { [ "$(load_number)" -gt "$1" ]; }
load_number() { relay_json sessions ".sessions[] | select(.index == \"0x$SPILLED\") | .packets"; }
check "spilled sessions forward" wait_for 5 moved 100
spilled() { relay_json sessions '[.sessions[] | select(.spilled)] | length'; }
was=$(spilled)
stop_sluiced KILL
check "kill -9, and start" start_sluiced
is "$(spilled)" "$was" "spilled sessions are taken over"
check "and forward, with their counts" wait_for 5 moved 200
load_lossless spilled "on a spilled session"

# ---- room again ----

relay_conf "MaxPeers = 3" "MaxSessions = 16" "AllowedPublicKeys = $(pub hub), $(pub spoke), $(pub late)"
kill -HUP "$SLUICED_PID"
check "without the other one its sessions go" wait_for 5 sh -c \
	"[ \$($O/sluice -j relay status | jq .sessions.live) -le 4 ]"
is "$(spilled)" 0 "and none of the peers' is in the spill"
check "the spoke's handshake succeeds" pinging spoke 10.120.0.1
check "and the late one has a place" known late wgl
load_lossless flow "the flow of before"

# ---- legs: a hub on more ports than there is room for ----

stop_sluiced
check "the tables are unloaded" "$O/sluice-load" unload
keys nobody
# The late one would take one of the two places.
relay_conf "MaxPeers = 2" "ListenPort = 8787-8795" \
	"AllowedPublicKeys = $(pub hub), $(pub spoke), $(pub nobody)"
check "sluiced starts with others" start_sluiced
is "$(relay_json status .peers.legs_max)" 8 "eight legs"
for p in hub:wgh spoke:wgs; do
	# Their keypairs with the relay are gone with it.
	ns "${p%:*}" wg set "${p#*:}" peer "$(pub relay)" remove
	ns "${p%:*}" wg set "${p#*:}" peer "$(pub relay)" endpoint $RELAY4:8787 \
		allowed-ips $RELAY_INNER/32 persistent-keepalive 25
	known "${p%:*}" "${p#*:}" || diag "no handshake of ${p%:*} with the relay"
done
check "the hub publishes its list" publish hub spoke nobody
rekey
check "the spoke reaches the hub" pinging spoke 10.120.0.1
load_start flow 500 spoke wgs hub
full=$(outcome legs_full)
legs() { [ "$(relay_json status .peers.legs)" = "$1" ]; }
# knock PORT: an initiation to somebody behind another port of the relay, which
# makes the relay ask who knocks there.
knock() {
	ns hub wg set wgh peer "$(pub nobody)" remove
	ns hub wg set wgh peer "$(pub nobody)" endpoint "$RELAY4:$1" \
		allowed-ips 10.120.0.9/32 persistent-keepalive 1
}
for port in $(seq 8788 8793); do
	knock "$port"
	wait_for 5 legs $((port - 8785)) || diag "no leg on port $port"
done
check "the hub has proven itself on six more ports" legs 8
knock 8794
check "the next one is refused" wait_for 5 grown outcome legs_full "$full" 1
check "nobody lost a leg for it" legs 8
check "the spoke still reaches the hub" ns spoke ping -c1 -W2 10.120.0.1
load_lossless flow "the flow on the first leg"
stop_sluiced
done_testing
