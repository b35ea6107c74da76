# Each target does all of its own set-up: virtual environment, pip packages, Swift build.
# Written for make 3.81 and a POSIX shell; what is longer than a line is in tools/.

VENV := .venv
RUN := $(VENV)/bin/python
IMAGE ?=
OUT ?= edges.png

# The newest Python that will do; PYTHON=/path/to/python names another.
ifndef PYTHON
PYTHON := $(shell sh tools/find_python.sh)
endif

SOURCES := Package.swift $(shell find Sources -type f) \
	python/pyproject.toml python/setup.py python/ingot_cffi.py python/exports.map python/exports.txt

.PHONY: all demo test test-validate tsan lint bench clean check
.NOTPARALLEL:

all: $(VENV)/built

demo: $(VENV)/built $(VENV)/packages-demo
	$(RUN) -m ingot demo $(if $(IMAGE),"$(IMAGE)") -o "$(OUT)"

TESTABLE := $(VENV)/built $(VENV)/packages-demo $(VENV)/packages-test

test: $(TESTABLE)
	$(RUN) tools/test.py

# The same under Metal's own validation, on a Mac.
test-validate: $(TESTABLE)
	MTL_DEBUG_LAYER=1 MTL_SHADER_VALIDATION=1 $(RUN) tools/test.py

# The Swift tests in which threads meet, with ThreadSanitizer.
tsan: $(VENV)/ready
	$(RUN) tools/tsan.py

lint: $(VENV)/packages-build $(VENV)/packages-demo $(VENV)/packages-test $(VENV)/packages-lint
	$(RUN) tools/lint.py

bench: $(VENV)/built $(VENV)/packages-bench
	$(RUN) tests/bench/run.py

clean:
	rm -rf $(VENV) .build examples/.build python/build python/*.egg-info python/ingot/*.so python/ingot/*.dylib
	rm -f edges.png python/ingot/_ingot.c tests/bench/latest.json

# One line for each tool that is missing or too old.
check:
	@test -n "$(PYTHON)" || { echo "ingot: needs Python 3.11 or newer on PATH (python.org, or your package manager)"; exit 1; }
	@"$(PYTHON)" tools/check.py

$(VENV)/ready: | check
	"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

# The requirements of one extra of python/pyproject.toml, or with `build` what building and importing need.
$(VENV)/packages-%: python/pyproject.toml tools/packages.py $(VENV)/ready
	$(RUN) tools/packages.py $*
	@touch $@

# The library in release form, the cffi module, and the Python package in place.
$(VENV)/built: $(SOURCES) $(VENV)/packages-build | check
	@echo "building libIngotABI (minutes the first time)"
	$(RUN) tools/build.py
	@touch $@
