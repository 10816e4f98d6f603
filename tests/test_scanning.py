"""`phenolens scan-motifs` on files: as the functions in memory, in FIMO's form, and what it refuses."""

import gzip
import io

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from phenolens.annotate.motifs import scan
from phenolens.annotate.pvalues import NRDB
from phenolens.cli import app
from phenolens.core.errors import InputError, SettingsError
from phenolens.core.schemas_motifs import HITS
from phenolens.core.table import check
from phenolens.io.motifs import read_motifs
from phenolens.scanning import ScanOptions, scan_file, scan_sequences

MEME = "MEME version 4\n\nALPHABET= ACGT\n\nBackground letter frequencies\nA 0.3 C 0.2 G 0.2 T 0.3\n\n"


@pytest.fixture
def files(tmp_path):
    """(FASTA of three records with the first motif planted on both strands, motif file, name -> sequence)."""
    words, text = {"M1": "TGACTCAGCA", "M2": "GGATTTCC"}, MEME
    for name, word in words.items():
        rows = "".join(" ".join("0.97" if x == w else "0.01" for x in "ACGT") + "\n" for w in word)
        text += f"MOTIF {name} name-{name}\nletter-probability matrix: alength= 4 w= {len(word)} nsites= 20\n{rows}\n"
    (tmp_path / "m.meme").write_text(text)
    generator = np.random.default_rng(1)
    records = {f"s{i}": "".join(generator.choice(list("ACGT"), 300)) for i in range(3)}
    records["s1"] = records["s1"][:40] + words["M1"].lower() + "NNN" + "TGCTGAGTCA" + records["s1"][63:]
    fasta = tmp_path / "s.fa.gz"
    fasta.write_bytes(gzip.compress("".join(f">{n} d\n{s[:70]}\n{s[70:]}\n" for n, s in records.items()).encode()))
    return fasta, tmp_path / "m.meme", records


def test_a_file_gives_what_memory_gives(files):
    fasta, meme, records = files
    hits = check(scan_file(fasta, str(meme), ScanOptions(1e-3)), HITS)
    assert_frame_equal(hits, scan_sequences(read_motifs(meme), records, p_threshold=1e-3))
    found = hits.filter(motif_id="M1", sequence_id="s1").select("start", "end", "strand", "matched").rows()
    assert (40, 50, "+", "TGACTCAGCA") in found
    assert (53, 63, "-", "TGACTCAGCA") in found


@pytest.mark.parametrize(
    ("asked", "letters"), [("motifs", [0.3, 0.2, 0.2, 0.3]), ("nrdb", NRDB), ("0.1,0.4,0.4,0.1", [0.1, 0.4, 0.4, 0.1])]
)
def test_the_background_is_the_one_asked_for(files, asked, letters):
    fasta, meme, records = files
    hits = scan_file(fasta, str(meme), ScanOptions(1e-2, asked))
    expected = scan(
        read_motifs(meme), list(records.values()), list(records), background=np.array(letters), p_threshold=1e-2
    )
    assert_frame_equal(hits, expected)


def test_fimos_form_is_one_based_and_in_the_order_of_p(files):
    fasta, meme, _ = files
    ours, fimo = scan_file(fasta, str(meme)), scan_file(fasta, str(meme), ScanOptions(fimo=True))
    assert (
        ",".join(fimo.columns)
        == "motif_id,motif_alt_id,sequence_name,start,stop,strand,score,p-value,q-value,matched_sequence"
    )
    assert fimo["p-value"].is_sorted()
    places = ours.select("motif_id", "sequence_id", pl.col("start") + 1, "end", "strand").rows()
    assert sorted(fimo.select("motif_id", "sequence_name", "start", "stop", "strand").rows()) == sorted(places)


def test_the_command_writes_what_the_function_gives(files, tmp_path):
    fasta, meme, _ = files
    run = CliRunner()
    printed = run.invoke(app, ["scan-motifs", str(fasta), "--motifs", str(meme), "--p", "1e-3", "--one-strand"])
    expected = scan_file(fasta, str(meme), ScanOptions(1e-3, both_strands=False))
    read = pl.read_csv(io.StringIO(printed.stdout), separator="\t", schema=expected.schema)
    assert_frame_equal(read, expected, rel_tol=1e-5)
    assert set(expected["strand"]) == {"+"}
    done = run.invoke(app, ["scan-motifs", str(fasta), "--motifs", str(meme), "-o", str(tmp_path / "h.parquet")])
    assert done.exit_code == 0
    assert_frame_equal(pl.read_parquet(tmp_path / "h.parquet"), scan_file(fasta, str(meme)))


def test_what_cannot_be_scanned_is_refused(files, tmp_path):
    fasta, meme, _ = files
    twice = tmp_path / "twice.fa"
    twice.write_text(">a\nACGT\n>b\nACGT\n>a\nACGT\n")
    with pytest.raises(InputError, match=r"line 5: names a record a again"):
        scan_file(twice, str(meme), ScanOptions(background="nrdb"))
    with pytest.raises(SettingsError, match="--background: is that of the sequences, which are standard input"):
        scan_file("-", str(meme))
    with pytest.raises(SettingsError, match="--background: is half; expected sequences, motifs, nrdb"):
        scan_file(fasta, str(meme), ScanOptions(background="half"))
    with pytest.raises(InputError, match="vertebrates"):
        scan_file(fasta, f"{meme}#vertebrates")
