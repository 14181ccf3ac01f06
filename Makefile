# Everything on a machine with Python 3.11 to 3.13 and make. `make demo` and `make test` set up what they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test training faults lint format bench lock schema clean

demo: $(VENV)/installed ## the bundled task, end to end: verdict and report
	$(BIN)/sizewise demo --out demo-run

test: $(VENV)/developing ## every test but the long fault and browser runs; one thread each, for they run side by side
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -m "not faults" -n auto --maxprocesses=4 --dist loadfile

training: $(VENV)/training ## the extra `train` into the test environment: its tests run from now on

faults: $(VENV)/developing ## the long runs: kill -9, full disks, browsers
	$(BIN)/python -m pytest -m faults > faults.log 2>&1; status=$$?; cat faults.log; exit $$status

lint: $(VENV)/developing ## formatting, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/developing
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/developing ## the table of benchmarks/LOG.md; needs the data sets in ../shared/data
	$(BIN)/python benchmarks/table.py

lock: ## renew the locked dependencies (needs uv); hashes, no index addresses
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --quiet --output-file requirements.lock
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --quiet --output-file requirements-dev.lock

schema: $(VENV)/developing ## write docs/verdict.schema.json anew
	$(BIN)/python -m sizewise.verdict.schema > docs/verdict.schema.json

clean:
	rm -rf $(VENV) demo-run

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "Sizewise needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/installed: $(VENV)/python requirements.lock pyproject.toml
	$(PIP) install --require-hashes --no-deps -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/developing: $(VENV)/installed requirements-dev.lock
	$(PIP) install --require-hashes --no-deps -r requirements-dev.lock
	touch $@

$(VENV)/training: $(VENV)/developing requirements-train.txt
	$(PIP) install -r requirements-train.txt
	touch $@
