"""Gene sets among the genes that regions hit, against two nulls.

The hypergeometric test draws genes of the universe, the genes that a region of the class could have hit at all, each as easily as another.
But long genes, and genes far from others, are hit more often (McLean et al., Nat Biotechnol 2010), and sets differ in the length of their genes. So the same is
counted for matched control regions, which hit long genes as often as chance has it; where the two disagree, believe the controls.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy import sparse, stats

from phenolens.annotate.controls import by_class, control_blocks, genome_starts, place
from phenolens.annotate.reach import Reach, hits, reach_of, universe
from phenolens.annotate.universe import searched
from phenolens.core.errors import DataError
from phenolens.core.schemas_biology import GENE_SET_ENRICHMENT, GENE_SETS
from phenolens.core.stats import benjamini_hochberg
from phenolens.core.table import check, empty

CELLS = 1 << 23  # numbers of one matrix of control sets by pieces of the genome


class Sizes(NamedTuple):
    """Which sets are tested, by the number of their genes in the universe, and how far a nearest gene may lie, in bases."""

    smallest: int = 5
    largest: int = 2000
    reach: int = 1_000_000


class _Hits(NamedTuple):
    """Genes of the universe (g), those that the regions hit, bool (g,), and those that each set of controls hits, bool (c, g)."""

    genes: pl.DataFrame
    observed: np.ndarray
    drawn: np.ndarray


def gene_set_enrichment(
    regions: pl.DataFrame,
    sequences: pl.DataFrame,
    genes: pl.DataFrame,
    collections: dict[str, pl.DataFrame],
    sizes: Sizes,
    *,
    controls: int,
    seed: int,
) -> pl.DataFrame:
    """Return GENE_SET_ENRICHMENT of every class and set with enough genes in the universe, the smallest control p first.

    A gene counts once, however many regions hit it. With N genes in the universe, K of them in the set, n hit and k of these in the set:
    p = P(X >= k), X hypergeometric (N, K, n). Control p = (b + 1) / (c + 1) with b of c sets of matched controls that hit at
    least k genes of the set.

    Parameters
    ----------
    regions : REGIONS.
    sequences : SEQUENCES that were searched for regions.
    genes : GENES. A set's gene is found by symbol, or by identifier (with or without version), in either case of letters.
    collections : name -> GENE_SETS.
    sizes : which sets are tested.
    controls, seed : sets of matched control regions, and the generator's seed.

    Raises
    ------
    DataError : no gene of a collection is in the table of genes.
    """
    for name, sets in collections.items():
        _refuse_strangers(name, check(sets, GENE_SETS), genes)
    if regions.is_empty() or genes.is_empty() or not collections:
        return empty(GENE_SET_ENRICHMENT)
    classes = by_class(place(regions, sequences))
    tables = [empty(GENE_SET_ENRICHMENT)]
    for g in np.flatnonzero(classes.sizes).tolist():
        here = classes.table[int(classes.edges[g]) : int(classes.edges[g + 1])]
        found = _hits(here, sequences, genes, sizes.reach, controls=controls, seed=(seed, g))
        for name, sets in collections.items():
            table = _tested(found, sets, sizes)
            tables.append(
                table.with_columns(pl.lit(classes.labels[g]).alias("label"), pl.lit(name).alias("collection"))
            )
    return check(pl.concat([table.select(list(GENE_SET_ENRICHMENT.columns)) for table in tables]), GENE_SET_ENRICHMENT)


def _hits(
    here: pl.DataFrame,
    sequences: pl.DataFrame,
    genes: pl.DataFrame,
    reach: int,
    *,
    controls: int,
    seed: tuple[int, ...],
) -> _Hits:
    places = searched(sequences, here).ground.table
    world = reach_of(genes, places, reach=reach)
    reached = universe(world, places)
    # genes outside the universe are never hit, and without them matrices are small
    ids = world.genes["gene_id"].filter(pl.Series(reached))
    world = reach_of(genes.filter(pl.col("gene_id").is_in(ids.implode())), places, reach=reach)
    length = (here["end"] - here["start"]).to_numpy()
    shift = world.line.place(here)[0] - here["start"].to_numpy()
    drawn = [np.zeros((0, world.genes.height), dtype=bool)]
    for starts in control_blocks(here, controls=controls, seed=seed):
        for part in _parts(genome_starts(here, starts) + shift, world):
            drawn.append(hits(world, part, part + length))
    low = here["start"].to_numpy() + shift
    return _Hits(world.genes, hits(world, low[None], (low + length)[None])[0], np.concatenate(drawn))


def _parts(low: np.ndarray, world: Reach) -> Iterator[np.ndarray]:
    """Yield the rows of `low` some at a time, so that a matrix of rows by pieces of the genome stays small."""
    rows = max(1, CELLS // (len(world.border) + 1))
    for first in range(0, len(low), rows):
        yield low[first : first + rows]


def _tested(found: _Hits, sets: pl.DataFrame, sizes: Sizes) -> pl.DataFrame:
    """Return GENE_SET_ENRICHMENT without label and collection."""
    members = _members(sets, found.genes)
    count = members.group_by("set_name", maintain_order=True).agg(pl.len().cast(pl.Int64).alias("set_size"))
    count = count.filter(pl.col("set_size").is_between(sizes.smallest, sizes.largest))
    members = members.join(count.with_row_index("set").select("set", "set_name"), on="set_name", how="inner")
    pairs = (members["gene"].to_numpy(), members["set"].to_numpy())
    shape = (found.genes.height, count.height)
    belongs = sparse.csr_array((np.ones(len(pairs[0]), dtype=np.float32), pairs), shape=shape)
    hit = np.rint(belongs.T @ found.observed.astype(np.float32)).astype(np.int64)
    drawn = (
        np.rint((belongs.T @ found.drawn.T.astype(np.float32)).T).astype(np.int64).reshape(len(found.drawn), shape[1])
    )
    universe_size, hit_all = found.genes.height, int(found.observed.sum())
    size = count["set_size"].to_numpy()
    p_value = stats.hypergeom.sf(hit - 1, universe_size, size, hit_all) if len(size) else np.zeros(0)
    control_p = ((drawn >= hit).sum(axis=0) + 1) / (len(drawn) + 1)
    named = (
        members.filter(pl.Series(found.observed[pairs[0]]))
        .group_by("set_name")
        .agg(genes=pl.col("name").sort().str.join(", "))
    )
    expected, by_controls = (
        hit_all * size / max(universe_size, 1),
        drawn.mean(axis=0) if len(drawn) else np.zeros(len(size)),
    )
    columns = {
        "hit": hit,
        "hit_all": np.full(len(size), hit_all),
        "universe": np.full(len(size), universe_size),
        "expected": expected,
        "p_value": p_value,
        "q_value": benjamini_hochberg(p_value),
        "control_expected": by_controls,
        "control_p_value": control_p,
        "control_q_value": benjamini_hochberg(control_p),
    }
    table = count.with_columns(pl.Series(name, values) for name, values in columns.items())
    table = table.with_columns(
        ratio=pl.when(pl.col("expected") > 0).then(pl.col("hit") / pl.col("expected")),
        control_ratio=pl.when(pl.col("control_expected") > 0).then(pl.col("hit") / pl.col("control_expected")),
    )
    return table.join(named, on="set_name", how="left").sort("control_p_value", "p_value", "set_name")


def _members(sets: pl.DataFrame, genes: pl.DataFrame) -> pl.DataFrame:
    """Return set_name, gene (number of the gene), name; each gene once in a set."""
    numbered = genes.with_row_index("gene").with_columns(name=pl.coalesce("gene_name", "gene_id"))
    known = pl.concat(
        [numbered.select("gene", "name", _folded(pl.col(c)).alias("key")) for c in ("gene_name", "gene_id")]
    )
    asked = sets.select("set_name", _folded(pl.col("gene")).alias("key"))
    found = asked.join(known.drop_nulls("key").unique(["gene", "key"]), on="key", how="inner", maintain_order="left")
    return found.select("set_name", "gene", "name").unique(["set_name", "gene"], maintain_order=True)


def _folded(name: pl.Expr) -> pl.Expr:
    """Return a name of a gene without the version of an Ensembl identifier, in upper case."""
    return name.str.to_uppercase().str.replace(r"^(ENS[A-Z]*G\d+)\.\d+$", "$1")


def _refuse_strangers(name: str, sets: pl.DataFrame, genes: pl.DataFrame) -> None:
    if sets.is_empty() or genes.is_empty():
        return
    named = genes.select("gene_id", "gene_name").unique("gene_id")
    if _members(sets, named).is_empty():
        raise DataError(
            f"gene sets {name}",
            f"have no gene in common with the {named.height} genes of the study, the first: {sets['gene'][0]}",
            expected="names like " + " or ".join(str(named[c].drop_nulls().first()) for c in ("gene_name", "gene_id")),
            remedy="take the file with gene symbols of the same species",
        )
