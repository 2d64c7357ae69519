#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two peers behind NAT reach each other through the relay: either side first,
# only with consent, without user space touching data, over IPv4, IPv6 and both.

. "$(dirname "$0")/lib.sh"
lab_enter "$@"
make_inet
make_site 1 hub
make_site 2 spoke
make_site 3 other
make_site 4 spoke6
relay_conf
# What the agent sends is to be judged too: no checksum left to a device.
ns relay ethtool -K eth0 tx off >/dev/null

# What the relay sends, judged by tcpdump.
watch() { capture "$LAB/$1.pcap" inet torelay "udp and (src $RELAY4 or src $RELAY6)" "$2"; }
judge() {
	end_capture
	between "$(tcpdump -nr "$LAB/$1.pcap" 2>/dev/null | wc -l)" 20 20000 \
		"$1: the capture has packets of the relay"
	is "$(bad_checksums "$LAB/$1.pcap")" 0 "$1: tcpdump finds no wrong checksum"
}
check "sluiced starts" start_sluiced || done_testing
keys hub spoke other spoke6
peer hub wgh 10.120.0.1 "" spoke=10.120.0.2 other=10.120.0.3 spoke6=10.120.0.6
peer spoke wgs 10.120.0.2 "" hub=10.120.0.1 other=10.120.0.3
peer other wgo 10.120.0.3 "" hub=10.120.0.1 spoke=10.120.0.2
peer spoke6 wg6 10.120.0.6 "[$RELAY6]:8787" hub=10.120.0.1
for p in hub:wgh spoke:wgs other:wgo spoke6:wg6; do
	check "${p%:*} has a handshake with the relay" known "${p%:*}" "${p#*:}"
done
is "$(relay_json status .peers.count)" 4 "the relay has four peers"

# No consent yet.
ns spoke ping -c2 -W1 -q 10.120.0.1 >/dev/null
is $? 1 "without consent nothing passes"
is "$(relay_json status .forwarded.packets)" 0 "and nothing was forwarded"
check "explain says that consent is missing" \
	sh -c "nsenter --net=/run/netns/relay $O/sluice relay explain '$(pub spoke)' '$(pub hub)' | grep -qi 'list'"

check "the hub publishes its list" publish hub spoke spoke6
watch plain 400

check "the spoke reaches the hub" pinging spoke 10.120.0.1
check "the hub reaches the spoke" pinging hub 10.120.0.2
# Both sides may have begun at once: then there are two sessions.
between "$(relay_json sessions '.sessions | length')" 2 4 "a session has two directions"
ns other ping -c2 -W1 -q 10.120.0.1 >/dev/null
is $? 1 "a spoke that no hub lists stays out"
check "6 to 4: the IPv6 spoke reaches the IPv4 hub" pinging spoke6 10.120.0.1
check "4 to 6: the hub reaches the IPv6 spoke" pinging hub 10.120.0.6

check "the other spoke consents to talk to the spoke" publish other spoke
check "spoke to spoke" pinging other 10.120.0.2

publish hub spoke spoke6 other >/dev/null
check "hub first: a longer list lets the hub wake a spoke that never sent to it" pinging hub 10.120.0.3

# Full-size packets, in pieces no router had to make.
for pair in hub:10.120.0.2 spoke:10.120.0.1 spoke6:10.120.0.1 hub:10.120.0.6; do
	check "full-size packets ${pair%:*} to ${pair#*:}" \
		ns "${pair%:*}" ping -c3 -i 0.1 -W2 -q -M do -s 1392 "${pair#*:}"
done

judge plain
# The same with hosts that compute their checksums themselves, under load.
for host in hub spoke spoke6; do
	ns "$host" ethtool -K eth0 tx off >/dev/null
done
watch loaded 20000

transfer() { # FROM TO ADDRESS
	nsenter --net="/run/netns/$2" -- iperf3 -s -1 -B "$3" >"$LAB/iperf-$2.log" 2>&1 &
	local server=$!
	wait_for 5 ns "$2" sh -c 'ss -ltn | grep -q :5201'
	ns "$1" iperf3 -c "$3" -t 1 -J >"$LAB/iperf.json"
	local status=$?
	wait $server
	diag "$1 to $2: $(jq '.end.sum_received.bits_per_second / 1e6 | round' "$LAB/iperf.json") Mbit/s"
	return $status
}
for run in "hub spoke 10.120.0.2" "spoke hub 10.120.0.1" "spoke6 hub 10.120.0.1" "hub spoke6 10.120.0.6"; do
	# shellcheck disable=SC2086
	check "iperf3 ${run% *}" transfer $run
done

between "$(relay_json status .forwarded.packets)" $((2000 / LAB_SLOW)) 100000000 "the kernel forwarded it"
is "$(relay_json status .user_space.data_packets)" 0 "user space touched no data packet"
judge loaded
stop_sluiced
is "$(ls /sys/fs/bpf/sluice/v1/links | wc -l)" 1 "a stopped sluiced leaves its link"
check "and packets go on" pinging hub 10.120.0.2
done_testing
