import gzip
from pathlib import Path

import numpy as np
import oracle_motifs
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from phenolens.annotate.fimo_nulls import fimo_shares
from phenolens.annotate.motifs import prepare, scan, scan_blocks
from phenolens.annotate.pvalues import LAMBDAS, background, q_values, score_table, true_null_share
from phenolens.core.errors import DataError
from phenolens.core.schemas_motifs import HITS
from phenolens.core.table import check
from phenolens.core.types import Motif
from phenolens.io.motifs import read_motifs

EVEN = np.full(4, 0.25)
FIMO = Path(__file__).parents[3] / "shared" / "data" / "motifs" / "fimo_mm9_example"


def real_fimo(test):
    """The test needs the real FIMO's output."""
    missing = pytest.mark.skipif(not FIMO.exists(), reason="the real FIMO output is not here (shared data)")
    return pytest.mark.shared_data(missing(test))


def random_motif(name, width, seed, sharpness=0.4):
    return Motif(name, name.upper(), np.random.default_rng(seed).dirichlet(np.full(4, sharpness), width), 30.0)


def consensus(motif):
    return "".join("ACGT"[i] for i in motif.matrix.argmax(axis=1))


@pytest.fixture
def sequences():
    """Random letters of both cases with N, shorter than any motif, empty, and exactly one window long."""
    generator = np.random.default_rng(7)
    texts = [
        "".join(generator.choice(list("ACGTacgtN"), n, p=[0.12] * 8 + [0.04])) for n in (80, 1, 150, 6, 0, 33, 200)
    ]
    return texts, [f"s{i}" for i in range(len(texts))]


@pytest.mark.parametrize("width", [1, 2, 5, 6, 7])
def test_hits_equal_the_slow_oracle(width, sequences):
    motif = random_motif("m", width, seed=width)
    frequencies = np.array([0.3, 0.2, 0.2, 0.3])
    threshold = 0.3 if width == 1 else 0.1
    hits = check(scan([motif], *sequences, background=frequencies, p_threshold=threshold), HITS)
    expected = oracle_motifs.scan(motif.matrix.tolist(), 30.0, frequencies.tolist(), *sequences, threshold)
    found = hits.select("sequence_id", "start", "end", "strand", "score", "p_value", "matched").sort(pl.all()).rows()
    assert len(expected) > 20
    assert [row[:4] + row[6:] for row in found] == [row[:4] + row[6:] for row in expected]
    assert np.array([r[4:6] for r in found]) == pytest.approx(np.array([r[4:6] for r in expected]), rel=1e-9)


def test_every_chunk_size_and_every_block_gives_the_same_table(sequences):
    motifs = [random_motif(f"m{w}", w, seed=w) for w in (3, 12, 13, 20)]
    prepared = prepare(motifs, background=EVEN, p_threshold=0.02)
    whole = scan(motifs, *sequences, background=EVEN, p_threshold=0.02)
    assert set(whole["motif_id"]) == {"m3", "m12", "m13", "m20"}
    texts, ids = sequences
    for chunk in (1, 7, 100, 10_000, 1_000_000):
        assert_frame_equal(scan_blocks(prepared, [(ids, texts)], chunk=chunk), whole)
    for cut in (1, 2, 4):
        blocks = [(ids[at : at + cut], texts[at : at + cut]) for at in range(0, len(ids), cut)]
        assert_frame_equal(scan_blocks(prepared, blocks), whole)
    assert scan_blocks(prepared, []).is_empty()


def test_wide_motifs_equal_every_window_scored_on_its_own(sequences):
    """Widths that no enumeration reaches: scores added up letter by letter, p-values from the table that the enumeration proves."""
    texts, ids = sequences
    for width, sharpness in ((9, 0.1), (17, 2.0), (33, 0.5)):
        motif = random_motif("m", width, seed=width, sharpness=sharpness)
        table = score_table(motif, EVEN)
        expected = []
        for name, text in zip(ids, texts, strict=True):
            for start, strand, letters in oracle_motifs.windows(text, width):
                score = sum(int(row["ACGT".index(x)]) for row, x in zip(table.matrix, letters, strict=True))
                if table.p_values[score] <= 0.2:
                    expected.append((name, start, strand, letters, table.p_values[score]))
        hits = scan([motif], texts, ids, background=EVEN, p_threshold=0.2)
        found = hits.select("sequence_id", "start", "strand", "matched", "p_value").rows()
        assert sorted(found) == sorted(expected)
        assert len(found) >= 10


def test_the_sample_of_nulls_is_the_same_in_any_order_and_estimates_as_all_windows_do():
    """More places than the sample holds: 30,000 of 60 sequences, a fifth of which are full of the motif."""
    motif, generator = random_motif("m", 8, seed=2), np.random.default_rng(9)
    texts = ["".join(generator.choice(list("ACGT"), 500)) for _ in range(48)] + [consensus(motif) * 63] * 12
    ids = [f"s{i}" for i in range(60)]
    hits = scan([motif], texts, ids, background=EVEN)
    order = generator.permutation(60)
    prepared = prepare([motif], background=EVEN)
    blocks = [([ids[i]], [texts[i]]) for i in order]
    assert_frame_equal(scan_blocks(prepared, blocks, chunk=91).sort(pl.all()), hits.sort(pl.all()))
    every = scan([motif], texts, ids, background=EVEN, p_threshold=1.0)
    at_least = np.array([(every["p_value"] >= x).sum() for x in LAMBDAS])
    share = true_null_share(at_least, every.height)
    expected = q_values(hits["p_value"].to_numpy(), every.height, share)
    assert share < 1
    # 20,000 sampled tests know the share to about half a percent
    assert hits["q_value"].to_numpy() == pytest.approx(expected, rel=0.03)


def test_a_reverse_complemented_sequence_has_the_same_hits_mirrored(sequences):
    motifs = [random_motif(f"m{w}", w, seed=w) for w in (4, 9)]
    texts, ids = sequences
    lengths = pl.DataFrame({"sequence_id": ids, "length": [len(text) for text in texts]})
    hits = scan(motifs, texts, ids, background=EVEN, p_threshold=0.05)
    mirrored = scan(
        motifs, [oracle_motifs.reverse_complement(t) for t in texts], ids, background=EVEN, p_threshold=0.05
    )
    turned = mirrored.join(lengths, on="sequence_id").with_columns(
        start=pl.col("length") - pl.col("end"),
        end=pl.col("length") - pl.col("start"),
        strand=pl.col("strand").replace({"+": "-", "-": "+"}),
    )
    assert hits.height > 50
    key = ["motif_id", "sequence_id", "start", "strand"]
    assert_frame_equal(turned.drop("length").sort(key), hits.sort(key))


def test_case_order_of_sequences_and_order_of_motifs_do_not_matter(sequences):
    motifs = [random_motif(f"m{w}", w, seed=w) for w in (4, 9)]
    texts, ids = sequences
    hits = scan(motifs, texts, ids, background=EVEN, p_threshold=0.05)
    assert_frame_equal(scan(motifs, [t.upper() for t in texts], ids, background=EVEN, p_threshold=0.05), hits)
    other = scan(motifs[::-1], texts[::-1], ids[::-1], background=EVEN, p_threshold=0.05)
    assert_frame_equal(other.sort(pl.all()), hits.sort(pl.all()))
    assert hits.select("motif_id", "sequence_id", "start", "strand").rows() == sorted(
        hits.select("motif_id", "sequence_id", "start", "strand").rows(), key=lambda r: (r[0], r[1], r[2], r[3] == "-")
    )


def test_sites_at_both_ends_are_found_on_both_strands():
    motif = random_motif("m", 14, seed=1, sharpness=0.05)
    site = consensus(motif)
    text = site + "N" * 5 + oracle_motifs.reverse_complement(site)
    hits = scan([motif], [text], ["x"], background=EVEN)
    assert hits.select("start", "end", "strand", "matched").rows() == [(0, 14, "+", site), (19, 33, "-", site)]


def test_no_window_reaches_into_the_next_sequence():
    motif = random_motif("m", 14, seed=1, sharpness=0.05)
    site = consensus(motif)
    assert scan([motif], [site[:7], site[7:]], ["x", "y"], background=EVEN).is_empty()
    assert scan([motif], [site[:6] + "N" + site[7:]], ["x"], background=EVEN, p_threshold=1.0).is_empty()


def test_q_values_count_every_window_and_do_not_depend_on_the_threshold():
    motif = random_motif("m", 8, seed=2)
    generator = np.random.default_rng(3)
    texts = ["".join(generator.choice(list("ACGT"), 300)) for _ in range(10)] + [consensus(motif) * 20]
    ids = [str(i) for i in range(11)]
    every = scan([motif], texts, ids, background=EVEN, p_threshold=1.0)
    assert every.height == 2 * sum(len(text) - 7 for text in texts)
    at_least = np.array([(every["p_value"] >= x).sum() for x in LAMBDAS])
    share = true_null_share(at_least, every.height)
    assert every["q_value"].to_numpy() == pytest.approx(q_values(every["p_value"].to_numpy(), every.height, share))
    some = scan([motif], texts, ids, background=EVEN, p_threshold=1e-3)
    expected = every.filter(pl.col("p_value") <= 1e-3)
    # The last hits of the short list could profit from larger p-values only if those had a lower rate.
    assert_frame_equal(some.filter(pl.col("p_value") < 5e-4), expected.filter(pl.col("p_value") < 5e-4))
    assert some.height == expected.height > 20


def test_a_hit_at_the_threshold_is_a_hit(sequences):
    motif = random_motif("m", 4, seed=8)
    every = scan([motif], *sequences, background=EVEN, p_threshold=1.0)
    for p_value in every["p_value"].unique().to_list()[::20]:
        hits = scan([motif], *sequences, background=EVEN, p_threshold=p_value)
        assert hits.height == (every["p_value"] <= p_value).sum() > 0


def test_random_dna_has_as_many_hits_as_the_p_value_says():
    frequencies = np.array([0.3, 0.2, 0.2, 0.3])
    text = "".join(np.random.default_rng(4).choice(list("ACGT"), 200_000, p=frequencies))
    for width in (8, 15):
        hits = scan([random_motif("m", width, seed=width)], [text], ["x"], background=frequencies, p_threshold=1e-3)
        assert 0.85 < hits.height / (2 * len(text) * hits["p_value"].max()) < 1.15


def test_one_strand_only_uses_the_background_as_given():
    motif, skewed = random_motif("m", 5, seed=5), np.array([0.4, 0.3, 0.2, 0.1])
    text = "".join(np.random.default_rng(6).choice(list("ACGT"), 300))
    hits = scan([motif], [text], ["x"], background=skewed, p_threshold=0.05, both_strands=False)
    plus = [
        row
        for row in oracle_motifs.scan(motif.matrix.tolist(), 30.0, skewed.tolist(), [text], ["x"], 0.05)
        if row[3] == "+"
    ]
    assert hits["matched"].to_list() == [row[6] for row in plus]
    assert hits["p_value"].to_numpy() == pytest.approx([row[5] for row in plus])
    both = scan([motif], [text], ["x"], background=skewed, p_threshold=0.05)
    assert_frame_equal(
        both, scan([motif], [text], ["x"], background=EVEN, p_threshold=0.05)
    )  # 0.4 and 0.1, 0.3 and 0.2


def test_nothing_to_scan_gives_an_empty_table():
    motif = random_motif("m", 5, seed=5)
    for motifs, texts in (([], ["ACGT"]), ([motif], []), ([motif], ["ACG"]), ([motif], [""]), ([motif], ["N" * 50])):
        hits = scan(motifs, texts, [str(i) for i in range(len(texts))], background=EVEN, p_threshold=1.0)
        assert hits.is_empty()
        check(hits, HITS)


def test_names_must_be_unique_and_fit():
    motif = random_motif("m", 5, seed=5)
    with pytest.raises(DataError, match=r"^motifs: the name m occurs more than once; expected unique names$"):
        scan([motif, motif], ["ACGT"], ["x"], background=EVEN)
    with pytest.raises(DataError, match=r"^sequences to scan: the name x occurs more than once"):
        scan([motif], ["ACGT", "A"], ["x", "x"], background=EVEN)
    with pytest.raises(DataError, match=r"^sequences to scan: 1 sequences; expected one for each of 2 ids$"):
        scan([motif], ["ACGT"], ["x", "y"], background=EVEN)


@pytest.fixture(scope="module")
def fimo():
    """FIMO 5.4.0 on its own example: (prepared motifs, ids, texts, its table). Its background is nrdb's, here with all six digits, over both strands."""
    at, cg = (0.281774 + 0.267330) / 2, (0.222020 + 0.228876) / 2
    records = gzip.decompress((FIMO / "mm9_tss_500bp_sampled_1000.fna.gz").read_bytes()).decode().split(">")[1:]
    ids = [record.split("\n")[0] for record in records]
    texts = ["".join(record.split("\n")[1:]) for record in records]
    motifs = read_motifs(FIMO / "some_vertebrates.meme")
    table = pl.read_csv(FIMO / "fimo.tsv", separator="\t", n_rows=1494)
    return prepare(motifs, background=np.array([at, cg, cg, at])), ids, texts, table


def beside_fimo(hits, table):
    """FIMO's rows with ours of the same motif, place, strand and letters; its places are 1-based on the genome."""
    place = pl.col("sequence_id").str.extract_groups(r"^(?<chrom>\w+):(?<first>\d+)-")
    ours = hits.with_columns(place.alias("place")).unnest("place")
    ours = ours.with_columns(start=pl.col("start") + pl.col("first").cast(pl.Int64))
    return table.join(
        ours,
        left_on=["motif_id", "sequence_name", "start", "strand", "matched_sequence"],
        right_on=["motif_id", "chrom", "start", "strand", "matched"],
        how="inner",
        maintain_order="left",
    )


@real_fimo
def test_the_real_fimo_gives_the_same_hits_scores_p_values_and_q_values(fimo):
    """1,494 hits; three digits of p and q are printed."""
    prepared, ids, texts, table = fimo
    hits = scan_blocks(prepared, [(ids, texts)], shares=fimo_shares(prepared.tables, texts))
    pairs = beside_fimo(hits, table)
    assert hits.height == pairs.height == 1494
    assert (pairs["stop"] == pairs["first"].cast(pl.Int64) + pairs["end"] - 1).all()
    assert pairs["score_right"].to_numpy() == pytest.approx(pairs["score"].to_numpy(), abs=5.1e-5, rel=5.1e-6)
    for ours, theirs in (("p_value", "p-value"), ("q_value", "q-value")):
        last_digit = 10.0 ** (np.floor(np.log10(pairs[theirs].to_numpy())) - 2)
        assert np.all(np.abs(pairs[ours].to_numpy() - pairs[theirs].to_numpy()) <= 0.501 * last_digit)
    # FIMO's file is in the order of p, so ours are in order along it
    assert np.all(np.diff(np.log(pairs["p_value"].to_numpy())) > -1e-9)


@real_fimo
def test_our_sample_gives_nearly_fimos_q_values(fimo):
    """FIMO's share of true nulls is an estimate from 10,000 tests, ours one from 20,000 others."""
    prepared, ids, texts, table = fimo
    pairs = beside_fimo(scan_blocks(prepared, [(ids, texts)]), table)
    assert pairs["q_value"].to_numpy() == pytest.approx(pairs["q-value"].to_numpy(), rel=0.04)


def test_background_of_the_sequences_is_a_valid_background(sequences):
    scan([random_motif("m", 5, seed=5)], *sequences, background=background(sequences[0]))
