"""Pre-training outside any study: FASTA files in, a Hugging Face folder with a model card out."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from phenolens.core.errors import InputError, SettingsError
from phenolens.core.progress import Progress
from phenolens.core.run import sha256, write_table, write_text
from phenolens.core.settings_learn import PretrainSettings
from phenolens.dataset.heldout import heldout_mask, heldout_words, pieces
from phenolens.io.fasta import read_fasta
from phenolens.io.genome import open_genome

MIN_PIECE = 64  # bases; a shorter stretch holds no window worth reading


def pretrain_files(
    genomes: Sequence[Path],
    out: Path,
    settings: PretrainSettings,
    seed: int,
    *,
    exclude: Sequence[Path] = (),
    progress: Progress,
) -> Path:
    """Return the folder of a model pre-trained on these FASTA files: weights, tokenizer, loss.tsv, README.md (model card).

    Parameters
    ----------
    genomes : FASTA files of DNA, plain or bgzip.
    out : the folder; an interrupted pre-training goes on when it is called again with the same arguments.
    settings, seed : of the pre-training.
    exclude : FASTA files of sequences that the model must not have read, e.g. test sequences.
    progress : receiver of progress.

    Raises
    ------
    InputError : a file that cannot be read, or a folder that holds something else.
    DataError : too little DNA is left.
    """
    from phenolens.model.pretrain import pretrain

    if (out / "config.json").exists():
        raise InputError(out, "holds a model already", remedy="choose another --out, or remove the folder")
    words = heldout_words([text for path in exclude for text in read_fasta(path)["sequence"]])
    kept: list[str] = []
    sources = []
    for path in genomes:
        progress.step(0, 1, f"read: {path.name}")
        total = left_out = 0
        with open_genome(path) as genome:
            for chrom in genome.lengths:
                letters = genome.letters(chrom)
                mask = heldout_mask(letters, words)
                found = list(pieces(letters, mask, MIN_PIECE))
                kept += found
                total += sum(map(len, found))
                left_out += int(mask.sum())
        sources.append({"file": path.name, "bases": total, "left_out": left_out, "sha256": sha256(path)})

    def watch(done: int, steps: int, loss: float, validation: float | None) -> None:
        shown = "" if validation is None else f", validation {validation:.3f}"
        progress.step(done, steps, f"pretrain: loss {loss:.3f}{shown}")

    curve = pretrain(kept, out, settings, seed, watch)
    write_table(curve, out / "loss.tsv")
    write_text(card(settings, seed, pl.DataFrame(sources), exclude, curve), out / "README.md")
    return out


def card(
    settings: PretrainSettings, seed: int, sources: pl.DataFrame, exclude: Sequence[Path], curve: pl.DataFrame
) -> str:
    """Return the model card: what it is, data, command, loss curve, limits.

    Parameters
    ----------
    sources : file, bases read, bases left_out, sha256.
    curve : of `pretrain`.
    """
    kind = f"BERT of overlapping {settings.k}-mers" if settings.family == "bert" else "GPT-2 with a BPE tokenizer"
    read = int(sources["bases"].sum())
    given = settings.model_dump(exclude_defaults=True)
    options = "".join(f" --set {name}={_toml(value)}" for name, value in given.items())
    files = " ".join(sources["file"])
    apart = "".join(f" --exclude {path.name}" for path in exclude)
    second = (
        ", in training with the second task, of [CLS], added" if settings.family == "bert" and settings.summary else ""
    )
    rows = [
        "---",
        "license: apache-2.0",
        "tags: [dna, genomics, phenolens]",
        "---",
        f"# A small {kind}",
        "",
        f"{settings.layers} layers of {settings.width}, {settings.heads} heads, feed-forward {settings.intermediate}, at most {max(settings.lengths)} tokens; pre-trained with phenolens.",
        "",
        "## Data",
        "",
        "| file | bases read | bases left out | SHA-256 |",
        "|---|---|---|---|",
        *(f"| {f} | {n:,} | {x:,} | {h[:16]} |" for f, n, x, h in sources.rows()),
        "",
        f"Left out: every base in 32 bases that a sequence of {', '.join(p.name for p in exclude) or 'nothing'} shares, on either strand, and gaps of at most 32 bases between these. Relatives that differ more often than every 32 bases stay in.",
        f"{settings.tokens:,} tokens were read from random windows of {', '.join(map(str, settings.lengths))} tokens on random strands: about {_passes(settings, read):.1f} times the DNA.",
        "",
        "## Command",
        "",
        f"    phenolens pretrain {files}{apart} --out DIR --seed {seed}{options}",
        "",
        "## Loss",
        "",
        f"Nats per predicted token{second}; validation on 100 kb blocks that were not trained on. The whole curve is in loss.tsv.",
        "",
        "| step | tokens | training | validation |",
        "|---|---|---|---|",
        *(_row(row) for row in _some(curve.drop_nulls()).rows()),
        "",
        "## Limits",
        "",
        f"{read / 1e6:.1f} Mb of DNA is little: this model knows k-mer usage, CpG, common repeats and short signals, not genes. It is made for tests, teaching and small data on a laptop; take a large pre-trained model where it matters.",
        "",
    ]
    return "\n".join(rows)


def settings_of(overrides: Iterable[str]) -> PretrainSettings:
    """Return settings with `key=value` overrides.

    Raises
    ------
    SettingsError : an unknown key or a value of the wrong kind.
    """
    from phenolens.core.study import assignment

    given: dict[str, Any] = dict(assignment(text) for text in overrides)
    try:
        return PretrainSettings.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        known = ", ".join(PretrainSettings.model_fields)
        raise SettingsError("--set", key, first["msg"], expected=f"one of {known}") from None


def _passes(settings: PretrainSettings, bases: int) -> float:
    per_token = 1.0 if settings.family == "bert" else 5.0
    return settings.tokens * per_token / bases


def _some(curve: pl.DataFrame) -> pl.DataFrame:
    every = max(1, curve.height // 12)
    rows = pl.int_range(pl.len())
    return curve.filter((rows % every == 0) | (rows == pl.len() - 1))


def _row(row: tuple[Any, ...]) -> str:
    step, tokens, training, validation = row
    return f"| {step:,} | {tokens:,} | {training:.3f} | {validation:.3f} |"


def _toml(value: object) -> str:
    return str(list(value)).replace(" ", "") if isinstance(value, tuple) else str(value)
