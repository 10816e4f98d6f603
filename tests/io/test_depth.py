"""Tables of odgi depth: which rows lie on the ground, paths of two references, and what is no such table."""

import polars as pl
import pytest

from phenolens.core.errors import InputError
from phenolens.core.ground import ground
from phenolens.core.schemas_variants import DEPTHS
from phenolens.core.table import check
from phenolens.io.depth import depth_rows

HEADER = "#path\tstart\tend\tmean.depth\n"
ROWS = (
    "GRCh38#0#chr1\t0\t100\t90.5\nGRCh38#0#chr1\t100\t200\t1e+02\nHG00438#1#JAHBCB010000001.1\t0\t50\t3\n"
    "GRCh38#0#chr2\t0\t100\t88\n"
)


def wanted(*places):
    return ground(pl.DataFrame(places, schema={"chrom": pl.String, "start": pl.Int64, "end": pl.Int64}, orient="row"))


def read(path, text, stretches=None, paths=None):
    path.write_text(text)
    batches = list(depth_rows(path, stretches or wanted(("chr1", 99, 101)), ["chr1", "chr2"], paths))
    return (
        check(pl.concat([b.table for b in batches]), DEPTHS),
        sum(b.others for b in batches),
        [c for b in batches for c in b.chroms],
    )


def test_rows_that_meet_the_ground_are_kept(tmp_path):
    table, others, chroms = read(tmp_path / "d.tsv", HEADER + ROWS)
    assert table.rows() == [("chr1", 0, 100, 90.5), ("chr1", 100, 200, 100.0)]
    assert (others, chroms) == (1, ["chr1", "chr2"])
    assert read(tmp_path / "d.tsv", ROWS, wanted(("chr1", 100, 101)))[0]["start"].to_list() == [100]


def test_of_two_references_the_study_chooses(tmp_path):
    both = HEADER + ROWS + "CHM13#0#chr1\t0\t100\t7\n"
    with pytest.raises(InputError) as caught:
        read(tmp_path / "d.tsv", both)
    assert "calls one chromosome by two names: GRCh38#0#chr1 and CHM13#0#chr1; expected one path a chromosome" in str(
        caught.value
    )
    assert 'choose: depth_paths = "GRCh38#"' in str(caught.value)
    assert read(tmp_path / "d.tsv", both, paths="CHM13#")[0].rows() == [("chr1", 0, 100, 7.0)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("#node.id\tdepth\tdepth.uniq\n1\t3\t3\n", "line 1: begins with the column names node.id, depth, depth.uniq; expected path, start, end, mean.depth; make it by ranges of paths"),
        (HEADER + "chr1\t5\t5\t3\n", "line 2: has the row 'chr1 5 5 3'; expected path, start, end after it"),
        (HEADER + "chr1\t5\t9\tdeep\n", "line 2: has the row"),
        (HEADER + "chr1\t5\t9\n", "line 2: has the row"),
    ],
)  # fmt: skip
def test_what_is_no_such_table_has_its_sentence(tmp_path, text, sentence):
    with pytest.raises(InputError) as caught:
        read(tmp_path / "d.tsv", text)
    assert sentence in str(caught.value)
