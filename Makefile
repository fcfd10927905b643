# `make` alone lists the targets. Everything made here stays in this folder.
PYTHON ?= python3.11
CONFIG ?= config.yaml
CORES ?= all
DEMO := results/demo
comma := ,
DEMO_STACKS := audio musicnn litert analysis
MODELS := $(wildcard $(addprefix bench/bench_,beats.py muq.py musicnn.py openl3*.py passt.py torch.py transformers.py))

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

ifneq ($(shell pwd -P | LC_ALL=C tr -d 'A-Za-z0-9/._@+=~\200-\377\n-' | wc -c),0)
$(error this folder's path has a blank, quote, bracket or other sign in it, and environments cannot be activated below it: \
move it to a path of letters, digits and . _ - + = @ ~)
endif

# Taken literally, even with a dollar sign; recipes use them as variables of the shell.
override CONFIG := $(value CONFIG)
override CORES := $(value CORES)
override A := $(value A)
override B := $(value B)
override DELETE := $(value DELETE)
override STACKS := $(value STACKS)
export CONFIG CORES A B DELETE STACKS

# A user's settings of Python and matplotlib change no result; file names are UTF-8. (With
# PYTHONDONTWRITEBYTECODE, which many Docker images set, every process would compile again:
# scikit-learn then takes 7 s to import instead of 1.6, Snakemake 6 instead of 3.)
$(foreach name,$(filter PYTHON%,$(.VARIABLES)),$(eval unexport $(name)))
unexport MPLBACKEND MATPLOTLIBRC
export PYTHONUTF8 := 1

# Snakemake, pip and uv keep caches in HOME; if that is read-only, in this folder.
ifeq ($(shell cache="$${XDG_CACHE_HOME:-$${HOME:-/dev/null}/.cache}"; mkdir -p "$$cache" 2>/dev/null && [ -w "$$cache" ] && echo yes),)
export XDG_CACHE_HOME := $(CURDIR)/.snakemake/cache
endif
# Ignore a TMPDIR that does not exist.
ifeq ($(shell [ -d "$${TMPDIR:-/}" ] && echo yes),)
unexport TMPDIR
endif

# Use a folder from `make wheels` instead of the package index, for pip and for uv, which ignores pip's
# settings.
ifdef WHEELS
ifneq ($(words $(WHEELS))$(findstring $(comma),$(WHEELS)),1)
$(error WHEELS: '$(WHEELS)' has a blank or comma in it, at which pip or uv split it: move the folder)
endif
export PIP_NO_INDEX := 1
export PIP_FIND_LINKS := $(abspath $(WHEELS))
export UV_OFFLINE := 1
export UV_FIND_LINKS := $(PIP_FIND_LINKS)
endif
NO_PACKAGES = echo "error: the packages of $< cannot be installed, pip or uv says why above: without a network, \
run make wheels on a machine that has one, copy its folder wheels here, and: make WHEELS=wheels $(MAKECMDGOALS)" >&2; exit 1

# As if .venv were activated: Snakemake finds conda, real or the stand-in, on PATH.
RUN := PATH="$(CURDIR)/.venv/bin:$$PATH"
SNAKEMAKE := $(RUN) snakemake
COMMAND := $(RUN) embedding-sensitivity

.PHONY: help demo report compare verify crate tidy test test-more test-all test-faults test-slurm lint bench bench-models bench-scale calibrate fuzz plan missing envs slurm wheels schema docs clean

help: ## list these targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

demo: .venv/.ready .snakemake/.demo-environments ## run the whole workflow on rendered demo data, then say where its report is
	@$(SNAKEMAKE) --cores "$$CORES" --configfile config/demo.yaml
	@# Only if something is newer than the last report, since making one takes seconds.
	@if [ ! -e $(DEMO)/report.html ] || \
	    [ -n "$$(find $(DEMO) report -type f -newer $(DEMO)/report.html -print -quit)" ]; then \
	    $(MAKE) --no-print-directory report; fi
	@echo "The demo's answers in one page: $(CURDIR)/$(DEMO)/explorer.html"
	@echo "Its report: $(CURDIR)/$(DEMO)/report.html"

report: .venv/.ready ## make the report of the demo's results again
	@$(SNAKEMAKE) --configfile config/demo.yaml --report $(DEMO)/.report.html
	@mv $(DEMO)/.report.html $(DEMO)/report.html

compare: .venv/.ready ## compare two finished experiments (A=paper B=paper_clean)
	@if [ -z "$$A" ] || [ -z "$$B" ]; then \
	    echo "error: name two experiments: make compare A=paper B=paper_clean" >&2; exit 1; fi
	@$(COMMAND) compare "$$A" "$$B" --config "$$CONFIG" --cores "$$CORES"
	@echo "The comparison: $(CURDIR)/results/comparisons/$$A/$$B/"

verify: .venv/.ready ## compare all files of a finished run with its manifest (CONFIG=config/demo.yaml, or results/NAME)
	@$(COMMAND) verify "$$CONFIG"

crate: .venv/.ready ## describe a finished run as an RO-Crate, in its folder (CONFIG=config/demo.yaml, or results/NAME)
	@$(COMMAND) crate "$$CONFIG"

tidy: .venv/.ready ## list files that a config no longer needs, with sizes; DELETE=yes deletes only these
	@if [ -n "$$DELETE" ] && [ "$$DELETE" != yes ]; then \
	    echo "error: DELETE is '$$DELETE', expected yes" >&2; exit 1; fi
	@$(COMMAND) tidy "$$CONFIG" $(if $(DELETE),--delete)

test: .venv/.ready .test-tools/.ready .docs-tools/.ready ## test each promise once, each stack with its own Python (STACKS="audio analysis" for some)
	@$(RUN) python tools/run_tests.py $$STACKS

test-more: .venv/.ready .test-tools/.ready .docs-tools/.ready ## test the variations: kills, fuzz, faults, Slurm, every rebuild and offline case
	@$(RUN) python tools/run_tests.py --more $$STACKS

test-all: .venv/.ready .test-tools/.ready .docs-tools/.ready ## run all of test and test-more
	@$(RUN) python tools/run_tests.py --all $$STACKS

test-faults: .venv/.ready .test-tools/.ready ## kill 60 jobs of the whole tiny run, every kind, and finish it (8 minutes)
	@$(RUN) python tools/stacks.py >/dev/null
	@$(RUN) KILLS=60 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH=.test-tools \
	    python -P -m pytest -s --timeout 7200 -m "" tests/workflow/test_kills.py

test-slurm: .venv/.ready .test-tools/.ready ## run the workflow on a Slurm of its own, through faults (as root; 12 minutes)
	@$(RUN) python tools/run_tests.py --all slurm

lint: .venv/.ready ## check formatting, Python, the words of documents and the workflow
	$(RUN) snakefmt --check Snakefile workflow rules tools
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) python tools/check_prose.py
	$(SNAKEMAKE) --lint --configfile config/demo.yaml

bench: .venv/.ready ## time the code: prints the figures that docs/cost.md keeps
	@$(RUN) python tools/run_benchmarks.py $(filter-out $(MODELS) bench/bench_scale.py,$(wildcard bench/bench_*.py))

bench-models: .venv/.ready ## time the embedding models against their packages
	@$(RUN) python tools/run_benchmarks.py $(MODELS)

bench-scale: .venv/.ready ## render and embed as many clips as the paper's (10 minutes, 10 GB)
	@$(RUN) python tools/run_benchmarks.py bench/bench_scale.py

calibrate: .venv/.ready ## write docs/calibration.md: what tables say of simulated worlds (SEEDS=1000 PARTS="nulls"; a part takes up to half an hour on 2 cores)
	@$(RUN) OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 "$$($(RUN) python tools/stacks.py analysis | sed -n 's/^analysis\t//p')" \
	    bench/calibrate.py "$${SEEDS:-1000}" $${PARTS:-}

fuzz: .venv/.ready ## put mutated audio files through indexing and rendering (COUNT=1000 SEED=5)
	@$(RUN) python tools/run_benchmarks.py tests/audio/fuzz.py

plan: .venv/.ready ## estimate what a config costs in disk and time (CONFIG=config/demo.yaml for another)
	@$(COMMAND) plan "$$CONFIG"

missing: .venv/.ready ## list what a config's run lacks, and where it belongs (CONFIG=my.yaml): for machines without a network
	@$(COMMAND) missing "$$CONFIG"

envs: .venv/.ready ## build every environment of envs/ and print where it is
	@$(RUN) python tools/stacks.py

slurm: .venv/.slurm ## add Snakemake's Slurm plugin to .venv, for profiles/slurm

wheels: .venv/.ready ## fetch all packages into wheels/, for `make envs WHEELS=wheels` where there is no network
	@$(RUN) python tools/wheels.py

schema: .venv/.ready ## write what is generated: the config's JSON schema, the reference in docs/
	@$(COMMAND) schema schemas/config.schema.json
	@$(COMMAND) schema --card schemas/card.schema.json
	@$(RUN) python tools/write_api.py
	@$(RUN) python tools/write_declarations.py
	@$(RUN) python tools/write_documents.py
	@$(RUN) python tools/write_reference.py

docs: .docs-tools/.ready ## make the site of docs/ in build/docs, its links checked
	@rm -rf build/docs
	@PYTHONPATH=.docs-tools .venv/bin/python -m sphinx --quiet --fail-on-warning --keep-going docs build/docs
	@echo "The documentation: $(CURDIR)/build/docs/index.html"

clean: ## remove the demo's results, the environments and the tools; other experiments stay
	rm -rf $(DEMO) logs/demo benchmarks/demo .snakemake/conda .venv .test-tools .docs-tools build workflow_scripts/*.egg-info

.venv/.ready: tools/requirements.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	    echo "Python 3.11 is needed, '$(PYTHON)' is not: install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) lacks venv or pip: install them (Debian: apt-get install python3.11-venv)" >&2; exit 1; }
	@echo "Setting up the workflow's own environment in .venv"
	@rm -rf .venv
	@"$(PYTHON)" -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' $<)" \
	    2>&1 | sed -E '/^WARNING: (Retrying|Location .* is ignored)/d' >&2 || { $(NO_PACKAGES); }
	@.venv/bin/uv pip install --quiet --python .venv --no-deps --requirement $< || { $(NO_PACKAGES); }
	@.venv/bin/uv pip install --quiet --python .venv --no-deps --no-build-isolation --editable . || { $(NO_PACKAGES); }
	@ln -s ../../tools/conda/bin/conda .venv/bin/conda
	@echo "$(CURDIR)/tools/screen" > .venv/lib/python3.11/site-packages/sensitivity_screen.pth
	@touch $@

.venv/.slurm: tools/slurm.txt .venv/.ready
	@.venv/bin/uv pip install --quiet --python .venv --no-deps --requirement $< || { $(NO_PACKAGES); }
	@touch $@

# In parallel; Snakemake would build them one after the other.
.snakemake/.demo-environments: .venv/.ready $(foreach stack,$(DEMO_STACKS),$(wildcard envs/$(stack).*))
	@$(RUN) python tools/stacks.py $(DEMO_STACKS) >/dev/null
	@touch $@

# miniaudio decodes MP3 with no code of the workflow's decoders. concept-erasure is LEACE by its authors; it needs
# PyTorch, which only the stack that tests it has.
.test-tools/.ready: tools/requirements.txt .venv/.ready Makefile
	@rm -rf .test-tools
	@.venv/bin/uv pip install --quiet --python .venv --target .test-tools --constraint $< pytest pytest-timeout pytest-xdist hypothesis miniaudio==1.71 || { $(NO_PACKAGES); }
	@.venv/bin/uv pip install --quiet --no-deps --python .venv --target .test-tools concept-erasure==0.2.4 || { $(NO_PACKAGES); }
	@touch $@

.docs-tools/.ready: tools/docs.txt .venv/.ready
	@rm -rf .docs-tools
	@.venv/bin/uv pip install --quiet --no-deps --python .venv --target .docs-tools --requirement $< || { $(NO_PACKAGES); }
	@touch $@
