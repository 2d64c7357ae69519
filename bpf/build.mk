# SPDX-License-Identifier: GPL-2.0-or-later
# Kernel programs: an object for little-endian and one for big-endian machines,
# and the skeleton of the machine's own.

BPF_PROGS := $(patsubst bpf/%.bpf.c,%,$(wildcard bpf/*.bpf.c))
# The UAPI's asm headers have bit-fields: each endianness needs its own.
BPF_ASM_el ?= $(firstword $(wildcard /usr/include/x86_64-linux-gnu /usr/include/aarch64-linux-gnu /usr/x86_64-linux-gnu/include))
BPF_ASM_eb ?= $(firstword $(wildcard /usr/s390x-linux-gnu/include /usr/include/s390x-linux-gnu) /usr/s390x-linux-gnu/include)
BPF_NATIVE := $(if $(filter s390x ppc64,$(shell uname -m)),eb,el)
BPF_CFLAGS = -O2 -g -std=gnu11 -Wall -Wextra -Wno-missing-field-initializers \
	-mcpu=v3 -Ibpf/include -Ibpf

$(O)/bpf/%.el.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) -target bpfel $(BPF_CFLAGS) -I$(BPF_ASM_el) -MMD -MP -c -o $@ $<
	$(LLVM_STRIP) -g $@

$(O)/bpf/%.eb.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) -target bpfeb $(BPF_CFLAGS) -I$(BPF_ASM_eb) -MMD -MP -c -o $@ $<
	$(LLVM_STRIP) -g $@

$(O)/bpf/%.skel.h: $(O)/bpf/%.$(BPF_NATIVE).o
	$(BPFTOOL) gen skeleton $< name $(notdir $*)_bpf > $@

all: $(foreach p,$(BPF_PROGS),$(O)/bpf/$(p).el.o $(O)/bpf/$(p).eb.o $(O)/bpf/$(p).skel.h)
