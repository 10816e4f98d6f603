"""Every figure on empty, one-row, two-class, eleven-class and null tables; and what the SVG must and must not hold."""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.core.schemas import (
    CONFUSION,
    CONSERVATION,
    GENE_TYPES,
    METRICS,
    PROFILE,
    SEQUENCES,
)
from phenolens.core.schemas_alrw import EDGES
from phenolens.core.schemas_attribution import AGREEMENT
from phenolens.core.schemas_biology import OVERLAP
from phenolens.core.schemas_evaluate import CALIBRATION
from phenolens.core.schemas_faithfulness import FAITHFULNESS_CURVES
from phenolens.core.schemas_layers import LAYERS
from phenolens.core.schemas_motifs import ENRICHMENT, MOTIF_SETS
from phenolens.core.table import empty
from phenolens.report.content import tidy
from phenolens.report.content_tables import HISTORY
from phenolens.report.figures import blank, colour, dash, distributions, dot, styled, svg
from phenolens.report.figures_agreement import agreement_figure
from phenolens.report.figures_alrw import edges_figure
from phenolens.report.figures_calibration import calibration_figure
from phenolens.report.figures_data import (
    balance_figure,
    chromosome_figure,
    gc_content,
    gc_figure,
    length_figure,
    natural_order,
)
from phenolens.report.figures_faithfulness import faithfulness_figure
from phenolens.report.figures_layers import layers_figure
from phenolens.report.figures_motifs import upset_figure, venn_figure
from phenolens.report.figures_performance import (
    by_length_figure,
    confusion_figure,
    loss_figure,
    metrics_figure,
    roc_figure,
    thin,
)
from phenolens.report.figures_quality import gene_type_figure, nearest_figure, split_length_figure
from phenolens.report.figures_reading import enrichment_figure, expected_figure, profile_figure
from phenolens.report.sections_agreement import METHODS
from phenolens.report.sections_statistics import place_blocks

SVG = "{http://www.w3.org/2000/svg}"


def roc(table, labels, background=()):
    return roc_figure(table, labels, run="vote", background=background)


def overlap(table, labels):
    return expected_figure(table, name="feature", percent=True, labels=labels)


def conservation(table, labels):
    return expected_figure(table, name="signal", percent=False, labels=labels)


def one_run(table):
    return table.filter((pl.col("run") == "vote") & (pl.col("split") == "test"))


def bins(facts):
    return one_run(facts.metrics).filter(pl.col("bin").is_not_null() & (pl.col("metric") == "auroc_macro"))


def by_length(table, labels):
    return by_length_figure(table, np.array([200, 300, 500]), metric="auroc_macro", longest=515, alone=table)


def calibration(table, labels):
    return calibration_figure(table, temperature=1.37)


def faithfulness(table, labels):
    methods = table["method"].unique(maintain_order=True)
    return faithfulness_figure(table, {method: method for method in methods}, first="alrw")


def scopes(draw):
    """The sets of the last comparison, a class's regions and whole sequences."""

    def drawn(table, labels):
        last = table.filter(pl.col("comparison") == (table["comparison"].last() or ""))
        names = dict.fromkeys(name for row in last["sets"] for name in row.split(" & "))
        return draw(last, list(names | {"whole sequences": None}))

    return drawn


DRAWN = {  # name -> (figure of table and labels, its table in the content)
    "lengths": (length_figure, lambda f: f.sequences),
    "gc": (gc_figure, lambda f: f.sequences),
    "chromosomes": (chromosome_figure, lambda f: f.sequences),
    "lengths-by-split": (split_length_figure, lambda f: f.sequences),
    "gene-types": (gene_type_figure, lambda f: f.gene_types),
    "metrics-plot": (lambda t, labels: metrics_figure(t, classes=len(labels), kmer=6), lambda f: f.metrics),
    "roc": (roc, lambda f: f.predictions),
    "confusion": (confusion_figure, lambda f: one_run(f.confusion)),
    "loss": (lambda t, labels: loss_figure(t), lambda f: f.history),
    "by-length": (by_length, bins),
    "calibration": (calibration, lambda f: one_run(f.calibration)),
    "layers-plot": (lambda t, labels: layers_figure(t), lambda f: f.layers),
    "profile": (profile_figure, lambda f: f.profile),
    "modes-plot": (lambda t, labels: edges_figure(t), lambda f: f.edges),
    "faithfulness": (faithfulness, lambda f: f.faithfulness_curves),
    "agreement-plot": (
        lambda t, labels: agreement_figure(t.filter(pl.col("label").is_null()), METHODS),
        lambda f: f.agreement,
    ),
    "enrichment-plot": (lambda t, labels: enrichment_figure(t.head(12)), lambda f: f.enrichment),
    "motif-sets-plot": (scopes(upset_figure), lambda f: f.motif_sets),
    "motif-venn-plot": (scopes(venn_figure), lambda f: f.motif_sets),
    "overlap-plot": (overlap, lambda f: f.overlap.filter(null="matched")),
    "conservation-plot": (conservation, lambda f: f.conservation),
}
SCHEMAS = {
    "lengths-by-split": SEQUENCES, "gene-types": GENE_TYPES,
    "lengths": SEQUENCES, "gc": SEQUENCES, "chromosomes": SEQUENCES, "metrics-plot": METRICS, "confusion": CONFUSION, "loss": HISTORY,
    "by-length": METRICS, "calibration": CALIBRATION, "layers-plot": LAYERS, "profile": PROFILE, "modes-plot": EDGES, "agreement-plot": AGREEMENT, "faithfulness": FAITHFULNESS_CURVES, "enrichment-plot": ENRICHMENT, "motif-sets-plot": MOTIF_SETS, "motif-venn-plot": MOTIF_SETS, "overlap-plot": OVERLAP, "conservation-plot": CONSERVATION,
}  # fmt: skip
NUMBERS = (
    "metrics-plot",
    "by-length",
    "calibration",
    "layers-plot",
    "profile",
    "modes-plot",
    "faithfulness",
    "agreement-plot",
    "overlap-plot",
    "conservation-plot",
    "enrichment-plot",
    "loss",
)  # tables with decimal columns


def written_in(drawing):
    return [node.text for node in ET.fromstring(drawing).iter(f"{SVG}text")]


def texts(figure):
    return written_in(svg(figure, name="x", label="a figure"))


@pytest.fixture(scope="module")
def drawings(html):
    """Figure's name -> SVG, as they stand in the page."""
    return dict(re.findall(r'<figure id="figure-([a-z-]+)".*?(<svg.*?</svg>)', html, re.DOTALL))


@pytest.fixture(scope="module")
def drawings11(study11):
    facts = tidy(study11)
    return {name: svg(draw(table(facts), facts.labels), name=name, label="x") for name, (draw, table) in DRAWN.items()}


@pytest.mark.parametrize("name", DRAWN)
def test_two_classes_draw_and_every_class_or_run_is_named(name, drawings):
    written = " ".join(written_in(drawings[name]))
    named = {
        "metrics-plot": ["6-mer logistic regression"],
        "loss": ["training", "validation"],
        "by-length": ["AUROC"],
        "calibration": ["as predicted", "after temperature 1.37"],
        "layers-plot": ["before fine-tuning", "after fine-tuning", "6-mer counts", "guessing"],
        "roc": ["ERV"],
        "enrichment-plot": ["q ="],
        "motif-sets-plot": ["regions", "whole sequences", "Motifs"],
        "motif-venn-plot": ["regions", "whole sequences"],
        "modes-plot": ["default", "paper"],
        "faithfulness": ["ALRW", "runs elsewhere"],
        "agreement-plot": ["ALRW (attention)", "occlusion", "0.31", "22 %"],
    }
    for word in named.get(name, ["ERV", "background"]):
        assert word in written


@pytest.mark.parametrize("name", DRAWN)
def test_eleven_classes_draw_and_all_are_named(name, drawings11, study11):
    written = " ".join(written_in(drawings11[name]))
    if name in (
        "lengths",
        "gc",
        "gene-types",
        "lengths-by-split",
        "roc",
        "confusion",
        "profile",
        "overlap-plot",
        "conservation-plot",
    ):
        assert all(label in written for label in tidy(study11).labels)


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_empty_table_draws_nothing(name):
    assert DRAWN[name][0](empty(SCHEMAS[name]), ["A", "B"]) is None


@pytest.mark.parametrize("name", SCHEMAS)
def test_one_row_draws_or_says_that_there_is_nothing(name, study):
    facts = tidy(study)
    draw, table = DRAWN[name]
    rows = table(facts).filter(pl.col("metric") == "auroc_macro") if name == "metrics-plot" else table(facts)
    assert texts(draw(rows.head(1), facts.labels))


@pytest.mark.parametrize("name", NUMBERS)
def test_nothing_is_drawn_where_every_number_is_null(name, study):
    facts = tidy(study)
    draw, table = DRAWN[name]
    blanked = table(facts).with_columns(
        pl.lit(None, pl.Float64).alias(n) for n, dtype in table(facts).schema.items() if dtype == pl.Float64
    )
    assert draw(blanked, facts.labels) is None


@pytest.mark.parametrize("name", NUMBERS)
def test_rows_with_a_null_among_them_are_drawn_without_it(name, study):
    facts = tidy(study)
    draw, table = DRAWN[name]
    decimal = [n for n, dtype in table(facts).schema.items() if dtype == pl.Float64]
    holes = table(facts).with_columns(
        pl.when(pl.int_range(pl.len()) % 7 != k % 7).then(pl.col(n)).alias(n) for k, n in enumerate(decimal)
    )
    if name == "enrichment-plot":
        holes = holes.with_columns(q_value=pl.col("q_value").fill_null(1.0))
    drawn = svg(draw(holes, facts.labels), name="x", label="x")
    assert "nan" not in drawn.lower()


def test_roc_needs_both_kinds_and_ignores_missing_probabilities(study):
    facts = tidy(study)
    test = one_run(facts.predictions)
    assert roc(test.filter(pl.col("label") == "ERV"), facts.labels) is None
    assert roc(test.head(0), facts.labels) is None
    assert roc(test.with_columns(p_ERV=None, p_background=None), facts.labels) is None


def test_of_two_classes_the_one_that_is_not_background_has_the_curve(study):
    facts = tidy(study)
    written = " ".join(texts(roc(facts.predictions, facts.labels, ["ERV"])))
    assert "background" in written
    assert "ERV" not in written


def test_the_area_in_the_legend_is_the_auroc_of_the_metrics_table(study):
    facts = tidy(study)
    expected = one_run(facts.metrics).filter((pl.col("class") == "ERV") & (pl.col("metric") == "auroc"))["value"][0]
    assert any(f"({expected:#.3g})" in t for t in texts(roc(facts.predictions, facts.labels, ["background"])))


def test_thinning_keeps_the_ends():
    x, y = thin(np.arange(5000) / 4999, np.sqrt(np.arange(5000) / 4999), 100)
    assert len(x) <= 101
    assert (x[0], x[-1], y[-1]) == (0, 1, 1)


def test_confusion_matrix_writes_every_count_in_its_place():
    rows = [("vote", "test", a, b, n) for a, b, n in (("A", "A", 7), ("A", "B", 3), ("B", "A", 1), ("B", "B", 9))]
    table = pl.DataFrame(rows, schema={n: c.dtype for n, c in CONFUSION.columns.items()}, orient="row")
    written = texts(confusion_figure(table, ["A", "B"]))
    assert {"7", "70 %", "3", "30 %", "1", "10 %", "9", "90 %"} <= set(written)


def test_gc_content_counts_known_bases_of_either_case_only():
    table = pl.DataFrame({"sequence": ["GGccatNN", "ATat", "NNN", "ACGTN", ""]}).with_columns(gc=gc_content())
    assert table["gc"].to_list() == [4 / 6, 0.0, None, 0.5, None]


def test_chromosomes_come_in_the_order_of_their_numbers():
    names = ["1", "chr2", "chr10", "chr22", "chrX", "chrY", "chrM", "chrUn_1", "scaffold_7"]
    table = pl.DataFrame({"chrom": names[::-1], "end": range(len(names))})
    assert [chrom for chrom, _ in natural_order(table)] == names


def placed(chromosomes, rows):
    chrom = [f"chr{1 + i % chromosomes}" for i in range(rows)] + ["chrX", "chrY", "chrM"]
    return pl.DataFrame({"chrom": chrom, "start": 5, "end": 900, "label": "A"})


def test_all_human_chromosomes_are_drawn_in_order():
    written = texts(chromosome_figure(placed(22, 44), ["A"]))
    wanted = [f"chr{i}" for i in range(1, 23)] + ["chrX", "chrY", "chrM"]
    assert [word for word in written if word.startswith("chr")] == wanted


def test_of_many_contigs_those_with_most_sequences_are_drawn(study):
    written = texts(chromosome_figure(placed(300, 600), ["A"]))
    assert len([word for word in written if word.startswith("chr")]) == 32
    assert "chrX" not in written  # one sequence where the others have two
    many = study.sequences.with_columns(chrom=pl.format("c{}", pl.int_range(pl.len()) % 50))
    caption = next(
        block.caption for block in place_blocks(tidy(replace(study, sequences=many))) if block.name == "chromosomes"
    )
    left = sum(n for _, n in Counter(many["chrom"]).most_common()[32:])
    assert caption.endswith(f"18 chromosomes or contigs with {left} sequences are not.")


def test_the_nearest_figure_writes_the_number_of_sequences_of_each_bar():
    bins = [
        {"low": i / 4, "high": (i + 1) / 4, "n": n, "accuracy": 0.5 if n else None} for i, n in enumerate((31, 0, 7, 0))
    ]
    written = texts(nearest_figure({"this": bins}, 0.5))
    assert {"31", "7", "0–0.25", "0.75–1", "this"} <= set(written)
    assert nearest_figure({"this": [row | {"n": 0} for row in bins]}, 0.5) is None
    assert nearest_figure({}, None) is None


def test_lengths_by_split_are_drawn_at_their_quantiles():
    """Of lengths 100 and 400 the median is 250: its dot lies between two ticks by the logarithm."""
    table = pl.DataFrame({"label": "A", "split": "test", "sequence": ["A" * 100, "C" * 400]})
    (axes,) = split_length_figure(table, ["A"]).axes
    dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert dots == [250.0]


def test_sequences_without_coordinates_have_no_chromosome_figure(study):
    facts = tidy(study)
    assert chromosome_figure(facts.sequences.with_columns(chrom=None, start=None, end=None), facts.labels) is None


def test_the_chromosome_figure_does_not_grow_with_the_sequences():
    many = 60_000
    starts = np.random.default_rng(3).integers(0, 50_000_000, many)
    columns = {"chrom": ["chr1"] * many, "start": starts, "end": starts + 300, "label": np.tile(["A", "B"], many // 2)}
    drawing = svg(chromosome_figure(pl.DataFrame(columns), ["A", "B"]), name="x", label="x")
    assert len(drawing) < 60_000
    assert drawing.count(" L ") + drawing.count("\nL ") > 2 * 590  # and every place is marked: 600 of each class


def test_balance_is_drawn_for_finite_differences_only():
    rows = [{"class": "A", "compared_to": "B", "covariate": "lengths", "smd": smd} for smd in (None, float("nan"), 0.3)]
    assert balance_figure(rows[:2]) is None
    assert len([t for t in texts(balance_figure(rows)) if "lengths" in t]) == 1
    assert balance_figure([]) is None


def test_positions_that_few_sequences_reach_are_not_drawn():
    rows = [("alrw", "A", i, 0.1, None, None, 3000 if i < 50 else 3) for i in range(100)]
    table = pl.DataFrame(rows, schema={n: c.dtype for n, c in PROFILE.columns.items()}, orient="row")
    assert not {"75", "80", "100"} & set(texts(profile_figure(table, ["A"])))
    assert {"80"} & set(texts(profile_figure(table.with_columns(n=pl.lit(3, pl.Int64)), ["A"])))


def test_long_profiles_stay_small():
    rows = [("alrw", "A", i, 0.1 + i % 7, 0.05, 9.0, 100) for i in range(20_000)]
    table = pl.DataFrame(rows, schema={n: c.dtype for n, c in PROFILE.columns.items()}, orient="row")
    assert len(svg(profile_figure(table, ["A"]), name="x", label="x")) < 80_000


@settings(max_examples=10, deadline=None)
@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), max_size=30))
def test_distributions_take_any_numbers(values):
    figure = distributions({"A": np.array(values, dtype=float), "B": np.zeros(0)}, xlabel="x")
    kept = [v for v in values if v == v]
    assert (figure is None) == (not kept)
    if figure is not None:
        assert f"n = {len(kept)}" in " ".join(texts(figure))


@styled
def labelled(word):
    figure = blank(4, 2)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=colour(0), clip_on=True)
    axes.set_title(word)
    return figure


@pytest.mark.parametrize(
    "word",
    ["$a$ and $b", r"\frac{1}{2}$x_1^2$", "<script>alert(1)</script>", 'a"b&c', "-->", "内在性 ERV", "tab\there"],
)
def test_any_label_is_written_as_it_is(word):
    assert word in texts(labelled(word))
    assert "<script" not in svg(labelled(word), name="x", label=word)


def test_svg_holds_no_date_no_comment_and_no_foreign_reference(drawings):
    for drawing in drawings.values():
        assert not re.search(r"\d{4}-\d\d-\d\dT|<metadata|<!--|<!DOCTYPE|<\?xml", drawing)
        assert set(re.findall(r'https?://[^"\s]*', drawing)) <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }


def test_ids_of_two_figures_differ_and_every_reference_is_to_an_id_inside(drawings):
    ids = [re.findall(r'\bid="([^"]+)"', drawing) for drawing in drawings.values()]
    assert sum(map(len, ids)) == len({name for own in ids for name in own})
    for drawing, own in zip(drawings.values(), ids, strict=True):
        used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', drawing)
        assert {a or b for a, b in used} <= set(own)


def test_text_is_at_least_nine_pixels_high_at_the_narrowest(drawings, drawings11):
    for drawing in (*drawings.values(), *drawings11.values()):
        narrowest = float(re.search(r"min-width:(\d+)px", drawing)[1]) / float(
            re.search(r'viewBox="0 0 ([\d.]+)', drawing)[1]
        )
        sizes = [float(size) for size in re.findall(r"font(?:-size)?: (?:\w+ )?([\d.]+)px", drawing)]
        assert len(sizes) == drawing.count("<text ")
        assert min(sizes) * narrowest >= 9


def test_every_colour_follows_the_scheme_of_the_page(drawings, drawings11):
    for drawing in (*drawings.values(), *drawings11.values()):
        assert "var(--" in drawing
        assert not re.findall(r"#[0-9a-f]{6}\b", re.sub(r"var\([^)]*\)", "", drawing))


def test_drawing_leaves_matplotlib_as_it_was(study):
    before = dict(mpl.rcParams)
    facts = tidy(study)
    svg(gc_figure(facts.sequences, facts.labels), name="x", label="x")
    assert dict(mpl.rcParams) == before


def test_classes_beyond_eight_differ_in_the_style_of_their_lines():
    assert len({(colour(i), str(dash(i))) for i in range(24)}) == 24


def test_a_dot_lies_on_its_interval_and_stands_alone_without_one():
    axes = blank().subplots()
    dot(axes, 2, 0.7, 0.5, 0.8, tint="black")
    dot(axes, 3, 0.4, None, None, tint="black")
    assert [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines] == [
        ([0.5, 0.8], [2, 2]),
        ([0.7], [2]),
        ([0.4], [3]),
    ]
