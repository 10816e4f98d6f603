"""How large the page of a run is and how soon a browser shows it, by the number of sequences.

    python benchmarks/page.py [--sequences 400 10000] [--classes 4] [--chromium chromium]

The runs are made up (tests/report/fake_study.py: every table filled, regions, motifs and genes in proportion). Chromium is driven by playwright, headless, cache empty; the median
of three loads counts. Load: until the document is complete, its script included.
"""

import argparse
import importlib.util
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from phenolens.report.render import files

ROOT = Path(__file__).parent.parent


def made_up(name="fake_study"):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "report" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def loads(browser, page, times=3):
    """Return the median seconds to the first paint and to the end of loading."""
    paints, ends = [], []
    for _ in range(times):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        tab = context.new_page()
        tab.goto(page.as_uri(), wait_until="load")
        paints.append(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"))
        ends.append(tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"))
        context.close()
    return statistics.median(paints), statistics.median(ends)


def main():
    from playwright.sync_api import sync_playwright

    from phenolens.report.page import report

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, nargs="+", default=[400, 10_000])
    parser.add_argument("--classes", type=int, default=4)
    parser.add_argument("--chromium", default="chromium")
    given = parser.parse_args()
    print("| sequences | regions | made in | page | tables and figures beside it | first paint | loaded |")
    print("|---|---|---|---|---|---|---|")
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(
            executable_path=shutil.which(given.chromium), args=["--no-sandbox", "--disable-gpu"]
        )
        for n in given.sequences:
            study = made_up().fake_study(classes=given.classes, n=n)
            start = time.perf_counter()
            written = dict(files(report(study)))
            seconds = time.perf_counter() - start
            page = Path(folder) / f"{n}.html"
            page.write_bytes(written["index.html"])
            beside = sum(len(content) for name, content in written.items() if name != "index.html")
            paint, end = loads(browser, page)
            print(
                f"| {n:,} | {study.regions.height:,} | {seconds:.1f} s | {len(written['index.html']) / 1e6:.2f} MB | {beside / 1e6:.1f} MB | {paint:.2f} s | {end:.2f} s |"
            )
        browser.close()


if __name__ == "__main__":
    main()
