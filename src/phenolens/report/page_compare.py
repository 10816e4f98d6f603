"""The page of several runs: the same look as the report of one."""

from phenolens.report import text
from phenolens.report.content_compare import CompareContent
from phenolens.report.render import Report, render
from phenolens.report.sections_compare import performance, summary
from phenolens.report.sections_compare_data import data, settings
from phenolens.report.sections_compare_more import baselines, calibration, length
from phenolens.report.sections_compare_reading import faithfulness, methods, motifs, reading

PARTS = (summary, settings, data, performance, length, baselines, calibration, reading, motifs, faithfulness, methods)


def compare_page(content: CompareContent) -> Report:
    """Return the page, its tables and its figures.

    Parameters
    ----------
    content : the runs and the tables that set them side by side.
    """
    title = text.listing(text.short(name) for name in content.names)
    return render(title, content.version, [("", [make(content) for make in PARTS])], kind="Comparison")
