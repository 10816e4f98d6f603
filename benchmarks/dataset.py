"""How fast and how sound: 100,000 intervals of a 3.1 Gb genome to a dataset, the reference recipe and phenolens side by side.

    python benchmarks/dataset.py OUT [--scale 1] [--intervals 100000] [--only reference|ours] [--set KEY=VALUE]

The synthetic genome is made in OUT unless it is there. Needs bedtools, mmseqs, seqkit and perl for the reference side, bedtools
for the checks. The genome is read once beforehand, so both sides find it in the page cache, and both find its .fai.
The reference recipe is the paper's, step by step: length-matched random background, redundancy removed within each class,
random split. Ours: background matched in length and GC content, groups by name and similarity, grouped split.
CPU is user + system of all processes of a step. Peak memory is the larger of the largest single process (rusage) and the
sampled sum of resident memory of all processes at one time; pages of mapped files count, and the rusage of a process is never
below the size of this script, about 90 MB. OUT/measured.tsv holds the numbers.
"""

import argparse
import csv
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from synthetic_genome import arguments, make

COLUMNS = ["label", "split", "chrom", "start", "end", "sequence"]
PLACE = r"^(?<chrom>.+):(?<start>\d+)-(?<end>\d+)"
STUDY = """
name = "scale"
[dataset]
genome = "{data}/genome.fa"
min_length = 150
[[dataset.classes]]
label = "positive"
intervals = "{data}/intervals.bed"
steps = [{{ merge = 10 }}, {{ min_length = 150 }}, {{ subtract = "{data}/excluded.bed" }}, {{ min_length = 150 }}]
[[dataset.classes]]
label = "negative"
matched_to = "positive"
match = ["gc"]
exclude = ["{data}/excluded.bed"]
"""


class Cost(NamedTuple):
    """What one step took: seconds of wall clock, seconds of CPU, MB at most, load of the machine before it."""

    wall: float
    cpu: float
    peak: float
    load: float


def measured(command: list[str], folder: Path) -> Cost:
    """Return the cost of a command run in this folder, with all processes it starts; its output goes to the file log there."""
    load, began, peak, done = os.getloadavg()[0], time.monotonic(), [0.0], threading.Event()
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        watcher = threading.Thread(target=_watch, args=(process.pid, peak, done))
        watcher.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        done.set()
        watcher.join()
    if process.returncode:
        sys.exit(f"exit code {process.returncode} of: {shlex.join(command)}; see {folder / 'log'}")
    return Cost(wall, used.ru_utime + used.ru_stime, max(used.ru_maxrss / 1024, peak[0]), load)


def _watch(root: int, peak: list[float], done: threading.Event) -> None:
    """Keep in peak[0] the largest sum of resident memory (MB) of a process and all below it, looked at ten times a second."""
    page = os.sysconf("SC_PAGE_SIZE") / 2**20
    while not done.wait(0.1):
        total, todo = 0, [root]
        while todo:
            process = Path("/proc") / str(todo.pop())
            try:
                total += int((process / "statm").read_text().split()[1])
                for task in (process / "task").iterdir():
                    todo += map(int, (task / "children").read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while it was looked at
        peak[0] = max(peak[0], total * page)


def recipe(data: Path, threads: int) -> dict[str, str]:
    """Return the reference recipe: name of each step -> bash command."""
    fasta = shlex.quote(str(data / "genome.fa"))
    intervals, excluded, gaps, sizes = (
        shlex.quote(str(data / name)) for name in ("intervals.bed", "excluded.bed", "gaps.bed", "genome.sizes")
    )
    steps = {
        "merge": f"sort -k1,1 -k2,2n {intervals} | bedtools merge -i - -d 10 -c 4 -o distinct | awk '$3-$2>=150' >merged.bed",
        "subtract": f"bedtools subtract -a merged.bed -b {excluded} | awk '$3-$2>=150' | sort -k1,1 -k2,2n >positive.bed",
        "shuffle": f"bedtools shuffle -i positive.bed -excl <(cat positive.bed {excluded} {gaps} | cut -f1-3) -g {sizes}"
        " -seed 100 -chrom -noOverlapping -maxTries 100000 | sort -k1,1 -k2,2n >negative.bed",
    }
    for label in ("positive", "negative"):
        steps |= {
            f"getfasta {label}": f"bedtools getfasta -fi {fasta} -bed {label}.bed >{label}.fa",
            f"split at N {label}": """perl -lne 'if(/^>/){$key=$_}else{@F=split/N{2,}/;print "$key.$_\\n$F[$_]" for 0..$#F}' """
            f"{label}.fa | seqkit seq -m 150 -w 0 -g >{label}.pieces.fa",
            f"linclust {label}": f"mmseqs easy-linclust {label}.pieces.fa {label} tmp --threads {threads}"
            " --cluster-mode 2 --cov-mode 1 --min-seq-id 0.95",
            f"test and train {label}": f"seqkit sample -s 100 -p 0.2 -w 0 {label}_rep_seq.fasta >{label}.test.fa"
            f" && seqkit grep -v -w 0 -f <(seqkit seq -n -i {label}.test.fa) {label}_rep_seq.fasta >{label}.train.fa",
        }
    steps["rows"] = " && ".join(
        f"seqkit fx2tab {label}.{split}.fa | awk -v OFS='\\t' '{{print \"{split}\", \"{label}\", $2, $1}}' {'>' if first else '>>'}rows.tsv"
        for first, (label, split) in zip(
            (True, False, False, False),
            [(label, split) for split in ("train", "test") for label in ("positive", "negative")],
            strict=True,
        )
    )
    return steps


def reference(data: Path, folder: Path) -> dict[str, Cost]:
    """Run the recipe in an empty folder and return the cost of every step."""
    costs = {}
    for step, command in recipe(data, os.cpu_count() or 1).items():
        costs[step] = measured(["bash", "-e", "-o", "pipefail", "-c", command], folder)
        show({step: costs[step]})
    return costs


def ours(data: Path, folder: Path, overrides: list[str]) -> dict[str, Cost]:
    """Run `phenolens dataset` in an empty folder and return its cost."""
    study = folder / "study.toml"
    study.write_text(STUDY.format(data=data))
    options = [part for override in overrides for part in ("--set", override)]
    program = shutil.which("phenolens", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        sys.exit("phenolens is not installed beside this Python, nor on the PATH")
    return {"phenolens dataset": measured([program, "dataset", str(study), "--out", "run", *options], folder)}


def reference_rows(folder: Path) -> pl.DataFrame:
    """Return COLUMNS of the recipe's table."""
    rows = pl.read_csv(
        folder / "rows.tsv", separator="\t", has_header=False, new_columns=["split", "label", "sequence", "id"]
    )
    place = rows["id"].str.extract_groups(PLACE).struct
    return rows.with_columns(
        chrom=place["chrom"], start=place["start"].cast(pl.Int64), end=place["end"].cast(pl.Int64)
    ).select(COLUMNS)


def our_rows(folder: Path) -> pl.DataFrame:
    """Return COLUMNS of sequences.parquet; validation counts as train, since the recipe sets it apart later."""
    rows = pl.read_parquet(folder / "run" / "dataset" / "sequences.parquet")
    return rows.with_columns(split=pl.col("split").replace("validation", "train")).select(COLUMNS)


def checks(rows: pl.DataFrame, data: Path, folder: Path) -> dict[str, float]:
    """Return how sound a dataset is, counted on what was written: sizes, overlaps (by bedtools), balance, families in both splits."""
    for label in ("positive", "negative"):
        part = rows.filter(pl.col("label") == label).select("chrom", "start", "end", "split").sort("chrom", "start")
        part.write_csv(folder / f"final.{label}.bed", separator="\t", include_header=False)
    positive, negative = folder / "final.positive.bed", folder / "final.negative.bed"
    measures = rows.select(
        "label",
        length=pl.col("sequence").str.len_bytes().log(),
        gc=pl.col("sequence").str.count_matches("[GCgc]") / pl.col("sequence").str.count_matches("[ACGTacgt]"),
    )
    pairs = _bedtools("intersect", "-wa", "-wb", "-a", positive, "-b", data / "intervals.bed")
    families: dict[str, set[str]] = {}
    for line in pairs:
        cells = line.split("\t")
        if cells[7].startswith("family_"):
            families.setdefault(cells[7], set()).add(cells[3])
    return {
        "sequences, positive": rows.filter(pl.col("label") == "positive").height,
        "sequences, negative": rows.filter(pl.col("label") == "negative").height,
        "share in test": rows.filter(pl.col("split") == "test").height / rows.height,
        "negatives that overlap a given interval": len(
            _bedtools("intersect", "-u", "-a", negative, "-b", data / "intervals.bed")
        ),
        "negatives that overlap an excluded interval": len(
            _bedtools("intersect", "-u", "-a", negative, "-b", data / "excluded.bed")
        ),
        "negatives that overlap a negative": len(_bedtools("intersect", "-c", "-a", negative, "-b", negative, above=1)),
        "sequences with N": rows.filter(pl.col("sequence").str.contains("[Nn]")).height,
        "SMD of log length": smd(measures, "length"),
        "SMD of GC content": smd(measures, "gc"),
        "families": len(families),
        "families in both train and test": sum(len(splits) > 1 for splits in families.values()),
    }


def _bedtools(*command: str | Path, above: int | None = None) -> list[str]:
    """Return the lines that bedtools prints; with `above`, those whose last column exceeds it."""
    done = subprocess.run(["bedtools", *map(str, command)], capture_output=True, text=True, check=True)
    found = done.stdout.splitlines()
    return found if above is None else [line for line in found if int(line.rsplit("\t", 1)[1]) > above]


def smd(measures: pl.DataFrame, column: str) -> float:
    """Return the standardised mean difference: (mean positive - mean negative) / root of the mean variance."""
    a, b = (
        measures.filter(pl.col("label") == label)[column].to_numpy().astype(float) for label in ("positive", "negative")
    )
    return float((a.mean() - b.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2))


def to_table(folder: Path, costs: dict[str, Cost]) -> float:
    """Return seconds until the table was there; what ours does after it (certificate, checksums) the recipe does not do."""
    study, written = folder / "study.toml", folder / "run" / "dataset" / "sequences.parquet"
    return written.stat().st_mtime - study.stat().st_mtime if study.exists() else total(costs).wall


def total(costs: dict[str, Cost]) -> Cost:
    """Return the sum of wall and CPU, the largest peak and load."""
    wall, cpu, peak, load = zip(*costs.values(), strict=True)
    return Cost(sum(wall), sum(cpu), max(peak), max(load))


def show(costs: dict[str, Cost]) -> None:
    """Print one line a step."""
    for step, cost in costs.items():
        print(
            f"{step:<26} {cost.wall:9.2f} s wall {cost.cpu:9.2f} s CPU {cost.peak:8.0f} MB   load {cost.load:.2f}",
            flush=True,
        )


def prepare(options: argparse.Namespace) -> Path:
    """Return the folder with the genome asked for, made where it is not there; it is read once."""
    data: Path = options.out.resolve()
    wanted = f"scale {options.scale} intervals {options.intervals} seed {options.seed}\n"
    made = data / "made.txt"
    if not made.exists():
        began = time.monotonic()
        make(data, scale=options.scale, intervals=options.intervals, seed=options.seed)
        made.write_text(wanted)
        print(f"genome made in {time.monotonic() - began:.0f} s")
    if made.read_text() != wanted:
        sys.exit(
            f"{data} holds another genome: {made.read_text().strip()}; wanted {wanted.strip()}; name another folder"
        )
    subprocess.run(["cat", str(data / "genome.fa")], stdout=subprocess.DEVNULL, check=True)
    return data


def main() -> None:
    parser = arguments(argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]))
    parser.add_argument("--only", choices=["reference", "ours"], help="one side only")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="setting of our study")
    options = parser.parse_args()
    data = prepare(options)
    lengths = pl.read_csv(data / "genome.sizes", separator="\t", has_header=False, new_columns=["chrom", "length"])[
        "length"
    ]
    print(f"{sum(lengths.to_list()) / 1e9:.2f} Gb, {len(lengths)} chromosomes, {os.cpu_count()} cores")
    costs, found = {}, {}
    for side in ("reference", "ours"):
        if options.only in (None, side):
            folder = data / side
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            print(f"\n{side}")
            costs[side] = reference(data, folder) if side == "reference" else ours(data, folder, options.set)
            show({"total": total(costs[side])})
            rows = reference_rows(folder) if side == "reference" else our_rows(folder)
            found[side] = checks(rows, data, folder) | {
                "wall s to the table of sequences": to_table(folder, costs[side])
            }
    report(costs, found, data / "measured.tsv")


def report(costs: dict[str, dict[str, Cost]], found: dict[str, dict[str, float]], path: Path) -> None:
    """Print the sides' checks and totals beside each other, and write all numbers to a file."""
    table = {check: [values[check] for values in found.values()] for check in next(iter(found.values()))}
    for number, name in enumerate(("wall s", "CPU s", "peak MB")):
        table[name] = [total(steps)[number] for steps in costs.values()]
    print(f"\n{'':<46}" + "".join(f"{side:>14}" for side in found))
    for name, values in table.items():
        print(f"{name:<46}" + "".join(f"{value:>14.4g}" if value % 1 else f"{value:>14.0f}" for value in values))
    if len(costs) == 2:
        theirs, here = total(costs["reference"]), total(costs["ours"])
        print(
            f"\nreference / ours: wall {theirs.wall / here.wall:.2f} (to the table {theirs.wall / found['ours']['wall s to the table of sequences']:.2f}), CPU {theirs.cpu / here.cpu:.2f}, peak memory {theirs.peak / here.peak:.2f}"
        )
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle, delimiter="\t")
        writer.writerow(["side", "what", "wall_s", "cpu_s", "peak_mb", "load"])
        for side, steps in costs.items():
            writer.writerows([side, step, *cost] for step, cost in [*steps.items(), ("total", total(steps))])
        writer.writerows([side, name, value] for side, values in found.items() for name, value in values.items())


if __name__ == "__main__":
    main()
