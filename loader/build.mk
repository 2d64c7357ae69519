# SPDX-License-Identifier: GPL-2.0-or-later
# The library that holds libbpf, and sluice-load.

LOADER_SRCS := $(filter-out loader/sluice-load.c,$(wildcard loader/*.c))
LOADER_OBJS := $(LOADER_SRCS:%.c=$(O)/%.o)

$(LOADER_OBJS) $(O)/loader/sluice-load.o: | $(foreach p,$(BPF_PROGS),$(O)/bpf/$(p).skel.h)

$(O)/loader.a: $(LOADER_OBJS)
	rm -f $@
	$(AR) rcs $@ $^

$(O)/sluice-load: $(O)/loader/sluice-load.o $(O)/loader.a
	$(CC) -Wl,--as-needed $(LDFLAGS) -o $@ $^ $(LIBS)

all: $(O)/sluice-load
