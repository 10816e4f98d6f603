"""Truth: simulated repeat families that are easy with copies in the training set and impossible with whole families held out."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors

from phenolens.core.errors import DataError
from phenolens.core.kmers import kmer_counts
from phenolens.evaluate import baseline
from phenolens.evaluate.baseline import baselines

LABELS = ["background", "repeat"]
BASES = np.array(list("ACGT"))
RUNS = ["k-mer logistic", "nearest neighbour", "composition", "length"]
SHARED = Path(__file__).parents[3] / "shared" / "data" / "labelled" / "gue_prom_300_tata"


def mutated(generator: np.random.Generator, consensus: np.ndarray) -> np.ndarray:
    """Return a copy with 5-20 % substitutions, on either strand."""
    copy = consensus.copy()
    hit = generator.random(len(copy)) < generator.uniform(0.05, 0.2)
    copy[hit] = (copy[hit] + generator.integers(1, 4, hit.sum())) % 4
    return 3 - copy[::-1] if generator.random() < 0.5 else copy


@pytest.fixture(scope="module")
def families() -> pl.DataFrame:
    """Return 20 families of 60 diverged copies and as many random sequences, with a family split and a random one."""
    generator = np.random.default_rng(1)
    rows = []
    for family in range(20):
        consensus = generator.integers(0, 4, generator.integers(200, 400))
        split = "test" if family >= 14 else "validation" if family >= 11 else "train"
        rows += [(mutated(generator, consensus), "repeat", split) for _ in range(60)]
    lengths = [len(copy) for copy, _, _ in rows]
    splits = generator.choice(["train", "validation", "test"], len(rows), p=[0.55, 0.15, 0.3])
    rows += [
        (generator.integers(0, 4, length), "background", str(split))
        for length, split in zip(lengths, splits, strict=True)
    ]
    table = pl.DataFrame(
        {
            "sequence_id": [f"s{i}" for i in range(len(rows))],
            "sequence": ["".join(BASES[copy]) for copy, _, _ in rows],
            "label": [label for _, label, _ in rows],
            "split": [split for _, _, split in rows],
        }
    )
    shuffled = generator.choice(["train", "validation", "test"], len(rows), p=[0.55, 0.15, 0.3])
    return table.with_columns(random_split=pl.Series(shuffled.astype(str)))


def auroc(table: pl.DataFrame, run: str, split: str) -> float:
    rows = table.filter(pl.col("run") == run, pl.col("split") == split)
    return float(roc_auc_score(rows["label"] == "repeat", rows["p_repeat"]))


def test_nearest_neighbour_needs_copies_in_the_training_set(families: pl.DataFrame) -> None:
    random = baselines(families, LABELS, split_column="random_split")
    held_out = baselines(families, LABELS, split_column="split")
    assert random["split"].unique().sort().to_list() == ["random test", "random validation"]
    assert auroc(random, "nearest neighbour", "random test") >= 0.95
    assert 0.4 <= auroc(held_out, "nearest neighbour", "test") <= 0.65
    assert auroc(random, "k-mer logistic", "random test") >= 0.95
    assert 0.4 <= auroc(held_out, "k-mer logistic", "test") <= 0.65
    # lengths are matched and GC content is that of the family: nothing beyond chance on new families
    assert 0.3 <= auroc(held_out, "composition", "test") <= 0.65


def test_predictions_hold_every_row_once_with_probabilities(families: pl.DataFrame) -> None:
    few = families.gather_every(8)
    table = baselines(few, LABELS, split_column="split", kmer=4)
    assert table["run"].unique(maintain_order=True).to_list() == RUNS
    for (_, split), rows in table.group_by("run", "split"):
        expected = few.filter(pl.col("split") == split).sort("sequence_id")
        assert rows.sort("sequence_id").select("sequence_id", "label").equals(expected.select("sequence_id", "label"))
    np.testing.assert_allclose(table["p_background"] + table["p_repeat"], 1)


def test_same_input_same_table_in_any_row_order(families: pl.DataFrame) -> None:
    few = families.gather_every(8)
    first = baselines(few, LABELS, split_column="split", seed=4, limit=100)
    assert baselines(few.reverse(), LABELS, split_column="split", seed=4, limit=100).equals(first)
    assert not baselines(few, LABELS, split_column="split", seed=5, limit=100).equals(first)


def test_reverse_complement_of_every_sequence_changes_nothing(families: pl.DataFrame) -> None:
    few = families.gather_every(8)
    turned = few.with_columns(
        pl.col("sequence").str.reverse().str.replace_many(["A", "C", "G", "T"], ["T", "G", "C", "A"])
    )
    first, second = (baselines(table, LABELS, split_column="split") for table in (few, turned))
    np.testing.assert_allclose(first["p_repeat"].to_numpy(), second["p_repeat"].to_numpy(), atol=1e-6)


def test_predicted_class_is_that_of_scikit_learns_nearest_neighbour(families: pl.DataFrame) -> None:
    few = families.gather_every(6)
    train, test = (few.filter(pl.col("random_split") == part).sort("sequence_id") for part in ("train", "test"))
    counts = [np.sqrt(kmer_counts(part["sequence"], 6).toarray()) for part in (train, test)]
    nearest = NearestNeighbors(n_neighbors=1, metric="cosine").fit(counts[0]).kneighbors(counts[1])[1][:, 0]
    table = baselines(few, LABELS, split_column="random_split").filter(
        pl.col("run") == "nearest neighbour", pl.col("split") == "random test"
    )
    found = np.where(table["p_repeat"] > 0.5, "repeat", "background")
    np.testing.assert_array_equal(found, train["label"].to_numpy()[nearest])


def test_class_similarity_is_the_largest_cosine_for_any_block_size(
    families: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = families.gather_every(30)
    fold = baseline._fold(few, LABELS, 5)
    cosines = cosine_similarity(np.sqrt(kmer_counts(few["sequence"], 5).toarray()))
    expected = np.stack([cosines[:, fold.truth == c].max(axis=1) for c in (0, 1)], axis=1)
    for cells in (1, 3000, 1 << 22):
        monkeypatch.setattr(baseline, "BLOCK_CELLS", cells)
        found = baseline.class_similarity(fold, fold.profiles, 3)
        np.testing.assert_allclose(found[:, :2], expected, rtol=1e-5)
        assert (found[:, 2] == -np.inf).all()


def gc_table(share: dict[str, float], length: dict[str, int], n: int = 60) -> pl.DataFrame:
    generator = np.random.default_rng(7)
    rows = []
    for label in LABELS:
        p = np.array([1 - share[label], share[label], share[label], 1 - share[label]]) / 2
        for i in range(n):
            size = length[label] + int(generator.integers(0, 20))
            part = ("train", "train", "validation", "test")[i % 4]
            rows.append((f"{label}{i}", "".join(generator.choice(BASES, size, p=p)), label, part))
    return pl.DataFrame(rows, schema=["sequence_id", "sequence", "label", "split"], orient="row")


@pytest.mark.parametrize(
    ("share", "length", "low", "high"),
    [
        ({"background": 0.4, "repeat": 0.6}, {"background": 200, "repeat": 200}, 0.99, 1),
        ({"background": 0.5, "repeat": 0.5}, {"background": 200, "repeat": 230}, 0.99, 1),
        ({"background": 0.5, "repeat": 0.5}, {"background": 200, "repeat": 200}, 0.2, 0.8),
    ],
    ids=["GC differs", "length differs", "matched"],
)
def test_composition_sees_gc_and_length_only(share: dict, length: dict, low: float, high: float) -> None:
    table = baselines(gc_table(share, length), LABELS, split_column="split", kmer=2)
    assert low <= auroc(table, "composition", "test") <= high


def test_length_sees_length_and_nothing_else() -> None:
    gc_only = gc_table({"background": 0.4, "repeat": 0.6}, {"background": 200, "repeat": 200})
    assert 0.2 <= auroc(baselines(gc_only, LABELS, split_column="split", kmer=2), "length", "test") <= 0.8
    longer = gc_table({"background": 0.5, "repeat": 0.5}, {"background": 200, "repeat": 230})
    found = baselines(longer, LABELS, split_column="split", kmer=2)
    assert auroc(found, "length", "test") > 0.99
    letters = longer.with_columns(pl.col("sequence").str.replace_all("[ACGT]", "A"))
    same = baselines(letters, LABELS, split_column="split", kmer=2)
    assert same.filter(run="length")["p_repeat"].equals(found.filter(run="length")["p_repeat"])


def test_composition_sees_a_class_in_the_midst_of_the_other() -> None:
    short = gc_table({"background": 0.5, "repeat": 0.5}, {"background": 100, "repeat": 200})
    long = gc_table({"background": 0.5, "repeat": 0.5}, {"background": 400, "repeat": 200})
    table = pl.concat([short, long.with_columns(pl.col("sequence_id") + "-long")])
    assert auroc(baselines(table, LABELS, split_column="split", kmer=2), "composition", "test") > 0.99


def test_stopped_optimiser_is_no_warning(families: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "STEPS", 1)
    table = baselines(families.gather_every(8), LABELS, split_column="split", kmer=3)
    assert np.isfinite(table["p_repeat"].to_numpy()).all()


def test_sequences_without_kmers_get_numbers(families: pl.DataFrame) -> None:
    odd = ["ACG", "N" * 50, "", "RYRYRYRY"]
    extra = pl.DataFrame(
        [(f"odd-{part}-{i}", sequence, "repeat", part) for part in ("train", "test") for i, sequence in enumerate(odd)],
        schema=["sequence_id", "sequence", "label", "split"],
        orient="row",
    )
    few = pl.concat([families.gather_every(8).drop("random_split"), extra])
    table = baselines(few, LABELS, split_column="split").filter(pl.col("sequence_id").str.starts_with("odd"))
    assert np.isfinite(table["p_repeat"].to_numpy()).all()
    blind = table.filter(pl.col("run") == "nearest neighbour")
    assert blind["p_repeat"].to_list() == [0.5] * 4
    # nothing but such sequences: no GC content, no k-mer, no warning
    silent = extra.filter(~pl.col("sequence").str.contains("[ACG]"))
    silent = pl.concat([silent, silent.with_columns(pl.col("sequence_id") + "b", label=pl.lit("background"))])
    numbers = baselines(silent, LABELS, split_column="split")
    np.testing.assert_allclose(numbers["p_repeat"].to_numpy(), 0.5, atol=1e-6)


def test_parts_that_are_not_there(families: pl.DataFrame) -> None:
    few = families.gather_every(8)
    no_validation = baselines(few.filter(pl.col("split") != "validation"), LABELS, split_column="split")
    assert no_validation["split"].unique().to_list() == ["test"]
    three = baselines(few, [*LABELS, "absent"], split_column="split")
    assert three["p_absent"].to_list() == [0.0] * three.height
    with pytest.raises(DataError, match="baselines on split: 1 classes to train on; expected at least two"):
        baselines(few.filter(pl.col("label") == "repeat"), LABELS, split_column="split")


def test_limit_keeps_every_class(families: pl.DataFrame) -> None:
    rows = families.with_columns(label=pl.when(pl.int_range(pl.len()) == 5).then(pl.lit("rare")).otherwise("label"))
    kept = baseline._limited(rows, 1, 100)
    assert kept.height == 100
    counts = dict(kept.group_by("label").len().iter_rows())
    assert counts["rare"] == 1
    assert abs(counts["repeat"] - counts["background"]) <= 2


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data (gue_prom_300_tata) is not there")
def test_real_promoters_are_separable_by_short_words() -> None:
    parts = [
        pl.read_csv(SHARED / f"{name}.csv.gz", schema_overrides={"label": pl.String}).with_columns(split=pl.lit(part))
        for name, part in (("train", "train"), ("dev", "validation"), ("test", "test"))
    ]
    table = pl.concat(parts).with_row_index("row").with_columns(sequence_id=pl.format("s{}", "row"))
    found = baselines(table, ["0", "1"], split_column="split")
    scores = {}
    for run in RUNS:
        rows = found.filter(pl.col("run") == run, pl.col("split") == "test")
        scores[run] = roc_auc_score(rows["label"] == "1", rows["p_1"])
    # 6-mer naive Bayes has accuracy 0.610 on this task: words help, composition hardly does
    assert 0.70 < scores["k-mer logistic"] < 0.85
    assert 0.5 < scores["composition"] < 0.65
