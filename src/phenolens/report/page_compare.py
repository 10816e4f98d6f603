"""The page of several runs: the same look as the report of one."""

import polars as pl

from phenolens.report import text
from phenolens.report.content_compare import CompareContent
from phenolens.report.page import render, tables_of
from phenolens.report.sections_compare import performance, summary
from phenolens.report.sections_compare_data import data, settings
from phenolens.report.sections_compare_more import baselines, calibration, length
from phenolens.report.sections_compare_reading import faithfulness, methods, motifs, reading

PARTS = (summary, settings, data, performance, length, baselines, calibration, reading, motifs, faithfulness, methods)


def compare_page(content: CompareContent) -> tuple[str, dict[str, pl.DataFrame]]:
    """Return (HTML of the page, name -> whole table of every table on it, to be written as tables/NAME.tsv beside it).

    Parameters
    ----------
    content : the runs and the tables that set them side by side.
    """
    sections = [make(content) for make in PARTS]
    title = text.listing(text.short(name) for name in content.names)
    return render(title, content.version, sections, kind="Comparison"), tables_of(sections)
