#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sluice hub and sluice spoke without a relay: the files they write work with
# plain wg(8), and start, reload and stop do to an interface what the file says
# and no more.

. "$(dirname "$0")/lib.sh"
lab_enter "$@"
make_ns hub far
link_ns hub eth0 far eth0
addr hub eth0 192.0.2.1/24
addr far eth0 192.0.2.2/24
addr far lo 203.0.113.9/32
ip -n hub route add default via 192.0.2.2
keys relay

HUB="$O/sluice hub -f $LAB/hub.conf"
SPOKE="$O/sluice spoke -f $LAB/spoke.conf"
hub() { ns hub $HUB "$@"; }
far() { ns far $SPOKE "$@"; }
# says WORDS COMMAND...: it fails, and its message has the words.
says() {
	local words=$1 output
	shift
	output=$("$@" 2>&1 >/dev/null) && { echo "it succeeded"; return 1; }
	[[ $output == *"$words"* ]] || { echo "$output"; return 1; }
}
peers() { ns hub wg show wghub peers | wc -l; }
mode() { stat -c %a "$1"; }

# ---- files ----

check "init writes the hub's file" hub init --relay 192.0.2.2:51821 \
	--relay-key "$(pub relay)" --address 10.120.0.1/16,fd12::1/64 \
	--listen-port 51820 --interface wghub
is "$(mode "$LAB/hub.conf")" 600 "only its owner reads it"
check "init does not replace it" says "--force" hub init --relay 192.0.2.2 --relay-key "$(pub relay)"
cp "$LAB/hub.conf" "$LAB/before.conf"
ns hub $HUB add-spoke anna >"$LAB/anna.conf" 2>"$LAB/anna.err"
is $? 0 "add-spoke prints a configuration"
hub add-spoke bob --address 10.120.7.7 --behind 192.168.77.0/24 >"$LAB/bob.conf" 2>/dev/null
is "$(grep -c '^\[Peer\]' "$LAB/anna.conf")" 2 "with two peers"
is "$(grep ^Address "$LAB/anna.conf")" "Address = 10.120.0.3/32, fd12::3/128" "and the next addresses"
ns hub $HUB -j add-spoke carl | jq -r .config >"$LAB/carl.conf"
is "$(grep ^Address "$LAB/carl.conf")" "Address = 10.120.0.4/32, fd12::4/128" "-j has it as well"
ns hub $HUB add-spoke dora --qr 2>/dev/null | grep -q '█▀▀' && ns hub $HUB remove-spoke dora >/dev/null
is $? 0 "--qr shows a code"
KEPT=$(wg genkey | wg pubkey)
hub add-spoke eve --public-key "$KEPT" >"$LAB/eve.conf" 2>/dev/null
! grep -q '^PrivateKey' "$LAB/eve.conf" && grep -q "$KEPT" "$LAB/hub.conf"
is $? 0 "--public-key: the private key stays with the spoke"
check "a taken address is refused" says taken hub add-spoke x --address 10.120.7.7
check "an address in a network behind a spoke is refused" says taken hub add-spoke x --address 192.168.77.5
check "a taken name is refused" says already hub add-spoke anna
check "a taken key is refused" says already hub add-spoke x --public-key "$KEPT"
check "a bad key is refused" says "44 base64" hub add-spoke x --public-key abc
check "an unknown spoke can not be removed" says "no spoke" hub remove-spoke nobody
check "the relay is no spoke" says "the relay" hub remove-spoke "$(pub relay)"
check "a missing file is told" says "sluice hub init" ns hub "$O/sluice" hub -f "$LAB/none.conf" export
for name in bob carl eve; do hub remove-spoke $name >/dev/null; done
hub remove-spoke "$(sed -n 's/.*AllowedPublicKeys: //p' "$LAB/anna.err")" >/dev/null
cmp -s "$LAB/hub.conf" "$LAB/before.conf"
is $? 0 "what add-spoke did, remove-spoke undoes to the byte"
is "$(hub export | sed -n 's/^PublicKey = //p')" \
	"$(sed -n 's/^PrivateKey = //p' "$LAB/hub.conf" | wg pubkey)" "export names the hub's key"
{ for n in 1 2 3 4 5 6; do hub add-spoke "s$n" >/dev/null 2>&1 & done; wait; }
is "$(grep -c '^# sluice: spoke s' "$LAB/hub.conf")" 6 "six at once: none is lost"
is "$(grep AllowedIPs "$LAB/hub.conf" | sort | uniq -d | wc -l)" 0 "and none has another's address"
cp "$LAB/before.conf" "$LAB/hub.conf"

# ---- a hub and plain WireGuard ----

hub add-spoke anna >"$LAB/anna.conf" 2>/dev/null
check "not root: it says so" says "as root" ns hub setpriv --reuid 65534 --clear-groups $HUB start
check "no interface yet: reload says so" says "hub start" hub reload --no-sync
check "no interface yet: sync says so" says "not up" hub sync
check "start" hub start --no-sync
check "start again: it says what to do" says "hub reload" hub start --no-sync
is "$(ip -n hub -br addr show wghub | tr -s ' ' | cut -d' ' -f3-4)" \
	"10.120.0.1/16 fd12::1/64" "the interface has its addresses"
is "$(ns hub wg show wghub listen-port)" 51820 "and its port"
is "$(peers)" 2 "and its peers"

# The spoke: what add-spoke printed, stripped by wg-quick and set by wg. Without
# a relay in between, the hub is met where it is.
sed "s/^Endpoint = 192.0.2.2:51821/Endpoint = 192.0.2.1:51820/; /^\[Interface\]/a ListenPort = 51821" \
	"$LAB/anna.conf" >"$LAB/wganna.conf"
chmod 600 "$LAB/wganna.conf"
wg-quick strip "$LAB/wganna.conf" >"$LAB/stripped.conf"
is $? 0 "wg-quick takes the spoke's file"
wg_up far wganna 10.120.0.3/32,fd12::3/128 <"$LAB/stripped.conf"
ip -n far route add 10.120.0.0/16 dev wganna
ip -n far route add fd12::/64 dev wganna
check "the spoke reaches the hub" pinging far 10.120.0.1
check "over IPv6 too" pinging far fd12::1
check "the hub reaches the spoke" pinging hub 10.120.0.3

# ---- reload: the difference and nothing else ----

ANNA=$(ns far sh -c "sed -n 's/^PrivateKey = //p' $LAB/anna.conf | wg pubkey")
handshake() { ns hub wg show wghub latest-handshakes | grep "$ANNA"; }
received() { ns hub wg show wghub transfer | awk -v k="$ANNA" '$1 == k { print $2 }'; }
FIRST=$(handshake)
BYTES=$(received)
nsenter --net=/run/netns/far -- ping -i 0.02 -c 300 -q 10.120.0.1 >"$LAB/flow.out" &
FLOW=$!
hub add-spoke bob --no-sync >"$LAB/bob.conf" 2>/dev/null
is "$(peers)" 3 "add-spoke on a running hub applies it"
hub add-spoke carl --no-sync --behind 192.168.77.0/24 >/dev/null 2>&1
is "$(ip -n hub route get 192.168.77.9 | grep -c 'dev wghub')" 1 "with the route to what is behind it"
check "remove-spoke takes it out" hub remove-spoke carl --no-sync
is "$(peers)" 3 "of the interface too"
is "$(ip -n hub route get 192.168.77.9 | grep -c 'dev wghub')" 0 "its route too"
sed -i 's/^ListenPort.*/&\nMTU = 1380\n# a comment of mine\nPostUp = true/; s/^Address = .*/&, 10.121.0.1\/24/' "$LAB/hub.conf"
check "a reload after an edit warns of what only wg-quick does" \
	sh -c "nsenter --net=/run/netns/hub $HUB reload --no-sync 2>&1 | grep -q PostUp"
is "$(ip -n hub link show wghub | grep -o 'mtu [0-9]*')" "mtu 1380" "the MTU is set"
is "$(ip -n hub -br addr show wghub | grep -c 10.121.0.1/24)" 1 "the new address is there"
sed -i 's/, 10.121.0.1\/24//' "$LAB/hub.conf"
hub reload --no-sync >/dev/null 2>&1
is "$(ip -n hub -br addr show wghub | grep -c 10.121.0.1/24)" 0 "and gone again"
# An address moves from one peer to another while both stay.
BOB=$(sed -n 's/^PrivateKey = //p' "$LAB/bob.conf" | wg pubkey)
sed -i '/^AllowedIPs = 10.120.0.4/s/$/, 10.120.99.0\/24/' "$LAB/hub.conf"
hub reload --no-sync >/dev/null 2>&1
sed -i 's/, 10.120.99.0\/24//; /^AllowedIPs = 10.120.0.3/s/$/, 10.120.99.0\/24/' "$LAB/hub.conf"
hub reload --no-sync >/dev/null 2>&1
is "$(ns hub wg show wghub allowed-ips | grep "$ANNA" | grep -c 10.120.99.0/24)" 1 "an address moves to another peer"
is "$(ns hub wg show wghub allowed-ips | grep "$BOB" | grep -c 10.120.99.0/24)" 0 "and leaves the first"
wait "$FLOW"
is "$(grep -o '[0-9]* received' "$LAB/flow.out")" "300 received" "a flow through all of it loses nothing"
is "$(handshake)" "$FIRST" "no session was made anew"
between "$(received)" $((BYTES + 1)) 9999999 "no counter was reset"
grep -q '^# a comment of mine$' "$LAB/hub.conf" && grep -q '^PostUp = true$' "$LAB/hub.conf"
is $? 0 "edits by hand stay"
sed -i 's/^MTU = .*/MTU = much/' "$LAB/hub.conf"
check "a bad line is told with its place" says "hub.conf:7:7: MTU" hub reload --no-sync
is "$(peers)" 3 "and changes nothing"
sed -i '/^MTU/d' "$LAB/hub.conf"
chmod 644 "$LAB/hub.conf"
check "a file that others read is told" sh -c "$HUB export 2>&1 | grep -q 'chmod 600'"
chmod 600 "$LAB/hub.conf"

# ---- a second one, and default routes ----

check "a spoke with everything through the hub" far init --relay 192.0.2.1:9 \
	--relay-key "$(pub relay)" --address 10.120.0.4/16 --interface wgfar
sed -i '/^PrivateKey/d; /^# sluice: interface/a '"$(grep ^PrivateKey "$LAB/bob.conf")" "$LAB/spoke.conf"
sed -n 's/^PresharedKey = //p' "$LAB/bob.conf" >"$LAB/bob.psk"
chmod 600 "$LAB/bob.psk"
HUBKEY=$(hub export | sed -n 's/^PublicKey = //p')
check "add-hub saves the hub" far add-hub "$HUBKEY" --name home --psk-file "$LAB/bob.psk" \
	--allowed-ips 0.0.0.0/0 --endpoint 192.0.2.1:51820
is "$(grep -c "^PublicKey = $HUBKEY" "$LAB/spoke.conf")" 1 "it is in the file"
check "twice is refused" says already far add-hub "$HUBKEY"
check "a second hub for the same addresses is refused" says "another peer" \
	far add-hub "$(wg genkey | wg pubkey)" --allowed-ips 0.0.0.0/0
RULES=$(ip -n far rule)
check "spoke start" far start --no-sync
check "both interfaces at once: the spoke reaches the hub" pinging far 10.120.0.1
is "$(ip -n far route get 198.51.100.1 | grep -c 'dev wgfar')" 1 "the default route is the tunnel"
is "$(ip -n far route get 192.0.2.1 mark "$(ns far wg show wgfar fwmark)" | grep -c 'dev eth0')" 1 "but not for its own packets"
check "reload again changes nothing" far reload --no-sync
is "$(ip -n far route get 198.51.100.1 | grep -c 'dev wgfar')" 1 "the default route stays"
sed -i 's|^AllowedIPs = 0.0.0.0/0|AllowedIPs = 10.120.0.1/32|' "$LAB/spoke.conf"
check "reload without the default route" far reload --no-sync
is "$(ip -n far rule)" "$RULES" "takes its rules away"
sed -i 's|^AllowedIPs = 10.120.0.1/32|AllowedIPs = 0.0.0.0/0, ::/0|' "$LAB/spoke.conf"
check "reload with default routes of both families" far reload --no-sync
is "$(ip -n far -6 route get 2001:db8::1 2>&1 | grep -c 'dev wgfar')" 1 "IPv6 goes into the tunnel"
check "spoke stop" far stop
is "$(ip -n far rule)" "$RULES" "stop leaves no rule"
is "$(ip -n far link show wgfar 2>/dev/null)" "" "and no interface"
check "stop again says so" says "not up" far stop

# ---- the same file by wg-quick, and the end ----

check "stop" hub stop
is "$(ip -n hub link show wghub 2>/dev/null)" "" "the interface is gone"
test ! -e /run/wireguard/wghub.sock
is $? 0 "and its socket"
cp "$LAB/hub.conf" "$LAB/wgquick.conf"
sed -i '/^PostUp/d' "$LAB/wgquick.conf"
check "wg-quick takes the hub's file" ns hub wg-quick up "$LAB/wgquick.conf"
check "sluice takes over what wg-quick made" sh -c "
	sed -i '/sluice: interface/d' '$LAB/wgquick.conf'
	nsenter --net=/run/netns/hub $O/sluice hub -f '$LAB/wgquick.conf' reload --no-sync"
check "the spoke reaches it" pinging far 10.120.0.1
check "wg-quick takes it down" ns hub wg-quick down "$LAB/wgquick.conf"
ip -n hub link add wghub type veth peer name foreign
check "a foreign interface of that name is not touched" says exists hub start --no-sync
check "nor taken away" says "not up" hub stop
is "$(ip -n hub -br link show wghub | wc -l)" 1 "it is still there"
ip -n hub link del wghub
sed -i 's/^ListenPort.*/ListenPort = 7777/' "$LAB/hub.conf"
sed -i 's/^Endpoint = 192.0.2.2:.*/Endpoint = no-such-host.invalid:1/' "$LAB/hub.conf"
mount --bind /dev/null /etc/resolv.conf # no resolver: no answer, at once
check "a name that does not resolve is told" says "no-such-host.invalid" hub start --no-sync
is "$(ip -n hub link show wghub 2>/dev/null)" "" "and leaves no interface behind"
done_testing
