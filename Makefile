# make demo · make test · make lint · make bench · make docs
#
# Everything lives in .venv. uv (installed into it) resolves in seconds; where pip knows a
# local wheel directory (PIP_FIND_LINKS), uv is told of it too, since it does not read pip's own.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
UV     := UV_FIND_LINKS="$${UV_FIND_LINKS:-$$PIP_FIND_LINKS}" $(BIN)/uv
CORES  ?= all

.PHONY: setup demo test lint bench docs lock clean

setup: $(VENV)/.ready

# torch first and alone: its wheel differs from machine to machine (CPU, CUDA), so the lock
# pins its version but no hash.
$(VENV)/.ready: pyproject.toml requirements.txt requirements-torch.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(UV) pip install --quiet --python $(BIN)/python -r requirements-torch.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-binary elasticdeform -r requirements.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

demo: setup
	$(BIN)/snakemake --cores $(CORES)
	$(BIN)/septum leaderboard

test: setup
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile pipeline
	$(BIN)/snakemake --lint

bench: setup
	$(BIN)/python benchmarks/run.py

# docs/api.md from the docstrings, and the tables of docs/networks.md from the networks (minutes).
docs: setup
	$(BIN)/python docs/make_api.py
	$(BIN)/python -m septum.networks.docs.factsheet docs/networks.md

# Which packages come with torch's own wheel, and are not pinned here, stands in pyproject.toml.
lock: setup
	$(UV) pip compile --upgrade --extra dev --extra graphcut --universal --python-version 3.11 --generate-hashes \
	  --no-binary elasticdeform --no-header --output-file requirements.txt \
	  pyproject.toml requirements-torch.txt

clean:
	rm -rf $(VENV) .snakemake results
