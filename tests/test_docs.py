"""The pages of docs/: those that are generated are those that the code of today generates, and the site builds without a warning."""

import importlib.util
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from docs_commands import GENERATED, GROUP, PAGES, blocks, parsed, shown

from phenolens.core.settings import StudySettings

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "scripts" / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_pages_are_those_that_are_named(reference):
    assert tuple(reference.PAGES) == GENERATED


@pytest.mark.parametrize("page", GENERATED)
def test_the_page_is_up_to_date(reference, page):
    assert (ROOT / "docs" / page).read_text() == reference.PAGES[page](), "run: python scripts/make_reference.py"


def test_every_command_has_its_help_on_the_page():
    text = (ROOT / "docs" / "cli.md").read_text()
    assert re.findall(r"^## phenolens (\S+)$", text, flags=re.M) == list(GROUP.commands)


@pytest.mark.parametrize("page", [page for page in PAGES if shown(page)], ids=lambda page: page.name)
def test_every_command_that_a_page_shows_is_one_that_phenolens_understands(page):
    for line in shown(page):
        parsed(line)


def test_a_command_that_phenolens_does_not_understand_is_found():
    with pytest.raises(Exception, match=r"(?i)no such option"):
        parsed("phenolens run study.toml --outt my-run")


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "toml")], ids=lambda page: page.name)
def test_every_study_on_a_page_is_valid(page):
    whole = tomllib.loads(blocks(ROOT / "README.md", "toml")[0])
    for block in blocks(page, "toml"):
        # alternatives stand one below the other; the first one is taken
        first = re.sub(r"^(scores = .*\n)(?:scores = .*\n)+", r"\1", block, flags=re.M)
        first = first if "[" in first.split("=")[0] or "name" in first.split("\n")[0] else "[annotate]\n" + first
        study = tomllib.loads(first)
        if set(study.get("dataset", {})) == {"classes"}:
            study["dataset"] = {
                **whole["dataset"],
                "classes": whole["dataset"]["classes"] + study["dataset"]["classes"],
            }
        StudySettings.model_validate({**whole, **study})


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "slurm")], ids=lambda page: page.name)
def test_scripts_for_a_cluster_are_valid_shell_and_run_without_one(page, tmp_path):
    for block in blocks(page, "slurm"):
        assert block.startswith("#!/bin/bash\n#SBATCH ")
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)


def test_every_page_is_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text()
    assert sorted(re.findall(r": (\S+\.md)$", menu, flags=re.M)) == [page.name for page in PAGES]


def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path):
    own = ROOT / ".venv-docs" / "bin" / "mkdocs"
    program = str(own) if own.is_file() else shutil.which("mkdocs")
    if program is None:
        pytest.skip("mkdocs is not installed: make docs installs it")
    command = [program, "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pages = sorted((tmp_path / "site").glob("*.html"))
    assert {page.stem for page in pages} >= {page.stem for page in PAGES}
    for page in pages:
        text = page.read_text()
        loaded = re.findall(r"<(?:script|img|iframe)[^>]*src=[\"']?(https?:[^\"' >]+)", text)
        loaded += re.findall(
            r"<link[^>]*rel=[\"']?(?:stylesheet|icon|preconnect)[^>]*href=[\"']?(https?:[^\"' >]+)", text
        )
        assert not loaded, page.name
