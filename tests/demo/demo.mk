# demo.mk - the demonstration: `make demo`.

DEMO_TOOL := $(BUILD)/demo/lottery-lock-owner

$(DEMO_TOOL): $(call objects,tests/demo/lock_owner_main.c) $(call archives,stat server tls store shm bet lib)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBRARIES_server) $(LIBRARIES_tls) $(LIBRARIES)

.PHONY: demo demo-watch
demo: ## the page beside twelve agencies, and a menu of disasters (RATE=150 bets a second each; DEMO_LANG=es)
	@bash scripts/setup.sh build
	@$(MAKE) --no-print-directory -s $(PARALLEL) all $(DEMO_TOOL)
	@LOTTERY_BIN=$(BIN) LOTTERY_DEMO_TOOL=$(DEMO_TOOL) bash scripts/demo.sh $(if $(RATE),--rate $(RATE))

demo-watch: ## lottery-stat --watch of the demonstration that runs, in another terminal
	@LOTTERY_BIN=$(BIN) bash scripts/demo.sh --watch

# test_demo stops whoever has the lock, too.
run-tests: $(DEMO_TOOL)
