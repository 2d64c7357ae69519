#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The relay in the driver of its device, LAB_NIC's where that is given: attached
# in native mode, on every queue, and of counted packets that go out where they
# came in, or are redirected from and to it, none is lost.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/load.sh"
lab_enter "$@"
make_inet
make_site 1 hub
make_site 2 spoke
make_site 3 other
# The other's site is reached by a second device, a veth.
link_ns inet torelay2 relay eth1
takes_xdp inet torelay2
addr inet torelay2 192.0.3.1/24
addr relay eth1 192.0.3.2/24
ip -n relay route add 198.18.3.0/24 via 192.0.3.1
ns relay sysctl -qw net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0

driver() { ns relay ethtool -i eth0 | awk '/^driver:/ { print $2 }'; }
queues() { ns relay ethtool -l eth0 | awk '/^Current/ { now = 1 } now && /^(Combined|RX):/ && $2 + 0 > 0 { print $2; exit }'; }
stranger() { ns inet "$O/selftests/net/forge" -s "192.0.2.1:$1" "$RELAY4:8787" data deadbeef 64 >/dev/null; }
# busy_queues: on how many queues the program has seen packets, by the names of
# virtio_net (two of them, by its age) and veth.
busy_queues() {
	ns relay ethtool -S eth0 | awk '/rx(_queue_)?[0-9]+_xdp_packets:/ && $2 { n++ } END { print n + 0 }'
}
# drops: what the driver could not send for the program.
drops() {
	ns relay ethtool -S eth0 | awk '/xdp_(tx_drops|tx_errors|xmit_drops|xmit_errors)/ { n += $2 } END { print n + 0 }'
}

relay_conf "Interface = eth0, eth1"
check "sluiced starts" start_sluiced || done_testing
is "$(driver)" "${LAB_DRIVER:-veth}" "the driver of the relay's device"
is "$(relay_json status '[.interfaces[].native | tostring] | join(" ")')" "true true" "status says native mode"
is "$(ip -n relay -j link show eth0 | jq '.[0].xdp.mode')" 1 "and so does the kernel"
# virtio_net shows more of them, or just uses more, when it has a program.
between "$(queues)" "${LAB_QUEUES:-1}" 64 "its queues"

keys hub spoke other
peer hub wgh 10.120.0.1 "" spoke=10.120.0.2 other=10.120.0.3
peer spoke wgs 10.120.0.2 "" hub=10.120.0.1
peer other wgo 10.120.0.3 192.0.3.2:8787 hub=10.120.0.1
for p in hub:wgh spoke:wgs other:wgo; do
	known "${p%:*}" "${p#*:}" || diag "no handshake of ${p%:*} with the relay"
done
check "the hub publishes its list" publish hub spoke other
check "the spoke reaches the hub" pinging spoke 10.120.0.1
check "the other reaches the hub" pinging other 10.120.0.1

# Flows are spread over the queues by what the sender's side makes of them.
for port in $(seq 5001 5064); do
	stranger "$port"
done
between "$(busy_queues)" "$(queues)" 64 "the program sees packets on every queue"

forwarded() { [ "$(relay_json status .forwarded.packets)" -ge "$1" ]; }
# Three thousand of each, more or less.
RATE=$(load_rate 1000)
before=$(relay_json status .forwarded.packets)
dropped=$(drops)
tx=$(reason forward_tx) redirect=$(reason forward_redirect)
load_start down "$RATE" hub wgh spoke
load_start up "$RATE" spoke wgs hub
load_start away "$RATE" hub wgh other
check "the loads run" wait_for 30 forwarded $((before + 9000))
for flow in down up away; do
	load_lossless $flow $flow
done
load_start back "$RATE" other wgo hub "" 192.0.3.2:8787
check "the load back runs" wait_for 30 forwarded $((before + 12000))
load_lossless back back
between $(($(reason forward_tx) - tx)) 4000 1000000 "sent out of the device they came in by"
between $(($(reason forward_redirect) - redirect)) 4000 1000000 "redirected to the other device, and back"
is $(($(drops) - dropped)) 0 "the driver sent all that the program gave it"
is "$(relay_json status .user_space.data_packets)" 0 "user space touched no data packet"
stop_sluiced
done_testing
