#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# agent/wg against real WireGuard (WG=kernel|go): either side first, preshared
# keys, rekeying, roaming both ways, full-size packets, cookies under load.
. "$(dirname "$0")/lib.sh"
lab_enter "$@"

DEVICE=wgi0
DEVICE_PORT=51820
OURS=10.9.0.2

# start_ours PORT [PSK-FILE [LOAD-LIMIT]]: our side, commands by fd 7.
start_ours() {
	rm -f "$LAB/commands"
	mkfifo "$LAB/commands"
	ns host "$O/selftests/net/interop" "$LAB/ours.key" "$(pub device)" \
		"${2:--}" "$1" ${3:+"$3"} <"$LAB/commands" >"$LAB/ours.log" 2>&1 &
	OURS_PID=$!
	exec 7>"$LAB/commands"
}
stop_ours() {
	exec 7>&-
	wait "$OURS_PID"
}
tell() { echo "$*" >&7; }
heard() { grep -c -- "$1" "$LAB/ours.log"; }
hears() { wait_for "${2:-8}" grep -q -- "$1" "$LAB/ours.log"; }
# at_least COUNT PATTERN
at_least() { [ "$(heard "$2")" -ge "$1" ]; }

# meet [SETTING...]: the device forgets us and learns us anew.
meet() {
	ns host wg set $DEVICE peer "$(pub ours)" remove
	ns host wg set $DEVICE peer "$(pub ours)" allowed-ips $OURS/32 "$@"
}
ping_ours() { ns host ping -q -c1 -W1 "$@" $OURS; }
endpoint() { ns host wg show $DEVICE endpoints | cut -f2; }
shaken() { ns host wg show $DEVICE latest-handshakes | awk '{ exit !$2 }'; }

make_ns host
keys device ours
(umask 077 && wg genpsk >"$LAB/psk")
diag "$(wg_kind) WireGuard"
printf '[Interface]\nPrivateKey = %s\nListenPort = %s\n' "$(key device)" $DEVICE_PORT |
	wg_up host $DEVICE 10.9.0.1/24 || { ok 1 "a WireGuard device"; done_testing; }

# WireGuard initiates, we answer.
start_ours 7001
meet endpoint 127.0.0.1:7001
check "WireGuard initiates" wait_for 8 ping_ours
check "full-size packets" ping_ours -M do -s 1392
check "odd sizes" ping_ours -s 33
is "$(heard 'bad handshake\|bad data\|malformed\|checksum')" 0 "nothing was refused"
is "$(heard 'sent type 1')" 0 "we initiated nothing"

# It roams: the next packet tells.
ns host wg set $DEVICE listen-port 51821
check "WireGuard from another port" wait_for 5 ping_ours
check "is followed" hears 'moved to port 51821'
ns host wg set $DEVICE listen-port $DEVICE_PORT
check "and back" wait_for 5 ping_ours

# We roam.
tell port 7002
tell ping 56
check "we from another port get our answer" hears 'got reply 1'
is "$(endpoint)" 127.0.0.1:7002 "WireGuard follows us"

# A second handshake within the live session, from each side.
tell initiate $DEVICE_PORT
check "we rekey" hears 'type 2 from port 51820: ok'
check "and the session goes on" wait_for 5 ping_ours
tell ping 1300
check "both ways" hears 'got reply 2'
count=$(heard 'type 1 from port .*: ok')
meet endpoint 127.0.0.1:7002
check "WireGuard starts over" wait_for 8 ping_ours
check "with a new handshake" at_least $((count + 1)) 'type 1 from port .*: ok'
stop_ours

# We initiate, WireGuard does not know where we are.
start_ours 7003
meet
tell initiate $DEVICE_PORT
check "we initiate" hears 'type 2 from port 51820: ok'
check "our keepalive confirms it" wait_for 5 shaken
check "it pings us" wait_for 5 ping_ours
tell ping 56
check "we ping it" hears 'got reply 1'
stop_ours

# Preshared keys, right and wrong.
start_ours 7004 "$LAB/psk"
meet preshared-key "$LAB/psk" endpoint 127.0.0.1:7004
check "a preshared key" wait_for 8 ping_ours
tell port 7005
tell initiate $DEVICE_PORT
check "the other way round" hears 'type 2 from port 51820: ok'
meet
tell port 7006
tell initiate $DEVICE_PORT
check "without it the response is refused" hears 'type 2 from port 51820: bad handshake'
stop_ours

# Under load: a flood with good mac1, and a peer that must bring a cookie.
start_ours 7007 - 3
tell flood on
check "forged initiations are noticed" hears 'cookie sent'
meet endpoint 127.0.0.1:7007
check "under load WireGuard is asked for a cookie" \
	wait_for 8 eval "ping_ours; hears 'type 1 from port $DEVICE_PORT: cookie sent' 1"
check "and brings it" wait_for 12 ping_ours
check "with its next initiation" hears "type 1 from port $DEVICE_PORT: ok"
stop_ours

done_testing
