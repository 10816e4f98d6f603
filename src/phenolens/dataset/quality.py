"""The dataset's certificate: how big, how leaky, how balanced, what simple means get, and a verdict in plain words."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from phenolens.core.schemas import SEQUENCES
from phenolens.core.table import check
from phenolens.dataset.balance import balance, class_sizes, covariates, shortfall
from phenolens.dataset.leakage import leakage
from phenolens.dataset.nearest import nearest_neighbours
from phenolens.dataset.problems import problems
from phenolens.dataset.simple import simple_things
from phenolens.dataset.split import SPLITS

COLUMNS = ("split", "random_split")
QUANTILES = {"min": 0.0, "q25": 0.25, "median": 0.5, "q75": 0.75, "max": 1.0}


def certificate(
    sequences: pl.DataFrame,
    account: pl.DataFrame,
    *,
    seed: int,
    background: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Return the certificate of a dataset, ready for JSON; the same input gives the same certificate.

    verdict : "unsound" (some problem is a failure), "usable with care" (there are warnings), "sound".
    reasons : sentences. problems : code, severity ("fail" or "warn") and sentence of each.
    classes : per class and split: sequences, bases, groups, n_share, lower_share, lengths (quantiles; None without
        sequences); per class also largest_group and origins.
    class_sizes : per split as in `balance.class_sizes`. leakage : per split column as in `leakage.leakage`.
    nearest : per split column as in `nearest.nearest_neighbours`. simple : as in `simple.simple_things`.
    balance : as in `balance.balance`. background : as in `balance.shortfall`. account : its rows.

    Parameters
    ----------
    sequences : SEQUENCES.
    account : as made by dataset.build.
    seed : of what is drawn where there are too many sequences to look at all of them.
    background : background class -> the classes that it was made for; None where that is not known.

    Raises
    ------
    DataError : the table breaks its schema.
    """
    sequences = check(sequences, SEQUENCES)
    simple_facts = covariates(sequences)
    table = pl.concat([sequences.drop("sequence"), simple_facts], how="horizontal").with_columns(
        length=sequences["sequence"].str.len_bytes().cast(pl.Int64)
    )
    labels = table["label"].unique().sort()
    facts: dict[str, Any] = {
        "classes": {label: _class(table.filter(pl.col("label") == label)) for label in labels},
        "class_sizes": class_sizes(table),
        "leakage": leakage(sequences, COLUMNS, seed=seed),
        "nearest": nearest_neighbours(sequences, COLUMNS, seed=seed),
        "simple": simple_things(sequences, simple_facts, seed=seed),
        "balance": balance(table, background),
        "background": shortfall(account),
    }
    found = problems(facts)
    severities = {problem.severity for problem in found}
    verdict = "unsound" if "fail" in severities else "usable with care" if severities else "sound"
    return {
        "verdict": verdict,
        "reasons": [problem.sentence for problem in found],
        "problems": [problem._asdict() for problem in found],
        **facts,
        "account": account.to_dicts(),
    }


def _class(rows: pl.DataFrame) -> dict[str, Any]:
    sizes = rows.group_by("group").len().sort("len", "group", descending=[True, False])
    return {
        "splits": {split: _split(rows.filter(pl.col("split") == split)) for split in SPLITS},
        **_split(rows),
        "largest_group": {"group": sizes["group"][0], "share": sizes["len"][0] / rows.height},
        "origins": dict(rows.group_by("origin").len().sort("origin").iter_rows()),
    }


def _split(rows: pl.DataFrame) -> dict[str, Any]:
    length = rows["length"]
    bases = int(length.sum())
    return {
        "sequences": rows.height,
        "bases": bases,
        "groups": rows["group"].n_unique(),
        "n_share": float((rows["unknown"] * length).sum() / bases) if bases else None,
        "lower_share": float((rows["masked"] * length).sum() / bases) if bases else None,
        "lengths": {name: length.quantile(q, "linear") for name, q in QUANTILES.items()} if rows.height else None,
    }
