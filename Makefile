# The front door. `make` alone lists what there is.

PYTHON ?= python3
ARGS ?=
# Test files at once. More than this machine has processors: most tests wait.
AT_ONCE ?= 3
VENV := .venv
BOOTSTRAP := $(VENV)-bootstrap
STAMP := $(VENV)/.synced
# uv links files from its cache into the environment; between file systems it can only copy, which is no warning's worth.
export UV_LINK_MODE ?= copy
export UV_PYTHON_DOWNLOADS ?= never
# Where it is set, each of the dozens of processes that are started would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help up install test conformance faults screenshots check format bench audit docs clean
.DELETE_ON_ERROR:

help: ## List the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20
	@echo
	@echo '  PYTHON=python3.12 make up     another interpreter (3.11 or newer)'
	@echo '  ARGS="--port 8000" make up    options of `stoa up`; ARGS=--help lists them'
	@echo '  ARGS="-k tenants" make test   options of pytest'
	@echo '  AT_ONCE=0 make test           one test after another, in one process'

up: install ## Start everything on this machine, with a demo; Ctrl-C stops it
	@exec $(VENV)/bin/stoa up $(ARGS)

install: $(STAMP) ## Install what is locked into .venv (up and test do it by themselves)

test: check ## Check, then run every test
	$(VENV)/bin/python -m pytest --numprocesses $(AT_ONCE) --dist loadfile \
		--durations 30 --durations-min 5 $(ARGS)

conformance: install ## Run the official MCP suite against a platform of its own
	$(VENV)/bin/python -m pytest tests/conformance $(ARGS)

faults: install ## Injure a platform that works on tasks; ARGS="--seeds 100" in full
	$(VENV)/bin/python -m tests.faults.tasks $(ARGS)

screenshots: install ## Take pictures of the dashboard's pages, in docs/images
	$(VENV)/bin/python -m tests.browser.screenshots

check: install ## Lint, format, types, import contracts, migrations, API document
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	@# It would like to ask a database as well, and needs none.
	STOA_ENV=development $(VENV)/bin/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@STOA_ENV=development $(VENV)/bin/python manage.py spectacular | cmp -s - docs/reference/openapi.yaml || \
		{ echo 'docs/reference/openapi.yaml is not what the API is: run `make docs` and commit it.'; exit 1; }

format: install ## Format the code, and fix what ruff can fix
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: install ## Measure calls, deploys and sandboxes; writes docs/performance.md
	$(VENV)/bin/python -m benchmarks --write docs/performance.md $(ARGS)

audit: install ## Look for known holes in what is locked; asks PyPI
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(BOOTSTRAP)/bin/uv export --quiet --frozen --no-default-groups --all-extras \
		--no-emit-project --output-file $(VENV)/locked.txt
	$(VENV)/bin/pip-audit --requirement $(VENV)/locked.txt --require-hashes --disable-pip --strict $(ARGS)

docs: install ## Write the API's description and the compatibility tables to docs/reference
	STOA_ENV=development $(VENV)/bin/python manage.py spectacular --validate --fail-on-warn --file docs/reference/openapi.yaml
	$(VENV)/bin/python -m tests.support.tables
	$(VENV)/bin/python -m tests.support.reference
	$(VENV)/bin/python -m tests.support.licences

clean: ## Remove the environments and caches; data in .stoa stays
	rm -rf $(VENV) $(BOOTSTRAP) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist

# uv is not expected on the machine: a small environment of its own brings it, then the lock file decides everything.
$(BOOTSTRAP)/bin/uv: Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Stoa needs Python 3.11 or newer: $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)'; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || \
		{ echo 'Python lacks venv or pip. On Debian and Ubuntu: apt install python3-venv python3-pip'; exit 1; }
	@echo 'Fetching uv into $(BOOTSTRAP)'
	@$(PYTHON) -m venv $(BOOTSTRAP)
	@$(BOOTSTRAP)/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.13'
	@touch $@

$(STAMP): $(BOOTSTRAP)/bin/uv pyproject.toml uv.lock
	@echo 'Installing what uv.lock names into $(VENV)'
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(BOOTSTRAP)/bin/uv sync --frozen --quiet --python $(PYTHON)
	@touch $@
