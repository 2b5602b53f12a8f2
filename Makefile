# What people type. Each target does its own set-up and is quick where nothing changed.
.PHONY: help demo setup test check wheel bench docs image notebooks lock clean
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
DATA ?=
PORT ?=
export VENV DATA WORKERS
PYTEST ?=
WORKERS ?=

help: ## Say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 8

demo: ## Build a small library, search it, serve its page on http://127.0.0.1:8000; DATA=folder takes your pictures, PORT=n another port, DEMO_ONCE=1 does one search only
	@scripts/install base-demo
	@$(BIN)/morelike demo $(if $(DATA),"$$DATA") $(if $(PORT),--port $(PORT)) $(if $(filter 1,$(DEMO_ONCE)),--once)

setup: ## Make .venv with all that the tests need
	@scripts/install dev

test: setup ## Run all tests; PYTEST="-k words" passes options on, WORKERS=n says on how many cores
	@scripts/chromium >/dev/null
	@scripts/redis >/dev/null
	@scripts/databases >/dev/null
	@scripts/radosgw >/dev/null
	@scripts/milvus >/dev/null
	@scripts/minilm >/dev/null
	@scripts/promtool >/dev/null
	@scripts/helm-render >/dev/null
	@scripts/run-tests $(PYTEST)

check: setup ## Style, types, floors
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/pytest -q tests/unit/test_floors.py

wheel: setup ## Build the wheel and use it in an empty environment
	@scripts/try-wheel

bench: setup ## Measure, and write docs/benchmarks.md
	@$(BIN)/python -m benchmarks

docs: setup ## Write the generated parts of docs/
	@$(BIN)/python scripts/generate_docs.py

image: setup ## Carry out the Dockerfile's steps without a container engine
	@scripts/try_image.py --lock image

notebooks: setup ## Run the notebooks of examples/ where a bucket and Milvus are set, and keep what they show
	@$(BIN)/python scripts/notebooks.py

lock: setup ## Write requirements/*.txt anew
	@scripts/lock

clean: ## Remove everything that the targets above made, but the demo's library
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
