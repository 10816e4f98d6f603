"""The paragraph of the section on methods that says how layers were probed."""

from phenolens.report import text
from phenolens.report.content import Facts

STARTS = {True: "random weights of the same seed", False: "pre-trained weights"}


def layers_text(facts: Facts) -> str:
    """Return how features, probe, intervals and pictures were made."""
    settings = facts.settings.explain
    if not facts.layers.height:
        return "No layer was probed."
    n = int(facts.layers["n"].to_numpy().max())
    start = STARTS[bool(facts.model.get("from_scratch"))]
    resamples = facts.settings.evaluate.bootstrap
    intervals = (
        f" Intervals: 95 % percentiles of {text.count(resamples)} resamples of whole groups, the same for all, so that changes are paired."
        if resamples
        else ""
    )
    return (
        f"Hidden states of every layer of the model as training started ({start}) and as it ended, of {text.plural(n, 'sequence')} "
        f"of the {text.listing(settings.layer_splits)} splits, drawn as evenly as could be over classes and splits: the mean over the tokens that stand for bases (special "
        "tokens and padding left out), and the token that the class is read from. Probe: multinomial logistic regression on features that were standardised on the "
        "fitted part and divided by the root of their number (inverse penalty 10, classes weighted equally), at most "
        f"{settings.probe_folds} folds of whole groups; AUROC compares sequences of one fold only. Silhouette: cosine distance of centred features. "
        f"6-mer counts: square roots of the frequencies.{intervals} Pictures: PCA of the mean over tokens (10 components, from which t-SNE starts); "
        "TruncatedSVD (10) and SparsePCA (2) of 6-mer counts, as in the paper."
    )
