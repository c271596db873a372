# Every target makes the environment it needs in .venv; a second run finds it ready.
# Needed beforehand: make and Python 3.11 or newer (`make PYTHON=python3.12 …` picks one).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt
PYTEST := OMP_NUM_THREADS=1 MPLBACKEND=Agg $(BIN)/python -m pytest -q -n auto --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint types docs bench paper clean

help:
	@echo "make demo      explain two small trained models; report and pictures in ./demo-output"
	@echo "make test      lint, types and tests"
	@echo "make test-all  the same with the long tests"
	@echo "make lint      ruff"
	@echo "make types     mypy"
	@echo "make docs      the documentation site, in ./site"
	@echo "make bench     speed, start, memory and scaling beside captum, zennit, shap, tangermeme, LXT and autograd, with targets;"
	@echo "               BENCH=--quick for minutes instead of half an hour, BENCH=--resume to go on where a run was broken off"
	@echo "make paper     the run-time and agreement grids of the innsight paper, in its minimal mode"
	@echo "make clean     remove everything that make made"

demo: $(VENV)/core.stamp
	$(BIN)/onnxplain demo

test: lint types
	$(PYTEST) -m "not slow"

test-all: lint types
	$(PYTEST)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

docs: $(VENV)/docs.stamp
	$(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

bench: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks --strict $(BENCH)

paper: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks.paper.agreement $(PAPER)
	$(BIN)/python -m benchmarks.paper --minimal $(PAPER)

clean:
	rm -rf $(VENV) build dist site out demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/core.stamp: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "onnxplain needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "making the environment in $(VENV): torch, onnx and onnxruntime, about 1 GB and a minute or two"
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch==2.13.0
	$(INSTALL) -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/core.stamp
	$(INSTALL) -e ".[dev]"
	@touch $@

$(VENV)/docs.stamp: $(VENV)/core.stamp
	$(INSTALL) -e ".[docs]"
	@touch $@

# What these ask for would bring a second torch (zennit: torchvision) or is not used here (LXT: transformers and its
# quantised kernels; tangermeme: the rest is there with shap)
$(VENV)/bench.stamp: $(VENV)/core.stamp
	$(INSTALL) -e ".[bench]"
	$(INSTALL) --no-deps zennit tangermeme figwig memelite pyfaidx lxt
	@touch $@
