# Two commands do everything on a fresh machine with Python 3.11 or newer, git and make.

PYTHON ?= python3
BIN := .venv/bin
RUN := adder-$(shell date +%Y%m%d-%H%M%S)

.PHONY: train test
train: .venv/ready  ## learn to add numbers of up to 8 digits, measure it, ask it, prove it
	$(BIN)/arithgpt train --task add --digits 8 --name $(RUN)
	$(BIN)/arithgpt eval $(RUN) --digits 1-8,20,100 --samples 500
	$(BIN)/arithgpt calc --run $(RUN) 123+456 99999999+1 "31,415,926 + 27182818" 123456789012345678901234567890+987654321098765432109876543210
	$(BIN)/arithgpt calc --working "123*45" "7391/52"
	$(BIN)/arithgpt prove $(RUN)

test: .venv/ready  ## what continuous integration runs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses auto --dist worksteal

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	@echo "Installing arithgpt and what it needs into .venv. PyTorch alone is a download of some hundred MB, which can take minutes."
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@
