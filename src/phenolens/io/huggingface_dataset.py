"""Dataset folders of the Hugging Face library, read without it: `save_to_disk` (Arrow streams) and Parquet shards of the hub.

    DIR/dataset_dict.json              {"splits": ["train", "test"]}        (absent where a single dataset was saved)
    DIR/train/state.json               {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": "train"}
    DIR/train/dataset_info.json        {"features": {"label": {"_type": "ClassLabel", "names": [...]}, ...}}
    DIR/train/data-00000-of-00001.arrow

On the hub: DIR/data/train-00000-of-00001.parquet, which carries the features in its own metadata.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

from phenolens.core.errors import InputError
from phenolens.io.tabular import Tabular, class_names, read_json, read_tabular

DICT, STATE, INFO = "dataset_dict.json", "state.json", "dataset_info.json"
SHARD = re.compile(r"(?P<name>.+?)-(?P<number>\d{5})-of-(?P<count>\d{5})(-[0-9a-f]+)?")


class SavedSplit(NamedTuple):
    """One split of a saved dataset: its name (None where the folder tells none) and its tables, one a data file."""

    name: str | None
    tables: list[Tabular]


def is_saved_dataset(folder: Path) -> bool:
    """Return whether `save_to_disk` wrote this folder."""
    return (folder / DICT).is_file() or (folder / STATE).is_file()


def read_saved_dataset(folder: Path) -> list[SavedSplit]:
    """Return every split of a folder that `save_to_disk` wrote.

    Parameters
    ----------
    folder : holds dataset_dict.json and one folder a split, or state.json and data files.

    Raises
    ------
    InputError : a file that the folder's own lists name is missing, cut off or damaged; an index beside the data, which only an
        unfinished save leaves.
    """
    if not (folder / DICT).is_file():
        return [_split(folder, None)]
    names = _member(folder / DICT, read_json(folder / DICT), "splits", list)
    missing = [name for name in names if not (folder / str(name) / STATE).is_file()]
    if missing:
        raise InputError(
            folder,
            f"has no split {missing[0]}, which its {DICT} names",
            expected=f"{missing[0]}/{STATE}",
            remedy="copy or save the dataset again",
        )
    return [_split(folder / str(name), str(name)) for name in names]


def _split(folder: Path, name: str | None) -> SavedSplit:
    state = read_json(folder / STATE)
    files = _member(folder / STATE, state, "_data_files", list)
    info = read_json(folder / INFO) if (folder / INFO).is_file() else {}
    names = class_names(info.get("features") if isinstance(info, dict) else None)
    # old releases of the library kept a selection of rows beside the data; reading the data alone would undo it
    if state.get("_indices_data_files"):
        raise InputError(
            folder / STATE,
            "names an index of selected rows beside the data",
            remedy="flatten it with flatten_indices() and save it again",
        )
    paths = [folder / _member(folder / STATE, file, "filename", str) for file in files]
    tables = [read_tabular(path)._replace(class_names=names) for path in paths]
    return SavedSplit(name or state.get("_split"), tables)


def _member(path: Path, content: Any, key: str, kind: type) -> Any:
    value = content.get(key) if isinstance(content, dict) else None
    if not isinstance(value, kind) or not value:
        raise InputError(
            path, f"has no {key}", expected="a file that the Hugging Face library wrote", remedy="save it again"
        )
    return value


def shard_name(stem: str) -> tuple[str, int | None]:
    """Return (name, number of shards) of a file's stem: train-00000-of-00002 -> train, 2; train -> train, None."""
    found = SHARD.fullmatch(stem)
    return (found["name"], int(found["count"])) if found else (stem, None)
