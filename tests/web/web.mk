# web.mk - the page of lottery-web in a real browser: its test, and its pictures for the README.

.PHONY: test-web screenshots
test-web: ## the page of lottery-web in headless Chromium (77: there is none)
	@bash scripts/setup.sh build test
	@bash scripts/setup.sh browser || { echo 'left out: there is no Chromium'; exit 77; }
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@LOTTERY_BIN=$(BIN) python3 tests/web/test_page.py

screenshots: ## docs/pictures/*.webp, of the page by the page
	@bash scripts/setup.sh build browser
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@mkdir -p docs/pictures
	@LOTTERY_BIN=$(BIN) python3 tests/web/screenshots.py docs/pictures
