import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.core.errors import InputError
from phenolens.io.chromosomes import check_lengths, key, listed, other_spelling, reconcile, renaming

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


# Ensembl, UCSC, RefSeq, GenBank: rows of NCBI's assembly report of GRCh38.p14, and of GRCh37's where a version or name is of that build
SPELLINGS = [
    ("1", "chr1", "NC_000001.11", "CM000663.2"), ("2", "Chr2", "NC_000002.11", "CM000664.1"), ("10", "chr10", "NC_000010.11", "CM000672.2"),
    ("21", "CHR21", "NC_000021.9", "CM000683.2"), ("22", "chr22", "NC_000022.11", "CM000684.2"), ("X", "chrX", "NC_000023.11", "CM000685.2"),
    ("Y", "chry", "NC_000024.10", "CM000686.2"), ("MT", "chrM", "NC_012920.1", "J01415.2"), ("M", "chrMT", "NC_012920.1", "J01415.2"),
    ("KI270706.1", "chr1_KI270706v1_random", "KI270706.1", "GRCh38#0#chr1_KI270706v1_random"), ("KI270302.1", "chrUn_KI270302v1"),
    ("GL000256.2", "chr6_GL000256v2_alt"), ("KN196472.1", "chr1_KN196472v1_fix"), ("KI270913.1", "chrX_KI270913v1_alt"),
    ("GL000193.1", "chr4_gl000193_random"), ("GL000220.1", "chrUn_gl000220", "chrUn_GL000220v1"), ("EBV", "chrEBV", "NC_007605.1"),
    ("3", "GRCh38#0#chr3", "GRCh38#0#3"),
]  # fmt: skip


@pytest.mark.parametrize("names", SPELLINGS)
def test_spellings_of_one_chromosome_become_each_other(names):
    for mine in names:
        others = {"11": 9, mine: 10, "chr11": 8}
        for theirs in names:
            found = reconcile(table((theirs, 1, 2)), others, "a.bed")
            assert found.table["chrom"].to_list() == [mine]
            assert found.renamed == ({} if theirs == mine else {theirs: mine})
            assert found.absent.height == 0


def test_chromosomes_that_are_not_one_stay_apart():
    keys = [key(names[0]) for names in SPELLINGS if names[0] != "M"]
    assert len(set(keys)) == len(keys)
    # mouse chromosome 1, a patch, a haplotype of hg19, an unplaced RefSeq scaffold, another version: no rule makes them human chromosomes
    strange = ["NC_000067.7", "CM000994.3", "chr6_apd_hap1", "NT_187361.1", "CHR_HSCHR6_MHC_APD_CTG1", "chr1_KI270706v2_random", "NC_000025.1", "CM000662.2", "NC_000000.1"]  # fmt: skip
    found = reconcile(
        table(*((name, 1, 2) for name in [*strange, "chr1", "chr6_apd_hap1"])),
        {"1": 9, "6": 9, "KI270706.1": 5},
        "a.bed",
    )
    assert found.renamed == {"chr1": "1"}
    assert dict(found.absent.iter_rows()) == dict.fromkeys(strange, 1) | {"chr6_apd_hap1": 2}
    assert found.table["chrom"].to_list() == [*strange, "1", "chr6_apd_hap1"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SPELLINGS) - 1), st.integers(0, 3), st.integers(0, 3)), max_size=20))
def test_renaming_is_one_to_one_and_renames_once(drawn):
    spelled = {}
    for at, mine, theirs in drawn:
        names = SPELLINGS[at]
        spelled.setdefault(key(names[0]), (names[mine % len(names)], names[theirs % len(names)]))
    genome = {mine: 10 + i for i, (mine, _) in enumerate(spelled.values())}
    rows = table(*((theirs, i, i + 1) for i, (_, theirs) in enumerate(spelled.values())))
    found = reconcile(rows, genome, "a.bed")
    assert found.table["chrom"].to_list() == list(genome)
    assert found.table.select("start", "end").equals(rows.select("start", "end"))
    assert len(set(found.renamed.values())) == len(found.renamed)
    assert reconcile(found.table, genome, "a.bed").renamed == {}
    back = {new: old for old, new in found.renamed.items()}
    assert found.table["chrom"].replace(back).equals(rows["chrom"])


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["1", "chr2", "chr1"], "calls one chromosome by two names: 1 and chr1; expected one name for chr1; write chr1 in all of its rows, or remove one of the two"),
        (["MT", "M"], "calls one chromosome by two names: MT and M; expected one name for chrM; write chrM in all of its rows, or remove one of the two"),
        (["chr1", "NC_000001.11"], "calls one chromosome by two names: chr1 and NC_000001.11; expected one name for chr1; write chr1 in all of its rows, or remove one of the two"),
    ],
)  # fmt: skip
def test_two_names_of_a_file_never_become_one(names, sentence):
    with pytest.raises(InputError) as caught:
        renaming(names, ["chr1", "chr2", "chrM"], "a.bed")
    assert str(caught.value) == f"a.bed: {sentence}"


def test_a_name_that_could_be_two_of_the_genome_is_not_renamed():
    # hg19 of UCSC has chrM, an older sequence, and since patch 13 chrMT
    assert renaming(["MT", "chrMT", "1"], ["chrM", "chrMT", "chr1"], "a.bed") == {"1": "chr1"}
    assert other_spelling("MT", ["chrM", "chrMT"]) is None


def test_rows_without_a_chromosome_stay():
    rows = pl.DataFrame({"chrom": [None, "1", "5"], "n": [1, 2, 3]})
    found = reconcile(rows, UCSC, "a.csv")
    assert found.table["chrom"].to_list() == [None, "chr1", "5"]
    assert found.absent.rows() == [("5", 1)]


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
