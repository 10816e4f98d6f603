"""Where every sequence of a dataset goes: its group of relatives, its split, its fold, and a random split beside it."""

import numpy as np
import polars as pl

from phenolens.core import ranges
from phenolens.core.errors import DataError
from phenolens.core.schemas import SEQUENCES
from phenolens.core.settings import DatasetSettings
from phenolens.core.table import check
from phenolens.dataset.similarity import similar
from phenolens.dataset.split import (
    SPLITS,
    fold_groups,
    groups,
    split_chromosomes,
    split_groups,
    split_random,
    splits_of_folds,
)


def assigned(table: pl.DataFrame, settings: DatasetSettings, seed: int, threads: int | None) -> pl.DataFrame:
    """Return SEQUENCES: the table with its groups, its split and a random split of the same shares.

    Parameters
    ----------
    table : the columns of SEQUENCES but group, split, random_split and fold; with given_split where a labelled set has one.
    settings : the study file's section dataset.
    seed : of everything drawn.
    threads : of the similarity search; None takes every core.

    Raises
    ------
    DataError : shares that leave nothing for train or test, a class in a single group, chromosomes without sequences, ...
    """
    table = table.with_columns(
        groups(table["sequence_id"], _keys(table, settings, threads)), fold=pl.lit(None, dtype=pl.Int64)
    )
    shares = _shares(settings)
    if settings.split == "random":
        split = split_random(table["label"], shares, seed)
        table = table.with_columns(split, split=split)
    else:
        if settings.folds is not None:
            table = table.with_columns(fold_groups(table["label"], table["group"], settings.folds, seed))
            split = splits_of_folds(table["fold"], settings.fold, settings.folds)
        elif settings.split == "chromosome":
            split = split_chromosomes(table["chrom"], settings.validation_chromosomes, settings.test_chromosomes)
        elif settings.split == "given":
            split = _given_split(table, settings.validation, seed)
        else:
            split = split_groups(table["label"], table["group"], shares, seed)
        if settings.folds is not None or settings.split != "group":
            shares = {name: int((split == name).sum()) / table.height for name in SPLITS}
        table = table.with_columns(split_random(table["label"], shares, seed), split=split)
    return check(table, SEQUENCES).select(*SEQUENCES.columns)


def _keys(table: pl.DataFrame, settings: DatasetSettings, threads: int | None) -> list[pl.Series]:
    """Return what keeps rows together: equal values in any of these."""
    keys = [table["locus"], _overlapping(table)]
    keys += [table[key] for key in ("name", "chrom") if key in settings.group_by]
    if "similarity" in settings.group_by:
        component = similar(
            table["sequence"],
            identity=settings.similarity_identity,
            coverage=settings.similarity_coverage,
            threads=threads,
        )
        keys.append(pl.Series(component))
    return keys


def _shares(settings: DatasetSettings) -> dict[str, float]:
    """Return the wanted share of each split."""
    shares = {
        "train": 1 - settings.validation - settings.test,
        "validation": settings.validation,
        "test": settings.test,
    }
    if shares["train"] <= 0 or settings.test <= 0:
        raise DataError(
            "dataset.validation and dataset.test",
            f"{settings.validation} and {settings.test} leave {shares['train']:.2f} for train",
            expected="test above 0 and the sum below 1",
        )
    return shares


def _given_split(table: pl.DataFrame, validation: float, seed: int) -> pl.Series:
    """Return the split that a labelled set came with; where it has no validation rows, that share of its train rows, at random.

    Raises
    ------
    DataError : the set has no split, or no train or test rows.
    """
    if "given_split" not in table.columns or table["given_split"].null_count():
        raise DataError(
            "dataset.split = given",
            "the labelled set says not of every sequence which split it is in",
            expected="files train, dev, test, or a column split",
            remedy="use split = group",
        )
    given = table["given_split"].alias("split")
    absent = [name for name in ("train", "test") if name not in given]
    if absent:
        raise DataError(
            "dataset.split = given",
            f"the labelled set has no {' and no '.join(absent)} sequences",
            remedy="use split = group",
        )
    if "validation" in given or not validation:
        return given
    train = (given == "train").to_numpy()
    dealt = split_random(
        table["label"].filter(pl.Series(train)), {"train": 1 - validation, "validation": validation, "test": 0.0}, seed
    )
    split = given.to_numpy().astype(object)
    split[np.flatnonzero(train)] = dealt.to_numpy()
    return pl.Series("split", split.tolist(), dtype=pl.String)


def _overlapping(table: pl.DataFrame) -> pl.Series:
    """Return the number of the stretch of genome that each row lies on, shared by rows with a base in common; null without coordinates."""
    row = table.with_row_index("row").drop_nulls("chrom")
    if not row.height:
        return pl.Series("stretch", [None] * table.height, dtype=pl.Int64)
    _, _, member = ranges.union(*ranges.axis(row).place(row), gap=-1)
    return table.with_row_index("row").join(
        row.select("row", stretch=pl.Series(member)), on="row", how="left", maintain_order="left"
    )["stretch"]
