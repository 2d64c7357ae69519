# SPDX-License-Identifier: GPL-2.0-or-later
# The tests on other kernels, under QEMU; README.md tells how.
#
# make check-vm                     every kernel of kernels.txt
# make check-vm KERNELS="6.1 ..."   some of them; WG=go: without their WireGuard

# NAME:ARCHITECTURE of each.
VM_LINES = $(shell awk -F'\t' '/^[^\#]/ { print $$1 ":" $$2 }' selftests/vm/kernels.txt)
KERNELS ?= $(foreach l,$(VM_LINES),$(firstword $(subst :, ,$(l))))
# The one that belongs to every change.
CHECK_KERNEL := 6.1-cloud
VM_RUN = O=$(abspath $(O)) selftests/vm/run
# Architectures to build for, beside this machine's.
VM_ARCHES = $(filter-out $(shell dpkg --print-architecture),$(sort \
	$(foreach k,$(KERNELS),$(patsubst $(k):%,%,$(filter $(k):%,$(VM_LINES))))))

.PHONY: check-vm vm-libraries
# What a guest needs to run what is built here.
vm-libraries:
	@echo $(filter-out libclang-%,$(filter lib%-dev zlib%-dev,$(filter-out libc6-dev linux-%,$(DEPS))))
check-vm: deps $(if $(filter check-vm,$(MAKECMDGOALS)),$(if $(VM_ARCHES),deps-cross))
	@$(MAKE) --no-print-directory all tests
	@for arch in $(VM_ARCHES); do \
		$(MAKE) --no-print-directory O=$(O)/$$arch CROSS=$$arch all tests || exit 1; \
	done
	@failed=0; for kernel in $(KERNELS); do $(VM_RUN) $$kernel || failed=1; done; exit $$failed
