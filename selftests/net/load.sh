# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Flows that are counted packet by packet outside the relay (load.c), for tests
# that source lib.sh first. A flow needs a live session between two peers.

# session FROM TO: the newest receiver index that TO's side gave out, hex.
session() {
	relay_json sessions ".sessions | map(select(.from == \"$(pub "$1")\" and .to == \"$(pub "$2")\"))
		| sort_by(.expires_s) | last | .index // empty" | cut -c3-
}

# load_rate RATE: or LAB_RATE, where a machine that is emulated carries no more: veths
# of before kernel 6.16 drop what their 256 slots do not hold.
load_rate() {
	local most=${LAB_RATE:-$1}
	echo $((most < $1 ? most : $1))
}

# load_start NAME RATE FROM FROM-WG TO [INDEX [RELAY-ENDPOINT]]: numbered
# datagrams from one peer's host to the other's, on their newest session or a
# named index.
load_start() {
	local from index=${6:-$(session "$3" "$5")}
	from=$(ip -n "$3" -4 -j addr show eth0 | jq -r '.[0].addr_info[0].local'):$(ns "$3" wg show "$4" listen-port)
	"$O/selftests/net/load" -r "$(load_rate "$2")" "$3" "$from" "${7:-$RELAY4:8787}" "$index" \
		"$5" eth0 >"$LAB/load-$1.json" 2>"$LAB/load-$1.log" &
	echo $! >"$LAB/load-$1.pid"
}
# load_stop NAME: waits for its count, which load_figure NAME JQ-FILTER reads.
load_stop() {
	local pid
	pid=$(cat "$LAB/load-$1.pid")
	kill "$pid" 2>/dev/null
	wait "$pid"
}
# load_lossless NAME TEXT: the end of a load that lost nothing.
load_lossless() {
	load_stop "$1"
	is "$(load_lost "$1") $(load_figure "$1" .twice)" "0 0" \
		"$2 (of $(load_figure "$1" .sent) packets none is lost, none comes twice)" ||
		diag "gaps [number, how many, ms]: $(load_figure "$1" '.gaps | tostring')"
}
# load_lost NAME: how many packets. Where the machine is known for having no time
# (LAB_RATE), those do not count that devices say their full rings have dropped.
load_lost() {
	local lost
	lost=$(load_figure "$1" .lost)
	if [ "$lost" -gt 0 ] && [ -n "${LAB_RATE:-}" ]; then
		# In a file, as this runs in a subshell.
		echo "$lost" >>"$LAB/excused"
		[ "$(awk '{ sum += $1 } END { print sum }' "$LAB/excused")" -gt "$(all_overruns)" ] || lost=0
	fi
	echo "$lost"
}
all_overruns() {
	local name
	for name in /run/netns/*; do
		name=${name##*/}
		# shellcheck disable=SC2046
		overruns "$name" $(ip -n "$name" -br link show type veth | sed 's/[@ ].*//')
	done | awk '{ sum += $1 } END { print sum + 0 }'
}
load_figure() { jq -r "$2" "$LAB/load-$1.json"; }

# queue_up NS IF...: a veth whose ring is full makes its qdisc wait (kernel 6.16
# and up) where it would lose the packet without one: a machine that has no time
# for a moment is not what a test of loss is about.
queue_up() {
	local name=$1 device
	shift
	for device in "$@"; do
		ns "$name" tc qdisc replace dev "$device" root pfifo limit 20000
	done
}
# overruns NS IF...: packets that these devices could not take in time, by their
# own counters: a full ring on the way out, in the stack or from XDP.
overruns() {
	local name=$1 device
	shift
	for device in "$@"; do
		ip -n "$name" -s -j link show "$device" | jq '.[0].stats64.tx.dropped'
		ns "$name" ethtool -S "$device" | awk '/xdp_(tx|xmit)_errors|peer_.*xdp_xmit_err/ { print $2 }'
	done | awk '{ sum += $1 } END { print sum + 0 }'
}
