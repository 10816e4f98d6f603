"""The files that run whole studies come first, so that processes which share the tests end together."""

LONG = [
    "test_readme.py", "test_presets.py", "test_pipeline.py", "test_study.py", "test_learning.py", "test_resume.py", "test_real_sizes.py",
    "test_serving.py", "test_page.py", "test_bad_input.py", "test_studies.py", "test_browser.py", "test_figures.py", "test_exporting.py",
]  # fmt: skip


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))
