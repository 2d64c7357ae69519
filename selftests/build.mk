# SPDX-License-Identifier: GPL-2.0-or-later
# unit/*.c and prog/*.c are TAP programs; net/*.t are TAP scripts; fuzz/*.c are
# libFuzzer targets. A BPF program beside a test is NAME.bpf.c.

UNIT_TESTS := $(patsubst %.c,$(O)/%.t,$(wildcard selftests/unit/*.c))
PROG_TESTS := $(patsubst %.c,$(O)/%.t,$(filter-out %.bpf.c,$(wildcard selftests/prog/*.c)))
# First the one that waits minutes for WireGuard's timers, beside all others.
NET_TESTS := $(sort $(wildcard selftests/net/*.t))
NET_TESTS := $(filter %/relay-rekey.t,$(NET_TESTS)) $(filter-out %/relay-rekey.t,$(NET_TESTS))
NET_TOOLS := $(patsubst %.c,$(O)/%,$(filter-out %.bpf.c,$(wildcard selftests/net/*.c)))
# They run where they are built.
FUZZERS := $(if $(CROSS),,$(patsubst %.c,$(O)/%,$(wildcard selftests/fuzz/*.c)))
TEST_SKELS := $(patsubst %.bpf.c,$(O)/%.skel.h,$(wildcard selftests/*/*.bpf.c))
BENCH_TOOLS := $(patsubst %.c,$(O)/%,$(filter-out %.bpf.c,$(wildcard selftests/bench/*.c)))

TEST_ARCHIVES = $(O)/relay.a $(O)/wg.a $(O)/base.a $(O)/loader.a
TEST_CFLAGS = $(ALL_CFLAGS) -Iselftests -I$(O)/selftests

$(O)/selftests/%.t: selftests/%.c $(O)/cmd.a $(O)/relay.a $(O)/wg.a $(O)/base.a $(O)/loader.a $(TEST_SKELS)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -MMD -MP -o $@ $< $(O)/cmd.a $(TEST_ARCHIVES) $(LIBS) -lm

# What the verifier's figures belong to.
$(O)/selftests/prog/verifier.t: TEST_CFLAGS += -DBPF_PROGS='"$(BPF_PROGS)"' \
	-DBPF_COMPILER='"clang-$(shell $(CLANG) -dumpversion | cut -d. -f1)"'

$(NET_TOOLS): $(O)/%: %.c $(O)/relay.a $(O)/wg.a $(O)/base.a $(O)/loader.a $(TEST_SKELS)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -MMD -MP -o $@ $< $(TEST_ARCHIVES) $(LIBS) -lm

# Each bench/*.c is a program, what they share is in bench/lib.
BENCH_LIB := $(patsubst %.c,$(O)/%.o,$(wildcard selftests/bench/lib/*.c))
BENCH_SKELS := $(patsubst %.bpf.c,$(O)/%.skel.h,$(wildcard selftests/bench/*.bpf.c))

$(BENCH_TOOLS): $(O)/%: %.c $(BENCH_LIB) $(O)/relay.a $(O)/wg.a $(O)/base.a $(O)/loader.a | $(BENCH_SKELS)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -MMD -MP -o $@ $< $(BENCH_LIB) $(TEST_ARCHIVES) $(LIBS) -lm

# A daemon with another relay program in it, for the upgrade to be measured.
UPGRADE := $(O)/selftests/bench/upgrade
$(UPGRADE)/relay.%.o: BPF_CFLAGS += -include selftests/bench/upgrade.h
$(UPGRADE)/relay.%.o: bpf/relay.bpf.c selftests/bench/upgrade.h
	$(call bpf_object,$*)
$(UPGRADE)/relay_elf.o: loader/relay_elf.c $(UPGRADE)/relay.skel.h
	$(CC) -I$(UPGRADE) $(ALL_CFLAGS) -c -o $@ $<
$(UPGRADE)/sluiced: $(O)/agent/sluiced.o $(UPGRADE)/relay_elf.o $(AGENT_ARCHIVES) $(O)/loader.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
BENCH_TOOLS += $(UPGRADE)/sluiced

# Fuzzers have the sources again, with the sanitizers in them.
FUZZ_CFLAGS = $(filter-out -O2,$(TEST_CFLAGS)) -O1 -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined
FUZZ_OBJS := $(patsubst %.c,$(O)/fuzz/%.o,$(wildcard agent/base/*.c agent/wg/*.c agent/relay/*.c))
$(O)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
$(O)/fuzz/agent.a: $(FUZZ_OBJS)
	rm -f $@
	$(AR) rcs $@ $^
$(O)/selftests/fuzz/%: selftests/fuzz/%.c $(O)/fuzz/agent.a $(O)/loader.a
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer -MMD -MP -o $@ $< $(O)/fuzz/agent.a $(O)/loader.a $(LIBS)

# check is split in two so that a fresh machine has its packages before make
# asks for them. PROVE_JOBS: tests that wait for WireGuard's timers share time.
PROVE_JOBS ?= 2
PROVE = O=$(abspath $(O)) prove --timer -j $(PROVE_JOBS) --exec "selftests/tap-exec $(RUN)"
.PHONY: tests check-unit check-prog check-net check-fuzz check-all fuzz
NET_OBJS := $(patsubst %.bpf.c,$(O)/%.$(BPF_NATIVE).o,$(wildcard selftests/net/*.bpf.c))
tests: $(NET_OBJS) $(UNIT_TESTS) $(PROG_TESTS) $(NET_TOOLS) $(FUZZERS)
check-unit: $(UNIT_TESTS)
	$(PROVE) $^
check-prog: $(PROG_TESTS)
	$(PROVE) $^
check-net: all tests
	$(PROVE) $(NET_TESTS)
check-fuzz: tests
	$(PROVE) selftests/fuzz/fuzz.t
fuzz: $(FUZZERS)
	O=$(abspath $(O)) FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) selftests/fuzz/fuzz.t
check-all: all tests
	$(PROVE) $(NET_TESTS) selftests/fuzz/fuzz.t $(UNIT_TESTS) $(PROG_TESTS)
	$(VM_RUN) $(CHECK_KERNEL)
include selftests/vm/build.mk

check: deps
	@$(MAKE) --no-print-directory check-all
demo: deps
	@$(MAKE) --no-print-directory all demo-tools
	O=$(abspath $(O)) selftests/demo/demo
demo-tools: $(NET_OBJS)
.PHONY: demo-tools
bench: deps
	@$(MAKE) --no-print-directory all bench-tools
	O=$(abspath $(O)) selftests/bench/run $(BENCH)
.PHONY: bench-tools
bench-tools: $(BENCH_TOOLS)
