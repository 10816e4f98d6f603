"""Simulated families have the divergence, indels, strands and background that they promise."""

import numpy as np
import polars as pl
import pytest

from phenolens.core.errors import DataError
from phenolens.simulate import STEPS, families, planted

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def identity(a, b):
    """Return the share of equal letters on the better strand."""
    turned = b[::-1].translate(COMPLEMENT)
    return max(sum(x == y for x, y in zip(a, c, strict=True)) / len(a) for c in (b, turned))


def distance(a, b):
    """Return the edit distance, one row of the table at a time."""
    row = np.arange(len(b) + 1)
    letters = np.array(list(b))
    for i, letter in enumerate(a, 1):
        step = np.minimum(row[1:] + 1, row[:-1] + (letters != letter))
        best = np.concatenate([[i], step])
        row = np.minimum.accumulate(best - np.arange(len(best))) + np.arange(len(best))
    return int(row[-1])


@pytest.mark.parametrize(("divergence", "expected"), [(0.0, 1.0), (0.05, 0.9033), (0.2, 0.6533)])
def test_two_copies_agree_as_the_formula_says(divergence, expected):
    table = families(3, 20, 400, divergence=divergence, background=0, seed=1)
    within = [
        identity(a, b)
        for (_,), part in table.group_by("family", maintain_order=True)
        for a, b in zip(part["sequence"][:10], part["sequence"][10:], strict=True)
    ]
    assert np.mean(within) == pytest.approx(expected, abs=4 * np.sqrt(0.25 / (30 * 400)) if divergence else 0)


def test_half_of_the_copies_are_turned_and_families_are_unrelated():
    table = families(2, 200, 100, divergence=0.0, background=0, seed=2)
    for (_,), part in table.group_by("family", maintain_order=True):
        assert part["sequence"].n_unique() == 2
        assert 60 < part["sequence"].eq(part["sequence"][0]).sum() < 140
    assert identity(table["sequence"][0], table["sequence"][200]) < 0.5


def test_indels_are_their_share_of_the_changes():
    table = families(1, 60, 500, divergence=0.1, indels=1.0, background=0, seed=3)
    consensus = families(1, 60, 500, divergence=0.0, background=0, seed=3)["sequence"][0]
    changes = [
        min(distance(x, consensus), distance(x[::-1].translate(COMPLEMENT), consensus)) for x in table["sequence"]
    ]
    assert np.mean(changes) == pytest.approx(50, rel=0.12)  # an insertion beside a deletion is one change
    lengths = table["sequence"].str.len_chars()
    assert abs(lengths.mean() - 500) < 4
    assert lengths.std() == pytest.approx(np.sqrt(50), rel=0.4)
    mixed = families(1, 60, 500, divergence=0.1, indels=0.2, background=0, seed=3)["sequence"].str.len_chars()
    assert mixed.std() == pytest.approx(np.sqrt(10), rel=0.4)


def test_background_is_like_the_copies_in_length_and_gc_and_the_seed_decides():
    table = families(4, 25, 300, divergence=0.1, indels=0.2, background=150, seed=4)
    assert table.columns == ["name", "family", "label", "sequence"]
    assert table["name"].is_unique().all()
    assert table["label"].value_counts().sort("label").rows() == [("background", 150), ("family", 100)]
    assert (table["family"].is_null() == (table["label"] == "background")).all()
    lengths = {label: part["sequence"].str.len_chars() for (label,), part in table.group_by("label")}
    assert set(lengths["background"]) <= set(lengths["family"])
    gc = table.group_by("label").agg(
        (pl.col("sequence").str.count_matches("[GC]").sum() / pl.col("sequence").str.len_chars().sum()).alias("gc")
    )
    assert (gc["gc"] - 0.41).abs().max() < 0.03
    again = families(4, 25, 300, divergence=0.1, indels=0.2, background=150, seed=4)
    assert table.equals(again)
    assert not table.equals(families(4, 25, 300, divergence=0.1, indels=0.2, background=150, seed=5))


def test_none_and_nonsense():
    assert families(0, 0, 10, background=0, seed=1).height == 0
    assert families(0, 5, 10, background=3, seed=1)["sequence"].str.len_chars().to_list() == [10, 10, 10]
    with pytest.raises(DataError, match=r"divergence 1\.5.*expected numbers from 0 on"):
        families(divergence=1.5, seed=1)


WORDS = {"A": "TGACTCAGCATTGCAC", "B": "CCATATTAGGAC"}


def test_every_planted_motif_stands_where_the_table_says_with_so_many_letters_changed():
    table = planted(WORDS, 300, 60, mutations=2, background=50, seed=1)
    assert table["label"].value_counts().sort("label").rows() == [("A", 300), ("B", 300), ("background", 50)]
    assert table["name"].is_unique().all()
    assert (table["sequence"].str.len_chars() == 60).all()
    own = table.filter(pl.col("label") != "background")
    for label, sequence, start, end, strand, mutations in own.drop("name").iter_rows():
        word = sequence[start:end] if strand == "+" else sequence[start:end][::-1].translate(COMPLEMENT)
        assert sum(a != b for a, b in zip(word, WORDS[label], strict=True)) == mutations
    assert (
        table.filter(label="background").select(pl.exclude("name", "label", "sequence")).null_count().row(0)
        == (50,) * 4
    )
    numbers = own["mutations"].value_counts().sort("mutations")
    assert numbers["mutations"].to_list() == [0, 1, 2]
    assert numbers["count"].min() > 160
    assert 240 < (own["motif_strand"] == "+").sum() < 360
    first = own.filter(label="A")["motif_start"]
    assert (first.min(), first.max()) == (0, 60 - 16)


def test_the_background_of_motifs_has_the_dinucleotides_of_the_human_genome():
    text = "|".join(planted({}, 0, 500, background=800, seed=2)["sequence"])
    for a, row in zip("ACGT", STEPS, strict=True):
        for b, percent in zip("ACGT", row, strict=True):
            if a != b:  # equal neighbours overlap, and are not all counted
                assert 100 * text.count(a + b) / (800 * 499) == pytest.approx(percent, abs=0.15)


def test_the_seed_decides_what_is_planted_and_nonsense_is_refused():
    assert planted(WORDS, 5, 40, seed=3).equals(planted(WORDS, 5, 40, seed=3))
    assert not planted(WORDS, 5, 40, seed=3).equals(planted(WORDS, 5, 40, seed=4))
    assert planted({}, 5, 40, seed=3).height == 0
    for words, length in (({"A": "ACGN"}, 40), ({"A": ""}, 40), ({"A": "ACGTACGT"}, 7), ({"A": "A"}, 40)):
        with pytest.raises(DataError, match="not longer than the sequences nor shorter than the mutations"):
            planted(words, 5, length, seed=1)
