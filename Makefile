# Verdigris. `make help` lists what there is; every target does its own set-up inside this checkout.

.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# The newest usable Python, preferring one that can create environments. Looked for once, and only when needed.
PYTHON ?= $(eval PYTHON := $$(shell sh tools/find_python.sh))$(PYTHON)

# Downloads are kept inside the checkout, unless the caller has a cache of its own.
export PIP_CACHE_DIR ?= $(CURDIR)/.cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

BIN := .venv/bin
# A virtual environment holds absolute paths: a checkout that was copied or moved makes its own again.
HERE := $(firstword $(shell pwd | cksum))
VENV := .venv/.made-$(HERE)
SETUP := .venv/.setup-$(HERE)
DEV := .venv/.dev-$(HERE)
BENCH := .venv/.bench-$(HERE)
PINS := pyproject.toml constraints.txt setup.py
COMPILED := $(shell sed -n 's/^    "\(.*\.py\)",$$/\1/p' setup.py)
INSTALL := $(BIN)/python -m pip install --progress-bar off -c constraints.txt --editable
QUIETLY = $(PYTHON) -m tools.quietly

.PHONY: help
help: ## this list
	@echo "usage: make TARGET [ARGS='…']"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; \
		do printf '%-14s %s\n' "$$name" "$$text"; done

# --- Set-up -----------------------------------------------------------------------------------------------

.PHONY: setup dev interpreted consul system-deps
setup: $(SETUP) ## .venv with the commands splitter, model-server and verdigris
	@:

dev: $(DEV) ## … and with what tests and checks need
	@:

interpreted: ## the data paths' sources instead of their compiled form, until the next setup or dev
	@find mesh splitter model_server -name '*.so' -delete
	@rm -f .venv/.setup-* .venv/.dev-*
	@echo "the data paths are interpreted; make setup or make dev compiles them again"

$(VENV):
	@test -n "$(PYTHON)"
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || sh tools/find_python.sh --explain $(PYTHON)
	@$(QUIETLY) "virtual environment" $(PYTHON) -m venv --clear .venv
	@touch $@

$(SETUP): $(VENV) $(PINS) $(COMPILED)
	@$(QUIETLY) "compiling and installing verdigris" $(INSTALL) .
	@touch $@

$(DEV): $(VENV) $(PINS) $(COMPILED)
	@$(QUIETLY) "compiling and installing verdigris and its tools" $(INSTALL) '.[dev]'
	@touch $(SETUP) $@

$(BENCH): $(SETUP)
	@$(QUIETLY) "installing the peers to measure against" $(INSTALL) '.[bench]'
	@touch $@

consul: ## a real Consul agent at .tools/bin/consul, no root needed
	@test -n "$(PYTHON)"
	@$(PYTHON) -m tools.fetch_consul .tools/bin/consul

system-deps: ## the Debian packages of the whole test suite and of the benchmark (root or sudo)
	@test -n "$(PYTHON)"
	@$(PYTHON) -m tools.system_deps

# --- Running it -------------------------------------------------------------------------------------------

.PHONY: demo up bench
demo: setup consul ## the main job on real data, about a minute
	@$(BIN)/verdigris demo $(ARGS)

up: setup consul ## Consul, blue and green model servers and a splitter, until Ctrl-C
	@$(BIN)/verdigris up $(ARGS)

bench: $(BENCH) consul ## the README's figures, each beside its peers
	@$(BIN)/python -m benchmarks $(ARGS)

# --- Tests and checks -------------------------------------------------------------------------------------

.PHONY: test test-interpreted check lint format-check types imports protos-check
# Most tests wait for other processes. Whole files, in their order: the long ones are the end-to-end tests, and first.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

MODEL_SERVER_UNITS := $(addprefix tests/model_server/,scheduling transport test_inference.py test_metrics.py test_tensors.py)
test-interpreted: dev ## the data paths' unit tests on their sources, as they run where nothing is compiled
	@VERDIGRIS_INTERPRETED=1 $(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/mesh/http2 tests/splitter $(MODEL_SERVER_UNITS) $(ARGS)

test: dev consul ## the whole test suite; what this system lacks is skipped by name (ARGS goes to pytest)
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

.PHONY: fuzz
fuzz: dev ## nonsense for the wire (ARGS='--frames 2000000', --guided for coverage-guided, --help)
	@$(BIN)/python -m tools.fuzz $(ARGS)

check: lint format-check types imports protos-check ## lint, format, types, import contracts, generated code; never writes

lint: dev
	@echo "lint" && $(BIN)/ruff check --quiet --output-format concise .

format-check: dev
	@echo "format" && $(BIN)/ruff format --check .

types: dev
	@echo "types" && $(BIN)/mypy --no-error-summary

imports: dev
	@echo "import contracts" && $(BIN)/lint-imports --no-logo

protos-check: dev
	@echo "generated code" && $(BIN)/python -m tools.gen_protos --check

.PHONY: tracing-ui
PHOENIX := .cache/phoenix
tracing-ui: ## Phoenix, a tracing UI without Docker, at http://127.0.0.1:6006 until Ctrl-C (a large download)
	@test -n "$(PYTHON)"
	@test -x $(PHOENIX)/bin/phoenix || $(QUIETLY) "environment for Phoenix" $(PYTHON) -m venv --clear $(PHOENIX)
	@test -x $(PHOENIX)/bin/phoenix || $(QUIETLY) "installing Phoenix (about 1 GB)" \
		$(PHOENIX)/bin/python -m pip install --progress-bar off arize-phoenix
	@echo "traces: OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317   pages: http://127.0.0.1:6006"
	@PHOENIX_HOST=127.0.0.1 PHOENIX_TELEMETRY_ENABLED=false PHOENIX_WORKING_DIR=$(CURDIR)/.run/phoenix $(PHOENIX)/bin/phoenix serve

# --- Writing ----------------------------------------------------------------------------------------------

.PHONY: format protos lock clean
format: dev ## rewrite the sources as `make check` wants them
	@$(BIN)/ruff check --fix --quiet . && $(BIN)/ruff format --quiet .

protos: dev ## mesh/pb from protos/*.proto
	@$(BIN)/python -m tools.gen_protos

lock: $(VENV) ## constraints.txt from pyproject.toml (ARGS=--upgrade for the newest releases)
	@$(PYTHON) -m tools.lock $(ARGS)

clean: ## remove everything that these targets made
	rm -rf .venv .tools .cache .run build dist *.egg-info
	rm -rf .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find mesh splitter model_server -name '*.so' -delete
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
