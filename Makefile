# Everything starts here: `make demo` shows Holdfast at work, `make test` proves it.
# A fresh machine needs Rust, CPython 3.11 or newer with pip and venv, and gcc.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
ENGINE := $(shell find src -name '*.rs') Cargo.toml Cargo.lock .cargo/config.toml pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help wheel demo test browser soak lint format bench bench-peers bench-jobs bench-artifacts bench-runs bench-history clean test-engine test-python test-pythons sdist

help:  ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/.tools: pyproject.toml
	@echo "==> Python tools into $(VENV)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --group dev
	@touch $@

$(VENV)/.built: $(ENGINE) $(VENV)/.tools
	@echo "==> Release build of the engine (a minute or two the first time)"
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release
	@touch $@

wheel:  ## The release wheel, in target/demo
	@test -x .venv-demo/bin/maturin || { \
		echo "==> A virtual environment and maturin"; \
		$(PYTHON) -m venv .venv-demo && .venv-demo/bin/pip install --quiet 'maturin>=1.15,<2'; \
	}
	@echo "==> Release wheel (a minute or two the first time)"
	.venv-demo/bin/maturin build --release --interpreter .venv-demo/bin/python --out target/demo

demo: wheel  ## Show Holdfast at work on Python's library (or FOLDER=...), and this folder on the dashboard
	.venv-demo/bin/pip install --quiet --force-reinstall --no-deps "$$(ls -t target/demo/*.whl | head -n 1)"
	@echo "==> What the command line and the dashboard need"
	.venv-demo/bin/pip install --quiet "$$(ls -t target/demo/*.whl | head -n 1)[cli,web]"
	.venv-demo/bin/python examples/quickstart.py $(FOLDER)
	@test -t 1 || $(MAKE) --no-print-directory browser || true
	.venv-demo/bin/python examples/dashboard.py

test: lint test-engine test-python  ## Set everything up and pass all tests

test-engine:
	@echo "==> Engine tests, without Python"
	cargo test
	cargo build --examples

browser:  ## Chromium for the tests of web pages: Debian's, where there is none
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
		echo "==> Chromium, by apt-get (some 100 MB)"; \
		test "$$(id -u)" = 0 || sudo=sudo; \
		$$sudo apt-get update --quiet --quiet; \
		$$sudo apt-get install --quiet --yes --no-install-recommends chromium && command -v chromium; \
	} || { \
		echo "There is no chromium, and apt-get could not install it: run apt-get install chromium as root, or put one on the PATH" >&2; \
		exit 1; \
	}

test-python: $(VENV)/.built browser
	@echo "==> Python tests, three at a time: most of them wait for something"
	$(BIN)/pytest --numprocesses 3 --dist loadfile

test-pythons: $(VENV)/.tools browser  ## The Python tests on every CPython from 3.11 to 3.13 that pyenv has
	@for python in $$(ls -d $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.1[123].*/bin/python); do \
		version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "==> CPython $$version"; \
		test -x .venv-$$version/bin/python || $$python -m venv .venv-$$version || exit 1; \
		.venv-$$version/bin/pip install --quiet --upgrade 'pip>=25.1' || exit 1; \
		.venv-$$version/bin/pip install --quiet --group dev || exit 1; \
		VIRTUAL_ENV=$(CURDIR)/.venv-$$version .venv-$$version/bin/maturin develop --release --quiet || exit 1; \
		.venv-$$version/bin/pytest --numprocesses 3 --dist loadfile || exit 1; \
	done

lint: $(VENV)/.built  ## Format, lint and types
	@echo "==> Format, lint, types"
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy --features python -- -D warnings
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/basedpyright
	$(BIN)/python -m mypy.stubtest holdfast._core --allowlist tests/stubtest.txt
	$(BIN)/pylint --fail-under 9.5 python/holdfast

format:  ## Format everything
	cargo fmt
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

soak: $(VENV)/.built browser  ## The long forms of the stress and crash tests
	HOLDFAST_SOAK=1 cargo test --release
	HOLDFAST_SOAK=1 $(BIN)/pytest --timeout 3600

bench: $(VENV)/.tools  ## Measure the engine and write docs/benchmarks.md
	cargo bench
	$(BIN)/python benches/report.py

PEERS := .venv-peers
PEERS_WHEEL := $(or $(CARGO_TARGET_DIR),target)/bench-peers/wheel

$(PEERS)/.peers: benches/peers/install.py
	@echo "==> The peers into $(PEERS)"
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --upgrade 'pip>=25.1'
	$(PEERS)/bin/python benches/peers/install.py
	@touch $@

$(PEERS)/.built: $(ENGINE) $(shell find python -name '*.py*' -not -path '*/__pycache__/*') $(VENV)/.tools $(PEERS)/.peers
	@echo "==> Release wheel (a minute or two the first time)"
	rm -rf $(PEERS_WHEEL)
	$(BIN)/maturin build --release --interpreter $(PEERS)/bin/python --out $(PEERS_WHEEL)
	$(PEERS)/bin/pip install --quiet --force-reinstall --no-deps $(PEERS_WHEEL)/*.whl
	@touch $@

bench-peers: $(PEERS)/.built  ## Measure beside other Python libraries; a look: ROUNDS=1 ONLY=point_select
	PYTHONPATH=benches $(PEERS)/bin/python -m peers $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only $(ONLY)) $(if $(ON),--peers $(ON))

bench-jobs: $(PEERS)/.built  ## Measure background jobs beside other queues; a look: ROUNDS=1 ONLY=drain
	PYTHONPATH=benches $(PEERS)/bin/python -m jobs $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only $(ONLY))

bench-artifacts: $(PEERS)/.built  ## Measure the index of artifacts beside plain Python; a look: ROUNDS=1 ONLY=5000
	PYTHONPATH=benches $(PEERS)/bin/python -m artifacts $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only $(ONLY))

bench-runs: $(PEERS)/.built  ## Measure a write to both schemas of runs beside one; a look: ROUNDS=1 ONLY=small
	PYTHONPATH=benches $(PEERS)/bin/python -m runs $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only $(ONLY))

bench-history: $(PEERS)/.built  ## Measure a service with its history on, off and failing; a look: ROUNDS=1 ONLY=service
	PYTHONPATH=benches $(PEERS)/bin/python -m history $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only $(ONLY))

sdist: $(VENV)/.tools  ## A source distribution
	$(BIN)/maturin sdist --out target/sdist

clean:  ## Remove what was built
	cargo clean
	rm -rf .venv .venv-*
