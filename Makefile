# Bare `make` prints what there is. On Windows, or without make, see "Without make" in README.md.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

help:  ## print this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

run: $(READY)  ## run all notebooks into build/run/, with a page for each and the parity ledger
	@$(BIN)/python -m deploy.web.build packages
	$(BIN)/python -m tools.course.run

test: $(READY)  ## run every test that CI runs, with the network shut
	@$(BIN)/python -m deploy.web.build packages
	$(BIN)/python -m pytest

report: $(READY)  ## turn HANDLE=… into a verified .tflite with a report: build/report/ (SAMPLES=… RECIPES=…)
	$(BIN)/python -m hub_to_tflite.report.make

sweep: $(READY)  ## run that report over a grid, on all cores or a cluster: GRID=sweep.yaml (WORKERS=1 MEMORY=4GB SCHEDULER=tcp://… RETRY=1)
	$(BIN)/python -m hub_to_tflite.report.sweep "$(or $(GRID),sweep.yaml)"

web: $(READY)  ## build the page that reads a drawn digit in the browser: build/web/
	$(BIN)/python -m deploy.web.build

lab: $(READY)  ## open JupyterLab on the first lesson
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb

refresh: $(READY)  ## execute the notebooks in place, so that stored outputs are real
	$(BIN)/python -m tools.course.notebooks $(NOTEBOOKS)

readme: $(READY)  ## write the generated parts of README.md, with what the last `make run` measured
	$(BIN)/python -m tools.course.readme

errors: $(READY)  ## cause every error of the gallery again, and write docs/errors.md
	$(BIN)/python -m tools.gallery

bench: $(READY) .venv-bench/.ready  ## compare LiteRT with other runtimes, and the course's code with bare calls: benchmarks/
	$(BIN)/python -m tools.bench $(ROUNDS)

fuzz: $(READY)  ## open thousands of damaged .tflite files: none may end the process, hold it, or wrongly pass
	$(BIN)/python -m tools.fuzz

models:  ## train and publish the embedded models again (a few minutes)
models: $(READY)
	$(BIN)/python -m tools.train.digits
	$(BIN)/python -m tools.train.prose_or_code

lock:  ## write requirements.lock from requirements.txt, for all supported Pythons together
	$(PYTHON) tools/course/set_up.py lock

clean:  ## remove .venv, .venv-bench and build
	rm -rf .venv .venv-bench build *.egg-info

$(READY): requirements.lock tools/course/set_up.py
	@$(PYTHON) tools/course/set_up.py

.venv-bench/.ready: requirements-bench.txt
	@$(PYTHON) tools/course/set_up.py bench

.PHONY: help run test report sweep web lab refresh readme errors bench fuzz models lock clean
.DEFAULT_GOAL := help
