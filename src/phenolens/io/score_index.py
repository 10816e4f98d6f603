"""The index of a bgzip table sorted by place: the one beside it, or one that we make in a folder of ours, never beside the user's file."""

from pathlib import Path

import pysam

from phenolens.core.errors import InputError
from phenolens.io.genome_index import quiet
from phenolens.io.score_layouts import Layout
from phenolens.io.text import GZIP, open_raw

BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def is_bgzip(path: Path) -> bool:
    """Return whether a file is bgzip.

    Raises
    ------
    InputError : as `open_raw`, or the file is bgzip without its end marker: it is cut off.
    """
    with open_raw(path) as handle:
        head = handle.read(18)
    if not (head.startswith(GZIP) and head[3:4] == b"\x04" and head[12:14] == b"BC"):
        return False
    with path.open("rb") as whole:
        whole.seek(-min(len(BGZIP_END), path.stat().st_size), 2)
        if whole.read() != BGZIP_END:
            raise InputError(
                path,
                "ends without bgzip's end marker: it is cut off",
                expected="a whole file",
                remedy="download or copy it again",
            )
    return True


def usable_index(path: Path, layout: Layout, folder: Path | None) -> Path | None:
    """Return an index of the file's rows by place; None where there is none and none can be made: the rows are then read in order.

    Parameters
    ----------
    path : the file, bgzip.
    layout : where it has what.
    folder : where an index may be made; None makes none. One that was made for this file, with this size and time, is used again.

    Raises
    ------
    InputError : the index beside the file is older than the file.
    """
    if not layout.own_place:
        return None
    for beside in (Path(f"{path}{ending}") for ending in (".tbi", ".csi")):
        if beside.is_file():
            if beside.stat().st_mtime < path.stat().st_mtime:
                remedy = f"make it anew, or delete it (rm {beside}): then it is made in the run folder"
                raise InputError(
                    beside, f"is older than {path}", expected="an index made after its file", remedy=remedy
                )
            return beside
    if folder is None:
        return None
    status = path.stat()
    made = folder / f"{path.name}.{status.st_size}.{status.st_mtime_ns}.tbi"
    return made if made.is_file() or _make(path, layout, made) else None


def _make(path: Path, layout: Layout, target: Path) -> bool:
    """Return whether an index could be made: not of rows that are out of order."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".part-{target.name}")
    place = layout.columns["chrom"], layout.columns["pos"]
    try:
        with quiet():
            pysam.tabix_index(
                str(path),
                seq_col=place[0],
                start_col=place[1],
                end_col=place[1],
                line_skip=layout.first,
                index=str(part),
                force=True,
            )
    except OSError:
        part.unlink(missing_ok=True)
        return False
    part.replace(target)
    return True
