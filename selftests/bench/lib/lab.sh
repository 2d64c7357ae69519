# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # SCRATCH is for the other scripts
#
# The benchmarks' namespaces: a (sender), r (relay), b (sink), f (flood).
#
#	a0 10.1.0.0/16 ---- r0 r r1 ---- b0 10.2.0.0/16		f0 ---- r2
#
# Every address of the two networks is local to its namespace, so that thousands
# of peers can live there. 10.1.0.2 is also behind r1, for the paths that are
# compared on one flow.
#
# lab_enter re-executes the script in mount and PID namespaces of its own, with
# a private bpffs and a private /run/netns: names never collide between two runs
# and the kernel takes everything away when the script ends, however it ends.

lab_enter() {
	if [ -z "${BENCH_INSIDE:-}" ]; then
		if [ "$(id -u)" != 0 ]; then
			echo "the benchmarks load programs and make namespaces: run them as root" >&2
			exit 1
		fi
		BENCH_INSIDE=1 exec unshare --net --mount --pid --fork \
			--kill-child --propagation private --mount-proc \
			bash "$0" "$@"
	fi
	mount -t bpf bpf /sys/fs/bpf
	for dir in /run/netns /run/sluice; do
		mkdir -p $dir
		mount -t tmpfs -o mode=0700 tmpfs $dir
	done
	export BENCH_BPFFS=/sys/fs/bpf
	SCRATCH=/run/sluice
}

in_ns() { nsenter --net=/run/netns/"$1" -- "${@:2}"; }

# pair NS DEVICE MAC NS DEVICE MAC
pair() {
	ip link add "$2" address "$3" netns "$1" type veth \
		peer name "$5" address "$6" netns "$4"
	in_ns "$1" ip link set "$2" up
	in_ns "$4" ip link set "$5" up
	# So that frames arrive that a program at the other end redirects.
	in_ns "$1" ethtool -K "$2" gro on
	in_ns "$4" ethtool -K "$5" gro on
}

# peers NS DEVICE MAC NETWORK: where peers live.
peers() {
	in_ns "$1" ip route add local "$4" dev lo
	in_ns "$1" ip route add 10.255.0.1/32 dev "$2"
	in_ns "$1" ip neigh add 10.255.0.1 lladdr "$3" dev "$2"
}

lab_up() {
	local ns
	for ns in a r b f; do
		ip netns add $ns
		in_ns $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
			net.ipv6.conf.default.disable_ipv6=1 \
			net.ipv4.conf.all.rp_filter=0 \
			net.ipv4.conf.default.rp_filter=0
		in_ns $ns ip link set lo up
	done
	# lib/packet.h has the same addresses.
	pair a a0 02:5a:00:00:00:0a r r0 02:5a:00:00:00:10
	pair r r1 02:5a:00:00:00:11 b b0 02:5a:00:00:00:0b
	pair f f0 02:5a:00:00:00:0f r r2 02:5a:00:00:00:12
	peers a a0 02:5a:00:00:00:10 10.1.0.0/16
	peers b b0 02:5a:00:00:00:11 10.2.0.0/16
	in_ns r sysctl -qw net.ipv4.ip_forward=1
	in_ns r ip addr add 10.255.0.1/32 dev r0
	in_ns r ip route add 10.1.0.0/16 dev r0
	in_ns r ip route add 10.2.0.0/16 dev r1
	in_ns r ip route add 10.1.0.2/32 dev r1
	in_ns r ip neigh add 10.1.0.1 lladdr 02:5a:00:00:00:0a dev r0
	in_ns r ip neigh add 10.1.0.2 lladdr 02:5a:00:00:00:0b dev r1
}
