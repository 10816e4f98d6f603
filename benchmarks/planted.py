"""Do the scores find what was planted? One motif a class at random places and strands, and nothing else that tells the classes apart.

    python benchmarks/planted.py OUT [--seeds 3] [--model bert-small] [--mutagenesis 20]

500 sequences of 150 bases for each of three JASPAR consensus words (REST, CTCF, GATA1::TAL1), 0 to 2 letters changed, and 500 without a
motif; 70 % train, 15 % validation, 15 % test. Everything is measured on test sequences that have a motif, whatever the model says of them.
For every method: AUROC of the scores of a sequence's bases for the planted ones, mean over the sequences with a 95 % interval (bootstrap),
for the scores as they are and for their size; mutagenesis on fewer sequences, because it predicts 3 x 150 each.
Regions (the paper's rule, and the calibrated one) of each method's scores are then searched in two ways: the first of JASPAR's motifs in `annotate`'s own
enrichment against the other classes; and, without JASPAR, the 8-mer that is most enriched over the other classes' regions, grown to a matrix by the
words within two letters of it, and compared with every JASPAR matrix (sum of column correlations over the best overlap and strand,
as a z-score against the same matrix with its columns shuffled). A name counts when the first hit is the planted motif.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.stats import rankdata

from phenolens.annotate.contrasts import OTHERS, Contrast, motif_enrichment
from phenolens.core.kmers import LETTERS, kmer_codes
from phenolens.core.settings_explain import ExplainSettings
from phenolens.core.settings_learn import TrainSettings
from phenolens.core.stats import interval
from phenolens.core.strands import reverse_complement
from phenolens.core.types import BaseScores, Motif
from phenolens.explain.alrw import alrw
from phenolens.explain.methods import METHODS
from phenolens.explain.region_threshold import peaks, shuffled_copies, threshold_of
from phenolens.explain.regions import find_regions
from phenolens.io.motifs import read_motifs
from phenolens.model.load import Loaded, load
from phenolens.model.predict import predict
from phenolens.model.train import train
from phenolens.simulate import planted

PLANTED = ("REST", "CTCF", "GATA1::TAL1")
N, LENGTH, TESTED = 500, 150, 120
K, FLANK = 8, 6  # seed word of a motif found anew, and columns added on each side
DEMO = Path(__file__).parent.parent / "src" / "phenolens" / "demo" / "jaspar_vertebrates.meme.gz"
SETTINGS = {"bert-small": {"epochs": 8, "learning_rate": 5e-4}, "bert-scratch": {"epochs": 12, "learning_rate": 1e-3}}


class Case(NamedTuple):
    """A trained model and test sequences with a motif."""

    loaded: Loaded
    rows: pl.DataFrame
    accuracy: float


def main(out: Path, seeds: int, model: str, few: int) -> None:
    """Print accuracy, AUROC of every method, and the first hits, seed by seed and over all seeds."""
    motifs = read_motifs(DEMO)
    by_name = {motif.name: motif for motif in reversed(motifs)}
    words = {name: "".join("ACGT"[i] for i in by_name[name].matrix.argmax(axis=1)) for name in PLANTED}
    print(", ".join(f"{name} {word}" for name, word in words.items()), flush=True)
    areas: dict[str, list[np.ndarray]] = {}
    for seed in range(1, seeds + 1):
        case = trained(words, model, seed, out / f"{model}-{seed}")
        print(f"seed {seed}: test accuracy {case.accuracy:.3f}", flush=True)
        for name, scores in scored(case, few).items():
            found = np.array([auroc(scores.values[i], *place) for i, place in enumerate(places(case.rows, scores))])
            areas.setdefault(name, []).append(found)
            print(f"  {name:<34} {summary([found])}", flush=True)
            if name in ("mutagenesis", "gradient_x_input"):
                continue
            for rule, threshold in (("paper", 0.0), ("calibrated", calibrated(case, seed) if name == "alrw" else 0.0)):
                if rule == "paper" or name == "alrw":
                    regions = find_regions(scores, table_of(case.rows), ExplainSettings(), threshold=threshold)
                    print(f"    {rule} regions: {recovered(regions, case.rows, motifs, seed)}", flush=True)
    print("all seeds")
    for name, found in areas.items():
        print(f"  {name:<34} {summary(found)}")


def trained(words: dict[str, str], model: str, seed: int, folder: Path) -> Case:
    """Return a model trained on planted sequences of this seed."""
    table = planted(words, N, LENGTH, background=N, seed=seed)
    share = np.random.default_rng(seed).random(table.height)
    split = np.where(share < 0.7, "train", np.where(share < 0.85, "validation", "test"))
    table = table.with_columns(sequence_id=pl.col("name"), group=pl.col("name"), split=pl.Series(split))
    settings = TrainSettings(
        model=model, patience=20, batch_size=32, reverse_complement=True, log_to=(), max_tokens=256, **SETTINGS[model]
    )
    loaded = load(model, (*words, "background"), settings, seed)
    train(loaded, table, folder, settings, seed)
    tested = table.filter(split="test")
    found = np.array(loaded.labels)[predict(loaded, tested["sequence"].to_list()).argmax(axis=1)]
    accuracy = float((found == tested["label"].to_numpy()).mean())
    return Case(loaded, tested.filter(pl.col("label") != "background").head(3 * TESTED), accuracy)


def scored(case: Case, few: int) -> dict[str, BaseScores]:
    """Return scores of the test sequences by every method and way; mutagenesis of the first `few` only, spread over the classes."""
    chosen = case.rows.sample(min(TESTED, case.rows.height), seed=1, shuffle=True)
    ids, texts = chosen["name"].to_list(), chosen["sequence"].to_list()
    layers = case.loaded.model.config.num_hidden_layers
    found = {"alrw": alrw(case.loaded, ids, texts)}
    found |= {f"alrw, layer {layer}": alrw(case.loaded, ids, texts, layer=layer) for layer in range(layers - 1)}
    found["alrw, rollout"] = alrw(case.loaded, ids, texts, layer="rollout")
    for name in ("integrated_gradients", "gradient_x_input", "occlusion"):
        found[name] = METHODS[name](case.loaded, ids, texts)
    found["mutagenesis"] = METHODS["mutagenesis"](case.loaded, ids[:few], texts[:few])
    return found


def places(rows: pl.DataFrame, scores: BaseScores) -> list[tuple[int, int]]:
    """Return [start, end) of the motif of every scored sequence."""
    at = {name: (start, end) for name, start, end in rows.select("name", "motif_start", "motif_end").iter_rows()}
    return [at[name] for name in scores.sequence_ids]


def auroc(values: np.ndarray, start: int, end: int) -> tuple[float, float]:
    """Return the chance that a planted base scores higher than another one, for scores and for their size."""
    inside = np.zeros(len(values), dtype=bool)
    inside[start:end] = True
    known = ~np.isnan(values)
    inside, values = inside[known], values[known]
    n = inside.sum()
    pairs = n * (len(inside) - n)
    ranks = [rankdata(x)[inside].sum() - n * (n + 1) / 2 for x in (values, np.abs(values))]
    return ranks[0] / pairs, ranks[1] / pairs


def summary(found: list[np.ndarray]) -> str:
    """Return mean and interval over all sequences of AUROC of scores and of their size, and the means of the seeds."""
    pooled = np.concatenate(found)
    generator = np.random.default_rng(0)
    drawn = pooled[generator.integers(0, len(pooled), (2000, len(pooled)))].mean(axis=1)
    words = []
    for side, kind in enumerate(("as they are", "by size")):
        low, high = interval(drawn[:, side])
        words.append(f"{kind} {pooled[:, side].mean():.3f} ({low:.3f}-{high:.3f})")
    seeds = " ".join(f"{part[:, 0].mean():.3f}" for part in found)
    return f"{words[0]}, {words[1]}; n = {len(pooled)}" + (f"; seeds {seeds}" if len(found) > 1 else "")


def calibrated(case: Case, seed: int) -> float:
    """Return the threshold that 5 % of shuffled sequences exceed."""
    _, copies = shuffled_copies(case.rows["sequence"].to_list(), 300, seed)
    scores = alrw(case.loaded, [str(i) for i in range(len(copies))], copies)
    return threshold_of(peaks(scores.values, ExplainSettings().min_run), 0.05)


def table_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows as sequences that lie on no genome."""
    absent = {
        "chrom": pl.String,
        "start": pl.Int64,
        "end": pl.Int64,
        "strand": pl.String,
        "allele": pl.String,
        "cigar": pl.String,
    }
    return rows.with_columns(pl.lit(None, dtype=kind).alias(name) for name, kind in absent.items())


def recovered(regions: pl.DataFrame, rows: pl.DataFrame, motifs: list[Motif], seed: int) -> str:
    """Return the first hit of every class by enrichment and by the motif found anew."""
    sequences = table_of(rows).with_columns(mean_score=pl.lit(0.0), group=pl.col("sequence_id"))
    how = Contrast(np.array([0.295, 0.205, 0.205, 0.295]), seed=seed)
    _, table = motif_enrichment(motifs, regions, sequences, cases=PLANTED, how=how)
    words = []
    for label in PLANTED:
        first = (
            table.filter(case=label, scope="regions", control=OTHERS)
            .sort("p_value", "odds_ratio", descending=[False, True])["motif_name"]
            .head(1)
            .to_list()
        )
        texts = [
            regions.filter(pl.col("label") == label)["sequence"],
            regions.filter(pl.col("label") != label)["sequence"],
        ]
        anew = "none" if texts[0].is_empty() else nearest(found_anew(*(part.to_list() for part in texts)), motifs)
        words.append(f"{label}: enriched {first[0] if first else 'none'}, found anew {anew}")
    return f"{regions.height}; " + "; ".join(words)


def found_anew(inside: list[str], outside: list[str]) -> np.ndarray:
    """Return a matrix (K + 2 FLANK, 4) from the words near the 8-mer that most exceeds its share in the other regions, both strands."""
    counts = [np.bincount(words_of(texts)[0], minlength=4**K) for texts in (inside, outside)]
    expected = (counts[1] + 0.5) * counts[0].sum() / max(counts[1].sum(), 1)
    seed = int(np.argmax((counts[0] - expected) / np.sqrt(expected)))
    codes, around = words_of(inside)
    letters = (codes[:, None] >> 2 * np.arange(K)[::-1]) & 3
    near = (letters != (seed >> 2 * np.arange(K)[::-1]) & 3).sum(axis=1) <= 1
    known = around[near]
    return np.stack([(known == letter).sum(axis=0) + 0.25 for letter in range(4)], axis=1) / (
        (known < 4).sum(axis=0)[:, None] + 1
    )


def words_of(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return codes (m,) of all 8-mers on both strands, and letters (m, K + 2 FLANK) around them, 4 where there is none."""
    joined = ("N" * (K + FLANK)).join(["", *texts, *map(reverse_complement, texts), ""])
    letters = LETTERS[np.frombuffer(joined.encode(), dtype=np.uint8)]
    around = np.lib.stride_tricks.sliding_window_view(letters, K + 2 * FLANK)
    whole = (around[:, FLANK : FLANK + K] < 4).all(axis=1)
    return kmer_codes(letters[FLANK:-FLANK] & 3, K)[whole].astype(np.int64), around[whole]


def nearest(matrix: np.ndarray, motifs: list[Motif]) -> str:
    """Return the name of the JASPAR motif with the highest z-score."""
    weak = (matrix * np.log2(matrix / 0.25)).sum(axis=1) < 0.3
    kept = np.flatnonzero(~weak)
    matrix = matrix[kept[0] : kept[-1] + 1]
    orders = np.array([np.random.default_rng(i).permutation(len(matrix)) for i in range(200)])
    return max(motifs, key=lambda motif: alike(matrix, motif.matrix, orders)).name or ""


def alike(query: np.ndarray, target: np.ndarray, orders: np.ndarray) -> float:
    """Return the z-score of the best sum of column correlations over all overlaps of at least 6 columns, on the better strand."""
    centred = query - query.mean(axis=1, keepdims=True)
    best = []
    for strand in (target, target[::-1, ::-1]):
        other = strand - strand.mean(axis=1, keepdims=True)
        scale = np.linalg.norm(centred, axis=1)[:, None] * np.linalg.norm(other, axis=1)
        alike = centred @ other.T / np.maximum(scale, 1e-9)  # (query, target)
        shuffled = np.concatenate([alike[None], alike[orders]])
        least = min(6, *alike.shape)
        shifts = range(-len(query) + least, len(target) - least + 1)
        best.append(np.max([np.trace(shuffled, shift, 1, 2) for shift in shifts], axis=0))
    scores = np.max(best, axis=0)
    return float((scores[0] - scores[1:].mean()) / scores[1:].std())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--model", default="bert-small", choices=list(SETTINGS))
    parser.add_argument("--mutagenesis", type=int, default=20)
    chosen = parser.parse_args()
    main(chosen.out, chosen.seeds, chosen.model, chosen.mutagenesis)
