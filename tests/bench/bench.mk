# The benchmark: `make bench`. Nothing of it is timed in `make test`.

BENCH_BIN   := build/bench
BENCH_TOOLS := $(BENCH_BIN)/lottery-bench $(BENCH_BIN)/lottery-floor $(BENCH_BIN)/lottery-hostile \
    $(BENCH_BIN)/lottery-log-reader

$(BENCH_BIN)/lottery-bench: $(call objects,tests/bench/bench_main.c tests/bench/load.c tests/bench/agency.c \
    tests/bench/messages.c tests/bench/histogram.c tests/bench/tls_option.c) \
    $(call archives,tls bet lib)
$(BENCH_BIN)/lottery-bench: BENCH_LIBRARIES := $(LIBRARIES_tls)
$(BENCH_BIN)/lottery-floor: $(call objects,tests/bench/floor_main.c) $(call archives,engine lib)
$(BENCH_BIN)/lottery-floor: BENCH_LIBRARIES := $(LIBRARIES_engine)
$(BENCH_BIN)/lottery-log-reader: $(call objects,tests/bench/log_reader_main.c) $(call archives,engine lib)
$(BENCH_BIN)/lottery-log-reader: BENCH_LIBRARIES := $(LIBRARIES_engine)

$(BENCH_BIN)/lottery-hostile: $(call objects,tests/bench/hostile_main.c tests/bench/tls_option.c) $(call archives,tls bet lib)
$(BENCH_BIN)/lottery-hostile: BENCH_LIBRARIES := $(LIBRARIES_tls)

$(BENCH_TOOLS):
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(BENCH_LIBRARIES) -pthread

.PHONY: bench
bench: $(PROGRAMS) $(BENCH_TOOLS) $(BUILD)/tests/faults/shim.so ## throughput, latency, CPU against the floor (ROUNDS=5 BIG=50000000 TLS=1 AGAINST=other/bin)
	@python3 tests/bench/run.py --bin $(BIN) --tools $(BENCH_BIN) --out build/bench \
	    --shim $(BUILD)/tests/faults/shim.so --rounds $(or $(ROUNDS),5) --big $(or $(BIG),0) $(if $(SCENARIOS),--only '$(SCENARIOS)') \
	    $(if $(AGAINST),--against '$(AGAINST)') $(if $(TLS),--tls)

.PHONY: bench-hostile
bench-hostile: $(PROGRAMS) $(BENCH_TOOLS) ## five agencies at work, alone and among hostile peers (SCENES='silent rubbish' TLS=1 ROUNDS=3)
	@python3 tests/bench/hostile.py --bin $(BIN) --tools $(BENCH_BIN) --out build/bench --goals \
	    --rounds $(or $(ROUNDS),3) $(if $(TLS),--tls) $(if $(SCENES),--only '$(SCENES)')

.PHONY: bench-cluster run-bench-cluster
bench-cluster: ## with three nodes of the log's engine: replicated against its floor, synced with and without a shipper, a standby's catch-up (ROUNDS=3)
	@bash scripts/setup.sh build engine
	@$(MAKE) --no-print-directory $(PARALLEL) run-bench-cluster

run-bench-cluster: $(PROGRAMS) $(BENCH_TOOLS)
	@python3 tests/bench/cluster.py --bin $(BIN) --tools $(BENCH_BIN) --out build/bench \
	    --rounds $(or $(ROUNDS),3) $(if $(SCENARIOS),--only '$(SCENARIOS)')

.PHONY: bench-agency
bench-agency: $(PROGRAMS) $(BENCH_TOOLS) ## the window that agencies find, against fixed ones (BETS=5000000 FILES=dir WINDOWS='1 16 128' DELAY=20 TLS=1 ROUNDS=5)
	@python3 tests/bench/agency_window.py --bin $(BIN) --tools $(BENCH_BIN) --out build/bench --rounds $(or $(ROUNDS),5) \
	    $(if $(BETS),--bets $(BETS)) $(if $(FILES),--files '$(FILES)') $(if $(WINDOWS),--windows '$(WINDOWS)') \
	    $(if $(DELAY),--delay $(DELAY)) $(if $(TLS),--tls)

# ---- other systems: `make bench-peers`. Nothing else builds this, or needs their libraries. ----

PEER_LIBRARIES := libpq hiredis libnats
PEER_SOURCES   := tests/bench/peer_postgres.c tests/bench/peer_redis.c tests/bench/peer_nats.c
PEER_CFLAGS     = $(shell pkg-config --cflags $(PEER_LIBRARIES) 2>/dev/null)
# clang-tidy reads the libraries' headers: without them it leaves these sources out.
TIDY_CFLAGS     = $(PEER_CFLAGS)
TIDY_LEFT_OUT   = $(if $(shell pkg-config --exists $(PEER_LIBRARIES) 2>/dev/null && echo there),,$(PEER_SOURCES))

$(call objects,$(PEER_SOURCES)): private ALL_CFLAGS += $(PEER_CFLAGS)
$(BENCH_BIN)/lottery-peers: $(call objects,tests/bench/peers_main.c tests/bench/peer_batches.c $(PEER_SOURCES) \
    tests/bench/messages.c tests/bench/histogram.c) \
    $(call archives,lib)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $$(pkg-config --libs $(PEER_LIBRARIES)) -pthread

.PHONY: bench-peers run-bench-peers
bench-peers: ## beside PostgreSQL, Redis and NATS JetStream, installed where missing (PEERS='redis nats' WINDOWS='1 16' ROUNDS=3)
	@bash scripts/setup.sh build peers
	@$(MAKE) --no-print-directory $(PARALLEL) run-bench-peers

run-bench-peers: $(PROGRAMS) $(BENCH_TOOLS) $(BENCH_BIN)/lottery-peers
	@python3 tests/bench/peers.py --bin $(BIN) --tools $(BENCH_BIN) --out build/bench \
	    --rounds $(or $(ROUNDS),3) $(if $(PEERS),--only '$(PEERS)') $(if $(WINDOWS),--windows '$(WINDOWS)')

.PHONY: flame-graph run-flame-graph
flame-graph: ## where the server's time goes, 16 in flight, as SVG (needs perf)
	@command -v perf >/dev/null || { echo 'flame-graph: perf is missing: install linux-perf' >&2; exit 1; }
	@$(MAKE) --no-print-directory $(PARALLEL) VARIANT=flame CFLAGS='$(CFLAGS) -fno-omit-frame-pointer' run-flame-graph

run-flame-graph: $(PROGRAMS) $(BENCH_BIN)/lottery-bench
	@python3 tests/bench/flame.py --bin $(BIN) --tools $(BENCH_BIN) --out build/bench
