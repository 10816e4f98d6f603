"""Sizes, lengths and overlaps with genes, against plain Python and bedtools."""

import shutil
import subprocess
from statistics import mean, median

import numpy as np
import polars as pl
import pytest
from sequence_tables import dna, sequence_table

from phenolens.core.schemas import GENES
from phenolens.dataset.statistics import MOST_TYPES, overlap_with_types, statistics


def genes(rows):
    """GENES of (chrom, start, end, type) or with a feature behind."""
    full = [
        (c, s, e, "+", rest[0] if rest else "gene", f"g{i}", None, kind)
        for i, (c, s, e, kind, *rest) in enumerate(rows)
    ]
    return pl.DataFrame(full, schema={n: c.dtype for n, c in GENES.columns.items()}, orient="row")


def placed(rows):
    """SEQUENCES of (label, chrom, start, end)."""
    table = sequence_table([(label, "train", "A") for label, *_ in rows])
    columns = {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64}
    return table.with_columns(
        pl.Series(n, [r[i + 1] for r in rows], dtype) for i, (n, dtype) in enumerate(columns.items())
    )


def test_statistics_are_those_of_lists():
    random = np.random.default_rng(1)
    rows = [
        (
            str(random.choice(["a", "b"])),
            str(random.choice(["train", "test"])),
            dna(random, int(random.integers(1, 60))),
        )
        for _ in range(80)
    ]
    table = sequence_table(rows).with_columns(group=pl.Series([f"g{i % 9}" for i in range(80)]))
    found = statistics(table)
    assert found.select("label", "split").rows() == [
        *((label, split) for label in "ab" for split in ("train", "validation", "test")),
        ("a", None), ("b", None), (None, "train"), (None, "validation"), (None, "test"), (None, None),
    ]  # fmt: skip
    for row in found.iter_rows(named=True):
        chosen = [
            i
            for i, (label, split, _) in enumerate(rows)
            if row["label"] in (None, label) and row["split"] in (None, split)
        ]
        size = [len(rows[i][2]) for i in chosen]
        assert (row["sequences"], row["bases"]) == (len(size), sum(size))
        assert row["groups"] == len({i % 9 for i in chosen})
        lengths = [row[name] for name in ("length_min", "length_median", "length_mean", "length_max")]
        assert lengths == (pytest.approx([min(size), median(size), mean(size), max(size)]) if size else [None] * 4)


def test_overlaps_by_hand():
    table = placed(
        [
            ("a", "chr1", 10, 20),
            ("a", "chr1", 20, 30),
            ("a", "chr2", 10, 20),
            ("b", "chr1", 0, 99),
            ("b", None, None, None),
        ]
    )
    annotation = genes(
        [
            ("chr1", 19, 20, "mRNA"),
            ("chr1", 15, 22, "mRNA"),
            ("chr1", 25, 27, "lncRNA"),
            ("chr2", 20, 30, None),
            ("chr3", 0, 9, "x"),
        ]
    )
    assert overlap_with_types(table, annotation).rows() == [
        ("a", "mRNA", 2, 2 / 3), ("a", "lncRNA", 1, 1 / 3), ("a", "no gene", 1, 1 / 3),
        ("b", "mRNA", 1, 1.0), ("b", "lncRNA", 1, 1.0), ("b", "no gene", 0, 0.0),
    ]  # fmt: skip


def test_exons_count_only_where_there_are_no_genes():
    table = placed([("a", "chr1", 10, 20), ("a", "chr1", 40, 50)])
    both = [("chr1", 0, 30, "x", "gene"), ("chr1", 40, 50, "y", "exon")]
    assert overlap_with_types(table, genes(both))["gene_type"].to_list() == ["x", "no gene"]
    assert overlap_with_types(table, genes(both[1:]))["gene_type"].to_list() == ["y", "no gene"]
    untyped = overlap_with_types(table, genes([("chr1", 0, 30, None)]))
    assert untyped["gene_type"].to_list() == ["type not given", "no gene"]


def test_rare_types_are_one_row_and_a_sequence_counts_once_in_it():
    frequent = [("chr1", 0, 100, f"t{i}") for i in range(MOST_TYPES)]
    rare = [("chr1", 0, 10, "r1"), ("chr1", 0, 10, "r2")]
    table = placed([("a", "chr1", 0, 5), ("a", "chr1", 50, 60)])
    found = dict(overlap_with_types(table, genes(frequent + rare)).select("gene_type", "sequences").iter_rows())
    assert found == {f"t{i}": 2 for i in range(MOST_TYPES)} | {"other": 1, "no gene": 0}


@pytest.mark.parametrize("annotation", [None, []])
def test_without_genes_or_coordinates_there_is_no_row(annotation):
    table = placed([("a", "chr1", 0, 5)])
    assert overlap_with_types(table, None if annotation is None else genes(annotation)).height == 0
    assert overlap_with_types(placed([("a", None, None, None)]), genes([("chr1", 0, 9, "x")])).height == 0


@pytest.mark.skipif(shutil.which("bedtools") is None, reason="bedtools is not installed")
def test_overlaps_are_those_of_bedtools(tmp_path):
    random = np.random.default_rng(2)

    def drawn(n, longest):
        start = random.integers(0, 100_000, n)
        return zip(
            random.choice(["chr1", "chr2", "chrX"], n).tolist(),
            start.tolist(),
            (start + random.integers(1, longest, n)).tolist(),
            strict=True,
        )

    table = placed([(str(random.choice(["a", "b"])), *place) for place in drawn(400, 900)])
    types = ["t1", "t2", "t3", "t4"]
    annotation = genes([(*place, str(random.choice(types))) for place in drawn(150, 2000)])
    table.select("chrom", "start", "end", "label").write_csv(tmp_path / "a.bed", separator="\t", include_header=False)
    expected = {}
    for kind in types:
        annotation.filter(gene_type=kind).select("chrom", "start", "end").write_csv(
            tmp_path / "b.bed", separator="\t", include_header=False
        )
        out = subprocess.run(
            ["bedtools", "intersect", "-u", "-a", tmp_path / "a.bed", "-b", tmp_path / "b.bed"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for label in "ab":
            expected[label, kind] = sum(line.endswith(f"\t{label}") for line in out.splitlines())
    annotation.select("chrom", "start", "end").write_csv(tmp_path / "b.bed", separator="\t", include_header=False)
    out = subprocess.run(
        ["bedtools", "intersect", "-v", "-a", tmp_path / "a.bed", "-b", tmp_path / "b.bed"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for label in "ab":
        expected[label, "no gene"] = sum(line.endswith(f"\t{label}") for line in out.splitlines())
    found = {(label, kind): n for label, kind, n, _ in overlap_with_types(table, annotation).iter_rows()}
    assert found == expected
