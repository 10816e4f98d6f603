import gzip
import shutil
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from phenolens.core.errors import DataError, InputError
from phenolens.core.schemas import INTERVALS
from phenolens.core.table import check
from phenolens.io import text
from phenolens.io.bed import read_bed, write_bed

SHARED = Path(__file__).parents[2] / "../shared/data"
bedtools = pytest.mark.skipif(shutil.which("bedtools") is None, reason="bedtools is not installed")


@pytest.fixture
def bed(tmp_path):
    path = tmp_path / "regions.bed"

    def write(content):
        path.write_text(content, newline="")
        return path

    return write


def said(path):
    with pytest.raises(InputError) as caught:
        read_bed(path)
    return str(caught.value)


def test_bed3(bed):
    table = check(read_bed(bed("chr1\t0\t5\nchr2\t7\t9\n")), INTERVALS)
    assert table.rows() == [("chr1", 0, 5, None, None, "."), ("chr2", 7, 9, None, None, ".")]


def test_bed6_with_headers_comments_blank_lines_and_absent_cells(bed):
    path = bed(
        'browser position chr1\ntrack name="x y"\n#chrom\tstart\tend\n\n'
        "chr1\t1\t5\tLTR7\t1.5\t+\n  \nchr1\t6\t7\t.\t.\t.\ntrack name=two\nchr1\t8\t9\t\t0\t-\n"
    )
    assert read_bed(path).rows() == [
        ("chr1", 1, 5, "LTR7", 1.5, "+"),
        ("chr1", 6, 7, None, None, "."),
        ("chr1", 8, 9, None, 0.0, "-"),
    ]


def test_bed12_is_its_span(bed):
    row = "chr1\t10\t90\ttx\t0\t-\t20\t80\t0\t2\t10,10,\t0,70,\n"
    assert read_bed(bed(row)).rows() == [("chr1", 10, 90, "tx", 0.0, "-")]


@pytest.mark.parametrize("columns", [3, 4, 5, 6, 9, 12])
def test_any_width(bed, columns):
    cells = ["chr1", "10", "90", "n", "7", "+", "20", "80", "0", "2", "10,10,", "0,70,"]
    expected = ("chr1", 10, 90, "n" if columns > 3 else None, 7.0 if columns > 4 else None, "+" if columns > 5 else ".")
    assert read_bed(bed("\t".join(cells[:columns]) + "\n")).rows() == [expected]


def test_own_columns_after_the_name_are_not_score_and_strand(bed):
    path = bed("chr21\t25024605\t25025005\tENSR1\tCTCF Binding Site\t1\nchr21\t5\t6\tENSR2\tEnhancer\t6\n")
    assert read_bed(path).select("name", "score", "strand").rows() == [("ENSR1", None, "."), ("ENSR2", None, ".")]


def test_windows_line_ends_gzip_and_byte_order_mark_change_nothing(bed, tmp_path):
    plain = read_bed(bed("chr1\t1\t5\ta\t1\t+\nchr1\t6\t7\tb\t2\t-\n"))
    assert read_bed(bed("\ufeffchr1\t1\t5\ta\t1\t+\r\nchr1\t6\t7\tb\t2\t-\r\n")).equals(plain)
    packed = tmp_path / "a.bed.gz"
    packed.write_bytes(gzip.compress(b"chr1\t1\t5\ta\t1\t+\nchr1\t6\t7\tb\t2\t-"))
    assert read_bed(packed).equals(plain)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("chr1\t5\n", "line 1: has 2 columns; expected at least 3 columns (chrom, start, end) separated by tabs"),
        ("chr1\n", "line 1: has 1 column; expected at least 3 columns (chrom, start, end) separated by tabs"),
        (
            "#x\nchr1 5 9\n",
            (
                "line 2: has spaces between its columns; expected at least 3 columns (chrom, start, end) separated by tabs; "
                "put tabs in place of the spaces: sed -E 's/ +/\\t/g'"
            ),
        ),
        (
            "chrom\tstart\tend\nchr1\t5\t9\n",
            "line 1: is a line of column names (chrom, start, end); expected an interval; put # before it",
        ),
        (
            "chr1\t5\t9\nchr1\t5\t9\tx\n",
            "line 2: has 4 columns; expected 3, as the first interval has; give every line the same columns, separated by tabs",
        ),
        ("\t5\t9\n", "line 1: has no chromosome name; expected chrom, start, end separated by tabs"),
        ("chr1\t5\t9\nchr1\tfive\t9\n", "line 2: start is 'five'; expected a whole number, 0-based"),
        ("chr1\t5\t9.5\n", "line 1: end is '9.5'; expected a whole number, 0-based"),
        ("chr1\t5\t\n", "line 1: end is ''; expected a whole number, 0-based"),
        ("chr1\t-5\t9\n", "line 1: start -5 is negative; expected start >= 0"),
        (
            "chr1\t1\t2\nchr1\t180\t120\n",
            "line 2: end 120 is not after start 180; expected start < end, also on the minus strand",
        ),
        (
            "chr1\t7\t7\n",
            "line 1: end 7 is not after start 7; expected 0-based start, exclusive end; a single base at position p (1-based) is p-1, p",
        ),
        (
            "chr1\t1\t2\ta\t5\t+\nchr1\t3\t4\tb\thigh\t+\n",
            "line 2: score is 'high'; expected a number or '.', as the first interval has",
        ),
        ("chr1\t1\t2\ta\t5\t1\n", "line 1: strand is '1'; expected '+', '-' or '.' in column 6"),
        ("chr1\t1\t2\ta\t+\t5\n", "line 1: score is '+', a strand; expected score in column 5 and strand in column 6"),
        (
            "chr1\t1\t2\ta\t5\t+\nchr1\t1\t2\tb\t5\t+\n#\nchr1\t1\t2\ta\t6\t+\n",
            (
                "line 4: holds the interval chr1:1-2 (+) named a again, after line 1; expected every interval once under one name; "
                "remove one of the two lines, or give them different names"
            ),
        ),
        (
            "chr1\t1\t2\nchr1\t1\t2\n",
            (
                "line 2: holds the interval chr1:1-2 (.) without a name again, after line 1; expected every interval once under one name; "
                "remove one of the two lines, or give them different names"
            ),
        ),
    ],
)
def test_bad_line(bed, content, sentence):
    path = bed(content)
    assert said(path) == f"{path}, {sentence}"


@pytest.mark.parametrize("content", ["#only\n", "\n\n", "track name=x\n"])
def test_no_interval(bed, content):
    path = bed(content)
    assert said(path) == f"{path}: has no interval; expected lines of chrom, start, end separated by tabs"


def test_one_name_at_many_places_is_a_family_and_the_strands_of_one_place_differ(bed):
    path = bed("chr1\t1\t2\tLTR7\t0\t+\nchr1\t5\t9\tLTR7\t0\t+\nchr1\t1\t2\tLTR7\t0\t-\nchr1\t1\t2\tLTR5\t0\t+\n")
    assert read_bed(path).height == 4


def test_peak_files_may_repeat_an_interval_for_each_summit(bed):
    path = bed("chr1\t1\t9\t.\t5\t.\t1\t1\t1\t2\nchr1\t1\t9\t.\t5\t.\t1\t1\t1\t6\n")
    assert read_bed(path, keep_duplicates=True).rows() == [("chr1", 1, 9, None, 5.0, ".")]


def test_batch_size_changes_nothing_even_the_line_of_an_error(bed, monkeypatch):
    lines = [f"chr1\t{i}\t{i + 5}\tn{i}\t{i}\t+\n" for i in range(50)]
    whole = read_bed(bed("".join(lines)))
    monkeypatch.setitem(text.line_batches.__kwdefaults__, "size", 64)
    assert read_bed(bed("".join(lines))).equals(whole)
    path = bed("".join(lines) + "chr1\t1\n")
    assert said(path).startswith(f"{path}, line 51: has 2 columns; expected 6")
    path = bed("".join([*lines, "#\n", lines[3]]))
    assert said(path).startswith(f"{path}, line 52: holds the interval chr1:3-8 (+) named n3 again, after line 4;")


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name",
    [
        "herv/ervmap.chr22.hg19.bed",
        "herv/HERVH_sub-label.hg38.bed",
        "annotation/dhs_hepg2.hg19.bed.gz",
        "annotation/regulatory_build.chr21.GRCh38.bed",
    ],
)
def test_real_files_have_the_places_that_splitting_each_line_gives(name):
    path = SHARED / name
    if not path.is_file():
        pytest.skip("the shared data is not here")
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt") as handle:
        cells = [line.rstrip("\n").split("\t") for line in handle if not line.startswith("track")]
    table = check(read_bed(path), INTERVALS)
    assert table.select("chrom", "start", "end").rows() == [(c[0], int(c[1]), int(c[2])) for c in cells]


def regions(**changes):
    base = {
        "region_id": ["r2", "r1", "r3", "r4"],
        "chrom": ["chr2", "chr1", None, "chr1"],
        "start": [5, 100, None, 20],
        "end": [9, 130, None, 25],
        "strand": ["+", "-", None, "."],
        "label": ["b", "a", "a", "b"],
        "mean_score": [0.0, 2.0, 9.0, 0.5],
    }
    return pl.DataFrame(base | changes)


def test_write_bed(tmp_path):
    path = tmp_path / "out.bed"
    write_bed(path, regions(), track='my "study"')
    assert path.read_text().splitlines() == [
        'track name="my \'study\'" itemRgb="On" useScore="0"',
        "chr1\t20\t25\tr4\t250\t.\t20\t25\t213,94,0",
        "chr1\t100\t130\tr1\t1000\t-\t100\t130\t0,114,178",
        "chr2\t5\t9\tr2\t0\t+\t5\t9\t213,94,0",
    ]


def test_written_bed_reads_back(tmp_path):
    generator = np.random.default_rng(3)
    n = 200
    start = generator.integers(0, 10_000, n)
    table = pl.DataFrame(
        {
            "region_id": [f"r{i}" for i in range(n)],
            "chrom": generator.choice(["chr1", "chr10", "chrX"], n),
            "start": start,
            "end": start + generator.integers(1, 50, n),
            "strand": generator.choice(["+", "-"], n),
            "label": generator.choice(["a", "b"], n),
            "mean_score": generator.normal(size=n),
        }
    )
    write_bed(tmp_path / "a.bed", table)
    back = read_bed(tmp_path / "a.bed").sort("name")
    assert back.select("chrom", "start", "end", "strand").equals(
        table.sort("region_id").select("chrom", "start", "end", "strand")
    )
    assert (back["score"].min(), back["score"].max()) == (0, 1000)
    # the order of scores is the table's, but for values that round to one integer
    rank = back["score"].to_numpy()[np.argsort(table.sort("region_id")["mean_score"].to_numpy())]
    assert (np.diff(rank) >= 0).all()


@bedtools
def test_bedtools_reads_and_finds_it_sorted(tmp_path):
    write_bed(tmp_path / "a.bed", regions(), track="x")
    answer = subprocess.run(
        ["bedtools", "merge", "-c", "4,5", "-o", "distinct,max", "-i", tmp_path / "a.bed"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.splitlines() == ["chr1\t20\t25\tr4\t250", "chr1\t100\t130\tr1\t1000", "chr2\t5\t9\tr2\t0"]


def test_equal_scores_are_all_1000_and_no_row_gives_an_empty_file(tmp_path):
    path = tmp_path / "a.bed"
    write_bed(path, regions(mean_score=[0.3] * 4))
    assert set(read_bed(path)["score"]) == {1000.0}
    write_bed(path, regions().clear())
    assert path.read_text() == ""


def test_what_cannot_be_written(tmp_path):
    path = tmp_path / "a.bed"
    with pytest.raises(DataError) as caught:
        write_bed(path, regions(region_id=["a\tb", "r1", "r3", "r4"]))
    assert (
        str(caught.value) == f"table for {path}: region_id 'a\\tb' holds a tab or line end; expected none in a BED name"
    )
    for absent in (None, float("nan")):
        with pytest.raises(DataError) as caught:
            write_bed(path, regions(mean_score=[absent, 2.0, 9.0, 0.5]))
        assert str(caught.value) == f"table for {path}: mean_score of r2 is absent; expected a number in every row"
    assert not path.exists()


def test_features_are_names_or_the_text_in_place_of_a_score(bed):
    path = bed("chr1\t1\t5\tA\tEnhancer\nchr1\t6\t9\tB\tPromoter\nchr2\t1\t2\tPromoter\tEnhancer\n")
    assert read_bed(path, ("Enhancer",))["name"].to_list() == ["A", "Promoter"]
    assert read_bed(path, ("Promoter",))["name"].to_list() == ["B", "Promoter"]
    assert read_bed(path, ("A", "B"))["start"].to_list() == [1, 6]
    scored = bed("chr1\t1\t5\tLTR7\t900\t+\nchr1\t6\t9\tLTR7B\t10\t-\nchr1\t7\t9\t.\t10\t-\n")
    assert read_bed(scored, ("LTR7",)).rows() == [("chr1", 1, 5, "LTR7", 900.0, "+")]
    with pytest.raises(InputError) as caught:
        read_bed(scored, ("LTR7", "900"))
    assert str(caught.value) == (
        f"{scored}: has no feature '900'; expected one of: LTR7, LTR7B; change what follows # in the study file"
    )
    with pytest.raises(InputError, match="its name without #"):
        read_bed(bed("chr1\t1\t5\n"), ("LTR7",))


def test_a_feature_does_not_hide_a_duplicate(bed):
    path = bed("chr1\t1\t5\tA\nchr1\t6\t9\tB\nchr1\t6\t9\tB\n")
    with pytest.raises(InputError, match="line 3: holds the interval"):
        read_bed(path, ("A",))
