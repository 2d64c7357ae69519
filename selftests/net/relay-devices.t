#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Devices that XDP can not send by, and packets that it does not look into. A
# native program that redirects to a bridge loses the frame and hears nothing of
# it: legs behind one are the agent's. And what comes up in pieces, with IP options
# or by an interface without the program is blocked all the same.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/load.sh"
lab_enter "$@"
make_inet
make_site 1 hub
make_site 9 attacker

# One peer behind a bridge of the relay's host, another behind a macvlan.
make_ns guest far
link_ns relay port guest eth0
link_ns relay under far eth0
ip -n relay link add br0 type bridge || skip_all "this kernel has no bridges"
ip -n relay link set port master br0
ip -n relay link add link under name over type macvlan || skip_all "this kernel has no macvlan"
for device in br0 over; do ip -n relay link set $device up; done
addr relay br0 198.18.50.1/24
addr guest eth0 198.18.50.2/24
addr relay over 198.18.57.1/24
addr far eth0 198.18.57.2/24
ip -n guest route add default via 198.18.50.1
ip -n far route add default via 198.18.57.1
mac() { ip -n "$1" -j link show "$2" | jq -r '.[0].address'; }
# With it the kernel's routing answers the program too.
forwarding relay

relay_conf
check "sluiced starts" start_sluiced || done_testing
keys hub guest far
peer hub wgh 10.120.0.1 "" guest=10.120.0.2 far=10.120.0.3
peer guest wgg 10.120.0.2 "" hub=10.120.0.1
peer far wgf 10.120.0.3 "" hub=10.120.0.1
for p in hub:wgh guest:wgg far:wgf; do
	check "${p%:*} has a handshake with the relay" known "${p%:*}" "${p#*:}"
done
check "the hub publishes its list" publish hub guest far

# next_hop NAME: of its only leg.
next_hop() { relay_json peers ".peers[] | select(.public_key == \"$(pub "$1")\") | .legs[].next_hop"; }
# both NAME IF TEXT: data flows both ways, all of it.
both() {
	load_start down 500 hub wgh "$1"
	load_start up 500 "$1" "$2" hub
	sleep 1
	load_lossless down "$3, to it"
	load_lossless up "$3, from it"
}
for p in guest:10.120.0.2:wgg:"a bridge" far:10.120.0.3:wgf:"a macvlan"; do
	IFS=: read -r name inner device text <<<"$p"
	check "behind $text: the hub reaches the peer" pinging hub "$inner"
	is "$(next_hop "$name")" null "behind $text: the leg is left to the agent"
	both "$name" "$device" "behind $text"
done

# ---- blocked, whatever it looks like ----

N=5 OPTION=
grown() { [ $(($(outcome "$1") - $2)) -ge "$3" ]; }
# forge: handshakes for the relay, from behind NAT 9.
forge() {
	# shellcheck disable=SC2086 # no option is none
	ns attacker "$O/selftests/net/forge" $OPTION -n $N -r 100 -s 192.168.9.2:6001 \
		$RELAY4:8787 initiation "$(pub relay)" >/dev/null
}
in_pieces() {
	ip -n n9 link set wan mtu 100
	forge
	ip -n n9 link set wan mtu 1500
}
with_options() { OPTION=-o forge; }
# arrives NAME TEXT COMMAND...: the agent counts each one under NAME, and none
# under the name that it has otherwise.
arrives() {
	local name=$1 text=$2 other=source_blocked before others
	shift 2
	[ "$name" = tunnel_bad_handshake ] || other=tunnel_bad_handshake
	before=$(outcome "$name") others=$(outcome $other)
	"$@"
	wait_for 5 grown "$name" "$before" $N
	ok $? "$text ($name)" || diag "$name: $before to $(outcome "$name")"
	is "$(outcome $other)" "$others" "$text: none is $other"
}
arrives tunnel_bad_handshake "in pieces: the agent sees it" in_pieces
arrives tunnel_bad_handshake "with IP options: the agent sees it" with_options
check "an operator blocks the attacker" sluice relay block 198.18.9.0/24
arrives source_blocked "in pieces, blocked" in_pieces
arrives source_blocked "with IP options, blocked" with_options
before=$(reason blocked)
forge
is $(($(reason blocked) - before)) $N "in one piece: the program drops it"

check "an operator blocks the guest, on an interface without the program" \
	sluice relay block 198.18.50.2/32
before=$(outcome source_blocked)
ns guest ping -c2 -W1 -q 10.120.0.1 >/dev/null
check "nothing of it gets in" grown source_blocked "$before" 1
is "$(next_hop guest)" "" "and it has no leg"

# ---- generic everywhere: the kernel sends by any device ----

stop_sluiced
relay_conf "Interface = eth0, br0, over" "XdpMode = generic"
check "sluiced starts again, with the generic program on all of them" start_sluiced
through() {
	local before=$(($(reason forward_tx) + $(reason forward_redirect)))
	both far wgf "a macvlan with the program"
	between $(($(reason forward_tx) + $(reason forward_redirect) - before)) 500 1000000 \
		"the program forwards"
}
check "the leg is resolved" wait_for 10 eval '[ "$(next_hop far)" = "$(mac far eth0)" ]'
through
stop_sluiced
done_testing
