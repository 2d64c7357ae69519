# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A small internet in namespaces, for tests and for the demo.
#
# lab_enter re-executes the script in network, mount and PID namespaces of its
# own, with a private bpffs, /run/netns, /run/wireguard and /run/sluice: names
# never collide between two runs, and the kernel takes everything away when the
# script ends, however it ends.
#
#   host --- nat --- inet --- relay       nat: one site, masquerading IPv4
#                     |
#   host --- nat -----+
#
# Site N has the public addresses 198.18.N.2 and 2001:db8:N::2 and behind it the
# host 192.168.N.2 and 2001:db8:N:1::2 (IPv6 is routed, not translated). The
# relay is 192.0.2.2 and 2001:db8::2.

LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$LIB/../.." && pwd)
O=${O:-$TOP/build}
RELAY4=192.0.2.2
RELAY6=2001:db8::2
PATH=$PATH:/usr/sbin:/sbin
# How many times slower than usual this machine is: an emulated one.
LAB_SLOW=${LAB_SLOW:-1}
LAB_POLL=$(printf '0.%03d' $((50 * LAB_SLOW)))

# ---- TAP -----------------------------------------------------------------

TAP_COUNT=0
TAP_FAILED=0

diag() { printf '# %s\n' "$*"; }

# ok STATUS TEXT: STATUS is 0 for true, as $? has it.
ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $TAP_COUNT - $2"
		return 0
	fi
	TAP_FAILED=$((TAP_FAILED + 1))
	echo "not ok $TAP_COUNT - $2"
	diag "line ${BASH_LINENO[0]} of $0"
	return 1
}

# check TEXT COMMAND...: the command's output is shown only if it fails. It runs
# in this shell, so that a function's variables stay.
check() {
	local text=$1 status
	shift
	"$@" >"$LAB/check.out" 2>&1
	status=$?
	ok $status "$text" || tail -n 20 "$LAB/check.out" | sed 's/^/# /'
	return $status
}

# is GOT WANT TEXT
is() {
	[ "$1" = "$2" ]
	ok $? "$3" || { diag "got  '$1'"; diag "want '$2'"; return 1; }
}

# between GOT LOW HIGH TEXT: integers, inclusive.
between() {
	[ "${1:-x}" -ge "$2" ] 2>/dev/null && [ "$1" -le "$3" ]
	ok $? "$4" || { diag "got '$1', want $2 to $3"; return 1; }
}

skip_all() { echo "1..0 # SKIP $1"; exit 0; }

done_testing() {
	echo "1..$TAP_COUNT"
	[ "$TAP_FAILED" -eq 0 ] || lab_logs
	exit $((TAP_FAILED != 0))
}

# wait_for SECONDS COMMAND...: until it succeeds; its status in the end.
wait_for() {
	local deadline=$((SECONDS + $1 * LAB_SLOW))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep "$LAB_POLL"
	done
}

# ---- the namespaces ------------------------------------------------------

# lab_enter "$@": call first, with the script's arguments.
lab_enter() {
	if [ -z "${SLUICE_LAB:-}" ]; then
		[ "$(id -u)" = 0 ] || skip_all "needs root"
		[ -z "${LAB_NIC:-}" ] || exec {MACHINE_NET}</proc/self/ns/net
		export MACHINE_NET
		SLUICE_LAB=1 exec unshare --net --mount --pid --fork --kill-child \
			--propagation private --mount-proc bash "$0" "$@"
	fi
	mount -t bpf bpf /sys/fs/bpf || exit 1
	local dir
	for dir in /run/netns /run/wireguard /run/sluice; do
		mkdir -p "$dir" && mount -t tmpfs -o mode=0700 tmpfs "$dir" || exit 1
	done
	# A scratch folder that goes with the mount namespace.
	LAB=/run/sluice/lab
	mkdir -p "$LAB"
	export LAB
}

# ns NAME COMMAND...: not `ip netns exec`, which would hide the bpffs.
ns() {
	local name=$1
	shift
	nsenter --net="/run/netns/$name" -- "$@"
}

make_ns() {
	local name
	for name in "$@"; do
		ip netns add "$name"
		ip -n "$name" link set lo up
		ns "$name" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
			net.ipv6.conf.default.accept_dad=0 \
			net.ipv4.conf.all.rp_filter=0
	done
}

# takes_xdp NS IF: frames that the veth's peer redirects or transmits in XDP
# arrive only if a program sits here (GRO is enough for redirected ones).
takes_xdp() {
	ns "$1" ip link set dev "$2" xdpdrv \
		obj "$O/selftests/net/pass.$(xdp_endian).o" sec xdp
}
xdp_endian() {
	case $(uname -m) in s390x) echo eb ;; *) echo el ;; esac
}

# link_ns NS1 IF1 NS2 IF2: a veth pair, GRO on so that redirected frames arrive.
link_ns() {
	ip -n "$1" link add "$2" type veth peer name "$4" netns "$3"
	ns "$1" ethtool -K "$2" gro on >/dev/null
	ns "$3" ethtool -K "$4" gro on >/dev/null
	ip -n "$1" link set "$2" up
	ip -n "$3" link set "$4" up
}

addr() { # addr NS IF ADDRESS...
	local name=$1 device=$2 address
	shift 2
	for address in "$@"; do
		case $address in
		*:*) ip -n "$name" addr add "$address" dev "$device" nodad ;;
		*) ip -n "$name" addr add "$address" dev "$device" ;;
		esac
	done
}

forwarding() {
	ns "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# link_nics IF,IF NS1 IF1 NS2 IF2: the same with two network cards of this machine
# that are joined outside it. When the lab ends they are the machine's again.
link_nics() {
	local cards=$1 end
	shift
	for end in "${cards%,*} $1 $2" "${cards#*,} $3 $4"; do
		# shellcheck disable=SC2086
		set -- $end
		nsenter --net="/proc/$$/fd/$MACHINE_NET" -- \
			ip link set "$1" netns "/run/netns/$2" name "$3" || exit 1
		ip -n "$2" link set "$3" up
	done
}

# make_inet: the router in the middle and the relay's host behind it. LAB_NIC=IF,IF
# puts two joined network cards between them, where the veth pair is else.
make_inet() {
	make_ns inet relay
	forwarding inet
	if [ -n "${LAB_NIC:-}" ]; then
		link_nics "$LAB_NIC" inet torelay relay eth0
	else
		link_ns inet torelay relay eth0
		takes_xdp inet torelay
	fi
	addr inet torelay 192.0.2.1/24 2001:db8::1/64
	addr relay eth0 $RELAY4/24 $RELAY6/64
	ip -n relay route add default via 192.0.2.1
	ip -n relay -6 route add default via 2001:db8::1
}

# make_site NUMBER HOST: a NAT box nNUMBER and a host behind it.
make_site() {
	local n=$1 host=$2 nat=n$1
	make_ns "$nat" "$host"
	forwarding "$nat"
	link_ns inet "to$n" "$nat" wan
	link_ns "$nat" lan "$host" eth0
	addr inet "to$n" "198.18.$n.1/24" "2001:db8:$n::1/64"
	addr "$nat" wan "198.18.$n.2/24" "2001:db8:$n::2/64"
	addr "$nat" lan "192.168.$n.1/24" "2001:db8:$n:1::1/64"
	addr "$host" eth0 "192.168.$n.2/24" "2001:db8:$n:1::2/64"
	ip -n "$nat" route add default via "198.18.$n.1"
	ip -n "$nat" -6 route add default via "2001:db8:$n::1"
	ip -n inet -6 route add "2001:db8:$n:1::/64" via "2001:db8:$n::2"
	ip -n "$host" route add default via "192.168.$n.1"
	ip -n "$host" -6 route add default via "2001:db8:$n:1::1"
	ns "$nat" nft -f - <<-NFT || exit 1
		table ip nat {
			chain postrouting {
				type nat hook postrouting priority srcnat
				oifname "wan" masquerade random
			}
		}
	NFT
}

# renumber_nat NUMBER PREFIX: the site's public IPv4 address becomes PREFIX.2 in
# mid flow, as when a modem redials; what the NAT knew is gone.
renumber_nat() {
	ip -n inet addr add "$2.1/24" dev "to$1"
	ip -n "n$1" -4 addr flush dev wan
	addr "n$1" wan "$2.2/24"
	ip -n "n$1" route add default via "$2.1"
	forget_nat "$1"
}

# forget_nat NUMBER: every flow gets a new public port with its next packet.
forget_nat() { ns "n$1" conntrack -F 2>/dev/null; }

# ---- WireGuard peers -----------------------------------------------------

# WG=kernel|go; by default the kernel's where it has one.
wg_kind() {
	if [ -z "${WG:-}" ]; then
		if ip link add wgprobe type wireguard 2>/dev/null; then
			ip link del wgprobe
			WG=kernel
		else
			WG=go
		fi
		export WG
	fi
	echo "$WG"
}

# wg_device NS IF: an interface, not configured. IF is unique in the lab.
wg_device() {
	wg_kind >/dev/null # here, not in a subshell: asked once
	if [ "$WG" = kernel ]; then
		ip -n "$1" link add "$2" type wireguard
		return
	fi
	WG_PROCESS_FOREGROUND=1 LOG_LEVEL=error \
		nsenter --net="/run/netns/$1" -- wireguard-go "$2" >"$LAB/$2.log" 2>&1 &
	echo $! >"$LAB/$2.pid"
	wait_for 10 test -S "/run/wireguard/$2.sock"
}

# wg_up NS IF ADDRESS[,ADDRESS] [MTU]: configured by "wg setconf" syntax on
# standard input.
wg_up() {
	local name=$1 device=$2 address mtu=${4:-1420}
	wg_device "$name" "$device" || return 1
	ns "$name" wg setconf "$device" /dev/stdin || return 1
	for address in ${3//,/ }; do
		addr "$name" "$device" "$address"
	done
	ip -n "$name" link set "$device" mtu "$mtu" up
}

# keys NAME...: a key pair each, in $LAB/NAME.key and $LAB/NAME.pub.
keys() {
	local name
	for name in "$@"; do
		(umask 077 && wg genkey >"$LAB/$name.key")
		wg pubkey <"$LAB/$name.key" >"$LAB/$name.pub"
	done
}
key() { cat "$LAB/$1.key"; }
pub() { cat "$LAB/$1.pub"; }

# handshake_age NS IF PUBLIC-KEY: seconds since the last one; fails if none.
handshake_age() {
	local at
	at=$(ns "$1" wg show "$2" latest-handshakes | awk -v k="$3" '$1 == k { print $2 }')
	[ "${at:-0}" -gt 0 ] || return 1
	echo $(($(date +%s) - at))
}

# ---- the relay -----------------------------------------------------------

# relay_conf [LINE...]: $LAB/sluice.conf with the defaults of the lab; a line
# that is given replaces the default of the same name.
relay_conf() {
	[ -f "$LAB/relay.key" ] || keys relay
	local line name lines
	lines=$(printf '%s\n' "PrivateKeyFile = $LAB/relay.key" "Interface = eth0" \
		"AllowedPublicKeys = all" "StateFile = $LAB/state/relay.json")
	for line in "$@"; do
		name=${line%%[ =]*}
		lines=$(printf '%s\n' "$lines" | grep -v "^$name ")
		lines="$lines
$line"
	done
	mkdir -p "$LAB/state"
	(umask 077 && printf '[Relay]\n%s\n' "$lines" >"$LAB/sluice.conf")
}

# start_sluiced [NS]: in the background; ready when it returns 0.
start_sluiced() {
	local name=${1:-relay}
	nsenter --net="/run/netns/$name" -- "${SLUICED:-$O/sluiced}" -c "$LAB/sluice.conf" \
		>>"$LAB/sluiced.log" 2>&1 &
	SLUICED_PID=$!
	echo "$SLUICED_PID" >"$LAB/sluiced.pid"
	wait_for 20 sluice_ready
}
sluice() { ns relay "$O/sluice" "$@"; }
sluice_ready() { sluice relay status; }

# stop_sluiced [SIGNAL]: and wait for its end.
stop_sluiced() {
	kill "-${1:-TERM}" "$SLUICED_PID" 2>/dev/null
	wait "$SLUICED_PID" 2>/dev/null
}

# relay_json COMMAND FILTER: one figure out of `sluice -j relay COMMAND`.
relay_json() { sluice -j relay "$1" | jq -r "$2"; }
# reason NAME: packets counted under a dataplane reason (reason.h).
reason() { relay_json status "([.reasons[] | select(.name == \"$1\") | .packets] | add) // 0"; }
# outcome NAME: the agent's own count (outcome.h).
outcome() { relay_json status ".outcomes.\"$1\" // 0"; }

lab_logs() {
	local file
	for file in "$LAB"/*.log; do
		[ -s "$file" ] || continue
		diag "---- ${file##*/}"
		tail -n 30 "$file" | sed 's/^/# /'
	done
}

# ---- peers of the relay --------------------------------------------------

RELAY_INNER=10.120.0.254

# peer NAME IF ADDRESS [RELAY-ENDPOINT [FRIEND=ADDRESS...]]: a WireGuard peer in
# namespace NAME that lists the relay, and each friend at the relay's endpoint.
# Keepalives as a peer behind NAT has them.
peer() {
	local name=$1 device=$2 address=$3 endpoint=${4:-$RELAY4:8787} friend
	[ -f "$LAB/$name.key" ] || keys "$name"
	{
		printf '[Interface]\nPrivateKey = %s\n' "$(key "$name")"
		printf '[Peer]\nPublicKey = %s\nEndpoint = %s\nAllowedIPs = %s/32\nPersistentKeepalive = 25\n' \
			"$(pub relay)" "$endpoint" "$RELAY_INNER"
		for friend in "${@:5}"; do
			printf '[Peer]\nPublicKey = %s\nEndpoint = %s\nAllowedIPs = %s/32\n' \
				"$(pub "${friend%=*}")" "$endpoint" "${friend#*=}"
			[ -z "${KEEPALIVE:-}" ] || echo "PersistentKeepalive = $KEEPALIVE"
		done
	} | wg_up "$name" "$device" "$address/24"
}

# known NAME IF: the peer has a handshake with the relay, and the relay knows.
known() { wait_for 15 handshake_age "$1" "$2" "$(pub relay)"; }

# publish NAME [FRIEND...]: the peer's consent list.
publish() {
	local name=$1 friend list=()
	shift
	for friend in "$@"; do
		list+=("$(pub "$friend")")
	done
	ns "$name" "$O/selftests/net/publish" $RELAY_INNER "${list[@]}"
}

# pinging NS ADDRESS [SECONDS]: until one answer comes.
pinging() { wait_for "${3:-15}" ns "$1" ping -c1 -W1 "$2"; }

# capture FILE NS IF FILTER [COUNT]: in the background, end_capture ends it. A number
# of packets is there as soon as they were: in an emulated guest, the kernel's blocks
# of packets can take longer to come round than the test.
capture() {
	nsenter --net="/run/netns/$2" -- tcpdump -U -ni "$3" -w "$1" \
		${5:+-c "$5" --immediate-mode} "$4" 2>/dev/null &
	CAPTURE=$!
	wait_for 5 test -s "$1"
}
end_capture() {
	kill "$CAPTURE" 2>/dev/null
	wait "$CAPTURE" 2>/dev/null
}

# captured FILE [FILTER]: UDP payload bytes and packets, "BYTES PACKETS".
captured() {
	tcpdump -nr "$1" "${2:-}" 2>/dev/null | awk '{
		for (i = 1; i < NF; i++)
			if ($i == "length")
				bytes += $(i + 1)
		} END { print bytes + 0, NR }'
}

# bad_checksums FILE: how many packets of a capture tcpdump finds fault with.
bad_checksums() { tcpdump -vvnr "$1" 2>/dev/null | grep -c -E 'bad (udp )?cksum'; }
