"""Where files of scored variants have what: AlphaMissense, PrimateAI, CADD, dbNSFP, ClinVar, and any table with the same four columns.

A format is told by the names of its columns, wherever its line of names stands below the licence. dbNSFP has tens of scores, so the
study says which one; a score that is higher for harmful variants is assumed everywhere.
"""

from itertools import chain
from pathlib import Path
from typing import NamedTuple

from phenolens.core.errors import InputError
from phenolens.io.chromosomes import listed
from phenolens.io.text import line_batches

PLACE = {
    "chrom": ("chrom", "chr", "chromosome"),
    "pos": ("pos", "pos(1-based)", "position", "start"),
    "ref": ("ref", "reference"),
    "alt": ("alt", "alternative"),
}
LONGEST_HEADER = 1000  # lines
HEAD_BYTES = 1 << 16


class Format(NamedTuple):
    """What is special about a format.

    marks : column names that tell it.
    score : column of the score; None where the study has to name one.
    kind, gene, protein : columns with the provider's class, the gene's symbol, and the protein or transcript; None where there is none.
    change : columns that make up the protein change: one of the whole, or amino acid, place, amino acid (place "" where not given).
    pathogenic : score from which a variant is listed as likely pathogenic; None where no such value is established.
    """

    marks: tuple[str, ...]
    score: str | None = None
    kind: str | None = None
    gene: str | None = None
    protein: str | None = None
    change: tuple[str, ...] = ()
    pathogenic: float | None = None


FORMATS = {
    "alphamissense": Format(
        ("am_pathogenicity",), "am_pathogenicity", "am_class", None, "uniprot_id", ("protein_variant",), 0.5
    ),
    "primateai": Format(("primateDL_score",), "primateDL_score", None, None, "UCSC_gene", ("refAA", "", "altAA"), 0.7),
    "cadd": Format(("RawScore", "PHRED"), "PHRED", None, "GeneName", None, ("oAA", "protPos", "nAA"), 20.0),
    "dbnsfp": Format(
        ("aaref", "aaalt", "genename"),
        None,
        None,
        "genename",
        "Ensembl_transcriptid",
        ("aaref", "aapos", "aaalt"),
    ),
    "clinvar": Format(
        ("summary_clinvar_pathogenicity",),
        "summary_clinvar_pathogenicity",
        "summary_clinvar_pathogenicity",
        "symbols",
        None,
        (),
        1.0,
    ),
    "table": Format(()),
}
VCF_PATHOGENIC = 1.0  # ClinVar as VCF: clinvar_vcf.py


class Asked(NamedTuple):
    """What a study says of a file; None where it leaves it to the file.

    format : key of FORMATS. column : of the score. chromosome, position : columns of the place, for tables that have several builds.
    """

    format: str | None = None
    column: str | None = None
    chromosome: str | None = None
    position: str | None = None


NOTHING_ASKED = Asked()


class Layout(NamedTuple):
    """Where a file has what.

    format : key of FORMATS.
    first : lines before the first row.
    names : of the columns.
    width : columns of the first row.
    columns : role (chrom, pos, ref, alt, score, kind, gene, protein, change0, change1, change2) -> column, from 0.
    separator : between columns.
    own_place : the file's first columns are its place, by which an index finds rows.
    """

    format: str
    first: int
    names: list[str]
    width: int
    columns: dict[str, int]
    separator: str
    own_place: bool

    @property
    def score_name(self) -> str:
        """Name of the score's column."""
        return self.names[self.columns["score"]]


def find_layout(path: str | Path, asked: Asked = NOTHING_ASKED) -> Layout:
    """Return where a file of scored variants has what.

    Parameters
    ----------
    path : text, plain, gzip or bgzip.
    asked : what the study says of it.

    Raises
    ------
    InputError : no line of column names with chromosome, position, REF and ALT; a column that is asked for is not there; the format has
        no score of its own and none is asked for.
    """
    number, text, found = 0, "", None
    head = (batch.iter_rows() for batch in line_batches(path, size=HEAD_BYTES))
    for number, text in chain.from_iterable(head):
        if found is not None:
            return found._replace(width=text.count(found.separator) + 1)
        separator = "\t" if "\t" in text else ","
        names = [cell.strip() for cell in text.lstrip("#").split(separator)]
        if (place := _place(path, names, asked, number)) is not None:
            found = _layout(path, names, place, asked, (number, separator))
        elif (text.strip() and not text.startswith("#")) or number == LONGEST_HEADER:
            break
    if found is not None:
        raise InputError(path, "has no row", expected="at least one row below its column names", line=number)
    spaced = len(text.split()) >= 5 and "\t" not in text and "," not in text
    raise InputError(
        path,
        f"has no line of column names before '{text[:40]}'",
        expected=f"a table with CHROM, POS, REF, ALT and a score, as {', '.join(FORMATS)} have, or ClinVar's VCF",
        remedy="put tabs between the columns" if spaced else None,
        line=max(number, 1),
    )


def _place(path: str | Path, names: list[str], asked: Asked, number: int) -> dict[str, int] | None:
    """Return the columns of chromosome, position, REF and ALT; None where the line does not name them."""
    lower = [name.lower() for name in names]
    found: dict[str, int] = {}
    for role, spellings in PLACE.items():
        known = next((spelling for spelling in spellings if spelling in lower), None)
        if known is None:
            return None
        at = lower.index(known)
        # in BED-like tables start and end bear one name: the end of a base is its 1-based position
        found[role] = at + 1 if role == "pos" and lower[at + 1 : at + 2] == [known] else at
    for role, name in (("chrom", asked.chromosome), ("pos", asked.position)):
        if name is not None:
            found[role] = _column(path, names, name, number)
    return found


def _column(path: str | Path, names: list[str], name: str, number: int) -> int:
    bare = name.lstrip("#")
    if bare not in names:
        scores = [other for other in names if "score" in other.lower()] or names
        raise InputError(path, f"has no column {name}", expected=f"one of: {listed(scores)}", line=number)
    return names.index(bare)


def _layout(path: str | Path, names: list[str], place: dict[str, int], asked: Asked, line: tuple[int, str]) -> Layout:
    number, separator = line
    told = (name for name, form in FORMATS.items() if set(form.marks) <= set(names))
    name = asked.format or next(told)
    form = FORMATS[name]
    if missing := [mark for mark in form.marks if mark not in names]:
        raise InputError(path, f"is no file of {name}: it has no column {missing[0]}", line=number)
    score = asked.column or form.score
    if score is None:
        scores = [other for other in names if "score" in other.lower()] or names
        raise InputError(
            path,
            "has no score of its own",
            expected=f"the column that the study names, one of: {listed(scores)}",
            remedy=f'write in the study file: scores = {{ NAME = {{ file = "{Path(path).name}", column = "{scores[0]}" }} }}',
            line=number,
        )
    columns = place | {"score": _column(path, names, score, number)}
    columns |= {
        role: names.index(column)
        for role, column in (("kind", form.kind), ("gene", form.gene), ("protein", form.protein))
        if column in names
    }
    if all(not column or column in names for column in form.change):
        columns |= {f"change{i}": names.index(column) for i, column in enumerate(form.change) if column}
    own_place = asked.chromosome is None and asked.position is None
    return Layout(name, number, names, len(names), columns, separator, own_place)
