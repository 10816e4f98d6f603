"""The methods of single variants: scores of substitutions, frequencies in people and depth, as paragraphs for a paper."""

from phenolens.report import text
from phenolens.report.content import Facts


def variants_text(facts: Facts) -> list[tuple[str, str]]:
    """Return the paragraphs on files that this run used; none where it used none."""
    return [
        *([("Harmful substitutions", _scores(facts))] if facts.pathogenicity.height else []),
        *([("Variation in people", _people(facts))] if facts.population.height else []),
    ]


def _scores(facts: Facts) -> str:
    files = facts.overlays.filter(kind="scores")
    parts = [
        f"{name} ({file}, read as {form}{'' if threshold is None else f'; harmful from {threshold:g}'})"
        for name, file, form, threshold in files.select("name", "file", "format", "threshold").iter_rows()
    ]
    return (
        f"Scores of single-base substitutions: {text.listing(parts)}. Rows whose REF is not the genome's were left out. Of several scores of one substitution the highest counts. A region's score "
        "is the mean over its scored substitutions; regions without one have none. Class means were compared with matched controls as above. "
        f"Up to {text.count(facts.settings.annotate.model_variants)} harmful substitutions of each file, highest first, were put into their sequences and read by the model."
    )


def _people(facts: Facts) -> str:
    rule = facts.settings.annotate
    sentences = []
    if rule.variants:
        sentences.append(
            f"Allele frequencies are AC / AN, else AF, of {text.listing(rule.variants)}; records that the file filters were left out. Diversity of a base is 1 - p_ref² - Σ p_alt², that of a region "
            "the mean over its bases; a base without a record counts as invariant where the file has its chromosome."
        )
    if rule.depth is not None:
        sentences.append(
            f"Depth is the mean number of paths of the pangenome graph over a region's bases ({rule.depth}, from odgi depth)."
        )
    limits = text.listing(f"{name.replace('_', ' ')} of at least {value:g}" for name, value in rule.variable.items())
    if rule.signals and rule.variable:
        sentences.append(
            f"Variable yet hardly conserved: {limits}, and a mean conservation of at most {rule.conserved:g}."
        )
    return " ".join(sentences)
