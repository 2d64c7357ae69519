#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A peer's NAT changes its port, then its address, in mid flow. The relay asks
# the new source, only the true peer can answer, and the flow is back within two
# round trips of that challenge. Nobody else moves a leg.

. "$(dirname "$0")/lib.sh"
lab_enter "$@"
make_inet
make_site 1 hub
make_site 2 spoke
make_site 9 attacker
relay_conf
check "sluiced starts" start_sluiced || done_testing
keys hub spoke
peer hub wgh 10.120.0.1 "" spoke=10.120.0.2
peer spoke wgs 10.120.0.2 "" hub=10.120.0.1
known hub wgh
known spoke wgs
publish hub spoke >/dev/null
check "the flow starts" pinging spoke 10.120.0.1

leg() { relay_json peers ".peers[] | select(.public_key == \"$(pub spoke)\") | .endpoint"; }

# flow: a ping every 10 ms for four seconds, one line each with the time.
flow() {
	ns spoke ping -D -i 0.01 -w 4 10.120.0.1 >"$LAB/flow.out" 2>&1 &
	FLOW=$!
	wait_for 3 grep -q 'icmp_seq=50 ' "$LAB/flow.out"
}
# gap: milliseconds between the last answer before the change and the first
# after it; rtt: of the path, as ping measured it.
gap() {
	awk -F'[][ ]' '/bytes from/ { if (last && $2 - last > max) max = $2 - last; last = $2 }
		END { printf "%d\n", max * 1000 }' "$LAB/flow.out"
}
rtt_us() { awk -F/ '/^rtt/ { printf "%d\n", $5 * 1000 }' "$LAB/flow.out"; }

flow
before=$(leg)
forget_nat 2
wait $FLOW
after=$(leg)
diag "port: $before to $after, longest gap $(gap) ms, round trip $(rtt_us) us"
ok "$([ "$before" != "$after" ]; echo $?)" "the NAT's new port moved the leg"
is "${before%:*}" "${after%:*}" "the address stayed"
# One ping interval to notice, the bytes to pay for the challenge (one ping is
# 128), the challenge's round trip, and what this machine's scheduler adds.
between "$(gap)" 0 150 "the flow was back at once after the port changed"
between "$(outcome challenged)" 1 20 "because the relay asked"

flow
before=$after
renumber_nat 2 198.18.200
wait $FLOW
after=$(leg)
diag "address: $before to $after, longest gap $(gap) ms, round trip $(rtt_us) us"
is "${after%:*}" 198.18.200.2 "the NAT's new address moved the leg"
between "$(gap)" 0 400 "the flow was back soon after the address changed"
check "the hub still reaches the spoke" ns hub ping -c1 -W2 10.120.0.2

# A forged packet with a live index, from elsewhere.
index=$(relay_json sessions ".sessions[] | select(.from == \"$(pub spoke)\") | .index" | tail -n 1)
hub_rx() { ns hub wg show wgh transfer | awk -v k="$(pub spoke)" '$1 == k { print $2 }'; }
forwarded=$(relay_json status .forwarded.packets)
rx=$(hub_rx)
ns attacker tcpdump -U -ni eth0 -w "$LAB/back.pcap" "udp and src $RELAY4" 2>/dev/null &
capture=$!
wait_for 5 test -s "$LAB/back.pcap"
sent=$(ns attacker "$O/selftests/net/forge" -s 192.168.9.2:5555 -n 300 -r 200 "$RELAY4:8787" data "${index#0x}" 64)
is "$sent" 300 "an attacker with a live index sends 300 packets of 64 bytes"
is "$(leg)" "$after" "the leg did not move"
is "$(hub_rx)" "$rx" "nothing reached the hub"
is "$(relay_json status .forwarded.packets)" "$forwarded" "nothing was forwarded"
asked=$(reason mismatch_asked) wrong=$(reason wrong_source)
between $((asked + wrong)) 300 340 "each is counted as from a wrong source ($asked asked, $wrong dropped)"
kill -INT $capture
wait $capture 2>/dev/null
back=$(tcpdump -nr "$LAB/back.pcap" 2>/dev/null | awk '{ for (i = 1; i < NF; i++) if ($i == "length") total += $(i + 1) } END { print total + 0 }')
between "$back" 0 $((300 * 64)) "the relay answered with less than it got ($back bytes)"
between "$(tcpdump -nr "$LAB/back.pcap" 2>/dev/null | wc -l)" 0 4 "at most one challenge a second"
check "the flow lives" ns spoke ping -c1 -W2 10.120.0.1
stop_sluiced
done_testing
