"""Oracles: scikit-learn called directly, and the resamples of oracles.group_bootstrap taken row by row."""

import numpy as np
import polars as pl
import pytest
from oracles import group_bootstrap
from sklearn import metrics as sk

from phenolens.core.errors import DataError
from phenolens.core.stats import interval
from phenolens.evaluate.metrics import confusion_table, metrics_table, vote

LABELS = ["erv", "line", "other"]


def predictions(
    seed: int, n: int = 120, run: str = "run-0", split: str = "test", labels: list[str] = LABELS, skill: float = 0.5
) -> pl.DataFrame:
    """Random predictions; the truth of a sequence is the same for every seed."""
    truth = np.random.default_rng(99).integers(0, len(labels), n)
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.ones(len(labels)), n)
    p[np.arange(n), truth] += skill
    p /= p.sum(axis=1, keepdims=True)
    columns = {"run": [run] * n, "split": [split] * n, "sequence_id": [f"s{i}" for i in range(n)]}
    probabilities = {f"p_{label}": p[:, c] for c, label in enumerate(labels)}
    return pl.DataFrame(columns | {"label": [labels[t] for t in truth]} | probabilities)


def groups_of(n: int = 120, size: int = 3) -> pl.DataFrame:
    return pl.DataFrame({"sequence_id": [f"s{i}" for i in range(n)], "group": [f"g{i // size}" for i in range(n)]})


def value(
    table: pl.DataFrame, metric: str, column: str = "value", label: str | None = None, run: str = "run-0"
) -> float:
    rows = table.filter(pl.col("run") == run, pl.col("metric") == metric, pl.col("class").eq_missing(pl.lit(label)))
    return rows[column].item()


def test_estimates_equal_scikit_learn() -> None:
    table = predictions(1)
    found = metrics_table(table, groups_of(), LABELS, resamples=0)
    p = table.select("p_erv", "p_line", "p_other").to_numpy()
    truth, hard = table["label"].to_numpy(), np.array(LABELS)[p.argmax(axis=1)]
    assert value(found, "accuracy") == pytest.approx(sk.accuracy_score(truth, hard))
    assert value(found, "f1_weighted") == pytest.approx(sk.f1_score(truth, hard, average="weighted"))
    assert value(found, "auroc_macro") == pytest.approx(sk.roc_auc_score(truth, p, multi_class="ovr"))
    assert value(found, "mcc") == pytest.approx(sk.matthews_corrcoef(truth, hard))
    assert value(found, "auprc", label="line") == pytest.approx(sk.average_precision_score(truth == "line", p[:, 1]))
    assert value(found, "recall", "n", label="line") == np.sum(truth == "line")
    assert value(found, "accuracy", "n") == 120
    assert found["low"].null_count() == found.height


def test_auroc_is_not_that_of_predicted_labels() -> None:
    table = predictions(2, labels=["a", "b"], skill=0.4)
    truth, p = (table["label"] == "b").to_numpy(), table["p_b"].to_numpy()
    found = value(metrics_table(table, groups_of(), ["a", "b"], resamples=0), "auroc_macro")
    assert found == pytest.approx(sk.roc_auc_score(truth, p))
    assert abs(found - sk.roc_auc_score(truth, p > 0.5)) > 0.01


@pytest.mark.parametrize("metric", ["accuracy", "auroc_macro", "mcc", "auprc_macro"])
def test_intervals_equal_those_of_resampled_rows(metric: str) -> None:
    table = predictions(3, n=60).sort("sequence_id")
    grouping = groups_of(60).sort("sequence_id")
    found = metrics_table(table, grouping, LABELS, resamples=80, seed=7)
    p, truth = table.select("p_erv", "p_line", "p_other").to_numpy(), table["label"].to_numpy()
    score = {
        "accuracy": lambda r: sk.accuracy_score(truth[r], np.array(LABELS)[p[r].argmax(axis=1)]),
        "auroc_macro": lambda r: sk.roc_auc_score(truth[r], p[r], multi_class="ovr"),
        "mcc": lambda r: sk.matthews_corrcoef(truth[r], np.array(LABELS)[p[r].argmax(axis=1)]),
        "auprc_macro": lambda r: np.mean(
            [sk.average_precision_score(truth[r] == label, p[r, c]) for c, label in enumerate(LABELS)]
        ),
    }[metric]
    samples = np.array([score(rows) for rows in group_bootstrap(grouping["group"].to_numpy(), 80, 7)])
    assert (value(found, metric, "low"), value(found, metric, "high")) == pytest.approx(interval(samples))


def test_interval_widens_with_near_copies() -> None:
    one = predictions(4, n=40)
    copies = pl.concat([one.with_columns(pl.col("sequence_id") + f"-{i}") for i in range(5)])
    alone = copies.select("sequence_id", pl.col("sequence_id").alias("group"))
    together = copies.select("sequence_id", pl.col("sequence_id").str.split("-").list.first().alias("group"))
    widths = []
    for grouping, table in ((alone, copies), (together, copies), (one.select("sequence_id", group="sequence_id"), one)):
        found = metrics_table(table, grouping, LABELS, resamples=400)
        widths.append(value(found, "accuracy", "high") - value(found, "accuracy", "low"))
    assert widths[1] > 1.7 * widths[0]  # root of five
    assert widths[1] == pytest.approx(widths[2], rel=0.15)  # copies add nothing


def test_row_order_does_not_matter() -> None:
    table = pl.concat([predictions(5), predictions(6, run="run-1")])
    shuffled = table.sample(fraction=1, shuffle=True, seed=1)
    keys = ["run", "metric", "class"]
    first = metrics_table(table, groups_of(), LABELS, resamples=50).sort(keys, nulls_last=True)
    second = metrics_table(shuffled, groups_of().reverse(), LABELS, resamples=50).sort(keys, nulls_last=True)
    for column in ("value", "low", "high"):
        np.testing.assert_allclose(first[column].to_numpy(), second[column].to_numpy(), rtol=1e-9)


def test_missing_class_is_null_with_n_zero() -> None:
    table = predictions(7).filter(pl.col("label") != "other")
    found = metrics_table(table, groups_of(), LABELS, resamples=50)
    assert value(found, "auroc", label="other") is None
    assert value(found, "recall", label="other") is None
    assert value(found, "recall", "n", label="other") == 0
    assert value(found, "auroc_macro") is not None
    assert value(found, "auroc_macro", "low") is not None


def test_single_sequence_and_single_group_have_no_interval() -> None:
    found = metrics_table(predictions(8, n=1), groups_of(1), LABELS, resamples=20)
    assert value(found, "accuracy") in (0.0, 1.0)
    assert value(found, "auroc_macro") is None
    assert found["low"].null_count() == found.height
    one_group = groups_of().with_columns(group=pl.lit("g"))
    assert metrics_table(predictions(8), one_group, LABELS, resamples=20)["low"].null_count() == found.height


def test_no_predictions_give_an_empty_table() -> None:
    assert metrics_table(predictions(1).clear(), groups_of(), LABELS).height == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pl.col("p_erv") + 0.5, "expected numbers of at least 0 that sum to 1"),
        (pl.lit(float("nan")).alias("p_erv"), "120 rows of probabilities, the first s0"),
        (pl.col("label").replace("line", "sine"), "label sine of"),
        (pl.col("sequence_id") + "x", "120 sequences without a group, the first: s0x"),
    ],
)
def test_unusable_predictions_are_named(change: pl.Expr, message: str) -> None:
    with pytest.raises(DataError, match="predictions of run-0 on test") as error:
        metrics_table(predictions(1).with_columns(change), groups_of(), LABELS)
    assert message in str(error.value)


def test_sequence_in_two_groups_is_an_error() -> None:
    twice = pl.concat([groups_of(), pl.DataFrame({"sequence_id": ["s5"], "group": ["elsewhere"]})])
    with pytest.raises(DataError, match="sequence s5 lies in several groups"):
        metrics_table(predictions(1), twice, LABELS)


def test_vote_is_the_mean_probability_of_the_runs() -> None:
    runs = [predictions(seed, run=f"run-{seed}") for seed in range(3)]
    baseline = predictions(9, run="composition")
    single = predictions(4, run="run-0", split="random test")
    voted = vote(pl.concat([*runs, baseline, single]))
    added = voted.filter(pl.col("run") == "vote").sort("sequence_id")
    assert added["split"].unique().to_list() == ["test"]
    columns = ["p_erv", "p_line", "p_other"]
    expected = np.mean([run.sort("sequence_id").select(columns).to_numpy() for run in runs], axis=0)
    np.testing.assert_allclose(added.select(columns).to_numpy(), expected)
    assert voted.height == 6 * 120
    assert added["label"].to_list() == runs[0].sort("sequence_id")["label"].to_list()


def test_vote_of_one_run_changes_nothing() -> None:
    table = pl.concat([predictions(1), predictions(2, run="k-mer logistic")])
    assert vote(table).equals(table)


def test_vote_refuses_runs_on_different_sequences() -> None:
    table = pl.concat([predictions(1), predictions(2, run="run-1").head(100)])
    with pytest.raises(DataError, match="20 sequences have no prediction of some run"):
        vote(table)


def test_confusion_equals_scikit_learn_and_has_every_pair() -> None:
    table = pl.concat([predictions(1), predictions(2, run="run-1").filter(pl.col("label") != "line")])
    found = confusion_table(table, LABELS)
    assert found.height == 2 * 9
    for run in ("run-0", "run-1"):
        rows = table.filter(pl.col("run") == run)
        hard = np.array(LABELS)[rows.select("p_erv", "p_line", "p_other").to_numpy().argmax(axis=1)]
        matrix = found.filter(pl.col("run") == run)["n"].to_numpy().reshape(3, 3)
        np.testing.assert_array_equal(matrix, sk.confusion_matrix(rows["label"], hard, labels=LABELS))
