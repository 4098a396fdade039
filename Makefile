# fld-engine. `make demo` and `make test` need nothing but python3 (3.11+) with venv and pip.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
DEMO ?= demo
UD_EWT ?= ud-ewt
WORK ?= build/embedded
QUICK ?= tests/test_imports.py tests/shards tests/filters tests/engine/config tests/stages/codec tests/stages/evaluate \
  tests/stages/fuse tests/stages/gate tests/stages/watch tests/stages/test_round.py

# Where Python may not write bytecode (PYTHONDONTWRITEBYTECODE) every process would compile torch anew, 8 s each: set-up
# compiles all packages once.

# Tests of one file share what they set up, and the longest files come early.
PARALLEL ?= -n 2 --dist loadfile --no-loadscope-reorder

# One thread per process: on small machines torch's default oversubscribes the cores.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test quick check bench bench-gpu embedded parser clean

help:  ## show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv and install everything, once

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python 3.11 or newer is needed, this is " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --constraint constraints.txt --editable '.[all,dev]'
	touch $@

demo: $(STAMP)  ## draw scenes, run a round with the embedded profile, show what came out
	$(BIN)/fld demo $(DEMO)

test: $(STAMP)  ## the tests: CPU, offline
	$(BIN)/python -m pytest $(PARALLEL)

quick: $(STAMP)  ## what can be tested without torch and spaCy, in seconds
	$(BIN)/python -m pytest -q -rfE -p tests.quick -m "not gpu and not slow and not ray and not thorough" $(QUICK)

check: $(STAMP)  ## the one gate: ruff, mypy strict, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(PARALLEL)

bench: $(STAMP)  ## every benchmark, as ratios within one run; takes a while, wants an idle machine
	for name in $(notdir $(basename $(wildcard tests/benchmarks/bench_*.py))); do $(BIN)/python -m tests.benchmarks.$$name || exit 1; done

bench-gpu: $(STAMP)  ## the models at full size on a GPU, under ten minutes; tiny ones where there is none
	$(BIN)/python -m tests.benchmarks.bench_gpu

embedded: $(STAMP)  ## train the embedded checkpoints from nothing and measure them (hours)
	$(BIN)/python -m stages.recipes.embedded --work $(WORK)

parser: $(STAMP)  ## train the bundled spaCy pipeline on UD English EWT (UD_EWT=folder)
	$(BIN)/python -m stages.recipes.parser $(UD_EWT)

clean:  ## remove what the other commands made, .venv included
	rm -rf $(VENV) $(DEMO) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
