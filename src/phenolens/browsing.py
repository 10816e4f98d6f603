"""What the stage explain leaves for genome browsers: tracks per class and method, coloured regions, a track hub, an IGV session.

Imports of a stage stand in its functions, so that a finished run answers at once.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from phenolens.core import run as folders
from phenolens.core.schemas_regions import TRACKS
from phenolens.core.study import class_order, file_names
from phenolens.core.table import check, empty
from phenolens.core.types import BaseScores
from phenolens.inputs import open_inputs
from phenolens.job import Job

if TYPE_CHECKING:
    from phenolens.explain.tracks import Track

NOTES = (
    (
        "Each bigWig has the mean score of a class's explained sequences at every base that they cover. Where sequences overlap, a base lies in "
        "several of them and has the mean of their scores; bases of no explained sequence have no value."
    ),
    "Regions: darker scores are higher, each class has its colour. Alternative alleles are in no track, because most of their bases are on no genome.",
)
FLANK = 200  # bases shown beside the best region


class Scored(NamedTuple):
    """Scores by one method that are looked up when they are needed.

    method : its name.
    of : rows of SEQUENCES -> their scores, in any order.
    """

    method: str
    of: Callable[[pl.DataFrame], BaseScores]


def write_tracks(job: Job, rows: pl.DataFrame, regions: pl.DataFrame, methods: Iterable[Scored]) -> None:
    """Write explain/METHOD.CLASS.bw, regions.bed, tracks.tsv, igv_session.xml and, where the genome's name is known, hub/.

    Parameters
    ----------
    rows : SEQUENCES that were explained.
    regions : REGIONS.
    methods : per-base scores of these sequences by each method; those of one class on one chromosome are held at a time.
    """
    from phenolens.io.assemblies import assembly_of
    from phenolens.io.bed import write_bed

    explain = job.folder / "explain"
    labels = class_order(job.settings, rows["label"])
    with open_inputs(job.study) as inputs:
        lengths = dict(inputs.genome.lengths) if inputs.genome else {}
        genome = inputs.genome.path if inputs.genome else None
    with folders.whole(explain / "regions.bed") as part:
        write_bed(part, regions, track=f"{job.settings.name}: high-ALRW regions", labels=labels)
    located = rows.filter(pl.col("chrom").is_in(list(lengths)))
    written = [row for scores in methods for row in _bigwigs(explain, scores, located, labels, lengths)]
    schema = {name: column.dtype for name, column in TRACKS.columns.items()}
    tracks = check(pl.DataFrame(written, schema=schema), TRACKS) if written else empty(TRACKS)
    job.write(tracks, "explain/tracks.tsv")
    placed = regions.filter(pl.col("chrom").is_in(list(lengths)))
    assembly = job.settings.explain.assembly or assembly_of(lengths)
    if tracks.height or placed.height:
        _session(explain, assembly or os.path.relpath(genome or "", explain), tracks, placed, labels)
    if assembly and (tracks.height or placed.height):
        _hub(explain, job.settings.name, assembly, tracks, placed, labels, lengths)


def _bigwigs(
    explain: Path, scores: Scored, located: pl.DataFrame, labels: list[str], lengths: dict[str, int]
) -> list[dict[str, object]]:
    """Write one bigWig a class, and return the rows of TRACKS; a class without a base on the genome has none."""
    from phenolens.io.signal import write_bigwig

    rows: list[dict[str, object]] = []
    for label, name in file_names(labels).items():
        found = _by_chromosome(scores, located.filter(pl.col("label") == label), label)
        first = next(found, None)
        if first is None:
            continue
        file = f"{scores.method}.{name}.bw"
        counts: list[tuple[int, int]] = []
        with folders.whole(explain / file) as part:
            write_bigwig(part, _tables(chain([first], found), counts), lengths)
        bases, several = map(sum, zip(*counts, strict=True))
        rows.append({"file": file, "method": scores.method, "label": label, "bases": bases, "several": several})
    return rows


def _by_chromosome(scores: Scored, rows: pl.DataFrame, label: str) -> "Iterator[Track]":
    from phenolens.explain.tracks import class_tracks

    for chrom in rows["chrom"].unique().sort():
        some = rows.filter(pl.col("chrom") == chrom)
        yield from class_tracks(scores.of(some), some, label)


def _tables(tracks: "Iterable[Track]", counts: list[tuple[int, int]]) -> Iterator[pl.DataFrame]:
    """Yield the tables of tracks, and note their bases, and those in several sequences, on the way."""
    for track in tracks:
        counts.append((track.bases, track.several))
        yield track.table


def _session(explain: Path, genome: str, tracks: pl.DataFrame, placed: pl.DataFrame, labels: list[str]) -> None:
    from phenolens.io.bed import COLOURS
    from phenolens.io.igv import IgvTrack, igv_session

    shown = [
        IgvTrack(file, f"{method} {label}", "bigwig", COLOURS[labels.index(label) % len(COLOURS)])
        for file, method, label in tracks.select("file", "method", "label").iter_rows()
    ]
    locus = None
    if placed.height:
        shown.append(IgvTrack("regions.bed", "high-score regions", "bed"))
        chrom, start, end = placed.sort("mean_score", "region_id").select("chrom", "start", "end").row(-1)
        locus = f"{chrom}:{max(start - FLANK, 0) + 1}-{end + FLANK}"
    folders.write_text(igv_session(genome, locus, shown), explain / "igv_session.xml")


def _hub(
    explain: Path,
    name: str,
    assembly: str,
    tracks: pl.DataFrame,
    placed: pl.DataFrame,
    labels: list[str],
    lengths: dict[str, int],
) -> None:
    """Write the hub's text files, put the bigWigs beside its list of tracks, and the regions as a bigBed."""
    from phenolens.io.bed import COLOURS
    from phenolens.io.bigbed import write_bigbed
    from phenolens.io.hub import HubTrack, hub_files

    shape = (("visibility", "full"), ("autoScale", "on"), ("alwaysZero", "on"), ("maxHeightPixels", "100:48:16"))
    shown = [
        HubTrack(file, "bigWig", f"{label} {method}", f"{label}: mean {method} per base", COLOURS[labels.index(label) % len(COLOURS)], shape)
        for file, method, label in tracks.select("file", "method", "label").iter_rows()
    ]  # fmt: skip
    for file in tracks["file"]:
        with folders.whole(explain / "hub" / assembly / file) as part:
            _same(explain / file, part)
    if placed.height:
        with folders.whole(explain / "hub" / assembly / "regions.bb") as part:
            write_bigbed(part, placed, lengths, labels=labels)
        look = (("visibility", "pack"), ("itemRgb", "on"))
        shown.append(HubTrack("regions.bb", "bigBed 9 .", "regions", f"{name}: high-score regions", "0,0,0", look))
    for path, text in hub_files(name, assembly, shown, NOTES).items():
        folders.write_text(text, explain / "hub" / path)


def _same(source: Path, target: Path) -> None:
    """Make target the same file as source, without a second copy where the disk allows that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
