#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Bad configurations are refused with file, line and remedy, and change nothing;
# bad requests on the control socket too.

. "$(dirname "$0")/lib.sh"
lab_enter "$@"
make_inet
keys relay

# refused TEXT PATTERN LINE...: sluiced -n says no and its message matches.
refused() {
	local text=$1 pattern=$2 status
	shift 2
	relay_conf "$@"
	ns relay "$O/sluiced" -n -c "$LAB/sluice.conf" >"$LAB/out" 2>&1
	status=$?
	[ $status -eq 1 ] && grep -qiE "$pattern" "$LAB/out"
	ok $? "$text" || { diag "status $status"; sed 's/^/# /' "$LAB/out"; }
	! grep -qF "$(key relay)" "$LAB/out"
	ok $? "  without showing the private key"
}

relay_conf
check "a good file passes" ns relay "$O/sluiced" -n -c "$LAB/sluice.conf"
refused "an unknown key" "sluice.conf:[0-9]+:[0-9]+:.*Colour" "Colour = blue"
refused "bad base64" "sluice.conf:[0-9]+:[0-9]+:.*key" "AllowedPublicKeys = abcdef"
refused "a key that is too short" "sluice.conf:[0-9]+:[0-9]+:.*key" "AllowedPublicKeys = $(pub relay | cut -c2-)"
refused "the relay's own key in the list" "own" "AllowedPublicKeys = $(pub relay)"
refused "a missing key file" "No such file|not there|does not exist" "PrivateKeyFile = $LAB/nothing"
refused "port 0" "port" "ListenPort = 0"
refused "port 70000" "port" "ListenPort = 70000"
refused "a range that goes backwards" "port|range" "ListenPort = 8790-8787"
refused "a range that is too wide" "port|range|64" "ListenPort = 8000-9000"
refused "yes or no only" "yes" "RequireMutual = maybe"
refused "an unknown mode" "native" "XdpMode = fast"
refused "a list in a file that is not there" "No such file|not there|does not exist" "AllowedPublicKeys = @$LAB/nothing"
refused "too many sessions" "MaxSessions" "MaxSessions = 99999999999"
chmod 0644 "$LAB/relay.key"
refused "a key file that others can read" "chmod|readable|permission" "XdpMode = native"
chmod 0600 "$LAB/relay.key"
ns relay "$O/sluiced" -n -c "$LAB/none.conf" >"$LAB/out" 2>&1
is $? 1 "a missing configuration"
check "  says which" grep -q none.conf "$LAB/out"
relay_conf "Interface = eth7"
ns relay "$O/sluiced" -c "$LAB/sluice.conf" >"$LAB/out" 2>&1
is $? 1 "an interface that is not there"
check "  says which" grep -q eth7 "$LAB/out"

relay_conf
check "sluiced starts" start_sluiced || done_testing
ns relay "$O/sluiced" -c "$LAB/sluice.conf" >"$LAB/out" 2>&1
is $? 1 "a second sluiced is refused"
check "  and says that another one runs" grep -qiE "another|already|holds|in use" "$LAB/out"
ns relay "$O/sluiced" -c "$LAB/sluice.conf" -p /sys/fs/bpf/other -s "$LAB/other.sock" >"$LAB/out" 2>&1
is $? 1 "also with a pin root and a socket of its own"
check "  and says what is in the way" grep -qiE "another|already|attached|in use" "$LAB/out"
check "the first one lives" sluice relay status

# A reload with a bad file changes nothing.
cp "$LAB/sluice.conf" "$LAB/good.conf"
echo "Colour = blue" >>"$LAB/sluice.conf"
kill -HUP "$SLUICED_PID"
check "a bad reload is reported" wait_for 5 grep -q Colour "$LAB/sluiced.log"
check "and the relay goes on" sluice relay status
cp "$LAB/good.conf" "$LAB/sluice.conf"

# The control socket.
is "$(stat -c %a /run/sluice/sluiced.sock)" 600 "the control socket is the owner's"
ask() { printf '%s\n' "$1" | timeout 5 "$O/selftests/net/ask" /run/sluice/sluiced.sock; }
for bad in 'nonsense' '{' '[]' '{"cmd": 7}' '{"cmd": "no-such"}' '{"cmd": "relay-explain"}' \
	'{"cmd": "relay-block", "prefix": "1.2.3.4/99"}' '{"cmd": "relay-explain", "peer": "x"}'; do
	reply=$(ask "$bad")
	is "$(printf '%s' "$reply" | jq -r '.ok')" false "refused with a reason: $bad"
	between "$(printf '%s' "$reply" | jq -r '.error | length')" 8 400 "  a sentence"
done
head -c 200000 /dev/zero | tr '\0' 'x' | timeout 5 "$O/selftests/net/ask" /run/sluice/sluiced.sock >/dev/null
check "an endless request does not end it" sluice relay status
for _ in {1..200}; do ask '{"cmd": "ping"}' >/dev/null; done
check "nor do 200 clients in a row" sluice relay status
between "$(ls "/proc/$SLUICED_PID/fd" | wc -l)" 5 80 "and no descriptor leaks"
stop_sluiced
done_testing
