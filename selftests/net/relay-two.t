#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two relays in two namespaces of one machine, each with peers of its own, at
# the same time; and the end of one is none of the other's business.

. "$(dirname "$0")/lib.sh"
lab_enter "$@"
make_inet
make_site 1 hub
make_site 2 spoke
make_ns second
link_ns inet tosecond second eth0
takes_xdp inet tosecond
addr inet tosecond 203.0.113.1/24
addr second eth0 203.0.113.2/24
ip -n second route add default via 203.0.113.1
relay_conf
check "the first relay starts" start_sluiced || done_testing
first=$SLUICED_PID

keys hub spoke
sed "s|$LAB/state/relay.json|$LAB/state/second.json|" "$LAB/sluice.conf" >"$LAB/second.conf"
chmod 0600 "$LAB/second.conf"
nsenter --net=/run/netns/second -- "$O/sluiced" -c "$LAB/second.conf" \
	-p /sys/fs/bpf/second -s "$LAB/second.sock" >>"$LAB/second.log" 2>&1 &
second=$!
sluice2() { ns second "$O/sluice" -s "$LAB/second.sock" "$@"; }
check "the second relay starts" wait_for 20 sluice2 relay status

# The hub and the spoke meet at the second relay, with devices of their own.
peer hub wgh1 10.120.0.1 "" spoke=10.120.0.2
peer spoke wgs1 10.120.0.2 "" hub=10.120.0.1
keys hub-b spoke-b
wg_up hub wgh2 10.121.0.1/24 <<-CONF
	[Interface]
	PrivateKey = $(key hub-b)
	[Peer]
	PublicKey = $(pub relay)
	Endpoint = 203.0.113.2:8787
	AllowedIPs = 10.121.0.254/32
	PersistentKeepalive = 25
	[Peer]
	PublicKey = $(pub spoke-b)
	Endpoint = 203.0.113.2:8787
	AllowedIPs = 10.121.0.2/32
CONF
wg_up spoke wgs2 10.121.0.2/24 <<-CONF
	[Interface]
	PrivateKey = $(key spoke-b)
	[Peer]
	PublicKey = $(pub relay)
	Endpoint = 203.0.113.2:8787
	AllowedIPs = 10.121.0.254/32
	PersistentKeepalive = 25
	[Peer]
	PublicKey = $(pub hub-b)
	Endpoint = 203.0.113.2:8787
	AllowedIPs = 10.121.0.1/32
CONF
known hub wgh1
known spoke wgs1
known hub wgh2
known spoke wgs2
publish hub spoke >/dev/null
check "the second hub publishes" ns hub "$O/selftests/net/publish" 10.121.0.254 "$(pub spoke-b)"
check "through the first relay" pinging spoke 10.120.0.1
check "through the second relay" pinging spoke 10.121.0.1
is "$(relay_json status .peers.count)" 2 "the first knows its two peers"
is "$(sluice2 -j relay status | jq .peers.count)" 2 "the second knows its two"
kill "$first"
wait "$first" 2>/dev/null
check "unloading the first" ns relay "$O/sluice-load" unload
ns spoke ping -c2 -W1 -q 10.120.0.1 >/dev/null
is $? 1 "ends the first relay's flows"
check "and not the second's" ns spoke ping -c1 -W2 10.121.0.1
kill "$second"
wait "$second" 2>/dev/null
done_testing
