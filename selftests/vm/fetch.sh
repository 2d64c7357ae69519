# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What a guest is made of, as Debian packages unpacked in the cache: a kernel, a
# userland of the guest's architecture, and the tools to pack and to run it. The
# tools are Debian 13's, whose QEMU emulates three times faster than Debian 12's;
# they run on this machine by their own loader and libraries.

CACHE=$(realpath -m "${SLUICE_CACHE:-$TOP/.cache}")
MACHINE=$(dpkg --print-architecture)
TOOLS_SUITE=trixie
declare -A QEMU_PACKAGE=([amd64]=qemu-system-x86 [arm64]=qemu-system-arm [s390x]=qemu-system-misc)

# What the tests call.
GUEST_PACKAGES=(bash dash coreutils diffutils findutils grep sed mawk util-linux
	bsdutils mount hostname procps kmod iproute2 nftables conntrack ethtool tcpdump iperf3
	iputils-ping curl perl-base bpftool wireguard-tools wireguard-go)

packages() { "$TOP/selftests/vm/packages" "$@"; }

tool() { TOOLS=$TOOLS "$TOP/selftests/vm/tool" "$@"; }

# fetch_tools ARCH: sets TOOLS. This machine's own do as well, where the others
# cannot be had.
fetch_tools() {
	TOOLS=$CACHE/root/$TOOLS_SUITE-$MACHINE-qemu-$1
	packages $TOOLS_SUITE "$MACHINE" "$TOOLS" "${QEMU_PACKAGE[$1]}" kmod cpio &&
		tool cpio --version >/dev/null && return
	echo "vm: without Debian 13's QEMU this machine's own is used" >&2
	TOOLS=/nonexistent
}

# fetch_userland ARCH: sets USERLAND. Of this machine's release, which the
# programs are built with, and with the libraries that the Makefile wants.
fetch_userland() {
	local suite libraries
	# shellcheck source=/dev/null
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	USERLAND=$CACHE/root/$suite-$1-guest
	read -ra libraries < <(MAKEFLAGS='' make -s -C "$TOP" vm-libraries)
	packages "$suite" "$1" "$USERLAND" "${GUEST_PACKAGES[@]}" "${libraries[@]}"
}

# fetch_jq ARCH: sets JQ. Debian 12's compiles its own library at each start, which
# takes a fifth of a second in an emulated guest and is most of what a test does
# there; so the guest has Debian 13's, with the libraries that it needs.
fetch_jq() {
	JQ=$CACHE/root/$TOOLS_SUITE-$1-jq
	packages $TOOLS_SUITE "$1" "$JQ" jq
}

# fetch_kernel NAME ARCH SUITE PACKAGE: sets KERNEL, the unpacked package.
fetch_kernel() {
	local release
	KERNEL=$CACHE/kernel/$1
	packages --no-depends "$3" "$2" "$KERNEL" "$4"
	release=$(basename "$KERNEL"/lib/modules/*)
	[ -e "$KERNEL/lib/modules/$release/modules.dep" ] ||
		tool depmod -b "$KERNEL" "$release"
}
