# SPDX-License-Identifier: GPL-2.0-or-later
# One archive a folder; sluiced and sluice from their main files.

$(eval $(call archive,base,agent/base))
$(eval $(call archive,wg,agent/wg))
$(eval $(call archive,relay,agent/relay))
$(eval $(call archive,cmd,agent/cmd))

AGENT_ARCHIVES := $(O)/relay.a $(O)/wg.a $(O)/base.a

$(O)/sluiced: $(O)/agent/sluiced.o $(AGENT_ARCHIVES) $(O)/loader.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# Not every library of the others: no libbpf on a hub.
$(O)/sluice: $(O)/agent/sluice.o $(O)/cmd.a $(AGENT_ARCHIVES)
	$(CC) $(LDFLAGS) -Wl,--as-needed -o $@ $^ $(LIBS)

all: $(O)/sluiced $(O)/sluice
