"""Components of similar sequences: planted families, both strands, what must stay apart, and what a memoriser makes of the split."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from phenolens.dataset import similarity
from phenolens.dataset.similarity import similar
from phenolens.dataset.split import groups, split_groups, split_random
from phenolens.evaluate.baseline import baselines
from phenolens.simulate import families

LTR7 = Path(__file__).parents[3] / "shared" / "data" / "herv" / "ltr7_copies.hg19.fa"
COMPLEMENT = str.maketrans("ACGT", "TGCA")
SHARES = {"train": 0.65, "validation": 0.15, "test": 0.2}


def dna(random, length, shares=(0.3, 0.2, 0.2, 0.3)):
    return "".join(random.choice(list("ACGT"), length, p=shares))


def mutated(random, text, rate):
    return "".join(random.choice(list("ACGT".replace(x, ""))) if random.random() < rate else x for x in text)


def same_partition(a, b):
    return len(set(zip(a, b, strict=True))) == len(set(a)) == len(set(b))


def truth(table):
    """Return the family of each row; each background row is its own."""
    return table.select(pl.coalesce("family", "name")).to_series().to_list()


@pytest.mark.parametrize(("divergence", "indels"), [(0.05, 0.0), (0.1, 0.1), (0.15, 0.1), (0.2, 0.0)])
def test_planted_families_are_the_components_without_a_threshold_of_identity(divergence, indels):
    table = families(8, 25, 380, divergence=divergence, indels=indels, background=200, seed=1)
    assert same_partition(similar(table["sequence"], threads=1).tolist(), truth(table))


def test_a_memoriser_gains_from_a_random_split_and_not_from_ours():
    table = families(20, 60, 380, divergence=0.15, background=1200, seed=1).rename({"name": "sequence_id"})
    component = similar(table["sequence"], threads=1)
    group = groups(table["sequence_id"], [pl.Series(component)])
    table = table.with_columns(
        split=split_groups(table["label"], group, SHARES, 1), random_split=split_random(table["label"], SHARES, 1)
    )
    scores = {}
    for column in ("random_split", "split"):
        predictions = baselines(table, ["background", "family"], split_column=column, kmer=6)
        test = predictions.filter(pl.col("run") == "nearest neighbour", pl.col("split").str.ends_with("test"))
        scores[column] = roc_auc_score(test["label"] == "family", test["p_family"])
    assert scores["random_split"] >= 0.95
    assert scores["split"] <= 0.65


def test_row_order_case_strand_and_threads_do_not_matter(monkeypatch):
    table = families(6, 20, 300, divergence=0.18, indels=0.1, background=60, seed=2)
    sequences = table["sequence"].to_list()
    order = np.random.default_rng(1).permutation(len(sequences))
    first = similar(table["sequence"], threads=1)
    mixed = pl.Series([sequences[i].lower() if i % 2 else sequences[i] for i in order])
    monkeypatch.setattr(similarity, "BATCH", 100)
    found = similar(mixed, threads=3)
    assert same_partition(found.tolist(), first[order].tolist())
    turned = pl.Series([x[::-1].translate(COMPLEMENT) if i % 3 else x for i, x in enumerate(sequences)])
    assert same_partition(similar(turned).tolist(), truth(table))
    # numbered by first appearance
    assert [x for i, x in enumerate(found) if x not in found[:i]] == list(range(found.max() + 1))


def test_shuffled_sequences_are_never_linked():
    random = np.random.default_rng(3)
    # as variable in composition as genes and deserts are
    shares = [(1 - gc, gc, gc, 1 - gc) for gc in random.uniform(0.25, 0.7, 4000)]
    texts = pl.Series([dna(random, 400, np.array(s) / 2) for s in shares])
    assert similar(texts, coverage=0.0).max() == 3999
    # strands that differ: purines on one, pyrimidines on the other
    purines = [dna(random, 400, (0.45, 0.05, 0.45, 0.05)) for _ in range(300)]
    texts = pl.Series([x if i % 2 else x[::-1].translate(COMPLEMENT) for i, x in enumerate(purines)])
    assert similar(texts, coverage=0.0).max() == 299


def test_the_expected_number_of_chance_alignments_bounds_what_is_seen(monkeypatch):
    random = np.random.default_rng(4)
    texts = pl.Series([dna(random, 300, (0.25,) * 4) for _ in range(1500)])
    monkeypatch.setattr(similarity, "EXPECTED", 1000.0)
    links = 1499 - similar(texts, coverage=0.0).max()
    assert 0 < links <= 1000


def test_identity_and_coverage_decide():
    random = np.random.default_rng(5)
    consensus = dna(random, 400)
    near = mutated(random, consensus, 0.15)
    shared = dna(random, 300) + consensus[:150]  # a third of it is shared
    texts = pl.Series([consensus, near, shared])
    assert similar(texts, coverage=0.5).tolist() == [0, 0, 1]
    assert similar(texts, identity=0.8, coverage=0.5).tolist() == [0, 0, 1]
    assert similar(texts, identity=0.95, coverage=0.3).tolist() == [0, 1, 0]
    assert similar(texts, identity=0.95, coverage=0.5).tolist() == [0, 1, 2]


def test_coverage_is_that_of_the_shorter_sequence_and_of_both_sides():
    random = np.random.default_rng(6)
    long = dna(random, 3000)
    assert similar(pl.Series([long, long[1000:1150]]), identity=0.9, coverage=0.9).tolist() == [0, 0]
    # two pieces of one sequence, far apart in the other: together 300 of 400
    apart = long[:150] + dna(random, 100) + long[2000:2150]
    assert similar(pl.Series([long, apart]), coverage=0.7).tolist() == [0, 0]
    assert similar(pl.Series([long, apart]), coverage=0.8).tolist() == [0, 1]
    # a unit that one has twice and the other once covers only half
    unit = dna(random, 200)
    twice, once = mutated(random, unit, 0.12) + mutated(random, unit, 0.12), unit + dna(random, 250)
    assert similar(pl.Series([twice, once]), coverage=0.45).tolist() == [0, 0]
    assert similar(pl.Series([twice, once]), coverage=0.6).tolist() == [0, 1]


def test_low_complexity_does_not_link():
    random = np.random.default_rng(7)
    microsatellites = [dna(random, 130) + "CA" * 40 + dna(random, 90) for _ in range(10)]
    tails = [dna(random, 200) + "A" * 100 for _ in range(10)]
    texts = pl.Series([*microsatellites, *tails, *(dna(random, 300) for _ in range(100))])
    assert similar(texts, coverage=0.2).max() == 119


@pytest.mark.parametrize(
    "texts", [[], ["ACGT"], ["A", "C"], ["ACGTTGCATT", "ACGTTGCATT"], ["N" * 50, "N" * 60], ["", "A"]]
)
def test_few_and_short_sequences(texts):
    found = similar(pl.Series(texts, dtype=pl.String), identity=0.7, coverage=0.5)
    assert same_partition(found.tolist(), texts) if texts else len(found) == 0


def test_equal_sequences_are_one_on_any_strand_however_short():
    assert similar(pl.Series(["ACGTTGCATT", "AATGCAACGT", "acgttgcatt", "ACGTTGCATA"])).tolist() == [0, 0, 0, 1]


def test_masked_stretches_do_not_link():
    random = np.random.default_rng(8)
    texts = [dna(random, 100) + "N" * 300 for _ in range(5)]
    assert similar(pl.Series(texts), coverage=0.1).tolist() == [0, 1, 2, 3, 4]


def test_many_copies_of_one_repeat_are_one_component():
    table = families(1, 1500, 150, divergence=0.12, background=100, seed=9)
    assert same_partition(similar(table["sequence"], threads=1).tolist(), truth(table))


@pytest.mark.shared_data
@pytest.mark.skipif(not LTR7.exists(), reason="needs shared/data/herv/ltr7_copies.hg19.fa")
def test_real_ltr7_copies_of_all_subfamilies_are_linked():
    records = LTR7.read_text().split(">")[1:601]
    found = similar(pl.Series(["".join(record.splitlines()[1:]) for record in records]))
    assert np.bincount(found).max() >= 0.98 * len(records)
