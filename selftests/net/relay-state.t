#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The state file: written when the daemon stops, and one that the daemon can not
# use is no reason to stay down and nothing to destroy.

. "$(dirname "$0")/lib.sh"
lab_enter "$@"
make_inet
make_site 1 hub
relay_conf
STATE=$LAB/state/relay.json
check "sluiced starts" start_sluiced || done_testing
keys hub
peer hub wgh 10.120.0.1
check "the hub has a handshake with the relay" known hub wgh
check "its state is saved soon" wait_for 10 grep -q "$(pub hub)" "$STATE"
stop_sluiced

check "sluiced starts again" start_sluiced || done_testing
# The peer is called, and saved once more when it answers.
check "the hub is back" wait_for 15 eval '[ "$(relay_json peers ".peers[].legs[].local" | wc -l)" = 1 ]'
sleep 2
rm "$STATE"
stop_sluiced
check "it saves when it stops" grep -q "$(pub hub)" "$STATE"

# bad TEXT CONTENT: a state file with that in it.
bad() {
	rm -f "$STATE.bad"
	printf '%s' "$2" >"$STATE"
	check "$1: sluiced starts" start_sluiced || return
	is "$(cat "$STATE.bad")" "$2" "$1: it is kept beside"
	check "$1: the peer is there, by its leg" \
		wait_for 15 eval '[ "$(relay_json peers ".peers | length")" = 1 ]'
	stop_sluiced
	check "$1: and saved" grep -q "$(pub hub)" "$STATE"
}
bad "no JSON" '{"sluice": 1, "engine"'
bad "another document" '{"name": "value"}'
bad "a later format of the peers" '{"sluice":1,"engine":{"format":"other","version":9,"peers":[]},"blocks":[]}'
# A block that the pinned set got while the daemon was not there. The key is the
# length in the host's order and the mapped address of the site.
length="128 0 0 0"
[ "$(xdp_endian)" = el ] || length="0 0 0 128"
# shellcheck disable=SC2086 # bytes, one word each
bpftool map update pinned /sys/fs/bpf/sluice/v1/maps/relay_block \
	key $length 0 0 0 0 0 0 0 0 0 0 255 255 198 18 1 2 \
	value 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
check "sluiced starts, its only peer is blocked" start_sluiced
is "$(outcome leg_blocked) $(relay_json peers '[.peers[].legs[]] | length')" "1 0" "the peer has no leg"
stop_sluiced

# Of a set that is pinned the blocks count and not the file's.
rm -r /sys/fs/bpf/sluice
bad "blocks that are none" "$(jq -c '.blocks = 7' "$STATE" | head -c 100000)"
done_testing
