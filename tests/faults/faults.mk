# faults.mk - what the fault tests need beside the tests' own rules.
#
# They start programs that have fault points compiled in (VARIANT=faults),
# whatever variant the tests themselves are built as.

FAULT_BIN := build/faults/bin

.PHONY: fault-programs chaos

# A build of its own: in there, everything else about VARIANT is different.
fault-programs:
ifneq ($(VARIANT),faults)
	@$(MAKE) --no-print-directory --silent VARIANT=faults all
endif

run-tests: fault-programs
run-cluster-tests: fault-programs

$(BUILD)/tests/faults/test_chaos: $(call objects,tests/faults/chaos_plan.c tests/faults/chaos_operator.c \
    tests/faults/chaos_judge.c)

KILLS ?= 2000
chaos: $(BUILD)/tests/faults/test_chaos fault-programs ## kill everything at random: KILLS=2000 SECONDS=0 SEED=... TLS=1
	@KILLS=$(KILLS) SECONDS=$(SECONDS) SEED=$(SEED) ROUND=$(ROUND) TLS=$(TLS) LOTTERY_FAULT_BIN=$(FAULT_BIN) $<
