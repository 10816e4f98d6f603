"""Folders that hold a labelled set: a file or a folder a split, and in a split's folder a file or a folder a class."""

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from phenolens.core.errors import InputError
from phenolens.io.chromosomes import listed
from phenolens.io.huggingface_dataset import is_saved_dataset, read_saved_dataset, shard_name
from phenolens.io.labelled_columns import LABEL, SPLIT_WORDS, Wanted, column_called, named, split_word, standard
from phenolens.io.labelled_files import bare, read_class_file, read_file
from phenolens.io.tabular import Tabular, kind_of
from phenolens.io.text import lines, open_raw

METADATA = "metadata.yaml"
# cards, notes and indices that lie beside the data
NO_DATA = (".md", ".yaml", ".yml", ".json", ".py", ".fai", ".gzi", ".lock")
SPLITS = ", ".join(SPLIT_WORDS)


def read_folder(folder: Path, wanted: Wanted) -> list[pl.DataFrame]:
    """Return LABELLED of every split, or of every class of every split, with names.

    Parameters
    ----------
    folder : as the module `labelled` describes them.
    wanted : columns of the DNA and the class.

    Raises
    ------
    InputError : no file or folder is named after a split; two files for one split that are no shards; a shard or a class of
        metadata.yaml is missing; as `read_file` and `standard`.
    """
    if is_saved_dataset(folder):
        return _saved(folder, wanted)
    members = _by_split(folder)
    if not members and (folder / "data").is_dir():
        members = _by_split(folder / "data")
    if not members:
        have = [entry.name for entry in _visible(folder)]
        raise InputError(
            folder,
            f"holds no file or folder of a split: {listed(have) if have else 'it is empty'}",
            expected=f"names such as train.csv, dev.csv, test.csv, or dataset_dict.json ({SPLITS})",
            remedy="rename the files, or name one of them",
        )
    declared = _declared(folder / METADATA)
    order = [split for split in dict.fromkeys(SPLIT_WORDS.values()) if split in members]
    return [part for split in order for part in _split(folder, split, members[split], wanted, declared)]


def _saved(folder: Path, wanted: Wanted) -> list[pl.DataFrame]:
    parts = []
    for name, tables in read_saved_dataset(folder):
        split = None if name is None else split_word(name)
        if name is not None and split is None:
            raise InputError(
                folder,
                f"has a split {name}",
                expected=SPLITS,
                remedy="save the dataset without it, or under one of these names",
            )
        parts.append(named(pl.concat(standard(read, wanted, split=split) for read in tables)))
    return parts


def _visible(folder: Path) -> list[Path]:
    """Return what a folder holds, sorted, without hidden files and what is no data."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(folder, f"cannot be read: {error.strerror}", remedy="check its permissions") from None
    return [e for e in entries if not e.name.startswith(".") and not (e.is_file() and e.suffix.lower() in NO_DATA)]


def _by_split(folder: Path) -> dict[str, list[Path]]:
    """Return split -> files and folders of that name; other files are no part of the set."""
    members: dict[str, list[Path]] = {}
    for entry in _visible(folder):
        split = split_word(shard_name(entry.name.split(".")[0])[0])
        if split is not None:
            members.setdefault(split, []).append(entry)
    return members


def _split(
    folder: Path, split: str, paths: Sequence[Path], wanted: Wanted, declared: Sequence[str]
) -> list[pl.DataFrame]:
    if len(paths) == 1 and paths[0].is_dir():
        return _classes_or_shards(paths[0], split, wanted, declared)
    if any(path.is_dir() for path in paths):
        raise InputError(
            folder,
            f"has several {split} sets: {listed([p.name for p in paths])}",
            expected="one",
            remedy="remove the others",
        )
    # labels that lie beside a FASTA file are read with it
    records = [path for path in paths if kind_of(path) == "fasta"]
    files = _shards(folder, split, records or paths)
    return [named(pl.concat(standard(read_file(path), wanted, split=split) for path in files))]


def _shards(folder: Path, split: str, paths: Sequence[Path]) -> Sequence[Path]:
    """Return the files of one split, after checking that they are one file, or all the shards of one."""
    counts = {shard_name(path.name.split(".")[0])[1] for path in paths}
    count = counts.pop()
    if counts or (count is None and len(paths) > 1):
        raise InputError(
            folder,
            f"has several {split} files: {listed([p.name for p in paths])}",
            expected="one, or shards of one",
            remedy="remove the others, or name one file",
        )
    if count is not None and count != len(paths):
        raise InputError(
            folder,
            f"has {len(paths)} of the {count} shards of {split}",
            expected="all of them",
            remedy="download the others",
        )
    return paths


def _classes_or_shards(folder: Path, split: str, wanted: Wanted, declared: Sequence[str]) -> list[pl.DataFrame]:
    """Return a split's folder: a folder a class, a file a class (where no file has a column of labels), or shards."""
    entries = _visible(folder)
    if not entries:
        raise InputError(folder, "is empty", expected="a file or folder a class")
    folders = [entry for entry in entries if entry.is_dir()]
    if folders:
        _refuse_missing(folder, [entry.name for entry in folders], declared)
        return [named(standard(_texts(f), Wanted(), label=f.name, split=split), split, f.name) for f in folders]
    reads = [(bare(path), read_class_file(path)) for path in entries]
    if wanted.label or any(column_called(read.table, LABEL) for _, read in reads):
        return [named(pl.concat(standard(read, wanted, split=split) for _, read in reads))]
    _refuse_missing(folder, [label for label, _ in reads], declared)
    return [named(standard(read, wanted, label=label, split=split), split, label) for label, read in reads]


def _refuse_missing(folder: Path, found: Sequence[str], declared: Sequence[str]) -> None:
    missing = [name for name in declared if name not in found]
    if missing:
        raise InputError(
            folder,
            f"has no class {missing[0]}, which {METADATA} names",
            expected=f"{missing[0]}.csv.gz",
            remedy="download the set again",
        )


def _declared(path: Path) -> list[str]:
    """Return the classes that genomic-benchmarks' metadata.yaml names: the keys one level below `classes:`."""
    if not path.is_file():
        return []
    text = "\n".join(line for _, line in lines(path))
    block = re.search(r"^classes:[ ]*\n((?:[ ]+.*\n?|[ ]*\n)*)", text, re.MULTILINE)
    keys = re.findall(r"^([ ]+)(\S.*?):[ ]*$", block[1], re.MULTILINE) if block else []
    return [name.strip("'\"") for indent, name in keys if len(indent) == min(len(i) for i, _ in keys)]


def _texts(folder: Path) -> Tabular:
    """Return the sequences of a class's folder, one a text file, named after it."""
    paths = [path for path in _visible(folder) if path.suffix == ".txt"]
    if not paths:
        raise InputError(folder, "holds no .txt file", expected="one sequence a file")
    texts = []
    for path in paths:
        with open_raw(path) as handle:
            texts.append("".join(handle.read().decode("utf-8", errors="replace").split()))
    return Tabular(
        folder,
        pl.DataFrame({"name": [path.stem for path in paths], "sequence": texts}),
        files=pl.Series([path.name for path in paths]),
    )
