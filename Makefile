# Each target sets up what it needs in .venv, once, and again when setup.cfg
# changes. Another Python: make test PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check --no-input
# More flags of the program, for instance DEMO_FLAGS=--size=512
DEMO_FLAGS ?=
# More flags of serving.dev_server, for instance SERVE_FLAGS=--port=9000
SERVE_FLAGS ?=
# More flags of tfstyle.studio, for instance STUDIO_FLAGS=--port=9000
STUDIO_FLAGS ?=
DEMO_CONTENT := examples/cat.jpg
DEMO_STYLE := examples/impasto.jpg

.PHONY: help demo serve studio docs test lint clean

help:
	@echo "make demo   paint $(DEMO_CONTENT) in the style of $(DEMO_STYLE)"
	@echo "make serve  export the shipped model and serve it, with a web page"
	@echo "make studio open a page to paint, mask and watch"
	@echo "make docs   build the guides and the API reference into site/"
	@echo "make test   run the tests"
	@echo "make lint   check style, formatting and types"
	@echo "make clean  remove .venv and what the others left behind"

demo: $(VENV)/.core
	$(RUN) -m tfstyle.optimize --content=$(DEMO_CONTENT) \
	  --style=$(DEMO_STYLE) --output=demo.png $(DEMO_FLAGS)
	@echo "The picture is $(CURDIR)/demo.png"

# A model that is there is served as it is; a new version would be another.
serve: $(VENV)/.serving
	ls models/style/*/saved_model.pb >/dev/null 2>&1 || \
	  $(RUN) -m export.saved_model --model=distilled --output=models/style
	@echo "Open http://localhost:8501/ when the log says \"serving\"."
	$(RUN) -m serving.dev_server --model_name=style \
	  --model_base_path=models/style $(SERVE_FLAGS)

studio: $(VENV)/.studio
	$(RUN) -m tfstyle.studio --open $(STUDIO_FLAGS)

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict
	@echo "Open $(CURDIR)/site/index.html, or run mkdocs serve."

# Files in the order of tests/conftest.py, not by their numbers of tests.
test: $(VENV)/.dev
	$(RUN) -m pytest -n logical --maxprocesses=4 --dist=loadfile \
	  --no-loadscope-reorder

lint: $(VENV)/.dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

clean:
	rm -rf $(VENV) build dist site *.egg-info demo.png
	rm -rf .mypy_cache .pytest_cache .ruff_cache

# The stamps are touched last: an interrupted installation is taken up again.
$(VENV)/.python:
	@command -v $(PYTHON) >/dev/null || { echo "No '$(PYTHON)' here:\
	 install Python 3.11, 3.12 or 3.13, or name one:\
	 make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys;\
	 sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || {\
	 echo "tfstyle needs Python 3.11, 3.12 or 3.13; '$(PYTHON)' is" \
	 "$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')." \
	 "Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || {\
	 echo "'$(PYTHON) -m venv' does not work here: on Debian and Ubuntu" \
	 "it is the package python3-venv (apt install python3-venv), or" \
	 "$$($(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])')-venv" \
	 "for a Python beside the system's." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.core: setup.cfg tfstyle/version.py $(VENV)/.python
	@echo "Installing into $(VENV); TensorFlow is a large download."
	$(PIP) install --editable .
	@touch $@

$(VENV)/.serving: $(VENV)/.core
	$(PIP) install --editable ".[serving]"
	@touch $@

$(VENV)/.studio: $(VENV)/.core
	$(PIP) install --editable ".[studio]"
	@touch $@

$(VENV)/.docs: $(VENV)/.core
	$(PIP) install --editable ".[docs]"
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) install --editable ".[test,lint]"
	@touch $@
