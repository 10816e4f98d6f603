"""Metrics by sequence length: does the model only work for long sequences, or only where it sees the whole sequence?"""

import re
from itertools import pairwise

import numpy as np
import polars as pl

from phenolens.core.errors import DataError
from phenolens.core.schemas import METRICS
from phenolens.core.table import check, empty
from phenolens.evaluate.metrics import MODEL_RUN, metrics_table


def length_bins(lengths: np.ndarray, bins: int, min_bin: int) -> np.ndarray:
    """Return edges int64 (b + 1,) of 1 <= b <= bins half-open length bins that hold every sequence.

    log(length) is cut in `bins` equal parts; then, while a bin has fewer than `min_bin` sequences, the smallest one (the
    shorter of equals) is merged with its smaller neighbour. One length gives one bin.

    Parameters
    ----------
    lengths : int (n,), bases, each at least 1, n at least 1.
    bins : number of bins to start with.
    min_bin : fewest sequences of a bin, where there is more than one bin.
    """
    low, high = int(lengths.min()), int(lengths.max())
    # lengths are whole numbers: a bin begins with the first length at or above its cut
    cuts = np.ceil(np.exp(np.linspace(np.log(low), np.log(high), bins + 1))[1:-1] - 1e-9).astype(np.int64)
    edges = np.unique(np.concatenate([[low], cuts[(cuts > low) & (cuts <= high)], [high + 1]]))
    counts = np.histogram(lengths, edges)[0].tolist()
    kept = edges.tolist()
    while len(counts) > 1 and min(counts) < max(min_bin, 1):
        smallest = int(np.argmin(counts))
        left = smallest == len(counts) - 1 or (smallest > 0 and counts[smallest - 1] <= counts[smallest + 1])
        first = smallest - 1 if left else smallest
        counts[first : first + 2] = [counts[first] + counts[first + 1]]
        del kept[first + 1]
    return np.array(kept, dtype=np.int64)


def metrics_by_length(
    predictions: pl.DataFrame,
    sequences: pl.DataFrame,
    labels: list[str],
    *,
    bins: int = 20,
    min_bin: int = 100,
    **measured: int,
) -> pl.DataFrame:
    """Return METRICS over all classes for every run, split and length bin, with how much of the sequences is there and is read.

    Two metrics are added: "share", of the run's sequences that are in the bin; and for the models "cut_off", the share of the
    bin's bases that lie beyond the model's input, where `sequences` says so. The run "length" beside them, which sees nothing
    else, is what length alone gives within the bin.

    A bin is named by its shortest and longest length, both inside: "150-299". Every split has its own bins, made of
    the sequences predicted there.

    Parameters
    ----------
    predictions : PREDICTIONS.
    sequences : SEQUENCES; needed are sequence_id, sequence and group; with a column cut_off, float64, the share of the
        sequence's bases that no token of the models covers because it was cut.
    labels : classes.
    bins, min_bin : as in `length_bins`.
    measured : resamples, seed, calibration_bins as in `metrics_table`.

    Raises
    ------
    DataError : a predicted sequence is not in `sequences`, or as `metrics_table`.
    """
    lengths = sequences.select(
        "sequence_id",
        pl.col("sequence").str.len_bytes().cast(pl.Int64).alias("length"),
        pl.col("cut_off") if "cut_off" in sequences.columns else pl.lit(None, pl.Float64).alias("cut_off"),
    )
    joined = predictions.join(lengths, on="sequence_id", how="left", maintain_order="left")
    lost = joined.filter(pl.col("length").is_null())
    if lost.height:
        raise DataError(
            "metrics by length",
            f"{lost.height} predicted sequences are not among the sequences, the first: {lost['sequence_id'][0]}",
        )
    tables = [empty(METRICS)]
    for (_,), part in joined.group_by("split", maintain_order=True):
        once = part.unique("sequence_id")["length"].to_numpy()
        edges = length_bins(once, bins, min_bin)
        for low, high in pairwise(edges.tolist()):
            inside = part.filter(pl.col("length").is_between(low, high, closed="left"))
            name = pl.lit(f"{low}-{high - 1}").alias("bin")
            table = metrics_table(inside.drop("length", "cut_off"), sequences, labels, **measured)
            tables.append(table.filter(pl.col("class").is_null()).with_columns(name))
        tables.append(_shares(part, edges))
    return check(pl.concat(tables), METRICS)


def _shares(part: pl.DataFrame, edges: np.ndarray) -> pl.DataFrame:
    """Return the metrics "share" and "cut_off" of each run and bin as METRICS rows."""
    rows = []
    for (run, split), run_part in part.group_by("run", "split", maintain_order=True):
        read_in_part = bool(re.match(MODEL_RUN, str(run))) and not run_part["cut_off"].null_count()
        for low, high in pairwise(edges.tolist()):
            inside = run_part.filter(pl.col("length").is_between(low, high, closed="left"))
            values = {"share": inside.height / run_part.height}
            if inside.height and read_in_part:
                values["cut_off"] = float(np.average(inside["cut_off"].to_numpy(), weights=inside["length"].to_numpy()))
            name = f"{low}-{high - 1}"
            rows += [(run, split, None, name, metric, v, None, None, inside.height) for metric, v in values.items()]
    return pl.DataFrame(rows, schema={name: column.dtype for name, column in METRICS.columns.items()}, orient="row")
