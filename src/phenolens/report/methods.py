"""The section on methods: paragraphs ready for a paper, written from the settings and the real numbers."""

import polars as pl

from phenolens.report import text
from phenolens.report.blocks import Block, Bullets, Column, Paragraph, Saved, Section, Table
from phenolens.report.content import Facts
from phenolens.report.methods_biology import biology_text
from phenolens.report.methods_dataset import dataset_text, split_text
from phenolens.report.methods_layers import layers_text
from phenolens.report.methods_variants import variants_text
from phenolens.report.references import references

CUTS = {
    "head_tail": "longer sequences keep both ends",
    "head": "longer sequences keep their beginning",
    "windows": "longer sequences are read in windows whose logits are averaged",
    "paper": "of longer sequences the first 300 and last 212 6-mers are kept",
}


def methods(facts: Facts) -> Section:
    """Return the section on methods."""
    paragraphs = [
        ("Dataset", dataset_text(facts)),
        ("Groups and split", split_text(facts)),
        ("Model and training", _training(facts)),
        ("Evaluation", _evaluation(facts)),
        ("Layers", layers_text(facts)),
        ("ALRW", _alrw(facts)),
        ("Other methods", _attributions(facts)),
        ("Faithfulness", _faithfulness(facts)),
        ("Regions", _regions(facts)),
        ("Motifs", _motifs(facts)),
        *biology_text(facts),
        *variants_text(facts),
        ("Reproducibility", _software(facts)),
    ]
    written = "\n\n".join(f"{title}. {said}" for title, said in paragraphs)
    works = references(written)
    whole = f"{written}\n\nReferences\n\n" + "\n".join(works) + "\n"
    blocks: list[Block] = [
        Bullets(paragraphs),
        Paragraph("References"),
        Bullets([("", work) for work in works]),
        Saved("methods", "Save methods and references as text", whole),
        *_times(facts),
    ]
    lead = "What was done, in words and with the numbers of this run; the text may be copied into a paper."
    return Section("methods", "Methods", lead, blocks)


def _training(facts: Facts) -> str:
    train, model = facts.settings.train, facts.model
    name = model.get("name") or train.model
    size = f" ({text.count(model['parameters'])} parameters)" if isinstance(model.get("parameters"), int) else ""
    moved = text.count(trained) if isinstance(trained := model.get("trained"), int) else "few"
    ways = {
        "full": "all weights",
        "lora": f"low-rank updates (LoRA, rank {train.lora_rank}) and a head of its own: {moved} parameters",
        "frozen": f"its encoder frozen: {moved} parameters of the head",
    }
    how = "trained from random weights" if model.get("from_scratch") else "fine-tuned"
    start = f"The model {name}{size} was {how} with {ways[train.adapt]},"
    tokens = f" Tokens: {model['tokens']}." if model.get("tokens") else ""
    epochs = facts.history["epoch"].max()
    done = f"; {epochs} were run" if isinstance(epochs, int) else ""
    seeds = text.listing(str(facts.settings.seed + run) for run in range(train.runs))
    weights = ", weighted by total / class count" if train.class_weights else ""
    return (
        f"{start} {text.plural(train.runs, 'run')} (seed {seeds}).{tokens} "
        f"Inputs have at most {text.count(train.max_tokens)} tokens; {CUTS[train.cut]}. Loss: cross-entropy{weights}. AdamW, learning rate {train.learning_rate:g} "
        f"with {100 * train.warmup:g} % warm-up and cosine decay, weight decay {train.weight_decay:g}, batches of {train.batch_size * train.accumulate}, "
        f"at most {text.plural(train.epochs, 'epoch')}{done}; training stops when validation loss has not improved for {text.plural(train.patience, 'epoch')}, and the epoch "
        f"with the lowest validation loss is kept."
        + (" The reverse complement of every training sequence was used too." if train.reverse_complement else "")
    )


def _evaluation(facts: Facts) -> str:
    settings = facts.settings.evaluate
    vote = " The vote averages the probabilities of the runs." if facts.settings.train.runs > 1 else ""
    written = (
        "The test sequences were used once, after training. AUROC and AUPRC are computed from probabilities, each class against the rest, and averaged over the classes; "
        f"the predicted class is the one with the highest probability.{vote} "
    )
    if settings.bootstrap:
        written += f"Intervals are 95 % percentile intervals of {text.count(settings.bootstrap)} bootstrap resamples of whole groups. "
    written += (
        f"Baselines were trained on the same split: logistic regression on {settings.kmer}-mer frequencies, nearest neighbour by {settings.kmer}-mer similarity, "
        f"length with GC content, and length only. Metrics by length: {settings.length_bins} equal bins of log length; bins with fewer than {text.plural(settings.min_bin, 'sequence')} merged."
    )
    written += (
        f" Calibration: {settings.calibration_bins} equal bins of confidence; the interval of each bin's accuracy is Wilson's, with the number of groups as size. A temperature "
        "per run (Guo et al., ICML 2017) minimises the log loss of the validation sequences; metrics are of the probabilities before it."
    )
    if facts.comparison.height:
        written += " Differences between two runs are of the same resamples of the same sequences; for accuracy also McNemar's exact test."
    if settings.both_strands:
        written += " The probabilities of a sequence and of its reverse complement were averaged."
    if facts.settings.train.random_split:
        written += " To show what leakage would claim, one more model was trained and tested on a random split of the same sequences."
    return written


def _alrw(facts: Facts) -> str:
    paper = facts.settings.explain.mode == "paper"
    shared = (
        "divided by 6 tokens also at the edges, as in the paper"
        if paper
        else "as the mean over the tokens that cover the base"
    )
    layer = {"rollout": "through all layers (rollout, Abnar & Zuidema, ACL 2020)", -1: "in the last layer"}.get(
        facts.settings.explain.layer, f"in layer {facts.settings.explain.layer} (0 = first)"
    )
    explained = text.listing(facts.settings.explain.splits)
    return (
        f"Average local representation weight (Du, Zhong & Liu, J Transl Med 2024): {layer}, the attention that the position from which the class is read pays "
        f"to each token is summed over heads and given to the bases that the token covers, {shared}; each sequence's scores are divided by their Euclidean "
        f"norm. The ALRW of a class is the mean over its sequences at each position. Explained: sequences of the {explained} split. Bases that no token covers have no score."
    )


def _attributions(facts: Facts) -> str:
    table, settings = facts.completeness, facts.settings.explain
    if not facts.agreement.height:
        return "Bases were scored by one method only."
    said = (
        f"At most {text.plural(settings.sample, 'sequence')} of each class were scored by {text.listing(settings.methods)}. What is explained is the logit of the predicted class minus the mean of the other logits. "
        "Scores of tokens are spread evenly over their bases and added up. Agreement: Spearman's rank correlation over the bases of a sequence, and the share of the highest tenth of bases in common"
    )
    said += "; mean of both strands." if settings.both_strands else "."
    if table.height:
        said += (
            " Integrated gradients (Sundararajan et al., ICML 2017) run from masked tokens, special tokens in place, by Gauss-Legendre sums of 16 points, twice as many as long as more than 2 % of the "
            "difference is missing, at most 256."
        )
    return said


def _faithfulness(facts: Facts) -> str:
    found, settings = facts.faithfulness.filter(pl.col("label").is_null()), facts.settings
    if not found.height:
        return "Faithfulness was not tested."
    shares = sorted(set(facts.faithfulness_curves["share"].to_list()))
    others = sorted({str(model) for model in found["model"]} - {"trained"})
    sanity = (
        f" Sanity controls (Adebayo et al., NeurIPS 2018): scores of the same architecture with {text.listing(others)}, tested on the trained model."
        if others
        else ""
    )
    return (
        f"For up to {text.plural(settings.explain.sample, 'sequence')} per class ({text.count(int(found['n'][0]))} in all), drawn with the seed, the {text.listing(f'{100 * share:g}' for share in shares if share)} % of bases with the "
        "highest scores were replaced by the letters of a copy with shuffled dinucleotides (deletion), or put back into the copy (insertion), and the probability of the class predicted for the whole "
        f"sequence was read; mean of {text.plural(settings.explain.copies, 'shuffle')}. Controls: the same ranks rotated along the sequence by a random distance, so that runs keep their lengths; the same number "
        "of G/C and of A/T bases; random bases. The area between curves (trapezoids, divided by the range of shares) is the mean difference in probability; mean over sequences, 95 % intervals from "
        f"{text.count(settings.evaluate.bootstrap)} resamples of whole groups, two-sided p-values from 9,999 random flips of the signs of whole groups, q-values by Benjamini and Hochberg over all comparisons.{sanity}"
    )


def _regions(facts: Facts) -> str:
    rule = facts.settings.explain
    above = (
        f" so far that, of {text.plural(rule.shuffles, 'dinucleotide-shuffled copy', 'dinucleotide-shuffled copies')} of the sequences, at most {text.percent(rule.false_positive_rate)} have a region (conformal "
        "quantile of their peaks)"
        if rule.region_rule == "calibrated"
        else ""
    )
    return (
        f"High-ALRW regions are runs of at least {text.plural(rule.min_run, 'base')} whose score exceeds the mean of the sequence{above}"
        f"{f' and {rule.times_min:g} times its minimum' if rule.times_min else ''}, widened by {text.plural(rule.widen, 'base')} on each side; {text.plural(facts.regions.height, 'region')} in all. Positions were mapped back to the genome; "
        "a region in bases that the reference genome lacks has no coordinates."
    )


def _motifs(facts: Facts) -> str:
    settings = facts.settings.annotate
    if not settings.motifs or not facts.enrichment.height:
        return "No motif was tested."
    controls = text.listing(sorted(set(facts.enrichment["control"].to_list())))
    stretches = (
        " (random stretches: as many and as long as the regions of one case sequence, at random places of the other classes' sequences)"
        if "random stretches" in controls
        else ""
    )
    letters = (
        "FIMO's default background" if settings.motif_background == "nrdb" else "the letters of the control sequences"
    )
    counted = (
        "Hits with q ≤ 0.05 were counted, of the motif among those of all motifs (the paper's test); enriched: q ≤ 0.05, case rate ≥ 0.5, more than 10 hits."
        if settings.motif_test == "paper"
        else "A sequence counts once, however many hits it has. Cross-fitting: whole groups of related sequences were dealt into two halves; the motifs that the regions of one half chose "
        "(q ≤ 0.05) were tested in the other half, the q-values of the two directions doubled and the smaller one taken; enriched: q ≤ 0.05 after this."
    )
    return (
        f"{text.plural(facts.enrichment['motif_id'].n_unique(), 'motif')} of {settings.motifs} were scanned on both strands with exact p-values given {letters}; a hit has p ≤ {settings.motif_p:g}. "
        f"{counted} Compared with {controls}{stretches}, in the regions and in the whole sequences: Fisher's exact test, one-sided (more often in the case); odds ratio with 1/2 "
        "added to each cell and Woolf's 95 % interval; q-values by Benjamini and Hochberg over the motifs of each comparison. Motifs are nearly identical when the cosine of their matrices, less "
        "0.25, at the best offset and strand is at least 0.8 on average (average linkage)."
    )


def _software(facts: Facts) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in sorted(facts.versions.items()))
    return (
        f"phenolens {facts.version}; seed {facts.settings.seed} for everything random. Software: {versions or 'versions were not recorded'}. "
        "Every setting stands in settings.json, SHA-256 of every input and output in the manifest of its stage."
    )


def _times(facts: Facts) -> list[Block]:
    if not facts.seconds:
        return []
    table = pl.DataFrame({"stage": list(facts.seconds), "seconds": [float(s) for s in facts.seconds.values()]})
    columns = (
        Column("Stage", lambda row: str(row["stage"])),
        Column("Wall time", lambda row: text.duration(row["seconds"]), "number"),
    )
    return [Table("times", "How long each stage took.", table, columns)]
