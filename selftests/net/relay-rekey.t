#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# No blackout across rekeys: a flow runs 250 s, keepalive 25 s, through two
# rekeys, and loses no more than the packets of one handshake. wgx forgot the
# peer at 120 s and all traffic stopped until the next keepalive.

. "$(dirname "$0")/lib.sh"
lab_enter "$@"
SECONDS_RUN=${REKEY_SECONDS:-250}
make_inet
make_site 1 hub
make_site 2 spoke
make_site 3 quiet
relay_conf
check "sluiced starts" start_sluiced || done_testing
keys hub spoke quiet
peer hub wgh 10.120.0.1 "" spoke=10.120.0.2 quiet=10.120.0.3
peer spoke wgs 10.120.0.2 "" hub=10.120.0.1
KEEPALIVE=25 peer quiet wgq 10.120.0.3 "" hub=10.120.0.1
for p in hub:wgh spoke:wgs quiet:wgq; do known "${p%:*}" "${p#*:}"; done
check "the hub publishes its list" publish hub spoke quiet
check "the flow starts" pinging spoke 10.120.0.1

first=$(ns spoke wg show wgs latest-handshakes | awk -v k="$(pub hub)" '$1 == k { print $2 }')
ns spoke ping -i 0.05 -w "$SECONDS_RUN" -q 10.120.0.1 >"$LAB/ping.out" 2>&1
last=$(ns spoke wg show wgs latest-handshakes | awk -v k="$(pub hub)" '$1 == k { print $2 }')
read -r sent received < <(awk '/packets transmitted/ { print $1, $4 }' "$LAB/ping.out")
diag "$sent sent, $received received, handshakes $first and $last"
between $((last - first)) 230 260 "the session was rekeyed twice"
# At 20 packets a second a handshake through this lab takes well under a second.
between $((sent - received)) 0 20 "no more was lost than the packets of one handshake"
between "$(outcome initiation_forwarded)" 4 100 "the relay forwarded each initiation"

# The hub lists its spokes still, and a spoke that only kept alive is reachable
# at once though the hub never published again.
check "a spoke that only sent keepalives is reachable" ns hub ping -c1 -W2 10.120.0.3
is "$(relay_json status .peers.count)" 3 "no peer was forgotten"
is "$(relay_json status .user_space.data_packets)" 0 "user space touched no data packet"
# Old indices go; at most previous, current and next stay.
between "$(relay_json status .sessions.live)" 4 12 "the session table does not grow"
stop_sluiced
done_testing
