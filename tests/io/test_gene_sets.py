import gzip

import pytest

from phenolens.core.errors import InputError
from phenolens.core.schemas_biology import GENE_SETS
from phenolens.core.table import check
from phenolens.io.gene_sets import read_gene_sets


def write(path, text):
    path.write_text(text) if path.suffix != ".gz" else path.write_bytes(gzip.compress(text.encode()))
    return path


def rows(path):
    return check(read_gene_sets(path), GENE_SETS).rows()


def test_gmt_with_weights_blank_cells_and_repeats(tmp_path):
    path = write(tmp_path / "go.gmt.gz", "immune\thttp://x\tA\tB,1.0\tA\t\r\n\nliver\t\tHLA-DQA1\t\tC\n")
    assert rows(path) == [
        ("immune", "http://x", "A"),
        ("immune", "http://x", "B"),
        ("liver", None, "HLA-DQA1"),
        ("liver", None, "C"),
    ]


def test_traits_of_the_gwas_catalogue(tmp_path):
    text = "chrom\tpos\tSNPS\tDISEASE/TRAIT\tMAPPED_GENE\tREPORTED GENE(S)\n"
    text += "chr1\t5\trs1\tAsthma\tA - HLA-B\tZ\nchr1\t9\trs2\tAsthma\tA, C; D\tNR\nchr2\tx\trs3\tHeight\t\tNR\nchr2\t\trs4\tGout\tE x F\t\n"
    expected = [("Asthma", "A"), ("Asthma", "HLA-B"), ("Asthma", "C"), ("Asthma", "D"), ("Gout", "E"), ("Gout", "F")]
    assert [(s, g) for s, _, g in rows(write(tmp_path / "gwas.tsv", text))] == expected
    ucsc = ["585", "chr1", "10", "11", *"abcdef", "Asthma", *"ghi", "A, B", *("x" * 8)]
    assert [(s, g) for s, _, g in rows(write(tmp_path / "ucsc.txt", "\t".join(ucsc) + "\n"))] == [
        ("Asthma", "A"),
        ("Asthma", "B"),
    ]


def test_disgenet_table(tmp_path):
    text = "geneId\tgeneSymbol\tdiseaseId\tdiseaseName\tscore\n1\tA\tC1\tSchizophrenia\t0.5\n2\tB\tC1\tSchizophrenia\t0.1\n"
    assert rows(write(tmp_path / "d.tsv", text)) == [("Schizophrenia", None, "A"), ("Schizophrenia", None, "B")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("just words\n", "x.gmt, line 1: is no file of gene sets: it begins with 'just words'"),
        ("a\tb\tC\nd\te\n", "x.gmt, line 2: has 2 columns"),
        ("a\tb\tC\n\tb\tD\n", "x.gmt, line 2: has no name"),
        ("a\tb\tC\nx\tb\tD\na\tb\tE\n", "x.gmt, line 3: set 'a' is there twice"),
        ("a\tb\t\n", "x.gmt: has no gene"),
        ("geneSymbol\tdiseaseName\nA\n", "x.gmt, line 2: has 1 columns; expected 2"),
        ("geneSymbol\tdiseaseName\n", "x.gmt: has no gene"),
    ],
)
def test_wrong_files_are_refused_with_their_line(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read_gene_sets(write(tmp_path / "x.gmt", text))
