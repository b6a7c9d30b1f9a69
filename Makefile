# make demo | make test | make check | make bench: each does its own set-up.
VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
WORKERS ?= 2

.PHONY: demo test fast check bench docs lab lab-test clean tshark

demo: $(STAMP)
	@$(BIN)/mediasec demo

test: $(STAMP) tshark
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -rs

fast: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow and not tshark"

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=samples/lab $(BIN)/mypy -p imslab
	$(BIN)/lint-imports
	$(BIN)/mediasec rules lint
	$(BIN)/mediasec rules test

bench: $(STAMP) tshark
	$(BIN)/python -m tests.bench

docs: $(STAMP)
	$(BIN)/python -m tests.generate_docs

# Samples from real components (docs/lab.md): every scenario, then its report against its truth. Root, and Linux.
# LAB_BEFORE: a folder of another run, which must have other keys and the same findings.
LAB ?= build/lab
LAB_BEFORE ?=
lab: $(STAMP)
	@export PYTHONPATH=samples/lab; \
	 $(BIN)/python -m imslab --out $(LAB) $(SCENARIOS); code=$$?; [ $$code != 77 ] || exit 0; \
	 [ $$code = 0 ] && $(BIN)/python -m tests.lab.compare $(LAB) $(LAB_BEFORE)

lab-test: $(STAMP)
	$(BIN)/python -m pytest -rs tests/lab/test_ends.py

# The oracle: installed when we may, else its tests skip and say so.
tshark:
	@command -v tshark >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq tshark >/dev/null; } \
	  || echo "tshark is not here and cannot be installed: its tests will be skipped"

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install -q -e . --group dev
	@touch $(STAMP)

clean:
	rm -rf $(VENV)
