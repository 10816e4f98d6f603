import gzip
from functools import partial

import numpy as np
import polars as pl
import pytest

from phenolens.core.errors import InputError
from phenolens.core.ground import ground
from phenolens.io import maf
from phenolens.io.maf import read_alike
from phenolens.io.text import blocks as text_blocks

COMPLEMENT = str.maketrans("ACGTacgtnN-", "TGCAtgcanN-")


def block(*rows):
    """(species.chrom, start, strand, length of chromosome, letters) ... -> text of a block."""
    lines = [
        f"s {name} {start} {len(t.replace('-', ''))} {strand} {length} {t}" for name, start, strand, length, t in rows
    ]
    return "\n".join(["a score=1", *lines, "", ""])


def write(path, *blocks, head="##maf version=1\n# made by hand\n"):
    path.write_text(head + "".join(blocks))
    return path


def land_of(*places):
    return ground(pl.DataFrame(places, schema=["chrom", "start", "end"], orient="row"))


HAND = block(
    ("hg.1", 10, "+", 100, "AC-GTNac"),
    ("pan.7", 3, "-", 90, "ACTGA-aN"),
    ("gor.2", 0, "+", 90, "AG-GTAtC"),
)  # fmt: skip


def test_a_block_by_hand(tmp_path):
    found = read_alike(write(tmp_path / "a.maf", HAND), land_of(("chr1", 9, 18)))
    assert found.species == ["pan", "gor"]
    assert found.seen.tolist() == [0, 2, 2, 2, 2, 0, 2, 1, 0]  # bases 9 to 17; N of either says nothing
    assert found.same.tolist() == [0, 2, 1, 2, 1, 0, 1, 1, 0]
    assert found.share().tolist() == pytest.approx([np.nan, 1, 0.5, 1, 0.5, np.nan, 0.5, 1, np.nan], nan_ok=True)
    assert found.all_alike().tolist() == pytest.approx([np.nan, 1, 0, 1, 0, np.nan, 0, np.nan, np.nan], nan_ok=True)


def test_chosen_species_and_another_reference(tmp_path):
    path = write(tmp_path / "a.maf", HAND)
    chosen = read_alike(path, land_of(("1", 10, 17)), ("hg", "gor"))
    assert (chosen.species, chosen.seen.tolist()) == (["gor"], [1, 1, 1, 1, 0, 1, 1])
    # pan lies on the - strand: its first letter is base 90 - 3 - 1 = 86 of its + strand
    other = read_alike(path, land_of(("7", 80, 87)), ("pan", "hg"))
    assert (other.seen.tolist(), other.same.tolist()) == ([0, 1, 1, 1, 0, 1, 1], [0, 1, 0, 1, 0, 1, 1])
    with pytest.raises(InputError, match=r"a.maf: has no species chimp.*one of: hg, pan, gor"):
        read_alike(path, land_of(("1", 10, 17)), ("hg", "chimp"))


def random_blocks(generator):
    """Blocks of three species along chr1, half of them written from the reference's - strand: (text, letters of each species by base)."""
    size, texts = 400, []
    tracks = {name: np.full(size, "", dtype="<U1") for name in ("hg", "pan", "gor")}
    at = 0
    while at < size - 40:
        at += int(generator.integers(0, 15))
        width = int(generator.integers(5, 30))
        letters = {name: generator.choice(list("ACGTacgtN-"), width) for name in tracks}
        letters["pan"] = np.where(generator.random(width) < 0.6, letters["hg"], letters["pan"])
        present = ["hg", *(name for name in ("pan", "gor") if generator.random() < 0.8)]
        base = at
        for column in range(width):
            if letters["hg"][column] != "-":
                for name in present:
                    tracks[name][base] = letters[name][column]
                base += 1
        if base > at:
            flip = generator.random() < 0.5
            rows = []
            for name in present:
                text = "".join(letters[name])
                text = text[::-1].translate(COMPLEMENT) if flip else text
                start = (size - base if flip else at) if name == "hg" else 0
                rows.append((f"{name}.chr1", start, "-" if flip else "+", size, text))
            texts.append(block(*rows))
        at = base
    return texts, tracks, size


def test_counts_equal_letters_compared_one_by_one_for_any_block_of_the_file(tmp_path, monkeypatch):
    generator = np.random.default_rng(8)
    texts, tracks, size = random_blocks(generator)
    seen, same = [], []
    for hg, *others in zip(tracks["hg"], tracks["pan"], tracks["gor"], strict=True):
        there = [o for o in others if o not in ("", "-", "N", "n") and hg not in ("", "N", "n")]
        seen.append(len(there))
        same.append(sum(o.upper() == hg.upper() for o in there))
    places = [("chr1", 3, 90), ("chr1", 95, 97), ("chr1", 200, 377)]
    expected = [np.concatenate([np.array(values)[a:b] for _, a, b in places]) for values in (seen, same)]
    path = write(tmp_path / "r.maf", *texts)
    zipped = tmp_path / "r.maf.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    for file, bytes_ in ((path, 1 << 24), (zipped, 7), (zipped, 64)):
        monkeypatch.setattr(maf, "blocks", partial(text_blocks, size=bytes_))
        found = read_alike(file, land_of(*places), ("hg", "pan", "gor"))
        assert found.seen.tolist() == expected[0].tolist()
        assert found.same.tolist() == expected[1].tolist()
    assert sum(seen) > 200
    assert size == 400


def test_a_base_or_a_species_that_is_there_twice_counts_once(tmp_path):
    again = block(("hg.1", 10, "+", 100, "A"), ("pan.7", 3, "+", 90, "A"), ("pan.8", 3, "+", 90, "C"))
    found = read_alike(write(tmp_path / "a.maf", HAND, again, block(("pan.1", 0, "+", 9, "A"))), land_of(("1", 10, 11)))
    assert (found.seen.tolist(), found.same.tolist()) == ([2], [2])
    found = read_alike(write(tmp_path / "b.maf", again), land_of(("1", 10, 11)))
    assert (found.species, found.seen.tolist(), found.same.tolist()) == (["pan"], [1], [1])


@pytest.mark.parametrize(
    ("head", "text", "words"),
    [
        ("", ">chr1\nACGT\n", r"line 1: begins with '>chr1'; expected ##maf version=1"),
        ("##maf version=1\n", "a\ns hg.1 1 2 + 90\n", r"line 3: row 's hg.1 1 2 \+ 90'"),
        ("##maf version=1\n", "a\ns hg.1 1 x + 90 AC\n", "line 3: row"),
        ("##maf version=1\n", "a\ns hg.1 1 3 + 90 AC\n", "line 3: row of hg has 2 bases; expected 3"),
        (
            "##maf version=1\n",
            "a\ns hg.1 1 2 + 90 AC\ns pan.1 1 2 + 90 A-C\n",
            "line 4: row of 3 letters in a block of 2",
        ),
        ("##maf version=1\n", "# nothing\n", "has no block"),
        (
            "##maf version=1\n",
            "a\ns hg.2 1 2 + 90 AC\n",
            r"has no block on 1; expected chromosomes of the study; the file's reference has 2",
        ),
    ],
)
def test_wrong_files_are_refused_with_their_line(tmp_path, head, text, words):
    with pytest.raises(InputError, match=words):
        read_alike(write(tmp_path / "a.maf", text, head=head), land_of(("1", 0, 50)))
