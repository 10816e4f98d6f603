"""Chromosome names of VCF and BCF files, before any record is read."""

import re
from pathlib import Path

import pysam

from phenolens.core.errors import InputError
from phenolens.io.genome_index import quiet
from phenolens.io.text import blocks

CONTIG = re.compile(rb"^##contig=<(?:[^>]*,)?ID=([^,>\r\n]+)", re.MULTILINE)
COLUMN_NAMES = re.compile(rb"^#CHROM\b", re.MULTILINE)
FIRST_CELL = re.compile(rb"^([^#\t\r\n][^\t\r\n]*)\t", re.MULTILINE)
HEADER_BYTES = 1 << 16


def variant_chromosomes(path: str | Path) -> list[str]:
    """Return the chromosome names of a VCF or BCF file: those its header declares, else those of its records, in order.

    Parameters
    ----------
    path : VCF, plain, gzip or bgzip, or BCF.

    Raises
    ------
    InputError : the file cannot be read. Whether it is a VCF, `read_variants` finds out.
    """
    header = b""
    for _, block in blocks(path, size=HEADER_BYTES):
        if not header and block.startswith(b"BCF\x02"):
            return _bcf_chromosomes(path)
        header += block
        if COLUMN_NAMES.search(block) or not block.startswith(b"#"):
            break
    names = dict.fromkeys(CONTIG.findall(header))
    if not names:
        for _, block in blocks(path):
            names |= dict.fromkeys(FIRST_CELL.findall(block))
    return [name.decode("utf-8", "replace") for name in names]


def _bcf_chromosomes(path: str | Path) -> list[str]:
    try:
        with quiet(), pysam.VariantFile(str(path), drop_samples=True) as handle:
            return [str(name) for name in handle.header.contigs]
    except (OSError, ValueError) as error:
        raise InputError(
            path, f"cannot be read: {error}", expected="a whole BCF file", remedy="copy it again"
        ) from None
