"""How alike the classes are in simple properties: length, GC content, soft mask, CpG, size, and background against its class."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import rankdata

from phenolens.core.kmers import LETTERS, row_blocks
from phenolens.dataset.split import SPLITS

COVARIATES = ("log_length", "gc", "masked", "cpg")
BLOCK_BASES = 1 << 18  # letters counted at a time
BACKGROUND = ("matched", "shuffled")  # origins of sequences that are made to be compared with another class


def covariates(sequences: pl.DataFrame) -> pl.DataFrame:
    """Return log_length, gc (null where no base is known), masked, cpg (null where it has no C or no G) and unknown, one row a sequence.

    gc is the share of G and C among A, C, G, T; masked that of lower case and unknown that of other letters among all; cpg is
    CpG observed / expected, n(CG) L / (n(C) n(G)).

    Parameters
    ----------
    sequences : with column sequence.
    """
    counts = _letters(sequences["sequence"])
    length, known, g, c = (pl.col(name) for name in ("length", "known", "g", "c"))
    return counts.select(
        log_length=length.log(),
        gc=pl.when(known > 0).then((g + c) / known),
        masked=pl.col("lower") / length,
        cpg=pl.when(g * c > 0).then(pl.col("cg") * length / (g * c)),
        unknown=1 - known / length,
    )


def _letters(sequences: pl.Series) -> pl.DataFrame:
    """Return Float64 length, known (A, C, G, T), g, c, cg (both letters in this order) and lower of each sequence."""
    blocks = [pl.DataFrame(schema=dict.fromkeys(("length", "known", "g", "c", "cg", "lower"), pl.Float64))]
    for first, last in row_blocks(sequences, BLOCK_BASES):
        texts = sequences[first:last].to_list()
        text = np.frombuffer("".join(texts).encode("ascii", "replace"), dtype=np.uint8)
        ends = np.cumsum([0, *map(len, texts)])
        code = LETTERS[text]
        # a pair across two sequences is no pair
        pair = np.append((code[:-1] == 1) & (code[1:] == 2), False)[: len(text)]
        pair[ends[1:-1] - 1] = False
        marks = {"known": code < 4, "g": code == 2, "c": code == 1, "cg": pair, "lower": (text >= 97) & (text <= 122)}
        sums = {name: np.cumsum(np.append(0, mark), dtype=np.int64)[ends] for name, mark in marks.items()}
        counts = {name: np.diff(total).astype(float) for name, total in sums.items()}
        blocks.append(pl.DataFrame({"length": np.diff(ends).astype(float)} | counts))
    return pl.concat(blocks, how="diagonal")


def balance(table: pl.DataFrame, background: Mapping[str, Sequence[str]] | None) -> list[dict[str, Any]]:
    """Return for each pair of classes and covariate: classes, means, smd, auroc, background (whether one is made for the other).

    The standardised mean difference is (m1 - m2) / sqrt((s1^2 + s2^2) / 2); the AUROC is that of the covariate alone for
    telling the first class from the second (0.5 = no information). Absent values are None.

    Parameters
    ----------
    table : label, origin and the columns of `covariates`.
    background : background class -> the classes it was made for, which are compared with it together; the table then has these
        pairs only. None: every pair of classes, and background is known by its origin.
    """
    values = {
        label: part.select(COVARIATES) for (label,), part in table.group_by("label", maintain_order=True) if part.height
    }
    rows = []
    for first, second, made in _pairs(table, background, sorted(map(str, values))):
        given = pl.concat([values[label] for label in first])
        for covariate in COVARIATES:
            a, b = (part[covariate].drop_nulls().to_numpy() for part in (given, values[second]))
            rows.append(
                {
                    "classes": [", ".join(first), second],
                    "covariate": covariate,
                    "means": [number(x.mean() if len(x) else np.nan) for x in (a, b)],
                    "smd": number(standardised_mean_difference(a, b)),
                    "auroc": number(auroc(a, b)),
                    "background": made,
                }
            )
    return rows


def _pairs(
    table: pl.DataFrame, background: Mapping[str, Sequence[str]] | None, labels: list[str]
) -> Iterator[tuple[list[str], str, bool]]:
    """Yield (classes taken together, the other class, whether that is their background)."""
    if background:
        for label, classes in background.items():
            given = [name for name in dict.fromkeys(classes) if name in labels and name != label]
            if given and label in labels:
                yield given, label, True
        return
    made = set(table.filter(pl.col("origin").is_in(BACKGROUND))["label"])
    for first, second in combinations(labels, 2):
        yield [first], second, (first in made) != (second in made)


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
    """Return the chance that a random value of `a` exceeds one of `b`, ties counting half (Mann-Whitney U / nm); NaN when one is empty.

    Parameters
    ----------
    a, b : float (n,), (m,).
    """
    if not len(a) or not len(b):
        return float("nan")
    ranks = rankdata(np.concatenate([a, b]))
    return float((ranks[: len(a)].sum() - len(a) * (len(a) + 1) / 2) / (len(a) * len(b)))


def macro_auroc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean over classes of the AUROC of their score, each class against the rest; NaN where no class has both.

    Parameters
    ----------
    scores : float (n, C).
    truth : int (n,), index of the class.
    """
    single = [auroc(scores[truth == c, c], scores[truth != c, c]) for c in np.unique(truth)]
    defined = [value for value in single if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def class_sizes(sequences: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return for each split that has sequences: the share of every class, the smallest and largest class, and how many times larger it is.

    A class that the split lacks is not among them.

    Parameters
    ----------
    sequences : label, split.
    """
    sizes = {}
    for split in SPLITS:
        rows = sequences.filter(pl.col("split") == split)
        if rows.height:
            counts = rows.group_by("label").len().sort("len", "label")
            sizes[split] = {
                "shares": {label: n / rows.height for label, n in counts.sort("label").iter_rows()},
                "smallest": counts["label"][0],
                "largest": counts["label"][-1],
                "ratio": counts["len"][-1] / counts["len"][0],
            }
    return sizes


def shortfall(account: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return for each background class of the account: wanted, found, share (found / wanted; None when none was wanted).

    Parameters
    ----------
    account : label, kind, reason, n; rows of kind `background` have the reasons wanted and found.
    """
    rows = (
        account.filter(pl.col("kind") == "background").group_by("label", "reason", maintain_order=True).agg(pl.sum("n"))
    )
    facts = {}
    for (label,), part in rows.group_by("label", maintain_order=True):
        n = dict(part.select("reason", "n").iter_rows())
        wanted, found = int(n.get("wanted", 0)), int(n.get("found", 0))
        facts[str(label)] = {"wanted": wanted, "found": found, "share": found / wanted if wanted else None}
    return facts


def number(value: float) -> float | None:
    """Return a number for JSON: None for NaN."""
    return None if np.isnan(value) else float(value)
