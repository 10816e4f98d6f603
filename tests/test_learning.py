"""One study, one run folder, several processes: the numbers are those of one process, and the first process alone writes and speaks."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from planted import STUDY, write_planted

from phenolens.core.study import load_study
from phenolens.pipeline import run

SET = ["train.epochs=2", "train.runs=2", "train.batch_tokens=700", "train.accumulate=2", "train.mask_tokens=0.1"]


def test_two_processes_give_the_numbers_of_one(tmp_path):
    write_planted(tmp_path, elements=24)
    (tmp_path / "study.toml").write_text(STUDY.replace("MODEL", "bert-scratch"))
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--master-port",
        "0",
        "--standalone",
    ]
    command = [*launch, "-m", "phenolens.cli", "train", "study.toml", "--out", "two"]
    paths = {"PYTHONPATH": str(Path(__file__).parents[1] / "src"), "OMP_NUM_THREADS": "1"}
    two = subprocess.Popen(
        [*command, *(word for setting in SET for word in ("--set", setting))],
        cwd=tmp_path,
        env=os.environ | paths,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    run(load_study(tmp_path / "study.toml", SET), tmp_path / "one", last="train")
    out, notes = two.communicate(timeout=400)
    assert two.returncode == 0, notes
    assert out == "train: two/train\n"
    assert notes.count("epoch 1 of 2") == 2  # once for each run
    for name in ("run-0", "run-1"):
        alone, together = (
            pl.read_csv(tmp_path / way / "train" / name / "history.tsv", separator="\t") for way in ("one", "two")
        )
        assert alone["epoch"].to_list() == together["epoch"].to_list()
        for column in ("train_loss", "validation_loss"):
            assert together[column].to_list() == pytest.approx(alone[column].to_list(), abs=1e-4)
    files = [
        sorted(
            str(p.relative_to(tmp_path / way))
            for p in (tmp_path / way).rglob("*")
            if p.is_file() and "logs" not in p.parts
        )
        for way in ("one", "two")
    ]
    assert files[0] == files[1]
