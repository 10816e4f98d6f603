"""The methods text about the dataset: where each class came from, what was left out, how it was split."""

import polars as pl

from phenolens.core.settings import ClassSettings, DatasetSettings
from phenolens.report import text
from phenolens.report.content import Facts

PROPERTIES = {
    "gc": "GC content",
    "masked": "share of soft-masked bases",
    "cpg": "CpG dinucleotides per base",
    "gene_distance": "distance to the nearest gene",
    "covered": "share of bases covered by a given set of intervals",
}
LINKS = {
    "name": "share a name (family)",
    "similarity": "align significantly (local alignments on either strand, less than one expected by chance in a thousand such searches) over at least {coverage} of the shorter one{identity}",
    "chrom": "lie on the same chromosome",
}


def dataset_text(facts: Facts) -> str:
    """Return what the dataset holds and how its background, alleles and limits were chosen."""
    settings, table = facts.settings.dataset, facts.sequences
    sentences = []
    for label in facts.labels:
        part = table.filter(pl.col("label") == label)
        sentences.append(
            f"{label}: {text.plural(part.height, 'sequence')}, {text.plural(int(part['sequence'].str.len_bytes().sum()), 'base')}"
        )
    written = [f"The dataset has {text.plural(table.height, 'sequence')} ({'; '.join(sentences) or 'none'})."]
    if settings.genome is not None:
        written.append(f"Sequences were cut from the genome {settings.genome}.")
    if settings.labelled:
        written.append("It is a labelled set that existed before.")
    written += [_background(source) for source in settings.classes if source.is_background]
    for source in settings.classes:
        if source.deal_into:
            written.append(f"The labels {text.listing(source.deal_into)} were dealt at random and mean nothing.")
    if settings.variants:
        written.append(
            f"Alternative alleles of at least {text.plural(settings.variant_min_length, 'base')} that overlap a class's intervals are sequences of that class, "
            "in the group of their locus; their inserted bases have no genome coordinate."
        )
    if settings.redundancy == "linclust":
        written.append(
            f"Within each class only MMseqs2's representatives at {settings.redundancy_identity:.0%} identity were kept (easy-linclust, coverage mode 1, cluster mode 2)."
        )
    limits = f"Sequences shorter than {text.plural(settings.min_length, 'base')}"
    limits += f" or longer than {text.plural(settings.max_length, 'base')}" if settings.max_length else ""
    return " ".join([*written, f"{limits} were left out.", "All coordinates are 0-based and half-open."])


def _background(source: ClassSettings) -> str:
    if source.shuffled_from is not None:
        return (
            f"Background “{source.label}” is “{source.shuffled_from}” shuffled, {source.ratio:g} per sequence, with the same dinucleotide counts "
            "(Altschul-Erickson)."
        )
    alike = text.listing(PROPERTIES[covariate] for covariate in source.match)
    same = "chromosome and length" if source.place == "chromosome" else "length"
    matched = f" and matched in {alike}" if source.match else ""
    return (
        f"Background “{source.label}” was drawn at random from the genome, {source.ratio:g} per sequence of “{source.matched_to}”, with the same "
        f"{same}{matched}, overlapping no interval of another class."
    )


def split_text(facts: Facts) -> str:
    """Return how train, validation and test were made, and how large they are."""
    settings, table = facts.settings.dataset, facts.sequences
    sizes = text.listing(
        f"{text.count(table.filter(pl.col('split') == split).height)} {split}"
        for split in ("train", "validation", "test")
    )
    return f"{_how(settings)} {text.plural(table['group'].n_unique(), 'group')}; sequences: {sizes}."


def _how(settings: DatasetSettings) -> str:
    if settings.split == "random":
        return "Sequences were dealt to the splits at random, so related sequences may be on both sides."
    if settings.split == "chromosome":
        return f"Chromosomes {text.listing(settings.validation_chromosomes)} are validation, {text.listing(settings.test_chromosomes)} are test, all others training."
    if settings.split == "given":
        return "The splits are those that the labelled set came with."
    identity = settings.similarity_identity
    beside = f" with an identity of at least {100 * identity:g} %" if identity else ""
    links = [
        LINKS[key].format(identity=beside, coverage=f"{100 * settings.similarity_coverage:g} %")
        for key in settings.group_by
    ]
    linked = "; or ".join(["come from the same locus", *links])
    dealt = (
        f"dealt into {settings.folds} folds, of which fold {settings.fold} is test and the next one validation"
        if settings.folds
        else "dealt to the splits"
    )
    return f"Sequences were put into one group when they {linked}; links are transitive, over all classes together. Whole groups were {dealt}."
