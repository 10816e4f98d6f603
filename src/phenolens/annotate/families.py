"""Relative enrichment of families between classes: which families of repeats make up one class rather than the other.

The ratio of two shares. Windows of one locus are not independent, so the interval of the ratio's logarithm adds up what whole loci
contribute; with one sequence a locus it is Katz's.
"""

from itertools import combinations

import numpy as np
import polars as pl
from scipy import stats

from phenolens.core.ranges import axis, overlap_pairs
from phenolens.core.schemas import INTERVALS, SEQUENCES
from phenolens.core.schemas_biology import FAMILIES
from phenolens.core.stats import benjamini_hochberg
from phenolens.core.table import check, empty

Z95 = float(stats.norm.ppf(0.975))


def families_of(sequences: pl.DataFrame, families: pl.DataFrame | None) -> pl.DataFrame:
    """Return sequence_id, label, locus, family of the sequences that have a family.

    Parameters
    ----------
    sequences : SEQUENCES.
    families : INTERVALS whose name is a family; a sequence has that of the interval with the longest overlap (ties: the lower start).
        None: it has its own name.
    """
    known = check(sequences, SEQUENCES).select("sequence_id", "label", "locus", "chrom", "start", "end", "name")
    if families is None:
        return known.rename({"name": "family"}).drop_nulls("family").select("sequence_id", "label", "locus", "family")
    named = check(families, INTERVALS).drop_nulls("name").sort("chrom", "start", "end", "name")
    placed = known.drop_nulls(["chrom", "start", "end"])
    if placed.is_empty() or named.is_empty():
        return known.clear().select("sequence_id", "label", "locus", pl.col("name").alias("family"))
    line = axis(placed, named)
    (start, end), (low, high) = line.place(placed), line.place(named)
    row, interval = overlap_pairs(start, end, low, high)
    shared = np.minimum(end[row], high[interval]) - np.maximum(start[row], low[interval])
    order = np.lexsort((interval, -shared, row))
    first = order[np.unique(row[order], return_index=True)[1]]
    return (
        placed[row[first]]
        .select("sequence_id", "label", "locus")
        .with_columns(named["name"][interval[first]].alias("family"))
    )


def relative_enrichment(members: pl.DataFrame, labels: list[str]) -> pl.DataFrame:
    """Return FAMILIES: for every two classes the share of each family in the one over its share in the other.

    With y_i of the n_i sequences of locus i in the family, Y and N their sums and p = Y / N, the variance of log p is
    V = sum (y_i - p n_i)^2 / Y^2 (linearised, whole loci independent); the 95 % interval is ratio * exp(+- 1.96 sqrt(V_a + V_b)).
    With n_i = 1 it is V = 1/Y - 1/N (Katz et al., Biometrics 1978). The p-value is Fisher's exact test of loci, two-sided. Pairs of
    classes that share no family are left out.

    Parameters
    ----------
    members : columns label, locus, family, one row a sequence, from `families_of`.
    labels : classes in the order in which they are compared: a before b.
    """
    loci = members.group_by("label", "locus").agg(n=pl.len())
    totals = loci.group_by("label").agg(total=pl.col("n").sum(), squares=(pl.col("n") ** 2).sum(), total_loci=pl.len())
    counts = (
        members.group_by("label", "locus", "family")
        .agg(y=pl.len())
        .join(loci, on=["label", "locus"])
        .group_by("label", "family")
        .agg(
            sequences=pl.col("y").sum(),
            loci=pl.len(),
            yy=(pl.col("y") ** 2).sum(),
            yn=(pl.col("y") * pl.col("n")).sum(),
        )
        .join(totals, on="label")
        .with_columns(pl.all().exclude("label", "family").cast(pl.Int64))
    )
    share = pl.col("sequences") / pl.col("total")
    spread = pl.col("yy") - 2 * share * pl.col("yn") + share**2 * pl.col("squares")
    counts = counts.with_columns(share=share, variance=spread.clip(0) / pl.col("sequences") ** 2)
    present = [label for label in labels if label in counts["label"]]
    pairs = [_pair(counts, a, b) for a, b in combinations(present, 2)]
    return check(pl.concat([empty(FAMILIES), *pairs]), FAMILIES)


def _pair(counts: pl.DataFrame, a: str, b: str) -> pl.DataFrame:
    """Return FAMILIES of two classes, the largest ratio first."""
    sides = {name: counts.filter(label=label).drop("label") for name, label in (("a", a), ("b", b))}
    both = sides["a"].join(sides["b"], on="family", how="semi")
    if both.is_empty():
        return empty(FAMILIES)
    table = sides["a"].join(sides["b"], on="family", how="full", coalesce=True, suffix="_b")
    table = table.rename({n: f"{n}_a" for n in ("sequences", "loci", "total", "total_loci", "share", "variance")})
    constant = [pl.col(f"{n}_{s}").fill_null(sides[s][n][0]) for n in ("total", "total_loci") for s in "ab"]
    zero = [pl.col(f"{n}_{s}").fill_null(0) for n in ("sequences", "loci") for s in "ab"]
    table = table.with_columns(*constant, *zero, pl.lit(a).alias("class_a"), pl.lit(b).alias("class_b"))
    error = (pl.col("variance_a") + pl.col("variance_b")).sqrt() * Z95
    table = table.with_columns(
        ratio=pl.when(pl.col("sequences_b") > 0).then(pl.col("share_a").fill_null(0.0) / pl.col("share_b"))
    ).with_columns(low=pl.col("ratio") * (-error).exp(), high=pl.col("ratio") * error.exp())
    cells = table.select("loci_a", "total_loci_a", "loci_b", "total_loci_b").rows()
    p_values = np.array([stats.fisher_exact([[x, n - x], [y, m - y]]).pvalue for x, n, y, m in cells])
    table = table.with_columns(pl.Series("p_value", p_values), pl.Series("q_value", benjamini_hochberg(p_values)))
    return table.sort("ratio", "family", descending=[True, False], nulls_last=False).select(list(FAMILIES.columns))
