"""Section: whether the model's probabilities can be believed, before and after its temperature."""

from functools import partial

import polars as pl

from phenolens.report import estimates, text
from phenolens.report.blocks import Block, Column, Figure, Section, Table, counts, numbers, words
from phenolens.report.content import Facts
from phenolens.report.figures_calibration import calibration_figure, gap

FIELDS = {
    "temperature": pl.Float64,
    "n": pl.Int64,
    "log_loss_before": pl.Float64,
    "log_loss_after": pl.Float64,
    "log_loss_test_before": pl.Float64,
    "log_loss_test_after": pl.Float64,
    "ece_test_before": pl.Float64,
    "ece_test_after": pl.Float64,
    "note": pl.String,
}


def calibration(facts: Facts) -> Section:
    """Return the section on calibration: curve, errors, and the temperature of each run."""
    title, run = "How sure it is", estimates.headline_run(facts.metrics)
    curve = facts.calibration.filter((pl.col("run") == (run or "")) & (pl.col("split") == "test"))
    if not curve.height:
        return Section("calibration", title, "The run holds no calibration of the test split, so nothing is shown.", [])
    temperature = facts.temperatures.get(run or "", {}).get("temperature")
    blocks: list[Block] = [
        Figure(
            "calibration",
            "Calibration curve of the model on the test sequences",
            "How sure the model is (across) against how often it is right (up), per bin of confidence, with 95 % intervals; on the dashed line the two agree, "
            "below it the model is too sure. Small bars: sequences in the bin. Orange: after its temperature.",
            partial(calibration_figure, curve, temperature=temperature),
            "The test split holds no sequence, so no curve is drawn.",
            data=curve,
        ),
        *_temperatures(facts),
    ]
    return Section("calibration", title, _lead(curve, temperature), blocks)


def _lead(curve: pl.DataFrame, temperature: float | None) -> str:
    before, after = curve.filter(~pl.col("tempered")), curve.filter("tempered")
    n = float(before["n"].sum())
    sure, right = (float((before[name] * before["n"]).sum()) / n for name in ("confidence", "accuracy"))
    sentence = (
        f"On the test sequences the model is {text.percent(sure)} sure of its class on average and right in {text.percent(right)}; "
        f"its calibration error is {text.number(gap(before))}"
    )
    if temperature is None or not after.height:
        return sentence + "."
    if temperature == 1:
        return sentence + ", and no other temperature than 1 was fitted."
    word = "too sure" if temperature > 1 else "not sure enough"
    return (
        f"{sentence}. On validation it was {word}: its temperature is {text.number(temperature)}, "
        f"and with it the error on test is {text.number(gap(after))}."
    )


def _temperatures(facts: Facts) -> list[Block]:
    rows = [{"run": run, **{name: row.get(name) for name in FIELDS}} for run, row in facts.temperatures.items()]
    if not rows:
        return []
    table = pl.DataFrame(rows, schema={"run": pl.String, **FIELDS})
    columns = (
        Column("Run", lambda row: estimates.run_name(row["run"])),
        numbers("Temperature", "temperature"),
        counts("Validation sequences", "n"),
        numbers("Log loss, validation", "log_loss_before"),
        numbers("after", "log_loss_after"),
        numbers("Log loss, test", "log_loss_test_before"),
        numbers("after", "log_loss_test_after"),
        numbers("Calibration error, test", "ece_test_before"),
        numbers("after", "ece_test_after"),
        words("Note", "note"),
    )
    caption = (
        "Temperature of each run: the number that the logits are divided by so that the log loss on validation is least. "
        "It changes no predicted class. Every metric on this page is of the probabilities before it; phenolens predict shows those after it."
    )
    return [Table("temperatures", caption, table, columns)]
