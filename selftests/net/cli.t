#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The command line against a daemon that says what it is told to: output, exit
# codes, and every way an answer can be wrong. Needs no root and no network.

. "$(dirname "$0")/lib.sh"
LAB=$(mktemp -d)
FAKE= quiet=
trap 'stop_fake; [ -z "$quiet" ] || kill "$quiet"; rm -rf "$LAB"' EXIT
SOCK=$LAB/sock

sluice() { timeout $((30 * LAB_SLOW)) "$O/sluice" -s "$SOCK" "$@"; }

# start_fake [MODE]
start_fake() {
	stop_fake
	"$O/selftests/net/control_fake" "$SOCK" "$LAB" "${1:-whole}" &
	FAKE=$!
	wait_for 10 test -S "$SOCK"
}
stop_fake() {
	[ -z "$FAKE" ] || { kill "$FAKE"; wait "$FAKE"; } 2>/dev/null
	FAKE=
	rm -f "$SOCK"
}

# reply COMMAND RESULT
reply() { printf '{"ok": true, "result": %s}\n' "$2" >"$LAB/$1"; }
last_request() { tail -n 1 "$LAB/requests"; }

# run COMMAND...: OUT, ERR and CODE
run() {
	OUT=$("$@" 2>"$LAB/stderr")
	CODE=$?
	ERR=$(cat "$LAB/stderr")
}

# code WANT TEXT
code() { is "$CODE" "$1" "$2" || { diag "stdout: $OUT"; diag "stderr: $ERR"; }; }

# says PATTERN TEXT: in the error
says() {
	[[ $ERR == *$1* ]]
	ok $? "$2" || diag "got '$ERR'"
}

A=$(printf 'A%.0s' {1..42})8=
B=AB$(printf 'A%.0s' {1..40})8=
C=C$(printf 'A%.0s' {1..41})8=

# ---- words ----------------------------------------------------------------

run sluice help
code 0 "help"
run sluice -h relay
code 0 "help of a group by option"
run sluice relay explain --help
is "${OUT%%$'\n'*}" "Usage: sluice relay explain PEER [OTHER]" "help of a command"
run sluice --version
is "${OUT%% *}" sluice "version"
run "$O/sluice"
code 2 "no words"
for words in frobnicate "relay" "relay frobnicate" "relay status extra" \
	"relay explain" "relay explain a b c" "hub --qr sync" "hub sync --qr" "relay --frob status" "-x" \
	"relay status --socket" "--json=yes relay status" \
	"relay block 10.0.0.0/8 5x" "relay block 10.0.0.0/8 0" \
	"relay block 10.0.0.0/8 99999999999999999999" "relay block 10.0.0.0/8 -5"; do
	# shellcheck disable=SC2086
	run sluice $words
	code 2 "usage: $words"
	is "$OUT" "" "nothing on standard output"
done
run sluice relay statu
says 'no command "statu"' "the wrong word is named"

# ---- keys -----------------------------------------------------------------

(umask 077 && sluice genkey >"$LAB/key" 2>"$LAB/stderr")
is "$(cat "$LAB/stderr")" "" "genkey into a private file is silent"
is "$(sluice pubkey <"$LAB/key")" "$(wg pubkey <"$LAB/key")" "pubkey as wg(8) has it"
is "$(sluice pubkey <<<"4GgaSZzhwOSWLgUQ2gnxQpwzVzRqnGvFDPNPPCMEu0w=")" \
	"$(wg pubkey <<<"4GgaSZzhwOSWLgUQ2gnxQpwzVzRqnGvFDPNPPCMEu0w=")" "of a known key"
(umask 022 && sluice genkey >"$LAB/open" 2>"$LAB/stderr")
grep -q 'umask 077' "$LAB/stderr"
ok $? "genkey into a file of mode 0644 warns"
is "$(sluice genpsk | wc -c)" 45 "genpsk"
[ "$(sluice genkey 2>/dev/null)" != "$(sluice genkey 2>/dev/null)" ]
ok $? "no key twice"
for bad in "" "AAAA" "${A}A" "$A $A" "$(printf '%0200d' 0)"; do
	run sluice pubkey <<<"$bad"
	code 1 "pubkey refuses \"${bad:0:12}\""
done
run sluice pubkey < <(printf '%s\0' "$(cat "$LAB/key")")
code 1 "pubkey refuses a NUL behind the key"
run sluice genkey >/dev/full 2>&1
"$O/sluice" genkey >/dev/full 2>/dev/null
is $? 1 "genkey to a full disk"
"$O/sluice" help >/dev/full 2>/dev/null
is $? 1 "help to a full disk"

# ---- no daemon ------------------------------------------------------------

run sluice relay status
code 1 "no socket"
says "$SOCK" "the socket is named"
says "systemctl start sluiced" "and how to start the daemon"
start_fake
kill -KILL "$FAKE"
wait "$FAKE" 2>/dev/null
FAKE=
run sluice relay status
says "systemctl start sluiced" "a dead daemon's socket"
rm -f "$SOCK"
run "$O/sluice" -s "$(printf 'x%.0s' {1..200})" relay status
code 1 "a socket path that is too long"
if [ "$(id -u)" = 0 ]; then
	start_fake
	chmod 755 "$LAB"
	chmod 600 "$SOCK"
	run setpriv --reuid=65534 --clear-groups "$O/sluice" -s "$SOCK" relay status
	says sudo "no permission"
	chmod 700 "$LAB"
fi

# ---- reports --------------------------------------------------------------

reply relay-status '{"public_key": "'$A'", "ports": [8787, 8794], "uptime_s": 125,
	"build": "0.1.0", "abi": 1, "pin_root": "/sys/fs/bpf/sluice/v1",
	"interfaces": [{"name": "eth0", "ifindex": 2, "attached": true, "native": true, "current": true},
		{"name": "eth1", "ifindex": 3, "attached": false, "native": false, "current": false}],
	"allowed": 0, "require_mutual": true,
	"peers": {"count": 3, "max": 16384, "legs": 4, "legs_max": 65535},
	"sessions": {"live": 2, "max": 262144, "spilled": 0, "pending": 1},
	"forwarded": {"packets": 18446744073709551, "bytes": 1536},
	"user_space": {"data_packets": 0, "data_bytes": 0},
	"reasons": [{"name": "stranger", "verdict": "drop", "packets": 7, "bytes": 1036, "text": "is from nobody"}],
	"outcomes": {"initiation_forwarded": 5, "no_consent": 0}}'
tr -d '\n' <"$LAB/relay-status" >"$LAB/one" && mv "$LAB/one" "$LAB/relay-status"
echo >>"$LAB/relay-status"
start_fake
run sluice relay status
code 0 "status"
is "$OUT" "relay: $A
  listening ports: 8787-8794
  interface: eth0, attached, native XDP
  interface: eth1, not attached: nothing is forwarded in the kernel
  running for: 2 minutes, 5 seconds
  build: 0.1.0, ABI 1, pinned in /sys/fs/bpf/sluice/v1
  allowed public keys: none: nobody can use this relay
  consent: of both peers
  peers: 3 of 16384, legs 4 of 65535
  sessions: 2 of 262144 live, 1 pending, 0 spilled
  forwarded: 18446744073709551 packets, 1.50 KiB
  through user space: 0 data packets, 0 B

reason               verdict         packets         size  meaning
stranger             drop                  7     1.01 KiB  is from nobody

decision of sluiced                   times
initiation_forwarded                      5" "status for people"
for words in "-j relay status" "relay -j status" "relay status -j" "relay status --json" "-j -- relay status"; do
	# shellcheck disable=SC2086
	is "$(sluice $words | jq -c .)" "$(jq -c .result "$LAB/relay-status")" "the same in JSON: $words"
done
run "$O/sluice" relay status "--socket=$SOCK"
code 0 "--socket=PATH behind the command"
run "$O/sluice" relay "-s$SOCK" status
code 0 "-sPATH"
run "$O/sluice" "-js$SOCK" relay status
is "${OUT:0:1}" "{" "-jsPATH"
script -qec "$O/sluice -s $SOCK relay status" /dev/null 2>/dev/null | grep -q $'\033\[1m'
ok $? "colours on a terminal"
! NO_COLOR=1 script -qec "$O/sluice -s $SOCK relay status" /dev/null 2>/dev/null | grep -q $'\033'
ok $? "not with NO_COLOR"

reply relay-peers '{"peers": [{"public_key": "'$A'", "endpoint": "192.0.2.1:51820", "handshake_age_s": 93784, "heard_age_s": 0, "rx_packets": 1, "rx_bytes": 1047527424, "tx_packets": 2, "tx_bytes": 1023, "lists": 2, "list_version": 1700000000000, "legs": [{"leg": 1, "endpoint": "192.0.2.1:51820", "local": "198.51.100.1:8787", "interface": "eth0", "next_hop": "02:00:00:00:00:01"}, {"leg": 2, "endpoint": "192.0.2.1:51821", "local": "198.51.100.1:8788", "interface": "eth0", "next_hop": null}]}, {"public_key": "'$B'", "endpoint": null, "handshake_age_s": null, "heard_age_s": null, "rx_packets": 0, "rx_bytes": 0, "tx_packets": 0, "tx_bytes": 0, "lists": 0, "list_version": 0, "legs": []}, {"public_key": "'$C'", "endpoint": null, "handshake_age_s": 1, "heard_age_s": 60, "rx_bytes": 0, "tx_bytes": 0, "lists": 0, "list_version": 5, "legs": []}]}'
run sluice relay peers
is "$OUT" "peer: $A
  endpoint: 192.0.2.1:51820
  latest handshake: 1 day, 2 hours, 3 minutes, 4 seconds ago
  last heard: now
  transfer: 999.00 MiB received, 1023 B sent
  lists: 2 keys
  leg: 1, 192.0.2.1:51820 at 198.51.100.1:8787 on eth0, next hop 02:00:00:00:00:01
  leg: 2, 192.0.2.1:51821 at 198.51.100.1:8788 on eth0, next hop not known

peer: $B
  endpoint: (none)
  latest handshake: never
  last heard: never
  transfer: 0 B received, 0 B sent
  lists: (none)

peer: $C
  endpoint: (none)
  latest handshake: 1 second ago
  last heard: 1 minute ago
  transfer: 0 B received, 0 B sent
  lists: 0 keys" "peers for people"

reply relay-sessions '{"sessions": [{"index": "0x1234abcd", "from": "'$A'", "to": "'$B'", "age_s": 45, "expires_s": 125, "packets": 10, "bytes": 1480, "spilled": false}, {"index": "0x00000001", "from": "'$B'", "to": "'$A'", "age_s": null, "expires_s": 100000, "packets": 0, "bytes": 0, "spilled": false}]}'
run sluice relay sessions
is "$(echo "$OUT" | tail -n 2 | tr -s ' ')" "0x1234abcd $A $B 45s 2m05s 10 1.45 KiB
0x00000001 $B $A - 1d03h 0 0 B" "sessions for people"
is "$(echo "$OUT" | awk '{ print length }' | sort -u | wc -l)" 1 "columns are aligned"
reply relay-routes '{"routes": [{"a": "'$A'", "b": "'$B'", "a_lists_b": true, "b_lists_a": false, "allowed": true, "state": "live"}]}'
is "$(sluice relay routes | tail -n 1 | tr -s ' ')" "$A -> $B yes live" "routes for people"
reply relay-blocks '{"blocks": [{"prefix": "192.0.2.0/24", "age_s": 5, "expires_s": null}]}'
is "$(sluice relay blocks | tail -n 1 | tr -s ' ')" "192.0.2.0/24 5s never" "blocks for people"
reply relay-export '{"public_key": "'$A'", "endpoints": [], "text": "[Peer]\nPublicKey = '$A'\n"}'
is "$(sluice relay export)" "[Peer]
PublicKey = $A" "export"
reply relay-sessions '{"sessions": []}'
run sluice relay sessions
is "$OUT$CODE" 0 "no session, no output"

# ---- explain --------------------------------------------------------------

reply relay-explain '{"reason": "no_consent", "talks": false, "sentence": "They do not talk."}'
run sluice relay explain C "$B"
code 1 "explain: they do not talk"
is "$OUT" "They do not talk." "the sentence"
is "$(last_request | jq -r '.peer + .other')" "$C$B" "a prefix became a key"
reply relay-explain '{"reason": "live", "talks": true, "sentence": "They talk."}'
run sluice relay explain AA
code 0 "explain: one peer talks"
is "$(last_request | jq -c 'has("other")')" false "no other was asked for"
run sluice -j relay explain C
is "$(jq -r .talks <<<"$OUT")" true "explain in JSON"
run sluice relay explain A
code 1 "an ambiguous prefix"
says "2 peers" "says how many there are"
run sluice relay explain X
says "no peer" "a prefix of nobody"
run sluice relay explain ""
code 1 "the empty prefix"
run sluice relay explain -- -x
says 'begins with "-x"' "no option behind --"
unknown=D${A:1}
run sluice relay explain "$unknown"
is "$(last_request | jq -r .peer)" "$unknown" "an unknown key is left to the daemon"

# ---- changes --------------------------------------------------------------

reply relay-block '{}'
reply relay-unblock '{}'
for row in "90 90" "90s 90" "5m 300" "1h 3600" "7d 604800"; do
	run sluice relay block 192.0.2.0/24 "${row% *}"
	is "$CODE$OUT$(last_request | jq .seconds)" "0${row#* }" "block for ${row% *}"
done
run sluice relay block 2001:db8::/32
is "$(last_request | jq -c '[.prefix, has("seconds")]')" '["2001:db8::/32",false]' "block for ever"
run sluice relay unblock 2001:db8::/32
is "$(last_request | jq -r '.cmd + .prefix')" "relay-unblock2001:db8::/32" "unblock"
run sluice relay block $'\xff'
code 1 "a prefix that is not UTF-8"
printf '{"ok": false, "error": "say a prefix"}\n' >"$LAB/relay-block"
run sluice relay block nonsense
is "$CODE$ERR" "1sluice: say a prefix" "the daemon's own words on an error"

# ---- monitor --------------------------------------------------------------

event='{"event":{"reason":"stranger","verdict":"drop","source":"192.0.2.7:1","dest":"198.51.100.1:8787","interface":"eth0","type":"initiation","length":148,"index":null,"age_s":0}}'
printf '{"ok": true, "result": {}}\n%s\n%s\n' "$event" "${event/null/\"0x00000007\"}" >"$LAB/relay-monitor"
start_fake
sluice relay monitor >"$LAB/monitor" 2>&1 &
watcher=$!
wait_for 10 grep -q 'index 0x00000007$' "$LAB/monitor"
ok $? "events come as they happen"
is "$(head -n 1 "$LAB/monitor")" "drop     stranger             192.0.2.7:1 > 198.51.100.1:8787 on eth0, initiation, 148 bytes" "an event for people"
kill -0 $watcher
ok $? "monitor goes on"
stop_fake
wait $watcher
is $? 1 "until the daemon hangs up"
grep -q 'hung up' "$LAB/monitor"
ok $? "which it says"
start_fake
sluice -j relay monitor >"$LAB/monitor.json" 2>/dev/null &
watcher=$!
wait_for 10 grep -q 0x00000007 "$LAB/monitor.json"
stop_fake
wait $watcher
is "$(jq -r .reason "$LAB/monitor.json" | tr '\n' ' ')$(wc -l <"$LAB/monitor.json")" "stranger stranger 2" "an object a line with -j"
printf '{"ok": true, "result": {}}\n[]\n' >"$LAB/relay-monitor"
start_fake
run sluice relay monitor
says "language" "an event that is none"

# ---- large, slow and wrong answers ----------------------------------------

perl -e 'printf "{\"ok\":true,\"result\":{\"peers\":[%s]}}\n", join ",", map {
	sprintf "{\"public_key\":\"%043d=\",\"endpoint\":\"192.0.2.1:%d\",\"handshake_age_s\":%d,\"heard_age_s\":1,\"rx_bytes\":%d,\"tx_bytes\":0,\"lists\":0,\"list_version\":0,\"legs\":[]}", $_, $_, $_, $_
} 1..16384' >"$LAB/relay-peers"
[ "$(wc -c <"$LAB/relay-peers")" -gt 1048576 ]
ok $? "a reply of more than 1 MiB"
start_fake
is "$(sluice relay peers | grep -c ^peer:)" 16384 "16,384 peers"
is "$(sluice -j relay peers | jq '.peers | length')" 16384 "and in JSON"
! sluice relay peers | head -n 1 >/dev/null
is "${PIPESTATUS[0]}" 141 "a reader that had enough ends it"
# Fewer of them where the machine is emulated: a piece is two system calls.
few=$((LAB_SLOW > 1 ? 1024 : 16384))
mv "$LAB/relay-peers" "$LAB/all-peers"
jq -c ".result.peers |= .[:$few]" "$LAB/all-peers" >"$LAB/relay-peers"
start_fake pieces
is "$(sluice relay peers | grep -c ^peer:)" $few "in pieces of 7 bytes"
mv "$LAB/all-peers" "$LAB/relay-peers"
start_fake die
run sluice relay peers
code 1 "a daemon that dies in mid reply"
says "hung up" "is said to"
is "$OUT" "" "and half a reply is not shown"
start_fake deaf
run sluice relay status
says "hung up" "a daemon that hangs up at once"
printf '{"ok": true, "result": {}}\n' >"$LAB/relay-monitor"
start_fake
mv "$SOCK" "$LAB/quiet"
quiet=$FAKE FAKE=
timeout 30 "$O/sluice" -s "$LAB/quiet" relay monitor >"$LAB/monitor" 2>&1 &
watcher=$!
start_fake mute
before=$SECONDS
run sluice relay status
code 1 "a daemon that never answers"
says "5 seconds" "is given up"
between $((SECONDS - before)) 4 7 "after 5 seconds"
kill -0 $watcher
ok $? "but monitor waits for an event as long as it takes"
kill "$quiet"
wait "$quiet" $watcher 2>/dev/null
quiet=

start_fake
for wrong in '' '{' '[]' 'null' '"ok"' '{"ok": true}' '{"ok": true, "result": 5}' '{"ok": 1, "result": {}}' \
	'{"ok": false}' '{"ok": false, "error": 5}' '{"error": "\u0000"}' $'{"ok": true, "result": {"a": "\xff"}}' \
	'{"ok": true, "result": {}} {}'; do
	printf '%s\n' "$wrong" >"$LAB/relay-status"
	run sluice relay status
	code 1 "wrong answer: ${wrong@Q}"
	[ -n "$ERR" ] && [ -z "$OUT" ]
	ok $? "which is said"
done
# Fields that are missing or of another type must not end in a crash.
for odd in '{}' '{"ports": 5, "interfaces": {}, "peers": [], "reasons": [5, {}], "outcomes": []}' \
	'{"peers": [5, null, {"legs": [7], "endpoint": 4, "handshake_age_s": "x"}], "sessions": [5], "routes": [[]], "blocks": [0]}' \
	'{"peers": {}, "sessions": {}, "routes": "x", "blocks": null, "text": 5, "sentence": []}'; do
	for command in status peers sessions routes blocks export explain; do
		reply "relay-$command" "$odd"
		args=()
		[ $command != explain ] || args=("$A")
		run sluice relay $command "${args[@]}"
		[ "$CODE" -le 1 ]
		ok $? "odd result for $command: ${odd:0:20}" || diag "$CODE $ERR"
	done
done

# ---- completion and manual ------------------------------------------------

# completes WORD... : what the completion offers for the last word
completes() {
	# shellcheck disable=SC1091
	bash -c '. "$0"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); ${COMP_FUNCTION:-_sluice}
		printf "%s\n" "${COMPREPLY[@]}"' "$TOP/agent/sluice.bash-completion" "$@" | paste -sd " "
}
is "$(completes "$O/sluice" g)" "genkey genpsk" "completes keys' commands"
is "$(completes "$O/sluice" h)" "help hub" "completes groups"
is "$(completes "$O/sluice" -j relay bl)" "block blocks" "completes commands"
is "$(completes "$O/sluice" help relay un)" "unblock" "also behind help"
is "$(completes "$O/sluice" relay status --s)" "--socket" "completes options"
is "$(completes "$O/sluice" -s "$LAB/nothing")" "" "a value's file that is not there"
is "$(completes "$O/sluice" -s "$LAB/std")" "$LAB/stderr" "and one that is"
reply relay-peers '{"peers": [{"public_key": "'$A'"}, {"public_key": "'$B'"}, {"public_key": "'$C'"}]}'
is "$(completes "$O/sluice" -s "$SOCK" relay explain A)" "$A $B" "completes peers"
is "$(completes "$O/sluice" relay explain -s "$SOCK" "$A" C)" "$C" "and the other"
is "$(COMP_FUNCTION=_sluice_load completes sluice-load l)" "load" "sluice-load's commands"
is "$(COMP_FUNCTION=_sluice_load completes sluice-load load --x)" "--xdp-mode" "and options"
is "$(COMP_FUNCTION=_sluice_load completes sluice-load load l)" "lo" "and interfaces"
is "$(COMP_FUNCTION=_sluiced completes sluiced -)" "-c -h -n -p -s -V" "sluiced's options"

# Everything that the help has must be in the manual.
# manual KIND TEXT
manual() {
	grep -qE -- "$2" "$TOP/agent/sluice.1"
	ok $? "sluice.1 has $1"
}
for command in $(completes "$O/sluice" "" | sed 's/help //; s/relay.*//'); do
	manual "$command" "^\.It Cm $command$"
done
for group in relay hub spoke; do
	commands=$(completes "$O/sluice" $group "")
	for command in $commands; do
		manual "$group $command" "^\.It Cm $group $command( |$)"
	done
	for option in $(for command in $commands; do completes "$O/sluice" $group "$command" -; done | tr ' ' '\n' | sort -u); do
		manual "$option of $group" "(Fl|,) ${option#-}( |$)"
	done
done
if command -v mandoc >/dev/null; then
	check "sluice.1 is well formed" mandoc -T lint -W warning "$TOP/agent/sluice.1"
fi

# The command line must work where libbpf is not: on a hub, on a spoke.
libraries=$(LD_TRACE_LOADED_OBJECTS=1 "$O/sluice")
[[ $libraries == *libc.so* && $libraries != *libbpf* ]]
ok $? "no libbpf"

done_testing
