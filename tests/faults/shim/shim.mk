# shim.mk - the library that is preloaded into servers whose disk and kernel
# have to fail, and the tests that use it. Included by the Makefile.

SHIM_TESTS   := $(BUILD)/tests/faults/test_power_loss $(BUILD)/tests/faults/test_failing_calls \
                $(BUILD)/tests/faults/test_disk_full
SHIM_LIBRARY := $(BUILD)/tests/faults/shim.so
SHIM_HELPERS := $(patsubst %,$(BUILD)/tests/faults/shim/%.o,bettor cut shimmed)

$(SHIM_TESTS): $(SHIM_HELPERS) | $(SHIM_LIBRARY)
$(BUILD)/tests/faults/test_power_loss: $(call objects,tests/faults/power_lotteries.c)

# It stands in for libc's own functions, so neither a sanitizer nor _FORTIFY_SOURCE
# (which turn some of them into inline functions of their own) has a place in it.
$(SHIM_LIBRARY): tests/faults/shim/shim.c tests/faults/shim/journal.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(DIALECT) $(WARNINGS) $(OPTIMISE) -fPIC -fvisibility=hidden -shared -o $@ $< -ldl

CUTS ?= 300
SEED ?= 1

.PHONY: power-loss
power-loss: $(PROGRAMS) $(BUILD)/tests/faults/test_power_loss ## CUTS=300 power losses at random points (SEED=1)
	@LOTTERY_BIN=$(BIN) LOTTERY_CUTS=$(CUTS) LOTTERY_SEED=$(SEED) \
	    $(BUILD)/tests/faults/test_power_loss
