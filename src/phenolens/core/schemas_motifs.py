"""Tables of motifs: their hits, what is enriched where, which classes share it, and where it lies on the genome."""

import polars as pl

from phenolens.core.table import Column, Schema

HITS = Schema(
    "HITS",
    {
        "motif_id": Column(pl.String, "identifier in the motif file"),
        "motif_name": Column(pl.String, "name in the motif file", nullable=True),
        "sequence_id": Column(pl.String, "scanned sequence or region"),
        "start": Column(pl.Int64, "first base within what was scanned, 0-based"),
        "end": Column(pl.Int64, "one past the last base"),
        "strand": Column(pl.String, "+ or -"),
        "score": Column(pl.Float64, "log-odds score in bits"),
        "p_value": Column(pl.Float64, "chance of such a score at one position of background"),
        "q_value": Column(pl.Float64, "false discovery rate over all scanned positions of the motif"),
        "matched": Column(pl.String, "the letters, in the motif's direction"),
    },
)
TESTED = {
    "case_hits": Column(pl.Int64, "case sequences with at least one hit; of the paper's test: hits of the motif"),
    "case_total": Column(pl.Int64, "case sequences; of the paper's test: hits of all motifs"),
    "control_hits": Column(pl.Int64, "the same of the control"),
    "control_total": Column(pl.Int64, "the same of the control"),
    "case_per_kb": Column(pl.Float64, "hits per 1,000 bases in the case", nullable=True),
    "control_per_kb": Column(pl.Float64, "hits per 1,000 bases in the control", nullable=True),
    "case_rate": Column(
        pl.Float64, "a / (a + b), a = case_hits / case_total, b of the control; null without a hit", nullable=True
    ),
    "odds_ratio": Column(pl.Float64, "odds ratio with 1/2 added to each cell (Haldane-Anscombe)", nullable=True),
    "low": Column(pl.Float64, "lower end of its 95 % interval (Woolf)", nullable=True),
    "high": Column(pl.Float64, "upper end of its 95 % interval (Woolf)", nullable=True),
    "p_value": Column(pl.Float64, "hypergeometric upper tail: more often in the case (Fisher's exact test, one-sided)"),
    "q_value": Column(pl.Float64, "Benjamini-Hochberg over the motifs of this case, scope and control"),
}
ENRICHMENT = Schema(
    "ENRICHMENT",
    {
        "case": Column(pl.String, "class that is tested"),
        "scope": Column(pl.String, "regions: what the model looks at; whole: the whole sequences"),
        "control": Column(pl.String, "what it is compared with"),
        "motif_id": Column(pl.String, "identifier in the motif file"),
        "motif_name": Column(pl.String, "name in the motif file", nullable=True),
        "tf_class": Column(pl.String, "class of the transcription factor (JASPAR)", nullable=True),
        "tf_family": Column(pl.String, "its family", nullable=True),
        "tax_group": Column(pl.String, "its taxonomic group", nullable=True),
        "cluster": Column(pl.String, "motif that stands for all that are nearly the same"),
        **TESTED,
        "chosen": Column(
            pl.Int64, "halves of the data (0, 1 or 2) whose regions chose the motif; null: not cross-fitted", True
        ),
        "crossfit_odds_ratio": Column(pl.Float64, "odds ratio in the halves that did not choose it, together", True),
        "crossfit_low": Column(pl.Float64, "lower end of its 95 % interval", nullable=True),
        "crossfit_high": Column(pl.Float64, "upper end of its 95 % interval", nullable=True),
        "crossfit_q": Column(
            pl.Float64, "q-value in the half that did not choose it, twice the smaller of two; null: not chosen", True
        ),
        "enriched": Column(pl.Boolean, "crossfit_q <= 0.05; of the paper's test: q <= 0.05, rate >= 0.5, > 10 hits"),
    },
    key=("case", "scope", "control", "motif_id"),
)
MOTIF_SETS = Schema(
    "MOTIF_SETS",
    {
        "comparison": Column(pl.String, "which sets are compared: classes in one scope, or one class's two scopes"),
        "sets": Column(pl.String, "sets that have these motifs, all others have not; joined by &"),
        "motifs": Column(pl.Int64, "enriched motifs"),
        "clusters": Column(pl.Int64, "of these, motifs that are nearly the same counted once"),
        "names": Column(pl.String, "their names, one of each cluster"),
    },
    key=("comparison", "sets"),
)
MOTIF_REGIONS = Schema(
    "MOTIF_REGIONS",
    {
        "chrom": Column(pl.String, "chromosome"),
        "start": Column(pl.Int64, "first base, 0-based"),
        "end": Column(pl.Int64, "one past the last base"),
        "label": Column(pl.String, "class of the regions in which the motifs are enriched"),
        "hits": Column(pl.Int64, "hits merged into it"),
        "motifs": Column(pl.String, "names of the motifs"),
    },
)
MOTIF_TABLES = (HITS, ENRICHMENT, MOTIF_SETS, MOTIF_REGIONS)
