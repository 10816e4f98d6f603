"""What the page's sequence browser reads: everything known of its sequences as one compressed text inside the page.

    base64( gzip( length of the index, uint32 | index, JSON | letters | per track: low, high, levels ) )

The index holds names, places, classes, probabilities, regions, hits and genes as columns; it stands inside the compressed text, so that no word of an
input file is ever markup. A track has the lowest and highest value of each of its sequences (float32) and a byte per letter:
value = low + level / 254 x (high - low), 255 where it is undefined. sequence_data.js reads it back.
"""

import base64
import gzip
import json
from typing import Any

import numpy as np
import polars as pl

from phenolens.core.cigar import reference_positions
from phenolens.report import estimates
from phenolens.report.browsed import of_model, outcomes
from phenolens.report.content import Facts
from phenolens.report.sections_agreement import METHODS

LEVELS, ABSENT = 254, 255
MOST_HITS = 40  # of a sequence, those with the lowest p-values
SHARE = 10_000  # probabilities are whole numbers of this


def payload(facts: Facts) -> str:
    """Return the text that the page's script decodes; empty where no sequence is held.

    Parameters
    ----------
    facts : its browsed, browsed_hits, sequences, predictions, regions, region_genes, region_scores and pathogenic_variants are used.
    """
    held = _held(facts)
    if not held.height:
        return ""
    texts = held["sequence"].to_list()
    tracks, values = _tracks(facts.browsed, held)
    index = (
        _columns(held)
        | _predicted(facts, held)
        | _found(facts, held)
        | {"tracks": tracks, "levels": LEVELS, "whole": SHARE, "begin": _begin(facts, held)}
    )
    head = json.dumps(index, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")
    body = b"".join([len(head).to_bytes(4, "little"), head, "".join(texts).encode("ascii", "replace"), *values])
    return base64.b64encode(gzip.compress(body, 6, mtime=0)).decode("ascii")


def _held(facts: Facts) -> pl.DataFrame:
    """Return the rows of SEQUENCES that the browser holds, by place, with their number `of`."""
    ids = facts.browsed.select("sequence_id").unique()
    rows = facts.sequences.join(ids, on="sequence_id", how="semi")
    return rows.sort("chrom", "start", "sequence_id", nulls_last=True).with_row_index("of")


def _begin(facts: Facts, held: pl.DataFrame) -> int:
    """Return which sequence is shown at first: the first that the page also draws, else the first with most tracks."""
    tracks = facts.browsed.group_by("sequence_id").agg(tracks=pl.len())
    drawn = facts.shown_sequences.select("sequence_id").with_row_index("drawn")
    order = held.join(drawn, on="sequence_id", how="left").join(tracks, on="sequence_id", how="left")
    return int(order.sort("drawn", -pl.col("tracks").cast(pl.Int64), "of", nulls_last=True)["of"][0])


def _columns(held: pl.DataFrame) -> dict[str, Any]:
    """Return the columns of the index that SEQUENCES has; words that come back often as their place in a list."""
    plain = {"id": "sequence_id", "start": "start", "end": "end", "name": "name", "allele": "allele", "cigar": "cigar"}
    columns: dict[str, Any] = {short: held[name].to_list() for short, name in plain.items()}
    columns["length"] = held["sequence"].str.len_bytes().to_list()
    for short in ("chrom", "strand", "label", "split", "group"):
        columns |= _coded(short, held[short])
    return columns


def _coded(name: str, words: pl.Series) -> dict[str, list[Any]]:
    known = words.drop_nulls().unique().sort()
    places = words.replace_strict(known, range(len(known)), default=None, return_dtype=pl.Int64) if len(known) else None
    return {name: [None] * len(words) if places is None else places.to_list(), f"{name}_words": known.to_list()}


def _predicted(facts: Facts, held: pl.DataFrame) -> dict[str, Any]:
    """Return classes, and of each sequence the run, the most probable class, whether it is right, and every probability."""
    rows = held.select("sequence_id").join(
        of_model(facts.predictions), on="sequence_id", how="left", maintain_order="left"
    )
    known = held.select("sequence_id").join(
        outcomes(facts.predictions), on="sequence_id", how="left", maintain_order="left"
    )
    labels = [label for label in facts.labels if f"p_{label}" in rows.columns]
    shares = [rows[f"p_{label}"].cast(pl.Float64).fill_nan(None) * SHARE for label in labels]
    return {
        "classes": labels,
        "run": [run and estimates.run_name(run) for run in known["run"]],
        "predicted": known["predicted"].to_list(),
        "right": known["right"].to_list(),
        "shares": [share.round().cast(pl.Int64).to_list() for share in shares],
    }


def _tracks(browsed: pl.DataFrame, held: pl.DataFrame) -> tuple[list[dict[str, Any]], list[bytes]]:
    """Return what each track is and which sequences it has, and its bytes; scores come first, ALRW before the others."""
    order = (
        browsed.select("kind", "track").unique().sort("kind", pl.col("track").str.starts_with("alrw").not_(), "track")
    )
    about, parts = [], []
    for kind, track in order.iter_rows():
        rows = browsed.filter(kind=kind, track=track).select("sequence_id", "values")
        rows = held.select("of", "sequence_id", "sequence").join(rows, on="sequence_id", maintain_order="left")
        low, high, levels = quantised(rows["values"], rows["sequence"].str.len_bytes().cast(pl.Int64).to_numpy())
        name = METHODS.get(track, track) if kind == "score" else track
        about.append({"name": name, "kind": kind, "of": rows["of"].to_list()})
        parts += [low.tobytes(), high.tobytes(), levels.tobytes()]
    return about, parts


def quantised(values: pl.Series, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (low, high float32 (n,), levels uint8 (sum of lengths,)): each list as 255 levels between its lowest and highest value.

    Parameters
    ----------
    values : lists of float32, NaN or null where undefined; one that is shorter than its length is undefined beyond its end.
    lengths : int64 (n,), letters of each sequence.
    """
    sizes = np.minimum(values.list.len().fill_null(0).to_numpy().astype(np.int64), lengths)
    cut = pl.DataFrame({"values": values, "size": sizes}).select(pl.col("values").list.head("size")).to_series()
    flat = cut.explode(empty_as_null=False).cast(pl.Float32).fill_null(np.nan).to_numpy()
    first, total = np.cumsum(lengths) - lengths, int(lengths.sum())
    row = np.repeat(np.arange(len(lengths)), sizes)
    place = first[row] + np.arange(len(flat)) - (np.cumsum(sizes) - sizes)[row]
    defined = np.isfinite(flat)
    low, high = np.full(len(lengths), np.inf, np.float32), np.full(len(lengths), -np.inf, np.float32)
    np.minimum.at(low, row[defined], flat[defined])
    np.maximum.at(high, row[defined], flat[defined])
    low, high = np.where(low > high, np.float32(0), low), np.where(low > high, np.float32(0), high)
    width = np.where(high > low, high.astype(np.float64) - low, 1.0)
    levels = np.full(total, ABSENT, dtype=np.uint8)
    scaled = (flat[defined].astype(np.float64) - low[row[defined]]) / width[row[defined]] * LEVELS
    levels[place[defined]] = np.rint(scaled).astype(np.uint8)
    return low, high, levels


def _found(facts: Facts, held: pl.DataFrame) -> dict[str, Any]:
    """Return the columns of regions, their genes and mean signals, of motif hits, and of harmful substitutions."""
    of = held.select("of", "sequence_id")
    regions = facts.regions.join(of, on="sequence_id").sort("of", "sequence_start").with_row_index("region")
    numbers = regions.select("region_id", "region")
    genes = facts.region_genes.join(numbers, on="region_id").sort("region", "distance", "gene_id")
    means = facts.region_scores.join(numbers, on="region_id").sort("region", "signal").drop_nulls("mean")
    hits = facts.browsed_hits.join(of, on="sequence_id").sort("of", "p_value", "start", "motif_id", "strand")
    shown = hits.filter(pl.int_range(pl.len()).over("of") < MOST_HITS)
    crowded = hits.group_by("of", maintain_order=True).agg(hits=pl.len()).filter(pl.col("hits") > MOST_HITS)
    return {
        "regions": _lists(regions, of="of", start="sequence_start", end="sequence_end", score="mean_score"),
        "genes": _lists(genes, of="region", distance="distance")
        | _coded("name", genes.select(pl.coalesce("gene_name", "gene_id")).to_series()),
        "means": _lists(means, of="region", mean="mean") | _coded("signal", means["signal"]),
        "hits": _lists(shown, of="of", start="start", end="end", strand="strand", p="p_value")
        | _coded("motif", shown["motif_id"])
        | _coded("name", shown.select(pl.coalesce("motif_name", "motif_id")).to_series()),
        "crowded": _lists(crowded, of="of", hits="hits"),
        "variants": _variants(facts.pathogenic_variants, held),
    }


def _variants(variants: pl.DataFrame, held: pl.DataFrame) -> dict[str, Any]:
    """Return the columns of harmful substitutions: where in the sequence, and what they are on the genome's + strand."""
    rows = variants.join(held.drop("label", "chrom", "name").rename({"start": "begin"}), on="sequence_id").sort(
        "of", "start"
    )
    at = [_place(*row) for row in rows.select("begin", "end", "strand", "cigar", "start").iter_rows()]
    names = ("of", "start", "ref", "alt", "score", "scores", "gene", "change", "model_change")
    return {"at": at} | _lists(rows, **{name: name for name in names})


def _lists(table: pl.DataFrame, **names: str) -> dict[str, Any]:
    finite = table.select(pl.col(column).alias(short) for short, column in names.items())
    floats = pl.selectors.float()
    return finite.with_columns(pl.when(floats.is_finite()).then(floats)).to_dict(as_series=False)


def _place(begin: int, end: int, strand: str, cigar: str | None, base: int) -> int | None:
    """Return which letter of a sequence a base of the genome is, None where it has none."""
    if cigar is None:
        offset, letters = base - begin, end - begin
    else:
        places = reference_positions(begin, cigar)
        found, letters = np.flatnonzero(places == base), len(places)
        offset = int(found[0]) if len(found) else -1
    if not 0 <= offset < letters:
        return None
    return letters - 1 - offset if strand == "-" else offset
