# The benchmark: `make bench`. Nothing of it is timed in `make test`.

BENCH_BIN   := build/bench
BENCH_TOOLS := $(BENCH_BIN)/lottery-bench $(BENCH_BIN)/lottery-floor $(BENCH_BIN)/lottery-hostile

$(BENCH_BIN)/lottery-bench: $(call objects,tests/bench/bench_main.c tests/bench/load.c tests/bench/histogram.c \
    tests/bench/tls_option.c) \
    $(call archives,tls bet lib)
$(BENCH_BIN)/lottery-bench: BENCH_LIBRARIES := $(LIBRARIES_tls)
$(BENCH_BIN)/lottery-floor: $(call objects,tests/bench/floor_main.c)

$(BENCH_BIN)/lottery-hostile: $(call objects,tests/bench/hostile_main.c tests/bench/tls_option.c) $(call archives,tls bet lib)
$(BENCH_BIN)/lottery-hostile: BENCH_LIBRARIES := $(LIBRARIES_tls)

$(BENCH_TOOLS):
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(BENCH_LIBRARIES) -pthread

.PHONY: bench
bench: $(PROGRAMS) $(BENCH_TOOLS) ## throughput, latency, CPU against the floor (ROUNDS=5 BIG=50000000 TLS=1 AGAINST=other/bin)
	@python3 tests/bench/run.py --bin $(BIN) --tools $(BENCH_BIN) --out build/bench \
	    --rounds $(or $(ROUNDS),5) --big $(or $(BIG),0) $(if $(SCENARIOS),--only '$(SCENARIOS)') \
	    $(if $(AGAINST),--against '$(AGAINST)') $(if $(TLS),--tls)

.PHONY: bench-hostile
bench-hostile: $(PROGRAMS) $(BENCH_TOOLS) ## five agencies at work, alone and among hostile peers (SCENES='silent rubbish' TLS=1 ROUNDS=3)
	@python3 tests/bench/hostile.py --bin $(BIN) --tools $(BENCH_BIN) --out build/bench --goals \
	    --rounds $(or $(ROUNDS),3) $(if $(TLS),--tls) $(if $(SCENES),--only '$(SCENES)')

.PHONY: bench-agency
bench-agency: $(PROGRAMS) $(BENCH_TOOLS) ## the window that agencies find, against fixed ones (BETS=5000000 FILES=dir WINDOWS='1 16 128' DELAY=20 TLS=1 ROUNDS=5)
	@python3 tests/bench/agency_window.py --bin $(BIN) --tools $(BENCH_BIN) --out build/bench --rounds $(or $(ROUNDS),5) \
	    $(if $(BETS),--bets $(BETS)) $(if $(FILES),--files '$(FILES)') $(if $(WINDOWS),--windows '$(WINDOWS)') \
	    $(if $(DELAY),--delay $(DELAY)) $(if $(TLS),--tls)
