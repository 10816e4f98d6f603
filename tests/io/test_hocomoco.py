import numpy as np
import pytest

from phenolens.core.errors import InputError
from phenolens.io.motifs import read_motifs

# HOCOMOCO v11, ANDR_HUMAN's first positions as its files have them, one motif in three forms; pwm = ln((x + a / 4) / (N + a) / 0.25), a = ln N
PCM = ">A.H11MO.0.A\n10.0\t20.0\t30.0\t40.0\n0.0\t100.0\t0.0\t0.0\n25.0\t25.0\t25.0\t25.0\n>B name of it\n1 2 3 4\n4 3 2 1\n"
COUNTS = np.array([[10, 20, 30, 40], [0, 100, 0, 0], [25, 25, 25, 25]])


def read(tmp_path, text):
    path = tmp_path / "m.pcm"
    path.write_text(text)
    return read_motifs(path)


def test_counts(tmp_path):
    first, second = read(tmp_path, PCM)
    assert (first.motif_id, first.name, first.sites) == ("A.H11MO.0.A", None, 100)
    assert (second.motif_id, second.name, second.sites) == ("B", "name of it", 10)
    np.testing.assert_allclose(first.matrix, COUNTS / 100)


def test_probabilities_and_logarithms_of_the_same_motif(tmp_path):
    body = "\n".join(" ".join(f"{x:.5f}" for x in row) for row in COUNTS / 100)
    (motif,) = read(tmp_path, f">A\n{body}\n")
    assert motif.sites is None
    np.testing.assert_allclose(motif.matrix, COUNTS / 100, atol=1e-5)
    a = np.log(100)
    smoothed = (COUNTS + a / 4) / (100 + a)
    body = "\n".join(" ".join(f"{x:.10f}" for x in row) for row in np.log(smoothed / 0.25))
    (motif,) = read(tmp_path, f">A\n{body}\n")
    assert motif.sites is None
    np.testing.assert_allclose(motif.matrix, smoothed, atol=1e-8)


def test_four_lines_of_four_counts_are_jaspars_letters_unless_other_motifs_tell(tmp_path):
    square = "1 2 3 4\n5 6 7 8\n9 1 2 3\n4 5 6 7\n"
    (motif,) = read(tmp_path, f">A\n{square}")
    np.testing.assert_allclose(motif.matrix[0], np.array([1, 5, 9, 4]) / 19)
    motif = read(tmp_path, f">A\n{square}>B\n1 2 3 4\n")[0]
    np.testing.assert_allclose(motif.matrix[0], np.array([1, 2, 3, 4]) / 10)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (">A\n-1 -2 -3 -4\n", "line 2: motif A has numbers of another kind; expected counts >= 0, probabilities"),
        (">A\n1 2 3 4\n>\n1 2 3 4\n", "line 3: has a motif without an identifier"),
        (">A\n1 2 3 4\n>B\n", "line 3: motif B has no rows"),
        (">A\n1 2 3 4\n>A\n1 2 3 4\n", "names a motif A again, after line 1"),
        (">A\n1 2 nan 4\n", "line 2: has nan in a matrix"),
    ],
)
def test_what_is_no_motif_is_refused(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        read(tmp_path, text)
