#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A range of ports, over which a hub spreads its spokes, and two interfaces: the
# hub behind one, the spokes behind the other. A peer proves itself on each port
# it uses, roams on all of them at once, and XDP redirects from one device to the
# other. Then the modes of XDP, and devices that have none.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/load.sh"
lab_enter "$@"
make_inet
make_site 1 hub
make_site 2 spoke
make_site 3 other
make_site 4 third
# The relay's second interface; the hub's site is reached by it.
link_ns inet torelay2 relay eth1
takes_xdp inet torelay2
addr inet torelay2 192.0.3.1/24
addr relay eth1 192.0.3.2/24
ip -n relay route add 198.18.1.0/24 via 192.0.3.1
ip -n relay route add 198.18.201.0/24 via 192.0.3.1
ns relay sysctl -qw net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0
HUB_RELAY=192.0.3.2

relay_conf "ListenPort = 8787-8790" "Interface = eth0, eth1"
check "sluiced starts" start_sluiced || done_testing
is "$(relay_json status '[.ports[], .interfaces[].native | tostring] | join(" ")')" \
	"8787 8790 true true" "on four ports, two interfaces, native mode"
keys hub spoke other third

# The spokes know the hub's key and not where it is: the hub begins.
peer hub wgh 10.120.0.1 $HUB_RELAY:8787
for p in spoke:wgs:2 other:wgo:3 third:wgt:4; do
	IFS=: read -r name device n <<<"$p"
	peer "$name" "$device" 10.120.0.$n
	ns "$name" wg set "$device" peer "$(pub hub)" allowed-ips 10.120.0.1/32
done
for p in hub:wgh spoke:wgs other:wgo third:wgt; do
	check "${p%:*} has a handshake with the relay" known "${p%:*}" "${p#*:}"
done
made=$(outcome leg_made)
check "the hub publishes its list" publish hub spoke other third
for p in spoke:2 other:3 third:4; do
	n=${p#*:}
	ns hub wg set wgh peer "$(pub "${p%:*}")" endpoint $HUB_RELAY:$((8786 + n)) allowed-ips 10.120.0.$n/32
	check "the hub reaches spoke $n on port $((8786 + n))" pinging hub 10.120.0.$n
done

legs() { relay_json peers ".peers[] | select(.public_key == \"$(pub "$1")\") | .legs[] | $2"; }
ports() { legs hub '.local | split(":")[1]' | sort -u | tr '\n' ' '; }
is "$(ports)" "8787 8788 8789 8790 " "the hub has a leg on each port"
between "$(($(outcome leg_made) - made))" 3 5 "which it has proven when it was asked (leg_made)"
is "$(legs hub .interface | sort -u)" eth1 "the hub is behind eth1"
is "$(legs spoke .interface | sort -u)" eth0 "a spoke is behind eth0"

# What the hub's session with a spoke uses is what carries it.
port_of() { # PEER: the relay port of the newest data to the hub
	ns hub wg show wgh endpoints | awk -v k="$(pub "$1")" '$1 == k { sub(/.*:/, "", $2); print $2 }'
}
is "$(port_of spoke) $(port_of other) $(port_of third)" "8788 8789 8790" \
	"the hub keeps talking to each spoke on its port"
capture "$LAB/ports.pcap" inet torelay2 "udp and src $HUB_RELAY and greater 150"
for n in 2 3 4; do
	ns hub ping -c3 -i 0.1 -W2 -q 10.120.0.$n >/dev/null
done
came() { [ "$(tcpdump -nr "$LAB/ports.pcap" 2>/dev/null | wc -l)" -ge 9 ]; }
wait_for 5 came
end_capture
is "$(tcpdump -nr "$LAB/ports.pcap" 2>/dev/null | awk '{ sub(/.*\./, "", $3); print $3 }' | sort -u | tr '\n' ' ')" \
	"8788 8789 8790 " "data comes back to the hub from three ports"

before=$(reason forward_redirect)
RATE=$(load_rate 2000)
redirected() { [ $(($(reason forward_redirect) - $1)) -ge $((3 * RATE / 2)) ]; }
load_start down "$RATE" hub wgh spoke "" $HUB_RELAY:8788
load_start up "$RATE" spoke wgs hub
wait_for 10 redirected "$before"
load_lossless down "hub to spoke"
load_lossless up "spoke to hub"
check "redirected from one device to the other" redirected "$before"
is "$(reason forward_tx)" 0 "none went out where it came in"

# ---- roaming on all ports ----

# Those that carry data: the tunnel itself is on the port that spoke last.
old=$(legs hub .endpoint | sort -u)
moved() { legs hub 'select(.local | endswith(":8787") | not) | .endpoint | split(":")[0]' | sort | uniq -c; }
renumber_nat 1 198.18.201
for n in 2 3 4; do
	nsenter --net=/run/netns/hub -- ping -i 0.02 -w 15 -c 50 -q 10.120.0.$n >"$LAB/ping$n.out" &
	pings[n]=$!
done
wait "${pings[@]}"
check "the hub's own tunnel works" ns hub ping -c3 -i 0.2 -W2 -q $RELAY_INNER
for n in 2 3 4; do
	diag "spoke $n: $(grep transmitted "$LAB/ping$n.out")"
	check "spoke $n answers the hub at its new address" ns hub ping -c1 -W2 10.120.0.$n
done
is "$(moved | xargs)" "3 198.18.201.2" "the hub's NAT moved all its legs" ||
	diag "before: $(xargs <<<"$old")"
is "$(ports)" "8787 8788 8789 8790 " "which are the same four"

# ---- modes ----

stop_sluiced
"$O/sluice-load" unload
mode() { relay_json status "[.interfaces[] | select(.name == \"$1\") | .attached, .native] | join(\" \")"; }

# The driver of lo has no XDP.
relay_conf "Interface = lo"
start_sluiced_fails() {
	"$O/sluice-load" unload >/dev/null 2>&1
	ns relay timeout 10 "$O/sluiced" -c "$LAB/sluice.conf" >"$LAB/refused.log" 2>&1
	[ $? = 1 ]
}
check "native mode is refused where the driver has none" start_sluiced_fails
grep -q 'lo.*XDP.*XdpMode' "$LAB/refused.log"
ok $? "the message names the device and XdpMode" || diag "$(cat "$LAB/refused.log")"
[ ! -e /sys/fs/bpf/sluice ] || [ -z "$(find /sys/fs/bpf/sluice -type f)" ]
ok $? "nothing stays pinned"

relay_conf "XdpMode = auto" "Interface = eth0, lo"
check "auto starts" start_sluiced
is "$(mode eth0), $(mode lo)" "true true, true false" "native on eth0, generic on the other"
stop_sluiced
"$O/sluice-load" unload

relay_conf "XdpMode = generic" "ListenPort = 8787-8790" "Interface = eth0, eth1"
check "generic starts" start_sluiced
is "$(mode eth0), $(mode eth1)" "true false, true false" "generic on both"
for p in hub:wgh:$HUB_RELAY spoke:wgs:$RELAY4; do
	IFS=: read -r name device address <<<"$p"
	ns "$name" wg set "$device" peer "$(pub relay)" remove
	ns "$name" wg set "$device" peer "$(pub relay)" endpoint "$address:8787" \
		allowed-ips $RELAY_INNER/32 persistent-keepalive 25
	known "$name" "$device" || diag "no handshake of $name with the relay"
done
publish hub spoke >/dev/null
ns hub wg set wgh peer "$(pub spoke)" remove
ns hub wg set wgh peer "$(pub spoke)" endpoint $HUB_RELAY:8788 allowed-ips 10.120.0.2/32
check "the hub reaches the spoke" pinging hub 10.120.0.2
load_start down "$RATE" hub wgh spoke "" $HUB_RELAY:8788
load_start up "$RATE" spoke wgs hub
wait_for 10 redirected 0
load_lossless down "generic, hub to spoke"
load_lossless up "generic, spoke to hub"
check "redirected" redirected 0
stop_sluiced
done_testing
