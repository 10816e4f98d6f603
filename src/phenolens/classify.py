"""A trained model on new sequences, outside any study: FASTA or intervals in, a table of probabilities out.

Everything goes chunk by chunk, so memory does not grow with the input; the table gets its name, or goes to standard output, when it is whole.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
import polars as pl

from phenolens.core.calibration import tempered
from phenolens.core.errors import STDIN, DataError, InputError, SettingsError
from phenolens.core.run import read_json, whole
from phenolens.core.schemas_predict import classes_schema
from phenolens.core.strands import reverse_complement
from phenolens.core.table import check
from phenolens.io.chromosomes import listed, reconcile
from phenolens.io.fasta import fasta_chunks
from phenolens.io.genome import GenomeFile, check_chromosomes, open_genome
from phenolens.io.intervals import interval_batches

FASTA = (".fa", ".fasta", ".fna", ".ffn", ".fas")
CHUNK_SEQUENCES, CHUNK_BASES = 4096, 1 << 18  # of a chunk, unless it is one sequence
DIGITS = 6
ROW_GROUP = 100_000


class Options(NamedTuple):
    """How sequences are classified.

    both_strands : average the probabilities of a sequence and its reverse complement.
    raw : leave the probabilities as the model gives them, without the calibration of its run.
    precision : fp32, or bf16: faster where the device has it, probabilities move by up to a few hundredths.
    batch_size : sequences per step, at most; the result does not depend on it.
    trust_remote_code : run code that came with the model; from Python only, no option of the command sets it.
    """

    both_strands: bool = False
    raw: bool = False
    precision: Literal["fp32", "bf16"] = "fp32"
    batch_size: int = 64
    trust_remote_code: bool = False


class Told(NamedTuple):
    """Whom to tell what happens on the way.

    note : a sentence that the user should read.
    step : how many sequences are done.
    """

    note: Callable[[str], None] = lambda sentence: None
    step: Callable[[int], None] = lambda done: None


class _Chunk(NamedTuple):
    ids: pl.Series
    sequences: list[str]


def classify_file(
    model: Path, source: Path, target: Path | BinaryIO, genome: Path | None, options: Options, told: Told
) -> int:
    """Write CLASSES of every sequence of a FASTA file or interval of another file, in its order; return how many there are.

    Parameters
    ----------
    model : a run's folder, whose runs are averaged, or one Hugging Face folder of it (my-run/train/run-0).
    source : FASTA by its ending, else any file of intervals; `-` is standard input, FASTA unless there is a genome, then BED.
    target : a .tsv or .parquet file, or a stream that gets TSV.
    genome : FASTA that the intervals lie on.
    options, told : see there.

    Raises
    ------
    InputError : no such file, no genome for intervals, no model folder, or as the readers.
    SettingsError : a target of another ending, or in a folder that does not exist.
    DataError : the model's tokenizer does not fit the sequences, or it can read none of them.
    """
    from phenolens.model.load import load_folder
    from phenolens.model.stream import NOTHING, answer

    if isinstance(target, Path):
        _refuse_target(target)
    folders = model_folders(model)
    models = [load_folder(folder, trust_remote_code=options.trust_remote_code) for folder in folders]
    temperature = (None if options.raw else run_temperature(model, folders, told)) or 1.0
    labels, seen = models[0].labels, NOTHING
    if any(other.labels != labels for other in models):
        raise InputError(model, "its runs have different classes", remedy="give one of them, e.g. train/run-0")
    with _finished(target) as path, path.open("wb") as stream:
        for chunk in _chunks(source, genome, told):
            readings = [chunk.sequences]
            if options.both_strands:
                readings.append([reverse_complement(text) for text in chunk.sequences])
            try:
                found, seen = answer(models, readings, seen, batch_size=options.batch_size, precision=options.precision)
            except DataError as error:
                error.add_note(f"found in {source} before its sequence {seen.sequences + len(chunk.ids) + 1:,}")
                raise
            rows = classes_table(chunk.ids, tempered(found, temperature), labels)
            rows.write_csv(stream, separator="\t", include_header=seen.sequences == len(chunk.ids))
            told.step(seen.sequences)
        _account(source, seen.sequences, seen.unreadable, models[0].rule.k, told)
    return seen.sequences


def _refuse_target(target: Path) -> None:
    if target.suffix not in (".tsv", ".parquet"):
        raise SettingsError(
            "command line",
            "--out",
            f"{target} has the ending '{target.suffix}'",
            expected=".tsv or .parquet",
            remedy="rename it, or leave --out away and redirect standard output",
        )
    if not target.parent.is_dir():
        raise SettingsError(
            "command line",
            "--out",
            f"the folder {target.parent} does not exist",
            expected="a folder",
            remedy=f"make it: mkdir -p {target.parent}",
        )


def model_folders(model: Path) -> list[Path]:
    """Return the model folders: the folder itself, or all run-N of a run's folder in order of N."""
    runs = [path for path in (model / "train").glob("run-*") if path.name.removeprefix("run-").isdecimal()]
    if (model / "phenolens.json").exists() or not runs:
        return [model]
    return sorted(runs, key=lambda path: int(path.name.removeprefix("run-")))


def run_temperature(model: Path, folders: list[Path], told: Told) -> float | None:
    """Return the temperature that the run's evaluation fitted for this model or vote; None with a note where there is none."""
    path = folders[0].resolve().parent.parent / "evaluate" / "calibration.json"
    run = "vote" if len(folders) > 1 else folders[0].resolve().name
    found = ((read_json(path) if path.parent.is_dir() else None) or {}).get(run, {}).get("temperature")
    if found is None:
        told.note(
            f"probabilities of {model} are not calibrated: no temperature of {run} in {path.parent.name}/{path.name} of its run"
        )
    return None if found is None else float(found)


def classes_table(ids: pl.Series, probabilities: np.ndarray, labels: tuple[str, ...]) -> pl.DataFrame:
    """Return CLASSES with probabilities to six significant digits; null where they are NaN."""
    best = pl.Series(labels).gather(probabilities.argmax(axis=1))
    columns = {f"p_{label}": pl.Series(probabilities[:, i], nan_to_null=True) for i, label in enumerate(labels)}
    table = pl.DataFrame({"sequence_id": ids, "predicted": best, **columns})
    table = table.with_columns(
        pl.when(pl.col(f"p_{labels[0]}").is_not_null()).then("predicted").alias("predicted"),
        pl.col(list(columns)).round_sig_figs(DIGITS),
    )
    return check(table, classes_schema(list(labels)))


def unreadable_because(k: int) -> str:
    """Return why sequences have no prediction, for a model whose tokens have k bases (0: no fixed number)."""
    return f"fewer than {max(k, 1)} bases, or more than half of their tokens with an N or another letter than A C G T"


def _account(source: Path, n: int, unreadable: int, k: int, told: Told) -> None:
    """Tell of sequences without a number; refuse when all are."""
    why = unreadable_because(k)
    if unreadable == n:
        raise InputError(
            source,
            f"none of its {n:,} sequences can be read by the model: {why}",
            remedy="give sequences in the letters A C G T",
        )
    if unreadable:
        told.note(f"{unreadable:,} of {n:,} sequences have no prediction (empty cells): {why}")


@contextmanager
def _finished(target: Path | BinaryIO) -> Iterator[Path]:
    """Yield the path of a TSV file that becomes the target, in its format, when the block ends; a failure leaves nothing."""
    if not isinstance(target, Path):
        with TemporaryDirectory(prefix="phenolens-") as scratch:
            path = Path(scratch) / "classes.tsv"
            with whole(path) as part:
                yield part
            with path.open("rb") as stream:
                while block := stream.read(1 << 20):
                    target.write(block)
            target.flush()
        return
    with whole(target) as part:
        if target.suffix == ".tsv":
            yield part
            return
        rows = part.with_name(f"{part.name}.tsv")
        try:
            yield rows
            _to_parquet(rows, part)
        finally:
            rows.unlink(missing_ok=True)


def _to_parquet(rows: Path, target: Path) -> None:
    """Write a table of CLASSES as Parquet, one row group after the other."""
    names = pl.scan_csv(rows, separator="\t", infer_schema=False, glob=False).collect_schema().names()
    types: dict[str, Any] = {name: pl.String if i < 2 else pl.Float64 for i, name in enumerate(names)}
    pl.scan_csv(rows, separator="\t", schema=types, glob=False).sink_parquet(target, row_group_size=ROW_GROUP)


def _chunks(source: Path, genome: Path | None, told: Told) -> Iterator[_Chunk]:
    name = source.name.lower().removesuffix(".gz").removesuffix(".bgz")
    if name.endswith(FASTA) or (source == STDIN and genome is None):
        for records in fasta_chunks(source, size=CHUNK_BASES):
            yield _Chunk(records["name"], records["sequence"].to_list())
        return
    if genome is None:
        raise InputError(
            source,
            "holds intervals, and no genome was given",
            expected="--genome genome.fa",
            remedy="or give the sequences as FASTA (.fa, .fasta)",
        )
    renamed: dict[str, str] = {}
    with open_genome(genome) as opened:
        for batch in interval_batches(source):
            found = reconcile(batch.table, opened.lengths, source)
            check_chromosomes(found.table, opened, source)
            for reason, n in batch.skipped.items():
                told.note(f"{source}: {n:,} rows left out: {reason}")
            if new := found.renamed.items() - renamed.items():
                pairs = [f"{name} -> {other}" for name, other in sorted(new)]
                told.note(f"{source}: {len(pairs)} chromosome names follow the genome's: {listed(pairs)}")
                renamed |= found.renamed
            yield from _cut_out(found.table, opened)


def _cut_out(intervals: pl.DataFrame, genome: GenomeFile) -> Iterator[_Chunk]:
    """Yield the bases of intervals in reading direction, named chrom:start-end(strand)."""
    bases = intervals.select((pl.col("end") - pl.col("start")).cum_sum())["end"].to_numpy()
    first = 0
    while first < len(bases):
        most = CHUNK_BASES + (bases[first - 1] if first else 0)
        last = min(max(int(np.searchsorted(bases, most, side="right")), first + 1), first + CHUNK_SEQUENCES)
        part = intervals[first:last]
        rows = part.select("chrom", "start", "end", "strand").rows()
        texts = [genome.fetch(*place) for *place, _ in rows]
        read = [reverse_complement(text) if row[3] == "-" else text for text, row in zip(texts, rows, strict=True)]
        yield _Chunk(part.select(pl.format("{}:{}-{}({})", "chrom", "start", "end", "strand"))["chrom"], read)
        first = last


def known_models() -> list[str]:
    """Return lines of a table of every model that train.model knows by name, its header first; a dash is what is not known."""
    from phenolens.model.registry import REGISTRY

    units = {"kmer": "{}-mers, overlapping", "blocks": "{}-mers, side by side", "bpe": "BPE"}
    table = [("name", "family", "tokens", "parameters", "longest", "weights", "what it is")]
    for name, row in REGISTRY.items():
        size = f"{row.millions:,g} M" if row.millions else "-"
        longest = f"{row.longest:,} tokens" if row.longest else "max_tokens" if row.config else "-"
        weights = "shipped" if row.folder else "random" if row.config else "hub"
        table.append((name, row.family, units[row.tokens].format(row.k), size, longest, weights, row.meaning))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return [
        *lines,
        "",
        "or any other sequence classifier of transformers: its folder, or owner/name on the Hugging Face hub",
    ]
