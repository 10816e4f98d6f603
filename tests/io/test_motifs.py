import gzip

import numpy as np
import pytest

from phenolens.core.errors import InputError
from phenolens.io.motifs import read_motif_file, read_motifs

# one motif (JASPAR MA0004.1, three positions) in every format
FILES = {
    "meme": "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF MA0004.1 Arnt\nletter-probability matrix: alength= 4 w= 3 nsites= 20 E= 0\n"
    "0.2 0.8 0 0\n0.95 0 0.05 0\n0 1 0 0\n",
    "jaspar": ">MA0004.1 Arnt\nA [4 19 0]\nC [16 0 20]\nG [0 1 0]\nT [0 0 0]\n",
    "transfac": "AC  MA0004.1\nID  Arnt\nP0 A C G T\n01 4 16 0 0\n02 19 0 1 0\n03 0 20 0 0\n//\n",
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_one_motif_from_every_format(tmp_path, kind, ending, packed):
    path = tmp_path / "motifs"
    data = FILES[kind].replace("\n", ending).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    (motif,) = read_motifs(path)
    assert (motif.motif_id, motif.name, motif.sites) == ("MA0004.1", "Arnt", 20)
    np.testing.assert_allclose(motif.matrix, [[0.2, 0.8, 0, 0], [0.95, 0, 0.05, 0], [0, 1, 0, 0]])
    assert read_motif_file(path).background is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "\nchr1\t1\t5\n",
            ", line 2: begins with 'chr1 1 5'; expected 'MEME version 4', a JASPAR or HOCOMOCO '>' or a TRANSFAC AC or ID line",
        ),
        (
            "<?xml version='1.0'?>\n<MEME>\n",
            (
                ", line 1: begins with '<?xml version='1.0'?>'; expected 'MEME version 4', a JASPAR or HOCOMOCO '>' or a TRANSFAC AC or ID line; "
                "save the motifs in MEME's minimal text format"
            ),
        ),
        ("", ": is empty; expected at least one line; check that its download or copy was whole"),
        (">seq1\nACGTACGT\n", ", line 1: motif seq1 has 1 line of counts; expected 4: A, C, G, T"),
    ],
)
def test_other_files(tmp_path, content, sentence):
    path = tmp_path / "motifs"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_motifs(path)
    assert str(caught.value) == f"{path}{sentence}"
