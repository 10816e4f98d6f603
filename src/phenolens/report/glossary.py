"""Every technical word of the page in one sentence."""

from phenolens.report.blocks import Bullets, Section

TERMS = {
    "0-based, half-open": "Coordinates count from 0 and the end is not included: bases 0 to 10 are the first ten. BED files do so; genome browsers show start + 1.",
    "95 % interval": "Range of values that fit the data: if the study were repeated many times, about 95 of 100 such ranges would hold the true value.",
    "Accuracy": "Share of sequences whose predicted class is right.",
    "Allele": "One of the forms that a place of the genome takes in different people.",
    "ALRW": "Average local representation weight: how much the model looks at each base while it decides.",
    "Attention": "Weights with which a transformer model lets one position of the sequence draw on the others; each layer has several sets, called heads.",
    "AUPRC": "Area under the precision-recall curve; 1 is perfect, guessing gives the share of the class.",
    "AUROC": "Chance that a random sequence of the class gets a higher score than a random other one; 0.5 is guessing, 1 is perfect.",
    "Balanced accuracy": "Mean over the classes of the share that is found; not fooled by a large class.",
    "Baseline": "A simple method on the same sequences; a model that does not beat it has learned nothing more than what the baseline sees.",
    "Bootstrap": "Drawing the data again and again with replacement, to see how much a number would vary; here whole groups are drawn.",
    "Brier score": "Mean squared distance between the predicted probabilities and the truth; 0 is perfect.",
    "Calibration error": "How far predicted probabilities are from the share that is really right; 0 is perfect.",
    "Class": "One of the kinds of sequence that the model has to tell apart.",
    "Confusion matrix": "Table of true against predicted classes.",
    "Conservation": "How little a base has changed in evolution; high values suggest that change is harmful.",
    "Control": "What an observation is compared with: here regions or sequences chosen without regard to what the model reads.",
    "CpG observed/expected": "How often C is followed by G, against what the shares of C and G alone would give; low in most of the genome, high in many promoters.",
    "Cross-entropy, loss": "What training makes small: the mean of minus the logarithm of the probability given to the right class (in nats).",
    "Epoch": "One pass of training over all training sequences.",
    "F1": "Harmonic mean of precision and recall; macro: mean over classes, weighted: mean weighted by class size.",
    "Fine-tuning": "Training a model that already knows DNA in general a little further on one task.",
    "Fisher's exact test": "Test whether two shares differ, right also for small numbers.",
    "GC content": "Share of G and C among the bases.",
    "Group": "Sequences that are related (same locus, family or similar letters) and therefore lie in one split.",
    "k-mer": "A word of k bases; 6-mer: ACGTAC.",
    "Leakage": "Relatives or copies of test sequences in the training set, which make a model look better than it is.",
    "Locus": "A place on the genome.",
    "Log loss": "See cross-entropy.",
    "MCC": "Matthews correlation coefficient between true and predicted classes; 0 is guessing, 1 is perfect.",
    "McNemar's test": "Exact test of two methods on the same sequences, from those that exactly one of the two gets right.",
    "Motif": "Short pattern of bases that a protein such as a transcription factor binds.",
    "n": "Number of sequences.",
    "Nearest neighbour": "Baseline that gives a sequence the class of the most similar training sequences.",
    "Odds ratio": "How much more often something occurs in one set than in another; 1 = equally often, 2 = twice the odds.",
    "p-value": "Chance of seeing at least this much difference if there were none.",
    "Permutation p-value": "p-value from comparing with many random placements.",
    "Precision": "Of the sequences called a class, the share that are of this class.",
    "q-value": "p-value corrected for the number of tests (Benjamini-Hochberg): among all results with q ≤ 0.05 about 5 % are expected to be false.",
    "Recall": "Of the sequences of a class, the share that is found.",
    "Region": "A short run of bases that the model looks at most.",
    "ROC curve": "True positive rate against false positive rate over all thresholds.",
    "Seed": "Start number of the random generator; the same seed gives the same result.",
    "SMD": "Standardised mean difference: difference of two means in units of the standard deviation; within ±0.1 counts as alike.",
    "Soft-masked": "Bases in lower case, which the genome's makers found to be repeats.",
    "Split": "Division into training (the model learns from it), validation (decides when to stop) and test (used once, at the end).",
    "Token": "Piece of sequence that the model reads as one unit, for example a 6-mer.",
    "Vote": "Mean of the probabilities of several runs of the same model with different seeds.",
}


def glossary() -> Section:
    """Return the section that explains every technical word."""
    return Section(
        "glossary",
        "Glossary",
        f"{len(TERMS)} words used on this page, each in one sentence.",
        [Bullets(list(TERMS.items()))],
    )
