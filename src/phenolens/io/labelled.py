"""Labelled sets that exist: sequences, or intervals, that somebody already gave a class and perhaps a split.

Told by content, never by a setting:

    a table            CSV, TSV, JSON lines, Parquet or Arrow with a column of DNA (or chrom, start, end) and one of labels
    file.fa            FASTA, with file.labels.tsv, file.tsv or .csv beside it: columns name (or id) and label
    DIR/train.csv ...  one file a split (train, dev or validation, test) of any of the formats above: GUE; shards of the hub
                       (data/train-00000-of-00002.parquet) or a folder a split (train/0000.parquet) too
    DIR/train/CLASS.csv.gz, DIR/metadata.yaml   genomic-benchmarks: id, region, start, end, strand, 0-based; the genome has the bases
    DIR/train/CLASS/ID.txt                      genomic-benchmarks as it unpacks itself, one sequence a file
    DIR/dataset_dict.json                       a dataset folder of the Hugging Face library

A row's name is the file's where it has one, else its split and number (train-17); a name that comes again gets /2, /3, because
ids start over in every class and split. Equal sequences all stay: the certificate counts them.
"""

from pathlib import Path

import polars as pl

from phenolens.core.errors import InputError
from phenolens.io.chromosomes import listed
from phenolens.io.labelled_columns import Wanted, named, standard
from phenolens.io.labelled_files import read_file
from phenolens.io.labelled_folder import read_folder


def read_labelled(
    path: str | Path, *, sequence_column: str | None = None, label_column: str | None = None
) -> pl.DataFrame:
    """Return a labelled set: name (unique), label, sequence, chrom, start, end, strand, split; null where the set does not say.

    Coordinates are 0-based and half-open. A row has a sequence or coordinates, or both; split is train, validation or test.

    Parameters
    ----------
    path : file or folder, as above.
    sequence_column, label_column : columns of the DNA and of the class; None finds them by name.

    Raises
    ------
    InputError : the file or folder cannot be read or is none of the above; as `labelled_columns.standard`; splits for some of the
        rows only; fewer than two classes, or a class of one row.
    """
    path, wanted = Path(path), Wanted(sequence_column, label_column)
    table = pl.concat(read_folder(path, wanted) if path.is_dir() else [named(standard(read_file(path), wanted))])
    unsplit = table["split"].null_count()
    if 0 < unsplit < table.height:
        raise InputError(
            path,
            f"has {unsplit} of {table.height} rows without a split",
            expected="a split in every row, or in none",
            remedy="fill the column, or remove it",
        )
    _refuse_classes(path, table)
    again = pl.int_range(1, pl.len() + 1).over("name")
    return table.with_columns(name=pl.when(again == 1).then("name").otherwise(pl.format("{}/{}", "name", again)))


def _refuse_classes(path: Path, table: pl.DataFrame) -> None:
    counts = table.group_by("label").len().sort("len", "label")
    if counts.height < 2:
        raise InputError(
            path,
            f"has one class, {counts['label'][0]}",
            expected="at least 2",
            remedy="name its column in dataset.label_column",
        )
    if counts["len"][0] == 1:
        single = counts.filter(pl.col("len") == 1)["label"]
        raise InputError(
            path,
            f"has {single.len()} of {counts.height} classes with a single sequence: {listed(single.to_list())}",
            expected="at least 2 sequences a class",
            remedy="remove them, or name the column of classes in dataset.label_column",
        )
