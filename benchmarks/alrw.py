"""How fast is ALRW, in how much memory, beside the reference's recipe on the same sequences and weights; and what it costs beyond `predict`.

    python benchmarks/alrw.py OUT                 bert-small's sizes (4 layers of 128), 2,000 sequences
    python benchmarks/alrw.py OUT --full          DNABERT's sizes (12 layers of 768), random weights, 32 sequences

Lengths are those of the herv preset: log-normal, median 420 bases, 150 to 8,000; cut to the paper's first 300 and last 212 6-mers.
Recipe: eager attention, output_attentions = True for all layers, rows padded to 512 tokens as its vectors are, batches of 32 (8 with
--full), Python loops over positions; only the vectors of a batch are kept, which is kinder than keeping (n, heads, 512, 512). A second
recipe pads to the longest row of a batch instead. Ours: `alrw_blocks` with mode = "paper", which must give the same numbers (the largest
difference is printed), then `predict`, and ALRW as the explain stage runs it (every head, both modes, bands by group).
Each side runs in a process of its own, whose wall and CPU time (without loading) and peak memory the system counts; memory is also given beyond that
of the loaded model, which both need. One machine, one run; on a busy one CPU time says more.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

LABELS = ("background", "element")
SMALL = {"num_hidden_layers": 4, "hidden_size": 128, "num_attention_heads": 4, "intermediate_size": 256}
FULL = {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
ROW, K = 512, 6
REPEATS, TURN = 3, 300  # turns, and sequences in each, of what ALRW costs beyond predict


class Used(NamedTuple):
    """What a side took: wall and CPU seconds, peak memory and that of the loaded model, in MB."""

    wall: float
    cpu: float
    peak: float
    loaded: float


def main(out: Path, full: bool, n: int, batch: int) -> None:
    """Print one line a side, and the ratios."""
    out.mkdir(parents=True, exist_ok=True)
    part("prepare", out, str(int(full)), str(n))
    sides = {
        "recipe, rows of 512": part("recipe", out, str(batch), "512"),
        "recipe, padded to the longest": part("recipe", out, str(batch), "longest"),
        "phenolens": part("alrw", out),
        "phenolens predict": part("predict", out),
    }
    for name, used in sides.items():
        print(
            f"{name:<32} {n:>6,} sequences {n / used.wall:7.2f} /s {n / used.cpu:7.2f} /CPU s   "
            f"peak {used.peak:6.0f} MB, beyond the model {used.peak - used.loaded:6.0f} MB",
            flush=True,
        )
    ours = sides["phenolens"]
    for name in list(sides)[:2]:
        theirs = sides[name]
        print(
            f"times the {name}: {theirs.wall / ours.wall:.2f} (per CPU second {theirs.cpu / ours.cpu:.2f}); peak memory 1 / "
            f"{theirs.peak / ours.peak:.1f}, beyond the model 1 / {(theirs.peak - theirs.loaded) / max(ours.peak - ours.loaded, 1):.1f}"
        )
    theirs, found = (np.load(out / f"{name}.npy") for name in ("recipe", "alrw"))
    print(f"largest difference of a score from the recipe's: {np.nanmax(np.abs(theirs - found)):.1e}")
    part("overhead", out, quiet=False)


def part(name: str, out: Path, *arguments: str, quiet: bool = True) -> Used:
    """Run a part of this script in a process of its own; the parent stays small, because a child inherits its peak."""
    command = [sys.executable, __file__, "--part", name, str(out), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE if quiet else None, text=True) as process:
        printed = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{name}: exit code {process.returncode}")
    given = json.loads(printed.splitlines()[-1]) if quiet and printed.strip() else {"wall": 1, "cpu": 1, "loaded": 0}
    return Used(given["wall"], given["cpu"], usage.ru_maxrss / 1024, given["loaded"])


def prepare(out: Path, full: bool, n: int) -> None:
    """Write model and sequences."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    from phenolens.core.settings_learn import TrainSettings
    from phenolens.model.load import Loaded, save
    from phenolens.model.vocabulary import kmer_rule, kmer_vocabulary

    torch.manual_seed(1)
    rule = kmer_rule(kmer_vocabulary(K), TrainSettings(cut="paper"))
    sizes = FULL if full else SMALL
    config = BertConfig(vocab_size=len(rule.vocabulary), max_position_embeddings=ROW, initializer_range=0.1, **sizes)
    config.id2label, config.label2id = dict(enumerate(LABELS)), {label: i for i, label in enumerate(LABELS)}
    save(Loaded(BertForSequenceClassification(config), rule, LABELS, "benchmark"), out / "model")
    random = np.random.default_rng(1)
    lengths = np.exp(random.normal(np.log(420), 0.8, n)).astype(int).clip(150, 8000)
    texts = ["".join(random.choice(list("ACGT"), size=length)) for length in lengths]
    (out / "sequences.txt").write_text("\n".join(texts))


def sequences(out: Path) -> list[str]:
    """Return the sequences."""
    return (out / "sequences.txt").read_text().split("\n")


def timed(started: tuple[float, float], loaded: float) -> None:
    """Print what was used since `started` as JSON."""
    wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
    print(json.dumps({"wall": wall, "cpu": cpu, "loaded": loaded}))


def now(model: Any) -> tuple[tuple[float, float], float]:
    """Return the clocks, and the memory in MB that this process has needed so far, every weight read once, which are on disk until then."""
    sum(float(weights.detach().sum()) for weights in model.parameters())
    return (time.perf_counter(), time.process_time()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def recipe(out: Path, batch: int, padding: str) -> None:
    """Score as the paper's scripts do, with plain transformers."""
    import torch
    from transformers import BertForSequenceClassification, BertTokenizer

    model = BertForSequenceClassification.from_pretrained(out / "model", attn_implementation="eager").eval()
    tokenizer, texts = BertTokenizer.from_pretrained(out / "model", do_lower_case=False), sequences(out)
    started, loaded = now(model)
    vectors = np.full((len(texts), ROW), np.nan)
    for at in range(0, len(texts), batch):
        joined = []
        for text in texts[at : at + batch]:
            kmers = [text[i : i + K] for i in range(len(text) - K + 1)]
            joined.append(" ".join(kmers[:300] + kmers[-212:]))
        longest = {"padding": "max_length" if padding == "512" else True, "truncation": True, "max_length": ROW}
        tokens = tokenizer(joined, return_tensors="pt", **longest)
        with torch.no_grad():
            attentions = model(**tokens, output_attentions=True).attentions
        for i, scores in enumerate(attentions[-1].numpy()):
            real = int(tokens["attention_mask"][i].sum())
            vectors[at + i, : real - 2 + K - 1] = positions(scores)[: real - 2 + K - 1]
    timed(started, loaded)
    np.save(out / "recipe.npy", vectors)


def positions(scores: np.ndarray) -> np.ndarray:
    """Return the reference's vector of 512 positions from attention (heads, T, T), looping as it does."""
    row = [0.0] * (ROW - K + 1)
    for i in range(1, min(ROW - K + 2, scores.shape[-1])):
        row[i - 1] = float(scores[:, 0, i].sum())
    for i in range(len(row) - 1):
        if row[i + 1] == 0.0:
            row[i] = 0.0
            break
    total, count = np.zeros(ROW), np.zeros(ROW)
    for i, score in enumerate(row):
        for j in range(K):
            total[i + j] += score
            count[i + j] += 1
    mean = total / count
    found: np.ndarray = mean / np.linalg.norm(mean)
    return found


def by_position(values: np.ndarray, texts: list[str]) -> np.ndarray:
    """Return the scores of bases in the recipe's order: position p is the first base of joined k-mer p; a base that is there twice is left out."""
    vectors = np.full((len(texts), ROW), np.nan)
    for i, text in enumerate(texts):
        count = len(text) - K + 1
        kmers = [*range(min(300, count)), *range(max(count - 212, 0), count)][: ROW - 2]
        bases = [*kmers, *range(kmers[-1] + 1, kmers[-1] + K)][:ROW]
        there, first = np.unique(bases, return_index=True)
        vectors[i, first] = values[i, there]
    return vectors


def scored(out: Path) -> None:
    """Score block by block; like the recipe, keep vectors of 512 positions only."""
    from phenolens.explain.alrw import Options, alrw_blocks
    from phenolens.model.load import load_folder

    loaded, texts = load_folder(out / "model"), sequences(out)
    started, memory = now(loaded.model)
    vectors = np.full((len(texts), ROW), np.nan)
    for block in alrw_blocks(loaded, [str(i) for i in range(len(texts))], texts, Options(mode="paper")):
        here = slice(block.first, block.first + len(block.logits))
        vectors[here] = by_position(block.scores.values, texts[here])
    timed(started, memory)
    np.save(out / "alrw.npy", vectors)


def classified(out: Path) -> None:
    """Classify, for the time that ALRW adds."""
    from phenolens.model.load import load_folder
    from phenolens.model.predict import predict

    loaded, texts = load_folder(out / "model"), sequences(out)
    started, memory = now(loaded.model)
    predict(loaded, texts)
    timed(started, memory)


def overhead(out: Path) -> None:
    """Print how much longer ALRW takes than `predict`, in turns in one process, on at most 300 sequences."""
    from phenolens.explain.alrw import Options, alrw_blocks
    from phenolens.explain.profile import Profile
    from phenolens.model.load import load_folder
    from phenolens.model.predict import predict

    loaded, texts = load_folder(out / "model"), sequences(out)[:TURN]
    names, labels = [str(i) for i in range(len(texts))], [LABELS[i % 2] for i in range(len(texts))]

    def all_of_it() -> None:
        mean, heads = Profile(labels, max(map(len, texts))), None
        for block in alrw_blocks(loaded, names, texts, Options(heads=True, other=True)):
            here = slice(block.first, block.first + len(block.logits))
            mean.add(block.scores.values, labels[here], names[here])
            assert block.heads is not None
            heads = heads or Profile(labels, ROW, kinds=block.heads.shape[1])
            heads.add(block.heads, labels[here], names[here])

    work: dict[str, Any] = {
        "predict": lambda: predict(loaded, texts),
        "ALRW": lambda: [block.first for block in alrw_blocks(loaded, names, texts, Options())],
        "ALRW as the stage runs it": all_of_it,
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for _ in range(REPEATS):
        for name, run in work.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = (np.array([[t[i] for t in times] for times in taken.values()]) for i in (0, 1))
    for number, name in enumerate(list(work)[1:], 1):
        more = [float(np.median(seconds[number] / seconds[0])) - 1 for seconds in (cpu, wall)]
        print(f"{name} beyond predict: {more[0]:+.1%} CPU time, {more[1]:+.1%} wall time (medians of {REPEATS} turns)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        name, folder, *rest = sys.argv[2:]
        parts: dict[str, Any] = {"alrw": scored, "predict": classified, "overhead": overhead}
        if name == "prepare":
            prepare(Path(folder), bool(int(rest[0])), int(rest[1]))
        elif name == "recipe":
            recipe(Path(folder), int(rest[0]), rest[1])
        else:
            parts[name](Path(folder))
    else:
        parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("out", type=Path, metavar="OUT")
        parser.add_argument("--full", action="store_true")
        parser.add_argument("--sequences", type=int)
        parser.add_argument("--batch", type=int)
        given = parser.parse_args()
        main(
            given.out,
            given.full,
            given.sequences or (32 if given.full else 2000),
            given.batch or (8 if given.full else 32),
        )
