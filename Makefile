PYTHON ?= python3
VENV ?= .venv
TRIALS ?= 160
BOARD_TRIALS ?= 160
# A photograph that every installation already has.
PICTURE ?= $(shell $(BIN)/python -c "from matplotlib.cbook import get_sample_data as find; print(find('grace_hopper.jpg', asfileobj=False))")

BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := test
.PHONY: tune test test-emulated torture audit lint bench records reports clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -c constraints.txt -e '.[dev]'
	touch $@

# Without a board everything about the Raspberry Pi is estimated; the host is measured.
tune: $(READY)
	$(BIN)/tvm-bnn tune kitti-road --target rpi4 --trials $(BOARD_TRIALS)
	$(BIN)/tvm-bnn profile kitti-road --target rpi4
	$(BIN)/tvm-bnn compile kitti-road --target rpi4 -o build/kitti-road-rpi4
	$(BIN)/tvm-bnn tune kitti-road --target cpu --trials $(TRIALS)
	$(BIN)/tvm-bnn profile kitti-road --target cpu
	$(BIN)/tvm-bnn compile kitti-road --target cpu -o build/kitti-road-cpu
	$(BIN)/tvm-bnn run build/kitti-road-cpu "$(PICTURE)" -o build/overlay.png

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

test: lint
	$(BIN)/pytest -n 2

test-emulated: $(READY)
	$(BIN)/python -m tests.emulated.prepare
	$(BIN)/pytest -m emulated

# Everything, an hour or two on an idle machine; TVM_BNN_TORTURE=10 does a tenth of it.
torture: export TVM_BNN_TORTURE ?= full
torture: $(READY)
	$(BIN)/pytest -m torture tests/torture
	$(BIN)/python -m tests.torture.table

audit:
	$(PYTHON) -m venv build/audit
	build/audit/bin/pip install pip-audit
	build/audit/bin/pip-audit --no-deps --disable-pip -r constraints.txt

bench: $(READY)
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.peers
	$(BIN)/python -m benchmarks.deployment

records: $(READY)
	$(BIN)/python -m benchmarks.records

reports: $(READY)
	$(BIN)/python -m benchmarks.reports

clean:
	rm -rf $(VENV) build dist tvm-bnn-work .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
