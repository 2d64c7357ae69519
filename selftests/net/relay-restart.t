#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sluiced is killed, restarted, upgraded, downgraded and reloaded, and its state
# is damaged, while 60,000 packets a second pass: not one of them is lost or
# comes twice. Afterwards everything that needs the daemon still works.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/load.sh"
lab_enter "$@"
make_inet
make_site 1 hub
make_site 2 spoke
make_site 3 other
relay_conf
STATE=$LAB/state/relay.json
check "sluiced starts" start_sluiced || done_testing
keys hub spoke other
peer hub wgh 10.120.0.1 "" spoke=10.120.0.2
peer spoke wgs 10.120.0.2 "" hub=10.120.0.1
peer other wgo 10.120.0.3 "" hub=10.120.0.1
for p in hub:wgh spoke:wgs other:wgo; do
	known "${p%:*}" "${p#*:}" || diag "no handshake of ${p%:*} with the relay"
done
check "the hub publishes its list" publish hub spoke
check "the spoke reaches the hub" pinging spoke 10.120.0.1

program() { ip -n relay -j link show eth0 | jq '.[0].xdp.prog.id'; }
adopted() { relay_json sessions '[.sessions[] | select(.age_s == null)] | length'; }
lists() { relay_json peers ".peers[] | select(.public_key == \"$(pub hub)\") | .lists"; }
# awake: every peer has answered the relay's new process.
awake() { [ "$(relay_json peers '[.peers[] | select(.handshake_age_s != null)] | length')" -ge "${1:-3}" ]; }
state_is_whole() { jq -e '.sluice == 1 and (.engine.peers | length) >= 2' "$STATE"; }
# said TEXT: since the last start of sluiced. The log is kept whole.
said() { tail -n +"$((LOG_FROM + 1))" "$LAB/sluiced.log" | grep -q -- "$1"; }
start() { # [PROGRAM]
	LOG_FROM=$(wc -l <"$LAB/sluiced.log")
	SLUICED=${1:-$O/sluiced} start_sluiced
}
mark() { diag "$(($(date +%s%3N) - STARTED)) ms: $*"; }

# ---- under load ----

FLOW_DEVICES=("inet torelay to1 to2" "n1 wan lan" "n2 wan lan" "relay eth0" "hub eth0" "spoke eth0")
for line in "${FLOW_DEVICES[@]}"; do
	# shellcheck disable=SC2086
	queue_up $line
done
STARTED=$(date +%s%3N)
RATE=$(load_rate 30000)
load_start down $RATE hub wgh spoke
load_start up $RATE spoke wgs hub
moving() { [ "$(relay_json status .forwarded.packets)" -gt $((2 * RATE)) ]; }
check "the load runs" wait_for 10 moving

first_program=$(program)
mark "kill -9"
stop_sluiced KILL
check "after kill -9 it starts" start
check "and says that it has the sessions of before" said "with the sessions of before"
between "$(adopted)" 2 20 "status shows sessions that were taken over"
is "$(lists)" 1 "the consent list is there"
is "$(program)" "$first_program" "the same program runs on"
check "the relay initiates to its peers, who answer" wait_for 10 awake

mark "SIGTERM and start"
stop_sluiced TERM
check "after SIGTERM it starts" start
between "$(adopted)" 2 20 "with the sessions"
is "$(lists)" 1 "and the list"

build=$(relay_json status .build)
mark "upgrade"
stop_sluiced TERM
check "a later release starts" start "$O/selftests/net/sluiced_next"
[ "$(program)" != "$first_program" ]
ok $? "its program replaced the one that ran"
[ "$(relay_json status .build)" != "$build" ]
ok $? "status names another build"
is "$(relay_json status '.interfaces[0] | [.attached, .native, .current] | join(" ")')" \
	"true true true" "attached in native mode, and current"
between "$(adopted)" 2 20 "with the sessions"
check "the peers answer it" wait_for 10 awake

reload() { # LINE...
	relay_conf "$@"
	kill -HUP "$SLUICED_PID"
}
allowed() { [ "$(relay_json status .allowed)" = "$1" ]; }
peers() { [ "$(relay_json status .peers.count)" = "$1" ]; }
mark "reload"
reload "AllowedPublicKeys = $(pub hub), $(pub spoke)"
check "a reload takes a key away" wait_for 5 allowed 2
check "and its peer loses its place" wait_for 5 peers 2
reload "AllowedPublicKeys = nonsense"
check "a reload with nonsense says so" wait_for 5 said "is not a public key"
is "$(relay_json status .allowed)" 2 "and changes nothing"
reload
check "a reload lets everybody in again" wait_for 5 allowed all

mark "downgrade"
stop_sluiced KILL
check "the release of before starts" start
is "$(relay_json status .build)" "$build" "its build is the one of before"
between "$(adopted)" 2 20 "with the sessions"

# ---- a state file that is damaged ----

damaged() { # HOW COMMAND...
	local how=$1
	shift
	mark "$how"
	stop_sluiced TERM
	"$@"
	check "with a state file that is $how it starts" start
	check "$how: it says so" said "$STATE is no state of the relay"
	check "$how: it keeps what it could not read" test -e "$STATE.bad"
	between "$(adopted)" 2 20 "$how: the sessions are there, from the maps"
	rm -f "$STATE.bad"
	publish hub spoke >/dev/null
	check "$how: a new one is written" wait_for 5 state_is_whole
}
overwrite() { echo 'not JSON at all' >"$STATE"; }
foreign() { echo '{"sluice": 99, "engine": {"peers": []}}' >"$STATE"; }
half() { truncate -s $(($(stat -c %s "$STATE") / 2)) "$STATE"; }
damaged empty truncate -s 0 "$STATE"
damaged truncated half
damaged overwritten overwrite
damaged "of another version" foreign

mark "read-only folder"
mount -t tmpfs -o mode=0700 tmpfs "$LAB/state" && mount -o remount,ro "$LAB/state"
stop_sluiced KILL
check "with a read-only folder it starts" start
publish hub spoke other >/dev/null
check "and says that it can not save" wait_for 5 said "can not save"
umount "$LAB/state"
check "the state of before is untouched" state_is_whole

for flow in down up; do
	load_lossless $flow $flow
done
drops=0
for line in "${FLOW_DEVICES[@]}"; do
	# shellcheck disable=SC2086
	drops=$((drops + $(overruns $line)))
done
[ $drops -eq 0 ] || diag "devices on the way were overrun by $drops packets"
rate=$(jq -s 'map(.rate) | add | round' "$LAB"/load-*.json)
diag "$rate packets a second, longest pause $(jq -s 'map(.pause_ms) | max' "$LAB"/load-*.json) ms"
[ "$rate" -ge $((RATE * 5 / 3)) ] || diag "below $((RATE * 5 / 3)): this machine had no time for more"
between "$rate" $((RATE / 3)) $((RATE * 10 / 3)) "under load"
is "$(relay_json status .user_space.data_packets)" 0 "and user space forwarded none of it"

# ---- what needs the daemon ----

# A new handshake between the peers, begun by the spoke.
ns spoke wg set wgs peer "$(pub hub)" remove
stop_sluiced KILL
check "kill -9 once more, and start" start
before=$(relay_json status .outcomes.response_forwarded)
ns spoke wg set wgs peer "$(pub hub)" endpoint "$RELAY4:8787" allowed-ips 10.120.0.1/32
check "the next handshake between the peers works" pinging spoke 10.120.0.1
between $(($(relay_json status .outcomes.response_forwarded) - before)) 1 2 \
	"and it went through the new process"
check "the hub reaches the spoke" ns hub ping -c1 -W2 10.120.0.2

# ---- killed while it writes ----

# A long list makes the file long: half a thousand keys that nobody has.
mapfile -t many < <(for _ in $(seq 500); do wg genkey | wg pubkey; done)
ns hub "$O/selftests/net/publish" $RELAY_INNER "$(pub spoke)" "${many[@]}" >/dev/null
check "a list of 501 keys is saved" wait_for 5 sh -c "jq -e '[.engine.peers[].list | length] | max == 501' $STATE"
stop_sluiced
bad=$(grep -c "kept as" "$LAB/sluiced.log")
killed=0 whole=0
for round in $(seq 20); do
	# Six steps: make, chmod, write (half is written), sync, rename, sync.
	KILL_SAVE=$((1 + round % 6)) start "$O/selftests/net/sluiced_next" || diag "round $round: no start"
	# Unsaved, so that SIGTERM makes it save; it kills itself on the way.
	sluice relay block "203.0.113.$round" >/dev/null
	stop_sluiced TERM
	[ $? = 137 ] && killed=$((killed + 1))
	jq -e '[.engine.peers[].list | length] | max == 501' "$STATE" >/dev/null && whole=$((whole + 1))
done
is "$killed $whole" "20 20" "killed 20 times in a row while it saves: the state is whole each time"
between "$(find "$LAB/state" -name 'relay.json.new*' | wc -l)" 0 1 "at most one unfinished file is left"
check "it starts" start
is "$(grep -c "kept as" "$LAB/sluiced.log")" "$bad" "no state was set aside"
is "$(lists)" 501 "the list is there"
check "the spoke reaches the hub" pinging spoke 10.120.0.1
stop_sluiced
done_testing
