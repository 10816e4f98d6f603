import pytest

from phenolens.core.strands import reverse_complement

CODES = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
PAIRS = {"A": "T", "C": "G", "G": "C", "T": "A"}


@pytest.mark.parametrize("code", CODES)
def test_a_code_becomes_the_code_of_the_complements_of_its_bases(code: str) -> None:
    found = reverse_complement(code)
    assert set(CODES[found]) == {PAIRS[base] for base in CODES[code]}
    assert reverse_complement(code.lower()) == found.lower()


def test_twice_is_the_sequence_again_and_the_order_is_turned() -> None:
    assert reverse_complement("AACGr") == "yCGTT"
    assert reverse_complement(reverse_complement("".join(CODES))) == "".join(CODES)
    assert reverse_complement("U") == "A"
    assert reverse_complement("") == ""
