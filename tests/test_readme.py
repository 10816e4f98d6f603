"""Every command in the README runs as written, on a small genome whose files have the names that the README uses."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import forked
import pysam
import pytest
from planted import write_planted

from phenolens.core.settings import StudySettings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", README, flags=re.M | re.S)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with `phenolens` on the PATH and the files that the README's commands name."""
    folder = tmp_path_factory.mktemp("readme")
    made = write_planted(folder, elements=24)
    pysam.tabix_compress(str(folder / "genome.fa"), str(folder / "genome.fa.gz"))
    (folder / "genome.fa").unlink()
    first = made.elements[:5]
    (folder / "regions.bed").write_text("".join(f"{c}\t{s}\t{e}\tx\t0\t{d}\n" for c, s, e, d in first))
    (folder / "sequences.fa").write_text("".join(f">s{i}\n{'ACGTTGCA' * 20}\n" for i in range(3)))
    (folder / "bin").mkdir()
    with forked.commands(folder / "bin"):
        yield folder


def test_the_commands_run_in_the_order_of_the_readme(workplace):
    environment = {**os.environ, "PATH": f"{workplace / 'bin'}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    assert len(COMMANDS) >= 6
    for command in COMMANDS:
        done = subprocess.run(command, shell=True, cwd=workplace, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert (workplace / "my-run" / "report" / "index.html").is_file()
    assert (workplace / "classes.tsv").read_text().startswith("sequence_id\tpredicted\tp_element\tp_background\n")


@pytest.mark.parametrize("block", blocks("toml"))
def test_every_study_in_the_readme_is_valid(block):
    study = tomllib.loads(block)
    whole = tomllib.loads(blocks("toml")[0])
    StudySettings.model_validate({**whole, **study})


def test_the_two_make_targets_are_there_and_call_what_they_say():
    for target, called in (("demo", "phenolens demo --out demo-run"), ("test", "-m pytest")):
        assert f"    make {target} " in README
        if shutil.which("make"):
            plan = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True)
            assert called in plan.stdout


def test_the_demo_runs_on_its_real_data(tmp_path):
    """One short epoch; the files are those of the built-in data, so the whole way is walked on a real chromosome."""
    code = "from phenolens.cli import main; main()"
    quick = (
        "train.epochs=1",
        "train.random_split=false",
        "train.reverse_complement=false",
        "explain.sample=8",
        "explain.shuffles=40",
    )
    arguments = ["demo", "--out", "demo-run", *(word for setting in quick for word in ("--set", setting))]
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "report: demo-run/report/index.html\n"
    assert (
        "Endogenous retroviruses of human chromosome 22"
        in (tmp_path / "demo-run" / "report" / "index.html").read_text()
    )


def test_every_link_leads_to_a_file():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
