# `make` alone lists the targets. Everything made here stays in this folder.
PYTHON ?= python3.11
CONFIG ?= config.yaml
CORES ?= all
DEMO := results/demo
MODELS := $(wildcard bench/bench_musicnn.py bench/bench_openl3*.py bench/bench_torch.py)

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

ifneq ($(words $(CURDIR)),1)
$(error this folder's path has a blank in it, which Snakemake cannot activate environments under: move it to a path without)
endif

# As if .venv were activated: Snakemake finds conda, real or the stand-in, on PATH.
RUN := PATH="$(CURDIR)/.venv/bin:$$PATH"
SNAKEMAKE := $(RUN) snakemake

.PHONY: help demo report compare test lint bench bench-models bench-scale fuzz plan envs schema clean

help: ## list these targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: .venv/.ready ## run the whole workflow on rendered demo data, then say where its report is
	@$(SNAKEMAKE) --cores $(CORES) --configfile config/demo.yaml
	@# Snakemake needs seconds to make a report: only where something is newer than the last one.
	@if [ ! -e $(DEMO)/report.html ] || \
	    [ -n "$$(find $(DEMO) report -type f -newer $(DEMO)/report.html -print -quit)" ]; then \
	    $(MAKE) --no-print-directory report; fi
	@echo "The demo's report: $(CURDIR)/$(DEMO)/report.html"

report: .venv/.ready ## make the report of the demo's results again
	@$(SNAKEMAKE) --configfile config/demo.yaml --report $(DEMO)/.report.html
	@mv $(DEMO)/.report.html $(DEMO)/report.html

compare: .venv/.ready ## set two experiments side by side that have been run (A=paper B=paper_clean)
	@if [ -z "$(A)" ] || [ -z "$(B)" ]; then \
	    echo "error: name two experiments: make compare A=paper B=paper_clean" >&2; exit 1; fi
	@$(SNAKEMAKE) --cores $(CORES) --configfile $(CONFIG) -- \
	    $(addprefix results/comparisons/$(A)/$(B)/,summary.csv r2.pdf auc.pdf)
	@echo "The comparison: $(CURDIR)/results/comparisons/$(A)/$(B)/"

test: .venv/.ready .test-tools/.ready ## run all tests, each stack's with its own Python (STACKS="audio analysis" for some)
	@$(RUN) python tools/run_tests.py $(STACKS)

lint: .venv/.ready ## check formatting, Python and the workflow
	$(RUN) snakefmt --check Snakefile rules tools
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(SNAKEMAKE) --lint --configfile config/demo.yaml

bench: .venv/.ready ## time the code: prints the figures that docs/cost.md keeps
	@$(RUN) python tools/run_benchmarks.py $(filter-out $(MODELS) bench/bench_scale.py,$(wildcard bench/bench_*.py))

bench-models: .venv/.ready ## time the embedding models against their packages
	@$(RUN) python tools/run_benchmarks.py $(MODELS)

bench-scale: .venv/.ready ## render and embed as many clips as the paper's (10 minutes, 10 GB)
	@$(RUN) python tools/run_benchmarks.py bench/bench_scale.py

fuzz: .venv/.ready ## put mutated audio files through indexing and rendering (COUNT=1000 SEED=5)
	@$(RUN) python tools/run_benchmarks.py tests/audio/fuzz.py

plan: .venv/.ready ## what a config would cost in disk and time (CONFIG=config/demo.yaml for another)
	@$(RUN) python tools/plan.py $(CONFIG)

envs: .venv/.ready ## build every environment of envs/ and print where it is
	@$(RUN) python tools/stacks.py

schema: .venv/.ready ## write the config's JSON schema from its model
	@$(RUN) python tools/write_schema.py

clean: ## remove the demo's results, the environments and the tools; other experiments stay
	rm -rf $(DEMO) logs/demo benchmarks/demo .snakemake/conda .venv .test-tools

.venv/.ready: tools/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	    echo "Python 3.11 is needed and '$(PYTHON)' is none: install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) lacks venv or pip: install them (Debian: apt-get install python3.11-venv)" >&2; exit 1; }
	@echo "Setting up the workflow's own environment in .venv"
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' $<)"
	@.venv/bin/uv pip install --quiet --python .venv --requirement $<
	@ln -s ../../tools/conda/bin/conda .venv/bin/conda
	@touch $@

.test-tools/.ready: .venv/.ready
	@rm -rf .test-tools
	@.venv/bin/uv pip install --quiet --python .venv --target .test-tools --constraint tools/requirements.txt pytest hypothesis
	@touch $@
