# Deposition. `make` lists the targets. Needs Python 3.11 or newer, git, a C/C++ compiler, cmake and make.

PYTHON    ?= $(shell command -v python3.11 || command -v python3)
VENV      := .venv
BIN       := $(VENV)/bin
STAMPS    := .setup
PIP_FLAGS ?=
ARGS      ?=
GPU_ARGS  ?=

# ggml's AMX kernels crash on some machines (ggml-org/llama.cpp issue 20824), not all of which report AMX in
# /proc/cpuinfo: build without them wherever the compiler knows them.
NO_AMX     := -mno-amx-tile -mno-amx-int8 -mno-amx-bf16
HAS_AMX    := $(shell $(CC) $(NO_AMX) -E -x c /dev/null >/dev/null 2>&1 && echo yes)
CMAKE_ARGS ?= $(if $(HAS_AMX),-DCMAKE_C_FLAGS='$(NO_AMX)' -DCMAKE_CXX_FLAGS='$(NO_AMX)')
export CMAKE_ARGS

PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --quiet $(PIP_FLAGS) -c constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup gpu audit test check lint format types bench clean repo-given

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMPS)/installed $(STAMPS)/models ## Create .venv, install everything, fetch the default models (once)

gpu: $(STAMPS)/installed ## Build llama.cpp anew for an NVIDIA GPU; needs the CUDA toolkit (nvcc)
	@command -v nvcc >/dev/null || { echo "error: nvcc is not on the PATH; install the CUDA toolkit" >&2; exit 3; }
	CMAKE_ARGS="$$CMAKE_ARGS -DGGML_CUDA=on -DCMAKE_CUDA_ARCHITECTURES=native $(GPU_ARGS)" $(PIP) --force-reinstall --no-deps \
	  --no-cache-dir --no-binary llama-cpp-python llama-cpp-python
	$(BIN)/deposition models doctor

audit: repo-given setup ## Audit a repository: make audit REPO=path [ARGS="--only 2"]
	@$(BIN)/deposition run --repo "$(REPO)" $(ARGS) || [ $$? -eq 1 ]

test: $(STAMPS)/test ## Install what the tests need and run them
	$(BIN)/python -m pytest $(ARGS)

check: $(STAMPS)/dev lint format types test ## Lint, format, types and tests, as before a commit

lint: $(STAMPS)/dev
	$(BIN)/ruff check .

format: $(STAMPS)/dev
	$(BIN)/ruff format --check .

types: $(STAMPS)/dev
	$(BIN)/pyright

bench: setup ## Audit this project and let an independent script check every citation
	@$(BIN)/deposition run --repo . --out audits/bench --fresh $(ARGS) || [ $$? -eq 1 ]
	@$(BIN)/python bench/check_answers.py audits/bench .

clean: ## Remove the environment and everything that was built; models and reports stay
	rm -rf $(VENV) $(STAMPS) dist .pytest_cache .ruff_cache .hypothesis
	find agent retrieval tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

repo-given:
	@test -n "$(REPO)" || { echo "error: say which repository: make audit REPO=path" >&2; exit 2; }

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "error: Python 3.11 or newer is needed; name one with PYTHON=path" >&2; exit 2; }
	"$(PYTHON)" -m venv $(VENV)

$(STAMPS)/installed: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing; llama.cpp is compiled the first time, which takes some minutes"
	$(PIP) -e '.[mcp,serve]'
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/models: $(STAMPS)/installed
	$(BIN)/deposition models pull
	@touch $@

$(STAMPS)/test: $(STAMPS)/installed
	$(PIP) -e '.[test]'
	$(BIN)/deposition models pull smollm2-135m all-MiniLM-L6-v2
	@touch $@

$(STAMPS)/dev: $(STAMPS)/installed
	$(PIP) -e '.[dev]'
	@touch $@
