# `make help` lists the targets.
#
# Everything lives in .venv. uv (installed into it) resolves in seconds; where pip knows a
# local wheel directory (PIP_FIND_LINKS), uv is told of it too, since it does not read pip's own.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
UV     := UV_FIND_LINKS="$${UV_FIND_LINKS:-$$PIP_FIND_LINKS}" $(BIN)/uv
CORES  ?= all

# What needs neither Snakemake nor a training: the fast loop (CONTRIBUTING.md). The proof that
# digests are complete is left out, too: it imports every stage and makes every network.
FAST := $(addprefix tests/,augmentation config data decoding heads instances io losses metrics workflow) \
        $(patsubst %,tests/test_%.py,cli doctests docs environment jit layers moved_modules public_names)
PYTEST := OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

.PHONY: setup help demo test test-fast lint bench docs lock clean

setup: $(VENV)/.ready  ## set up .venv with everything

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

# torch first and alone: its wheel differs from machine to machine (CPU, CUDA), so the lock
# pins its version but no hash.
$(VENV)/.ready: pyproject.toml requirements.txt requirements-torch.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(UV) pip install --quiet --python $(BIN)/python -r requirements-torch.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-binary elasticdeform -r requirements.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

demo: setup  ## run the whole workflow on simulated microscopy, show the leaderboard
	$(BIN)/snakemake --cores $(CORES)
	$(BIN)/septum leaderboard

test: setup  ## run all tests
	$(PYTEST) tests

test-fast: setup  ## run the tests that need neither Snakemake nor a training
	$(PYTEST) -m "not workflow and not real_data" --ignore tests/io/test_code_digest.py $(FAST)

lint: setup  ## check style, rule files and the Snakefile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile pipeline
	$(BIN)/snakemake --lint

bench: setup  ## measure our code beside its peers
	$(BIN)/python benchmarks/run.py

docs: setup  ## write docs/api.md, the figure of the layers and the tables of networks (minutes)
	$(BIN)/python docs/make_api.py
	$(BIN)/python docs/make_architecture.py
	$(BIN)/python -m septum.networks.docs.factsheet docs/networks.md

# Which packages come with torch's own wheel, and are not pinned here, stands in pyproject.toml.
lock: setup  ## pin the versions anew
	$(UV) pip compile --upgrade --extra dev --extra graphcut --universal --python-version 3.11 --generate-hashes \
	  --no-binary elasticdeform --no-header --output-file requirements.txt \
	  pyproject.toml requirements-torch.txt

clean:  ## delete .venv, results and what Snakemake keeps
	rm -rf $(VENV) .snakemake results
