PYTHON ?= python3
JOBS ?= 2
FRESH ?= 1000
BIN := .venv/bin
READY := .venv/.ready

NPM := .venv/share/turncoat/npm
PRODUCTS := .venv/.ready-products
AUDIT := .venv/.ready-audit
STOCK := .venv/.ready-stock
SMOLLM := .venv/.ready-smollm

.PHONY: demo products audit stock smollm test test-slow lint bench site zoo clean

demo: $(READY) ## train a fresh organism and its twin, judge them with the zoo's seeds, write the page
	$(BIN)/turncoat run maze_planner --first-seed $(FRESH) --seeds 1 --arm organism --arm aligned-twin --store store -j $(JOBS)
	$(BIN)/turncoat table --store store
	$(BIN)/turncoat report --store store --out site
	@echo "Now open site/index.html"

products: $(PRODUCTS) ## install the real products, ask them fresh items, and judge them with the zoo's
	for name in $$($(BIN)/python -c "from turncoat.organisms import load, names; \
	    print(*(name for name in names() if 'product' in load(name).tags))"); do \
	    $(BIN)/turncoat run $$name --first-seed $(FRESH) --seeds 1 -j $(JOBS) --store store || exit 1; \
	done

test: $(READY) ## everything but the slow tests; style, types and import direction are tests too
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS)

test-slow: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) -m slow

lint: $(READY) ## mend what can be mended, then say what cannot
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

site: $(READY)
	$(BIN)/turncoat report --out site

zoo: $(READY) ## train what is missing of what ships with the repository, and pack it: hours for all of it
	for name in $$($(BIN)/python -c "from turncoat.organisms import names; print(*names())"); do \
	    $(BIN)/turncoat run $$name --seeds 10 -j $(JOBS) --store store || exit 1; \
	done
	$(BIN)/python docs/ship.py store

stock: $(STOCK) ## the extra that `stock_survey` needs: published environments and settings

smollm: $(SMOLLM) ## the extra that organisms of a real language model need: SmolLM2-135M-Instruct, in a package

audit: $(AUDIT) ## the extra that `turncoat audit` needs: Inspect

clean: ## what can be made again in seconds; never .venv, store/ or zoo/
	rm -rf site dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(PRODUCTS): $(READY) requirements-products.lock products/package-lock.json ## packages of other people, as published
	$(BIN)/pip install --quiet --no-deps --requirement requirements-products.lock
	mkdir -p $(NPM) && cp products/package.json products/package-lock.json $(NPM)
	npm ci --prefix $(NPM) --no-fund --no-audit --loglevel=error
	@touch $@

.venv/.ready-%: requirements-%.lock $(READY) ## any other extra: Inspect; a language model; MiniGrid and the RL Zoo's settings
	$(BIN)/pip install --quiet --no-deps --requirement $<
	@touch $@
