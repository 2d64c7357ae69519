# SPDX-License-Identifier: GPL-2.0-or-later
#
# make CROSS=arm64, make CROSS=s390x: the same for another architecture, below
# build/arm64 or build/s390x, with Debian's cross compilers (make deps-cross).
# Headers and libraries are packages of this machine's own release, unpacked
# into the cache: compiler, linker and pkg-config see no others. Tests run there
# as well, with qemu-user: make CROSS=s390x check-unit.

TRIPLET_arm64 := aarch64-linux-gnu
TRIPLET_s390x := s390x-linux-gnu
TRIPLET := $(or $(TRIPLET_$(CROSS)),$(error CROSS=$(CROSS) is not known: arm64, s390x))
ifeq ($(shell command -v $(TRIPLET)-gcc),)
$(error there is no $(TRIPLET)-gcc; as root, run: make deps-cross)
endif
RELEASE := $(shell . /etc/os-release && echo $$VERSION_CODENAME)
SYSROOT := $(CACHE)/root/$(RELEASE)-$(CROSS)-sysroot

# Does nothing, and takes no time, where it is there already.
SYSROOT_PACKAGES := $(filter-out libclang-%,$(filter %-dev,$(DEPS)))
ifneq ($(shell selftests/vm/packages $(RELEASE) $(CROSS) $(SYSROOT) $(SYSROOT_PACKAGES) && echo made),made)
$(error no headers and libraries of $(CROSS))
endif

CC = $(TRIPLET)-gcc --sysroot=$(SYSROOT)
AR = $(TRIPLET)-ar
RUN = qemu-$(firstword $(subst -, ,$(TRIPLET))) -L $(SYSROOT)
PKG_CONFIG = PKG_CONFIG_PATH= PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) \
	PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(TRIPLET)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig pkg-config
