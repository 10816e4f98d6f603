import gzip

import numpy as np
import polars as pl
import pytest

from phenolens.core.errors import InputError
from phenolens.core.schemas import INTERVALS
from phenolens.core.table import check
from phenolens.io import repeats
from phenolens.io.intervals import read_intervals
from phenolens.io.repeats import read_repeats

# the first rows of chr1 (GRCh38), as UCSC's rmsk.txt.gz and as RepeatMasker's hg38.fa.out have them
RMSK = """\
585\t463\t13\t6\t17\tchr1\t10000\t10468\t-248945954\t+\t(TAACCC)n\tSimple_repeat\tSimple_repeat\t1\t471\t0\t1
585\t3612\t114\t215\t13\tchr1\t10468\t11447\t-248944975\t-\tTAR1\tSatellite\ttelo\t-399\t1712\t483\t2
585\t484\t251\t132\t0\tchr1\t11504\t11675\t-248944747\t-\tL1MC5a\tLINE\tL1\t-2382\t395\t199\t3
585\t239\t294\t19\t10\tchr1\t11677\t11780\t-248944642\t-\tMER5B\tDNA\thAT-Charlie\t-74\t104\t1\t4
1\t318\t230\t38\t0\tchr1\t15264\t15355\t-248941067\t-\tMIR3\tLTR?\tLTR?\t-119\t143\t49\t5
1\t994\t312\t60\t25\tchr1\t21948\t22075\t-248934347\t+\tMLT1K\tLTR\tERVL-MaLR\t15\t142\t-453\t6
2\t270\t331\t7\t27\tchr1\t30952\t31131\t-248925291\t+\tLTR16C\tLTR\tERVL\t1\t180\t0\t7
"""
OUT = """\
   SW   perc perc perc  query     position in query              matching          repeat                 position in repeat
score   div. del. ins.  sequence  begin end          (left)   repeat            class/family         begin  end    (left)      ID

  463   1.3  0.6  1.7  chr1        10001   10468 (248945954) +  (TAACCC)n         Simple_repeat            1  471    (0)      1
 3612  11.4 21.5  1.3  chr1        10469   11447 (248944975) C  TAR1              Satellite/telo       (399) 1712    483      2
  484  25.1 13.2  0.0  chr1        11505   11675 (248944747) C  L1MC5a            LINE/L1             (2382)  395    199      3
  239  29.4  1.9  1.0  chr1        11678   11780 (248944642) C  MER5B             DNA/hAT-Charlie       (74)  104      1      4
  318  23.0  3.8  0.0  chr1        15265   15355 (248941067) C  MIR3              LTR?                 (119)  143     49      5 *
  994  31.2  6.0  2.5  chr1        21949   22075 (248934347) +  MLT1K             LTR/ERVL-MaLR           15  142  (453)      6
  270  33.1  0.7  2.7  chr1        30953   31131 (248925291) +  LTR16C            LTR/ERVL                 1  180    (0)      7
"""
BIN = "#bin\tswScore\tmilliDiv\tmilliDel\tmilliIns\tgenoName\tgenoStart\tgenoEnd\tgenoLeft\tstrand\trepName\trepClass\trepFamily\trepStart\trepEnd\trepLeft\tid\n"


def written(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    return path


def test_the_two_formats_hold_the_same_repeats(tmp_path):
    one = check(read_intervals(written(tmp_path, "rmsk.txt.gz", RMSK)), INTERVALS)
    assert one.row(1) == ("chr1", 10468, 11447, "TAR1", 3612.0, "-")
    assert one.height == 7
    for name, text in {
        "hg38.fa.out": OUT, "hg38.fa.out.gz": OUT, "windows.out": OUT.replace("\n", "\r\n"), "repeats.txt": OUT,
        "table_browser.tsv": BIN + RMSK, "windows.txt": RMSK.replace("\n", "\r\n"),
        "hmm.out": OUT.replace("   SW  ", "   bit "),
    }.items():  # fmt: skip
        assert read_intervals(written(tmp_path, name, text)).equals(one), name


@pytest.mark.parametrize(
    ("features", "names"),
    [
        (("LTR",), ["MLT1K", "LTR16C"]), (("LTR", "LTR?"), ["MIR3", "MLT1K", "LTR16C"]), (("LTR/ERVL",), ["LTR16C"]),
        (("MLT1K",), ["MLT1K"]), (("LTR/ERVL", "TAR1", "DNA"), ["TAR1", "MER5B", "LTR16C"]),
        (("Simple_repeat/Simple_repeat",), ["(TAACCC)n"]), (("LTR?/LTR?",), ["MIR3"]),
    ],
)  # fmt: skip
def test_classes_families_and_names(tmp_path, features, names):
    for path in (written(tmp_path, "rmsk.txt", RMSK), written(tmp_path, "a.out", OUT)):
        assert read_repeats(path, features)["name"].to_list() == names


def test_pieces_of_any_size_give_the_same_table(tmp_path, monkeypatch):
    path = written(tmp_path, "rmsk.txt", RMSK)
    whole = read_repeats(path, ("LTR", "TAR1"))
    for size in (1, 100, 333):
        monkeypatch.setattr(repeats, "BATCH_BYTES", size)
        assert read_repeats(path, ("LTR", "TAR1")).equals(whole)


def test_against_a_plain_reading_of_many_rows(tmp_path):
    generator = np.random.default_rng(3)
    kinds = [("LTR", "ERV1", "LTR7"), ("LTR", "ERVK", "LTR5_Hs"), ("SINE", "Alu", "AluY"), ("LTR?", "ERV1?", "LTR99")]
    rows = []
    for _ in range(3000):
        kind, start = kinds[generator.integers(4)], int(generator.integers(10**8))
        end, strand = start + int(generator.integers(1, 900)), "+-"[generator.integers(2)]
        rows.append(("0", "9", "1", "1", "1", f"chr{generator.integers(1, 23)}", str(start), str(end), "-5", strand, kind[2], *kind[:2], "1", "2", "-3", "4"))  # fmt: skip
    path = written(tmp_path, "rmsk.txt.gz", "".join("\t".join(row) + "\n" for row in rows))
    expected = [
        (r[5], int(r[6]), int(r[7]), r[10], r[9])
        for r in rows
        if (r[11] == "LTR" and r[12] == "ERV1") or r[10] == "AluY"
    ]
    found = read_repeats(path, ("LTR/ERV1", "AluY"))
    assert found.select("chrom", "start", "end", "name", "strand").rows() == expected


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("r.txt", RMSK.replace("\t1712\t483\t2", ""), ", line 2: has 14 columns; expected 17, as UCSC rmsk files have; download the file again"),
        ("r.txt", RMSK.replace("11504\t11675", "11675\t11675"), ", line 3: end 11675 is not after start 11675; expected start < end"),
        ("r.txt", RMSK.replace("11504\t", "x\t"), ", line 3: start is 'x'; expected a whole number, 0 or more"),
        ("r.txt", RMSK.replace("\t+\tMLT1K", "\tC?\tMLT1K"), ", line 6: strand is 'C?'; expected +, - or C"),
        ("r.out", OUT.replace("11505 ", "    0 "), ", line 6: start is '0'; expected a whole number, 1 or more"),
        ("r.out", OUT.replace("Satellite/telo ", ""), ", line 5: has 14 columns; expected 15, as RepeatMasker .out files have; or 16, as rows with a final * have; download the file again"),
        ("r.out", OUT.replace("LTR?      ", ""), ", line 8: class of the repeat is '(119)'; expected a name, such as LTR"),
        ("r.out", OUT.replace("  994  31.2", "31.2"), ", line 9: has 14 columns; expected 15"),
        ("r.out", OUT.replace("10001   10468 (", "10468   10001 ("), ", line 4: end 10001 is not after start 10468; expected begin <= end"),
        ("r.out", "\n".join(OUT.splitlines()[:3]), ": has no repeat; expected rows of a UCSC rmsk table or a RepeatMasker .out file"),
        ("r.out", "There were no repetitive sequences detected in /x/y.fa\n", ": has no repeat"),
        ("r.out", "", ": is empty"),
    ],
)  # fmt: skip
def test_one_line_for_what_is_wrong(tmp_path, name, text, sentence):
    path = written(tmp_path, name, text)
    with pytest.raises(InputError) as caught:
        read_intervals(path)
    assert str(caught.value).startswith(f"{path}{sentence}")


def test_a_cut_gzip_file_is_one_line(tmp_path):
    path = written(tmp_path, "rmsk.txt.gz", RMSK * 500)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="ends in the middle of its gzip data"):
        read_intervals(path)


def test_a_class_that_is_not_there(tmp_path):
    path = written(tmp_path, "rmsk.txt", RMSK)
    with pytest.raises(InputError) as caught:
        read_intervals(path, ("LTR", "line"))
    assert str(caught.value) == (
        f"{path}: has no feature 'line'; expected one of: DNA, LINE, LTR, LTR?, Satellite and 8 more; did you mean 'LINE'?"
    )


def test_schema_without_rows_taken_is_kept(tmp_path):
    table = read_repeats(written(tmp_path, "rmsk.txt", RMSK), ("TAR1",))
    assert table.schema == pl.Schema({name: column.dtype for name, column in INTERVALS.columns.items()})
