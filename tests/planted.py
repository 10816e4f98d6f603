"""A small synthetic genome whose elements carry a planted motif at random places, with every file a study can name."""

import gzip
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pybigtools

MOTIF = "TGACTCAGCATTGCAC"
LENGTH = 160
LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)


class Planted(NamedTuple):
    """What was planted: folder of the files, and motif places on the genome (chrom, start)."""

    folder: Path
    places: list[tuple[str, int]]
    elements: list[tuple[str, int, int, str]]


def write_planted(folder: Path, *, elements: int = 120, seed: int = 7) -> Planted:
    """Write genome.fa, elements.bed, genes.gff3, signal.bw and motifs.meme; each element has two copies of the motif.

    Half of the elements lie on the - strand and carry the motif in that direction; families (BED names) hold six elements
    each, and share nothing but the motif.
    """
    generator = np.random.default_rng(seed)
    chromosomes = {f"chr{i + 1}": generator.choice(LETTERS, size=200_000, p=[0.3, 0.2, 0.2, 0.3]) for i in range(2)}
    rows, places = [], []
    for i in range(elements):
        chrom = f"chr{i % 2 + 1}"
        start = 1000 + (i // 2) * 3000 + int(generator.integers(0, 1000))
        strand = "+-"[int(generator.integers(0, 2))]
        for half in range(2):
            at = start + half * LENGTH // 2 + int(generator.integers(5, LENGTH // 2 - len(MOTIF) - 5))
            word = np.frombuffer(MOTIF.encode(), dtype=np.uint8)
            if strand == "-":
                word = np.frombuffer(MOTIF.translate(str.maketrans("ACGT", "TGCA"))[::-1].encode(), dtype=np.uint8)
            chromosomes[chrom][at : at + len(MOTIF)] = word
            places.append((chrom, at))
        rows.append((chrom, start, start + LENGTH, f"family{i // 6}", strand))
    _write(folder, chromosomes, rows, places)
    return Planted(folder, places, [(c, s, e, strand) for c, s, e, _, strand in rows])


def _write(folder, chromosomes, rows, places):
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "genome.fa").open("w") as out:
        for chrom, letters in chromosomes.items():
            text = letters.tobytes().decode()
            out.write(f">{chrom}\n" + "\n".join(text[i : i + 80] for i in range(0, len(text), 80)) + "\n")
    (folder / "elements.bed").write_text("".join(f"{c}\t{s}\t{e}\t{n}\t0\t{d}\n" for c, s, e, n, d in rows))
    with gzip.open(folder / "genes.gff3.gz", "wt") as out:
        out.write("##gff-version 3\n")
        for i, (c, s, e, _, d) in enumerate(rows[::4]):
            out.write(
                f"{c}\tx\tgene\t{max(1, s - 200)}\t{e + 200}\t.\t{d}\t.\tID=g{i};Name=GENE{i};biotype=protein_coding\n"
            )
    writer = pybigtools.open(str(folder / "signal.bw"), "w")
    runs = []
    for chrom in chromosomes:
        high = np.zeros(200_000, dtype=bool)
        for c, at in places:
            if c == chrom:
                high[at : at + len(MOTIF)] = True
        edges = np.flatnonzero(np.diff(high.astype(int))) + 1
        bounds = [0, *edges.tolist(), 200_000]
        runs += [(chrom, a, b, float(high[a])) for a, b in pairwise(bounds)]
    writer.write(dict.fromkeys(chromosomes, 200_000), iter(runs))
    writer.close()
    (folder / "motifs.meme").write_text(_motifs())
    _single_variants(folder, chromosomes, rows, places)


def _single_variants(folder, chromosomes, rows, places):
    """Write scores (high on the motifs), alleles (none on the motifs) and depth (of 100 on every other element) of the elements."""
    motif = {(c, b) for c, at in places for b in range(at, at + len(MOTIF))}
    scores = ["#CHROM\tPOS\tREF\tALT\tgenome\tuniprot_id\ttranscript_id\tprotein_variant\tam_pathogenicity\tam_class\n"]
    alleles = ["##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"]
    for chrom, letters in chromosomes.items():
        for start, end in sorted((s, e) for c, s, e, _, _ in rows if c == chrom):
            for base in range(start, end):
                ref = chr(letters[base])
                alt = "CGTA"["ACGT".index(ref)]
                score = 0.9 if (chrom, base) in motif else 0.1
                scores.append(f"{chrom}\t{base + 1}\t{ref}\t{alt}\tx\tP1\tT1\tV{base}L\t{score}\tambiguous\n")
                if (chrom, base) not in motif and base % 5 == 0:
                    alleles.append(f"{chrom}\t{base + 1}\t.\t{ref}\t{alt}\t.\tPASS\tAC=1;AN=4\n")
    with gzip.open(folder / "scores.tsv.gz", "wt") as out:
        out.writelines(scores)
    (folder / "alleles.vcf").write_text("".join(alleles))
    depth = [f"{c}\t{s - 200}\t{e + 200}\t{100 if i % 2 else 80}\n" for i, (c, s, e, _, _) in enumerate(rows)]
    (folder / "depth.tsv").write_text("#path\tstart\tend\tmean.depth\n" + "".join(depth))


def _motifs():
    """Return MEME text of the planted motif among 20 shuffled ones of the same letters."""
    generator = np.random.default_rng(3)
    text = "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\nA 0.25 C 0.25 G 0.25 T 0.25\n"
    for i in range(21):
        word = MOTIF if i == 13 else "".join(generator.permutation(list(MOTIF)))
        text += f"\nMOTIF M{i} {'PLANTED' if i == 13 else f'SHUFFLED{i}'}\nletter-probability matrix: alength= 4 w= {len(word)} nsites= 50 E= 0\n"
        text += "".join(
            " ".join("0.910000" if letter == base else "0.030000" for base in "ACGT") + "\n" for letter in word
        )
    return text


STUDY = """
name = "planted"
seed = 3
[dataset]
genome = "genome.fa"
group_by = ["name"]
[[dataset.classes]]
label = "element"
intervals = "elements.bed"
[[dataset.classes]]
label = "background"
matched_to = "element"
margin = 200
[train]
model = "MODEL"
epochs = 50
patience = 16
batch_size = 16
learning_rate = 2e-3
reverse_complement = true
[evaluate]
bootstrap = 200
min_bin = 10
[explain]
splits = ["train", "validation", "test"]
times_min = 5
projections = ["pca"]
sample = 20
copies = 1
[annotate]
motifs = "motifs.meme"
genes = "genes.gff3.gz"
controls = 200
signals = { planted = "signal.bw" }
scores = { am = "scores.tsv.gz" }
variants = ["alleles.vcf"]
depth = "depth.tsv"
"""
