import contextlib
import gzip
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pysam
import pytest

from phenolens.core.errors import InputError
from phenolens.io.bed import read_bed
from phenolens.io.genome import check_chromosomes, open_genome
from phenolens.io.plain_fasta import CHUNK_BYTES, IS_BASE, first_wrong

SHARED = Path(__file__).parents[2] / "../shared/data"
LENGTHS = {"chr1": 997, "chr2": 60, "chrM": 121}


@pytest.fixture(scope="module")
def letters():
    generator = np.random.default_rng(5)
    return {name: "".join(generator.choice(list("ACGTNacgtn"), n)) for name, n in LENGTHS.items()}


def wrapped(letters, ending="\n"):
    lines = []
    for name, text in letters.items():
        lines += [f">{name} a description", *(text[i : i + 60] for i in range(0, len(text), 60))]
    return (ending.join(lines) + ending).encode()


@pytest.fixture(params=["plain", "windows", "bgzip"])
def fasta(request, tmp_path, letters):
    path = tmp_path / "g.fa"
    path.write_bytes(wrapped(letters, "\r\n" if request.param == "windows" else "\n"))
    if request.param != "bgzip":
        return path
    pysam.tabix_compress(str(path), str(tmp_path / "g.fa.gz"))
    return tmp_path / "g.fa.gz"


def test_every_interval_is_the_slice_of_the_letters(fasta, letters):
    generator = np.random.default_rng(1)
    with open_genome(fasta) as genome:
        assert genome.path == fasta
        assert list(genome.lengths.items()) == list(LENGTHS.items())
        for name, text in letters.items():
            assert genome.fetch(name, 0, len(text)) == text
            assert genome.fetch(name, len(text), len(text)) == ""
            for start, end in np.sort(generator.integers(0, len(text) + 1, (40, 2)), axis=1):
                assert genome.fetch(name, int(start), int(end)) == text[start:end]


def test_letters_are_the_whole_chromosome(fasta, letters):
    with open_genome(fasta) as genome, ThreadPoolExecutor(3) as pool:
        for name, found in zip(letters, pool.map(genome.letters, letters), strict=True):
            assert found.dtype == np.uint8
            assert found.tobytes().decode() == letters[name]
            assert not found.flags.writeable


@pytest.mark.parametrize("width", [1, 61, CHUNK_BYTES // 3, CHUNK_BYTES + 5])
@pytest.mark.parametrize(("ending", "last"), [("\n", True), ("\r\n", True), ("\n", False)])
def test_letters_of_any_layout(tmp_path, width, ending, last):
    """Chromosomes that end within a line, at the end of one, and at the end of a chunk of lines; with and without a last line end."""
    generator = np.random.default_rng(width)
    full = max(1, CHUNK_BYTES // (width + len(ending))) * width if width > 1 else 5000
    texts = {
        f"c{n}": "".join(generator.choice(list("ACgtN"), n)) for n in {1, width, full, full + 1, min(2 * full, 600_000)}
    }
    path = tmp_path / "g.fa"
    lines = [
        line
        for name, text in texts.items()
        for line in (f">{name}", *(text[i : i + width] for i in range(0, len(text), width)))
    ]
    path.write_bytes((ending.join(lines) + (ending if last else "")).encode())
    with open_genome(path) as genome:
        for name, text in texts.items():
            assert genome.letters(name).tobytes().decode() == text
            assert genome.fetch(name, 0, len(text)) == text


def test_letters_refuse_what_fetch_refuses(tmp_path, letters):
    path = tmp_path / "g.fa"
    path.write_bytes(wrapped({"p": "ACGTRyACGT" * 30_000, "q": "ACGT" * 80_000 + "ACGE", "r": "AC-"}))
    with open_genome(path) as genome:
        assert len(genome.letters("p")) == 300_000
        for name, place, letter in (("q", "q:320003-320004", "E"), ("r", "r:2-3", "-")):
            with pytest.raises(InputError) as caught:
                genome.letters(name)
            assert str(caught.value) == (
                f"{path}: {place} holds {letter!r}; expected DNA letters (ACGTNRYSWKMBDHV, either case); "
                f"delete {path}.fai and run again, if the file was changed after it was indexed"
            )
        with pytest.raises(InputError, match=r"has no chromosome 22; expected one of: p, q, r"):
            genome.letters("22")


def test_letters_of_a_file_that_changed_while_it_was_open(tmp_path, letters):
    path = tmp_path / "g.fa"
    whole = wrapped({"chr1": letters["chr1"] * 1000})
    path.write_bytes(whole)
    with open_genome(path) as genome:
        path.write_bytes(whole[:500_000])
        with pytest.raises(
            InputError, match="chr1:0-997000 cannot be read: the file ends before it; copy the file again"
        ):
            genome.letters("chr1")
        end = whole.index(b"\n", 300_000)
        for changed in (whole[:end] + b"A" + whole[end:], whole[:end] + b"A" + whole[end + 1 :]):
            path.write_bytes(changed)
            with pytest.raises(
                InputError, match=r"chr1:0-997000 cannot be read: lines after base \d+ do not end where"
            ):
                genome.letters("chr1")


def test_every_byte_is_told_to_be_a_base_or_not():
    for byte in range(256):
        text = np.full(2 * CHUNK_BYTES + 3, ord("a"), dtype=np.uint8)
        assert first_wrong(text) is None
        for place in (0, CHUNK_BYTES - 1, CHUNK_BYTES, len(text) - 1):
            text[place] = byte
            assert first_wrong(text) == (None if chr(byte) in "ACGTNRYSWKMBDHVacgtnryswkmbdhv" else place)
            text[place] = ord("a")
    assert IS_BASE.sum() == 30


@pytest.mark.skipif(shutil.which("bedtools") is None, reason="bedtools is not installed")
def test_bedtools_getfasta_gives_the_same(tmp_path, letters):
    path = tmp_path / "g.fa"
    path.write_bytes(wrapped(letters))
    bed = tmp_path / "a.bed"
    bed.write_text("chr1\t0\t60\nchr1\t59\t61\nchr1\t990\t997\nchrM\t119\t121\nchr2\t0\t60\n")
    answer = subprocess.run(
        ["bedtools", "getfasta", "-tab", "-fi", path, "-bed", bed], capture_output=True, text=True, check=True
    )
    with open_genome(path) as genome:
        rows = read_bed(bed).select("chrom", "start", "end").rows()
        assert [genome.fetch(*row) for row in rows] == [line.split("\t")[1] for line in answer.stdout.splitlines()]


def refused(genome, *place):
    with pytest.raises(InputError) as caught:
        genome.fetch(*place)
    return str(caught.value)


def test_never_a_silently_short_answer(fasta):
    with open_genome(fasta) as genome:
        for start, end in ((990, 998), (997, 1000), (2000, 2005), (-1, 5), (9, 5)):
            assert refused(genome, "chr1", start, end) == (
                f"{fasta}: chr1:{start}-{end} was asked for, but chr1 has 997 bases; expected 0 <= start <= end <= its length; "
                "check that the coordinates and the genome are of one build"
            )
        assert refused(genome, "1", 0, 5) == (
            f"{fasta}: has no chromosome 1; expected one of: chr1, chr2, chrM; "
            'add "chr" to the chromosome names of the intervals: 1 becomes chr1'
        )
        assert refused(genome, "chr9", 0, 5) == f"{fasta}: has no chromosome chr9; expected one of: chr1, chr2, chrM"


def test_letters_that_are_no_bases(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(">p\nACGTRyEACGT\n")
    with open_genome(path) as genome:
        assert genome.fetch("p", 0, 6) == "ACGTRy"
        assert refused(genome, "p", 4, 9) == (
            f"{path}: p:4-9 holds 'E'; expected DNA letters (ACGTNRYSWKMBDHV, either case); "
            f"delete {path}.fai and run again, if the file was changed after it was indexed"
        )


def test_file_that_shrinks_while_it_is_open(tmp_path, letters):
    path = tmp_path / "g.fa"
    whole = wrapped({"chr1": letters["chr1"] * 1000})  # more than a read buffer holds
    path.write_bytes(whole)
    with open_genome(path) as genome:
        path.write_bytes(whole[:500_000])
        assert refused(genome, "chr1", 900_000, 900_097).startswith(f"{path}: chr1:900000-900097 cannot be read: ")
        for start in range(491_000, 492_000, 100):  # across the new end
            with contextlib.suppress(InputError):
                assert len(genome.fetch("chr1", start, start + 150)) == 150


def test_damaged_bgzip_block(tmp_path, letters):
    plain = tmp_path / "g.fa"
    plain.write_bytes(wrapped({"chr1": letters["chr1"] * 300}))
    path = tmp_path / "g.fa.gz"
    pysam.tabix_compress(str(plain), str(path))
    with open_genome(path):
        pass
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    stamp = path.stat()
    path.write_bytes(data)
    os.utime(path, (stamp.st_atime, stamp.st_mtime))
    with open_genome(path) as genome:
        assert genome.fetch("chr1", 0, 500) == (letters["chr1"])[:500]
        assert refused(genome, "chr1", 0, 299_100) == (
            f"{path}: chr1:0-299100 cannot be read: failure when retrieving sequence on 'chr1'; copy the file again, "
            f"or delete {path}.fai and run again, if the file was changed after it was indexed"
        )


def test_check_chromosomes_names_both_files(fasta):
    intervals = pl.DataFrame({"chrom": ["22"], "start": [1], "end": [2]})
    with open_genome(fasta) as genome, pytest.raises(InputError) as caught:
        check_chromosomes(intervals, genome, "loci.bed")
    assert str(caught.value) == (
        f"loci.bed: 1 of 1 intervals lie on chromosomes that {fasta} does not have: 22; expected its names: chr1, chr2, chrM; "
        "remove these intervals, or name the genome they were made on"
    )


@pytest.mark.shared_data
@pytest.mark.skipif(shutil.which("samtools") is None, reason="samtools is not installed")
def test_samtools_faidx_gives_the_same_on_chromosome_22(tmp_path):
    path = SHARED / "genome/chr22.hg19.fa.gz"
    if not path.is_file():
        pytest.skip("the shared data is not here")
    starts = np.random.default_rng(2).integers(16_050_000, 51_300_000, 200)
    places = [("chr22", int(s), int(s) + 700) for s in starts] + [("chr22", 51_304_000, 51_304_566)]
    (tmp_path / "places").write_text("".join(f"{c}:{s + 1}-{e}\n" for c, s, e in places))
    answer = subprocess.run(
        ["samtools", "faidx", path, "-n", "1000", "-r", tmp_path / "places"], capture_output=True, text=True, check=True
    )
    with open_genome(path) as genome:
        assert [genome.fetch(*place) for place in places] == answer.stdout.splitlines()[1::2]
        chr22 = genome.letters("chr22")
        assert [chr22[start:end].tobytes().decode() for _, start, end in places] == answer.stdout.splitlines()[1::2]


def test_gzip_of_the_same_letters_is_refused(tmp_path, letters):
    path = tmp_path / "g.fa.gz"
    path.write_bytes(gzip.compress(wrapped(letters)))
    with pytest.raises(InputError) as caught:
        open_genome(path)
    assert str(caught.value) == (
        f"{path}: is gzip, but not bgzip; expected FASTA, plain or bgzip; "
        f"compress it so that it can be read by position: gunzip {path} && bgzip {tmp_path}/g.fa"
    )
