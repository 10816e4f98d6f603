"""`phenolens predict`: what it says against the model asked directly, the same for any chunk; and every mistake once, in one sentence."""

import gzip
import os
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import softmax
from tiny import random_sequences, tiny_loaded

from phenolens import classify, cli
from phenolens.core.errors import DataError
from phenolens.core.run import write_json
from phenolens.model.load import save
from phenolens.model.predict import predict

COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}
SEQUENCES = [s[: 12 + 3 * i] for i, s in enumerate(random_sequences(24, 90, 4))]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with two models and no evaluation."""
    folder = tmp_path_factory.mktemp("run")
    for i in range(2):
        save(_sharp(i), folder / "train" / f"run-{i}")
    return folder


def _sharp(seed):
    """Return a classifier from random weights whose probabilities are not all near 1/2."""
    loaded = tiny_loaded("bert", seed=seed + 1)
    for weights in loaded.model.parameters():
        weights.data.mul_(20 if weights.dim() > 1 else 1)
    return loaded


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text("".join(f">s{i} about\n{text}\n" for i, text in enumerate(SEQUENCES)))
    return path


@pytest.fixture
def evaluated(run):
    """Write the run's calibration.json; gone after the test."""
    path = run / "evaluate" / "calibration.json"
    yield lambda temperatures: write_json({name: {"temperature": t} for name, t in temperatures.items()}, path)
    path.unlink(missing_ok=True)


def classified(model, source, target, genome=None, **options):
    """Return (CLASSES, notes) of a file."""
    notes = []
    told = classify.Told(note=notes.append)
    n = classify.classify_file(model, source, target, genome, classify.Options(**options), told)
    table = (
        pl.read_parquet(target, glob=False)
        if target.suffix == ".parquet"
        else pl.read_csv(target, separator="\t", glob=False)
    )
    assert table.height == n
    return table, notes


def probabilities(table):
    return table.select("p_with", "p_without").to_numpy()


def test_a_model_asked_directly_says_the_same_whatever_the_chunks(run, fasta, tmp_path, monkeypatch):
    expected = predict(_sharp(1), SEQUENCES)
    assert np.ptp(expected[:, 0]) > 0.2
    assert set(expected.argmax(axis=1)) == {0, 1}
    for size in (90, 700, 1 << 20):
        monkeypatch.setattr(classify, "CHUNK_BASES", size)
        table, _ = classified(run / "train" / "run-1", fasta, tmp_path / "o.tsv", batch_size=5)
        assert table["sequence_id"].to_list() == [f"s{i}" for i in range(24)]
        assert table["predicted"].to_list() == [("with", "without")[i] for i in expected.argmax(axis=1)]
        np.testing.assert_allclose(probabilities(table), expected, atol=2e-6)


def test_gzip_equal_names_and_parquet(run, tmp_path, monkeypatch):
    path = tmp_path / "a.fa.gz"
    path.write_bytes(gzip.compress("".join(f'>"same\n{text}\n' for text in SEQUENCES).encode()))
    monkeypatch.setattr(classify, "ROW_GROUP", 7)
    first, _ = classified(run, path, tmp_path / "o[1].parquet")
    second, _ = classified(run, path, tmp_path / "o.tsv")
    assert first["sequence_id"].to_list() == ['"same'] * 24
    assert first.equals(second)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.fa.gz", "o.tsv", "o[1].parquet"]


def test_both_strands_are_averaged(run, fasta, tmp_path):
    others = ["".join(COMPLEMENT[base] for base in reversed(text)) for text in SEQUENCES]
    expected = (predict(_sharp(0), SEQUENCES) + predict(_sharp(0), others)) / 2
    table, _ = classified(run / "train" / "run-0", fasta, tmp_path / "o.tsv", both_strands=True)
    np.testing.assert_allclose(probabilities(table), expected, atol=2e-6)


def test_bf16_moves_probabilities_a_little(run, fasta, tmp_path, capsys):
    exact, _ = classified(run, fasta, tmp_path / "o.tsv")
    assert phenolens(capsys, run, fasta, "--bf16", "--out", tmp_path / "b.tsv")[0] == 0
    coarse = probabilities(pl.read_csv(tmp_path / "b.tsv", separator="\t"))
    assert 1e-6 < np.abs(coarse - probabilities(exact)).max() < 5e-2


def test_the_temperature_of_the_run_or_of_the_vote(run, fasta, tmp_path, evaluated):
    evaluated({"run-0": 2.5, "vote": 0.5})
    one, both = predict(_sharp(0), SEQUENCES), (predict(_sharp(0), SEQUENCES) + predict(_sharp(1), SEQUENCES)) / 2
    for model, expected in (
        (run / "train" / "run-0", softmax(np.log(one) / 2.5, axis=1)),
        (run, softmax(np.log(both) / 0.5, axis=1)),
    ):
        table, notes = classified(model, fasta, tmp_path / "o.tsv")
        np.testing.assert_allclose(probabilities(table), expected, atol=2e-6)
        assert notes == []
    table, notes = classified(run, fasta, tmp_path / "o.tsv", raw=True)
    np.testing.assert_allclose(probabilities(table), both, atol=2e-6)
    assert notes == []
    _, notes = classified(run / "train" / "run-1", fasta, tmp_path / "o.tsv")
    assert notes == [
        f"probabilities of {run}/train/run-1 are not calibrated: no temperature of run-1 in evaluate/calibration.json of its run"
    ]


@pytest.mark.parametrize("size", [100, 1 << 20])
def test_what_cannot_be_read_has_empty_cells_and_is_counted(run, fasta, tmp_path, monkeypatch, size):
    monkeypatch.setattr(classify, "CHUNK_BASES", size)
    known, _ = classified(run, fasta, tmp_path / "o.tsv", raw=True)
    texts = [*SEQUENCES[:3], "N" * 40, SEQUENCES[3], "ACG", "ACGTACGTRR" * 4, "ACGTACGT" + "N" * 9, *SEQUENCES[4:]]
    fasta.write_text("".join(f">{i}\n{text}\n" for i, text in enumerate(texts)))
    for target in ("o.tsv", "o.parquet"):
        table, notes = classified(run, fasta, tmp_path / target, raw=True)
        assert table.filter(pl.col("p_with").is_null())["sequence_id"].cast(pl.String).to_list() == ["3", "5", "6", "7"]
        assert table.filter(pl.col("p_with").is_null()).select("predicted", "p_without").null_count().row(0) == (4, 4)
        np.testing.assert_allclose(probabilities(table.drop_nulls()), probabilities(known), atol=2e-6)
        why = "fewer than 6 bases, or more than half of their tokens with an N or another letter than A C G T"
        assert notes == [f"4 of 28 sequences have no prediction (empty cells): {why}"]


def test_intervals_in_reading_direction_with_the_genomes_names(run, tmp_path, monkeypatch):
    chromosomes = dict(zip(("chr1", "chr2"), random_sequences(2, 500, 8), strict=True))
    (tmp_path / "g.fa").write_text("".join(f">{name}\n{text}\n" for name, text in chromosomes.items()))
    places = [("1", 3 * i, 3 * i + 20 + i, "+-."[i % 3]) for i in range(20)] + [("chr2", 400, 500, "-")] * 2
    rows = [f"{c}\t{start}\t{end}\tx\t0\t{strand}\n" for c, start, end, strand in places]
    (tmp_path / "a.bed").write_text("".join(rows))
    expected, ids = [], []
    for chrom, start, end, strand in places:
        name = f"chr{chrom.removeprefix('chr')}"
        text = chromosomes[name][start:end]
        expected.append("".join(COMPLEMENT[base] for base in reversed(text)) if strand == "-" else text)
        ids.append(f"{name}:{start}-{end}({strand})")
    direct = predict(_sharp(0), expected)
    for size in (60, 1 << 20):
        monkeypatch.setattr(classify, "CHUNK_BASES", size)
        table, notes = classified(
            run / "train" / "run-0", tmp_path / "a.bed", tmp_path / "o.tsv", tmp_path / "g.fa", raw=True
        )
        assert table["sequence_id"].to_list() == ids
        np.testing.assert_allclose(probabilities(table), direct, atol=2e-6)
        assert notes == [f"{tmp_path}/a.bed: 1 chromosome names follow the genome's: 1 -> chr1"]


def test_a_late_bad_part_leaves_nothing(run, tmp_path, monkeypatch):
    monkeypatch.setattr(classify, "CHUNK_BASES", 500)
    texts = [*random_sequences(40, 80, 3), *(f"{text[:15]}R" * 5 for text in random_sequences(40, 15, 5))]
    (tmp_path / "a.fa").write_text("".join(f">{i}\n{text}\n" for i, text in enumerate(texts)))
    for target in ("o.tsv", "o.parquet"):
        with pytest.raises(DataError, match=r"tokens are unknown to the model's tokenizer.*at most 5\.0%") as caught:
            classified(run, tmp_path / "a.fa", tmp_path / target)
        assert "a.fa before its sequence" in caught.value.__notes__[0]
    assert [p.name for p in tmp_path.iterdir()] == ["a.fa"]


@contextmanager
def standard_input(content: bytes):
    """Let file descriptor 0 have this content."""
    before, (end, start) = os.dup(0), os.pipe()
    try:
        os.write(start, content)
        os.close(start)
        os.dup2(end, 0)
        os.close(end)
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)


def phenolens(capsys, *arguments):
    """Return (exit code, standard output, standard error) of `phenolens predict`."""
    sys.argv = ["phenolens", "predict", *(str(argument) for argument in arguments)]
    code = 0
    try:
        cli.main()
    except SystemExit as stop:
        code = stop.code or 0
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_standard_input_to_standard_output(run, fasta, tmp_path, capsys):
    expected, _ = classified(run, fasta, tmp_path / "o.tsv")
    with standard_input(fasta.read_bytes()):
        code, out, err = phenolens(capsys, run, "-")
    assert code == 0, err
    assert out == (tmp_path / "o.tsv").read_text()
    assert err.startswith("note: probabilities of ")
    assert "not calibrated" in err
    (tmp_path / "g.fa").write_text(f">c\n{SEQUENCES[-1]}\n")
    with standard_input(f"c\t0\t{len(SEQUENCES[-1])}\n".encode()):
        code, out, err = phenolens(capsys, run, "-", "--genome", tmp_path / "g.fa", "--raw")
    assert (code, err) == (0, "")
    name, *values = out.splitlines()[1].split("\t")
    assert name == f"c:0-{len(SEQUENCES[-1])}(.)"
    assert values == [str(value) for value in expected.row(-1)[1:]]


BAD = {
    "no folder": (["nowhere", "a.fa"], "nowhere: is not a model trained by phenolens (no readable phenolens.json); give DIR/train/run-0"),
    "no record": (["RUN", "blank.fa"], "blank.fa: has no record; expected '>name' and its sequence"),
    "empty": (["RUN", "empty.fa"], "empty.fa: is empty; expected at least one line"),
    "missing": (["RUN", "missing.fa"], "missing.fa: does not exist; expected a file; check the path"),
    "no genome": (["RUN", "a.bed"], "a.bed: holds intervals, and no genome was given; expected --genome genome.fa; or give the sequences as FASTA"),
    "beyond": (["RUN", "beyond.bed", "--genome", "g.fa"], "beyond.bed: 1 of 2 intervals end beyond their chromosome, the first: chr1:10-900, where chr1 has 60 bases"),
    "absent": (["RUN", "absent.bed", "--genome", "g.fa"], "absent.bed: 1 of 2 intervals lie on chromosomes that g.fa does not have: chrZ; expected its names: chr1"),
    "no out": (["RUN", "a.fa", "--out", "no/o.tsv"], "--out: the folder no does not exist; expected a folder; make it: mkdir -p no"),
    "ending": (["RUN", "a.fa", "--out", "o.csv"], "--out: o.csv has the ending '.csv'; expected .tsv or .parquet"),
    "only n": (["RUN", "n.fa"], "n.fa: none of its 2 sequences can be read by the model: fewer than 6 bases, or more than half"),
    "protein": (["RUN", "protein.fa"], "protein.fa, line 2: record p holds 'L'; expected DNA letters"),
    "empty input": (["RUN", "-"], "standard input: is empty; expected at least one line; check the command before the pipe"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_every_mistake_is_one_sentence(case, run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    files = {
        "a.fa": f">a\n{SEQUENCES[0]}\n", "blank.fa": "\n", "empty.fa": "", "g.fa": f">chr1\n{'ACGT' * 15}\n",
        "a.bed": "chr1\t0\t20\n", "beyond.bed": "chr1\t0\t20\nchr1\t10\t900\n", "absent.bed": "chr1\t0\t20\nchrZ\t0\t9\n",
        "n.fa": ">a\nNNNNNNNNN\n>b\nACG\n", "protein.fa": ">p\nMKVLW\n",
    }  # fmt: skip
    for name, content in files.items():
        Path(name).write_text(content)
    arguments, sentence = BAD[case]
    with standard_input(b""):
        code, out, err = phenolens(capsys, *(run if word == "RUN" else word for word in arguments))
    line = [text for text in err.splitlines() if not text.startswith("note: ")]
    assert (code, out) == (2, "")
    assert len(line) == 1, err
    assert sentence.removeprefix("--out") in line[0]
    assert {p.name for p in tmp_path.iterdir()} <= {*files, "g.fa.fai"}
