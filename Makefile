# make demo   set up, run the whole way on the built-in data, print where the report is
# make test   set up, run every test      make lint   ruff, ruff format, mypy
# make docs   build the pages of docs/ into site/ (its own .venv-docs)
# make bench DATA=FOLDER   measure everything but benchmarks/pretraining.py (two hours; dataset.py needs bedtools, mmseqs and seqkit, and 5 GB of disk)
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready-$(shell cat requirements.lock pyproject.toml | cksum | tr ' ' '-')
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint docs bench clean
.DEFAULT_GOAL := demo

demo: $(READY)
	@$(BIN)/phenolens demo --out demo-run

test: $(READY)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: .venv-docs/ready
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet --site-dir site
	@echo "docs: site/index.html"

.venv-docs/ready: requirements-docs.lock
	@$(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/python -m pip install -qq -r requirements-docs.lock
	@touch $@

bench: $(READY)
	@test -n "$(DATA)" || { echo "phenolens: error: make bench needs data; run make bench DATA=FOLDER with herv/ltr7_copies.hg19.fa, genome/, annotation/ and motifs/JASPAR2024_CORE.meme.gz"; exit 2; }
	@$(BIN)/python benchmarks/tokens.py
	@$(BIN)/python benchmarks/leakage.py $(DATA) bench-run
	@$(BIN)/python benchmarks/dataset.py bench-run/scale
	@$(BIN)/python benchmarks/ltr7.py $(DATA) bench-run/ltr7
	@$(BIN)/python benchmarks/layers.py $(DATA) bench-run/layers
	@$(BIN)/python benchmarks/controls.py bench-run/controls
	@$(BIN)/python benchmarks/training.py bench-run/training
	@$(BIN)/python benchmarks/predict.py bench-run/predict
	@$(BIN)/python benchmarks/serve.py bench-run/serve
	@$(BIN)/python benchmarks/alrw.py bench-run/alrw
	@$(BIN)/python benchmarks/pathogenicity.py bench-run/pathogenicity
	@$(BIN)/python benchmarks/faithfulness.py $(DATA) bench-run/faithfulness
	@$(BIN)/python benchmarks/planted.py bench-run/planted
	@$(BIN)/python benchmarks/regions.py $(DATA) bench-run/regions
	@$(BIN)/python benchmarks/ltr7_motifs.py $(DATA) bench-run/ltr7-motifs
	@$(BIN)/python benchmarks/motifs.py $(DATA)/motifs/JASPAR2024_CORE.meme.gz
	@$(BIN)/python benchmarks/overlap.py bench-run/overlap

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("phenolens: error: Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; run make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv (once; a few minutes, most of it PyTorch)"
	@$(BIN)/python -m pip install -qq -r requirements.lock
	@$(BIN)/python -m pip install -qq --no-deps --editable .
	@rm -f .venv/ready-* && touch $@

clean:
	rm -rf .venv .venv-docs site demo-run .pytest_cache .mypy_cache .ruff_cache .hypothesis
