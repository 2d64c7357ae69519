# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The QEMU command line of a guest. Sourced after fetch.sh; the kernel's line of
# kernels.txt is in NAME, ARCH, BOARD, CPU and MEMORY, its package in KERNEL.

declare -A QEMU_SYSTEM=([amd64]=x86_64 [arm64]=aarch64 [s390x]=s390x)
declare -A CONSOLE=([amd64]=ttyS0 [arm64]=ttyAMA0 [s390x]=ttysclp0)
PROCESSORS=2
# Native XDP wants a transmit queue for each processor beside the ordinary ones.
QUEUES=$((2 * PROCESSORS))

# A panic ends the guest, and what the kernel warns of is a panic. The lockup
# detectors and x86's trial of its timers would find this machine's load.
COMMAND_LINE="panic=-1 oops=panic panic_on_warn=1 loglevel=5 nowatchdog \
rcupdate.rcu_cpu_stall_suppress=1 no_timer_check"

# emulator SECONDS AROUND ARGUMENT...: ended after that time, and with this script;
# AROUND is a program that becomes another, or env.
emulator() {
	local seconds=$1 around=$2
	shift 2
	TOOLS=$TOOLS exec setpriv --pdeathsig TERM \
		timeout --kill-after=2 "$seconds" "$around" setpriv --pdeathsig KILL \
		"$TOP/selftests/vm/tool" "qemu-system-${QEMU_SYSTEM[$ARCH]}" \
		-nodefaults -no-user-config -display none -no-reboot \
		-M "$BOARD" -m "$MEMORY" -kernel "$(echo "$KERNEL"/boot/vmlinu[xz]-*)" "$@"
}

# A kernel without a root panics, and QEMU exits.
boots_with_kvm() {
	(emulator 20 env -accel kvm -cpu host -serial stdio \
		-append "console=${CONSOLE[$ARCH]} panic=-1") </dev/null 2>&1 |
		grep -q "Kernel panic"
}
# kvm_works: KVM can be there and hang, so a guest has to come to its end with it
# once. The answer is kept until this machine boots again.
kvm_works() {
	local answer=no kept
	[ "$ARCH" = "$MACHINE" ] && [ -w /dev/kvm ] || return 1
	kept=$CACHE/kvm-$(cat /proc/sys/kernel/random/boot_id)
	if [ ! -e "$kept" ]; then
		rm -f "$CACHE"/kvm-*
		! boots_with_kvm || answer=yes
		echo $answer >"$kept"
	fi
	[ "$(cat "$kept")" = yes ]
}

# network_cards TAPS: pairs that the guest knows by their MAC addresses. One has a
# queue each and is joined by a hub in QEMU, the other several, where TAPS is yes.
network_cards() {
	local side
	for side in 0 1; do
		echo "-netdev hubport,hubid=0,id=hub$side"
		echo "-device virtio-net,netdev=hub$side,mac=52:54:00:00:01:0$side"
	done
	[ "$1" = yes ] || return 0
	for side in 0 1; do
		echo "-netdev tap,id=tap$side,ifname=tap$side,queues=$QUEUES,script=no,downscript=no,vhost=off"
		echo "-device virtio-net,netdev=tap$side,mac=52:54:00:00:02:0$side,mq=on"
	done
}

# guest SECONDS ACCELERATION TAPS INITRAMFS CONSOLE RESULTS: until it ends.
guest() {
	local cards around=env processor="tcg,thread=multi -cpu $CPU"
	[ "$2" != kvm ] || processor="kvm -cpu host"
	[ "$3" != yes ] || around=$TOP/selftests/vm/taps
	cards=$(network_cards "$3")
	# shellcheck disable=SC2086
	emulator "$1" "$around" -accel $processor -smp "$PROCESSORS" -initrd "$4" \
		-append "console=${CONSOLE[$ARCH]} $COMMAND_LINE" \
		-chardev "file,id=console,path=$5" -serial chardev:console \
		-device virtio-serial -chardev "file,id=results,path=$6" \
		-device virtserialport,chardev=results,name=results $cards
}
