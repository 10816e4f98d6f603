"""Alleles as sequences: planted variants in a small genome, bcftools on real ones."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.core.cigar import reference_positions
from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS, VARIANTS
from phenolens.core.table import empty
from phenolens.dataset.alleles import from_variants
from phenolens.dataset.intervals import windows, with_locus
from phenolens.io.fasta import read_fasta
from phenolens.io.genome import open_genome
from phenolens.io.variants import read_variants

SHARED = Path(__file__).parents[2] / "../shared/data"
VCF = SHARED / "annotation/assembly_variants.chr20_0-1Mb.GRCh38.vcf.gz"
FASTA = SHARED / "genome/chr20_0-1Mb.GRCh38.fa.gz"
COMPLEMENT = str.maketrans("ACGTacgt", "TGCAtgca")


class TextGenome:
    def __init__(self, **chroms):
        self.chroms = chroms
        self.lengths = {name: len(text) for name, text in chroms.items()}

    def fetch(self, chrom, start, end):
        assert 0 <= start < end <= len(self.chroms[chrom])
        return self.chroms[chrom][start:end]


TEXT = "".join(np.random.default_rng(2).choice(list("ACGTacgt"), 400))
GENOME = TextGenome(c=TEXT)


def intervals(*rows):
    full = [(chrom, start, end, name, None, strand) for chrom, start, end, name, strand in rows]
    return with_locus(pl.DataFrame(full, schema=empty(INTERVALS).schema, orient="row"))


def variants(*rows):
    """(start, REF, ALT) or (start, length of REF, ALT) ... on chromosome c -> VARIANTS."""
    full = []
    for number, (start, ref, alt) in enumerate(rows):
        letters = TEXT[start : start + ref].upper() if isinstance(ref, int) else ref
        full.append(("c", start, start + len(letters), f"v{number}", letters, alt))
    return pl.DataFrame(full, schema=empty(VARIANTS).schema, orient="row")


def alleles(table, places, *, genome=GENOME, min_length=1):
    return from_variants(table, places, genome, label="x", min_length=min_length)


@settings(deadline=None, max_examples=60)
@given(
    start=st.integers(0, 380),
    length=st.integers(1, 20),
    alt=st.text(alphabet="ACGTacgtN", min_size=1, max_size=30).filter(lambda t: "NN" not in t),
    strand=st.sampled_from("+-."),
    anchored=st.booleans(),
)
def test_the_sequence_is_the_changed_chromosome_read_in_its_direction(start, length, alt, strand, anchored):
    alt = TEXT[start].upper() + alt if anchored else alt
    changed = TEXT[:start] + alt + TEXT[start + length :]
    row = alleles(variants((start, length, alt)), intervals(("c", 0, 400, "f", strand))).pieces.row(0, named=True)
    plus = changed[start : start + len(alt)]
    assert row["sequence"] == (plus.translate(COMPLEMENT)[::-1] if strand == "-" else plus)
    assert (row["chrom"], row["start"], row["end"], row["strand"]) == ("c", start, start + length, strand)
    assert (row["label"], row["name"], row["locus"], row["allele"]) == ("x", "f", f"c:0-400({strand})", "v0")
    places = reference_positions(row["start"], row["cigar"])
    assert len(places) == len(alt)
    if len(alt) != length:
        assert all(TEXT[p].upper() == base.upper() for p, base in zip(places, plus, strict=True) if p >= 0)


def test_an_allele_belongs_to_the_interval_that_it_overlaps_most_and_to_one_only():
    places = intervals(("c", 0, 104, "a", "+"), ("c", 104, 200, "b", "-"), ("c", 290, 310, "d", "+"), ("c", 295, 400, "e", "-"))  # fmt: skip
    table = variants((100, 10, "A"), (102, 4, "C"), (299, 3, "G"), (204, 9, "T"), (199, 1, "ACGT"), (200, 1, "ACGT"))
    got = alleles(table, places).pieces
    assert got.select("allele", "name", "strand", "sequence").rows() == [
        ("v0", "b", "-", "T"),
        ("v1", "a", "+", "C"),
        ("v4", "b", "-", "ACGT"),
        ("v2", "d", "+", "G"),
    ]


def test_pieces_between_runs_of_n_keep_their_places():
    start = 50
    anchor, after = TEXT[start].upper(), TEXT[start + 3 : start + 5].upper()
    alt = f"{anchor}CCCCCNNNTTTTNNGGGG{after}"
    ref = f"{anchor}{'AA' if after[0] != 'A' else 'CC'}{after}"
    genome = TextGenome(c=TEXT[:start] + ref + TEXT[start + 5 :])
    table = variants((start, ref, alt))
    plus = alleles(table, intervals(("c", 0, 400, None, "+")), genome=genome, min_length=4)
    assert sorted(plus.pieces.select("sequence", "start", "end", "cigar").rows()) == sorted(
        [
            (f"{anchor}CCCCC", 50, 51, "1M5I"),
            ("TTTT", 50, 51, "4I"),
            (f"GGGG{after}", 53, 55, "4I2M"),
        ]
    )
    assert plus.left_out.rows() == [("runs of N cut out of alleles", 1, 5)]
    minus = alleles(table, intervals(("c", 0, 400, None, "-")), genome=genome, min_length=5)
    assert minus.pieces.select("start", "end", "cigar").rows() == [(50, 51, "1M5I"), (53, 55, "4I2M")]
    assert minus.pieces["sequence"].to_list() == [
        s.translate(COMPLEMENT)[::-1] for s in (f"{anchor}CCCCC", f"GGGG{after}")
    ]
    assert minus.left_out.rows()[1] == ("allele shorter than 5", 1, 4)


def test_the_same_allele_from_two_files_counts_once():
    table = pl.concat([variants((10, 1, "ACGT"), (10, 1, "ACGA")), variants((10, 1, "acgt"), (11, 1, "ACGT"))])
    got = alleles(table, intervals(("c", 0, 400, None, "+")))
    assert got.pieces.select("start", "sequence").rows() == [(10, "ACGT"), (10, "ACGA"), (11, "ACGT")]
    assert got.left_out.rows() == [("the same allele again", 1, 4)]


def other(letters):
    return letters.upper().translate(str.maketrans("ACGT", "CGTA"))


def test_few_wrong_reference_alleles_are_counted_and_many_tell_of_another_build():
    good = [(i, 1, "ACGTAC") for i in range(60)]
    places = intervals(("c", 0, 400, None, "+"))
    got = alleles(variants(*good, (70, other(TEXT[70:73]), "A"), (398, "ACGTAC", "GG")), places)
    assert got.pieces.height == 60
    assert got.left_out.rows() == [("REF of an allele is not the genome's", 2, 3)]
    wrong = [(i, other(TEXT[i : i + 30]), "ACGT") for i in range(70, 74)]
    with pytest.raises(DataError) as caught:
        alleles(variants(*good, *wrong), places)
    first = f"the first at c:71: REF is {other(TEXT[70:90])}..., the genome has {TEXT[70:90]}..."
    assert f"class x: 4 of 64 variants have a REF that is not the genome's, {first}; expected" in str(caught.value)
    assert "build" in str(caught.value)
    beyond = variants((450, "A", "CC"))
    with pytest.raises(DataError, match="REF is A, the genome ends at 400"):
        alleles(beyond, intervals(("c", 0, 500, None, "+")))


def test_unknown_letters_of_ref_or_genome_fit_any():
    genome = TextGenome(c=TEXT[:20] + "NR" + TEXT[22:])
    got = alleles(
        variants((20, "AC", "GGG"), (30, "N", "GGG")), intervals(("c", 0, 400, None, "+")), genome=genome
    )  # fmt: skip
    assert got.pieces.height == 2


def test_nothing_gives_tables_without_rows():
    for table, places in ((variants(), intervals(("c", 0, 9, None, "+"))), (variants((5, 1, "AA")), intervals())):
        got = alleles(table, places)
        assert (got.pieces.height, got.left_out.height) == (0, 0)
        assert {"allele", "cigar", "locus", "sequence"} <= set(got.pieces.columns)
    far = alleles(variants((5, 1, "AA")), intervals(("d", 0, 9, None, "+")))
    assert far.pieces.height == 0


def test_the_order_of_variants_and_intervals_changes_nothing():
    generator = np.random.default_rng(4)
    rows = [(int(s), int(n), "ACGT" * int(m)) for s, n, m in generator.integers(1, 30, (60, 3)) * (12, 1, 1)]
    places = windows(intervals(("c", 0, 150, "a", "+"), ("c", 140, 400, "b", "-")), 40)
    table = variants(*rows)
    one = alleles(table, places).pieces
    two = alleles(
        table.sample(fraction=1, shuffle=True, seed=1), places.sample(fraction=1, shuffle=True, seed=2)
    ).pieces
    assert one.height > 30
    assert one.sort(one.columns).equals(two.sort(two.columns))


@pytest.fixture(scope="module")
def real():
    """The alleles of the real chr20 piece cut into windows of 10 kb, its genome's letters, and the variants."""
    if not VCF.exists():
        pytest.skip("the project's shared real data are not here")
    whole = pl.DataFrame([("chr20", 0, 1_000_000, None, None, "+")], schema=empty(INTERVALS).schema, orient="row")
    places = windows(with_locus(whole), 10_000)
    found = read_variants(VCF, places, min_length=150)
    with open_genome(FASTA) as genome:
        got = from_variants(found.table, places, genome, label="x", min_length=150)
    return got, read_fasta(FASTA)["sequence"][0]


@pytest.mark.shared_data
def test_all_long_alleles_of_the_real_piece_are_found(real):
    got, letters = real
    assert got.pieces.height == 19
    assert got.left_out.height == 0
    assert got.pieces["sequence"].str.len_bytes().min() >= 150
    assert got.pieces["locus"].unique().to_list() == ["chr20:0-1000000(+)"]
    for start, cigar, text in got.pieces.select("start", "cigar", "sequence").iter_rows():
        places = reference_positions(start, cigar)
        assert all(letters[p].upper() == base for p, base in zip(places, text, strict=True) if p >= 0)


@pytest.mark.shared_data
@pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
def test_bcftools_consensus_of_one_variant_is_the_genome_with_the_allele_in_it(real, tmp_path):
    got, letters = real
    norm = subprocess.run(["bcftools", "norm", "-m-", "-Ov", VCF], capture_output=True, check=True).stdout.decode()
    header = [line for line in norm.splitlines() if line.startswith("#")]
    rows = [line for line in norm.splitlines() if not line.startswith("#") and len(line.split("\t")[4]) >= 150]
    pieces = {(row["start"], row["sequence"]): row for row in got.pieces.iter_rows(named=True)}
    assert len(rows) == len(pieces) == 19
    fasta = tmp_path / "chr20.fa"
    fasta.write_text(f">chr20\n{letters}\n")
    for line in rows[::4]:
        path = tmp_path / "one.vcf.gz"
        (tmp_path / "one.vcf").write_text("\n".join([*header, line]) + "\n")
        pysam.tabix_compress(str(tmp_path / "one.vcf"), str(path), force=True)
        pysam.tabix_index(str(path), preset="vcf", force=True)
        made = subprocess.run(["bcftools", "consensus", "-f", fasta, path], capture_output=True, check=True).stdout
        consensus = "".join(made.decode().splitlines()[1:])
        start, alt = int(line.split("\t")[1]) - 1, line.split("\t")[4]
        row = pieces[start, alt]
        end = start + len(row["sequence"])
        assert consensus[start:end].upper() == row["sequence"].upper()
        assert consensus[:start] == letters[: row["start"]]
        assert consensus[end:] == letters[row["end"] :]
