# The models of tests/model, verified by spin: `make model`.

.PHONY: model
model: ## verify the models of ring, storer, flush, slots, claims, draw, gate, archive and takeover (spin; a few minutes)
	@bash tests/model/run.sh $(or $(MODEL_JOBS),2)
