"""What a finished run holds, read back for the page: its tables, its manifests, and what each of its files is."""

from pathlib import Path
from typing import Any

import polars as pl

from phenolens.core import run as folders
from phenolens.core.schemas import (
    COMPARISON,
    CONFUSION,
    CONSERVATION,
    GENE_COUNTS,
    GENE_TYPES,
    METRICS,
    PROFILE,
    REGION_GENES,
    REGION_SCORES,
    STATISTICS,
)
from phenolens.core.schemas_alrw import EDGES, HEADS
from phenolens.core.schemas_attribution import AGREEMENT, COMPLETENESS
from phenolens.core.schemas_biology import CONSERVED, FAMILIES, GENE_SET_ENRICHMENT, OVERLAP
from phenolens.core.schemas_evaluate import CALIBRATION, SEEDS
from phenolens.core.schemas_faithfulness import FAITHFULNESS, FAITHFULNESS_CURVES, SANITY
from phenolens.core.schemas_layers import LAYERS
from phenolens.core.schemas_motifs import ENRICHMENT, HITS, MOTIF_SETS
from phenolens.core.schemas_regions import REGION_CHANCE, TOKEN_REGIONS, TRACKS
from phenolens.core.schemas_variants import (
    OVERLAYS,
    PATHOGENIC_VARIANTS,
    PATHOGENICITY,
    POPULATION,
    POPULATION_CROSS,
)
from phenolens.core.settings import StudySettings
from phenolens.core.table import Schema
from phenolens.report.browsed import browsed
from phenolens.report.content import PageContent
from phenolens.report.top_sequences import hits_on_sequences, top_sequences

MEANING = {
    "settings.json": "the study and every setting it ran with",
    "dataset/sequences.parquet": "every sequence with its place, class, group and split",
    "train/model.json": "what the model is: parameters, tokens, notes",
    "dataset/account.tsv": "what was taken and what was left out, step by step",
    "dataset/statistics.tsv": "sequences, bases, groups and lengths per class and split",
    "dataset/quality.json": "the dataset's certificate: balance, leakage, verdict",
    "evaluate/predictions.parquet": "probability of every class for every validation and test sequence",
    "evaluate/metrics.tsv": "every metric with its 95 % interval, over all, per class and per length",
    "evaluate/confusion.tsv": "true class against predicted class",
    "evaluate/comparison.tsv": "model minus baseline, with paired intervals",
    "evaluate/seeds.tsv": "mean, standard error and range of every metric over the runs",
    "evaluate/calibration.tsv": "how sure each run was and how often it was right, per bin of confidence",
    "evaluate/calibration.json": "temperature of each run, fitted on validation, and what it does to the test split",
    "explain/alrw.parquet": "per-base scores of every explained sequence",
    "explain/profile.tsv": "mean score per class and position, and by the other mode's arithmetic where it is defined",
    "explain/heads.tsv": "mean score from every attention head alone, per class and position",
    "explain/scores.parquet": "per-base scores of a sample of the explained sequences by every method",
    "explain/agreement.tsv": "how far the methods agree, two by two",
    "explain/completeness.tsv": "what integrated gradients add up to, beside what they should",
    "explain/edges.tsv": "scores by the paper's arithmetic and ours near both ends of the sequences",
    "explain/faithfulness.tsv": "whether the bases with high scores matter to the model: areas between curves, with intervals",
    "explain/faithfulness_curves.tsv": "the mean deletion and insertion curves",
    "explain/sanity.tsv": "how alike the scores of models that have learned nothing are",
    "explain/regions.parquet": "high-score regions with their letters and genome coordinates",
    "explain/regions.bed": "the same for a genome browser",
    "explain/region_chance.tsv": "how many sequences, and how many shuffled copies of them, have a region under each rule",
    "explain/token_regions.tsv": "GC, distinct 6-mers, entropy and CpG under each stretch of tokens and fifth of the sequence, per class",
    "explain/tracks.tsv": "the bigWig files: method, class, bases with a value, bases in several sequences",
    "explain/igv_session.xml": "session for the browser IGV: opens all tracks at the best region",
    "explain/hub/hub.txt": "track hub for UCSC's browser: put the folder hub on a web server and give UCSC this file's address",
    "explain/hub/genomes.txt": "part of the track hub: which genome",
    "explain/layers.tsv": "what a linear probe reads from every layer, before and after fine-tuning",
    "explain/projection.parquet": "sequences in two dimensions: layers before and after fine-tuning, and 6-mer counts",
    "annotate/hits.tsv": "every motif hit in the regions",
    "annotate/enrichment.tsv": "motifs found in more sequences of one class than of its control: in the regions and whole, cross-fitted",
    "annotate/motif_sets.tsv": "enriched motifs that classes share, and that regions and whole sequences share",
    "annotate/modisco/one_hot.npz": "for modisco-lite: sequences; modisco motifs -s one_hot.npz -a attributions.npz -n 2000 -o modisco.h5",
    "annotate/modisco/attributions.npz": "for modisco-lite: their per-base scores",
    "annotate/motif_regions.tsv": "places of enriched motifs on the genome, merged within 10 bases",
    "annotate/overlap.tsv": "overlap of the regions with genes and other features, against matched, circular and shuffled controls",
    "annotate/families.tsv": "share of each family in one class over its share in another, with intervals",
    "annotate/conserved.tsv": "highly and hardly conserved regions with their genes",
    "annotate/gene_sets.tsv": "gene sets among the genes that regions hit, against the universe and against matched controls",
    "annotate/conservation.tsv": "signal (e.g. conservation) in the regions, beside matched controls",
    "annotate/region_scores.tsv": "mean signal of every region",
    "annotate/signals.parquet": "signals (e.g. conservation) base by base along sequences with a region",
    "annotate/overlays.tsv": "the files of scores, variants and depth: how they were read, what was left out, why nothing was found",
    "annotate/pathogenicity.tsv": "scores of substitutions in the regions of each class, beside matched controls",
    "annotate/region_pathogenicity.tsv": "scores of substitutions in every region, with the share that they cover",
    "annotate/pathogenic_variants.tsv": "harmful substitutions in the regions, with gene, protein change and the model's own view",
    "annotate/population.tsv": "variability in people and depth over a pangenome in the regions, beside matched controls",
    "annotate/region_population.tsv": "the same of every region",
    "annotate/population_cross.tsv": "regions that are variable in people and hardly conserved, with genes",
    "annotate/gene_types.tsv": "types of gene that the sequences of each class overlap",
    "annotate/region_genes.tsv": "genes that each region overlaps, or the nearest one",
    "annotate/genes.tsv": "genes with the number of distinct regions",
}
ENDINGS = {
    "manifest.json": "versions, seeds, SHA-256 of inputs and outputs, time and memory",
    "model.safetensors": "weights of the fine-tuned model",
    "config.json": "Hugging Face configuration of the model",
    "phenolens.json": "how sequences become this model's tokens",
    "history.tsv": "loss per epoch",
    ".tbi": "index of a file of scores, made here; may be deleted",
    ".bw": "mean per-base score along the genome, for a browser",
    ".bb": "part of the track hub: high-score regions",
    "trackDb.txt": "part of the track hub: the list of tracks",
    "description.html": "part of the track hub: what the tracks are",
}


def page_content(settings: StudySettings, folder: Path) -> PageContent:
    """Return everything the page shows, read from the run folder.

    Parameters
    ----------
    settings : the study as it ran.
    folder : the run folder, all stages before the report done.
    """
    manifests = {p.parent.name: folders.read_json(p) for p in sorted(folder.glob("*/manifest.json"))}
    return PageContent(
        settings=settings,
        version=folders.versions()["phenolens"],
        sequences=pl.read_parquet(folder / "dataset" / "sequences.parquet"),
        statistics=_tsv(folder / "dataset" / "statistics.tsv", STATISTICS),
        gene_types=_tsv(folder / "annotate" / "gene_types.tsv", GENE_TYPES),
        quality=folders.read_json(folder / "dataset" / "quality.json"),
        history=_history(folder / "train"),
        model=folders.read_json(folder / "train" / "model.json"),
        **read_evaluation(folder),
        layers=_tsv(folder / "explain" / "layers.tsv", LAYERS),
        projection=_parquet(folder / "explain" / "projection.parquet"),
        profile=_tsv(folder / "explain" / "profile.tsv", PROFILE),
        heads=_tsv(folder / "explain" / "heads.tsv", HEADS),
        agreement=_tsv(folder / "explain" / "agreement.tsv", AGREEMENT),
        completeness=_tsv(folder / "explain" / "completeness.tsv", COMPLETENESS),
        edges=_tsv(folder / "explain" / "edges.tsv", EDGES),
        **_read_regions(settings, folder),
        **read_browser(settings, folder),
        faithfulness=_tsv(folder / "explain" / "faithfulness.tsv", FAITHFULNESS),
        faithfulness_curves=_tsv(folder / "explain" / "faithfulness_curves.tsv", FAITHFULNESS_CURVES),
        sanity=_tsv(folder / "explain" / "sanity.tsv", SANITY),
        enrichment=_tsv(folder / "annotate" / "enrichment.tsv", ENRICHMENT),
        motif_sets=_tsv(folder / "annotate" / "motif_sets.tsv", MOTIF_SETS),
        overlap=_tsv(folder / "annotate" / "overlap.tsv", OVERLAP),
        conservation=_tsv(folder / "annotate" / "conservation.tsv", CONSERVATION),
        overlays=_tsv(folder / "annotate" / "overlays.tsv", OVERLAYS),
        pathogenicity=_tsv(folder / "annotate" / "pathogenicity.tsv", PATHOGENICITY),
        pathogenic_variants=_tsv(folder / "annotate" / "pathogenic_variants.tsv", PATHOGENIC_VARIANTS),
        population=_tsv(folder / "annotate" / "population.tsv", POPULATION),
        population_cross=_tsv(folder / "annotate" / "population_cross.tsv", POPULATION_CROSS),
        conserved=_tsv(folder / "annotate" / "conserved.tsv", CONSERVED),
        families=_tsv(folder / "annotate" / "families.tsv", FAMILIES),
        region_genes=_tsv(folder / "annotate" / "region_genes.tsv", REGION_GENES),
        gene_counts=_tsv(folder / "annotate" / "genes.tsv", GENE_COUNTS),
        gene_sets=_tsv(folder / "annotate" / "gene_sets.tsv", GENE_SET_ENRICHMENT),
        files=_files(folder),
        versions=folders.versions(),
        seconds={stage: manifest["seconds"] for stage, manifest in manifests.items() if manifest},
    )


def _read_regions(settings: StudySettings, folder: Path) -> dict[str, Any]:
    """Return the fields of PageContent on regions, stretches of tokens, tracks, and the sequences that are drawn."""
    stage = folder / "explain"
    regions = pl.read_parquet(stage / "regions.parquet")
    shown = top_sequences(
        pl.read_parquet(folder / "dataset" / "sequences.parquet"),
        pl.scan_parquet(stage / "alrw.parquet"),
        pl.read_parquet(folder / "evaluate" / "predictions.parquet"),
        regions,
        settings.dataset.background,
        settings.report.top,
    )
    return {
        "regions": regions,
        "region_chance": _tsv(stage / "region_chance.tsv", REGION_CHANCE),
        "token_regions": _tsv(stage / "token_regions.tsv", TOKEN_REGIONS),
        "tracks": _tsv(stage / "tracks.tsv", TRACKS),
        "shown_sequences": shown,
        "shown_hits": hits_on_sequences(_tsv(folder / "annotate" / "hits.tsv", HITS), regions, shown),
    }


def read_browser(settings: StudySettings, folder: Path) -> dict[str, Any]:
    """Return the fields of PageContent that the sequence browser needs beside the others, of the sequences that it holds.

    Parameters
    ----------
    settings : the study as it ran; its explain.mode, report.browse and seed are used.
    folder : the run folder.
    """
    held = browsed(
        pl.read_parquet(folder / "dataset" / "sequences.parquet"),
        _tracks(settings, folder),
        pl.read_parquet(folder / "evaluate" / "predictions.parquet"),
        settings.report.browse,
        settings.seed,
    )
    ids = held.select("sequence_id").unique()
    regions = pl.read_parquet(folder / "explain" / "regions.parquet").join(ids, on="sequence_id", how="semi")
    hits = _some(folder / "annotate" / "hits.tsv", HITS, [*ids["sequence_id"], *regions["region_id"]], "sequence_id")
    return {
        "browsed": held,
        "browsed_hits": hits_on_sequences(hits, regions, ids),
        "region_scores": _some(
            folder / "annotate" / "region_scores.tsv", REGION_SCORES, regions["region_id"].to_list(), "region_id"
        ),
    }


def _tracks(settings: StudySettings, folder: Path) -> pl.LazyFrame:
    """Return BROWSED of everything the run has base by base: ALRW, the other methods, signals."""
    own = "alrw" if settings.explain.mode == "default" else "alrw-paper"
    files = (
        ("explain/alrw.parquet", "score", pl.lit(own), "scores"),
        ("explain/scores.parquet", "score", pl.col("method"), "scores"),
        ("annotate/signals.parquet", "signal", pl.col("signal"), "values"),
    )
    tables = [
        pl.scan_parquet(folder / file).select(
            "sequence_id", track.alias("track"), pl.lit(kind).alias("kind"), pl.col(values).alias("values")
        )
        for file, kind, track, values in files
        if (folder / file).exists()
    ]
    again = (pl.col("kind") == "score") & pl.col("track").is_in(["alrw", own])  # a sample's, scored a second time
    return pl.concat([tables[0], *(table.filter(~again) for table in tables[1:])])


def read_evaluation(folder: Path) -> dict[str, Any]:
    """Return the fields of PageContent that the evaluate stage of a run folder has made."""
    stage = folder / "evaluate"
    tables = {
        "metrics": METRICS,
        "confusion": CONFUSION,
        "comparison": COMPARISON,
        "seeds": SEEDS,
        "calibration": CALIBRATION,
    }
    read = {name: _tsv(stage / f"{name}.tsv", schema) for name, schema in tables.items()}
    return {
        "predictions": pl.read_parquet(stage / "predictions.parquet"),
        "temperatures": folders.read_json(stage / "calibration.json") or {},
        **read,
    }


def _tsv(path: Path, schema: Schema) -> pl.DataFrame | None:
    return folders.read_table(path, schema) if path.exists() else None


def _some(path: Path, schema: Schema, ids: list[str], column: str) -> pl.DataFrame | None:
    """Return the rows of a table that name one of these; None where there is no such file."""
    if not path.exists():
        return None
    kinds = {name: kind.dtype for name, kind in schema.columns.items()}
    return pl.scan_csv(path, separator="\t", schema=kinds).filter(pl.col(column).is_in(ids)).collect()


def _parquet(path: Path) -> pl.DataFrame | None:
    return pl.read_parquet(path) if path.exists() else None


def _history(train: Path) -> pl.DataFrame:
    tables = [
        pl.read_csv(path, separator="\t").with_columns(run=pl.lit(path.parent.name))
        for path in sorted(train.glob("*/history.tsv"))
    ]
    return pl.concat(tables)


def _files(folder: Path) -> list[tuple[str, int, str]]:
    """Return (relative path, bytes, meaning) of every finished file of the run, the report's own left out."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if name.startswith("report/") or path.name in ("started.json",) or path.name.startswith(folders.PART):
            continue
        meaning = MEANING.get(name) or next(
            (text for ending, text in ENDINGS.items() if name.endswith(ending)), "part of the model folder"
        )
        found.append((name, path.stat().st_size, meaning))
    return found
