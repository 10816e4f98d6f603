"""Section: any sequence of the page, with its scores, regions, motifs, genes and prediction, in the reader's hands."""

from importlib.resources import files as resources

import polars as pl
from jinja2 import Environment
from markupsafe import Markup

from phenolens.report import text
from phenolens.report.blocks import Section, Widget
from phenolens.report.content import Facts
from phenolens.report.sequence_browser import LEVELS, MOST_HITS, payload

SCRIPTS = ("sequence_data.js", "sequence_drawing.js", "sequence_browser.js")
TITLE = "Sequence browser"
HANDS = (
    "Drag the window of the whole sequence, or the drawing below it. Turn the wheel over the drawing with Shift to move, with Ctrl to zoom. With the keyboard: arrows move the window or, in the "
    "drawing, the cursor (with Shift ten letters at once); Page up and Page down move by what is shown, Home and End go to the ends, + and − zoom; in the list, arrows pick the sequence."
)


def browser(facts: Facts) -> Section:
    """Return the section with the browser, or the reason why there is none."""
    held = payload(facts)
    if not held:
        off = facts.settings.report.browse == 0
        why = "report.browse is 0" if off else "no sequence was explained"
        return Section("browser", TITLE, f"Nothing is shown: {why}.", [])
    folder = resources("phenolens.report")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((folder / "sequence_browser.html.j2").read_text(encoding="utf-8"))
    html = template.render(payload=held, example=_example(facts), key=_key(facts), hands=HANDS)
    css = (folder / "sequence_browser.css").read_text(encoding="utf-8")
    widget = Widget(Markup(html), Markup(css), Markup(script()))
    return Section("browser", TITLE, _lead(facts), [widget])


def script() -> str:
    """Return the browser's program, which leaves no name behind in the page."""
    parts = ((resources("phenolens.report") / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "})();"


def _lead(facts: Facts) -> str:
    held = facts.browsed["sequence_id"].n_unique()
    explained = facts.sequences.filter(pl.col("split").is_in(list(facts.settings.explain.splits))).height
    splits = text.listing(facts.settings.explain.splits)
    if held >= explained:
        return f"All {text.plural(held, 'explained sequence')} ({splits}), one at a time: what the model reads in it, base by base, and what it says."
    return (
        f"{text.count(held)} of {text.plural(explained, 'explained sequence')} ({splits}), one at a time: what the model reads in it, base by base, and what it says. "
        "The page would be too large with all of them: classes, and right and wrong predictions in each, take turns until `report.browse` or the room is used up; "
        "of one kind, those that most methods scored come first, then those of the test split. All are in explain/alrw.parquet."
    )


def _example(facts: Facts) -> str:
    """Return a place to look for, as the search field shows it."""
    placed = facts.sequences.filter(pl.col("chrom").is_not_null() & pl.col("start").is_not_null())
    if not placed.height:
        return ""
    chrom, start, end = placed.select("chrom", "start", "end").row(0)
    return f"{text.short(chrom, 12)}:{start}-{end}"


def _key(facts: Facts) -> str:
    """Return what the drawing shows, in words."""
    signals = " or signal" if (facts.browsed["kind"] == "signal").any() else ""
    scores = facts.browsed.filter(kind="score")
    some = scores["track"].n_unique() * scores["sequence_id"].n_unique() > scores.height
    sample = "; methods other than ALRW scored a sample of the sequences (`explain.sample`)" if some else ""
    return (
        f"Bars: score{signals} of each letter, each on its own scale of this sequence (values are rounded to {LEVELS + 1} steps between its lowest and highest; the exact ones are in "
        f"explain/alrw.parquet and explain/scores.parquet). Scores are those of the first run's model{sample}. Shaded and bold letters: high-score regions; lower case: repeats as the genome file "
        f"marks them. Bars below: motif hits with the direction of the motif, at most {MOST_HITS} of a sequence, lowest p-values first; they are shown whether or not the motif is enriched. "
        "Triangles: harmful substitutions. Letters and places count from 0, the end is not included; on strand − the first letter is the interval's last base."
    )
