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

# flow CHANGE...: a ping every 5 ms for three seconds, longer on a slow machine; the
# change happens in the middle, seen by a capture beside the relay.
flow() {
	capture "$LAB/flow.pcap" inet torelay "udp port 8787"
	nsenter --net=/run/netns/spoke -- ping -i 0.005 -w $((3 * LAB_SLOW)) 10.120.0.1 >"$LAB/flow.out" 2>&1 &
	local ping=$!
	wait_for 3 grep -q 'icmp_seq=100 ' "$LAB/flow.out"
	before=$(leg)
	"$@"
	wait $ping
	end_capture
	after=$(leg)
	timing "${after%:*}" "${after##*:}" >"$LAB/timing"
	read -r gap back challenge <"$LAB/timing"
	diag "$before to $after: no answer for $gap us; back $back us after the challenge," \
		"which took $challenge us to be answered; round trip of a ping $(rtt_us) us"
}
# timing ADDRESS PORT: in microseconds: the longest pause of the relay's data to
# the hub; from the challenge (148 bytes to the new place) to the next data to
# the hub; from the challenge to its answer (92 bytes).
timing() {
	tcpdump -ttnr "$LAB/flow.pcap" 2>/dev/null | awk -v peer="$1.$2" '
		{ from = $3; to = $5; sub(/:$/, "", to); len = $NF }
		from ~ /^192.0.2.2/ && to ~ /^198.18.1.2/ && len == 128 {
			if (last && $1 - last > gap) gap = $1 - last
			last = $1
			if (asked && !back) back = $1
		}
		from ~ /^192.0.2.2/ && to == peer && len == 148 && !asked { asked = $1 }
		from == peer && len == 92 && asked && !answered { answered = $1 }
		END { printf "%d %d %d\n", gap * 1e6, (back - asked) * 1e6, (answered - asked) * 1e6 }'
}
rtt_us() { awk -F/ '/^rtt/ { printf "%d\n", $5 * 1000 }' "$LAB/flow.out"; }

flow forget_nat 2
ok "$([ "$before" != "$after" ]; echo $?)" "the NAT's new port moved the leg"
is "${before%:*}" "${after%:*}" "the address stayed"
between "$(outcome challenged)" 1 20 "because the relay asked"
# Two round trips of the challenge, and two intervals of the flow: ping takes its
# time when answers stay away.
between "$back" 1 $((2 * challenge + 20000 * LAB_SLOW)) "the flow was back within two round trips of the challenge"
between "$gap" 0 $((150000 * LAB_SLOW)) "and hardly paused"

flow renumber_nat 2 198.18.200
is "${after%:*}" 198.18.200.2 "the NAT's new address moved the leg"
between "$back" 1 $((2 * challenge + 20000 * LAB_SLOW)) "the flow was back within two round trips of the challenge"
check "the hub still reaches the spoke" ns hub ping -c1 -W2 10.120.0.2

# A forged packet with a live index, from elsewhere.
index=$(relay_json sessions ".sessions[] | select(.from == \"$(pub spoke)\") | .index" | tail -n 1)
hub_rx() { ns hub wg show wgh transfer | awk -v k="$(pub spoke)" '$1 == k { print $2 }'; }
forwarded=$(relay_json status .forwarded.packets)
rx=$(hub_rx)
capture "$LAB/back.pcap" attacker eth0 "udp and src $RELAY4"
sent=$(ns attacker "$O/selftests/net/forge" -s 192.168.9.2:5555 -n 300 -r 200 "$RELAY4:8787" data "${index#0x}" 64)
is "$sent" 300 "an attacker with a live index sends 300 packets of 64 bytes"
is "$(leg)" "$after" "the leg did not move"
is "$(hub_rx)" "$rx" "nothing reached the hub"
is "$(relay_json status .forwarded.packets)" "$forwarded" "nothing was forwarded"
asked=$(reason mismatch_asked) wrong=$(reason wrong_source)
between $((asked + wrong)) 300 340 "each is counted as from a wrong source ($asked asked, $wrong dropped)"
end_capture
read -r back packets < <(captured "$LAB/back.pcap")
between "$back" 0 $((300 * 64)) "the relay answered with less than it got ($back bytes)"
between "$packets" 0 4 "at most one challenge a second"
check "the flow lives" ns spoke ping -c1 -W2 10.120.0.1
stop_sluiced
done_testing
