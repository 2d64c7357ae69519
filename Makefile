# SPDX-License-Identifier: GPL-2.0-or-later
#
# make deps       the packages this needs (Debian 12 or 13; as root)
# make            programs and man pages below $(O)
# make demo       packages, build, then real WireGuard peers on this machine
# make check      packages, build, then every test that belongs to a change
# make check-vm   the tests on other kernels, too; KERNELS="6.1-cloud ..." picks
# make bench      figures; BENCH=relay for one group
# make install    below $(DESTDIR)$(PREFIX); make uninstall takes it away
# make lint       clang-format, clang-tidy, cppcheck and sparse where present
# make clean      below $(O); make distclean also the downloaded packages
#
# Each folder says in its build.mk what it makes. O= builds somewhere else,
# CROSS=arm64 or s390x for another architecture, see selftests/vm/cross.mk.

O ?= build$(CROSS:%=/%)
CACHE := $(abspath $(or $(SLUICE_CACHE),.cache))
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
CC = gcc
CLANG ?= clang
LLVM_STRIP ?= llvm-strip
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
VERSION := 0.1.0

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wvla -Wundef -Wno-missing-field-initializers
PACKAGES := libbpf libsodium libb2 libnl-3.0 libnl-genl-3.0 libnl-route-3.0 \
	libuv jansson libmicrohttpd libqrencode libseccomp libcap-ng
ALL_CFLAGS = -std=gnu11 $(WARNINGS) $(CFLAGS) -D_GNU_SOURCE \
	-DSLUICE_VERSION='"$(VERSION)"' -DSLUICE_SYSCONFDIR='"$(SYSCONFDIR)"' \
	-I. -Ibpf/include -Iagent -I$(O)/bpf $(PKG_CFLAGS)
# Asked only when something is compiled: a fresh machine has no pkg-config yet.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell $(PKG_CONFIG) --cflags $(PACKAGES)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell $(PKG_CONFIG) --libs $(PACKAGES)))$(PKG_LIBS)
LIBS = $(PKG_LIBS) -lpthread

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all deps deps-cross demo check bench install uninstall lint clean distclean
all:

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# archive,folder: $(O)/NAME.a from every C file of the folder
define archive
$(O)/$(1).a: $(patsubst %.c,$(O)/%.o,$(wildcard $(2)/*.c))
	rm -f $$@
	$$(AR) rcs $$@ $$^
endef

include bpf/build.mk
include loader/build.mk
include agent/build.mk
include selftests/build.mk

-include $(shell [ ! -d $(O) ] || find $(O) -name '*.d' -type f)

DEPS := bpftool clang llvm libclang-rt-dev gcc make libc6-dev linux-libc-dev \
	linux-libc-dev-s390x-cross pkg-config \
	libbpf-dev libelf-dev zlib1g-dev libsodium-dev libb2-dev libnl-3-dev \
	libnl-genl-3-dev libnl-route-3-dev libuv1-dev libjansson-dev \
	libmicrohttpd-dev libqrencode-dev libseccomp-dev libcap-ng-dev \
	wireguard-go wireguard-tools iproute2 iputils-ping nftables ethtool \
	tcpdump iperf3 jq perl procps util-linux curl mandoc conntrack
deps:
	selftests/deps $(DEPS)
deps-cross: deps
	selftests/deps gcc-aarch64-linux-gnu gcc-s390x-linux-gnu qemu-user
ifdef CROSS
include selftests/vm/cross.mk
endif

SBIN := sluiced sluice-load
MAN := agent/sluiced.8 agent/sluice.1 agent/sluice.conf.5 loader/sluice-load.8
MANDIR = $(PREFIX)/share/man
COMPDIR = $(PREFIX)/share/bash-completion/completions
INSTALLED = $(SBIN:%=$(PREFIX)/sbin/%) $(PREFIX)/bin/sluice \
	$(foreach m,$(MAN),$(MANDIR)/man$(subst .,,$(suffix $(m)))/$(notdir $(m))) \
	$(UNITDIR)/sluiced.service $(COMPDIR)/sluice $(COMPDIR)/sluiced \
	$(COMPDIR)/sluice-load

# The configuration is installed only where there is none, and never removed.
install: all
	install -d $(addprefix $(DESTDIR),$(sort $(dir $(INSTALLED)))) $(DESTDIR)$(SYSCONFDIR)/sluice
	install -m 0755 $(SBIN:%=$(O)/%) $(DESTDIR)$(PREFIX)/sbin/
	install -m 0755 $(O)/sluice $(DESTDIR)$(PREFIX)/bin/
	for m in $(MAN); do install -m 0644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.}/ || exit 1; done
	sed 's|@PREFIX@|$(PREFIX)|g; s|@SYSCONFDIR@|$(SYSCONFDIR)|g' agent/sluiced.service.in >$(DESTDIR)$(UNITDIR)/sluiced.service
	for c in sluice sluiced sluice-load; do install -m 0644 agent/sluice.bash-completion $(DESTDIR)$(COMPDIR)/$$c || exit 1; done
	[ -e $(DESTDIR)$(SYSCONFDIR)/sluice/sluice.conf ] || install -m 0600 agent/sluice.conf.example $(DESTDIR)$(SYSCONFDIR)/sluice/sluice.conf

uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))

C_FILES = $(shell git ls-files '*.c' '*.h')
LINT_C = $(filter-out %.bpf.c,$(filter %.c,$(C_FILES)))
lint: all
	@for tool in clang-format clang-tidy cppcheck sparse mandoc; do \
		command -v $$tool >/dev/null || echo "lint: $$tool is not installed, left out"; done
	if command -v clang-format >/dev/null; then clang-format --dry-run -Werror $(C_FILES); fi
	if command -v cppcheck >/dev/null; then cppcheck -q --error-exitcode=1 --inline-suppr \
		--enable=warning,portability --suppress=missingIncludeSystem -D__linux__ \
		'-DLIBBPF_OPTS(TYPE,NAME,...)=struct TYPE NAME={__VA_ARGS__}' \
		'-Djson_array_foreach(a,i,v)=while((i=json_array_size(a),v=json_array_get(a,i)))' \
		-Ibpf/include -Iagent -I. $(filter-out selftests/%,$(LINT_C)); fi
	if command -v clang-tidy >/dev/null; then for file in $(filter-out selftests/%,$(LINT_C)); do \
		clang-tidy --quiet $$file -- \
			$(ALL_CFLAGS) || exit 1; done; fi
	if command -v mandoc >/dev/null; then mandoc -T lint -W warning $(MAN); fi

clean:
	rm -rf $(O)
distclean: clean
	rm -rf $(CACHE)
