#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sluice hub and sluice spoke with a relay: from nothing to a ping with their
# commands alone, the list published on every change, the last spoke's removal
# too, and what they say when the relay is away.

. "$(dirname "$0")/lib.sh"
lab_enter "$@"
make_inet
make_site 1 hub
make_site 2 anna
make_site 3 bob
relay_conf "ListenPort = 8787-8790"
start_sluiced # not by check, whose subshell would keep its process id
ok $? "sluiced starts" || done_testing

hub() { ns hub "$O/sluice" hub -f "$LAB/hub.conf" "$@"; }
anna() { ns anna "$O/sluice" spoke -f "$LAB/wganna.conf" "$@"; }
bob() { ns bob "$O/sluice" spoke -f "$LAB/bob.conf" "$@"; }
lists() { relay_json peers ".peers[] | select(.public_key == \"$1\") | .lists"; }
says() {
	local words=$1 output
	shift
	output=$("$@" 2>&1 >/dev/null) && { echo "it succeeded"; return 1; }
	[[ $output == *"$words"* ]] || { echo "$output"; return 1; }
}

sluice relay export >"$LAB/relay.export"
check "init takes what relay export printed" sh -c "nsenter --net=/run/netns/hub \
	'$O/sluice' hub -f '$LAB/hub.conf' init --relay-file - --relay $RELAY4 --interface wghub \
	--relay-ports 8787-8790 <'$LAB/relay.export'"
HUBKEY=$(hub -j export | jq -r .public_key)
check "start publishes the list, an empty one too" hub start
is "$(lists "$HUBKEY")" 0 "the relay has a list of nobody"

hub add-spoke anna >"$LAB/wganna.conf" 2>"$LAB/anna.err"
is $? 0 "add-spoke on a running hub"
is "$(lists "$HUBKEY")" 1 "tells the relay"
chmod 600 "$LAB/wganna.conf"
check "the spoke starts with the file that was printed" anna start --no-sync
check "the spoke reaches the hub through the relay" pinging anna 10.120.0.1 30
check "the hub reaches the spoke" pinging hub 10.120.0.3

# The other spoke keeps its key to itself.
check "spoke init" bob init --relay-file "$LAB/relay.export" --relay $RELAY4 \
	--address 10.120.0.4/16 --interface wgbob
BOBKEY=$(sed -n 's/^PrivateKey = //p' "$LAB/bob.conf" | wg pubkey)
ns hub "$O/sluice" hub -f "$LAB/hub.conf" -j add-spoke bob --public-key "$BOBKEY" >"$LAB/bob.json"
is "$(jq -r .published.count "$LAB/bob.json")" 2 "-j says how many keys the relay has"
jq -r .config "$LAB/bob.json" | sed -n 's/^PresharedKey = //p' >"$LAB/bob.psk"
chmod 600 "$LAB/bob.psk"
check "add-hub" bob add-hub "$HUBKEY" --psk-file "$LAB/bob.psk" \
	--endpoint "$(jq -r .endpoint "$LAB/bob.json")"
check "spoke start publishes whom it talks to" bob start
is "$(lists "$BOBKEY")" 1 "the relay has the spoke's list"
check "this spoke reaches the hub too" pinging bob 10.120.0.1
is "$(grep ^Endpoint "$LAB/hub.conf" | sort | uniq -c | awk '$1 > 2' | wc -l)" 0 "spokes are spread over the relay's ports"

# ---- versions ----

BEFORE=$(hub -j sync | jq -r .published.version)
is "$(hub -j sync | jq -r .published.version)" "$BEFORE" "the same file has the same version"
touch -d '1 hour ago' "$LAB/hub.conf"
AFTER=$(hub -j sync | jq -r .published.version)
between "${AFTER:-0}" $((BEFORE + 1)) 9999999999999 "a file from a backup gets a newer one"

# ---- removal ----

check "remove-spoke" hub remove-spoke bob
is "$(lists "$HUBKEY")" 1 "the relay has the shorter list"
check "remove the last spoke" hub remove-spoke anna
is "$(lists "$HUBKEY")" 0 "and that is published as well"
check "without consent nothing passes" sh -c "! nsenter --net=/run/netns/hub ping -c2 -W1 -q 10.120.0.3"

# ---- the relay is away ----

stop_sluiced
check "sync without a relay says so" says "relay" hub sync
is "$(ns hub wg show wghub public-key)" "$HUBKEY" "the interface stays"
start_sluiced
check "and succeeds when it is back" wait_for 60 hub sync
check "stop" hub stop
check "sync on a stopped hub says so" says "hub start" hub sync

# ---- a relay that does not know us ----

stop_sluiced
relay_conf "ListenPort = 8787-8790" "AllowedPublicKeys = $BOBKEY"
start_sluiced
check "start against a relay that refuses us says what to do" says "AllowedPublicKeys" hub start
is "$(ns hub wg show wghub public-key)" "$HUBKEY" "the interface is up all the same"
check "stop" hub stop
done_testing
