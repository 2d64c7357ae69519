#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Eight spokes on two hubs, all pairs, either side first; two spokes that name
# each other; nobody else. Peers share public addresses: four spokes a NAT.

. "$(dirname "$0")/lib.sh"
lab_enter "$@"
make_inet
make_site 1 hub1
make_site 2 hub2
make_site 3 home1
make_site 4 home2
relay_conf "RequireMutual = no"
check "sluiced starts" start_sluiced || done_testing

# Several WireGuard peers on one host: one device each.
names=(s1 s2 s3 s4 s5 s6 s7 s8)
keys hub1 hub2 "${names[@]}"
declare -A friends
hub_friends=()
for i in {1..8}; do
	hub_friends+=("s$i=10.120.0.1$i")
done
peer hub1 wgh1 10.120.0.1 "" "${hub_friends[@]}"
peer hub2 wgh2 10.120.0.2 "" "${hub_friends[@]}"
# A namespace of its own for each spoke, two homes with four of them behind one
# NAT address.
for i in {1..8}; do
	home=$((i <= 4 ? 3 : 4)) name=s$i
	make_ns "$name"
	link_ns "n$home" "lan$i" "$name" eth0
	addr "n$home" "lan$i" "172.16.$i.1/24"
	addr "$name" eth0 "172.16.$i.2/24"
	ip -n "$name" route add default via "172.16.$i.1"
	extra=()
	[ "$i" = 1 ] && extra=("s8=10.120.0.18")
	[ "$i" = 8 ] && extra=("s1=10.120.0.11")
	[ "$i" = 2 ] && extra=("s7=10.120.0.17")
	[ "$i" = 7 ] && extra=("s2=10.120.0.12")
	peer "$name" "wg$name" "10.120.0.1$i" "" hub1=10.120.0.1 hub2=10.120.0.2 "${extra[@]}"
done
known hub1 wgh1
known hub2 wgh2
for name in "${names[@]}"; do known "$name" "wg$name" || diag "$name has no handshake"; done
is "$(relay_json status .peers.count)" 10 "ten peers are known"
check "hub 1 publishes" publish hub1 "${names[@]}"
check "hub 2 publishes" publish hub2 "${names[@]}"

failed=0
for i in {1..8}; do
	# Odd spokes begin, even ones are woken by the hubs.
	for h in 1 2; do
		if [ $((i % 2)) = 1 ]; then
			pinging "s$i" "10.120.0.$h" || failed=$((failed + 1))
		else
			pinging "hub$h" "10.120.0.1$i" || failed=$((failed + 1))
		fi
	done
done
is $failed 0 "all sixteen pairs talk"
check "s1 lists s8" publish s1 s8
check "spoke to spoke with consent" pinging s8 10.120.0.11
ns s2 ping -c2 -W1 -q 10.120.0.17 >/dev/null
is $? 1 "spoke to spoke without consent does not"

# One hub's list is no other hub's business.
check "hub 2 drops all its spokes" publish hub2
ns s1 ping -c2 -W1 -q 10.120.0.2 >/dev/null
is $? 1 "they lose hub 2 at once"
check "and keep hub 1" ns s1 ping -c1 -W2 10.120.0.1
check "hub 2 takes one back" publish hub2 s3
check "which reaches it again" pinging s3 10.120.0.2 20
is "$(relay_json status .user_space.data_packets)" 0 "user space touched no data packet"
stop_sluiced
done_testing
