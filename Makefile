# The environment that start.sh makes; NIJA_VENV moves it.
VENV := $(or $(NIJA_VENV),.venv)
BIN := $(VENV)/bin
# Packages younger than this are left alone: most poisoned releases are found within days.
LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	--only-binary :all: --no-binary krakenex --no-binary pykrakenapi \
	--exclude-newer "3 days" --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help setup test check format-check format lint types floors lock upgrade demo paper soak day clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make the environment with everything that tests and checks need
	@./start.sh install-dev

test: ## run the tests; ARGS="-k kraken" passes arguments to pytest
	@./start.sh test $(ARGS)

check: format-check lint types floors ## everything but the tests: format-check lint types floors

format-check: setup ## fail when a file is not formatted
	$(BIN)/ruff format --check .

format: setup ## format, and mend what ruff can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

lint: setup ## lint
	$(BIN)/ruff check .

types: setup ## check types, strictly
	$(BIN)/python -m mypy
	@for script in *.py; do echo "mypy $$script"; $(BIN)/python -m mypy "$$script" || exit 1; done

floors: setup ## check that imports go down only
	$(BIN)/lint-imports --no-logo --cache-dir .import_linter_cache

lock: setup ## write both lock files again, keeping the versions that still fit
	$(LOCK) requirements.in --output-file requirements.txt
	$(LOCK) requirements-dev.in --output-file requirements-dev.txt

upgrade: setup ## write both lock files again with the newest versions allowed
	$(LOCK) --upgrade requirements.in --output-file requirements.txt
	$(LOCK) --upgrade requirements-dev.in --output-file requirements-dev.txt

demo: ## a master, users and a local exchange: no keys, no money; ARGS="--help" says more
	@./start.sh demo $(ARGS)

paper: ## run the paper exchange alone; ARGS="--help" says more
	@./start.sh install
	@exec $(BIN)/python -m paper_exchange $(ARGS)

soak: setup ## trades, faults and kills at random against the copy path, for SOAK_MINUTES=10
	@$(BIN)/python -m tests.state_machine.play

day: setup ## a day of paper trading in DAY_MINUTES=10 with the page open in Chromium: is memory flat, the heartbeat steady?
	@$(BIN)/python -m tests.e2e.page.day

clean: ## remove caches and the environment; data and .env stay
	rm -rf .venv .venv.lock .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	find bot paper_exchange tests -name __pycache__ -type d -prune -exec rm -rf {} +
