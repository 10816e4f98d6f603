"""The dataset's certificate: how big, how leaky, how balanced, and a verdict in plain words."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import rankdata

from phenolens.core.schemas import SEQUENCES
from phenolens.core.table import check
from phenolens.dataset.sequences import reverse_complement
from phenolens.dataset.split import SPLITS

COVARIATES = ("log_length", "gc", "masked", "cpg")
WORDS = {
    "log_length": "length",
    "gc": "GC content",
    "masked": "share of repeat-masked bases",
    "cpg": "CpG observed/expected",
}
SMALL_TEST = 30  # test sequences of a class below which every metric is too vague
LARGE_GROUP = 0.5  # share of a class in one group above which its splits say little about other families
UNEVEN_SMD = 0.1  # customary limit of balance in matched studies (Austin, Stat Med 2009)
MUCH_UNKNOWN = 0.01  # share of letters that are not A, C, G, T
SMALLEST_DIFFERENCE = 0.01  # of means (shares, log length): less is no difference, however little either class varies
UNEVEN_AUROC = 0.6  # one covariate alone tells the classes apart


def certificate(sequences: pl.DataFrame, account: pl.DataFrame) -> dict[str, Any]:
    """Return the certificate of a dataset, ready for JSON.

    Keys: verdict ("sound", "usable with care", "unsound"), reasons (sentences), classes (per class and split: sequences,
    bases, groups, largest_group, n_share, lower_share, origins), leakage (for split and random_split: duplicates, twins,
    groups, loci on both sides), balance (per pair of classes and covariate: smd, auroc), account.

    The standardised mean difference is (m1 - m2) / sqrt((s1^2 + s2^2) / 2); the AUROC is that of the covariate alone for
    telling the first class from the second (0.5 = no information). Absent values are None.

    Parameters
    ----------
    sequences : SEQUENCES.
    account : as made by dataset.build.
    """
    sequences = check(sequences, SEQUENCES)
    table = pl.concat([sequences, _covariates(sequences)], how="horizontal")
    classes = {label: _class(table.filter(pl.col("label") == label)) for label in table["label"].unique().sort()}
    leakage = {column: _leakage(sequences, column) for column in ("split", "random_split")}
    balance = list(_balance(table))
    wrong = [*_missing(classes), *_leaks(leakage["split"])]
    doubtful = [*_small(classes), *_uneven(balance), *_unreadable(classes)]
    verdict = "unsound" if wrong else "usable with care" if doubtful else "sound"
    return {
        "verdict": verdict,
        "reasons": [*wrong, *doubtful],
        "classes": classes,
        "leakage": leakage,
        "balance": balance,
        "account": account.to_dicts(),
    }


def _covariates(sequences: pl.DataFrame) -> pl.DataFrame:
    """Return log_length, gc, masked, cpg (null where it has no C or no G) and unknown, one row a sequence."""
    text = pl.col("sequence")
    upper = text.str.to_uppercase()
    length = text.str.len_bytes().cast(pl.Float64)
    g, c = upper.str.count_matches("G"), upper.str.count_matches("C")
    known = upper.str.count_matches("[ACGT]")
    return sequences.select(
        log_length=length.log(),
        gc=(g + c) / known,
        masked=text.str.count_matches("[a-z]") / length,
        cpg=pl.when(g * c > 0).then(upper.str.count_matches("CG") * length / (g.cast(pl.Float64) * c)),
        unknown=1 - known / length,
    )


def _class(rows: pl.DataFrame) -> dict[str, Any]:
    sizes = rows.group_by("group").len().sort("len", "group", descending=[True, False])
    return {
        "splits": {split: _split(rows.filter(pl.col("split") == split)) for split in SPLITS},
        **_split(rows),
        "largest_group": {"group": sizes["group"][0], "share": sizes["len"][0] / rows.height},
        "origins": dict(rows.group_by("origin").len().sort("origin").iter_rows()),
    }


def _split(rows: pl.DataFrame) -> dict[str, Any]:
    length = rows["sequence"].str.len_bytes()
    bases = int(length.sum())
    return {
        "sequences": rows.height,
        "bases": bases,
        "groups": rows["group"].n_unique(),
        "n_share": float((rows["unknown"] * length).sum() / bases) if bases else None,
        "lower_share": float((rows["masked"] * length).sum() / bases) if bases else None,
    }


def _leakage(sequences: pl.DataFrame, column: str) -> dict[str, int]:
    """Return counts of sequences with an equal, or reverse-complement equal, one in another split, and of groups and loci in several."""
    upper = sequences["sequence"].str.to_uppercase()
    twin = pl.Series([reverse_complement(text) for text in upper], dtype=pl.String)
    table = sequences.select(split=column, group="group", locus="locus").with_columns(
        letters=upper, either=pl.min_horizontal(upper, twin)
    )
    same, either_strand = (
        table.select(pl.col("split").n_unique().over(key) > 1).to_series() for key in ("letters", "either")
    )
    several = pl.col("split").n_unique() > 1
    return {
        "duplicates": int(same.sum()),
        "twins": int((either_strand & ~same).sum()),
        "groups_on_both_sides": int(table.group_by("group").agg(several)["split"].sum()),
        "loci_on_both_sides": int(table.group_by("locus").agg(several)["split"].sum()),
    }


def _balance(table: pl.DataFrame) -> Iterator[dict[str, Any]]:
    matched = set(table.filter(pl.col("origin") == "matched")["label"])
    for first, second in combinations(table["label"].unique().sort(), 2):
        for covariate in COVARIATES:
            a, b = (
                table.filter(pl.col("label") == label)[covariate].drop_nulls().to_numpy() for label in (first, second)
            )
            yield {
                "classes": [first, second],
                "covariate": covariate,
                "means": [_number(a.mean() if len(a) else np.nan), _number(b.mean() if len(b) else np.nan)],
                "smd": _number(standardised_mean_difference(a, b)),
                "auroc": _number(auroc(a, b)),
                "background": first in matched or second in matched,
            }


def standardised_mean_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return (mean a - mean b) / sqrt((var a + var b) / 2), variances with n - 1; 0 for equal constants, NaN where undefined.

    Parameters
    ----------
    a, b : float (n,), (m,); NaN with fewer than two values in either.
    """
    if min(len(a), len(b)) < 2:
        return float("nan")
    difference, spread = a.mean() - b.mean(), np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    # constants that differ only by rounding are equal
    if spread <= 1e-9 * max(1.0, abs(float(a.mean()))):
        return 0.0 if abs(difference) <= 1e-9 else float("nan")
    return float(difference / spread)


def auroc(a: np.ndarray, b: np.ndarray) -> float:
    """Return the chance that a random value of `a` exceeds one of `b`, ties counting half (Mann-Whitney U / nm); NaN when one is empty."""
    if not len(a) or not len(b):
        return float("nan")
    ranks = rankdata(np.concatenate([a, b]))
    return float((ranks[: len(a)].sum() - len(a) * (len(a) + 1) / 2) / (len(a) * len(b)))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _missing(classes: dict[str, Any]) -> Iterator[str]:
    for label, facts in classes.items():
        for split in ("train", "test"):
            if not facts["splits"][split]["sequences"]:
                yield f"Class {label} has no {split} sequence: the model {'cannot learn' if split == 'train' else 'is not tested on'} it."


def _leaks(leakage: dict[str, int]) -> Iterator[str]:
    if leakage["duplicates"] or leakage["twins"]:
        number = leakage["duplicates"] + leakage["twins"]
        yield f"{number} sequences have an identical copy, on one strand or the other, in another split: the test is partly a memory test."
    if leakage["groups_on_both_sides"]:
        yield (
            f"{leakage['groups_on_both_sides']} groups of related sequences (one locus, family, or near-copies) lie in more than one split: "
            "the test asks about relatives of what the model has seen. Use split = group."
        )


def _small(classes: dict[str, Any]) -> Iterator[str]:
    for label, facts in classes.items():
        test, largest = facts["splits"]["test"], facts["largest_group"]
        if 0 < test["sequences"] < SMALL_TEST:
            yield f"Class {label} has only {test['sequences']} test sequences: its numbers are uncertain."
        if test["sequences"] and test["groups"] < 3:
            yield f"The test sequences of class {label} come from {test['groups']} group(s): they show how the model does on those, not on others."
        if not facts["splits"]["validation"]["sequences"]:
            yield f"Class {label} has no validation sequence: early stopping does not see it."
        if largest["share"] > LARGE_GROUP:
            yield f"{largest['share']:.0%} of class {label} are one group of related sequences ({largest['group']}): it counts as little more than one example."


def _uneven(balance: list[dict[str, Any]]) -> Iterator[str]:
    for row in balance:
        smd, chance = row["smd"], row["auroc"]
        if row["covariate"] == "cpg" or chance is None or abs(row["means"][0] - row["means"][1]) < SMALLEST_DIFFERENCE:
            continue
        tells = max(chance, 1 - chance) >= UNEVEN_AUROC
        if row["background"] and (smd is None or abs(smd) > UNEVEN_SMD):
            remedy = ' Match background in it too (match = ["gc", "masked"]).' if row["covariate"] == "masked" else ""
            yield f"{_sentence(row)}: background should not differ from the class it is matched to.{remedy}"
        elif tells:
            yield f"{_sentence(row)}: compare the model with the baseline that knows nothing else."


def _sentence(row: dict[str, Any]) -> str:
    (first, second), (a, b) = row["classes"], row["means"]
    if row["covariate"] == "log_length":
        means = f"{np.exp(a):,.0f} against {np.exp(b):,.0f} bases (geometric mean)"
    else:
        means = f"{a:.2f} against {b:.2f}"
    return f"{first} and {second} differ in {WORDS[row['covariate']]} ({means}; AUROC by it alone {row['auroc']:.2f})"


def _unreadable(classes: dict[str, Any]) -> Iterator[str]:
    for label, facts in classes.items():
        if facts["n_share"] > MUCH_UNKNOWN:
            yield f"{facts['n_share']:.1%} of the bases of class {label} are not A, C, G or T: the model cannot read them."
