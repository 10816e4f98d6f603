"""A made-up finished run, seeded: realistic sizes, every table filled, nothing taken from the code under test."""

import numpy as np
import polars as pl
from sklearn import metrics as sk

from phenolens.core.schemas import (
    COMPARISON,
    CONFUSION,
    CONSERVATION,
    GENE_COUNTS,
    GENE_TYPES,
    METRICS,
    PROFILE,
    REGION_GENES,
    REGION_SCORES,
    REGIONS,
    SEQUENCES,
    STATISTICS,
)
from phenolens.core.schemas_alrw import EDGES, HEADS
from phenolens.core.schemas_attribution import AGREEMENT, COMPLETENESS
from phenolens.core.schemas_biology import CONSERVED, FAMILIES, GENE_SET_ENRICHMENT, OVERLAP
from phenolens.core.schemas_browser import BROWSED
from phenolens.core.schemas_evaluate import CALIBRATION, SEEDS
from phenolens.core.schemas_faithfulness import FAITHFULNESS, FAITHFULNESS_CURVES, SANITY
from phenolens.core.schemas_layers import LAYERS, PROJECTION
from phenolens.core.schemas_motifs import ENRICHMENT, MOTIF_SETS
from phenolens.core.schemas_regions import REGION_CHANCE, SHOWN_HITS, SHOWN_SEQUENCES, TOKEN_REGIONS, TRACKS
from phenolens.core.schemas_variants import (
    OVERLAYS,
    PATHOGENIC_VARIANTS,
    PATHOGENICITY,
    POPULATION,
    POPULATION_CROSS,
)
from phenolens.core.settings import StudySettings
from phenolens.report.page import PageContent

RUNS = {
    "vote": 1.25,
    "run-0": 1.2,
    "run-1": 1.15,
    "run-2": 1.1,
    "k-mer logistic": 0.8,
    "nearest neighbour": 0.55,
    "composition": 0.12,
    "length": 0.02,
}
FAMILY_NAMES = ("LTR7", "HERVH-int", "THE1B", "MLT1C", "LTR12C", "HERVK-int", "LTR5_Hs", "MSTA")
MOTIFS = (
    "SOX2",
    "POU5F1",
    "KLF4",
    "CTCF",
    "NFYA",
    "GATA4",
    "ZNF143",
    "YY1",
    "TP53",
    "NR5A2",
    "FOXA1",
    "MAFK",
    "TFAP2C",
    "OTX2",
    "ZNF331",
)


def table(schema, rows):
    """A table with the schema's columns and types from tuples."""
    return pl.DataFrame(rows, schema={n: c.dtype for n, c in schema.columns.items()}, orient="row")


def labels_of(classes):
    names = [
        "ERV",
        "background",
        "LINE",
        "SINE",
        "enhancer",
        "promoter",
        "CTCF site",
        "open chromatin",
        "TF site",
        "olfactory",
        "immune",
    ]
    return names[:classes]


def settings(labels, **report):
    classes = [
        {"label": label, "intervals": f"{label}.bed", "steps": [{"merge": 10}, {"min_length": 150}]}
        for label in labels
        if label != "background"
    ]
    classes += (
        [{"label": "background", "matched_to": labels[0], "exclude": ["repeats.bed"], "margin": 100}]
        if "background" in labels
        else []
    )
    return StudySettings.model_validate(
        {
            "name": "erv-chr22",
            "dataset": {"genome": "chr22.fa.gz", "classes": classes},
            "train": {"runs": 3, "random_split": True},
            "annotate": {
                "genes": "genes.gff3.gz",
                "signals": {"phyloP primates": "phylop.bw"},
                "features": {"enhancer": "enhancers.bed"},
                "scores": {"am": "AlphaMissense_hg38.tsv.gz"},
                "variants": ["1000G.vcf.gz"],
                "depth": "depth.tsv",
            },
            "report": {"question": "Can a DNA language model tell endogenous retroviruses from matched background?"}
            | report,
        }
    )


def sequences(labels, n, rng):
    rows = []
    for i in range(n):
        label = labels[i % len(labels)]
        length = int(np.clip(rng.lognormal(6.0, 0.55), 150, 4000))
        gc = float(np.clip(rng.normal(0.45 + 0.015 * (i % len(labels)), 0.06), 0.2, 0.8))
        letters = "".join(rng.choice(list("ACGT"), size=length, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]))
        start = int(rng.integers(16_000_000, 51_000_000))
        group = f"g{rng.integers(1, n // 3 + 2)}"
        split = ("train", "train", "train", "validation", "test")[int(group[1:]) % 5]
        chrom = "chr22" if i % 4 else "chr21"
        family = FAMILY_NAMES[i % len(FAMILY_NAMES)] if label == labels[0] else None
        shuffled = str(rng.choice(["train", "validation", "test"], p=[0.65, 0.15, 0.2]))
        origin = "matched" if label == "background" else "intervals"
        rows.append(
            (
                f"s{i}",
                chrom,
                start,
                start + length,
                "+-"[i % 2],
                None,
                None,
                family,
                origin,
                f"l{i}",
                letters,
                label,
                group,
                split,
                shuffled,
                None,
            )
        )
    return table(SEQUENCES, rows)


def statistics(sequences, labels):
    rows = []
    for label in (*labels, None):
        for split in ("train", "validation", "test", None):
            wanted = {key: value for key, value in (("label", label), ("split", split)) if value is not None}
            part = sequences.filter(**wanted) if wanted else sequences
            size = [len(letters) for letters in part["sequence"]]
            lengths = (min(size), float(np.median(size)), float(np.mean(size)), max(size)) if size else (None,) * 4
            rows.append((label, split, len(size), sum(size), part["group"].n_unique(), *lengths))
    return table(STATISTICS, rows)


def gene_types(labels, rng):
    types = ("protein_coding", "lncRNA", "processed_pseudogene", "miRNA", "other", "no gene")
    return table(
        GENE_TYPES,
        [(label, kind, int(n), n / 600) for label in labels for kind in types for n in rng.integers(1, 500, 1)],
    )


def predictions(sequences, labels, rng):
    parts = []
    for run, strength in {**RUNS, "random:run-0": 2.2}.items():
        shuffled = run.startswith("random:")
        test = sequences.filter(pl.col("random_split" if shuffled else "split") == "test")
        truth = np.array([labels.index(label) for label in test["label"]])
        scores = rng.normal(0, 1, (test.height, len(labels)))
        scores[np.arange(test.height), truth] += 1.6 * strength
        p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        constants = {"run": run.removeprefix("random:"), "split": "random test" if shuffled else "test"}
        columns = {f"p_{label}": p[:, k] for k, label in enumerate(labels)}
        parts.append(
            test.select(*(pl.lit(v).alias(k) for k, v in constants.items()), "sequence_id", "label").with_columns(
                **columns
            )
        )
    return pl.concat(parts)


def metrics(predictions, labels, lengths):
    rows = []

    def add(run, split, label, bin_name, name, value, n, width=0.04):
        wide = width * (4 if bin_name else 1)
        rows.append(
            (run, split, label, bin_name, name, float(value), float(value - wide), float(min(1, value + wide)), n)
        )

    for (run, split), part in predictions.group_by("run", "split", maintain_order=True):
        truth = np.array([labels.index(label) for label in part["label"]])
        p = part.select([f"p_{label}" for label in labels]).to_numpy()
        guess, one = p.argmax(1), np.eye(len(labels))[truth]
        n = part.height
        add(run, split, None, None, "accuracy", sk.accuracy_score(truth, guess), n)
        add(run, split, None, None, "balanced_accuracy", sk.balanced_accuracy_score(truth, guess), n)
        add(run, split, None, None, "f1_macro", sk.f1_score(truth, guess, average="macro", zero_division=0), n)
        add(run, split, None, None, "f1_weighted", sk.f1_score(truth, guess, average="weighted", zero_division=0), n)
        add(run, split, None, None, "auroc_macro", sk.roc_auc_score(one, p, average="macro"), n)
        add(run, split, None, None, "auprc_macro", sk.average_precision_score(one, p, average="macro"), n)
        add(run, split, None, None, "mcc", sk.matthews_corrcoef(truth, guess), n, 0.08)
        for k, label in enumerate(labels):
            add(run, split, label, None, "recall", (guess[truth == k] == k).mean(), int((truth == k).sum()))
            add(run, split, label, None, "auroc", sk.roc_auc_score(one[:, k], p[:, k]), n)
        size = np.array([lengths[s] for s in part["sequence_id"]])
        edges = np.quantile(size, np.linspace(0, 1, 7)).astype(int)
        for low, high in zip(edges[:-1], edges[1:] - 1, strict=True):
            inside = (size >= low) & (size <= high)
            if len(set(truth[inside])) == len(labels):
                add(
                    run,
                    split,
                    None,
                    f"{low}-{high}",
                    "auroc_macro",
                    sk.roc_auc_score(one[inside], p[inside], average="macro"),
                    int(inside.sum()),
                )
            add(run, split, None, f"{low}-{high}", "share", inside.mean(), int(inside.sum()))
            if run.startswith(("run", "vote")):
                add(run, split, None, f"{low}-{high}", "cut_off", max(0.0, 1 - 515 / high), int(inside.sum()))
    return table(METRICS, rows)


def confusion(predictions, labels):
    rows = []
    for (run, split), part in predictions.group_by("run", "split", maintain_order=True):
        guess = part.select([f"p_{label}" for label in labels]).to_numpy().argmax(1)
        for label in labels:
            for k, predicted in enumerate(labels):
                rows.append(
                    (run, split, label, predicted, int(((part["label"] == label).to_numpy() & (guess == k)).sum()))
                )
    return table(CONFUSION, rows)


def seeds(metrics):
    """Mean, standard error and range of every metric over run-0, run-1 and run-2."""
    own = metrics.filter(
        pl.col("run").is_in(["run-0", "run-1", "run-2"]) & pl.col("bin").is_null() & (pl.col("split") == "test")
    )
    rows = []
    for (label, metric), part in own.group_by("class", "metric", maintain_order=True):
        values = part["value"].to_numpy()
        rows.append(("test", label, metric, values.mean(), values.std(ddof=1) / 3**0.5, values.min(), values.max(), 3))
    return table(SEEDS, rows)


def calibration(predictions, labels, bins=15):
    """The curve of every run on the test split; after the temperature as well for the model, whose confidence it halves towards chance."""
    rows = []
    for (run,), part in predictions.filter(pl.col("split") == "test").group_by("run", maintain_order=True):
        p = part.select([f"p_{label}" for label in labels]).to_numpy()
        right = p.argmax(1) == np.array([labels.index(label) for label in part["label"]])
        for tempered in (False, True) if str(run).startswith(("run", "vote")) else (False,):
            sure = (p.max(1) + 1 / len(labels)) / 2 if tempered else p.max(1)
            place = np.ceil(sure * bins).astype(int) - 1
            for k in np.unique(place):
                inside = place == k
                share, n = right[inside].mean(), int(inside.sum())
                ends = max(0.0, share - 1 / n**0.5), min(1.0, share + 1 / n**0.5)
                rows.append((run, "test", tempered, k / bins, (k + 1) / bins, n, sure[inside].mean(), share, *ends))
    return table(CALIBRATION, rows)


def temperatures():
    """As evaluate/calibration.json; one run without a fit."""
    fitted = {
        "temperature": 1.37, "n": 150, "log_loss_before": 0.61, "log_loss_after": 0.57, "log_loss_test_before": 0.63,
        "log_loss_test_after": 0.6, "ece_test_before": 0.081, "ece_test_after": 0.034, "note": None,
    }  # fmt: skip
    return dict.fromkeys(("vote", "run-0", "run-1"), fitted) | {
        "run-2": fitted | {"temperature": 1.0, "note": "no validation sequence: left at 1", "n": 0}
    }


def profile(labels, rng, positions=512):
    rows = []
    for k, label in enumerate(labels):
        bump = (
            np.exp(-(((np.arange(positions) - 60 - 30 * k) / 25) ** 2)) * 0.03
            + 0.045
            + 0.004 * np.sin(np.arange(positions) / 40 + k)
        )
        mean = bump + rng.normal(0, 0.0012, positions)
        n = (320 * np.exp(-np.arange(positions) / 330)).astype(int) + 1
        rows += [
            ("alrw", label, i, mean[i], mean[i] - 0.05 / np.sqrt(n[i]), mean[i] + 0.05 / np.sqrt(n[i]), int(n[i]))
            for i in range(positions)
        ]
    return table(PROFILE, rows)


def heads(labels, rng, positions=200):
    place = np.arange(positions)
    rows = []
    for label in labels:
        for head in range(4):
            mean = 0.07 + 0.02 * np.exp(-(((place - 20 * head) / 9) ** 2)) + rng.normal(0, 0.0005, positions)
            rows += [
                ("alrw", label, head, i, mean[i], mean[i] - 0.004, mean[i] + 0.004, 300 - i) for i in range(positions)
            ]
    return table(HEADS, rows)


def edges(labels, rng):
    rows = []
    for label in labels:
        for edge in ("start", "end"):
            for distance in range(30):
                value = 1 + rng.normal(0, 0.02)
                paper = value * (min(distance + 1, 6) / 6 if edge == "end" else 1)
                rows.append((label, edge, distance, value, paper, 300))
    return table(EDGES, rows)


STRENGTH = {"alrw": 0.02, "integrated_gradients": 0.12, "occlusion": 0.15}


def faithfulness(labels):
    """Areas and curves of three methods whose strength is STRENGTH; the random model's scores have none."""
    shares, areas, curves = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5), [], []
    own = [("trained", method, strength) for method, strength in STRENGTH.items()]
    for model, method, strength in (
        *own,
        *(("random weights", method, 0.0) for method, _ in list(STRENGTH.items())[:2]),
    ):
        for curve in ("deletion", "insertion"):
            against = {"shift": strength, "gc": strength + 0.01, "random": strength + 0.02}
            if model == "trained":
                against |= {
                    o: strength - s
                    for o, s in STRENGTH.items()
                    if list(STRENGTH).index(o) > list(STRENGTH).index(method)
                }
            for control, area in against.items():
                for label in (None, *labels):
                    p = 0.001 if area > 0.03 else 0.4
                    areas.append((method, curve, control, label, 120, area, area - 0.03, area + 0.03, p, p, model))
            for control, drop in ((None, strength), ("shift", 0.0), ("random", -0.02)):
                sign, start = (-1, 0.9) if curve == "deletion" else (1, 0.5)
                for share in shares:
                    mean = start + sign * (0.35 + drop) * share
                    curves.append((model, method, curve, control, share, mean, mean - 0.04, mean + 0.04, 120))
    sanity = [(method, "random weights", 120, 0.1, 0.05, 0.15) for method in ("alrw", "integrated_gradients")]
    return {
        "faithfulness": table(FAITHFULNESS, areas),
        "faithfulness_curves": table(FAITHFULNESS_CURVES, curves),
        "sanity": table(SANITY, sanity),
    }


def agreement(labels):
    pairs = (
        ("alrw", "integrated_gradients", False, 0.31, 0.22),
        ("alrw", "occlusion", False, 0.24, 0.19),
        ("integrated_gradients", "occlusion", True, 0.52, 0.41),
    )
    rows = [
        (*pair[:2], label, pair[2], 64 if label else 128, pair[3], pair[3] - 0.05, pair[3] + 0.05, pair[4], pair[4] - 0.03, pair[4] + 0.03)
        for pair in pairs
        for label in (None, *labels)
    ]  # fmt: skip
    return table(AGREEMENT, rows)


def completeness(labels, rng):
    rows = []
    for i in range(24):
        score, nothing, gap = rng.normal(3, 1), rng.normal(0, 0.3), rng.normal(0, 0.01)
        rows.append((f"s{i}", labels[i % len(labels)], "mask", score, nothing, score - nothing - gap, gap))
    return table(COMPLETENESS, rows)


def regions(sequences, rng):
    rows = []
    for i, row in enumerate(sequences.filter(pl.col("split") == "test").iter_rows(named=True)):
        for j in range(int(rng.poisson(1.4))):
            size = int(rng.integers(16, 60))
            at = int(rng.integers(0, max(1, len(row["sequence"]) - size)))
            place = (
                (row["chrom"], row["start"] + at, row["start"] + at + size, row["strand"])
                if i % 15
                else (None, None, None, None)
            )
            rows.append(
                (
                    f"r{i}.{j}",
                    row["sequence_id"],
                    row["label"],
                    at,
                    at + size,
                    *place,
                    float(rng.gamma(9, 0.012)),
                    row["sequence"][at : at + size],
                )
            )
    return table(REGIONS, rows)


def region_chance(labels):
    """The paper's rule finds a region nearly everywhere, the calibrated one in a third."""
    rows = []
    for rule, threshold, found, by_chance in (("paper", 0.0, 0.98, 0.97), ("calibrated", 0.8123, 0.31, 0.048)):
        rows += [
            (rule, label, threshold, 120, found, 500, by_chance, by_chance - 0.02, by_chance + 0.02)
            for label in (None, *labels)
        ]
    return table(REGION_CHANCE, rows)


def token_regions(labels, rng):
    """Four measures in six stretches of tokens and five parts of the sequence."""
    stretches = [
        ("tokens", f"{a}-{b}") for a, b in ((0, 50), (50, 150), (150, 250), (250, 350), (350, 450), (450, 512))
    ]
    stretches += [("sequence", f"{a}-{a + 20} %") for a in range(0, 100, 20)]
    middles = {"gc": 0.45, "distinct_6mers": 0.97, "entropy": 1.93, "cpg": 0.22}
    return table(
        TOKEN_REGIONS,
        [
            (label, *where, measure, value := middle * float(rng.uniform(0.95, 1.02)), value * 0.97, value * 1.03, 110)
            for label in labels
            for where in stretches
            for measure, middle in middles.items()
        ],
    )


def shown(sequences, found, rng, n=3):
    """Sequences with a region, scored at random; one has a stretch without scores, one no prediction."""
    rows = []
    ids = found["sequence_id"].unique(maintain_order=True).head(n).to_list()
    for i, row in enumerate(sequences.filter(pl.col("sequence_id").is_in(ids)).iter_rows(named=True)):
        scores = rng.gamma(3, 0.01, len(row["sequence"]))
        scores[30 : 30 + 20 * (i == 1)] = np.nan
        place = [row[name] for name in ("chrom", "start", "end", "strand")]
        probability = None if i == 2 else 0.9 - 0.1 * i
        rows.append((row["sequence_id"], row["label"], probability, *place, row["sequence"], scores.tolist()))
    return table(SHOWN_SEQUENCES, rows)


def shown_hits(drawn, found, rng):
    """Four hits of a known motif in every drawn sequence, the first over the end of a line."""
    rows = []
    for name in drawn["sequence_id"]:
        start = found.filter(pl.col("sequence_id") == name)["sequence_start"][0]
        places = [start, start + 3, start + 40, start + 75]
        rows += [
            (name, f"MA{k:04d}.1", MOTIFS[k], at, at + 12, "+-"[k % 2], 1e-5 * (k + 1)) for k, at in enumerate(places)
        ]
    return table(SHOWN_HITS, rows)


def browsed(sequences, rng):
    """ALRW of every test sequence, integrated gradients of the first twenty, conservation of every other one; ends have no score."""
    rows = []
    for i, (name, letters) in enumerate(sequences.filter(split="test").select("sequence_id", "sequence").iter_rows()):
        n = len(letters)
        gamma = rng.gamma(3, 0.01, n)
        gamma[n - i % 5 :] = np.nan
        rows.append((name, "alrw", "score", gamma.tolist()))
        if i < 20:
            rows.append((name, "integrated_gradients", "score", rng.normal(0, 0.1, n).tolist()))
        if i % 2:
            rows.append((name, "phyloP primates", "signal", np.round(rng.uniform(-2, 6, n), 2).tolist()))
    return table(BROWSED, rows)


def region_scores(found, rng):
    return table(REGION_SCORES, [(r, "phyloP primates", float(rng.normal(1, 1)), 1.0) for r in found["region_id"]])


def enrichment(labels, rng):
    """Motifs in regions and whole sequences of the first class; the first four of each are enriched, every other one has a near-copy before it."""
    rows = []
    for scope in ("regions", "whole"):
        for k, motif in enumerate(MOTIFS * 3):
            a, c = int(rng.integers(6, 90)) + (60 if k < 4 else 0), int(rng.integers(10, 90))
            ratio = (a + 0.5) * (200.5 - c) / ((220.5 - a) * (c + 0.5))
            se = np.sqrt(1 / (a + 0.5) + 1 / (220.5 - a) + 1 / (c + 0.5) + 1 / (200.5 - c))
            p = float(np.clip(np.exp(-3 * max(0, np.log(ratio) / se)), 1e-30, 1))
            low, high = float(ratio * np.exp(-1.96 * se)), float(ratio * np.exp(1.96 * se))
            q = min(1.0, p * 15)
            known = (
                labels[0],
                scope,
                labels[-1],
                f"MA{k:04d}.1",
                motif,
                "Class of it",
                f"Family {k % 3}",
                "vertebrates",
            )
            numbers = (a, 220, c, 200, a / 9, c / 9, a / 220 / (a / 220 + c / 200), float(ratio), low, high, p, q)
            chosen = 2 if q <= 0.05 else 0
            fitted = (float(ratio), low, high, min(1.0, 3 * q)) if chosen else (None,) * 4
            rows.append((*known, f"MA{k // 2 * 2:04d}.1", *numbers, chosen, *fitted, bool(chosen and 3 * q <= 0.05)))
    return table(ENRICHMENT, rows)


def shared_motifs(labels):
    """Three combinations of up to three classes, and of the first class's two scopes."""
    rows = [
        ("classes, regions", " & ".join(labels[:n]), 9 - n, 5 - n, "KLF4, SOX2") for n in (1, 2, 3) if n <= len(labels)
    ]
    both = f"{labels[0]}: regions and whole sequences"
    rows += [(both, "regions", 3, 2, "KLF4"), (both, "regions & whole sequences", 1, 1, "SOX2")]
    return table(MOTIF_SETS, rows)


def against_controls(schema, labels, names, rng, scale):
    rows = []
    for name in names:
        for label in labels:
            middle = float(rng.uniform(0.15, 0.5)) * scale
            seen = middle * float(rng.uniform(0.75, 1.5))
            p = float(np.exp(-0.5 * ((seen / middle - 1) / 0.07) ** 2)) + 0.002
            seen_middle = (seen, middle, middle * 0.86, middle * 1.14)
            if schema is CONSERVATION:
                rows.append((label, name, 180, 0.94, *seen_middle, p, min(1.0, p * 4), 0.92, 0.4))
                continue
            for null in ("matched", "circular", "shuffled"):
                ratio = seen / middle
                universe = (70, 21_000, middle)
                rows.append(
                    (label, name, null, 180, *universe, *seen_middle, ratio, float(np.log2(ratio)), p, min(1.0, p * 4))
                )
    return table(schema, rows)


def families_and_genes(labels, regions):
    """Tables of families, conserved regions, genes with their regions, and gene sets."""
    a, b = labels[0], labels[-1]
    families = [
        (f"HERV{i}", a, b, 40 - i, 220, 10 + i, 200, 30, 9, (40 - i) / 220 / ((10 + i) / 200), 0.8 + 1 / (i + 1), 9.5, 0.001 * (i + 1), 0.003 * (i + 1))
        for i in range(7)
    ]  # fmt: skip
    places = regions.select("region_id", "label", "chrom", "start", "end").head(12).rows()
    conserved = [
        (("highly", "hardly")[i % 2], "phastCons", name, label, chrom, start, end, (0.95, 0.1)[i % 2], 0.9, f"GENE{i}", 10 * i)
        for i, (name, label, chrom, start, end) in enumerate(places)
    ]  # fmt: skip
    counted = [
        (label, f"ENSG{i:011d}", f"GENE{i}", ("protein_coding", "lncRNA")[i % 2], 9 - i)
        for label in labels
        for i in range(8)
    ]
    sets = [
        (label, "go", f"pathway {i}", 9 - i, 60, 25, 400, 3.75, (9 - i) / 3.75, 0.004 * (i + 1), 0.01 * (i + 1), 5.1, (9 - i) / 5.1, 0.02 * (i + 1), 0.04 * (i + 1), "GENE1, GENE2")
        for label in labels
        for i in range(6)
    ]  # fmt: skip
    return {
        "families": table(FAMILIES, families if len(labels) > 1 else []),
        "conserved": table(CONSERVED, conserved),
        "gene_counts": table(GENE_COUNTS, counted),
        "gene_sets": table(GENE_SET_ENRICHMENT, sets),
    }


def variants(labels, regions, rng):
    """Tables of scores and of variability in people."""
    harm = []
    for measure, middle in (("mean score", 0.4), ("harmful regions", 0.2), ("covered bases", 0.05)):
        harm += [
            (label, "am", measure, 90, middle * 1.1, middle, middle * 0.9, middle * 1.2, 0.2, 0.4) for label in labels
        ]
    single = [
        (r, s, label, "am", "chr22", 17_000_000 + i, "G", "A", 0.9 - i / 100, "likely_pathogenic", f"GENE{i}", "P1", f"V{i}L", -0.4)
        for i, (r, s, label) in enumerate(regions.select("region_id", "sequence_id", "label").head(30).iter_rows())
    ]  # fmt: skip
    people = [
        (label, measure, 90, value * 1.3, value, value * 0.9, value * 1.1, 0.002, 0.01)
        for measure, value in (("variants per kb", 12.0), ("diversity", 0.001), ("depth", 88.0))
        for label in labels
    ]
    cross = [
        (r, label, "chr22", 17_000_000 + i, 17_000_030 + i, "depth", 95.0 + i, "phastCons", 0.1, f"GENE{i}")
        for i, (r, label) in enumerate(regions.select("region_id", "label").head(9).iter_rows())
    ]
    files = [
        (
            "am",
            "scores",
            "AlphaMissense_hg38.tsv.gz",
            "alphamissense",
            0.5,
            1234,
            99_000,
            "12 rows left out: without a score",
        ),
        ("1000G.vcf.gz", "variants", "1000G.vcf.gz", "VCF", None, 700, 99_000, None),
    ]
    return {
        "overlays": table(OVERLAYS, files),
        "pathogenicity": table(PATHOGENICITY, harm),
        "pathogenic_variants": table(PATHOGENIC_VARIANTS, single),
        "population": table(POPULATION, people),
        "population_cross": table(POPULATION_CROSS, cross),
    }


def pairs(copies):
    rows = (("test", "train", 240), ("validation", "train", 150), ("test", "validation", 240))
    return [
        {
            "of": of,
            "among": among,
            "sequences": n,
            "copies": copies,
            "distinct_copies": max(0, copies - 1),
            "twins": copies // 2,
            "either": copies + copies // 2,
            "words": 4 + 5 * copies,
            "words_of": n - 20 * (of == "validation"),
        }
        for of, among, n in rows
    ]


def nearest(near, accuracy):
    def part(n):
        middle = round(n * (1 - near) / 2)
        sizes = (n - round(n * near) - middle, middle, round(n * near), 0)
        bins = [
            {
                "low": i / 4,
                "high": (i + 1) / 4,
                "n": size,
                "accuracy": accuracy if size else None,
                "auroc": accuracy if size else None,
            }
            for i, size in enumerate(sizes)
        ]
        return {
            "sequences": n,
            "of": 2 * n,
            "training": 800,
            "training_of": 800,
            "accuracy": accuracy,
            "auroc": accuracy + 0.04,
            "bins": bins,
        }

    return {"test": part(240), "validation": part(150)}


def quality(labels):
    balance = [
        {
            "classes": [labels[0], other],
            "covariate": name,
            "means": [0.4, 0.41],
            "smd": smd,
            "auroc": 0.5 + abs(smd or 0) / 3.5,
            "background": True,
        }
        for other in labels[1:]
        for name, smd in (("log_length", 0.01), ("gc", 0.18), ("masked", -0.07), ("cpg", None))
    ]
    account = [
        {"label": labels[0], "kind": "left out", "reason": "shorter than 150 bases", "n": 41, "bases": 3123},
        {"label": labels[0], "kind": "left out", "reason": "more than half N", "n": 3, "bases": 1300},
        {"label": labels[-1], "kind": "taken", "reason": "matched background", "n": 600, "bases": None},
    ]
    leakage = {
        "split": {"duplicates": 0, "twins": 0, "groups_on_both_sides": 0, "loci_on_both_sides": 0, "pairs": pairs(0)},
        "random_split": {
            "duplicates": 12,
            "twins": 3,
            "groups_on_both_sides": 211,
            "loci_on_both_sides": 37,
            "pairs": pairs(7),
        },
    }
    reasons = ["GC content differs between ERV and background (SMD 0.18)"]
    simple = [("length", 0.51, 0.52), ("gc", 0.57, 0.61), ("length and gc", 0.58, 0.62), ("4-mers", 0.66, 0.7312)]
    return {
        "verdict": "usable with care",
        "reasons": reasons,
        "problems": [{"code": "classes-gc", "severity": "warn", "sentence": reasons[0]}],
        "leakage": leakage,
        "nearest": {"split": nearest(0.3, 0.55), "random_split": nearest(0.8, 0.9)},
        "simple": {
            "train": 800,
            "train_of": 800,
            "test": 240,
            "test_of": 240,
            "chance": {"balanced_accuracy": 1 / len(labels), "auroc": 0.5},
            "rows": [{"features": name, "balanced_accuracy": a, "auroc": b} for name, a, b in simple],
        },
        "background": {labels[-1]: {"wanted": 640, "found": 600, "share": 600 / 640}},
        "balance": balance,
        "account": account,
    }


def layers(classes, rng):
    """LAYERS of four layers that hold more and more after fine-tuning, and of counts and chance."""
    rows = []
    for metric, guess in (("balanced_accuracy", 1 / classes), ("auroc_macro", 0.5), ("silhouette", 0.0)):
        for pooling in ("mean", "reading"):
            for layer in range(5):
                before = guess + 0.3 * (1 - guess) * rng.uniform(0.8, 1)
                after = before + 0.1 * (1 - guess) * layer
                for state, value in (("before", before), ("after", after), ("change", after - before)):
                    rows.append((state, pooling, layer, metric, value, value - 0.05, value + 0.04, 240, None))
        rows.append(
            ("6-mers", None, None, metric, guess + 0.4 * (1 - guess), guess + 0.3 * (1 - guess), 0.9, 240, None)
        )
        if metric != "silhouette":
            rows.append(("chance", None, None, metric, guess, None, None, 240, None))
    return table(LAYERS, rows)


def projection(dna, rng):
    """PROJECTION of the held-out sequences: one cloud per class."""
    held = dna.filter(pl.col("split") != "train").head(200)
    codes = held["label"].rank("dense").to_numpy() - 1
    rows = []
    for space, layer, method in (
        ("6-mers", None, "svd"),
        ("6-mers", None, "tsne"),
        ("before", 4, "tsne"),
        ("after", 4, "tsne"),
        ("after", 4, "pca"),
    ):
        x, y = rng.normal(size=(2, held.height)) + 3 * codes * (space == "after")
        rows += [(i, space, layer, method, a, b) for i, a, b in zip(held["sequence_id"], x, y, strict=True)]
    return table(PROJECTION, rows)


def fake_study(classes=2, n=1200, seed=7):
    """PageContent of a made-up run with this many classes and sequences."""
    rng = np.random.default_rng(seed)
    labels = labels_of(classes)
    dna = sequences(labels, n, rng)
    guesses = predictions(dna, labels, rng)
    lengths = dict(zip(dna["sequence_id"], dna["sequence"].str.len_bytes(), strict=True))
    found = regions(dna, rng)
    measured = metrics(guesses, labels, lengths)
    drawn = shown(dna, found, np.random.default_rng(seed + 1))
    genes = [
        (r, f"ENSG{i % 37:011d}", f"GENE{i % 37}", "protein_coding", 0 if i % 3 else 1200 * i, 30 if i % 3 else 0)
        for i, r in enumerate(found["region_id"])
    ]
    history = [
        (f"run-{r}", e, 0.7 * 0.82**e + 0.02 * r, 0.66 * 0.9**e + 0.004 * e**1.6 + 0.02 * r)
        for r in range(3)
        for e in range(1, 9)
    ]
    files = [
        ("dataset/sequences.parquet", 812_345, "every sequence with its class, group and split"),
        ("dataset/quality.json", 4_321, "the certificate of the dataset"),
        ("train/run-0/model.safetensors", 14_200_345, "weights of the fine-tuned model, first run"),
        ("evaluate/metrics.tsv", 30_123, "every metric with its interval"),
        ("explain/regions.bed", 20_345, "high-ALRW regions for a genome browser"),
        ("annotate/enrichment.tsv", 12_345, "motif enrichment, all motifs"),
    ]
    return PageContent(
        settings=settings(labels),
        version="0.1.0",
        sequences=dna,
        statistics=statistics(dna, labels),
        gene_types=gene_types(labels, np.random.default_rng(seed)),
        quality=quality(labels),
        history=pl.DataFrame(history, schema=["run", "epoch", "train_loss", "validation_loss"], orient="row"),
        model={"name": "bert-small", "parameters": 1_834_242, "tokens": "overlapping 6-mers", "longest": 515},
        predictions=guesses,
        metrics=measured,
        seeds=seeds(measured),
        calibration=calibration(guesses, labels),
        temperatures=temperatures(),
        confusion=confusion(guesses, labels),
        comparison=table(COMPARISON, [("vote", "k-mer logistic", "test", "auroc_macro", 0.07, 0.03, 0.11, None, 240)]),
        layers=layers(classes, np.random.default_rng(seed)),
        projection=projection(dna, np.random.default_rng(seed)),
        profile=profile(labels, rng),
        heads=heads(labels, rng),
        edges=edges(labels, rng),
        **faithfulness(labels),
        agreement=agreement(labels),
        completeness=completeness(labels, rng),
        regions=found,
        region_chance=region_chance(labels),
        token_regions=token_regions(labels, np.random.default_rng(seed + 2)),
        tracks=table(TRACKS, [(f"alrw.{label}.bw", "alrw", label, 29_451, 12) for label in labels]),
        shown_sequences=drawn,
        shown_hits=shown_hits(drawn, found, np.random.default_rng(seed + 3)),
        browsed=browsed(dna, np.random.default_rng(seed + 4)),
        browsed_hits=shown_hits(drawn, found, np.random.default_rng(seed + 3)),
        region_scores=region_scores(found, np.random.default_rng(seed + 5)),
        enrichment=enrichment(labels, rng),
        motif_sets=shared_motifs(labels),
        overlap=against_controls(OVERLAP, labels, ("gene", "exon", "enhancer"), rng, 1.0),
        conservation=against_controls(CONSERVATION, labels, ("phyloP primates", "phastCons"), rng, 0.4),
        region_genes=table(REGION_GENES, genes),
        **families_and_genes(labels, found),
        **variants(labels, found, np.random.default_rng(seed)),
        files=files,
        versions={"torch": "2.13", "transformers": "5.23", "polars": "2.1", "numpy": "2.4"},
        seconds={"dataset": 12.2, "train": 431.0, "evaluate": 20.4, "explain": 33.1, "annotate": 14.9},
    )
