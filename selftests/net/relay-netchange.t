#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The network around the relay changes while data flows: neighbours vanish or get
# another address, the default route leads elsewhere, the interface goes down, is
# deleted and made again, the relay's own address changes. Each time forwarding
# comes back, and the time that took is stated.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/load.sh"
lab_enter "$@"
make_inet
make_site 1 hub
make_site 2 spoke
# Another way out of the relay: a second gateway, on a link of its own.
make_ns gate
forwarding gate
link_ns gate torelay relay eth1
link_ns gate wan inet togate
takes_xdp gate torelay
addr gate torelay 192.0.4.1/24
addr relay eth1 192.0.4.2/24
addr gate wan 192.0.5.2/24
addr inet togate 192.0.5.1/24
ip -n gate route add default via 192.0.5.1
# A router that tells its neighbours when its address is another one.
ns inet sysctl -qw net.ipv4.conf.all.arp_notify=1 net.ipv4.conf.torelay.arp_notify=1

relay_conf
check "sluiced starts" start_sluiced || done_testing
keys hub spoke
peer hub wgh 10.120.0.1 "" spoke=10.120.0.2
peer spoke wgs 10.120.0.2 "" hub=10.120.0.1
for p in hub:wgh spoke:wgs; do
	check "${p%:*} has a handshake with the relay" known "${p%:*}" "${p#*:}"
done
check "the hub publishes its list" publish hub spoke
check "the spoke reaches the hub" pinging spoke 10.120.0.1 30

RATE=$(load_rate 1000)
user_space() { relay_json status .user_space.data_packets; }
hops() { relay_json peers '.peers[].legs[] | [.interface, .next_hop] | join(" ")' | sort -u | xargs; }
mac() { ip -n "$1" -j link show "$2" | jq -r '.[0].address'; }

# change LOST SLOW TEXT COMMAND...: in the middle of a load of 1000 packets a
# second each way. Of each way at most LOST packets are lost, and at most SLOW
# of both take the slow way.
change() {
	local most=$1 slow=$2 text=$3 before way
	shift 3
	before=$(user_space)
	load_start up $RATE spoke wgs hub
	load_start down $RATE hub wgh spoke
	sleep 0.3
	"$@" || diag "failed: $*"
	check "$text: the hub answers the spoke" pinging spoke 10.120.0.1 10
	sleep 0.3
	load_stop up
	load_stop down
	before=$(($(user_space) - before))
	for way in up down; do
		between "$(load_lost $way)" 0 "$most" "$text: $way, at most $most packets are lost" ||
			diag "gaps [number, how many, ms]: $(load_figure $way '.gaps | tostring')"
		is "$(load_figure $way .twice)" 0 "$text: $way, none comes twice"
		diag "$text: $way, of $(load_figure $way .sent) packets $(load_figure $way .lost) lost," \
			"longest pause $(load_figure $way .pause_ms) ms"
	done
	between "$before" 0 "$slow" "$text: at most $slow take the slow way ($before)"
}

# ---- neighbours ----

flush() { ip -n relay neigh flush dev eth0; }
change 0 $((RATE / 5)) "neighbours are flushed" flush
delete() { ip -n relay neigh del 192.0.2.1 dev eth0; }
change 0 $((RATE / 5)) "a neighbour is deleted" delete

new_mac() { ip -n inet link set torelay address 02:00:00:00:77:01; }
change $RATE $((RATE / 5)) "the gateway has another MAC" new_mac
is "$(hops)" "eth0 02:00:00:00:77:01" "the legs have it"

# ---- routes ----

elsewhere() { ip -n relay route replace default via 192.0.4.1; }
change 0 $((RATE / 5)) "the default route leads to another gateway" elsewhere
is "$(hops)" "eth1 $(mac gate torelay)" "the legs lead there"
before=$(reason forward_redirect)
change 0 0 "no change" true
between $(($(reason forward_redirect) - before)) $((RATE / 2)) 1000000 "XDP sends by the other device"
back() { ip -n relay route replace default via 192.0.2.1; }
change 0 $((RATE / 5)) "and back" back
is "$(hops)" "eth0 02:00:00:00:77:01" "the legs lead back"

nowhere() {
	ip -n relay route del default
	sleep 0.3
	ip -n relay route add default via 192.0.2.1
}
change $((RATE / 2)) $((2 * RATE)) "no route for 300 ms" nowhere

# ---- the interface ----

down_up() {
	ip -n relay link set eth0 down
	sleep 0.3
	ip -n relay link set eth0 up
	ip -n relay route add default via 192.0.2.1
}
change $((2 * RATE)) $((2 * RATE)) "the interface is down for 300 ms" down_up

again() {
	ip -n relay link del eth0
	sleep 0.3
	link_ns inet torelay relay eth0
	takes_xdp inet torelay
	addr inet torelay 192.0.2.1/24
	addr relay eth0 $RELAY4/24
	ip -n relay route add default via 192.0.2.1
}
change $((2 * RATE)) $((2 * RATE)) "the interface is deleted and made again" again
is "$(relay_json status '.interfaces[0] | [.attached, .native] | join(" ")')" "true true" \
	"the program is on the new one"
is "$(hops)" "eth0 $(mac inet torelay)" "the legs have its next hop"
change 0 0 "no change: XDP forwards again" true

# ---- the relay's own address ----

addr relay eth0 192.0.2.3/24
ip -n relay addr del 192.0.2.2/24 dev eth0
# It was the first of its subnet: the kernel takes the second one with it.
ip -n relay -4 -o addr show dev eth0 | grep -q 192.0.2.3 || addr relay eth0 192.0.2.3/24
ip -n relay route replace default via 192.0.2.1
RELAY4=192.0.2.3
STARTED=$(date +%s%3N)
# The peers are told, and a keepalive proves them to it there: one that is turned
# on is sent at once.
for p in hub:wgh:spoke spoke:wgs:hub; do
	IFS=: read -r name device friend <<<"$p"
	ns "$name" wg set "$device" peer "$(pub relay)" endpoint $RELAY4:8787 persistent-keepalive 0
	ns "$name" wg set "$device" peer "$(pub relay)" persistent-keepalive 25
	ns "$name" wg set "$device" peer "$(pub "$friend")" endpoint $RELAY4:8787
done
served() { [ "$(relay_json peers '.peers[].legs[].local' | sort -u)" = "$RELAY4:8787" ]; }
check "the relay has another address: both legs move there" wait_for 20 served
diag "after $(($(date +%s%3N) - STARTED)) ms"
check "the hub answers the spoke" pinging spoke 10.120.0.1
change 0 0 "no change: XDP forwards there" true
stop_sluiced
done_testing
