"""Files of scored variants: every format as it is distributed, rows by index and in order against a loop over lines, and what is wrong with a file."""

import csv
import gzip
import os
from pathlib import Path

import numpy as np
import polars as pl
import pysam
import pytest
from polars.testing import assert_frame_equal

from phenolens.core.errors import InputError
from phenolens.core.ground import ground
from phenolens.core.schemas_variants import SCORED
from phenolens.core.table import check
from phenolens.io import variant_scores
from phenolens.io.score_layouts import Asked, find_layout
from phenolens.io.variant_scores import ScoreFile

SHARED = Path(__file__).parents[3] / "shared" / "data"
NEEDS_SHARED = pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
ALPHAMISSENSE = """# Copyright of its makers
#
#CHROM\tPOS\tREF\tALT\tgenome\tuniprot_id\ttranscript_id\tprotein_variant\tam_pathogenicity\tam_class
"""
PRIMATEAI = """# For research use only.
#

chr\tpos\tref\talt\trefAA\taltAA\tstrand_1pos_0neg\ttrinucleotide_context\tUCSC_gene\tExAC_coverage\tprimateDL_score
chr10\t1003\tC\tT\tR\tC\t1\tCCG\tuc001ift.3\t45.49\t0.75
chr10\t1001\tg\tA\tR\tH\t1\tCGT\tuc001ift.3\t45.67\t0.25
"""
CADD = (
    "## CADD GRCh38-v1.7\n#Chrom\tPos\tRef\tAlt\tRawScore\tPHRED\n10\t1002\tA\tC\t0.1\t3.5\n10\t1002\tA\tG\t1.1\t23.5\n"
)
DBNSFP = """#chr\tpos(1-based)\tref\talt\taaref\taaalt\thg19_chr\thg19_pos(1-based)\taapos\tgenename\tEnsembl_transcriptid\tREVEL_score
10\t1002\tA\tC\tK\tN\t10\t52\t.;7\tG1;G1\tE1;E2\t.;0.25;0.5
10\t1003\tA\tC\tK\tN\t10\t53\t8\tG1\tE1\t.
"""
CLINVAR = (
    "release\tchromosome\tstart\tend\tbin\treference\talternative\tsymbols\tsummary_clinvar_pathogenicity\n"
    + "".join(
        f'GRCh37\t10\t{1001 + i}\t{1001 + i}\t7\t{ref}\tT\t{{"ADA2"}}\t{{"{verdict}"}}\n'
        for i, (ref, verdict) in enumerate(
            [
                ("A", 'likely pathogenic","pathogenic'),
                ("C", "benign"),
                ("G", "uncertain significance"),
                ("GA", "pathogenic"),
            ]
        )
    )
)


def wanted(*places):
    return ground(pl.DataFrame(places, schema={"chrom": pl.String, "start": pl.Int64, "end": pl.Int64}, orient="row"))


def read(path, stretches, known=("chr1", "chr2", "chr10"), asked=None, folder=None):
    """(SCORED, the file as it was read, rows left out)."""
    file = ScoreFile(path, find_layout(path, asked or Asked()), known)
    batches = list(file.rows(stretches, folder))
    lost = {}
    for batch in batches:
        for reason, n in batch.skipped.items():
            lost[reason] = lost.get(reason, 0) + n
    table = check(pl.concat([batch.table for batch in batches]), SCORED)
    return table, file, lost


def refused(path, stretches=None, asked=None, folder=None):
    with pytest.raises(InputError) as caught:
        read(path, stretches or wanted(("chr10", 1000, 1010)), asked=asked, folder=folder)
    return str(caught.value)


def written(path, text):
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as out:
        out.write(text)
    return path


def bgzip(path, text):
    with pysam.BGZFile(str(path), "wb") as out:
        out.write(text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "asked", "rows"),
    [
        (PRIMATEAI, Asked(), [("chr10", 1002, "C", "T", 0.75, None, None, "uc001ift.3", "R?C"), ("chr10", 1000, "G", "A", 0.25, None, None, "uc001ift.3", "R?H")]),
        (CADD, Asked(), [("chr10", 1001, "A", "C", 3.5, None, None, None, None), ("chr10", 1001, "A", "G", 23.5, None, None, None, None)]),
        (CADD, Asked("table", "RawScore"), [("chr10", 1001, "A", "C", 0.1, None, None, None, None), ("chr10", 1001, "A", "G", 1.1, None, None, None, None)]),
        (DBNSFP, Asked(column="REVEL_score"), [("chr10", 1001, "A", "C", 0.5, None, "G1", "E1;E2", None)]),
        (CLINVAR, Asked(), [("chr10", 1000, "A", "T", 1.0, "likely pathogenic,pathogenic", "ADA2", None, None), ("chr10", 1001, "C", "T", 0.0, "benign", "ADA2", None, None)]),
        (ALPHAMISSENSE + "chr10\t1002\tA\tC\thg38\tP1\tE1.4\tV2L\t0.2937\tlikely_benign\n", Asked(), [("chr10", 1001, "A", "C", 0.2937, "likely_benign", None, "P1", "V2L")]),
        ("CHROM,POS,REF,ALT,mine\n10,1002,A,C,7\n", Asked(column="mine"), [("chr10", 1001, "A", "C", 7.0, None, None, None, None)]),
    ],
)  # fmt: skip
def test_each_format_is_told_by_its_columns(tmp_path, text, asked, rows):
    path = written(tmp_path / "a.tsv.gz", text)
    table, file, _ = read(path, wanted(("chr10", 1000, 1005)), asked=asked)
    assert table.rows() == rows
    assert file.renamed == ({} if "chr10" in text else {"10": "chr10"})


def test_a_column_of_another_build_is_the_place_when_it_is_asked_for(tmp_path):
    path = written(tmp_path / "a.tsv", DBNSFP)
    asked = Asked(column="REVEL_score", chromosome="hg19_chr", position="hg19_pos(1-based)")
    assert read(path, wanted(("chr10", 50, 60)), asked=asked)[0]["start"].to_list() == [51]
    assert read(path, wanted(("chr10", 1000, 1010)), asked=asked)[0].is_empty()


def test_what_has_no_score_or_is_no_substitution_is_counted(tmp_path):
    _, _, lost = read(written(tmp_path / "a.tsv", CLINVAR), wanted(("chr10", 1000, 1010)))
    assert lost == {"without a score": 1, "not a substitution of one base": 1}


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """AlphaMissense's format, 9,000 rows on three chromosomes: (folder, rows, stretches)."""
    generator = np.random.default_rng(6)
    rows = []
    for chrom in ("chr1", "chr2", "chr9"):
        for base in np.sort(generator.choice(200_000, 1000, replace=False)).tolist():
            ref = "ACGT"[base % 4]
            rows += [(chrom, base, ref, alt, f"{generator.random():.4f}", f"V{base}L") for alt in "ACGT" if alt != ref]
    folder = tmp_path_factory.mktemp("scores")
    text = ALPHAMISSENSE + "".join(
        f"{c}\t{b + 1}\t{r}\t{a}\thg38\tP1\tE1\t{v}\t{s}\tambiguous\n" for c, b, r, a, s, v in rows
    )
    bgzip(folder / "sorted.tsv.gz", text)
    written(folder / "plain.gz", text)
    start = np.sort(generator.integers(0, 200_000, 60)).tolist()
    return folder, rows, wanted(*[(("chr1", "chr2", "chr10")[i % 3], s, s + 900) for i, s in enumerate(start)])


def expected(rows, stretches):
    places = stretches.table.rows()
    return [
        (c, b, r, a, float(s))
        for c, b, r, a, s, _ in rows
        if any(c == n and low <= b < high for n, low, high in places)
    ]


@pytest.mark.parametrize("size", [1 << 13, 1 << 16, 1 << 24])
def test_rows_in_order_equal_a_loop_for_any_block(large, monkeypatch, size):
    folder, rows, stretches = large
    whole = variant_scores.blocks
    monkeypatch.setattr(variant_scores, "blocks", lambda path, size: whole(path, size=chosen))
    chosen = size
    table, _, _ = read(folder / "plain.gz", stretches)
    assert table.select("chrom", "start", "ref", "alt", "score").rows() == expected(rows, stretches)
    assert table.height > 500


def test_rows_by_an_index_of_ours_equal_those_in_order(large, monkeypatch, tmp_path):
    folder, _, stretches = large
    monkeypatch.setattr(variant_scores, "BYTES_A_QUERY", 1)
    monkeypatch.setattr(variant_scores, "LINES", 100)
    (path := tmp_path / "copy.tsv.gz").write_bytes((folder / "sorted.tsv.gz").read_bytes())
    found, file, _ = read(path, stretches, folder=tmp_path / "indexes")
    assert_frame_equal(found.sort(found.columns), read(folder / "plain.gz", stretches)[0].sort(found.columns))
    made = list((tmp_path / "indexes").iterdir())
    assert len(made) == 1
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["copy.tsv.gz"]
    assert file.notes == []
    time = made[0].stat().st_mtime_ns
    read(path, stretches, folder=tmp_path / "indexes")
    assert made[0].stat().st_mtime_ns == time


def test_an_index_beside_the_file_is_used_and_an_old_one_refused(large, monkeypatch, tmp_path):
    folder, rows, stretches = large
    monkeypatch.setattr(variant_scores, "BYTES_A_QUERY", 1)
    (path := tmp_path / "a.tsv.gz").write_bytes((folder / "sorted.tsv.gz").read_bytes())
    pysam.tabix_index(str(path), seq_col=0, start_col=1, end_col=1)
    monkeypatch.setattr(variant_scores, "blocks", None)  # nothing is read from end to end
    assert read(path, stretches)[0].height == len(expected(rows, stretches))
    os.utime(path, (2e9, 2e9))
    assert refused(path, stretches).startswith(
        f"{path}.tbi: is older than {path}; expected an index made after its file"
    )


def test_rows_out_of_order_are_read_all_the_same_and_a_note_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(variant_scores, "BYTES_A_QUERY", 1)
    path = bgzip(tmp_path / "p.tsv.gz", PRIMATEAI)
    table, file, _ = read(path, wanted(("chr10", 1000, 1003)), folder=tmp_path / "indexes")
    assert table["start"].to_list() == [1002, 1000]
    assert file.notes == ["p.tsv.gz: its rows are not sorted by place, so it was read from end to end"]


def test_a_last_line_without_its_last_columns_is_refused_though_they_are_not_read(tmp_path):
    rows = "10\t1002\tA\tC\t0.1\t3.5\tx\n10\t1003\tA\tC\t0.2\t3.5\tx\n"
    header = CADD[: CADD.index("PHRED")] + "PHRED\tmore\n"
    path = written(tmp_path / "a.tsv", header + rows)
    assert read(path, wanted(("chr10", 1000, 1010)))[0].height == 2
    path = written(tmp_path / "a.tsv", header + rows[:-3])
    sentence = f"{path}, line 4: has 6 columns: '10 1003 A C 0.2 3.5'; expected 7, as the first row has; if it is the last line, the file is cut off"
    assert refused(path).startswith(sentence)
    path = written(tmp_path / "a.tsv", header + rows[:-3] + "\n")
    assert refused(path).startswith(sentence)


def test_a_file_that_is_cut_off_is_refused(large, tmp_path):
    folder, _, stretches = large
    for name, sentence in (
        ("sorted.tsv.gz", "ends without bgzip's end marker: it is cut off; expected a whole file"),
        ("plain.gz", "ends in the middle of its gzip data; expected a whole gzip file"),
    ):
        whole = (folder / name).read_bytes()
        (path := tmp_path / name).write_bytes(whole[: len(whole) - 28])
        assert sentence in refused(path, stretches)
    text = ALPHAMISSENSE + 2 * "chr10\t1002\tA\tC\thg38\tP1\tE1.4\tV2L\t0.2937\tlikely_benign\n"
    cut = written(tmp_path / "cut.tsv", text.rpartition("\t0.2937")[0])
    assert (
        refused(cut)
        == f"{cut}, line 5: has 8 columns: 'chr10 1002 A C hg38 P1 E1.4 V2L'; expected 10, as the first row has; if it is the last line, the file is cut off: download or copy it again"
    )
    cut = written(tmp_path / "cut.tsv", CADD + "10\t1003\tA\tG\t1.1")
    assert "line 5: has 5 columns" in refused(cut)
    unread = written(
        tmp_path / "more.tsv", (ALPHAMISSENSE + text.splitlines()[-1] + "\n" + text.splitlines()[-1])[:-14]
    )
    assert "line 5: has 9 columns" in refused(unread, asked=Asked("table", "am_pathogenicity"))


@pytest.mark.parametrize(
    ("text", "asked", "sentence"),
    [
        ("", Asked(), "is empty"),
        ("gene\tvalue\nA\t1\n", Asked(), "line 1: has no line of column names before 'gene value'; expected a table with CHROM, POS, REF, ALT and a score"),
        (CADD.replace("\t", " "), Asked(), "put tabs between the columns"),
        (CADD[:CADD.index("10")], Asked(), "line 2: has no row; expected at least one row below its column names"),
        (CADD.replace("3.5", "high", 1), Asked(), "line 3: has 'high' as PHRED; expected a number"),
        (CADD.replace("1002", "1e3", 1), Asked(), "line 3: has '1e3' as Pos; expected a number"),
        (CADD, Asked("alphamissense"), "line 2: is no file of alphamissense: it has no column am_pathogenicity"),
        (CADD, Asked(column="FRED"), "line 2: has no column FRED; expected one of: RawScore"),
        (DBNSFP, Asked(), 'line 1: has no score of its own; expected the column that the study names, one of: REVEL_score; write in the study file: scores = { NAME = { file = "a.tsv", column = "REVEL_score" } }'),
        (CADD + "chr10\t1009\tA\tC\t0\t0\n", Asked(), "calls one chromosome by two names: 10 and chr10"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_its_sentence(tmp_path, text, asked, sentence):
    path = tmp_path / "a.tsv"
    path.write_text(text)
    assert sentence in refused(path, asked=asked)


@pytest.mark.shared_data
@NEEDS_SHARED
@pytest.mark.parametrize(
    ("name", "asked", "columns"),
    [
        ("alphamissense.hg38.head.tsv", Asked(), ("#CHROM", "POS", "REF", "ALT", "am_pathogenicity")),
        ("primateai_v0.2.hg19.head.tsv", Asked(), ("chr", "pos", "ref", "alt", "primateDL_score")),
        ("dbnsfp_phylop_phastcons.chr22.hg19.txt.gz", Asked(column="SIFT_score"), ("#CHROM", 2, "ref", "alt", "SIFT_score")),
    ],
)  # fmt: skip
def test_the_real_heads_equal_the_csv_module(name, asked, columns):
    path = SHARED / "annotation" / name
    raw = path.read_bytes()
    lines = (gzip.decompress(raw) if name.endswith("gz") else raw).decode().splitlines()
    head = next(i for i, line in enumerate(lines) if line.lower().startswith(("#chrom\t", "chr\t")))
    names, *rows = csv.reader(lines[head:], delimiter="\t", quoting=csv.QUOTE_NONE)
    at = [c if isinstance(c, int) else names.index(c) for c in columns]
    known = {f"chr{i}" for i in range(1, 23)}
    truth = [
        ("chr" + cells[0].removeprefix("chr"), int(cells[1]) - 1, cells[2], cells[3], float(cells[4]))
        for cells in ([row[i] for i in at] for row in rows)
        if cells[4] != "."
    ]
    table, file, _ = read(path, wanted(*[(c, s, s + 1) for c, s, *_ in truth]), known, asked)
    assert table.select("chrom", "start", "ref", "alt", "score").rows() == truth
    assert file.notes == (
        []
        if len(names) == len(rows[0])
        else [
            f"{name}: has {len(names)} column names above rows of {len(rows[0])} columns, so a name may stand above another column; SIFT_score was read as column 25"
        ]
    )


@pytest.mark.shared_data
@NEEDS_SHARED
def test_the_real_table_of_clinvar_has_a_verdict_on_its_substitutions():
    with gzip.open(SHARED / "annotation" / "clinvar.chr22.GRCh37.tsv.gz", "rt") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    verdicts = {
        "pathogenic": 1.0,
        "likely pathogenic": 1.0,
        "likely pathogenic,pathogenic": 1.0,
        "benign": 0.0,
        "likely benign": 0.0,
        "benign,likely benign": 0.0,
    }
    truth = [
        (int(r["start"]) - 1, r["reference"], r["alternative"], verdicts[kind])
        for r in rows
        if (kind := r["summary_clinvar_pathogenicity"].strip("{}").replace('"', "")) in verdicts
        and len(r["reference"]) == len(r["alternative"]) == 1
    ]
    path = SHARED / "annotation" / "clinvar.chr22.GRCh37.tsv.gz"
    table, _, _ = read(path, wanted(("chr22", 17_000_000, 18_000_000)), ["chr22"])
    assert table.select("start", "ref", "alt", "score").rows() == truth
    assert len(truth) > 50
