# make demo   install into .venv, segment the real rock that comes with the project, and show it
# make test   install with test dependencies and system packages, then run the tests
# make lint   ruff, mypy and the check of the napari manifest
# make bench  quality and speed of segmentations on small fields; python -m benchmarks.segmentation for all
# Each can be repeated; what is done already is not done again.

PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check
INSTALL = $(PIP) install --quiet -c constraints.txt
XVFB = $(shell command -v xvfb-run >/dev/null && echo 'xvfb-run -a -s "-screen 0 1280x1024x24"')

.PHONY: demo test test-slow lint bench screenshots clean

demo: $(VENV)/.installed
	$(VENV)/bin/napari-gdls demo

test: $(VENV)/.tests-installed
	@tools/system-packages
	QT_QPA_PLATFORM=xcb $(MAKE) --no-print-directory pytest

test-slow: $(VENV)/.tests-installed
	@tools/system-packages
	QT_QPA_PLATFORM=xcb $(MAKE) --no-print-directory pytest PYTEST_FLAGS="-m slow"

# A make of its own, so that xvfb-run is looked for after the system packages have come.
.PHONY: pytest
pytest:
	$(XVFB) $(VENV)/bin/python -m pytest $(PYTEST_FLAGS)

lint: $(VENV)/.tests-installed $(VENV)/.linters-installed
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/npe2 validate napari-gdls

bench: $(VENV)/.tests-installed
	$(VENV)/bin/python -m benchmarks.segmentation --quick

screenshots: $(VENV)/.tests-installed
	@tools/system-packages
	QT_QPA_PLATFORM=xcb $(XVFB) $(VENV)/bin/python docs/make_screenshots.py

$(VENV)/bin/python:
	@echo "making a Python environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	@$(PIP) install --quiet --upgrade pip

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing napari-gdls with napari and torch into $(VENV); this takes a few minutes the first time ..."
	@$(INSTALL) -e ".[all]"
	@touch $@

$(VENV)/.tests-installed: $(VENV)/.installed
	@echo "installing what the tests need ..."
	@$(INSTALL) --group test
	@touch $@

$(VENV)/.linters-installed: $(VENV)/.installed
	@echo "installing ruff and mypy ..."
	@$(INSTALL) --group lint
	@touch $@

clean:
	rm -rf $(VENV) build dist gdls-demo .mypy_cache .ruff_cache .pytest_cache
