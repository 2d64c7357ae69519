# SPDX-License-Identifier: GPL-2.0-or-later
# Kernel programs: an object for little-endian and one for big-endian machines,
# and the skeleton of the machine's own.

BPF_PROGS := $(patsubst bpf/%.bpf.c,%,$(wildcard bpf/*.bpf.c))
# The UAPI's asm headers have bit-fields: each endianness needs its own.
BPF_ASM_el ?= $(firstword $(wildcard /usr/include/x86_64-linux-gnu /usr/include/aarch64-linux-gnu /usr/x86_64-linux-gnu/include))
BPF_ASM_eb ?= $(firstword $(wildcard /usr/s390x-linux-gnu/include /usr/include/s390x-linux-gnu) /usr/s390x-linux-gnu/include)
bpf_endian = $(if $(filter s390x ppc64,$(1)),eb,el)
BPF_HOST := $(call bpf_endian,$(shell uname -m))
BPF_NATIVE := $(if $(CROSS),$(call bpf_endian,$(CROSS)),$(BPF_HOST))
BPF_CFLAGS = -O2 -g -std=gnu11 -Wall -Wextra -Wno-missing-field-initializers \
	-mcpu=v3 -Ibpf/include -Ibpf

# bpf_object,endianness: the recipe
define bpf_object
	@mkdir -p $(@D)
	$(CLANG) -target bpf$(1) $(BPF_CFLAGS) -I$(BPF_ASM_$(1)) -MMD -MP -c -o $@ $<
	$(LLVM_STRIP) -g $@
endef
$(O)/%.el.o: %.bpf.c
	$(call bpf_object,el)
$(O)/%.eb.o: %.bpf.c
	$(call bpf_object,eb)

$(O)/%.skel.h: $(O)/%.$(BPF_HOST).o $(O)/%.$(BPF_NATIVE).o bpf/skeleton
	bpf/skeleton $(BPFTOOL) $(notdir $*)_bpf $(O)/$*.$(BPF_HOST).o $(O)/$*.$(BPF_NATIVE).o >$@

all: $(foreach p,$(BPF_PROGS),$(O)/bpf/$(p).el.o $(O)/bpf/$(p).eb.o $(O)/bpf/$(p).skel.h)
