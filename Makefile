# Everything runs in .venv; `make demo` and `make test` set it up themselves.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
DEMO := .venv/.installed-demo
DEV := .venv/.installed-dev
OTELCOL := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/spanmeter/opentelemetry-collector

.PHONY: help setup demo test compat others senders replay collectors fuzz bench-app bench-budget bench-cache bench-summary bench-export bench-collector bench-acknowledge bench-reprice bench-disk bench-queries lint types imports fmt screenshots clean bench-soak bench-start faults load

help:  ## what each command does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: $(DEV)  ## everything for working on Spanmeter, in .venv

demo: $(DEMO)  ## the main job: reference RAG, sidecar and cost explorer, until Ctrl-C
	@$(BIN)/spanmeter demo $(ARGS)

test: $(DEV)  ## all tests, in a process more than there are cores and at most four (ARGS="-k cost" for some, ARGS="-n 0" in one)
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

faults: $(DEV)  ## kill the sidecar at 50 moments, flood it for a minute, fill its disk
	@SPANMETER_FAULTS=all $(BIN)/python -m pytest -n 0 tests/faults $(ARGS)

compat: $(DEV)  ## the counting scenarios on several versions of the frameworks
	@$(BIN)/python tests/compat/matrix.py $(ARGS)

others: $(DEV)  ## every other instrumentation beside ours, against a provider that counts
	@$(BIN)/python tests/others/beside.py $(ARGS)

senders: $(DEV)  ## every other instrumentation alone, against a provider that counts
	@$(BIN)/python tests/others/alone.py $(ARGS)

replay: $(DEV)  ## recorded answers of providers, read by every client package, and budgets over each
	@$(BIN)/python tests/replay/environments.py $(ARGS)

fuzz: $(DEV)  ## the doors and the API against damaged and odd requests, for some minutes
	@SPANMETER_FUZZ=$(or $(EXAMPLES),20000) $(BIN)/python -m pytest tests/collector/test_fuzz.py tests/collector/test_openapi.py $(ARGS)

collectors:  ## an OpenTelemetry Collector for the tests; needs Go, takes minutes, is kept in ~/.cache
	@mkdir -p $(OTELCOL) && cp tests/collector/opentelemetry_collector.yaml $(OTELCOL)/builder.yaml
	@cd $(OTELCOL) && go run go.opentelemetry.io/collector/cmd/builder@v0.160.0 --config builder.yaml

load: $(DEV)  ## the reference workload under duplicates, failures and a tight budget, judged by the provider's record
	@$(BIN)/python tests/benchmarks/workload.py $(ARGS)

bench-app: $(DEV)  ## what instrumentation adds to a call, a token, a chain, a graph and a query
	@$(BIN)/python tests/benchmarks/app.py $(ARGS)

bench-budget: $(DEV)  ## what budgets add to a call
	@$(BIN)/python tests/benchmarks/budget.py

bench-summary: $(DEV)  ## what counting a span for the summary costs
	@$(BIN)/python tests/benchmarks/summary.py

bench-cache: $(DEV)  ## what a hit of a cache costs, beside other caches
	@$(BIN)/python tests/benchmarks/cache.py $(ARGS)

bench-export: $(DEV)  ## what it takes to send a span, beside the SDK's exporter
	@$(BIN)/python tests/benchmarks/export.py $(ARGS)

bench-collector: $(DEV)  ## how fast the sidecar acknowledges and stores spans
	@$(BIN)/python tests/benchmarks/collector.py $(ARGS)

bench-acknowledge: $(DEV)  ## how fast the sidecar acknowledges what is safely on disk
	@$(BIN)/python tests/benchmarks/acknowledge.py $(ARGS)

bench-soak: $(DEV)  ## what the sidecar sustains for minutes, merges included
	@$(BIN)/python tests/benchmarks/soak.py $(ARGS)

bench-start: $(DEV)  ## how long the sidecar takes to start, and to store what an earlier run left in its log
	@$(BIN)/python tests/benchmarks/start.py $(ARGS)

bench-reprice: $(DEV)  ## how long the sidecar takes to reprice a large ledger
	@$(BIN)/python tests/benchmarks/reprice.py $(ARGS)

bench-disk: $(DEV)  ## what a span takes on disk; backup, restore and retention
	@$(BIN)/python tests/benchmarks/disk.py $(ARGS)

bench-queries: $(DEV)  ## how long the sidecar takes to answer with ten million spans stored
	@$(BIN)/python tests/benchmarks/queries.py $(ARGS)

lint: $(DEV)  ## style
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: $(DEV)  ## mypy, strict, sources and tests
	@$(BIN)/mypy

imports: $(DEV)  ## who may import whom
	@$(BIN)/lint-imports

fmt: $(DEV)  ## format and mend what can be mended
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

screenshots: $(DEV)  ## the README's pictures, from a running `make demo`
	@$(BIN)/python tests/dashboard/screenshots.py $(ARGS)

clean:  ## remove the environments and caches
	rm -rf .venv .venv-compat .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Spanmeter needs Python 3.11 or newer; '$(PYTHON)' is not. Name one: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -m venv .venv >/dev/null \
		|| { rm -rf .venv; echo "'$(PYTHON) -m venv' failed; on Debian: apt install python3-venv"; exit 1; }

$(DEMO): extra := demo
$(DEV): extra := dev
$(DEMO) $(DEV): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Spanmeter and what its '$(extra)' extra needs into .venv; the first time takes a few minutes."
	@if command -v uv >/dev/null; then \
		uv pip install --python $(BIN)/python --constraint constraints.txt --editable '.[$(extra)]'; \
	else \
		$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off \
			--constraint constraints.txt --editable '.[$(extra)]' \
		| awk '/^ERROR/ {print; next} /^(Collecting|Installing)/ {printf "\r\033[K  %3d  %s", ++n, $$2; fflush()} END {printf "\r\033[K  %d packages looked at\n", n}'; \
	fi
	@touch $@ $(if $(filter dev,$(extra)),$(DEMO))
