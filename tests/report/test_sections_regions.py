"""What the page says of regions by chance, of tracks, and how it draws a sequence: read back from the SVG and the text."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from phenolens.core.schemas import REGIONS
from phenolens.core.schemas_motifs import HITS
from phenolens.report.content import PageContent, tidy
from phenolens.report.figures_sequence import LANES, Hit, Shown, part_of, sequence_picture
from phenolens.report.sections_regions import chance, token_regions, tracks
from phenolens.report.sections_sequences import sequences
from phenolens.report.top_sequences import hits_on_sequences, top_sequences

LETTERS = "".join(np.random.default_rng(1).choice(list("ACGTacgtN"), 150))


def shown(**changes):
    scores = np.random.default_rng(2).gamma(2, 0.1, 150)
    scores[20:25] = np.nan
    given = {
        "letters": LETTERS,
        "scores": scores,
        "first": 0,
        "regions": [(50, 70)],
        "hits": [Hit(52, 66, "-", "SOX2")],
    }
    return Shown(**(given | changes))


def drawn(picture):
    return ElementTree.fromstring(str(picture).replace(' xmlns="http://www.w3.org/2000/svg"', ""))


def texts(root):
    return [(node.get("x"), float(node.get("y")), node.get("style"), node.text) for node in root.iter("text")]


def test_every_letter_stands_once_in_its_place_and_regions_are_bold():
    root = drawn(sequence_picture(shown(), 0, "x"))
    placed = []
    for x, y, style, letters in texts(root):
        if "monospace" in style:
            spots = [float(value) for value in x.split()]
            assert len(spots) == len(letters)
            placed += [(y, spot, letter, "font-weight" in style) for spot, letter in zip(spots, letters, strict=True)]
    placed.sort()
    assert "".join(letter for _, _, letter, _ in placed) == LETTERS
    assert [i for i, (*_, bold) in enumerate(placed) if bold] == list(range(50, 70))
    assert [text for x, _, style, text in texts(root) if "text-anchor: end" in style] == ["0", "60", "120"]


def test_heights_are_the_scores_on_one_scale_and_nothing_stands_where_none_is():
    picture = shown()
    root = drawn(sequence_picture(picture, 3, "x"))
    steps = [node.get("d") for node in root.iter("path") if "fill" in node.get("style")]
    heights = [float(zero) - float(top) for d in steps for zero, top in re.findall(r"M[\d.]+ ([\d.]+)V([\d.]+)h", d)]
    defined = picture.scores[~np.isnan(picture.scores)]
    np.testing.assert_allclose(heights, defined * 34 / defined.max(), atol=0.11)
    assert "--c3" in next(node.get("style") for node in root.iter("path") if "fill" in node.get("style"))


def test_negative_scores_hang_below_the_line():
    values = np.array([1.0, -0.5, 0.0])
    root = drawn(sequence_picture(shown(letters="ACG", scores=values, regions=[], hits=[]), 0, "x"))
    steps = re.findall(
        r"M[\d.]+ ([\d.]+)V([\d.]+)h", next(n.get("d") for n in root.iter("path") if "fill" in n.get("style"))
    )
    heights = [float(zero) - float(top) for zero, top in steps]
    assert heights == pytest.approx([34 * 2 / 3, -34 / 3, 0], abs=0.11)


def test_a_hit_over_the_end_of_a_line_is_drawn_on_both_and_crowded_ones_take_lanes():
    hits = [Hit(55, 66, "+", "LONGNAME"), *(Hit(80 + i, 95 + i, "-", f"M{i}") for i in range(5))]
    root = drawn(sequence_picture(shown(hits=hits), 0, "x"))
    bars = [(g.find("title").text, g.find("rect")) for g in root.iter("g")]
    widths = {float(rect.get("width")) for title, rect in bars if title.startswith("LONGNAME")}
    assert len(widths) == 2
    assert sum(widths) == pytest.approx(11 * 9.6 - 3, abs=0.3)
    rows = [float(rect.get("y")) for title, rect in bars if title.startswith("M")]
    assert len(rows) == len(set(rows)) == LANES
    boxes = [(float(r.get("y")), float(r.get("x")), float(r.get("x")) + float(r.get("width"))) for _, r in bars]
    for i, (y, left, right) in enumerate(boxes):
        assert not [b for j, b in enumerate(boxes) if j != i and b[0] == y and b[1] < right and left < b[2]]


def test_markup_in_names_stays_text():
    picture = sequence_picture(shown(hits=[Hit(0, 30, "+", "<b>&\"x'")]), 0, '<i>"')
    root = drawn(picture)
    assert root.get("aria-label") == '<i>"'
    assert root.find("g/title").text.startswith("<b>&\"x'")


def test_text_is_at_least_nine_pixels_high_at_the_narrowest():
    picture = str(sequence_picture(shown(), 0, "x"))
    scale = 600 / float(re.search(r'viewBox="0 0 ([\d.]+)', picture)[1])
    assert min(map(float, re.findall(r"font-size: ([\d.]+)px", picture))) * scale >= 9


def test_a_long_sequence_is_drawn_around_its_highest_region():
    assert part_of(300, [(0, 20, 1.0)]) == (0, 300)
    assert part_of(2000, [(100, 130, 1.0), (1000, 1020, 2.0)]) == (860, 1160)
    assert part_of(2000, [(5, 30, 1.0)]) == (0, 300)
    assert part_of(2000, [(1990, 2000, 1.0)]) == (1700, 2000)
    assert part_of(2000, []) == (0, 300)


def regions_of(rows):
    columns = {name: column.dtype for name, column in REGIONS.columns.items()}
    filled = [(f"{s}/{a}-{b}", s, label, a, b, None, None, None, None, score, "A") for s, label, a, b, score in rows]
    return pl.DataFrame(filled, schema=columns, orient="row")


def test_classes_take_turns_and_the_surest_comes_first(study):
    names = [f"s{i}" for i in range(8)]
    labels = ["a"] * 3 + ["b"] * 3 + ["background"] * 2
    base = study.sequences.head(8).with_columns(sequence_id=pl.Series(names), label=pl.Series(labels))
    scores = pl.DataFrame(
        {"sequence_id": names, "scores": [[0.5, None]] * 8}, schema_overrides={"scores": pl.List(pl.Float32)}
    )
    regions = regions_of([(n, label, 0, 9, 0.1 * i) for i, (n, label) in enumerate(zip(names, labels, strict=True))])
    p = [0.2, 0.9, None, 0.3, 0.6, 0.7, 0.99, 0.99]
    predictions = pl.DataFrame(
        {"run": "run-0", "split": "test", "sequence_id": names, "label": labels, "p_a": p, "p_b": p, "p_background": p}
    ).filter(pl.col("sequence_id") != "s2")
    find = lambda *rest: top_sequences(base, scores, *rest)["sequence_id"].to_list()  # noqa: E731
    assert find(predictions, regions, ["background"], 5) == ["s1", "s5", "s0", "s4", "s2"]
    assert find(predictions, regions, ["background"], 2) == ["s1", "s5"]
    assert len(find(predictions, regions, [], 99)) == 6
    assert find(None, regions, ["background"], 1) == ["s2"], "without predictions the highest region decides"
    assert find(predictions, regions.filter(pl.col("label") == "background"), ["background"], 9) == ["s7", "s6"]
    assert find(predictions, regions.head(0), [], 9) == []


def test_hits_on_regions_move_to_the_sequence(study):
    regions = regions_of([("s1", "a", 100, 130, 1.0), ("s2", "a", 5, 30, 1.0)])
    drawn_rows = study.shown_sequences.head(1).with_columns(sequence_id=pl.lit("s1"))
    columns = {name: column.dtype for name, column in HITS.columns.items()}
    rows = [("M1", None, scanned, 3, 9, "+", 1.0, 1e-5, 0.1, "ACGTAC") for scanned in ("s1/100-130", "s2/5-30", "s1")]
    found = hits_on_sequences(pl.DataFrame(rows, schema=columns, orient="row"), regions, drawn_rows)
    assert found.select("sequence_id", "start", "end").rows() == [("s1", 103, 109), ("s1", 3, 9)]
    assert hits_on_sequences(None, regions, drawn_rows).height == 0


def test_the_page_says_how_often_a_rule_finds_regions_by_chance(study):
    first, table = chance(tidy(study))
    assert (
        "98 % of the explained sequences have a region, and so do 97.0 (95.0–99.0) % of 500 copies"
        in first.text.replace("98.0", "98")
    )
    assert first.tone == "warn"
    settings = study.settings.model_copy(
        update={"explain": study.settings.explain.model_copy(update={"region_rule": "calibrated"})}
    )
    calm, _ = chance(tidy(replace(study, settings=settings)))
    assert "4.80 (2.80–6.80) %" in calm.text
    assert calm.tone == "plain"
    assert [row[2] for row in table.rows] == ["0"] * 3 + ["0.812"] * 3
    assert chance(tidy(replace(study, region_chance=None))) == []


def test_tracks_say_which_bases_are_means_and_whether_there_is_a_hub(study):
    section = tracks(tidy(study))
    assert "24 such bases" in section.blocks[1].text
    assert "No track hub was written" in section.blocks[0].text
    hub = replace(study, files=[("explain/hub/hub.txt", 3, "x")])
    assert "address of its hub.txt" in tracks(tidy(hub)).blocks[0].text
    nowhere = PageContent(
        settings=study.settings, version="1", regions=study.regions.with_columns(start=pl.lit(None, dtype=pl.Int64))
    )
    assert "nothing to show in a browser" in tracks(tidy(nowhere)).lead


def test_the_table_of_stretches_is_shown_and_drawn(study):
    section = token_regions(tidy(study))
    drawings = [block.draw() for block in section.blocks if hasattr(block, "draw")]
    assert [[len(axes.lines) for axes in drawing.axes] for drawing in drawings] == [[2] * 4, [2] * 4]
    first = study.token_regions.filter(
        (pl.col("label") == "ERV") & (pl.col("coordinates") == "tokens") & (pl.col("measure") == "gc")
    )
    np.testing.assert_allclose(drawings[0].axes[0].lines[0].get_ydata(), first["mean"])


def test_only_enriched_motifs_are_drawn_where_there_are_any(study):
    facts = tidy(study)
    pictures = [str(block.draw()) for block in sequences(facts).blocks[1:]]
    assert len(pictures) == 3
    enriched = set(study.enrichment.filter(pl.col("enriched") & (pl.col("scope") == "regions"))["motif_name"])
    named = {title.split(" ")[0] for picture in pictures for title in re.findall(r"<title>([^<]*)</title>", picture)}
    assert named
    assert named <= enriched
    dull = replace(study, enrichment=study.enrichment.with_columns(enriched=pl.lit(False)))
    section = sequences(tidy(dull))
    assert "No motif is significantly enriched" in section.blocks[0].text
    assert "SOX2" in str(section.blocks[1].draw())
