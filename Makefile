# Bare `make` prints what there is. On Windows, or without make, see "Without make" in docs/setup.md.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

help:  ## print this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

run: $(READY)  ## run all lessons into build/run/, with a page for each and the parity ledgers (JOBS=…)
	@$(BIN)/python -m deploy.web.build packages
	$(BIN)/python -m tools.course.run $(if $(JOBS),--jobs $(JOBS))

test: $(READY)  ## run the tests that CI runs on every push, with the network shut
	@$(BIN)/python -m tools.site.parts packages
	@$(BIN)/python -m tests.old_runtime
	$(BIN)/python -m pytest

test-all: $(READY)  ## run those and the long ones: every lesson with every other model
	@$(BIN)/python -m tools.site.parts packages
	@$(BIN)/python -m tests.old_runtime
	$(BIN)/python -m pytest --all

report: $(READY)  ## turn HANDLE=… into a verified .tflite with a report (SAMPLES=… RECIPES=… TOLERANCE=… TARGET=… OUT=…)
	@$(BIN)/hub-to-tflite report "$${HANDLE:?Name a model, such as make report HANDLE=folder}" \
	  $${SAMPLES:+--samples "$$SAMPLES"} $${RECIPES:+--recipes "$$RECIPES"} \
	  $${TOLERANCE:+--tolerance "$$TOLERANCE"} $${TARGET:+--target "$$TARGET"} \
	  $${OUT:+--out "$$OUT"}

sweep: $(READY)  ## run that report over a grid: GRID=sweep.yaml (WORKERS=… MEMORY=4GB SCHEDULER=tcp://… RETRY=1 OUT=…)
	@$(BIN)/hub-to-tflite sweep "$${GRID:-sweep.yaml}" $${RETRY:+--retry} \
	  $${WORKERS:+--workers "$$WORKERS"} $${MEMORY:+--memory "$$MEMORY"} \
	  $${SCHEDULER:+--scheduler "$$SCHEDULER"} $${OUT:+--out "$$OUT"}

web: $(READY)  ## build the page that reads a drawn digit in the browser: build/web/
	$(BIN)/python -m deploy.web.build

site: $(READY) .venv-site/.ready  ## render the course, the errors and the doctor as a web site: build/site/
	@$(BIN)/python -m tools.site.parts
	@.venv-site/bin/python -m tools.site.render

class: $(READY)  ## copy the lessons to work/, outputs cleared; what's there already stays
	@$(BIN)/python -m tools.course.class_copy

bundle: $(READY)  ## make a folder that installs without a network: PLATFORM=linux-x86_64 (PYTHON_VERSION=3.12)
	@$(BIN)/python -m tools.site.parts doctor
	@$(BIN)/python -m tools.course.bundle "$${PLATFORM:?Name a system: linux-x86_64, linux-aarch64, macos-arm64 or windows-x64}" $(PYTHON_VERSION)

doctor: $(READY)  ## say what a file is and what an error means, in a page on this machine
	@$(BIN)/python -m tools.site.parts serve

hub: .venv-hub/.ready  ## serve a class: JupyterHub with USERS=4 learners (URL=https://… CERT=… KEY=… MEMORY=2 IDLE=10)
	@$(BIN)/python -m deploy.jupyterhub $${USERS:+--users "$$USERS"} $${URL:+--url "$$URL"} \
	  $${CERT:+--cert "$$CERT"} $${KEY:+--key "$$KEY"} $${MEMORY:+--memory "$$MEMORY"} $${IDLE:+--idle "$$IDLE"}

hub-load: .venv-hub/.ready  ## measure that server with 1, 2, 4 and 8 learners, and write docs/teach/server.md's table
	$(BIN)/python -m tests.deploy.hub_load

lab: class  ## open JupyterLab on your copy of the first lesson
	@echo "A file won't open, or a call failed? In another terminal: make doctor"
	$(BIN)/jupyter lab work/00_start_here.ipynb

refresh: $(READY)  ## execute the notebooks in place, so that stored outputs are real (NOTEBOOKS=…)
	$(BIN)/python -m tools.course.notebooks $(NOTEBOOKS)
	$(BIN)/python -m tools.course.minutes $(NOTEBOOKS)

readme: $(READY)  ## write the generated parts of README.md, with what the last `make run` measured
	$(BIN)/python -m tools.course.readme

errors: $(READY)  ## cause every error of the gallery again, and write docs/errors.md
	$(BIN)/python -m tools.gallery

colab: $(READY)  ## run the lessons on Google Colab's own versions, with Python 3.13 (NOTEBOOKS=…)
	@$(BIN)/python -m tools.colab $(NOTEBOOKS)

bench: $(READY) .venv-bench/.ready  ## compare LiteRT with other runtimes, and the course's code with bare calls: benchmarks/
	$(BIN)/python -m tools.bench $(ROUNDS)

fuzz: $(READY)  ## open thousands of damaged .tflite files: none may end the process, hold it, or wrongly pass
	$(BIN)/python -m tests.fuzz

models: $(READY)  ## train and publish the embedded models again (a few minutes)
	$(BIN)/python -m tools.train.digits
	$(BIN)/python -m tools.train.prose_or_code
	$(BIN)/python -m tools.train.exam
	$(BIN)/python -m tools.train.detector
	$(BIN)/python -m tools.train.tones

lock:  ## write requirements.lock, and those of the site and the hub, for all supported Pythons together
	$(PYTHON) tools/course/set_up.py lock

lock-check: $(READY)  ## see that the lock has a wheel for each system and each Python
	@$(BIN)/python tools/course/set_up.py lock-check

clean:  ## remove .venv, .venv-bench, .venv-site, .venv-hub and build
	rm -rf .venv .venv-bench .venv-site .venv-hub build *.egg-info

$(READY): requirements.lock tools/course/set_up.py
	@$(PYTHON) tools/course/set_up.py

.venv-bench/.ready: requirements-bench.txt
	@$(PYTHON) tools/course/set_up.py bench

.venv-site/.ready: requirements-site.lock
	@$(PYTHON) tools/course/set_up.py site

.venv-hub/.ready: requirements-hub.lock deploy/jupyterhub/package-lock.json | $(READY)
	@$(PYTHON) tools/course/set_up.py hub
	@$(BIN)/python -m deploy.jupyterhub packages || true

.PHONY: help run test test-all report sweep web site doctor class hub hub-load lab bundle refresh readme errors colab bench fuzz models lock lock-check clean
.DEFAULT_GOAL := help
