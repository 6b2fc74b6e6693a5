# Bare `make` prints what there is. On Windows, or without make, see "Without make" in README.md.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

help:  ## print this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

run: $(READY)  ## run all notebooks into build/run/, with a page for each and the parity ledger
	$(BIN)/python -m tools.run

test: $(READY)  ## run every test that CI runs, with the network shut
	$(BIN)/python -m pytest

lab: $(READY)  ## open JupyterLab on the first lesson
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb

refresh: $(READY)  ## execute the notebooks in place, so that stored outputs are real
	$(BIN)/python -m tools.notebooks $(NOTEBOOKS)

readme: $(READY)  ## write the generated parts of README.md, with what the last `make run` measured
	$(BIN)/python -m tools.readme

bench: $(READY)  ## measure what the batch helper costs, as ratios in one run
	$(BIN)/python -m tools.bench_interpreter

models:  ## train and publish the embedded models again (a few minutes)
models: $(READY)
	$(BIN)/python -m tools.train_models

lock:  ## write requirements.lock from requirements.txt, for all supported Pythons together
	$(PYTHON) tools/set_up.py lock

clean:  ## remove .venv and build
	rm -rf .venv build *.egg-info

$(READY): requirements.lock tools/set_up.py
	@$(PYTHON) tools/set_up.py

.PHONY: help run test lab refresh readme bench models lock clean
.DEFAULT_GOAL := help
