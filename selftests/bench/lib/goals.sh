# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The goals, judged from this run's own figures.

# figures in an expression are written @NAME; an absent one makes no verdict.
expand() {
	local text=$1 name
	while [[ $text =~ @([a-z0-9_]+) ]]; do
		name=${BASH_REMATCH[1]}
		[ -n "${FIGURE[$name]:-}" ] || return 1
		text=${text/@$name/${FIGURE[$name]}}
	done
	echo "$text"
}

# goal TEXT EXPRESSION RELATION BOUND
goal() {
	local text=$1 expression value verdict
	if ! expression=$(expand "$2"); then
		printf '# %-52s %10s %2s %-7s %s\n' "$text" - "$3" "$4" "not measured"
		return
	fi
	value=$(calc "$expression" '%.3f')
	verdict=$(calc "$value $3 $4 ? 1 : 0")
	[ "$verdict" = 1 ] && verdict=met || verdict="NOT MET"
	printf '# %-52s %10s %2s %-7s %s\n' "$text" "$value" "$3" "$4" "$verdict"
}

judge() {
	echo "#"
	printf '# %-52s %10s    %-7s\n' goal value bound
	goal "forward v4 / floor" "@relay_forward_v4 / @relay_floor" '<=' 1.35
	goal "mac1 rejection / empty" "@relay_mac1_reject / @relay_empty" '<=' 17
	goal "a million at random, net: buckets / hash" \
		"(@relay_random_1m - @relay_random_floor) / (@relay_hash_1m - @relay_random_floor)" '<=' 0.5
	goal "XDP redirect / bare redirect" "@pps_xdp_redirect / @pps_bare_redirect" '>=' 0.9
	goal "XDP redirect / nftables with conntrack" "@pps_xdp_redirect / @pps_nft_conntrack" '>=' 4.5
	goal "XDP redirect / user space" "@pps_xdp_redirect / @pps_userspace" '>=' 9
	goal "redirect: a million sessions / one" "@pps_xdp_redirect_1m / @pps_xdp_redirect" '>=' 0.6
	goal "share of its rate a flow keeps in a flood" "@flood_flow_share" '>=' 0.9
	goal "round trips until a moved peer is back" "@roam_recovery_ms / @roam_rtt_ms" '<=' 2.5
	goal "packets lost over kill -9 and start" "@restart_lost_packets" '<=' 0
	goal "packets lost over an upgrade" "@upgrade_lost_packets" '<=' 0
	goal "memory, default sizes, MiB" "@memory_default_mib" '<=' 48
	goal "memory, 65,534 legs, 1,048,576 sessions, MiB" "@memory_large_mib" '<=' 128
	echo "# for comparison, generator included: buckets / hash $(expand '@relay_random_1m / @relay_hash_1m' | xargs -I{} awk 'BEGIN { printf "%.3f", {} }')"
	[ "$MISSING" -eq 0 ] || echo "# $MISSING figures are missing"
}
