#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The loader against the kernel: load, take over, upgrade, refuse, unload, and
# being killed at every step. Everything happens in a network and a mount
# namespace of its own with a private BPF file system.

cd "$(dirname "$0")/../.." || exit 1
if [ -z "$LOADER_TEST_INSIDE" ]; then
	LOADER_TEST_INSIDE=1 exec unshare -n -m -- "$BASH" selftests/net/loader.t
fi

O=${O:-build}
LOAD=$O/sluice-load
NEXT=$O/selftests/net/loader_next
BPFFS=/sys/fs/bpf
ROOT=$BPFFS/sluice
BASE=$ROOT/v1
OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT

count=0
failed=0

# ok STATUS NAME
ok() {
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - $2"
	sed 's/^/# /' "$OUT/err" 2>/dev/null
}

# is GOT WANTED NAME
is() {
	[ "$1" = "$2" ]
	ok $? "$3"
	[ "$1" = "$2" ] || printf '# got  %s\n# want %s\n' "$1" "$2"
}

# runs NAME COMMAND...: it succeeds
runs() {
	local name=$1
	shift
	"$@" >"$OUT/out" 2>"$OUT/err"
	ok $? "$name"
}

# refused NAME TEXT COMMAND...: it fails with status 1 and says TEXT
refused() {
	local name=$1 text=$2 status
	shift 2
	"$@" >"$OUT/out" 2>"$OUT/err"
	status=$?
	[ $status -eq 1 ] && grep -q -- "$text" "$OUT/err"
	ok $? "$name"
}

# eventually COMMAND...: within five seconds
eventually() {
	local _
	for _ in $(seq 250); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.02
	done
	return 1
}

status() { # JQ-FILTER
	"$LOAD" status -j | jq -r "$1"
}

link_id() { bpftool -j link show pinned "$BASE/links/$1" | jq .id; }
prog_on() { status ".links[] | select(.device == \"$1\") | .program"; }
map_ids() {
	local map
	for map in "$BASE"/maps/*; do
		bpftool -j map show pinned "$map" | jq .id
	done
}
config() { bpftool -j map dump pinned $BASE/maps/relay_config | jq -c '.[].formatted.value'; }
# next_runs IFNAME: is it the later release's program, by a constant of its own?
next_runs() {
	local id
	for id in $(bpftool -j prog show id "$(prog_on "$1")" | jq '.map_ids[]'); do
		bpftool -j map show id "$id" | grep -q rodata &&
			bpftool map dump id "$id" | grep -q next_release && return 0
	done
	return 1
}
gone() { ! bpftool "$1" show id "$2"; }
# poke OFFSET BYTE: changes one byte of the pinned meta
poke() {
	local bytes
	read -ra bytes < <(bpftool -j map lookup pinned $BASE/maps/meta key 0 0 0 0 |
		jq -r '.value | join(" ")')
	bytes[$1]=$2
	bpftool map update pinned $BASE/maps/meta key 0 0 0 0 value "${bytes[@]}"
}
meta_byte() { bpftool -j map lookup pinned $BASE/maps/meta key 0 0 0 0 | jq -r ".value[$1]"; }

test_fresh() {
	refused "status says that there is nothing" "Nothing is loaded" "$LOAD" status
	refused "so does unload" "Nothing is loaded" "$LOAD" unload
	runs "a first load mounts the file system and attaches" "$LOAD" load v0
	is "$(stat -fc %T $BPFFS)" bpf_fs "a BPF file system is there"
	is "$(stat -c %a $BASE)" 700 "the set is closed to others"
	is "$(status '.links[0] | [.device, .state, .attached, .current] | join(" ")')" \
		"v0 native true true" "status: native, attached, this build"
	is "$(status .build)" "$(bpftool -j map dump pinned $BASE/maps/meta |
		jq -r '.[].formatted.value.build')" "meta reads the same with bpftool"
	is "$(bpftool -j map dump pinned $BASE/maps/reason_name |
		jq -r '.[0].formatted.value.name')" forward_tx "reasons have names"
	bpftool map dump pinned $BASE/maps/relay_config |
		grep -q '"seed_mul": [0-9]*[13579],'
	ok $? "the multiplier is odd"
	is "$(bpftool -j map dump pinned $BASE/maps/relay_config |
		jq -c '.[0].formatted.value | [.port_min, .port_max]')" "[0,0]" \
		"no port is the relay's before the agent says so"
}

test_again() {
	local link prog maps
	link=$(link_id xdp_v0) prog=$(prog_on v0) maps=$(map_ids)
	chmod 755 $BASE
	runs "a second load is welcome" "$LOAD" load v0
	is "$(stat -c %a $BASE)" 700 "and closes what somebody opened"
	is "$(link_id xdp_v0)" "$link" "the link stays"
	is "$(prog_on v0)" "$prog" "the program stays"
	is "$(map_ids)" "$maps" "the maps stay"
	runs "a second device, with a dot in its name" "$LOAD" load v0.5
	is "$(status '.links | map(.device) | join(" ")')" "v0 v0.5" "both are attached"
}

test_upgrade() {
	local link prog build maps config
	link=$(link_id xdp_v0) prog=$(prog_on v0) maps=$(map_ids)
	build=$(status .build) config=$(config)
	runs "another build takes the set over" "$NEXT" $ROOT attach v0
	is "$(link_id xdp_v0)" "$link" "the link stays"
	is "$(map_ids)" "$maps" "the maps stay"
	is "$(config)" "$config" "so does what is in them"
	[ "$(prog_on v0)" != "$prog" ] && next_runs v0
	ok $? "the program is another"
	is "$(bpftool -j prog show pinned $BASE/progs/relay | jq .id)" "$(prog_on v0)" \
		"and it is the pinned one"
	is "$(prog_on v0.5)" "$prog" "a device that was not named keeps its program"
	is "$(status .current)" false "status: it is another build"
	is "$(status '.links | map(.current) | join(" ")')" "false false" "on each device"
	runs "and back again" "$LOAD" load v0 v0.5
	is "$(status .build)" "$build" "the build is the first one"
	is "$(status '.links | map(.current) | join(" ")')" "true true" "on each device"
	is "$(link_id xdp_v0)" "$link" "the link is still the same"
}

test_refusals() {
	refused "other sizes are refused" "relay_session.* has size .* wanted is .*unload" \
		"$LOAD" load --sessions 1000 v0
	refused "so are other peers" "has size 16385, wanted is 8" "$LOAD" load --peers 7 v0
	runs "the same sizes are not" "$LOAD" load --peers 16384 --sessions 262144 v0

	local abi_at=4 role_at=8 saved
	[ "$(meta_byte 4)" = 0x01 ] || abi_at=7 # big-endian
	poke $abi_at 9
	refused "another layout is refused" "has layout .* this program knows 1.*unload" \
		"$LOAD" load v0
	refused "and status does not read it" "has layout" "$LOAD" status
	poke $abi_at 1
	saved=$(meta_byte $role_at)
	poke $role_at 0x78
	refused "another role is refused" "belongs to the role" "$LOAD" load v0
	refused "and not unloaded" "belongs to the role" "$LOAD" unload
	poke $role_at "$saved"
	saved=$(meta_byte 0)
	poke 0 0
	refused "a stranger's set is refused" "not made by Sluice" "$LOAD" load v0
	refused "and not unloaded" "not made by Sluice" "$LOAD" unload
	poke 0 "$saved"

	mv $BASE/maps/relay_peer $BASE/maps/kept
	refused "a missing map is refused" "has no map relay_peer" "$LOAD" load v0
	bpftool map create $BASE/maps/relay_peer type array key 4 value 16 \
		entries 16385 name relay_peer flags 0x400
	refused "a map with another value is refused" "value size 16, wanted is 48" \
		"$LOAD" load v0
	refused "also by status" "value size 16" "$LOAD" status
	rm $BASE/maps/relay_peer
	mv $BASE/maps/kept $BASE/maps/relay_peer

	mkdir $ROOT/v7
	refused "a set of another version is refused" "v7 holds layout 7.*unload" \
		"$LOAD" load v0
	rmdir $ROOT/v7
	runs "all is well again" "$LOAD" load v0
	is "$(status '.links | map(.attached) | join(" ")')" "true true" \
		"nothing was detached by any of it"
}

test_lock() {
	coproc HOLDER { exec "$NEXT" $ROOT hold; }
	local pid=$HOLDER_PID line
	read -r line <&"${HOLDER[0]}"
	is "$line" held "somebody holds the set"
	refused "a second holder is refused and told who" "Process [0-9]* holds" \
		"$LOAD" load v0
	refused "unload as well" "Process [0-9]* holds" "$LOAD" unload
	runs "status needs no lock" "$LOAD" status
	runs "another pin root is free" "$LOAD" load -p $BPFFS/second --peers 4 --sessions 8
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	runs "the lock goes with its holder" eventually "$LOAD" load v0
}

test_busy() {
	runs "a device is taken by a link" "$LOAD" load -p $BPFFS/second --peers 4 --sessions 8 v1
	refused "which is refused with its program" "v1 is in use by XDP program [0-9]" \
		"$LOAD" load v1
	runs "it is free again" "$LOAD" unload -p $BPFFS/second
	bpftool net attach xdp pinned $BASE/progs/relay dev v1 2>"$OUT/err"
	ok $? "a device is taken by a program without a link"
	refused "which is refused as well" "v1 is in use by XDP program [0-9]" "$LOAD" load v1
	bpftool net detach xdp dev v1
	bpftool net attach xdpgeneric pinned $BASE/progs/relay dev v1
	refused "also in the other mode" "v1 is in use by XDP program [0-9]" "$LOAD" load v1
	bpftool net detach xdpgeneric dev v1
}

test_modes() {
	refused "no native XDP: refused" "lo has no native XDP: .*generic or auto" "$LOAD" load lo
	is "$(status '.links | length')" 2 "and not attached"
	runs "auto falls back" "$LOAD" load --xdp-mode auto lo
	is "$(status '.links[] | select(.device == "lo") | .state')" generic "and says so"
	refused "native is refused then, too" "no native XDP.*stays in generic" "$LOAD" load lo
	is "$(status '.links[] | select(.device == "lo") | .attached')" true \
		"what ran before still runs"
	runs "auto uses native where it is" "$LOAD" load --xdp-mode auto v1
	is "$(status '.links[] | select(.device == "v1") | .state')" native "and says so"
	runs "a mode can be changed" "$LOAD" load --xdp-mode generic v1
	is "$(status '.links[] | select(.device == "v1") | .state')" generic "to generic"
	runs "a mode can be changed back" "$LOAD" load v1
	is "$(status '.links[] | select(.device == "v1") | .state')" native "to native"
}

test_devices() {
	local link
	link=$(link_id xdp_v1)
	ip link set v1 name wan.2
	is "$(status '.links | map(.device) | sort | join(" ")')" "lo v0 v0.5 wan.2" \
		"a renamed device has its new name"
	runs "and is found by it" "$LOAD" load wan.2
	is "$(link_id xdp_v1)" "$link" "with the link it had"
	ip link add v1 type veth peer name w2
	runs "a new device with the old name" "$LOAD" load v1
	is "$(status '[.links[] | select(.attached)] | map(.device) | sort | join(" ")')" \
		"lo v0 v0.5 v1 wan.2" "has a link of its own"
	ip link del wan.2

	ip link del v1
	eventually test "$(status '.links[] | select(.device == "v1") | .state')" = severed
	ok $? "a device that has gone is noticed"
	"$LOAD" status >"$OUT/err"
	[ $? -eq 1 ]
	ok $? "and status fails"
	ip link add v1 type veth peer name w2
	is "$(status '.links[] | select(.device == "v1") | .state')" severed \
		"its successor is not taken for it"
	"$LOAD" status | grep -q 'v1: severed, .*load again'
	ok $? "and the advice is to load again"
	runs "which mends it" "$LOAD" load v1
	is "$(status '.links[] | select(.device == "v1") | .state')" native "it is attached"
	refused "a device that never was is refused" "no network device v9" "$LOAD" load v9
}

test_unload() {
	local maps prog id
	maps=$(map_ids) prog=$(prog_on v0)
	runs "unload" "$LOAD" unload
	is "$(find $BPFFS -mindepth 1 -path '*sluice*')" "" "no pin is left"
	ip -j link | jq -e 'all(.[]; has("xdp") | not)' >/dev/null
	ok $? "no device has a program"
	for id in $maps; do
		eventually gone map "$id" || break
	done
	ok $? "no map is left"
	eventually gone prog "$prog"
	ok $? "no program is left"
	refused "a failed first load" "no native XDP" "$LOAD" load v0 lo
	is "$(find $BPFFS -mindepth 1 -path '*sluice*')" "" "leaves nothing behind"
}

# killed_at N COMMAND...: was it killed, or had it less than N steps?
killed_at() {
	local step=$1 status
	shift
	# A subshell, so that bash does not report the signal on our output.
	(KILL_AT=$step exec "$@") >"$OUT/out" 2>"$OUT/err"
	status=$?
	[ $status -eq 137 ]
}

healthy() {
	[ "$(status '[.current, (.links | map(.attached and .current) | all)] | all')" = true ] &&
		[ "$(status '.links | length')" = 1 ] && ! next_runs v0
}

# kill_everywhere NAME COMMAND...: at each step, from the state that prepare()
# makes; then a load must mend it.
kill_everywhere() {
	local name=$1 step=1 bad=""
	shift
	while :; do
		prepare >"$OUT/out" 2>&1 || bad="$bad prepare:$step"
		killed_at $step "$@" || break
		"$LOAD" load v0 >"$OUT/out" 2>"$OUT/err" && healthy || bad="$bad $step"
		step=$((step + 1))
	done 2>/dev/null
	is "$bad" "" "$name: mended after each of $((step - 1)) deaths"
	[ $step -gt "$least" ]
	ok $? "$name: there were at least $least"
	[ ! -d $ROOT ] || "$LOAD" unload >/dev/null
}

test_kills() {
	local least
	prepare() { [ ! -d $ROOT ] || "$LOAD" unload; }
	least=16 kill_everywhere "first load" "$NEXT" $ROOT attach v0
	prepare() { "$LOAD" load v0; }
	least=5 kill_everywhere "upgrade" "$NEXT" $ROOT attach v0
	least=16 kill_everywhere "unload" "$NEXT" $ROOT unload
}

with() { # +CAP,+CAP COMMAND...
	local set="-all,$1"
	shift
	setpriv --bounding-set="$set" --inh-caps="$set" "$@"
}
nobody_with() {
	local set="-all,$1"
	shift
	setpriv --reuid 65534 --regid 65534 --clear-groups \
		--bounding-set="$set" --inh-caps="$set" --ambient-caps="$set" "$@"
}

test_capabilities() {
	local three=+bpf,+net_admin,+perfmon two=+bpf,+net_admin
	runs "three capabilities are enough to load" with $three "$LOAD" load v0
	runs "to upgrade" with $three "$NEXT" $ROOT attach v0
	runs "to check" with $three "$LOAD" check
	runs "to come back" with $three "$LOAD" load v0
	runs "two are enough to take over and attach" with $two "$LOAD" load v0 v1
	runs "to look" with $two "$LOAD" status
	with $two "$LOAD" check >"$OUT/out" 2>"$OUT/err" || grep -q CAP_PERFMON "$OUT/err"
	ok $? "to check, or it says which one is missing"
	with $two "$LOAD" verify >"$OUT/out" 2>"$OUT/err" || grep -q CAP_PERFMON "$OUT/err"
	ok $? "to verify, or the same"
	runs "to unload" with $two "$LOAD" unload
	refused "none are not, and it says so" "CAP_BPF, CAP_NET_ADMIN" \
		setpriv --bounding-set=-all --inh-caps=-all "$LOAD" load v0
	mkdir $BPFFS/prepared
	chown 65534 $BPFFS/prepared
	chmod 711 $BPFFS
	cp "$LOAD" "$OUT/sluice-load"
	chmod 755 "$OUT" "$OUT/sluice-load"
	runs "nobody loads with them into a prepared folder" \
		nobody_with $three "$OUT/sluice-load" load -p $BPFFS/prepared v0
	runs "and unloads" \
		nobody_with $two "$OUT/sluice-load" unload -p $BPFFS/prepared
}

test_tools() {
	runs "check holds" "$LOAD" check
	[ "$("$LOAD" check -j | jq '[.packets[].held] | all and (length >= 5)')" = true ]
	ok $? "each packet of it"
	[ "$("$LOAD" verify -j | jq '.[] | select(.program == "relay") |
		.verified_instructions > .xlated_bytes / 8 and
		.stack_bytes > 0 and .stack_bytes <= 512')" = true ]
	ok $? "the verifier has figures"
	[ "$("$LOAD" verify | awk '$1 == "relay" { print NF }')" = 6 ]
	ok $? "for people as well"
	runs "probe answers" "$LOAD" probe
	is "$("$LOAD" probe -j | jq -r 'map(select(.feature | startswith("xdp_")) | .answer) | unique | join(" ")')" \
		yes "a scratch veth has XDP of each kind"
	is "$("$LOAD" probe -j lo | jq -r '.[] | select(.feature == "xdp_native") | .answer')" no \
		"lo has no native XDP"
	is "$(ip -o link | grep -c probe)" 0 "no scratch device is left"
	refused "a device that is not there" "no network device" "$LOAD" probe v9
	"$LOAD" load --xdp-mode fast v0 2>"$OUT/err"
	is $? 2 "wrong usage is status 2"
	"$LOAD" load --peers 99999 v0 2>"$OUT/err"
	is $? 1 "too many peers are status 1"
	[ "$("$LOAD" status -j | jq -r .error)" != null ]
	ok $? "an error is JSON as well"
}

# Whatever is mounted below, ours is another one: the first load makes it.
mount -t tmpfs none /sys/fs && mkdir -p $BPFFS || exit 1
ip link set lo up
ip link add v0 type veth peer name w0
ip link add v0.5 type veth peer name w0.5
ip link add v1 type veth peer name w1

test_fresh
test_again
test_upgrade
test_refusals
test_lock
test_busy
test_modes
test_devices
test_unload
test_kills
test_capabilities
test_tools

echo "1..$count"
[ $failed -eq 0 ]
