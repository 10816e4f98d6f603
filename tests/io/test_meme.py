import gzip
from pathlib import Path

import numpy as np
import pytest

from phenolens.core.errors import InputError
from phenolens.io.meme import parse_meme
from phenolens.io.motifs import read_motif_file

SHARED = Path(__file__).parents[2] / "../shared/data/motifs"
HEAD = "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n"
BACKGROUND = "Background letter frequencies (from file `x'):\nA 0.3 C 0.2 G 0.2 T 0.3\n\n"
MOTIF = "MOTIF MA1 Arnt\nletter-probability matrix: alength= 4 w= 2 nsites= 20 E= 1e-5\n 0.2 0.8 0.0 0.0\n 0.95\t0\t0.05\t0\n\nURL http://x\n"


def parsed(content):
    return parse_meme("m.meme", list(enumerate(content.split("\n"), start=1)))


def said(content):
    with pytest.raises(InputError) as caught:
        parsed(content)
    return str(caught.value)


def test_minimal_file():
    found = parsed(HEAD + BACKGROUND + MOTIF)
    np.testing.assert_allclose(found.background, [0.3, 0.2, 0.2, 0.3])
    (motif,) = found.motifs
    assert (motif.motif_id, motif.name, motif.sites) == ("MA1", "Arnt", 20)
    np.testing.assert_array_equal(motif.matrix, [[0.2, 0.8, 0, 0], [0.95, 0, 0.05, 0]])


def test_background_on_four_lines_lower_case_and_none():
    assert parsed(HEAD + MOTIF).background is None
    lines = "Background letter frequencies\na 0.3\nc 0.2\ng 0.2\nt 0.3\n"
    np.testing.assert_allclose(parsed(HEAD + lines + MOTIF).background, [0.3, 0.2, 0.2, 0.3])


def test_absent_name_sites_width_and_alphabet():
    (motif,) = parsed("MEME version 5.5.1\nMOTIF x\nletter-probability matrix:\n0.25 0.25 0.25 0.25\n").motifs
    assert (motif.motif_id, motif.name, motif.sites, motif.matrix.shape) == ("x", None, None, (1, 4))
    (motif,) = parsed("MEME version 5\nMOTIF x\nletter-probability matrix: alength=4 w=1 nsites=7.5\n1 0 0 0\n").motifs
    assert motif.sites == 7.5


def test_log_odds_are_passed_over_and_full_output_is_read():
    log_odds = "log-odds matrix: alength= 4 w= 2 E= 0\n -67 58 64 -165\n -260 -108 -243 167\n"
    content = HEAD + MOTIF.replace("letter-prob", log_odds + "\nletter-prob")
    np.testing.assert_array_equal(parsed(content).motifs[0].matrix, parsed(HEAD + MOTIF).motifs[0].matrix)
    full = (
        "MEME version 5.1.0\nALPHABET= ACGT\nCommand line summary\nletter frequencies in dataset:\nA 0.3 C 0.2\n"
        "Background letter frequencies (from x):\nA 0.3 C 0.2 G 0.2 T 0.3\n****\n"
        "MOTIF CACGTG MEME-1\twidth =   2  sites =  17  llr = 5\n****\n\tMotif CACGTG MEME-1 position-specific probability matrix\n-----\n"
        "letter-probability matrix: alength= 4 w= 2 nsites= 17 E= 5e-3 \n 0.2 0.8 0.0 0.0 \n 0.95 0 0.05 0 \n-----\n\tMotif CACGTG MEME-1 regular expression\n"
    )
    (motif,) = parsed(full).motifs
    assert (motif.motif_id, motif.name, motif.sites) == ("CACGTG", "MEME-1", 17)
    (motif,) = parsed(full.replace("CACGTG MEME-1\twidth", "1\twidth")).motifs
    assert (motif.motif_id, motif.name) == ("1", None)


def test_alphabet_block_of_dna():
    block = 'ALPHABET "DNA" DNA-LIKE\nA "Adenine" CC0000 ~ T "Thymine" 008000\nC "Cytosine" 0000CC ~ G "Guanine" FFB300\nN = ACGT\nEND ALPHABET\n'
    assert len(parsed("MEME version 5\n" + block + MOTIF).motifs) == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "MEME version 4\nALPHABET= ACDEFGHIKLMNPQRSTVWY\n",
            ", line 2: has the alphabet ACDEFGHIKLMNPQRSTVWY; expected ACGT; motifs of DNA are needed: protein and RNA motifs cannot be used",
        ),
        (
            "MEME version 4\nALPHABET= ACGU\n",
            ", line 2: has the alphabet ACGU; expected ACGT; motifs of DNA are needed: protein and RNA motifs cannot be used",
        ),
        (
            'MEME version 5\nALPHABET "RNA" RNA-LIKE\nA "x" 0\nEND ALPHABET\n',
            ', line 2: has the alphabet "RNA" RNA-LIKE; expected ACGT; motifs of DNA are needed: protein and RNA motifs cannot be used',
        ),
        (HEAD, ": has no motif; expected at least one"),
        (HEAD + "MOTIF\n", ", line 7: has a motif without an identifier; expected 'MOTIF identifier name'"),
        (
            HEAD + "MOTIF a\nMOTIF b\n",
            ", line 7: motif a has no letter-probability matrix; expected 'letter-probability matrix: alength= 4 w= ...' and its rows",
        ),
        (
            HEAD + MOTIF + "MOTIF b\n",
            ", line 13: motif b has no letter-probability matrix; expected 'letter-probability matrix: alength= 4 w= ...' and its rows",
        ),
        (HEAD + MOTIF[15:], ", line 7: has a matrix without a motif; expected a line 'MOTIF identifier' before it"),
        (HEAD + MOTIF.replace("w= 2", "w= 3"), ", line 8: has a matrix of 2 rows; expected 3 rows, as its w says"),
        (
            HEAD + MOTIF.replace("w= 2 ", "").replace(" 0.2 0.8 0.0 0.0\n 0.95\t0\t0.05\t0\n", ""),
            ", line 8: has a matrix of 0 rows; expected at least 1 rows, as its w says",
        ),
        (
            HEAD + MOTIF.replace("alength= 4", "alength= 20"),
            ", line 8: has a matrix of 20 letters; expected alength= 4; motifs of DNA are needed",
        ),
        (
            HEAD + MOTIF.replace("0.95", "0.5"),
            ", line 10: has a row that sums to 0.55; expected probabilities of A, C, G, T that sum to 1",
        ),
        (
            HEAD + MOTIF.replace("0.95\t0\t", "0.95\t"),
            ", line 10: has 3 numbers in a matrix row; expected 4: A, C, G, T",
        ),
        (
            HEAD + MOTIF.replace("0.95\t0\t0.05", "-0.05\t1\t0.05"),
            ", line 10: has -0.05 in a matrix; expected a number >= 0",
        ),
        (HEAD + MOTIF.replace("0.95", "0.9x"), ", line 10: has '0.9x' in a matrix; expected a number"),
        (HEAD + MOTIF.replace("nsites= 20", "nsites= many"), ", line 8: has 'many' in a matrix; expected a number"),
        (
            HEAD + MOTIF + MOTIF,
            ", line 13: names a motif MA1 again, after line 7; expected every identifier once; rename or remove one of the two motifs",
        ),
        (
            HEAD + BACKGROUND.replace("G 0.2 ", "") + MOTIF,
            ", line 8: has the background 'A 0.3 C 0.2 T 0.3'; expected 'A 0.25 C 0.25 G 0.25 T 0.25'",
        ),
        (
            HEAD + BACKGROUND.replace("0.2", "0.4") + MOTIF,
            ", line 8: has a row that sums to 1.4; expected probabilities of A, C, G, T that sum to 1",
        ),
    ],
)
def test_bad_file(content, sentence):
    assert said(content) == f"m.meme{sentence}"


@pytest.mark.shared_data
def test_the_whole_of_jaspar_against_reading_lines_in_pairs():
    path = SHARED / "JASPAR2024_CORE.meme.gz"
    if not path.is_file():
        pytest.skip("the shared data is not here")
    with gzip.open(path, "rt") as handle:
        records = handle.read().split("\nMOTIF ")[1:]
    found = read_motif_file(path)
    assert len(found.motifs) == len(records) == 2346
    for motif, record in zip(found.motifs, records, strict=True):
        lines = record.split("\n")
        assert [motif.motif_id, motif.name] == lines[0].split()
        rows = [line.split() for line in lines[2:] if line.startswith(" ")]
        np.testing.assert_allclose(motif.matrix, np.array(rows, dtype=float), atol=2e-6)
        assert f"w= {len(motif.matrix)} nsites= {motif.sites:.0f} " in lines[1]


@pytest.mark.shared_data
def test_full_motifs_with_log_odds():
    path = SHARED / "fimo_mm9_example/some_vertebrates.meme"
    if not path.is_file():
        pytest.skip("the shared data is not here")
    motifs = read_motif_file(path).motifs
    assert [m.motif_id for m in motifs] == [
        line.split()[1] for line in path.read_text().splitlines() if line.startswith("MOTIF")
    ]
    np.testing.assert_allclose(motifs[0].matrix[0], [0.156812, 0.372751, 0.390746, 0.079692], atol=2e-6)
