# Expression Lens: `make help` lists what there is.

VENV ?= .venv
PORT ?= 5006
PYTHON ?=
CHROMIUM ?=
ARGS ?=
export PYTHON CHROMIUM

bin := $(VENV)/bin
setup := sh tools/setup_system.sh
install := $(bin)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable
# Stamps: newer than pyproject.toml and constraints.txt means that the environment is as they say.
ready := $(VENV)/.ready
ready_dev := $(VENV)/.ready-dev

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'Settings: PORT=5006, PYTHON=python3.11, VENV=.venv, CHROMIUM=chromium, ARGS="passed on to the command"'

.PHONY: run
run: $(ready) ## serve the dashboard on http://localhost:5006 (the first time: set it up)
	@exec $(bin)/python -m dashboard --port $(PORT) $(ARGS)

.PHONY: test
test: $(ready_dev) ## run all tests, those in a real browser included
	@browser="$$($(setup) browser)" && CHROMIUM="$$browser" $(bin)/python -m pytest $(ARGS)

.PHONY: check
check: $(ready_dev) ## check lint, format, types, directions of imports, known holes
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/lint-imports --no-logo
	@$(MAKE) --no-print-directory audit

.PHONY: audit
audit: $(ready_dev) ## look for known holes in the pinned packages, where an index can be reached
	@$(bin)/python tools/audit.py

.PHONY: format
format: $(ready_dev) ## format the code and mend what ruff can
	$(bin)/ruff check --fix .
	$(bin)/ruff format .

.PHONY: train
train: $(ready_dev) ## train a model: make train ARGS="RECIPE --data fer2013.csv"
	@$(bin)/python -m training.train $(ARGS)

.PHONY: evaluate
evaluate: $(ready) ## print the figures of the models, from the committed prediction table
	@$(bin)/python -m fusion_model.evaluation $(ARGS)

.PHONY: bench
bench: $(ready_dev) ## measure the page in a browser: opening, a photo, live (docs/results/page.json)
	@browser="$$($(setup) browser)" && CHROMIUM="$$browser" $(bin)/python tests/benchmarks/page.py $(ARGS)

.PHONY: bench-load
bench-load: $(ready_dev) ## measure the server under 1, 10 and 50 visitors (docs/results/load.json)
	@$(bin)/python tests/benchmarks/load.py $(ARGS)

.PHONY: soak
soak: $(ready_dev) ## 2,000 pictures on one server: is its memory flat? (docs/results/load.json)
	@$(bin)/python tests/benchmarks/load.py --sizes --soak 2000 $(ARGS)

.PHONY: fuzz
fuzz: $(ready_dev) ## feed broken files to all readers: make fuzz ARGS="--minutes 30"
	@$(bin)/python tests/fuzz/run.py $(ARGS)

.PHONY: peers
peers: $(ready_dev) ## measure the speed beside other programs, installed below runs/peers (docs/results/speed.json)
	@$(bin)/python tests/benchmarks/peers/run.py $(ARGS)

.PHONY: clean
clean: ## remove caches of the tools; .venv and runs/ stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find dashboard fusion_model training tests -name __pycache__ -type d -prune -exec rm -rf {} +

# By pip, not python: a set-up that was stopped half way leaves python without pip, and is done again.
$(bin)/pip:
	@python="$$($(setup) python)" && echo "Making $(VENV) with $$python ..." && "$$python" -m venv $(VENV)

$(ready): pyproject.toml constraints.txt | $(bin)/pip
	@echo "Installing the pinned versions into $(VENV): once, minutes and several GB (PyTorch) ..."
	@$(install) .
	@$(setup) opencv $(bin)/python
	@touch $@

$(ready_dev): pyproject.toml constraints.txt | $(bin)/pip
	@echo "Installing the pinned versions into $(VENV): once, minutes and several GB (PyTorch) ..."
	@$(install) '.[training,test,check]'
	@$(setup) opencv $(bin)/python
	@touch $@ $(ready)
