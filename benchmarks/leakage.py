"""Does the split hold: what a memoriser gains on simulated families, who finds old copies, real repeats, time and memory.

    python benchmarks/leakage.py DATA OUT      DATA holds genome/chr22.hg19.fa.gz and herv/ltr7_copies.hg19.fa; OUT takes leakage.md

MMseqs2 comes with the package; blastn is left out where it is not installed, real data where DATA does not have it.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pysam
from sklearn.metrics import roc_auc_score

from phenolens.dataset.redundancy import linclust_representatives, mmseqs_binary
from phenolens.dataset.similarity import similar
from phenolens.dataset.split import groups, split_groups, split_random
from phenolens.evaluate.baseline import baselines
from phenolens.simulate import families

SHARES = {"train": 0.65, "validation": 0.15, "test": 0.2}
DIVERGENCES = (0.05, 0.1, 0.15, 0.2)
SEEDS = (1, 2, 3)
SIZES = (2_400, 20_000, 200_000)
WINDOWS, WINDOW = 20_000, 400


def memoriser(table: pl.DataFrame, column: str) -> float:
    """Return the AUROC, family or background, of the nearest training sequence by 8-mers on the test part of a split column."""
    predictions = baselines(table, ["background", "family"], split_column=column, kmer=8)
    test = predictions.filter(pl.col("run") == "nearest neighbour", pl.col("split").str.ends_with("test"))
    return float(roc_auc_score(test["label"] == "family", test["p_family"]))


def leakage() -> Iterator[str]:
    """Yield the table of the memoriser, and of whether components are families, for each divergence."""
    yield "| changes from consensus | indels | families in one component | background linked | random split | paper: linclust 0.95, then random | ours |"
    yield "|---|---|---|---|---|---|---|"
    for indels in (0.0, 0.1):
        for divergence in DIVERGENCES:
            rows = [_leakage_of(divergence, indels, seed) for seed in SEEDS]
            whole, linked = (sum(row[i] for row in rows) for i in (0, 1))
            scores = [
                f"{np.mean(x):.3f} ({min(x):.3f}-{max(x):.3f})" for x in zip(*(row[2] for row in rows), strict=True)
            ]
            yield f"| {divergence:.0%} | {indels:.0%} | {whole} of {20 * len(SEEDS)} | {linked} of {1200 * len(SEEDS)} | {' | '.join(scores)} |"


def _leakage_of(divergence: float, indels: float, seed: int) -> tuple[int, int, tuple[float, float, float]]:
    """Return (families whole and alone, background rows in a shared component, AUROC on random, linclust + random, our split)."""
    table = families(divergence=divergence, indels=indels, seed=seed).rename({"name": "sequence_id"})
    component = pl.Series("component", similar(table["sequence"]))
    group = groups(table["sequence_id"], [component])
    table = table.with_columns(
        component,
        group,
        split=split_groups(table["label"], group, SHARES, seed),
        random_split=split_random(table["label"], SHARES, seed),
    )
    sizes = table.with_columns(shared=pl.len().over("component"))
    whole = (
        sizes.filter(pl.col("label") == "family")
        .group_by("family")
        .agg(pl.col("component").n_unique(), pl.col("shared").first())
    )
    linked = sizes.filter((pl.col("label") == "background") & (pl.col("shared") > 1)).height
    kept = table.filter(pl.Series(linclust_representatives(table["sequence"])))
    kept = kept.with_columns(random_split=split_random(kept["label"], SHARES, seed))
    scores = memoriser(table, "random_split"), memoriser(kept, "random_split"), memoriser(table, "split")
    return whole.filter((pl.col("component") == 1) & (pl.col("shared") == 60)).height, linked, scores


def pairs() -> Iterator[str]:
    """Yield how many of 600 families of two copies each tool finds (E <= 0.001, half of the sequence aligned)."""
    yield "| changes from consensus | indels | ours | blastn -word_size 11 | MMseqs2 easy-search -k 9 | linked by chance, ours |"
    yield "|---|---|---|---|---|---|"
    for indels in (0.0, 0.1):
        for divergence in DIVERGENCES:
            texts = families(600, 2, 300, divergence=divergence, indels=indels, background=0, seed=7)["sequence"]
            component = similar(texts)
            together = component[0::2] == component[1::2]
            chance = len(texts) - len(set(component.tolist())) - int(together.sum())
            shares = [f"{x / 600:.3f}" if x is not None else "" for x in (_blastn(texts), _easy_search(texts))]
            yield f"| {divergence:.0%} | {indels:.0%} | {together.mean():.3f} | {' | '.join(shares)} | {chance} |"


def _blastn(texts: pl.Series) -> int | None:
    if shutil.which("blastn") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        fasta, database = _fasta(texts, Path(folder)), Path(folder) / "database"
        _run("makeblastdb", "-in", fasta, "-dbtype", "nucl", "-out", database)
        options = ["-task", "blastn", "-word_size", "11", "-evalue", "0.001", "-dust", "no"]
        hits = Path(folder) / "hits"
        columns = "6 qseqid sseqid qstart qend qlen"
        _run("blastn", "-query", fasta, "-db", database, *options, "-outfmt", columns, "-out", hits)
        return _found(hits)


def _easy_search(texts: pl.Series) -> int:
    with tempfile.TemporaryDirectory() as folder:
        fasta, hits = _fasta(texts, Path(folder)), Path(folder) / "hits"
        options = ["--search-type", "3", "--strand", "2", "-k", "9", "--max-seqs", "300", "-e", "0.001", "-v", "1"]
        columns = "query,target,qstart,qend,qlen"
        _run(
            mmseqs_binary(),
            "easy-search",
            fasta,
            fasta,
            hits,
            Path(folder) / "tmp",
            *options,
            "--format-output",
            columns,
        )
        return _found(hits)


def _found(hits: Path) -> int:
    """Return the families whose two copies, rows 2 i and 2 i + 1, have a hit over half of the query."""
    names = ["query", "target", "start", "end", "length"]
    table = pl.read_csv(hits, separator="\t", has_header=False, new_columns=names)
    same = (pl.col("query") // 2 == pl.col("target") // 2) & (pl.col("query") != pl.col("target"))
    long = (pl.col("end") - pl.col("start")).abs() + 1 >= 0.5 * pl.col("length")
    return table.filter(same & long).select((pl.col("query") // 2).n_unique()).item()


def real(data: Path) -> Iterator[str]:
    """Yield what happens to windows of chromosome 22, to the same beside reversed ones, and to LTR7 copies."""
    genome, ltr7 = data / "genome" / "chr22.hg19.fa.gz", data / "herv" / "ltr7_copies.hg19.fa"
    if genome.exists():
        with pysam.FastaFile(str(genome)) as file:
            text = file.fetch(file.references[0])
        absent = np.concatenate([[0], np.cumsum(np.isin(np.frombuffer(text.encode(), np.uint8), list(b"Nn")))])
        places = np.random.default_rng(1).integers(0, len(text) - WINDOW, 3 * WINDOWS)
        places = places[absent[places + WINDOW] == absent[places]][:WINDOWS]
        windows = [text[at : at + WINDOW] for at in places]
        yield f"{len(windows):,} random windows of {WINDOW} bases of chromosome 22 (as many bases as a third of what is sequenced of it: windows also overlap)."
        yield ""
        yield "| coverage | largest component | windows alone |"
        yield "|---|---|---|"
        for coverage in (0.5, 0.6, 0.7, 0.8):
            sizes = np.bincount(similar(pl.Series(windows), coverage=coverage))
            yield f"| {coverage} | {sizes.max() / len(windows):.3f} | {(sizes == 1).sum() / len(windows):.3f} |"
        yield ""
        shuffled = [_shuffled(window, number) for number, window in enumerate(windows)]
        yield f"The same windows, each shuffled: {len(windows) - 1 - similar(pl.Series(shuffled)).max()} links."
        half = len(windows) // 2
        mixed = similar(pl.Series(windows[:half] + [window[::-1] for window in windows[half:]]))
        spread = pl.DataFrame({"component": mixed, "turned": np.arange(len(mixed)) >= half})
        both = (
            spread.group_by("component")
            .agg(pl.col("turned").mean())
            .filter(pl.col("turned").is_between(0, 1, closed="none"))
        )
        yield f"Half of the windows read backwards (not complemented: no homology is left, all composition is): {both.height} components hold both."
    if ltr7.exists():
        copies = pl.Series(["".join(x.splitlines()[1:]) for x in ltr7.read_text().split(">")[1:]])
        sizes = np.bincount(similar(copies))
        yield f"LTR7: {sizes.max():,} of {len(copies):,} copies of all 11 subfamilies are one component."


def _shuffled(text: str, seed: int) -> str:
    return "".join(np.random.default_rng(seed).permutation(list(text.upper())))


def scale() -> Iterator[str]:
    """Yield time and peak memory of a process for each size: half families of 60 that differ by 15 %, half background."""
    yield "| sequences of 400 bases | ours, 1 thread | ours, 2 threads | mmseqs easy-linclust 0.95, 2 threads |"
    yield "|---|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        for n in SIZES:
            source = Path(folder) / f"{n}.parquet"
            table = families(n // 120, 60, 400, divergence=0.15, background=n - n // 120 * 60, seed=5)
            table.select("sequence").write_parquet(source)
            cells = [
                _measured(str(source), method, threads)
                for method, threads in (("ours", 1), ("ours", 2), ("linclust", 2))
            ]
            yield f"| {n:,} | {' | '.join(cells)} |"


def _measured(source: str, method: str, threads: int) -> str:
    """Return the wall time and peak memory of `measure` in a process of its own, as text."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", source, method, str(threads)],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def measure(source: str, method: str, threads: int) -> str:
    """Return wall and CPU time of one method, and the peak memory of its process, the sequences included."""
    texts = pl.read_parquet(source)["sequence"]
    begin = time.perf_counter(), _cpu()
    if method == "ours":
        similar(texts, threads=threads)
        status = Path("/proc/self/status").read_text()
        peak = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
    else:
        linclust_representatives(texts, threads=threads)
        # Linux counts a child's memory from that of the process that started it: this is an upper bound
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return f"{time.perf_counter() - begin[0]:.1f} s, CPU {_cpu() - begin[1]:.1f} s, {peak / 1024:,.0f} MB"


def _cpu() -> float:
    """Return the CPU seconds of this process and the finished ones that it started."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(x.ru_utime + x.ru_stime for x in used)


def _fasta(texts: pl.Series, folder: Path) -> Path:
    path = folder / "sequences.fa"
    path.write_text("".join(f">{row}\n{text}\n" for row, text in enumerate(texts)))
    return path


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


def main(data: Path, out: Path) -> None:
    """Print every section as it is done and write them to OUT/leakage.md."""
    out.mkdir(parents=True, exist_ok=True)
    sections = {
        "What a memoriser gains": leakage(),
        "Which old copies are found": pairs(),
        "Real repeats": real(data),
        "Time and memory": scale(),
    }
    lines: list[str] = []
    for title, section in sections.items():
        for line in ("", f"## {title}", "", *section):
            print(line, flush=True)
            lines.append(line)
    (out / "leakage.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] == "--measure":
        print(measure(sys.argv[2], sys.argv[3], int(sys.argv[4])))
    elif len(sys.argv) == 3:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        sys.exit(__doc__)
