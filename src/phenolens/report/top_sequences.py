"""Which sequences the page draws letter by letter, and where motif hits lie in them."""

from collections.abc import Collection

import polars as pl

from phenolens.core.schemas_regions import SHOWN_HITS, SHOWN_SEQUENCES
from phenolens.core.table import check, empty
from phenolens.report import estimates

MOST = 6


def top_sequences(
    sequences: pl.DataFrame,
    scores: pl.DataFrame | pl.LazyFrame,
    predictions: pl.DataFrame | None,
    regions: pl.DataFrame,
    background: Collection[str],
    number: int,
) -> pl.DataFrame:
    """Return SHOWN_SEQUENCES: explained sequences with a region that the model is surest of, as many of each class.

    Classes take turns; in each the highest probability of the true class comes first, then the highest region. Matched background is left out
    unless there is nothing else. At most `number`, and at most 6.

    Parameters
    ----------
    sequences : SEQUENCES.
    scores : sequence_id, scores of the explained sequences; only the chosen rows are read of a lazy one.
    predictions : PREDICTIONS of the runs; None where there are none.
    regions : REGIONS.
    background : classes that are matched background.
    """
    best = regions.group_by("sequence_id", "label").agg(best=pl.col("mean_score").max())
    foreground = best.filter(~pl.col("label").is_in(list(background)))
    best = foreground if foreground.height else best
    turns = (
        best.join(_probabilities(predictions), on="sequence_id", how="left")
        .sort(["probability", "best", "sequence_id"], descending=[True, True, False], nulls_last=True)
        .with_columns(turn=pl.int_range(pl.len()).over("label"))
        .sort("turn", "label")
        .head(min(number, MOST))
    )
    if not turns.height:
        return empty(SHOWN_SEQUENCES)
    rows = (
        scores.lazy()
        .filter(pl.col("sequence_id").is_in(turns["sequence_id"].to_list()))
        .select("sequence_id", "scores")
        .collect()
    )
    places = sequences.select("sequence_id", "chrom", "start", "end", "strand", "sequence")
    shown = turns.join(rows, on="sequence_id", maintain_order="left").join(
        places, on="sequence_id", maintain_order="left"
    )
    return check(shown.select(list(SHOWN_SEQUENCES.columns)), SHOWN_SEQUENCES)


def _probabilities(predictions: pl.DataFrame | None) -> pl.DataFrame:
    """Return sequence_id, probability: of the true class, by the vote or the first run."""
    none = pl.DataFrame(schema={"sequence_id": pl.String, "probability": pl.Float64})
    if predictions is None or not predictions.height:
        return none
    models = predictions["run"].unique()
    run = next(
        iter(models.filter(models.str.contains(estimates.MODEL)).sort(descending=True)), None
    )  # the vote where there is one
    if run is None:
        return none
    names = [name for name in predictions.columns if name.startswith("p_")]
    long = (
        predictions.filter((pl.col("run") == run) & pl.col("split").is_in(["validation", "test"]))
        .select("sequence_id", "label", *names)
        .unpivot(names, index=["sequence_id", "label"], variable_name="class", value_name="probability")
    )
    return (
        long.filter(pl.col("class") == "p_" + pl.col("label"))
        .select("sequence_id", "probability")
        .unique("sequence_id")
    )


def hits_on_sequences(hits: pl.DataFrame | None, regions: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """Return SHOWN_HITS: motif hits on the shown sequences, in the sequences' own coordinates.

    Parameters
    ----------
    hits : HITS on sequences or on regions (then sequence_id is the region's); None where nothing was scanned.
    regions : REGIONS.
    shown : SHOWN_SEQUENCES.
    """
    if hits is None or not hits.height or not shown.height:
        return empty(SHOWN_HITS)
    of = regions.select(pl.col("region_id").alias("scanned"), "sequence_id", "sequence_start")
    whole = shown.select(
        pl.col("sequence_id").alias("scanned"), "sequence_id", pl.lit(0, dtype=pl.Int64).alias("sequence_start")
    )
    places = pl.concat([of, whole]).filter(pl.col("sequence_id").is_in(shown["sequence_id"].to_list()))
    found = hits.rename({"sequence_id": "scanned"}).join(places, on="scanned")
    moved = found.with_columns(pl.col("start", "end") + pl.col("sequence_start"))
    return check(moved.select(list(SHOWN_HITS.columns)).unique(maintain_order=True), SHOWN_HITS)
