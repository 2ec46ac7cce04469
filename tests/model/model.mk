# The models of tests/model, verified by spin: `make model`.

.PHONY: model
model: ## verify the models of ring, storer, flush, slots, claims, draw, gate, archive and takeover: ONLY='claim' (spin)
	@bash tests/model/run.sh $(or $(MODEL_JOBS),2) $(if $(ONLY),'$(ONLY)')
