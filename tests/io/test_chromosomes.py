import polars as pl
import pytest

from phenolens.core.errors import InputError
from phenolens.io.chromosomes import check_lengths, listed, other_spelling

PLAIN = {"1": 100, "22": 50, "MT": 10}
UCSC = {"chr1": 100, "chr22": 50, "chrM": 10}


def table(*rows):
    return pl.DataFrame(rows, schema={"chrom": pl.String, "start": pl.Int64, "end": pl.Int64}, orient="row")


@pytest.mark.parametrize(
    ("name", "known", "other"),
    [
        ("22", UCSC, "chr22"), ("chr22", PLAIN, "22"), ("Chr22", UCSC, "chr22"), ("MT", UCSC, "chrM"), ("chrM", PLAIN, "MT"),
        ("x", ["chrX"], "chrX"), ("chrUn_1", PLAIN, None), ("22", PLAIN, None), ("chr", PLAIN, None),
    ],
)  # fmt: skip
def test_other_spelling(name, known, other):
    assert other_spelling(name, known) == other


def test_listed_is_short():
    assert listed(["a", "b"]) == "a, b"
    assert listed([str(i) for i in range(9)]) == "0, 1, 2, 3, 4 and 4 more"


def test_intervals_on_the_genome_pass():
    check_lengths(table(("1", 0, 100), ("22", 49, 50)), PLAIN, "a.bed", "g.fa")


@pytest.mark.parametrize(
    ("rows", "lengths", "sentence"),
    [
        (
            [("22", 1, 2), ("1", 1, 2)],
            UCSC,
            (
                "2 of 2 intervals lie on chromosomes that g.fa does not have: 22, 1; expected its names: chr1, chr22, chrM; "
                'add "chr" to the chromosome names of a.bed: 22 becomes chr22'
            ),
        ),
        (
            [("chrUn", 1, 2), ("chr22", 1, 2), ("1", 1, 2)],
            PLAIN,
            (
                "2 of 3 intervals lie on chromosomes that g.fa does not have: chrUn, chr22; expected its names: 1, 22, MT; "
                'remove "chr" from the chromosome names of a.bed: chr22 becomes 22'
            ),
        ),
        (
            [("chrM", 1, 2)],
            PLAIN,
            (
                "1 of 1 intervals lie on chromosomes that g.fa does not have: chrM; expected its names: 1, 22, MT; "
                "rename the chromosomes of a.bed: chrM becomes MT"
            ),
        ),
        (
            [("1", 1, 2), ("5", 1, 2)],
            PLAIN,
            (
                "1 of 2 intervals lie on chromosomes that g.fa does not have: 5; expected its names: 1, 22, MT; "
                "remove these intervals, or name the genome they were made on"
            ),
        ),
        (
            [("1", 1, 100), ("22", 40, 51), ("1", 1, 900)],
            PLAIN,
            (
                "2 of 3 intervals end beyond their chromosome, the first: 22:40-51, where 22 has 50 bases; "
                "expected intervals on the genome build of g.fa; "
                "check that both are of one build (hg19 = GRCh37, hg38 = GRCh38), or lift the intervals over"
            ),
        ),
    ],
)
def test_intervals_off_the_genome(rows, lengths, sentence):
    with pytest.raises(InputError) as caught:
        check_lengths(table(*rows), lengths, "a.bed", "g.fa")
    assert str(caught.value) == f"a.bed: {sentence}"
