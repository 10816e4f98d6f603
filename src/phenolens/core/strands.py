"""The other strand of a sequence."""

IUPAC = str.maketrans("ACGTUNRYKMSWBDHVacgtunrykmswbdhv", "TGCAANYRMKSWVHDBtgcaanyrmkswvhdb")


def reverse_complement(text: str) -> str:
    """Return the reverse complement, case and IUPAC codes kept: AACGr -> yCGTT."""
    return text.translate(IUPAC)[::-1]
