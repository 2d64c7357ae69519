#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What strangers and forgers send. Each leaves the live flow untouched, gets no
# more bytes back than it sent, and is counted under a reason of its own.

. "$(dirname "$0")/lib.sh"
lab_enter "$@"
make_inet
make_site 1 hub
make_site 2 spoke
make_site 9 attacker
relay_conf
check "sluiced starts" start_sluiced || done_testing
keys hub spoke
# The spoke's own messages, to be replayed from elsewhere.
capture "$LAB/spoke.pcap" spoke eth0 "udp port 8787" 20
peer hub wgh 10.120.0.1 "" spoke=10.120.0.2
peer spoke wgs 10.120.0.2 "" hub=10.120.0.1
known hub wgh
known spoke wgs
publish hub spoke >/dev/null
check "the flow starts" pinging spoke 10.120.0.1
nsenter --net=/run/netns/spoke -- ping -i 0.05 -q 10.120.0.1 >"$LAB/ping.out" 2>&1 &
flow=$!

# forge SOURCE WHAT...: from behind NAT 9, or with somebody else's address from
# the middle of the network, where no NAT rewrites it.
forge() { ns attacker "$O/selftests/net/forge" -n "${N:-20}" -r 1000 -s "192.168.9.2:$1" "$RELAY4:8787" "${@:2}" >/dev/null; }
spoof() { ns inet "$O/selftests/net/forge" -n "${N:-20}" -r 1000 -s "$1" "$RELAY4:8787" "${@:2}" >/dev/null; }
endpoint() { relay_json peers ".peers[] | select(.public_key == \"$(pub "$1")\") | .endpoint"; }
index() { relay_json sessions ".sessions[] | select(.from == \"$(pub "$1")\") | .index" | tail -n 1; }

# counted FUNCTION NAME LOW TEXT COMMAND...: the counter grows by LOW or more.
counted() {
	local kind=$1 name=$2 low=$3 text=$4 before
	shift 4
	before=$($kind "$name")
	"$@"
	wait_for 5 grown "$kind" "$name" "$before" "$low"
	ok $? "$text ($name)" || diag "$name: $before to $($kind "$name")"
}
grown() { [ $(($($1 "$2") - $3)) -ge "$4" ]; }

end_capture
capture "$LAB/back.pcap" attacker eth0 "udp and host $RELAY4"
hub_endpoint=$(endpoint hub) spoke_endpoint=$(endpoint spoke)

counted reason bad_shape 20 "wrong length" forge 6001 shape 1 147 00
counted reason bad_shape 20 "reserved bytes" forge 6001 shape 1 148 7f
counted reason bad_shape 20 "an unknown type" forge 6001 shape 9 148 00
counted reason bad_shape 20 "data that is too short" forge 6001 shape 4 31 00
counted reason stranger 20 "an initiation whose mac1 is somebody else's" forge 6002 initiation "$(pub hub)"
counted reason rate_limited 10 "a flood with the right mac1" forge 6003 initiation "$(pub relay)"
counted reason no_session 20 "an index that nobody has" forge 6004 data deadbeef 64
counted reason stranger 20 "a forged cookie reply" forge 6005 cookie 12345678
counted reason mismatch_asked 1 "a guessed index from a wrong source" forge 6006 data "$(index spoke | cut -c3-)" 64
counted reason loop 20 "the relay's own address as source" spoof "$RELAY4:8787" data "$(index spoke | cut -c3-)" 64

# From the peers' own addresses, spoofed.
counted outcome no_consent 1 "a known source, mac1 of nobody it may talk to" \
	spoof "$spoke_endpoint" initiation "$(wg genkey | wg pubkey)"
counted outcome response_unmatched 1 "a response to nothing" spoof "$hub_endpoint" response "$(pub spoke)" 11223344
counted outcome cookie_unmatched 1 "a cookie reply to nothing" spoof "$hub_endpoint" cookie 11223344
expired=$(outcome pending_expired)
counted outcome initiation_forwarded 200 "forged initiations between two peers are forwarded" \
	eval "N=200 spoof '$spoke_endpoint' initiation '$(pub hub)'"
check "and forgotten when no answer comes (pending_expired)" \
	wait_for 20 grown outcome pending_expired "$expired" 200

# Replays of the spoke's own messages from the attacker's address.
counted outcome tunnel_replayed 1 "a replayed initiation" forge 6007 file "$LAB/spoke.pcap" 1
is "$(endpoint spoke)" "$spoke_endpoint" "no forgery moved the spoke's leg"
is "$(endpoint hub)" "$hub_endpoint" "nor the hub's"

kill -INT $flow
wait $flow 2>/dev/null
lost=$(awk '/packets transmitted/ { print $1 - $4 }' "$LAB/ping.out")
between "${lost:-999}" 0 1 "the live flow lost nothing ($(grep transmitted "$LAB/ping.out"))"
is "$(relay_json status .peers.count)" 2 "no peer came or went"

end_capture
read -r sent _ < <(captured "$LAB/back.pcap" "dst host $RELAY4")
read -r back _ < <(captured "$LAB/back.pcap" "src host $RELAY4")
between "$sent" 10000 10000000 "the attacker sent $sent bytes"
between "$back" 0 "$sent" "and got no more than that back ($back)"

# Blocked, and let in again.
check "an operator blocks the attacker" sluice relay block 198.18.9.0/24
counted reason blocked 20 "a blocked source" forge 6008 initiation "$(pub relay)"
check "and unblocks it" sluice relay unblock 198.18.9.0/24
check "the spoke talks on" ns spoke ping -c1 -W2 10.120.0.1
stop_sluiced
done_testing
