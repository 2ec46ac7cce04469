# Fuzzing with libFuzzer: `make fuzz`, or FUZZ_TARGETS=message SECONDS=60 for one and shorter.
#
# What is found lands in tests/fuzz/findings/TARGET, where `make test` replays it for ever
# (test_replay_TARGET.c, without clang). What only reaches new code stays in build/fuzz.

FUZZ_CC      ?= clang
FUZZ_JOBS    ?= 2
FUZZ_SECONDS := $(or $(SECONDS),600)
FUZZ_BIN     := build/fuzz
FUZZ_TARGETS ?= message bet config recovery done control checkpoint seal admin proxy
FUZZ_FLAGS   := $(DIALECT) $(WARNINGS) -O1 -g -fno-omit-frame-pointer \
                -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_ROOMS   := $(patsubst %.c,$(FUZZ_BIN)/%.o,$(foreach room,client server seal tls store shm bet lib, \
                $(call sources_of,$(room))))

$(FUZZ_BIN)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<

$(FUZZ_BIN)/fuzz_%: $(FUZZ_BIN)/tests/fuzz/target_%.o $(FUZZ_ROOMS)
	$(call say,LINK,$@)
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ \
	    $(foreach room,$(ROOMS),$(LIBRARIES_$(room))) $(LIBRARIES)

-include $(shell find $(FUZZ_BIN) -name '*.d' 2>/dev/null)

.PHONY: fuzz
fuzz: $(addprefix $(FUZZ_BIN)/fuzz_,$(FUZZ_TARGETS)) ## fuzz parsers and recovery with libFuzzer (SECONDS=600 a target)
	@printf '%s\n' $(FUZZ_TARGETS) | \
	    xargs -P $(FUZZ_JOBS) -I '{}' bash tests/fuzz/run.sh $(FUZZ_BIN) '{}' $(FUZZ_SECONDS)
