# Every target sets up what it needs in .venv; nothing else has to be installed by hand.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
# torch is large, and MXNet wants packages of its own time: each has an environment to itself.
TRAIN_VENV := .venv-train
TRAIN_READY := $(TRAIN_VENV)/.ready
# The libraries that are measured beside ours.
BENCH_VENV := .venv-bench
BENCH_READY := $(BENCH_VENV)/.ready
# The site of docs/.
DOCS_VENV := .venv-docs
DOCS_READY := $(DOCS_VENV)/.ready
# Tools that deploy: SAM's, AWS's, the CDK's.
DEPLOYERS := .venv-deployers
DEPLOYERS_READY := $(DEPLOYERS)/.ready
TORCH ?= torch==2.13.0
ORACLE := $(HOME)/.cache/aws-ml-harness/mxnet-1.9.1
ORACLE_READY := $(ORACLE)/.ready

# Hundreds of processes import the harness in the tests: where compiled files are not kept, each compiles it anew.
export PYTHONDONTWRITEBYTECODE =

.PHONY: setup demo test test-train test-oracle test-long test-deployers test-aws test-browser test-compose compose-check lint docs bench bench-captures bench-training clean

setup: $(READY)

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

$(TRAIN_READY): pyproject.toml
	$(PYTHON) -m venv $(TRAIN_VENV)
	$(TRAIN_VENV)/bin/python -m pip install --quiet --disable-pip-version-check '$(TORCH)'
	$(TRAIN_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev,train]'
	touch $@

$(BENCH_READY): pyproject.toml
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[bench,captures]'
	touch $@

$(ORACLE_READY):
	$(PYTHON) -m venv $(ORACLE)
	$(ORACLE)/bin/python -m pip install --quiet --disable-pip-version-check 'numpy<1.24' mxnet==1.9.1
	touch $@

$(DEPLOYERS_READY):
	$(PYTHON) -m venv $(DEPLOYERS)
	$(DEPLOYERS)/bin/python -m pip install --quiet --disable-pip-version-check aws-sam-cli awscli
	npm install --silent --no-audit --no-fund --prefix $(DEPLOYERS) aws-cdk@2 aws-cdk-lib@2 constructs
	touch $@

$(DOCS_READY): pyproject.toml
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	touch $@

demo: $(READY)
	$(VENV)/bin/harness demo $(ARGS)

# Two workers, each with an emulator of its own; ARGS="-n 0" does without.
test: $(READY)
	$(VENV)/bin/python -m pytest -m local -n 2 $(ARGS)

test-train: $(TRAIN_READY)
	$(TRAIN_VENV)/bin/python -m pytest -m train $(ARGS)

test-oracle: $(READY) $(ORACLE_READY)
	$(VENV)/bin/python -m pytest -m oracle $(ARGS)

# The tools come last on PATH: they bring a Python of their own.
test-deployers: $(READY) $(DEPLOYERS_READY)
	NODE_PATH=$(CURDIR)/$(DEPLOYERS)/node_modules \
	PATH="$(PATH):$(CURDIR)/$(DEPLOYERS)/bin:$(CURDIR)/$(DEPLOYERS)/node_modules/.bin" \
	$(VENV)/bin/python -m pytest -m deployers $(ARGS)

test-long: $(READY)
	$(VENV)/bin/python -m pytest -m slow -n 2 $(ARGS)

# The suite as it runs on an account, on an emulator that stands in for AWS: .ci/stand-in starts it and says where it is.
test-aws: $(READY)
	.ci/stand-in $(VENV)/bin/python -m pytest -m aws --yes --max-cost 6 --account 123456789012 $(ARGS)

test-compose: $(READY)
	$(VENV)/bin/python -m pytest -m compose $(ARGS)

# docker-compose.yml with the genuine images, which needs a network: what it saw lies in compose-check.tar.gz.
compose-check: $(READY)
	compose/check

# In headless Chromium, of Debian's package or at CHROMIUM=...; screenshots go to test-output/screenshots.
test-browser: $(READY)
	$(VENV)/bin/python -m pytest -m browser $(ARGS)

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# build/site, with strict links.
docs: $(DOCS_READY)
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict --quiet

bench: $(READY)
	$(VENV)/bin/python -m benchmarks $(ARGS)

bench-captures: $(BENCH_READY)
	$(BENCH_VENV)/bin/python -m benchmarks.captures $(ARGS)

bench-training: $(TRAIN_READY)
	$(TRAIN_VENV)/bin/python -m benchmarks.training $(ARGS)

clean:
	rm -rf $(VENV) $(DEPLOYERS) $(TRAIN_VENV) $(BENCH_VENV) $(DOCS_VENV) .harness demo-output build *.egg-info
