# cluster.mk - chaos past one machine, beside the tests that `make test-cluster` runs.

.PHONY: cluster-chaos

# What faults.mk sets where nobody says anything is for `make chaos`.
CLUSTER_KILLS = $(if $(filter file,$(origin KILLS)),,$(KILLS))

cluster-chaos: $(PROGRAMS) ## kill, stop and cut off servers, shippers and the engine: SECONDS=60 KILLS=... SEED=...
	@bash scripts/setup.sh engine
	@LOTTERY_BIN=$(BIN) KILLS=$(CLUSTER_KILLS) SECONDS=$(SECONDS) SEED=$(SEED) ROUND=$(ROUND) KEEP=$(KEEP) \
	    python3 tests/cluster/chaos.py
