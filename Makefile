# make simulate   the main job: a federated simulation on MovieLens-100K, with a report
# make test       every check: style, types, layers, tests, doctests
# make fuzz       100,000 inputs to every route and to everything that reads bytes

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
SOURCES := $(shell find shared client server simulation -name '*.py' -o -name '*.j2' -o -name '*.toml')

export FLWR_TELEMETRY_ENABLED = 0
export FLWR_DISABLE_UPDATE_CHECK = 1
export RAY_USAGE_STATS_ENABLED = 0

.PHONY: setup simulate test lint types layers unit fuzz clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt '.[dev]'
	touch $@

simulate: setup
	$(BIN)/penchant simulate $(ARGS)

test: lint types layers unit

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint deploy/Dockerfile

types: setup
	$(BIN)/mypy shared/penchant client/penchant server/penchant simulation/penchant tests
	MYPYPATH=examples/reader $(BIN)/mypy examples/reader/*.py

layers: setup
	$(BIN)/lint-imports

# One thread a process: tests run on all cores side by side.
unit: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist loadfile \
		--doctest-modules --doctest-glob='*.md' --pyargs tests README.md docs \
		penchant.shared penchant.client penchant.server penchant.simulation

fuzz: setup
	OMP_NUM_THREADS=1 $(BIN)/python -W ignore -m tests.fuzz.campaign --inputs 100000 $(ARGS)

clean:
	rm -rf $(VENV) build dist
