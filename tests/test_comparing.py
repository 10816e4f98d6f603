"""Two run folders made by hand: what compare says is what scikit-learn, scipy and a paired bootstrap row by row say of them."""

import os
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from oracles import group_bootstrap
from scipy.stats import binomtest
from sequence_tables import dna, sequence_table
from sklearn.metrics import roc_auc_score

from phenolens.comparing import as_lines, compare
from phenolens.core.errors import DataError, InputError
from phenolens.core.run import write_json, write_table
from phenolens.core.stats import interval

N = 120
TRUTH = np.random.default_rng(1).integers(0, 2, N)


def guesses(seed, noise):
    return 1 / (1 + np.exp(-3 * (TRUTH - 0.5 + noise * np.random.default_rng(seed).normal(size=N))))


P_A, P_B = guesses(2, 0.5), guesses(3, 0.9)
TEXTS = [dna(np.random.default_rng(100 + i), 40) for i in range(N)]


def made(folder, p, *, labels=("a", "b"), names="s", rows=range(N), run="run-0", texts=TEXTS, spare=()):
    """A finished run folder that predicted these rows; groups of three; `spare` rows are its training."""
    order = list(rows)
    table = sequence_table(
        [(labels[TRUTH[i]], "test", texts[i]) for i in order] + [("a", "train", texts[i]) for i in spare]
    )
    ids = [f"{names}{i:03d}" for i in [*order, *(1000 + i for i in spare)]]
    table = table.with_columns(
        sequence_id=pl.Series(ids), group=pl.Series([f"g{i // 3:03d}" for i in [*order, *spare]], dtype=pl.String)
    )
    write_table(table, folder / "dataset" / "sequences.parquet")
    test = table.filter(split="test")
    predictions = test.select(pl.lit(run).alias("run"), "split", "sequence_id", "label").with_columns(
        pl.Series(f"p_{labels[0]}", 1 - p[order]), pl.Series(f"p_{labels[1]}", p[order])
    )
    write_table(predictions, folder / "evaluate" / "predictions.parquet")
    write_json({}, folder / "dataset" / "manifest.json")
    write_json({"settings": {"seed": 5, "evaluate": {"bootstrap": 60}}}, folder / "evaluate" / "manifest.json")
    return folder


@pytest.fixture
def two(tmp_path):
    return made(tmp_path / "one", P_A), made(tmp_path / "two", P_B)


def row(compared, metric):
    return compared.table.filter(metric=metric).row(0, named=True)


def test_values_difference_interval_and_p_are_those_of_other_tools(two):
    found = compare(*two)
    auroc, accuracy = row(found, "auroc_macro"), row(found, "accuracy")
    assert auroc["first"] == pytest.approx(roc_auc_score(TRUTH, P_A))
    assert auroc["second"] == pytest.approx(roc_auc_score(TRUTH, P_B))
    samples = [
        roc_auc_score(TRUTH[rows], P_A[rows]) - roc_auc_score(TRUTH[rows], P_B[rows])
        for rows in group_bootstrap(np.arange(N) // 3, 60, 5)
    ]
    assert (auroc["low"], auroc["high"]) == pytest.approx(interval(np.array(samples)))
    right = [(p > 0.5) == TRUTH for p in (P_A, P_B)]
    only = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
    assert accuracy["p_value"] == pytest.approx(binomtest(only[0], sum(only)).pvalue)
    assert accuracy["difference"] == pytest.approx((only[0] - only[1]) / N)
    assert found.notes == [f"run-0 of {two[0]} and of {two[1]}, on the same {N} sequences of test."]


def test_names_and_order_of_the_sequences_do_not_matter(two, tmp_path):
    other = made(tmp_path / "renamed", P_B, names="other", rows=reversed(range(N)), texts=[t.lower() for t in TEXTS])
    assert compare(two[0], other).table.equals(compare(*two).table)


def test_the_order_of_the_classes_does_not_matter(two, tmp_path):
    folder = made(tmp_path / "turned", P_B)
    path = folder / "evaluate" / "predictions.parquet"
    write_table(pl.read_parquet(path).select("run", "split", "sequence_id", "label", "p_b", "p_a"), path)
    assert compare(two[0], folder).table.equals(compare(*two).table)


def test_copies_of_one_sequence_have_one_partner_each(tmp_path):
    texts = [*TEXTS[:-3], TEXTS[0], TEXTS[0], TEXTS[1]]
    one, other = (made(tmp_path / name, p, texts=texts) for name, p in (("one", P_A), ("two", P_B)))
    assert row(compare(one, other), "accuracy")["n"] == N


def test_only_what_both_predicted_is_compared_and_what_the_other_learned_is_said(two, tmp_path):
    fewer = made(tmp_path / "fewer", P_B, rows=range(90), spare=range(90, 110))
    found = compare(two[0], fewer)
    assert row(found, "accuracy")["n"] == 90
    assert row(found, "accuracy")["first"] == pytest.approx(((P_A > 0.5) == TRUTH)[:90].mean())
    assert "on the 90 sequences of test that both predicted, of 120 and 90" in found.notes[0]
    assert "of the first's 20 are in the second's training, of the second's 0 in the first's" in found.notes[0]


def test_too_few_in_common_says_what_to_do(two, tmp_path):
    few = made(tmp_path / "few", P_B, rows=range(50))
    with pytest.raises(DataError, match=r"50 sequences of test are in both, of 120 in .*one and 50 in .*few; expected at least 50% of the larger; give both studies"):  # fmt: skip
        compare(two[0], few)


def test_sequences_of_another_class_are_not_the_same(two, tmp_path):
    folder = made(tmp_path / "relabelled", P_B)
    for path in (folder / "dataset" / "sequences.parquet", folder / "evaluate" / "predictions.parquet"):
        table = pl.read_parquet(path)
        write_table(table.with_columns(pl.col("label").replace({"a": "b", "b": "a"})), path)
    with pytest.raises(DataError, match=r"0 sequences of test are in both.*120 more of the first have the same letters and another class"):  # fmt: skip
        compare(two[0], folder)


def test_other_classes_are_named(two, tmp_path):
    with pytest.raises(DataError, match=r"only .*one has a; only .*other has c"):
        compare(two[0], made(tmp_path / "other", P_B, labels=("c", "b")))


def test_what_is_not_there_is_named(two, tmp_path):
    with pytest.raises(DataError, match=r"has no run vote on test; expected one of run-0 \(--run\)"):
        compare(*two, run="vote")
    with pytest.raises(DataError, match=r"has no split validation; expected one of test \(--split\)"):
        compare(*two, split="validation")
    with pytest.raises(InputError, match="nowhere: is no folder"):
        compare(two[0], tmp_path / "nowhere")
    (two[1] / "evaluate" / "manifest.json").unlink()
    with pytest.raises(InputError, match=r"has no finished evaluate stage.*phenolens evaluate STUDY.toml --out"):
        compare(*two)


def test_the_vote_is_taken_where_both_have_one(two, tmp_path):
    for folder, p in zip(two, (P_A, P_B), strict=True):
        path = folder / "evaluate" / "predictions.parquet"
        table = pl.read_parquet(path)
        turned = table.with_columns(run=pl.lit("vote"), p_a=pl.Series(p), p_b=pl.Series(1 - p))
        write_table(pl.concat([table, turned]), path)
    assert row(compare(*two), "auroc_macro")["first"] == pytest.approx(1 - roc_auc_score(TRUTH, P_A))
    assert row(compare(*two, run="run-0"), "auroc_macro")["first"] == pytest.approx(roc_auc_score(TRUTH, P_A))


def test_lines_hold_the_numbers_and_the_folders_names(two):
    compared = compare(*two)
    lines = as_lines(compared, *two)
    assert lines[1].split()[:3] == ["metric", "one", "two"]
    accuracy = next(line.split() for line in lines if line.startswith("accuracy"))
    assert accuracy[1] == f"{row(compared, 'accuracy')['first']:.4f}"
    assert accuracy[-1] == f"{row(compared, 'accuracy')['p_value']:.3g}"
    assert len(lines) == compared.table.height + 2


def test_the_command_prints_writes_and_loads_no_torch(two, tmp_path):
    program = (
        "import sys; from phenolens.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "assert not {'torch', 'transformers', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
    )
    target = tmp_path / "out" / "table.tsv"
    arguments = ["compare", *map(str, two), "--tsv", str(target)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == as_lines(compare(*two), *two)
    assert pl.read_csv(target, separator="\t").height == compare(*two).table.height
