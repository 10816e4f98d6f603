"""A small synthetic human: chromosomes of GRCh38's names, and every public source of the presets in its real format.

Transcribed and other retroviruses, genes, regulatory features, GWAS positions and structural variants are strewn over it; copies of
a repeat family share a consensus.
"""

import gzip
from pathlib import Path

import numpy as np
import pysam

LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)
SIZES = {
    "chr1": 90_000, "chr2": 60_000, "chr6": 60_000, "chr7": 60_000, "chr14": 60_000, "chr19": 60_000,
    "chr22": 60_000, "chrX": 60_000, "chrY": 30_000, "chrM": 16_569, "chrUn_KI270302v1": 5_000,
}  # fmt: skip
SPACING = 4000  # one element of every kind in each stretch
KINDS = ("promoter", "enhancer", "CTCF_binding_site", "TF_binding_site", "open_chromatin_region")


def write_sources(folder: Path, *, seed: int = 5) -> None:
    """Write the genome and all sources into a folder, under the names that the presets use."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    genome = {chrom: generator.choice(LETTERS, size, p=[0.29, 0.21, 0.21, 0.29]) for chrom, size in SIZES.items()}
    places = [(chrom, at) for chrom, size in SIZES.items() for at in range(1000, size - SPACING, SPACING)]
    families = [generator.choice(LETTERS, 260) for _ in range(30)]
    repeats = []
    for i, (chrom, at) in enumerate(places):
        for offset, transcribed in ((100, True), (700, False)):
            copy = families[(i + 15 * transcribed) % 30].copy()
            changed = generator.random(len(copy)) < 0.1
            copy[changed] = generator.choice(LETTERS, int(changed.sum()))
            genome[chrom][at + offset : at + offset + len(copy)] = copy
            repeats.append((chrom, at + offset, at + offset + len(copy), (i + 15 * transcribed) % 30, transcribed))
    genome["chr1"][:500] = ord("N")
    _genome(folder, genome, repeats)
    _genes(folder, places)
    _repeats(folder, repeats)
    _regulatory(folder, places)
    _gwas(folder, places)
    _variants(folder, genome, places, generator)


def _compressed(path: Path, text: str) -> None:
    with gzip.open(path, "wt") as out:
        out.write(text)


def _genome(folder: Path, genome: dict[str, np.ndarray], repeats: list) -> None:
    for chrom, start, end, _, _ in repeats:
        genome[chrom][start:end] |= 0x20
    with pysam.BGZFile(str(folder / "GRCh38.fa.gz"), "wb") as out:
        for chrom, letters in genome.items():
            text = letters.tobytes()
            lines = b"\n".join(text[i : i + 60] for i in range(0, len(text), 60))
            out.write(f">{chrom}  AC:CM000663.2  rl:Chromosome\n".encode() + lines + b"\n")
    for chrom, start, end, _, _ in repeats:
        genome[chrom][start:end] &= 0xDF


def _genes(folder: Path, places: list) -> None:
    """GENCODE GFF3: genes that hold the first repeat of every other stretch; defensins and olfactory receptors among them."""
    lines = [
        "##gff-version 3",
        "#description: evidence-based annotation of the human genome (GRCh38)",
        "#provider: GENCODE",
    ]
    for i, (chrom, at) in enumerate(places):
        if i % 2:
            continue
        name = f"DEFB{i}" if i % 8 == 0 else f"OR{i % 5 + 1}A{i}" if i % 8 == 4 else f"GENE{i}"
        kind = "protein_coding" if i % 3 else "lncRNA"
        about = f"gene_id=ENSG{i:011d}.1;gene_type={kind};gene_name={name};level=2"
        span = f"{at + 51}\t{at + 3400}\t.\t{'+-'[i // 2 % 2]}\t."
        lines += [
            f"{chrom}\tHAVANA\tgene\t{span}\tID=ENSG{i:011d}.1;{about}",
            f"{chrom}\tHAVANA\ttranscript\t{span}\tID=ENST{i:011d}.1;Parent=ENSG{i:011d}.1;{about}",
            f"{chrom}\tHAVANA\texon\t{span}\tID=exon:ENST{i:011d}.1:1;Parent=ENST{i:011d}.1;{about}",
        ]
    _compressed(folder / "gencode.gff3.gz", "\n".join(lines) + "\n")


def _repeats(folder: Path, repeats: list) -> None:
    """UCSC's rmsk table, and the transcribed ones as a GTF of transcripts and exons."""
    table, gtf = [], []
    for i, (chrom, start, end, family, transcribed) in enumerate(repeats):
        name = f"LTR{family}"
        table.append(
            f"585\t{1000 + i}\t100\t5\t3\t{chrom}\t{start}\t{end}\t{start - SIZES[chrom]}\t{'+-'[i % 2]}\t{name}\tLTR\tERV1\t1\t{end - start}\t0\t{i}"
        )
        if transcribed:
            about = f'gene_id "SERVE{i}"; transcript_id "SERVE{i}.1";'
            for feature in ("transcript", "exon"):
                gtf.append(f"{chrom}\tSERVE\t{feature}\t{start + 1}\t{end}\t.\t{'+-'[i % 2]}\t.\t{about}")
        table.append(
            f"585\t900\t100\t5\t3\t{chrom}\t{end + 60}\t{end + 260}\t{end - SIZES[chrom]}\t+\tAluY\tSINE\tAlu\t1\t200\t0\t{i}"
        )
    _compressed(folder / "rmsk.txt.gz", "\n".join(table) + "\n")
    _compressed(folder / "serve.gtf.gz", "\n".join(gtf) + "\n")


def _regulatory(folder: Path, places: list) -> None:
    """Ensembl Regulatory Build GFF3: chromosomes without chr; every seventh feature overlaps one of another kind."""
    lines = ["##gff-version 3"]
    for i, (chrom, at) in enumerate(places):
        for j, kind in enumerate(KINDS):
            start = at + 1800 + 400 * j
            length = 500 if (i + j) % 7 == 0 else 220
            about = f"ID={kind}:ENSR{i:06d}{j:05d};bound_end={start + length};bound_start={start + 1};description={kind};feature_type={kind}"
            lines.append(
                f"{chrom.removeprefix('chr').replace('Un_KI270302v1', 'KI270302.1').replace('M', 'MT')}\tRegulatory_Build\t{kind}\t{start + 1}\t{start + length}\t.\t.\t.\t{about}"
            )
    _compressed(folder / "regulatory_build.gff.gz", "\n".join(lines) + "\n")


def _gwas(folder: Path, places: list) -> None:
    """The GWAS Catalog's download: positions from 1, empty ones, several SNPs in a row."""
    header = (
        "DATE ADDED TO CATALOG\tPUBMEDID\tFIRST AUTHOR\tDATE\tJOURNAL\tLINK\tSTUDY\tDISEASE/TRAIT\tINITIAL SAMPLE SIZE\tREPLICATION SAMPLE SIZE\t"
        "REGION\tCHR_ID\tCHR_POS\tREPORTED GENE(S)\tMAPPED_GENE\tUPSTREAM_GENE_ID\tDOWNSTREAM_GENE_ID\tSNP_GENE_IDS\tUPSTREAM_GENE_DISTANCE\t"
        "DOWNSTREAM_GENE_DISTANCE\tSTRONGEST SNP-RISK ALLELE\tSNPS\tMERGED\tSNP_ID_CURRENT\tCONTEXT\tINTERGENIC\tRISK ALLELE FREQUENCY\tP-VALUE\t"
        "PVALUE_MLOG\tP-VALUE (TEXT)\tOR or BETA\t95% CI (TEXT)\tPLATFORM [SNPS PASSING QC]\tCNV"
    )
    width = header.count("\t") + 1

    def row(trait: str, chrom: str, position: str) -> str:
        cells = [""] * width
        cells[0], cells[1], cells[7], cells[11], cells[12], cells[21] = "2020-01-01", "1", trait, chrom, position, "rs1"
        return "\t".join(cells)

    rows = [
        row("Asthma" if i % 2 else "Height", chrom.removeprefix("chr"), str(at + 1700))
        for i, (chrom, at) in enumerate(places)
        if chrom in ("chr1", "chr2", "chr6", "chr7", "chrX") and i % 3 == 0
    ]
    rows += [row("Gout", "", ""), row("Gout", "2;7", "1000;2000")]
    (folder / "gwas_catalog.tsv").write_text("\n".join([header, *rows]) + "\n")


def _variants(folder: Path, genome: dict[str, np.ndarray], places: list, generator: np.random.Generator) -> None:
    """Two VCFs: sequence-resolved multi-allelic ones with an index, and one with symbolic alleles among them, without."""
    head = '##fileformat=VCFv4.2\n##ALT=<ID=DEL,Description="Deletion">\n##INFO=<ID=END,Number=1,Type=Integer,Description="End">\n'
    head += '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    head += "".join(f"##contig=<ID={chrom},length={size}>\n" for chrom, size in SIZES.items())
    head += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n"
    first, second = [], []
    for i, (chrom, at) in enumerate(places):
        start = at + (150, 760, 1850)[i % 3]
        ref = chr(genome[chrom][start])
        alts = [ref + generator.choice(LETTERS, size).tobytes().decode() for size in (170 + i, 12)]
        if i % 4 == 0:
            first.append(f"{chrom}\t{start + 1}\t>{i}>{i + 1}\t{ref}\t{','.join(alts)}\t60\t.\t.\tGT\t1|2")
        if i % 4 == 1:
            second.append(f"{chrom}\t{start + 1}\t.\t{ref}\t{alts[0] if i % 8 == 1 else '<DEL>'}\t.\tPASS\t.\tGT\t0/1")
    path = folder / "hprc.vcf"
    path.write_text(head + "\n".join(first) + "\n")
    pysam.tabix_index(str(path), preset="vcf", force=True)
    with pysam.BGZFile(str(folder / "1000g_sv.vcf.gz"), "wb") as out:
        out.write((head + "\n".join(second) + "\n").encode())
