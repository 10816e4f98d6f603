"""ALRW of all explained sequences as it is written: block by block to disk, with what is summed on the way, and back from there.

Nothing that is held grows with the number of sequences. Imports stand in the functions, so that a finished run answers at once.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from phenolens.core import run as folders
from phenolens.core.schemas_alrw import HEADS
from phenolens.core.table import check
from phenolens.core.types import BaseScores
from phenolens.job import Job

if TYPE_CHECKING:
    from phenolens.explain.profile import Profile
    from phenolens.model.load import Loaded

SCORES, OTHERS = "explain/alrw.parquet", "explain/scores.parquet"
_LIST = pl.List(pl.Float32)
_SCHEMA: dict[str, Any] = {"sequence_id": pl.String, "label": pl.String, "split": pl.String, "scores": _LIST}
HEAD_BASES = 512  # positions of the table of heads, as many as the paper's profile has
AT_ONCE = 2048  # sequences whose scores are read back at once


def score(job: Job, model: "Loaded", rows: pl.DataFrame) -> None:
    """Write the scores of every sequence, and their means by class: of all heads, of each head, and by the other mode's arithmetic.

    Parameters
    ----------
    job : its settings explain, evaluate.bootstrap and seed are used.
    model : the trained classifier.
    rows : SEQUENCES to be explained.
    """
    from phenolens.explain.alrw import METHOD, Options, alrw_blocks
    from phenolens.explain.edges import Edges
    from phenolens.explain.profile import Profile

    settings = job.settings.explain
    ids, texts = rows["sequence_id"].to_list(), rows["sequence"].to_list()
    labels, groups = rows["label"].to_list(), rows["group"].to_list()
    lengths = rows["sequence"].str.len_bytes().to_numpy().astype(np.int64)
    width, chance = (
        int(lengths.max(initial=0)),
        {"resamples": job.settings.evaluate.bootstrap, "seed": job.settings.seed},
    )
    mean, other, edges = Profile(labels, width, **chance), Profile(labels, width, resamples=0), Edges(labels)
    heads: Profile | None = None
    options = Options(settings.mode, settings.layer, settings.batch_size, heads=settings.heads, other=True)
    with folders.growing(job.folder / SCORES, pl.DataFrame(schema=_SCHEMA)) as add:
        for block in alrw_blocks(model, ids, texts, options):
            here = slice(block.first, block.first + len(block.scores.sequence_ids))
            add(_table(rows[here], block.scores.values, lengths[here]))
            mean.add(block.scores.values, labels[here], groups[here])
            if block.heads is not None:
                heads = heads or Profile(labels, min(width, HEAD_BASES), kinds=block.heads.shape[1], **chance)
                heads.add(block.heads, labels[here], groups[here])
            if block.other is not None:
                other.add(block.other.values, labels[here], groups[here])
                both = (block.scores, block.other)
                edges.add(*(both if settings.mode == "default" else both[::-1]), labels[here], lengths[here])
            job.progress.step(here.stop, len(ids), "explain: reading-token attention")
    further = METHOD["paper" if settings.mode == "default" else "default"]
    job.write(pl.concat([mean.table(method(job)), other.table(further)]), "explain/profile.tsv")
    if settings.heads:
        job.write(_heads(heads, method(job)), "explain/heads.tsv")
    job.write(edges.table(), "explain/edges.tsv")


def method(job: Job) -> str:
    """Return the name of the scores that `score` writes for this study."""
    from phenolens.explain.alrw import METHOD

    return METHOD[job.settings.explain.mode]


def stored(job: Job, rows: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, BaseScores]]:
    """Yield rows of SEQUENCES and their scores as `score` wrote them, some thousand at a time, in order.

    Parameters
    ----------
    job : whose run folder has the scores.
    rows : SEQUENCES that were scored, all of them, in the same order.
    """
    name, file = method(job), pl.scan_parquet(job.folder / SCORES)
    for at in range(0, rows.height, AT_ONCE):
        found = file.select("sequence_id", "scores").slice(at, AT_ONCE).collect()
        yield rows[at : at + AT_ONCE], BaseScores(found["sequence_id"].to_list(), _values(found["scores"]), name)


def of_sequences(job: Job, sequence_ids: pl.Series) -> BaseScores:
    """Return the scores of some sequences as `score` wrote them, e.g. of a chromosome, in the order of the file."""
    wanted = pl.col("sequence_id").is_in(sequence_ids.implode())
    found = pl.scan_parquet(job.folder / SCORES).filter(wanted).select("sequence_id", "scores").collect()
    return BaseScores(found["sequence_id"].to_list(), _values(found["scores"]), method(job))


def others(job: Job) -> list[tuple[str, Callable[[pl.DataFrame], BaseScores]]]:
    """Return (name, how to look up the scores of some rows of SEQUENCES) of every method but ALRW whose scores the stage has written."""
    path = job.folder / OTHERS
    if not path.exists():
        return []
    names = pl.scan_parquet(path).select(pl.col("method").unique().sort()).collect()["method"].to_list()
    own = (method(job), "alrw")
    return [(name, partial(_others_of, path, name)) for name in names if name not in own]


def _others_of(path: Path, name: str, rows: pl.DataFrame) -> BaseScores:
    wanted = (pl.col("method") == name) & pl.col("sequence_id").is_in(rows["sequence_id"].implode())
    found = pl.scan_parquet(path).filter(wanted).select("sequence_id", "scores").collect()
    return BaseScores(found["sequence_id"].to_list(), _values(found["scores"]), name)


def _table(rows: pl.DataFrame, values: np.ndarray, lengths: np.ndarray) -> pl.DataFrame:
    kept = [row[:length] for row, length in zip(values, lengths.tolist(), strict=True)]
    return rows.select("sequence_id", "label", "split").with_columns(pl.Series("scores", kept, dtype=_LIST).cast(_LIST))


def _values(lists: pl.Series) -> np.ndarray:
    """Return float32 (n, L), NaN beyond a list's end."""
    lengths = lists.list.len().to_numpy().astype(np.int64)
    values = np.full((len(lists), int(lengths.max(initial=0))), np.nan, dtype=np.float32)
    values[np.arange(values.shape[1]) < lengths[:, None]] = lists.explode(empty_as_null=False).to_numpy()
    return values


def _heads(heads: "Profile | None", name: str) -> pl.DataFrame:
    """Return HEADS, without a row where no head was read alone."""
    kinds = heads.sums.shape[1] if heads else 0
    tables = [
        heads.table(name, kind).with_columns(head=pl.lit(kind, dtype=pl.Int64)).select(list(HEADS.columns))
        for kind in range(kinds)
        if heads
    ]
    empty = pl.DataFrame(schema={name: column.dtype for name, column in HEADS.columns.items()})
    return check(pl.concat([empty, *tables]), HEADS)
