"""The stage explain of the pipeline: what the model reads, base by base.

Imports of a stage stand in its function, so that a finished run answers at once.
"""

import polars as pl

from phenolens.core import run as folders
from phenolens.core.study import class_order, file_name
from phenolens.inputs import open_inputs
from phenolens.job import Job


def explain(job: Job) -> None:
    """Model and sequences -> per-base scores, their mean per class, high-score regions, and tracks."""
    from phenolens.explain.alrw import alrw
    from phenolens.explain.profile import profile
    from phenolens.explain.regions import find_regions
    from phenolens.explain.tracks import class_track
    from phenolens.io.bed import write_bed
    from phenolens.io.signal import write_bigwig
    from phenolens.model.load import load_folder

    settings = job.settings.explain
    rows = job.table("dataset/sequences.parquet").filter(pl.col("split").is_in(settings.splits))
    ids, texts = rows["sequence_id"].to_list(), rows["sequence"].to_list()
    job.progress.step(0, 1, "explain: reading-token attention")
    model = load_folder(job.folder / "train" / "run-0", trust_remote_code=job.settings.train.trust_remote_code)
    scores = alrw(model, ids, texts, mode=settings.mode, batch_size=settings.batch_size)
    kept = [values[: len(text)] for values, text in zip(scores.values, texts, strict=True)]
    job.write(
        rows.select("sequence_id", "label", "split").with_columns(pl.Series("scores", kept, dtype=pl.List(pl.Float32))),
        "explain/alrw.parquet",
    )
    chance = {"resamples": job.settings.evaluate.bootstrap, "seed": job.settings.seed}
    job.write(profile(scores, rows["label"].to_list(), rows["group"].to_list(), **chance), "explain/profile.tsv")
    regions = find_regions(scores, rows, settings)
    job.write(regions, "explain/regions.parquet")
    with folders.whole(job.folder / "explain" / "regions.bed") as part:
        write_bed(part, regions, track=f"{job.settings.name}: high-ALRW regions")
    with open_inputs(job.study) as inputs:
        lengths = inputs.genome.lengths if inputs.genome else {}
        located = rows.filter(pl.col("chrom").is_in(list(lengths)))
        for label in class_order(job.settings, located["label"]):
            with folders.whole(job.folder / "explain" / f"alrw.{file_name(label)}.bw") as part:
                write_bigwig(part, class_track(scores, located, label), lengths)
