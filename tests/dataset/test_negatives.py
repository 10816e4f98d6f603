"""Matched background: properties counted letter by letter from the genome's text."""

import subprocess
from pathlib import Path
from shutil import which

import numpy as np
import polars as pl
import pysam
import pytest

from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS
from phenolens.core.table import empty
from phenolens.dataset.intervals import overlaps
from phenolens.dataset.negatives import Matching, matched_negatives
from phenolens.io.bed import read_bed
from phenolens.io.genome import open_genome


class TextGenome:
    def __init__(self, **chroms):
        self.chroms = chroms
        self.lengths = {name: len(text) for name, text in chroms.items()}

    def fetch(self, chrom, start, end):
        return self.chroms[chrom][start:end]

    def letters(self, chrom):
        return np.frombuffer(self.chroms[chrom].encode(), dtype=np.uint8)


def intervals(rows):
    return pl.DataFrame(rows, schema=empty(INTERVALS).schema, orient="row")


def isochores(length, seed):
    """Return DNA in stretches of 5 kb of very different GC content, soft-masked in patches, with some N."""
    random = np.random.default_rng(seed)
    gc = np.repeat(random.uniform(0.25, 0.65, length // 5000), 5000)
    strong = random.random(length) < gc
    letters = np.where(strong, random.choice(list("GC"), length), random.choice(list("AT"), length))
    for start in random.integers(0, length - 2000, length // 4000):
        patch = slice(start, start + random.integers(200, 2000))
        letters[patch] = np.char.lower(letters[patch])
    for start in random.integers(0, length - 100, length // 50_000):
        letters[start : start + random.integers(1, 100)] = "N"
    return "".join(letters)


GENOME = TextGenome(chr1=isochores(1_000_000, 1), chr2=isochores(500_000, 2), chr3="N" * 1000)
EVERYWHERE = intervals([(chrom, 0, length, None, None, ".") for chrom, length in GENOME.lengths.items()])


def targets(n, seed, *, rich=0.5):
    """Return n targets that prefer GC-rich, masked places, so that random background would differ from them."""
    random = np.random.default_rng(seed)
    rows = []
    while len(rows) < n:
        chrom = random.choice(["chr1", "chr2"])
        length = int(np.exp(random.normal(5.5, 0.5)))
        start = int(random.integers(0, GENOME.lengths[chrom] - length))
        text = GENOME.chroms[chrom][start : start + length]
        if "N" not in text and gc(text) + 0.3 * masked(text) > rich + random.normal(0, 0.15):
            rows.append((str(chrom), start, start + length, "family", 1.0, str(random.choice(["+", "-"]))))
    return intervals(rows)


def gc(text):
    return sum(letter in "GCgc" for letter in text) / len(text)


def masked(text):
    return sum(letter.islower() for letter in text) / len(text)


def smd(a, b):
    a, b = np.array(a), np.array(b)
    return (a.mean() - b.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)


def texts(table):
    return [GENOME.chroms[c][s:e] for c, s, e in table.select("chrom", "start", "end").iter_rows()]


@pytest.fixture(scope="module")
def positives():
    return targets(600, 3)


@pytest.fixture(scope="module")
def both(positives):
    return matched_negatives(positives, GENOME, EVERYWHERE, Matching(("gc", "masked")), seed=4)


def test_partners_have_the_targets_chromosome_length_and_strand(positives, both):
    assert both.intervals.height == positives.height
    paired = both.intervals.join(
        positives.with_row_index("target").cast({"target": pl.Int64}), on="target", suffix="_of_target"
    )
    assert paired.height == positives.height
    assert (paired["chrom"] == paired["chrom_of_target"]).all()
    assert (paired["strand"] == paired["strand_of_target"]).all()
    assert (paired["end"] - paired["start"] == paired["end_of_target"] - paired["start_of_target"]).all()
    assert paired["name"].null_count() == paired.height


def test_partners_overlap_neither_each_other_nor_a_target_nor_an_n(positives, both):
    base = {chrom: np.zeros(length, dtype=int) for chrom, length in GENOME.lengths.items()}
    for chrom, start, end in both.intervals.select("chrom", "start", "end").iter_rows():
        base[chrom][start:end] += 1
    assert max(painted.max() for painted in base.values()) == 1
    assert not overlaps(both.intervals, positives).any()
    assert not any("N" in text for text in texts(both.intervals))


def test_matching_balances_what_random_background_does_not(positives, both):
    only_gc = matched_negatives(positives, GENOME, EVERYWHERE, Matching(), seed=4).intervals
    target_texts = texts(positives)
    for measure, table in ((gc, both.intervals), (masked, both.intervals), (gc, only_gc)):
        assert abs(smd([measure(t) for t in target_texts], [measure(t) for t in texts(table)])) < 0.05
    # the measure can see imbalance: the masked share that was not matched is out of balance
    assert abs(smd([masked(t) for t in target_texts], [masked(t) for t in texts(only_gc)])) > 0.3


def test_the_seed_decides_and_the_order_of_rows_does_not(positives, both):
    shuffled = positives.sample(fraction=1, shuffle=True, seed=1)
    again = matched_negatives(shuffled, GENOME, EVERYWHERE[::-1], Matching(("gc", "masked")), seed=4).intervals
    assert again.drop("target").equals(both.intervals.drop("target"))
    other = matched_negatives(positives, GENOME, EVERYWHERE, Matching(("gc", "masked")), seed=5).intervals
    assert not other.equals(both.intervals)


def test_partners_lie_wholly_inside_the_allowed_space(positives):
    random = np.random.default_rng(6)
    starts = np.sort(random.integers(0, 990_000, 300))
    allowed = intervals([("chr1", int(s), int(s) + 6000, None, None, ".") for s in starts])
    on_chr1 = positives.filter(pl.col("chrom") == "chr1")[:100]
    inside = np.zeros(GENOME.lengths["chr1"], dtype=bool)
    for start in starts:
        inside[start : start + 6000] = True
    found = matched_negatives(on_chr1, GENOME, allowed, Matching(), seed=1).intervals
    assert found.height == 100
    assert all(inside[s:e].all() for s, e in found.select("start", "end").iter_rows())


@pytest.mark.parametrize(("ratio", "expected"), [(0.5, 60), (1.0, 120), (2.5, 300)])
def test_ratio(positives, ratio, expected):
    some = positives[:120]
    result = matched_negatives(some, GENOME, EVERYWHERE, Matching(ratio=ratio), seed=1)
    wanted = sum(round(n * (ratio % 1)) + n * int(ratio) for n in some["chrom"].value_counts()["count"])
    assert result.intervals.height == wanted
    assert abs(wanted - expected) <= 1


def test_too_little_space_says_how_much_was_found():
    target = intervals([("chr1", i * 1000, i * 1000 + 400, None, None, "+") for i in range(20)])
    allowed = intervals([("chr1", 500_000, 504_100, None, None, ".")])
    with pytest.raises(
        DataError, match=r"20 intervals are wanted and only \d+ fit .*worst on chr1.*loosen within, exclude or margin"
    ):
        matched_negatives(target, GENOME, allowed, Matching(), seed=1)


def test_a_small_shortfall_is_accounted_for():
    target = intervals(
        [("chr1", i * 1000, i * 1000 + 100, None, None, "+") for i in range(40)]
        + [("chr1", 600_000, 640_000, None, None, "+")]
    )
    clean = GENOME.chroms["chr1"].replace("N", "A")
    genome = TextGenome(chr1=clean)
    allowed = intervals([("chr1", 700_000, 739_000, None, None, ".")])
    result = matched_negatives(target, genome, allowed, Matching(), seed=1)
    assert result.account.rows() == [("chr1", 41, 40)]
    assert result.intervals.height == 40


def test_no_letter_but_n_leaves_no_space():
    target = intervals([("chr3", 0, 10, None, None, "+")])
    with pytest.raises(DataError, match="1 intervals are wanted and only 0 fit"):
        matched_negatives(target, GENOME, EVERYWHERE, Matching(), seed=1)


def test_every_covariate_is_balanced_together(positives):
    """Genes in a tenth of the genome near which targets lie, and a second track; both out of balance where they are not matched."""
    random = np.random.default_rng(8)
    genes, covered = [], []
    for chrom, length in list(GENOME.lengths.items())[:2]:
        for start in random.integers(0, length // 2, length // 20_000).tolist():
            genes.append((chrom, start, start + 1500, None, None, "+"))
        for start in random.integers(0, length // 2, length // 3000).tolist():
            covered.append((chrom, start, start + 800, None, None, "."))
    genes, covered = intervals(genes), intervals(covered)
    first_half = pl.col("end") < pl.col("chrom").replace_strict(GENOME.lengths, return_dtype=pl.Int64) // 2
    some = positives.filter(first_half)
    inside = {c: np.zeros(n, dtype=bool) for c, n in GENOME.lengths.items()}
    for chrom, start, end in covered.select("chrom", "start", "end").iter_rows():
        inside[chrom][start:end] = True

    def measured(table):
        rows = []
        for (chrom, start, end), text in zip(
            table.select("chrom", "start", "end").iter_rows(), texts(table), strict=True
        ):
            near = [
                0 if s < end and e > start else max(s - end, start - e) + 1
                for s, e in genes.filter(pl.col("chrom") == chrom).select("start", "end").iter_rows()
            ]
            cpg = text.upper().count("CG") / len(text)
            rows.append([gc(text), masked(text), cpg, inside[chrom][start:end].mean(), np.log10(1 + min(near))])
        return np.array(rows).T

    names = ("gc", "masked", "cpg", "covered", "gene_distance")
    matching = Matching(names, genes=genes, covered=covered)
    jointly = matched_negatives(some, GENOME, EVERYWHERE, matching, seed=1).intervals
    plain = matched_negatives(some, GENOME, EVERYWHERE, Matching(), seed=1).intervals
    of_targets = measured(some)
    apart = {n: smd(a, b) for n, a, b in zip(names, of_targets, measured(jointly), strict=True)}
    assert max(abs(value) for value in apart.values()) < 0.1, apart
    unmatched = {n: smd(a, b) for n, a, b in zip(names, of_targets, measured(plain), strict=True)}
    assert abs(unmatched["covered"]) > 0.3
    assert abs(unmatched["gene_distance"]) > 0.3
    # pair by pair, not only on average
    paired = measured(some[jointly["target"].to_numpy()])
    for a, b in zip(paired, measured(jointly), strict=True):
        assert np.corrcoef(a, b)[0, 1] > 0.8


def test_partners_from_anywhere_follow_the_free_places(positives):
    on_chr2 = positives.filter(pl.col("chrom") == "chr2")[:150]
    allowed = intervals([("chr1", 0, 300_000, None, None, "."), ("chr2", 0, 100_000, None, None, ".")])
    result = matched_negatives(on_chr2, GENOME, allowed, Matching(place="genome", ratio=4.0), seed=1)
    assert result.account["wanted"].sum() == result.intervals.height == 600
    assert dict(result.account.select("chrom", "wanted").iter_rows()).keys() == {"chr1", "chr2"}
    free = 0.25 * (1 - sum(e - s for s, e in on_chr2.select("start", "end").iter_rows() if e < 100_000) / 100_000)
    share = (result.intervals["chrom"] == "chr2").mean()
    assert abs(share - free / (0.75 + free)) < 4 * np.sqrt(0.25 * 0.75 / 600)
    assert not overlaps(result.intervals, on_chr2).any()
    assert not any("N" in text for text in texts(result.intervals))
    again = matched_negatives(
        on_chr2.sample(fraction=1, shuffle=True, seed=2),
        GENOME,
        allowed,
        Matching(place="genome", ratio=4.0),
        seed=1,
        threads=1,
    )
    assert again.intervals.drop("target").equals(result.intervals.drop("target"))
    assert result.intervals["target"].value_counts()["count"].unique().to_list() == [4]
    for measure in (gc, lambda text: np.log(len(text))):
        a, b = ([measure(t) for t in texts(table)] for table in (on_chr2, result.intervals))
        assert abs(smd(a, b)) < 0.1


@pytest.mark.parametrize("place", ["chromosome", "genome"])
def test_threads_change_nothing(positives, place):
    one, three = (
        matched_negatives(
            positives, GENOME, EVERYWHERE, Matching(("gc", "masked"), place=place), seed=4, threads=threads
        )
        for threads in (1, 3)
    )
    assert one.intervals.equals(three.intervals)
    assert one.account.equals(three.account)


@pytest.mark.parametrize("place", ["chromosome", "genome"])
def test_targets_that_lie_nowhere_are_matched_to_what_is_said_of_them(place):
    n = 300
    random = np.random.default_rng(1)
    wish = pl.DataFrame(
        {
            "length": random.integers(200, 400, n),
            "gc": random.uniform(0.3, 0.6, n),
            "masked": random.choice([0.0, 1.0], n),
        }
    )
    rows = intervals([("chr1", None, None, None, None, "-")] * n)
    lost = pl.concat([rows, wish], how="horizontal")
    matching = Matching(
        ("gc", "masked", "gene_distance"), place=place, genes=intervals([("chr1", 10, 20, None, None, "+")])
    )
    found = matched_negatives(lost, GENOME, EVERYWHERE, matching, seed=1).intervals
    assert found.height == n
    paired = wish[found["target"].to_numpy()]
    assert (found["end"] - found["start"]).to_list() == paired["length"].to_list()
    for measure, name in ((gc, "gc"), (masked, "masked")):
        got = np.array([measure(text) for text in texts(found)])
        assert np.corrcoef(got, paired[name].to_numpy())[0, 1] > 0.9
    shuffled = matched_negatives(lost.sample(fraction=1, shuffle=True, seed=1), GENOME, EVERYWHERE, matching, seed=1)
    assert shuffled.intervals.drop("target").equals(found.drop("target"))


@pytest.mark.parametrize("place", ["chromosome", "genome"])
def test_no_target_no_partner(positives, place):
    for targets_, ratio in ((positives[:0], 1.0), (positives[:1], 0.3)):
        result = matched_negatives(targets_, GENOME, EVERYWHERE, Matching(place=place, ratio=ratio), seed=1)
        assert result.intervals.height == result.account["wanted"].sum() == 0


def test_targets_off_the_genome_are_refused():
    for row, message in (
        (("chr9", 0, 10), "chromosome chr9 is not in the genome"),
        (("chr2", 499_990, 500_001), "a target ends at chr2:500001; expected at most 500000; .*another genome build"),
    ):
        with pytest.raises(DataError, match=message):
            matched_negatives(intervals([(*row, None, None, "+")]), GENOME, EVERYWHERE, Matching(), seed=1)


SHARED = Path(__file__).parents[2] / "../shared/data"
NAMES = ("gc", "masked", "cpg", "gene_distance", "covered")


def chr22_positives(genome, genes, elements, n):
    """Return n windows of mixed lengths that lie over genes (3 of 4) and over endogenous retroviruses, without N."""
    random = np.random.default_rng(1)
    rows = []
    while len(rows) < n:
        source = genes if len(rows) < 3 * n // 4 else elements
        width = (source["end"] - source["start"]).to_numpy()
        i = int(random.choice(len(width), p=width / width.sum()))
        length = int(np.clip(np.exp(random.normal(5.9, 0.8)), 150, 5000))
        start = int(source["start"][i] + random.integers(-length // 2, width[i]))
        if "N" not in genome.fetch("chr22", start, start + length).upper():
            rows.append(("chr22", start, start + length, None, None, "+"))
    return intervals(rows)


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.exists(), reason="the project's shared real data are not here")
@pytest.mark.skipif(which("bedtools") is None, reason="bedtools is not installed")
def test_two_thousand_partners_on_human_chromosome_22(tmp_path):
    """Overlaps, N, GC and gene distance as bedtools sees them; the positives lie in genes and retroviruses."""
    fasta = tmp_path / "chr22.fa"
    with pysam.FastaFile(str(SHARED / "genome/chr22.hg19.fa.gz")) as file:
        fasta.write_text(f">chr22\n{file.fetch('chr22')}\n")
    table = pl.read_csv(SHARED / "annotation/genes_exons.chr21_22.hg19.tsv", separator="\t").filter(
        pl.col("CHROM") == 22
    )
    genes = intervals([("chr22", s, e, None, None, ".") for s, e in table.select("TX_START", "TX_END").iter_rows()])
    elements = read_bed(SHARED / "herv/erv_homology.chr22.hg19.bed")
    with open_genome(fasta) as genome:
        positives = chr22_positives(genome, genes, elements, 2000)
        everywhere = intervals([("chr22", 0, genome.lengths["chr22"], None, None, ".")])
        found = {
            match: matched_negatives(positives, genome, everywhere, Matching(match, genes=genes), seed=1).intervals
            for match in (NAMES[:2], NAMES[:4])
        }
    for name, rows in (("positives", positives), ("genes", genes), *((str(len(m)), rows) for m, rows in found.items())):
        rows.select("chrom", "start", "end").sort("start", "end").write_csv(
            tmp_path / name, separator="\t", include_header=False
        )

    def bedtools(*arguments):
        done = subprocess.run(["bedtools", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def measured(name):
        nuc = bedtools("nuc", "-fi", fasta, "-bed", name, "-seq")[1:]
        text, count = [row[-1] for row in nuc], np.array([row[5:12] for row in nuc], dtype=float)  # ACGTN other length
        return {
            "n": count[:, 4],
            "log length": np.log(count[:, 6]),
            "gc": (count[:, 1] + count[:, 2]) / count[:, 6],
            "masked": np.array([sum(map(sequence.count, "acgt")) for sequence in text]) / count[:, 6],
            "cpg": np.array([sequence.upper().count("CG") for sequence in text]) / count[:, 6],
            "gene_distance": np.log10(
                1
                + np.array(
                    [int(row[-1]) for row in bedtools("closest", "-d", "-t", "first", "-a", name, "-b", "genes")]
                )
            ),
        }

    of_positives = measured("positives")
    for match, limit in ((NAMES[:2], 0.05), (NAMES[:4], 0.1)):
        name = str(len(match))
        assert found[match].height == 2000
        of_partners = measured(name)
        assert of_partners.pop("n").max() == 0
        assert not bedtools("intersect", "-a", name, "-b", "positives")
        assert len(bedtools("merge", "-i", name, "-d", "-1")) == 2000
        for covariate in ("log length", *match):
            assert abs(smd(of_positives[covariate], of_partners[covariate])) <= limit, covariate
