# Two commands matter: `make demo` is the product, `make check` is every gate. All of them prepare .venv by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.hedgerow-ready
ARGS ?=
BUDGET ?= 2h
LEARNING ?= build/bench-learning

export FLWR_TELEMETRY_ENABLED := 0
export FLWR_DISABLE_UPDATE_CHECK := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install demo test check format lint types imports bench bench-learning screenshots package translations tokenizer campaign clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(READY) ## prepare .venv with everything, once

$(READY): pyproject.toml packaging/debian-packages.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Hedgerow needs Python 3.11, 3.12 or 3.13; name one with: make PYTHON=python3.11 install" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
		|| { echo "This Python has no venv; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@sh packaging/system-libraries.sh
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@

demo: $(READY) ## a real federation on this machine; ARGS="--rounds 6 --privacy none" and the like
	$(BIN)/hedgerow demo $(ARGS)

test: $(READY) ## all tests; no display, network or GPU needed
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

check: format lint types imports test ## every gate

format: $(READY) ## is everything formatted
	$(BIN)/ruff format --check .

lint: $(READY) ## ruff
	$(BIN)/ruff check .

types: $(READY) ## mypy, strict
	$(BIN)/mypy

imports: $(READY) ## the import rules
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest tests/architecture

bench: $(READY) ## measure; ARGS names one of train data privacy codec round engine coordinator crowd uplink gui
	$(BIN)/hedgerow bench $(or $(ARGS),round)

bench-learning: $(READY) ## what federations learn, E1 to E4, within BUDGET=2h; goes on where it stopped; ARGS="--only E3 --size 1m"
	$(BIN)/python -m core.bench.learning --budget $(BUDGET) --out $(LEARNING) $(ARGS)
	QT_QPA_PLATFORM=offscreen $(BIN)/python tests/benchmarks/svg_to_png.py $(LEARNING)/*.svg

screenshots: $(READY) ## a picture of every page, light and dark, into screenshots/
	HEDGEROW_SCREENSHOTS=screenshots QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest tests/gui/test_screenshots.py

translations: $(READY) ## bring the catalogues up to the code and compile them; what is new stays untranslated
	for language in en de fr; do \
		$(BIN)/pyside6-lupdate -silent -no-obsolete -locations none -source-language en_GB \
			$$(test $$language = en && echo -pluralonly) $$(git ls-files 'app/*.py') \
			-ts resources/translations/hedgerow_$$language.ts && \
		$(BIN)/pyside6-lrelease -silent resources/translations/hedgerow_$$language.ts \
			-qm resources/translations/hedgerow_$$language.qm || exit 1; \
	done

package: ## wheel and .deb into dist/, then install, use and remove them; the .deb for real where this is root on Debian
	@if [ "$$(id -u)" = 0 ] && [ -f /etc/debian_version ]; then sh packaging/package-tools.sh; fi
	$(PYTHON) -u packaging/build.py $(ARGS)
	$(PYTHON) -u packaging/smoke.py

tokenizer: $(READY) ## train the built-in tokenizer again; its hash must come out the same
	$(BIN)/python -m core.data.train_tokenizer resources/tokenizers/hedgerow-4k.json

campaign: $(READY) ## the long run: property, statistical, fault and attack tests with many more examples
	HEDGEROW_CAMPAIGN=1 QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest tests/property tests/statistical tests/fault tests/attack \
		tests/unit/core/data tests/unit/core/training/test_round.py tests/integration

clean: ## remove what was made, .venv included
	rm -rf $(VENV) build dist screenshots .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
