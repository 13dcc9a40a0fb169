# make demo   install into .venv, segment the real rock that comes with the project, and show it
# make test   install with test dependencies and system packages, then run the tests
# make lint   ruff, mypy, the layers of imports, the check of the napari manifest
# make smoke  build the packages, install the wheel with the oldest versions it allows, segment the real rock with it, and
#             unmix the sample of overlapping phases
# make oldest the same, and then the tests of the sdist on what was installed
# make bench  quality and speed of segmentations, of overlapping phases taken apart, and of names, on small fields;
#             python -m benchmarks.segmentation, benchmarks.overlap and benchmarks.mineralogy for all
# make fuzz   look for input that the project's own parsers do not survive, a minute for each; SECONDS=600 for longer
# Each can be repeated; what is done already is not done again.

PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check
INSTALL = $(PIP) install --quiet -c constraints.txt
DATA = $(or $(GDLS_DATA),$(abspath ../shared/data))
XVFB = $(shell command -v xvfb-run >/dev/null && echo 'xvfb-run -a -s "-screen 0 1280x1024x24"')

.PHONY: demo test test-slow lint packages smoke oldest bench fuzz screenshots clean

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
	$(VENV)/bin/lint-imports
	$(VENV)/bin/npe2 validate napari-gdls

packages: $(VENV)/.builders-installed
	rm -rf build dist && mkdir build
	$(VENV)/bin/python -m build --outdir dist

smoke: packages
	$(VENV)/bin/python tools/lowest_versions.py build/lowest.txt
	$(PYTHON) -m venv --clear build/oldest
	build/oldest/bin/python -m pip --disable-pip-version-check install --quiet --upgrade pip
	build/oldest/bin/python -m pip install --quiet -c build/lowest.txt --group test "$$(echo dist/*.whl)[formats,batch,report]"
	build/oldest/bin/npe2 validate napari-gdls
	build/oldest/bin/napari-gdls --version
	build/oldest/bin/napari-gdls demo --output build/demo --no-viewer
	build/oldest/bin/napari-gdls unmix overlapping --output build/unmixed --overwrite

# Tests of windows need a Qt binding, whose oldest version is no matter of this package; those of benchmarks are not about
# the package. The sdist is unpacked, so that its tests find the installed package and no sources.
oldest: smoke
	mkdir -p build/sdist && tar -xzf dist/*.tar.gz -C build/sdist --strip-components 1 && rm -r build/sdist/src
	cd build/sdist && GDLS_DATA=$(DATA) ../oldest/bin/python -m pytest -q -o addopts="-m 'not slow'" -p no:pytest-qt \
	  --ignore tests/plugin --ignore tests/benchmarks --ignore tests/test_exit_status.py

bench: $(VENV)/.tests-installed
	$(VENV)/bin/python -m benchmarks.segmentation --quick
	$(VENV)/bin/python -m benchmarks.overlap --quick
	$(VENV)/bin/python -m benchmarks.mineralogy --quick

SECONDS ?= 60

fuzz: $(VENV)/.tests-installed
	-@$(INSTALL) --group fuzz
	$(VENV)/bin/python tools/fuzz.py --seconds $(SECONDS)

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
	@$(INSTALL) --group test --group validators
	@touch $@

$(VENV)/.builders-installed: $(VENV)/.installed
	@echo "installing build and uv ..."
	@$(INSTALL) --group package
	@touch $@

$(VENV)/.linters-installed: $(VENV)/.installed
	@echo "installing ruff, mypy and pre-commit ..."
	@$(INSTALL) --group lint
	@touch $@

clean:
	rm -rf $(VENV) build dist gdls-demo .mypy_cache .ruff_cache .pytest_cache
