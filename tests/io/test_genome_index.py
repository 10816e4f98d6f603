import contextlib
import os
import shutil
import subprocess

import numpy as np
import pysam
import pytest

from phenolens.core.errors import InputError
from phenolens.io import genome_index
from phenolens.io.genome import open_genome
from phenolens.io.genome_index import Index, usable_index

SEQUENCE = "".join(np.random.default_rng(8).choice(list("ACGT"), 200_000))
TEXT = ">a x\n" + "\n".join(SEQUENCE[i : i + 50] for i in range(0, 150_000, 50)) + "\n>b\nACGTAC\nGT\n"


@pytest.fixture(params=[False, True], ids=["plain", "bgzip"])
def fasta(request, tmp_path):
    """A FASTA of several bgzip blocks, in a folder of its own."""
    folder = tmp_path / "genome"
    folder.mkdir()
    return write(folder / "g.fa", TEXT, compressed=request.param)


def write(path, text, *, compressed):
    path.write_text(text)
    if not compressed:
        return path
    packed = path.with_name(f"{path.name}.gz")
    pysam.tabix_compress(str(path), str(packed), force=True)
    path.unlink()
    return packed


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_index_is_built_beside_the_file_as_samtools_builds_it(fasta, tmp_path):
    with open_genome(fasta) as genome:
        assert genome.fetch("a", 149_990, 150_000) == SEQUENCE[149_990:150_000]
        assert genome.fetch("b", 4, 8) == "ACGT"
    compressed = fasta.suffix == ".gz"
    assert names(fasta.parent) == sorted([fasta.name, f"{fasta.name}.fai"] + [f"{fasta.name}.gzi"] * compressed)
    if shutil.which("samtools"):
        copy = shutil.copy(fasta, tmp_path / fasta.name)
        subprocess.run(["samtools", "faidx", copy], check=True)
        for suffix in (".fai", ".gzi")[: 1 + compressed]:
            assert (fasta.parent / f"{fasta.name}{suffix}").read_bytes() == (
                tmp_path / f"{fasta.name}{suffix}"
            ).read_bytes()


def test_a_fitting_index_is_used_as_it_is(fasta, monkeypatch):
    open_genome(fasta).close()
    monkeypatch.setattr(genome_index, "_build", None)  # would raise if it were called
    with open_genome(fasta) as genome:
        assert genome.fetch("b", 0, 8) == "ACGTACGT"


def test_a_folder_that_cannot_be_written_is_no_error(fasta, monkeypatch):
    real = shutil.copyfile

    def refuse(source, target):
        if target.parent == fasta.parent:
            raise PermissionError(13, "Permission denied", str(target))
        return real(source, target)

    # the tests may run as root, whom no permission stops
    monkeypatch.setattr(genome_index.shutil, "copyfile", refuse)
    genome = open_genome(fasta)
    assert names(fasta.parent) == [fasta.name]
    assert genome.fetch("a", 10, 60) == SEQUENCE[10:60]
    genome.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not stop root")
def test_a_really_read_only_folder(fasta):
    fasta.parent.chmod(0o500)
    try:
        with open_genome(fasta) as genome:
            assert genome.fetch("a", 10, 60) == SEQUENCE[10:60]
        assert names(fasta.parent) == [fasta.name]
    finally:
        fasta.parent.chmod(0o700)


def test_the_temporary_index_goes_when_the_genome_is_closed(fasta, monkeypatch, tmp_path):
    monkeypatch.setattr(genome_index, "_kept", lambda built, beside: False)
    monkeypatch.setattr(genome_index.tempfile, "tempdir", str(tmp_path))
    genome = open_genome(fasta)
    assert len([n for n in names(tmp_path) if n.startswith("phenolens-")]) == 1
    genome.close()
    assert names(tmp_path) == ["genome"]


def changed(fasta, text, *, older):
    """Put another FASTA under the same name, after (or, as a download keeps its date, before) its index was made."""
    open_genome(fasta).close()
    compressed = fasta.suffix == ".gz"
    write(fasta.with_suffix("") if compressed else fasta, text, compressed=compressed)
    stamp = (fasta.parent / f"{fasta.name}.fai").stat().st_mtime + (-100 if older else 100)
    os.utime(fasta, (stamp, stamp))


@pytest.mark.parametrize("older", [True, False])
@pytest.mark.parametrize(
    "text", [TEXT[:-1] + "A\n", ">a\n" + TEXT[56:], TEXT + ">c\nACGT\n", TEXT[:70_000] + "\n", ">a\nACGT\n"]
)
def test_stale_index(fasta, text, older):
    changed(fasta, text, older=older)
    with pytest.raises(InputError) as caught:
        open_genome(fasta)
    assert str(caught.value) in [
        f"{fasta}{suffix}: does not fit {fasta}; expected the index of this file; delete it (rm {fasta}{suffix}) and run again: it is made anew"
        for suffix in (".fai", ".gzi")
    ]
    for suffix in (".fai", ".gzi"):
        (fasta.parent / f"{fasta.name}{suffix}").unlink(missing_ok=True)
    with open_genome(fasta) as genome:
        whole = "".join(line for line in text.splitlines() if not line.startswith(">"))
        assert "".join(genome.fetch(c, 0, n) for c, n in genome.lengths.items()) == whole


def test_a_younger_file_of_the_same_size_with_other_names(fasta):
    changed(fasta, TEXT.replace(">a x", ">c x"), older=False)
    with pytest.raises(InputError, match=r"\.fai: does not fit"):
        open_genome(fasta)


def test_a_younger_file_with_the_same_layout_keeps_its_index(fasta):
    changed(fasta, TEXT, older=False)
    with open_genome(fasta) as genome:
        assert genome.fetch("b", 0, 8) == "ACGTACGT"


@pytest.mark.parametrize("content", [b"", b"rubbish\n", b"a\t5\n", b"a\tx\ty\tz\tw\n"])
def test_an_index_that_is_none(fasta, content):
    index = fasta.parent / f"{fasta.name}.fai"
    index.write_bytes(content)
    if not content:
        open_genome(fasta).close()
        assert index.stat().st_size > 0
        return
    with pytest.raises(InputError, match=r"fai: does not fit .*; expected the index of this file; delete it"):
        open_genome(fasta)


def test_a_bgzip_index_of_rubbish(tmp_path):
    fasta = write(tmp_path / "g.fa", TEXT, compressed=True)
    open_genome(fasta).close()
    (tmp_path / "g.fa.gz.gzi").write_bytes(b"rubbish")
    with pytest.raises(InputError, match=r"gzi: does not fit"):
        open_genome(fasta)


def test_index_for_a_plain_file_has_one_part(tmp_path):
    path = write(tmp_path / "g.fa", TEXT, compressed=False)
    with contextlib.ExitStack() as scratch:
        index = usable_index(path, scratch, compressed=False)
        assert index == Index(tmp_path / "g.fa.fai", None)
        assert index.files == [tmp_path / "g.fa.fai"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ": is empty; expected at least one line; check that its download or copy was whole"),
        ("\n\n", ", line 1: begins with ''; expected a FASTA file, which begins with '>'"),
        ("chr1\t1\t5\n", ", line 1: begins with 'chr1 1 5'; expected a FASTA file, which begins with '>'"),
        (">a\nACGT\n>b\nA\n>a z\nC\n", ", line 5: names a sequence a again, after line 1; expected every name once; rename or remove one of the two"),
        (">a\nACGT\n>\nA\n", ", line 3: has a sequence without a name; expected '>name'"),
        (">a\n>b\nACGT\n", ", line 1: has no bases for sequence a; expected at least one base; remove it"),
        (">a\nACGT\n>b\n", ", line 3: has no bases for sequence b; expected at least one base; remove it"),
        (
            ">a\nACGT\nAC\nACGT\n",
            (", line 4: has 4 letters of sequence a after a line of another length; "
            "expected lines of 4 letters, only the last one shorter; wrap it anew: seqkit seq -w 60 {path}"),
        ),
        (
            ">a\nACGT\nACGTA\n",
            (", line 3: has 5 letters of sequence a after a line of another length; "
            "expected lines of 4 letters, only the last one shorter; wrap it anew: seqkit seq -w 60 {path}"),
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_a_genome(tmp_path, text, sentence, capfd):
    path = tmp_path / "g.fa"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        open_genome(path)
    assert str(caught.value) == f"{path}{sentence}".replace("{path}", str(path))
    assert capfd.readouterr() == ("", "")
    assert names(tmp_path) == ["g.fa"]


def test_two_bit(tmp_path):
    path = tmp_path / "g.2bit"
    path.write_bytes(b"\x43\x27\x41\x1a" + bytes(40))
    with pytest.raises(InputError) as caught:
        open_genome(path)
    assert str(caught.value) == f"{path}: is a .2bit file; expected FASTA, plain or bgzip; convert it: twoBitToFa"


def test_truncated_bgzip(tmp_path):
    path = write(tmp_path / "g.fa", TEXT, compressed=True)
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(InputError) as caught:
        open_genome(path)
    assert "ends in the middle of its gzip data" in str(caught.value)
