# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Figures that need sluiced.

PACE=100000 # packets a second while the daemon comes and goes
PACE_LEAST=50000
AGENT=
PINS=/sys/fs/bpf/sluice

within() { # within SECONDS COMMAND...: until it succeeds
	local deadline=$((SECONDS + $1))
	until "${@:2}" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.02
	done
}

# agent_config PEERS SESSIONS [PORTS]
agent_config() {
	local last=$((8787 + ${3:-1} - 1))
	[ -f $SCRATCH/relay.key ] || (umask 077 && wg genkey >$SCRATCH/relay.key)
	KEY=$(wg pubkey <$SCRATCH/relay.key)
	cat >$SCRATCH/sluice.conf <<-CONF
		[Relay]
		PrivateKeyFile = $SCRATCH/relay.key
		Interface = r0, r1
		ListenPort = 8787$([ $last -eq 8787 ] || echo "-$last")
		AllowedPublicKeys = all
		StateFile = $SCRATCH/relay.json
		MaxPeers = $1
		MaxSessions = $2
	CONF
	chmod 600 $SCRATCH/sluice.conf
}

# agent_start [PROGRAM]: answers when it returns.
agent_start() {
	# Not by in_ns: a function in the background is a shell of its own.
	nsenter --net=/run/netns/r -- taskset -c 1 "${1:-$O/sluiced}" \
		-c $SCRATCH/sluice.conf >>$SCRATCH/agent.log 2>&1 &
	AGENT=$!
	within 30 in_ns r "$O/sluice" relay status && kill -0 $AGENT
}

# agent_stop [SIGNAL]
agent_stop() {
	[ -n "$AGENT" ] || return 0
	kill -"${1:-TERM}" $AGENT
	wait $AGENT 2>/dev/null
	AGENT=
}

# agent_clear: nothing of it is left, on the bpffs or on disk.
agent_clear() {
	agent_stop
	"$O/sluice-load" unload >>$SCRATCH/agent.log 2>&1
	rm -rf $PINS
	rm -f $SCRATCH/relay.json
}

why() { tail -n 1 $SCRATCH/agent.log; }

# with_peers MODE [ARGUMENT...]: a fresh daemon, the figures of `peers MODE`.
with_peers() {
	local line
	agent_config 16384 1048576
	if agent_start; then
		while IFS= read -r line; do
			keep "$line"
			echo "$line" >>$SCRATCH/agent.log
		done < <(taskset -c 1 "$TOOLS/peers" "$@" "$KEY" 2>&1)
	fi
	owe "peers-$1" "$(why)"
	agent_clear
}

handshakes() { with_peers handshakes "$HANDSHAKE_SECONDS"; }
roaming() { with_peers roam; }

program_id() { in_ns r ip -j link show dev r0 | jq '.[0].xdp.prog.id'; }

# lost NAME PROGRAM SIGNAL: packets of one flow that do not arrive while the
# daemon is ended by that signal and PROGRAM is started in its place.
lost() {
	local index rate sent arrived before sender flow ok=1
	before=$(program_id)
	coproc FLOW { "$TOOLS/peers" flow "$KEY" 2>>$SCRATCH/agent.log; }
	flow=$FLOW_PID
	if ! read -r -t 30 index <&"${FLOW[0]}"; then
		missing "$1" "$(why)"
		return
	fi
	"$TOOLS/live" -t 5 -p $PACE -i "$index" agent >$SCRATCH/lost 2>>$SCRATCH/live.log &
	sender=$!
	sleep 1
	agent_stop "$3"
	sleep 0.5
	agent_start "$2" || ok=
	wait $sender
	eval "exec ${FLOW[1]}>&-"
	wait $flow 2>/dev/null
	read -r rate sent arrived <$SCRATCH/lost
	if [ -z "$ok" ]; then
		missing "$1" "$(why)"
	elif [ "${rate:-0}" -lt $PACE_LEAST ]; then
		missing "$1" "only ${rate:-0} packets a second were forwarded"
	elif [ "$1" = upgrade_lost_packets ] && [ "$(program_id)" = "$before" ]; then
		missing "$1" "the program was not replaced"
	else
		echo "# $1: $sent packets at $rate a second"
		figure "$1" $((sent - arrived)) packets
	fi
}

replacing() {
	agent_config 16384 262144
	if ! agent_start; then
		missing restart_lost_packets "$(why)"
		missing upgrade_lost_packets "$(why)"
		return
	fi
	lost restart_lost_packets "$O/sluiced" KILL
	lost upgrade_lost_packets "$TOOLS/upgrade/sluiced" TERM
	agent_clear
}

# What the kernel charges for each map of the set: bytes and name, a line each.
map_bytes() {
	local map
	for map in $PINS/v*/maps/*; do
		bpftool -j map show pinned "$map" |
			jq -r '"\(.bytes_memlock) \(.name)"'
	done | sort -rn
}

# Resident memory of the daemon without the maps that it has mapped: those are
# counted once, as maps. What it has of its libraries counts in full, shared with
# others or not.
agent_bytes() {
	awk '/^[0-9a-f]+-[0-9a-f]+ / { map = /bpf-map/ }
		/^Rss:/ && !map { kib += $2 } END { print kib * 1024 }' /proc/$1/smaps
}

mib() { calc "$1 / 1048576" %.1f; }

# Peers of a relay are behind a router, not on its link: not a neighbour each.
route_peers() {
	in_ns r ip route replace 10.1.0.1/32 dev r0
	in_ns r ip route replace 10.1.0.0/16 via 10.1.0.1 dev r0 onlink
}

# memory_of NAME PEERS PORTS SESSIONS
memory_of() {
	local maps agent empty each
	agent_config "$2" "$4" "$3"
	if agent_start; then
		empty=$(agent_bytes $AGENT)
	fi
	agent_clear
	if in_ns r "$TOOLS/fill" "$2" "$3" "$4" 2>>$SCRATCH/agent.log && agent_start; then
		sleep 1
		each=$(map_bytes)
		maps=$(awk '{ n += $1 } END { print n }' <<<"$each")
		agent=$(agent_bytes $AGENT)
		echo "# $1: maps $(mib "$maps"), agent $(mib "$agent"), $(mib "$empty") of it when nothing is known; $(live_sessions)"
		echo "# $1, maps: $(awk '$1 >= 104858 { printf "%s%s %.1f", sep, $2, $1 / 1048576; sep = ", " }' <<<"$each")"
		figure "$1" "$(mib "($maps + $agent)")" MiB
	else
		missing "$1" "$(why)"
	fi
	agent_clear
}

live_sessions() {
	in_ns r "$O/sluice" -j relay status |
		jq -r '"\(.peers.count) peers, \(.peers.legs) legs, \(.sessions.live) sessions"'
}

memory() {
	route_peers
	memory_of memory_default_mib 16384 1 262144
	memory_of memory_large_mib 16384 4 1048576
}
