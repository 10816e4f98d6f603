import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from phenolens.core.errors import InputError
from phenolens.io import text
from phenolens.io.fasta import IUPAC, fasta_chunks, read_fasta

SHARED = Path(__file__).parents[2] / "../shared/data/herv"
CONTENT = ">a first one\nACGTn\nRYacgt\n\n>b|LTR7\nA\n> c  x\ty \n  ACGT  \n"
EXPECTED = [("a", "first one", "ACGTnRYacgt"), ("b|LTR7", None, "A"), ("c", "x\ty", "ACGT")]


@pytest.fixture
def fasta(tmp_path):
    def write(content):
        path = tmp_path / "a.fa"
        path.write_bytes(content.encode())
        return path

    return write


@pytest.mark.parametrize("size", [1, 7, 1 << 24])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_records_whatever_the_wrapping_line_ends_and_batches(fasta, size, ending, monkeypatch):
    monkeypatch.setitem(text.line_batches.__kwdefaults__, "size", size)
    table = read_fasta(fasta(CONTENT.replace("\n", ending)))
    assert table.rows() == EXPECTED
    assert table.schema == {"name": pl.String, "description": pl.String, "sequence": pl.String}


def test_gzip(tmp_path):
    path = tmp_path / "a.fa.gz"
    path.write_bytes(gzip.compress(CONTENT.encode()))
    assert read_fasta(path).rows() == EXPECTED


def test_every_iupac_letter_is_kept(fasta):
    assert read_fasta(fasta(f">a\n{IUPAC}\n"))["sequence"].to_list() == [IUPAC]


@pytest.mark.parametrize("size", [3, 1 << 24])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("ACGT\n", "line 1: begins with 'ACGT'; expected a FASTA file, whose first line begins with '>'"),
        (">a\nA\n\n>\nA\n", "line 4: has a record without a name; expected '>name'"),
        (">a\nA\n>b x\n>c\nA\n", "line 3: record b has no sequence; expected at least one base; remove the record"),
        (">a\nA\n>b\n", "line 3: record b has no sequence; expected at least one base; remove the record"),
        (">a\nA\n>b\nA\n>a x\nC\n", "line 5: names a record a again, after line 1; expected every name once; rename or remove one of the two records"),
        (">a x\nA\nACQT\n", "line 3: record a holds 'Q'; expected DNA letters (ACGTNRYSWKMBDHV, either case); replace it by N"),
        (">a\nACGU\n", "line 2: record a holds 'U'; expected DNA letters (ACGTNRYSWKMBDHV, either case); RNA: write T for U"),
        (">a\nAC-GT\n", "line 2: record a holds '-'; expected DNA letters (ACGTNRYSWKMBDHV, either case); an alignment: remove the gaps"),
        (">a\nAC GT\n", "line 2: record a holds ' '; expected DNA letters (ACGTNRYSWKMBDHV, either case); remove the space"),
    ],
)  # fmt: skip
def test_bad_record(fasta, content, sentence, size, monkeypatch):
    monkeypatch.setitem(text.line_batches.__kwdefaults__, "size", size)
    path = fasta(content)
    with pytest.raises(InputError) as caught:
        read_fasta(path)
    assert str(caught.value) == f"{path}, {sentence}"


def test_blank_file(fasta):
    path = fasta("\n\n")
    with pytest.raises(InputError) as caught:
        read_fasta(path)
    assert str(caught.value) == f"{path}: has no record; expected '>name' and its sequence"


def random_records(n):
    generator = np.random.default_rng(4)
    sequences = [
        "".join(generator.choice(list("ACGTacgtN"), length))
        for length in [1, 59, 60, 61, 120, *generator.integers(1, 400, n)]
    ]
    return pl.DataFrame({"name": [f"s{i}" for i in range(len(sequences))], "sequence": sequences})


def test_names_descriptions_and_case_are_read_as_written(tmp_path):
    table = random_records(50).with_columns(description=pl.Series(["x y", None] * 27 + ["z"]))
    with (tmp_path / "a.fa").open("w") as out:
        for name, sequence, description in table.select("name", "sequence", "description").iter_rows():
            out.write(f">{name} {description}\n" if description else f">{name}\n")
            out.writelines(sequence[i : i + 60] + "\n" for i in range(0, len(sequence), 60))
    assert read_fasta(tmp_path / "a.fa").equals(table.select("name", "description", "sequence"))


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["ltr7_copies.hg19.fa", "proviruses.fa", "erv_genes_ervsearch.fa"])
def test_real_files_against_joining_lines_by_hand(name):
    path = SHARED / name
    if not path.is_file():
        pytest.skip("the shared data is not here")
    records = [record.partition("\n") for record in path.read_text().split(">")[1:]]
    expected = [(head.split()[0], body.replace("\n", "")) for head, _, body in records]
    assert read_fasta(path).select("name", "sequence").rows() == expected


def test_chunks_hold_no_more_than_their_text_and_the_longest_record(tmp_path):
    table = random_records(300)
    path = tmp_path / "a.fa"
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in table.iter_rows()))
    chunks = list(fasta_chunks(path, size=1000))
    assert max(chunk["sequence"].str.len_bytes().sum() for chunk in chunks) <= 1000 + 400
    assert pl.concat(chunks).select("name", "sequence").equals(table)
    assert pl.concat(chunks)["line"].to_list() == list(range(1, 2 * table.height, 2))
