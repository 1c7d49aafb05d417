# One command each. Needs make and Python 3.11 or newer; everything else is fetched into .venv.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
PY := .venv/bin/python
# Some environments forbid to keep bytecode: each start would then compile every library anew, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run serve install test test-pg check format bench soak browser pins sbom audit clean has-python venv-run venv-dev

help:
	@echo 'make run      the whole product with demo data and a telephone to try it with;'
	@echo '              ARGS=--fresh begins the demonstration anew'
	@echo 'make test     all tests, on SQLite and on PostgreSQL'
	@echo 'make test-pg  all tests, on PostgreSQL only'
	@echo 'make check    format, lint, types'
	@echo 'make bench    what a call costs, as ratios to a floor'
	@echo 'make soak     kill the parts during live calls, and count what was lost'
	@echo 'make install  what running needs, into .venv'
	@echo 'make serve    web and worker as the environment or .env says, on PORT'
	@echo 'make browser  a Chromium for the tests, where there is none'
	@echo 'make pins     hashes of what was published, after a number in requirements*.txt was changed'
	@echo 'make sbom     what production is made of, as CycloneDX: sbom.cdx.json'
	@echo 'make audit    which known holes are in what we stand on; asks the package index'
	@echo 'make clean    throw away .venv and the caches of the tools; data stays'

run: venv-run
	@$(PY) -m startup.run $(ARGS)

serve: venv-run
	@$(PY) -m startup.serve

install: venv-run

# More for pytest: make test ARGS='tests/voice -k holiday'. Each process has servers of its own.
TEST_PROCESSES ?= logical

test: venv-dev
	@$(PY) -m pytest -n $(TEST_PROCESSES) $(ARGS)

test-pg: venv-dev
	@$(PY) -m pytest -n $(TEST_PROCESSES) --database postgresql $(ARGS)

check: venv-dev
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy

format: venv-dev
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

bench: venv-dev
	@$(PY) -m bench $(ARGS)

# make soak ARGS='--kills 2000 --seed 7 --database postgresql'
soak: venv-dev
	@$(PY) -m tests.soak $(ARGS)

browser: venv-dev
	@$(PY) -m startup.browser

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Not in .venv: with a line that has no hashes nothing can be installed into it.
pins: has-python
	@$(PYTHON) startup/pins.py $(ARGS)

sbom: venv-dev
	@$(PY) -m startup.bom $(ARGS)

audit: venv-dev
	@$(PY) -m startup.audit $(ARGS)

has-python:
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is needed: install it, or name it: make PYTHON=/path/to/python3.12 …' >&2; exit 1; }

venv-run venv-dev: venv-%: has-python
	@$(PYTHON) startup/venv.py $*
