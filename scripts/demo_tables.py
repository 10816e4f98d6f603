"""Read what registry packages carry (proteins, gene models, motifs) and give it back as the text of standard files.

Gene models come from UCSC's RefSeq table (refGene, hg19), 0-based half-open; GFF3 is 1-based, closed. Motifs come
from JASPAR's own SQLite database: the newest version of each vertebrate CORE matrix of the newest release.
"""

import gzip
import sqlite3
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

CHROM = "chr22"


class Transcript(NamedTuple):
    """One RefSeq transcript on the chromosome; exons are (start, end), 0-based, half-open, sorted."""

    start: int
    end: int
    strand: str
    gene: str
    accession: str
    exons: tuple[tuple[int, int], ...]

    @property
    def coding(self) -> bool:
        """True for mRNA (NM_ accessions); RefSeq calls non-coding RNA and transcribed pseudogenes NR_."""
        return self.accession.startswith("NM_")


def read_member(wheel: Path, member: str) -> bytes:
    """Return one file of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(member)


def read_fasta(text: str) -> dict[str, str]:
    """Return name -> sequence."""
    records = (record.partition("\n") for record in text.split(">")[1:])
    return {name.strip(): "".join(letters.split()) for name, _, letters in records}


def read_transcripts(table: bytes) -> list[Transcript]:
    """Return the chromosome's transcripts from a gzipped refGene table, sorted by place."""
    transcripts = set()
    for line in gzip.decompress(table).decode().splitlines():
        fields = line.split("\t")
        if fields[2] != CHROM:
            continue
        starts, ends = ([int(n) for n in column.strip(",").split(",")] for column in fields[9:11])
        exons = tuple(sorted(zip(starts, ends, strict=True)))
        transcripts.add(Transcript(int(fields[4]), int(fields[5]), fields[3], fields[12], fields[1], exons))
    return sorted(transcripts)


def group_genes(transcripts: list[Transcript]) -> list[list[Transcript]]:
    """Return the transcripts of each gene: one name, one strand, overlapping; a name in two places is two genes."""
    genes: list[list[Transcript]] = []
    latest: dict[tuple[str, str], list[Transcript]] = {}
    for transcript in transcripts:
        key = (transcript.gene, transcript.strand)
        gene = latest.get(key)
        if gene is None or transcript.start >= max(other.end for other in gene):
            gene = latest[key] = []
            genes.append(gene)
        gene.append(transcript)
    return genes


def gff3_text(genes: list[list[Transcript]]) -> str:
    """Return GFF3 with gene, mRNA or transcript, and exon features; second places of a name get ID suffixes."""
    lines = ["##gff-version 3", f"##sequence-region {CHROM} 1 51304566", "#!genome-build hg19 (GRCh37)"]
    used: defaultdict[str, int] = defaultdict(int)

    def unique(name: str) -> str:
        used[name] += 1
        return name if used[name] == 1 else f"{name}-{used[name]}"

    def feature(kind: str, span: tuple[int, int], strand: str, attributes: str) -> None:
        columns = (CHROM, "RefSeq", kind, span[0] + 1, span[1], ".", strand, ".", attributes)
        lines.append("\t".join(map(str, columns)))

    for gene in genes:
        name, strand = gene[0].gene, gene[0].strand
        biotype = "protein_coding" if any(t.coding for t in gene) else "non_coding"
        gene_id = unique(f"gene:{name}")
        span = (min(t.start for t in gene), max(t.end for t in gene))
        feature("gene", span, strand, f"ID={gene_id};Name={name};gene_id={name};biotype={biotype}")
        for t in gene:
            own = "protein_coding" if t.coding else "non_coding"
            transcript_id = unique(f"transcript:{t.accession}")
            attributes = f"ID={transcript_id};Parent={gene_id};Name={t.accession};gene_id={name};biotype={own}"
            feature("mRNA" if t.coding else "transcript", (t.start, t.end), strand, attributes)
            numbered = t.exons if strand == "+" else t.exons[::-1]
            for number, exon in enumerate(numbered, start=1):
                feature("exon", exon, strand, f"ID=exon:{transcript_id[11:]}.{number};Parent={transcript_id}")
    return "\n".join(lines) + "\n"


class Motif(NamedTuple):
    """One JASPAR matrix; counts has a row per position with the counts of A, C, G, T."""

    motif_id: str
    name: str
    tf_class: str
    tf_family: str
    tax_group: str
    counts: list[list[float]]


def read_motifs(database: Path) -> tuple[str, list[Motif]]:
    """Return the newest release's name and, of each vertebrate CORE base id in it, the highest version."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    release = connection.execute("SELECT max(RELEASE) FROM MATRIX_VERSION").fetchone()[0]
    tags: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for number, tag, value in connection.execute("SELECT ID, TAG, VAL FROM MATRIX_ANNOTATION ORDER BY rowid"):
        tags[number, tag.lower()].append(value or "")
    newest: dict[str, tuple[int, int, str]] = {}
    query = (
        "SELECT m.ID, m.BASE_ID, m.VERSION, m.NAME FROM MATRIX m JOIN MATRIX_VERSION v ON v.ID = m.ID"
        " WHERE m.COLLECTION = 'CORE' AND v.RELEASE = ?"
    )
    for number, base, version, name in connection.execute(query, (release,)):
        if "vertebrates" in tags[number, "tax_group"]:
            newest[base] = max(newest.get(base, (0, 0, "")), (int(version), number, name))
    motifs = []
    for base, (version, number, name) in sorted(newest.items()):
        cells = connection.execute("SELECT col, row, val FROM MATRIX_DATA WHERE ID = ? ORDER BY col, row", (number,))
        counts: defaultdict[int, list[float]] = defaultdict(list)
        for column, _, value in cells:
            counts[column].append(float(value))
        tf_class, tf_family = ("::".join(dict.fromkeys(tags[number, tag])) for tag in ("class", "family"))
        motifs.append(Motif(f"{base}.{version}", name, tf_class, tf_family, "vertebrates", list(counts.values())))
    connection.close()
    return str(release), motifs


def meme_text(motifs: list[Motif]) -> str:
    """Return motifs in MEME text format, probabilities to six digits, background 0.25."""
    parts = ["MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies"]
    parts.append("A 0.25 C 0.25 G 0.25 T 0.25\n")
    for motif in motifs:
        sites = round(max(sum(row) for row in motif.counts))
        parts.append(f"MOTIF {motif.motif_id} {motif.name}")
        parts.append(f"letter-probability matrix: alength= 4 w= {len(motif.counts)} nsites= {sites} E= 0")
        parts += [" " + "  ".join(f"{value / sum(row):.6f}" for value in row) for row in motif.counts]
        parts.append("")
    return "\n".join(parts)


def motif_table(motifs: list[Motif]) -> str:
    """Return the TSV of motif classes; an unknown class is an empty field."""
    rows = ["motif_id\tname\ttf_class\ttf_family\ttax_group"]
    rows += ["\t".join((m.motif_id, m.name, m.tf_class, m.tf_family, m.tax_group)) for m in motifs]
    return "\n".join(rows) + "\n"
