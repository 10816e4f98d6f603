import polars as pl
import pytest

from phenolens.annotate.motif_sets import motif_regions, motif_sets
from phenolens.core.schemas_motifs import ENRICHMENT, HITS, MOTIF_REGIONS
from phenolens.core.table import check


def enrichment_of(rows, fill):
    """(case, scope, control, motif, cluster, enriched) ... -> ENRICHMENT."""
    names = ("case", "scope", "control", "motif_id", "cluster", "enriched")
    return fill(
        ENRICHMENT, [dict(zip(names, row, strict=True)) | {"motif_name": row[3].upper()} for row in rows], **NUMBERS
    )


NUMBERS = dict.fromkeys(("case_hits", "case_total", "control_hits", "control_total"), 1) | dict.fromkeys(
    ("p_value", "q_value"), 1.0
)


@pytest.fixture
def fill():
    def make(schema, rows, **defaults):
        full = [{n: row.get(n, defaults.get(n)) for n in schema.columns} for row in rows]
        return check(pl.DataFrame(full, schema={n: c.dtype for n, c in schema.columns.items()}), schema)

    return make


def test_each_motif_lies_in_one_combination_and_clusters_count_once(fill):
    table = enrichment_of(
        [
            ("a", "regions", "x", "m1", "m1", True),
            ("a", "regions", "y", "m1", "m1", True),
            ("a", "regions", "x", "m2", "m1", True),
            ("a", "regions", "x", "m3", "m3", True),
            ("a", "regions", "x", "m4", "m4", False),
            ("b", "regions", "x", "m3", "m3", True),
            ("b", "regions", "x", "m5", "m5", True),
            ("a", "whole", "x", "m3", "m3", True),
            ("a", "whole", "x", "m4", "m4", True),
        ],
        fill,
    )
    assert motif_sets(table).rows() == [
        ("classes, regions", "a", 2, 1, "M1"),
        ("classes, regions", "a & b", 1, 1, "M3"),
        ("classes, regions", "b", 1, 1, "M5"),
        ("classes, whole sequences", "a", 2, 2, "M3, M4"),
        ("a: regions and whole sequences", "regions", 2, 1, "M1"),
        ("a: regions and whole sequences", "regions & whole sequences", 1, 1, "M3"),
        ("a: regions and whole sequences", "whole sequences", 1, 1, "M4"),
        ("b: regions and whole sequences", "regions", 2, 2, "M3, M5"),
    ]
    assert motif_sets(table.clear()).is_empty()


def test_places_of_enriched_hits_are_merged_within_ten_bases(sequences_of, regions_of, fill):
    letters = "ACGT" * 30
    sequences = sequences_of(
        [
            {"sequence_id": "p", "sequence": letters, "chrom": "chr1", "start": 1000, "strand": "+"},
            {"sequence_id": "n", "sequence": letters, "chrom": "chr1", "start": 2000, "strand": "-"},
            {"sequence_id": "u", "sequence": letters},
        ]
    )
    regions = regions_of(sequences, [("p", 10, 90), ("n", 20, 100), ("u", 0, 80), ("p", 100, 120, "b")])
    places = [("m1", "r00000", 5, 11), ("m2", "r00000", 21, 30), ("m1", "r00000", 41, 47), ("m1", "r00001", 0, 6)]
    places += [("m1", "r00002", 0, 6), ("m9", "r00000", 60, 66), ("m1", "r00003", 0, 6)]
    rest = {"strand": "+", "score": 1.0, "p_value": 0.1, "q_value": 0.1, "matched": "A"}
    names = ("motif_id", "sequence_id", "start", "end")
    hits = fill(HITS, [dict(zip(names, place, strict=True)) | rest for place in places])
    table = enrichment_of(
        [
            ("a", "regions", "x", "m1", "m1", True),
            ("a", "regions", "x", "m2", "m1", True),
            ("a", "regions", "x", "m9", "m9", False),
        ],
        fill,
    )
    found = check(motif_regions(hits, regions, table), MOTIF_REGIONS)
    # the region of + lies at 1010; hits 5-11 and 21-30 lie ten bases apart, 41-47 eleven; that of - at 2000 + 120 - 100, read backwards
    assert found.rows() == [
        ("chr1", 1015, 1040, "a", 2, "m1, m2"),
        ("chr1", 1051, 1057, "a", 1, "m1"),
        ("chr1", 2094, 2100, "a", 1, "m1"),
    ]
    assert motif_regions(hits, regions, table.clear()).is_empty()
