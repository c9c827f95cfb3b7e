# Sayso. `make run` and `make test` are all that a newcomer needs; the rest is explained by `make help`.

PYTHON ?= python3
PY := .venv/bin/python
BIN := .venv/bin
# The gates look at code, not at data: they keep theirs out of the way of a run in var/.
GATE := SAYSO_DATA=.venv/gates
AT_ONCE := -n auto --maxprocesses 4 --no-loadscope-reorder
# What has no database, or brings SQLite itself, and has passed in the first run.
WITHOUT_DATABASE := --ignore tests/sdk --ignore tests/egress --ignore tests/browser \
	--ignore tests/ops/test_embedded_run.py --ignore tests/mirroring/connectors
# Settings as in production, for the check that refuses dangerous ones.
PRODUCTION := SAYSO_EMBEDDED=0 \
	DATABASE_URL=postgres://sayso@localhost/sayso REDIS_URL=redis://localhost:6379/0 \
	PUBLIC_BASE_URL=https://sayso.example.com TRUSTED_PROXIES=10.0.0.0/8 \
	SECRET_KEY=only-for-the-check-of-the-settings-7fk2j9x0q4m8v1r5t6y3u \
	SIGNING_KEYS=only-for-the-check-of-the-settings-3n6b8c2z5l1w9h4g7d0s \
	FIELD_KEYS=only-for-the-check-of-the-settings-0p4m7v2s9f6j1k8a3x5e

.PHONY: run demo reset test gates tests test-airflow test-faults pictures openapi lock help run-requirements test-requirements
.DEFAULT_GOAL := help
.NOTPARALLEL:

help:
	@echo "make run     start Sayso on this machine (HOST, PORT, SAYSO_DATA, DEMO=0)"
	@echo "make demo    let the quickstart agent loose on the running Sayso"
	@echo "make reset   remove the data of make run"
	@echo "make test    all gates and tests (make gates, make tests)"
	@echo "make test-airflow runs the Airflow connector's tests against a real Airflow (installs it)"
	@echo "make test-faults lives through 100 schedules of faults of 200 approvals, and one of 10,000"
	@echo "make pictures take the pictures of README and docs anew (needs Chromium)"
	@echo "make openapi write docs/openapi.yaml anew"
	@echo "make lock    lock the requirements anew (needs uv)"

run: run-requirements
	@$(PY) -m config.embedded

demo: run-requirements
	@$(PY) -m config.embedded.demo

reset: run-requirements
	@$(PY) -m config.embedded.reset

test: gates tests

gates: test-requirements
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(GATE) $(PY) manage.py check
	$(GATE) $(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING
	$(GATE) $(PY) manage.py makemigrations --check --dry-run
	$(GATE) $(PY) manage.py spectacular --validate --fail-on-warn --file .venv/openapi.yaml
	diff -u docs/openapi.yaml .venv/openapi.yaml

# With SAYSO_TEST_DATABASE_URL and SAYSO_TEST_REDIS_URL the tests run twice: on SQLite without those
# that want a server, then on PostgreSQL with Redis, without Request Tracker, which is slow and knows
# of neither.
tests: test-requirements
ifdef SAYSO_TEST_DATABASE_URL
	$(BIN)/pytest $(AT_ONCE) -m "not postgresql and not redis $(SAYSO_TEST_LEAVE_OUT)"
	DATABASE_URL=$(SAYSO_TEST_DATABASE_URL) REDIS_URL=$(SAYSO_TEST_REDIS_URL) \
		$(BIN)/pytest $(AT_ONCE) -m "not sqlite and not rt" $(WITHOUT_DATABASE)
else
	$(BIN)/pytest $(AT_ONCE)
endif

# On demand and never in CI: it installs 225 MB into .venv-airflow and takes some minutes.
test-airflow: test-requirements
	$(PY) tests/mirroring/airflow_up.py

# On demand: the suite itself lives through a few short ones. A seed reproduces each.
test-faults: test-requirements
	SAYSO_TEST_FAULT_SCHEDULES=100 SAYSO_TEST_FAULT_RECORDS=200 \
		$(BIN)/pytest -q $(AT_ONCE) tests/mirroring/test_fault_schedules.py
	SAYSO_TEST_FAULT_SCHEDULES=1 SAYSO_TEST_FAULT_RECORDS=10000 \
		$(BIN)/pytest -q tests/mirroring/test_fault_schedules.py

pictures: test-requirements
	$(BIN)/pytest -q tests/browser/pictures.py

openapi: test-requirements
	$(GATE) $(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

lock:
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 pyproject.toml -o requirements/run.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --group test pyproject.toml -o requirements/test.txt

run-requirements:
	@$(PYTHON) requirements/install.py run

test-requirements:
	@$(PYTHON) requirements/install.py test
