"""What several runs look at, on the sequences that they share: base scores, high-score regions, and motifs enriched in these.

Sequences are the same when their letters and class are. A sample of them is enough: at most SAMPLE, drawn with a seed.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from phenolens.annotate.motif_sets import exclusive_sets
from phenolens.core.run import read_json, read_table_of_other_run
from phenolens.core.schemas_compare import MOTIFS_COMPARED, REGIONS_COMPARED, SCORES_COMPARED
from phenolens.core.schemas_motifs import ENRICHMENT, MOTIF_SETS
from phenolens.core.stats import group_bootstrap_weights, interval
from phenolens.core.table import Schema, check, empty
from phenolens.core.types import BaseScores
from phenolens.explain.agreement import agreement

SAMPLE = 2000  # sequences of a pair whose scores are compared
RENAMED = {"first": "folder_a", "second": "folder_b"}


class Explained(NamedTuple):
    """What a run's explain stage has left, None where it did not run.

    folder : the run folder.
    sequences : sequence_id, sequence (letters in upper case), label, group of the explained sequences, and nth: copies of one text are numbered.
    regions : REGIONS.
    """

    folder: Path
    sequences: pl.DataFrame
    regions: pl.DataFrame


def explained(folder: Path) -> Explained | None:
    """Return what the explain stage of a run folder has left; None where it is not finished."""
    stage = folder / "explain"
    if not all((stage / name).is_file() for name in ("manifest.json", "alrw.parquet", "regions.parquet")):
        return None
    ids = pl.read_parquet(stage / "alrw.parquet", columns=["sequence_id"])
    rows = pl.read_parquet(folder / "dataset" / "sequences.parquet").join(ids, on="sequence_id", how="semi")
    rows = rows.select("sequence_id", pl.col("sequence").str.to_uppercase(), "label", "group").sort("sequence_id")
    rows = rows.with_columns(pl.int_range(pl.len()).over("sequence", "label").alias("nth"))
    return Explained(folder, rows, pl.read_parquet(stage / "regions.parquet"))


def shared_sequences(one: Explained, other: Explained) -> pl.DataFrame:
    """Return sequence_id, label, group, length and other_id of the sequences that both explained, in order of their identifier.

    Parameters
    ----------
    one, other : two runs; label and group are the first one's.
    """
    joined = one.sequences.join(
        other.sequences, on=["sequence", "label", "nth"], suffix="_other", maintain_order="left"
    )
    length = pl.col("sequence").str.len_bytes().cast(pl.Int64).alias("length")
    return joined.select("sequence_id", "label", "group", length, pl.col("sequence_id_other").alias("other_id"))


def scores_compared(runs: Mapping[str, Explained], *, resamples: int = 1000, seed: int = 1) -> pl.DataFrame:
    """Return SCORES_COMPARED of every two runs that explained the same sequences: do they look at the same bases?

    Parameters
    ----------
    runs : short name of the folder -> what it explained.
    resamples, seed : of intervals, sample and rotations.
    """
    tables = [empty(SCORES_COMPARED)]
    for (name_a, one), (name_b, other) in combinations(runs.items(), 2):
        rows = shared_sequences(one, other)
        if not rows.height:
            continue
        rows = rows.sample(min(SAMPLE, rows.height), seed=seed).sort("sequence_id")
        width = int(rows["length"].max())  # type: ignore[arg-type]
        ids = rows["sequence_id"].to_list()
        values = [
            _values(run.folder, rows[column], width) for run, column in ((one, "sequence_id"), (other, "other_id"))
        ]
        turned = _rotated(values[1], rows["length"].to_numpy(), np.random.default_rng(seed))
        found, chance = (
            agreement(
                [BaseScores(ids, values[0], name_a), BaseScores(ids, second, name_b)],
                rows,
                resamples=times,
                seed=seed,
            )
            for second, times in ((values[1], resamples), (turned, 0))
        )
        beside = chance.select("label", correlation_chance="correlation", overlap_chance="overlap")
        table = found.rename(RENAMED).join(beside, on="label", nulls_equal=True, maintain_order="left")
        tables.append(check(table, SCORES_COMPARED).select(*SCORES_COMPARED.columns))
    return pl.concat(tables)


def _values(folder: Path, ids: pl.Series, width: int) -> np.ndarray:
    """Return float32 (n, width): ALRW of these sequences in this order, NaN beyond each one's end."""
    scan = pl.scan_parquet(folder / "explain" / "alrw.parquet").select("sequence_id", "scores")
    found = scan.filter(pl.col("sequence_id").is_in(ids.implode())).collect()
    lists = ids.to_frame("sequence_id").join(found, on="sequence_id", how="left", maintain_order="left")["scores"]
    lengths = lists.list.len().to_numpy().astype(np.int64)
    values = np.full((len(lists), width), np.nan, dtype=np.float32)
    values[np.arange(width) < lengths[:, None]] = lists.explode(empty_as_null=False).to_numpy()
    return values


def _rotated(values: np.ndarray, lengths: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return each row's first `length` values turned around by a random distance of 1 .. length - 1."""
    shift = generator.integers(1, np.maximum(lengths, 2))
    place = np.arange(values.shape[1])
    source = np.where(place < lengths[:, None], (place + shift[:, None]) % lengths[:, None], place)
    return np.take_along_axis(values, source, axis=1)


def regions_compared(runs: Mapping[str, Explained], *, resamples: int = 1000, seed: int = 1) -> pl.DataFrame:
    """Return REGIONS_COMPARED of every two runs that explained the same sequences: bases in regions of both over bases in regions of either.

    What chance gives: if the a_i bases of one run and the b_i bases of the other lay anywhere in sequence i of L_i bases (each turned around by any
    distance), a_i b_i / L_i bases would be in both on average.

    Parameters
    ----------
    runs, resamples, seed : as in `scores_compared`.
    """
    rows: list[tuple[Any, ...]] = []
    for (name_a, one), (name_b, other) in combinations(runs.items(), 2):
        shared = shared_sequences(one, other)
        if not shared.height:
            continue
        counts = _bases(shared, one.regions, other.regions)  # (n, 3)
        lengths, groups = shared["length"].to_numpy(), shared["group"].to_numpy()
        classes: list[str | None] = [None, *shared["label"].unique().sort()]
        for label in classes if len(classes) > 2 else classes[:1]:
            chosen = np.ones(len(counts), dtype=bool) if label is None else (shared["label"] == label).to_numpy()
            some = counts[chosen]
            by_chance = float((some[:, 0] * some[:, 1] / lengths[chosen]).sum())
            a, b, both = (int(total) for total in some.sum(axis=0))
            between = _jaccard_interval(some, groups[chosen], resamples, seed)
            numbers = (_jaccard(a, b, both), *between, _jaccard(a, b, by_chance))
            rows.append((name_a, name_b, label, len(some), a, b, both, *numbers))
    return _typed(rows, REGIONS_COMPARED)


def _bases(shared: pl.DataFrame, first: pl.DataFrame, second: pl.DataFrame) -> np.ndarray:
    """Return int64 (n, 3): bases of each shared sequence in regions of the first run, of the second, of both."""
    starts = np.concatenate([[0], np.cumsum(shared["length"].to_numpy())])
    inside = []
    for regions, column in ((first, "sequence_id"), (second, "other_id")):
        places = shared.select(pl.col(column).alias("sequence_id"), pl.Series("at", starts[:-1]))
        laid = regions.join(places, on="sequence_id").select(
            pl.col("at") + pl.col("sequence_start"), end=pl.col("at") + pl.col("sequence_end")
        )
        edges = np.zeros(starts[-1] + 1, dtype=np.int32)
        np.add.at(edges, laid["at"].to_numpy(), 1)
        np.add.at(edges, laid["end"].to_numpy(), -1)
        inside.append(np.cumsum(edges)[:-1] > 0)
    covered = np.stack([*inside, inside[0] & inside[1]], axis=1).astype(np.int64)  # (bases, 3)
    summed: np.ndarray = np.add.reduceat(covered, starts[:-1], axis=0)
    return summed


def _jaccard(a: float, b: float, both: float) -> float | None:
    return both / (a + b - both) if a + b > both else None


def _jaccard_interval(
    counts: np.ndarray, groups: np.ndarray, resamples: int, seed: int
) -> tuple[float | None, float | None]:
    names, code = np.unique(groups, return_inverse=True)
    if len(names) < 2 or not resamples:
        return None, None
    sums = np.zeros((len(names), 3))
    np.add.at(sums, code, counts)
    drawn = np.concatenate([weights @ sums for weights in group_bootstrap_weights(groups, resamples, seed)])
    either = drawn[:, 0] + drawn[:, 1] - drawn[:, 2]
    low, high = interval(np.divide(drawn[:, 2], either, out=np.full(len(either), np.nan), where=either > 0))
    return (None, None) if np.isnan(low) else (low, high)


def motifs_compared(folders: Mapping[str, Path]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (MOTIFS_COMPARED, MOTIF_SETS of the folders, one comparison a class): motifs enriched in the regions of a class in one run at least.

    A motif counts as enriched in a run when it is so against any control. Motifs that were not tested in a run have no row of it.

    Parameters
    ----------
    folders : short name -> run folder; runs without a table of enrichment have no row.
    """
    found = {name: _enrichment(folder) for name, folder in folders.items()}
    tables, sets = [empty(MOTIFS_COMPARED)], [empty(MOTIF_SETS)]
    for name, table in found.items():
        best = table.unique(["case", "motif_id"], keep="first", maintain_order=True)
        tables.append(best.with_columns(folder=pl.lit(name)).select(*MOTIFS_COMPARED.columns))
    every = check(pl.concat(tables), MOTIFS_COMPARED)
    once = every.filter("enriched").select("case", "motif_id").unique()
    for case in once["case"].unique().sort():
        members = {name: table.filter(pl.col("enriched") & (pl.col("case") == case)) for name, table in found.items()}
        sets.append(exclusive_sets(case, members))
    kept = every.join(once, on=["case", "motif_id"], how="semi", maintain_order="left")
    return kept.sort("case", "motif_id", "folder"), pl.concat(sets)


def _enrichment(folder: Path) -> pl.DataFrame:
    """Return the rows of ENRICHMENT on regions, of each motif the clearest control first; without rows where there is no such table."""
    path = folder / "annotate" / "enrichment.tsv"
    found = read_table_of_other_run(path, ENRICHMENT)
    if found is None:
        return empty(ENRICHMENT)
    table = found.filter(scope="regions")
    # of a motif that was cross-fitted, the numbers of the half that did not choose it
    fitted = pl.col("crossfit_q").is_not_null()
    table = table.with_columns(
        odds_ratio=pl.when(fitted).then("crossfit_odds_ratio").otherwise("odds_ratio"),
        q_value=pl.coalesce("crossfit_q", "q_value"),
    )
    return table.sort(["enriched", "q_value", "control"], descending=[True, False, False], nulls_last=True)


def chance_of(folder: Path) -> dict[str, int]:
    """Return resamples and seed that a run folder was evaluated with."""
    found = read_json(folder / "settings.json") or {}
    settings = found.get("settings", {})
    return {"resamples": int(settings.get("evaluate", {}).get("bootstrap", 1000)), "seed": int(settings.get("seed", 1))}


def _typed(rows: Sequence[tuple[Any, ...]], schema: Schema) -> pl.DataFrame:
    return check(pl.DataFrame(rows, schema={n: c.dtype for n, c in schema.columns.items()}, orient="row"), schema)
