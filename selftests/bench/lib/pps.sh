# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Packets a second between namespaces. The paths take turns, the median of the
# rounds is the figure.

XDP_PATHS="floor bare_redirect bare_tx xdp_redirect xdp_tx xdp_redirect_1m"
STACK_PATHS="conntrack stateless"

# live CASE [OPTION...]: "RATE SENT ARRIVED"
live() { "$TOOLS/live" -t $SECONDS_EACH "${@:2}" "$1" 2>>$SCRATCH/live.log; }

# sample NAME: one round of a path.
sample() {
	case " $STACK_PATHS " in
	*" $1 "*)
		in_ns r nft -f "$HERE/$1.nft"
		live stack
		in_ns r nft flush ruleset
		;;
	*) live "$1" ;;
	esac | awk 'NF == 3 { print $1 }' >>$SCRATCH/pps."$1"
}

packet_rates() {
	local name rate
	for _ in $(seq $ROUNDS); do
		for name in $XDP_PATHS $STACK_PATHS; do
			sample "$name"
		done
	done
	for name in $XDP_PATHS $STACK_PATHS; do
		rate=$(median <$SCRATCH/pps."$name")
		case $name in
		conntrack | stateless) name=nft_$name ;;
		esac
		if [ -n "$rate" ]; then
			figure pps_$name "$rate" pps
		else
			missing pps_$name "$(tail -n 1 $SCRATCH/live.log)"
		fi
	done
	user_space
}

# lossless RATE: does user space lose at most one packet in ten thousand? A
# neighbour on this machine may have disturbed it: three tries.
lossless() {
	local sent arrived
	for _ in 1 2 3; do
		read -r _ sent arrived < <(live stack -p "$1")
		[ -n "${arrived:-}" ] || return 1
		[ $((sent - arrived)) -le $((sent / 10000)) ] && return 0
	done
	return 1
}

# The greatest lossless rate, by bisection: the relay on the second CPU, the
# sender on the first.
user_space() {
	local pid low=0 high middle
	nsenter --net=/run/netns/r -- chrt -r 1 taskset -c 1 \
		"$TOOLS/userspace_relay" 10.255.0.1 8787 10.1.0.1 51820 \
		"$("$TOOLS/live" index)" 10.1.0.2 51820 &
	pid=$!
	# Twice what comes out when too much goes in.
	high=$(live stack -p 2000000 | awk '{ print int($1 * 2) }')
	for _ in $(seq $PROBES); do
		[ "${high:-0}" -gt 0 ] || break
		middle=$(((low + high) / 2))
		if lossless $middle; then low=$middle; else high=$middle; fi
	done
	kill $pid
	wait $pid 2>/dev/null
	if [ $low -gt 0 ]; then
		figure pps_userspace $low pps
	else
		missing pps_userspace "no rate is lossless"
	fi
}

# The share of its rate that a flow keeps: paced at half of what it could do,
# on the first CPU; the forged handshakes come through another device of the
# relay's, unpaced, on the second.
flood() {
	local pace quiet loud
	pace=$(calc "${FIGURE[pps_xdp_redirect]:-0} / 2")
	for _ in $(seq $ROUNDS); do
		[ "$pace" -gt 0 ] || break
		quiet=$(live xdp_redirect -p "$pace" | awk '{ print $1 }')
		loud=$(live xdp_redirect -f -p "$pace" | awk '{ print $1 }')
		[ -n "$quiet" ] && [ -n "$loud" ] && calc "$loud / $quiet" '%.3f\n'
	done >$SCRATCH/flood
	if [ -s $SCRATCH/flood ]; then
		grep 'flood:' $SCRATCH/live.log | tail -n 1
		quiet=$(live xdp_redirect | awk '{ print $1 }')
		loud=$(live xdp_redirect -f | awk '{ print $1 }')
		echo "# the share of a flow that is not paced: $(calc "${loud:-0} / ${quiet:-1}" %.3f)"
		figure flood_flow_share "$(median <$SCRATCH/flood)" of-1
	else
		missing flood_flow_share "$(tail -n 1 $SCRATCH/live.log)"
	fi
}
