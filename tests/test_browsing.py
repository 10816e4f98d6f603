"""Tracks, regions, hub and session of a small study, read back by other programs than the one that wrote them."""

import shutil
import subprocess
from functools import partial
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pybigtools
import pytest
from tiny import random_sequences

from phenolens.browsing import Scored, write_tracks
from phenolens.core.progress import Silent
from phenolens.core.settings_explain import ExplainSettings
from phenolens.core.study import load_study
from phenolens.core.types import BaseScores
from phenolens.explain.regions import find_regions
from phenolens.job import Job

COMPLEMENT = str.maketrans("ACGT", "TGCA")
STUDY = """
name = "two & more"
[dataset]
genome = "genome.fa"
classes = [{ label = "a b", intervals = "x.bed" }, { label = "a_b", intervals = "x.bed" }, { label = "none", intervals = "x.bed" }]
[explain]
"""
LENGTH = 60


@pytest.fixture
def made(tmp_path):
    """Genome, 40 overlapping sequences of two classes whose file names would be one, on both strands, and an allele."""
    genome = dict(zip(("chr1", "chr2"), random_sequences(2, 600, 1), strict=True))
    (tmp_path / "genome.fa").write_text("".join(f">{c}\n{s}\n" for c, s in genome.items()))
    rng = np.random.default_rng(2)
    rows = []
    for i in range(40):
        chrom, start, strand = f"chr{1 + i % 2}", int(rng.integers(0, 600 - LENGTH)), "+-"[i // 2 % 2]
        text = genome[chrom][start : start + LENGTH]
        text = text.translate(COMPLEMENT)[::-1] if strand == "-" else text
        allele = ("v", f"{LENGTH}M") if i == 39 else (None, None)
        rows.append((f"s{i}", chrom, start, start + LENGTH, strand, *allele, text, ("a b", "a_b")[i % 3 == 0]))
    columns = ["sequence_id", "chrom", "start", "end", "strand", "allele", "cigar", "sequence", "label"]
    table = pl.DataFrame(rows, schema=columns, orient="row").with_columns(pl.col("start", "end").cast(pl.Int64))
    values = rng.random((40, LENGTH)).astype(np.float32)
    return (
        tmp_path,
        table,
        [BaseScores(table["sequence_id"].to_list(), values * k, m) for k, m in ((1, "alrw"), (-2, "ism"))],
    )


def written(made, extra=""):
    folder, table, methods = made
    (folder / "study.toml").write_text(STUDY + extra)
    regions = find_regions(methods[0], table, ExplainSettings(min_run=3))
    scored = [Scored(scores.method, partial(lambda found, rows: found, scores)) for scores in methods]
    write_tracks(Job(load_study(folder / "study.toml"), folder / "run", Silent()), table, regions, scored)
    return folder / "run" / "explain", regions


def test_tracks_hold_the_mean_of_the_sequences_that_cover_a_base(made):
    explain, _ = written(made)
    _, table, methods = made
    tracks = pl.read_csv(explain / "tracks.tsv", separator="\t")
    assert tracks["file"].n_unique() == 4, "two methods of two classes; the third class has no sequence"
    for file, method, label, bases, several in tracks.iter_rows():
        scores = next(m for m in methods if m.method == method).values
        held: dict[tuple[str, int], list[float]] = {}
        for i, row in enumerate(table.iter_rows(named=True)):
            if row["label"] == label and row["allele"] is None:
                for j, value in enumerate(scores[i].tolist()):
                    at = row["end"] - 1 - j if row["strand"] == "-" else row["start"] + j
                    held.setdefault((row["chrom"], at), []).append(value)
        with pybigtools.open(str(explain / file)) as opened:
            for chrom in ("chr1", "chr2"):
                found = opened.values(chrom, 0, 600, fillna=None)
                wanted = [np.mean(held.get((chrom, i), [np.nan])) for i in range(600)]
                np.testing.assert_allclose(found, wanted, rtol=1e-6)
        assert (bases, several) == (len(held), sum(len(values) > 1 for values in held.values()))


def test_a_second_reader_finds_the_same_numbers(made):
    reader = pytest.importorskip("pyBigWig", reason="pyBigWig, a second reader, is not installed")
    explain, _ = written(made)
    for file in pl.read_csv(explain / "tracks.tsv", separator="\t")["file"]:
        opened = reader.open(str(explain / file))
        with pybigtools.open(str(explain / file)) as other:
            for chrom in ("chr1", "chr2"):
                np.testing.assert_array_equal(opened.values(chrom, 0, 600), other.values(chrom, 0, 600, fillna=None))


def test_bedtools_fetches_the_letters_of_every_region(made):
    if shutil.which("bedtools") is None:
        pytest.skip("bedtools is not installed")
    explain, regions = written(made)
    command = [
        "bedtools",
        "getfasta",
        "-s",
        "-nameOnly",
        "-tab",
        "-fi",
        made[0] / "genome.fa",
        "-bed",
        explain / "regions.bed",
    ]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    fetched = {line.split("\t")[0][:-3]: line.split("\t")[1] for line in lines}
    assert len(fetched) > 20
    assert fetched == dict(regions.select("region_id", "sequence").iter_rows())


def test_the_session_points_to_files_that_are_there(made):
    explain, regions = written(made)
    root = ElementTree.parse(explain / "igv_session.xml").getroot()
    assert (explain / root.get("genome")).resolve() == (made[0] / "genome.fa").resolve()
    paths = [r.get("path") for r in root.findall("Resources/Resource")]
    assert len(paths) == 5
    assert all((explain / path).is_file() for path in paths)
    chrom, span = root.get("locus").split(":")
    best = regions.sort("mean_score").row(-1, named=True)
    assert chrom == best["chrom"]
    assert int(span.split("-")[0]) <= best["start"] + 1 < best["end"] <= int(span.split("-")[1])


def test_a_hub_is_made_for_a_genome_with_a_name_and_is_whole_by_itself(made):
    explain, regions = written(made)
    assert not (explain / "hub").exists(), "browsers could not tell which genome this is"
    explain, regions = written(made, 'assembly = "hg38"')
    moved = shutil.copytree(explain / "hub", made[0] / "elsewhere")
    tracks = [
        dict(line.split(" ", 1) for line in part.splitlines())
        for part in (moved / "hg38" / "trackDb.txt").read_text().strip().split("\n\n")
    ]
    assert len(tracks) == 5
    for track in tracks:
        assert (moved / "hg38" / track["bigDataUrl"]).is_file()
        assert (moved / "hg38" / f"{track['html']}.html").is_file()
    regions_track = tracks[-1]
    assert (regions_track["type"], regions_track["itemRgb"]) == ("bigBed 9 .", "on")
    with pybigtools.open(str(moved / "hg38" / regions_track["bigDataUrl"])) as opened:
        assert sum(len(list(opened.records(chrom))) for chrom in opened.chroms()) == regions.height
    for name in ("alrw.a_b.bw", "alrw.a_b-2.bw"):
        assert (moved / "hg38" / name).read_bytes() == (explain / name).read_bytes()


def test_sequences_without_a_genome_leave_no_track_and_say_nothing_wrong(made):
    folder, table, methods = made
    off = table.with_columns(pl.lit(None, dtype=pl.String).alias("chrom"))
    explain, _ = written((folder, off, methods))
    assert pl.read_csv(explain / "tracks.tsv", separator="\t").height == 0
    assert not list(explain.glob("*.bw"))
    assert not (explain / "igv_session.xml").exists()
    assert "s0" not in (explain / "regions.bed").read_text()
