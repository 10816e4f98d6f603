"""Tables of faithfulness from curves and scores: areas with intervals and p-values, mean curves, likeness of other models' scores."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from scipy.stats import rankdata

from phenolens.core.schemas_faithfulness import FAITHFULNESS, FAITHFULNESS_CURVES, SANITY
from phenolens.core.stats import benjamini_hochberg, group_mean_intervals, sign_flip_p
from phenolens.core.table import Schema, check, empty

TRAINED, RANDOM_WEIGHTS, PERMUTED_LABELS = "trained", "random weights", "permuted labels"
SHARES = np.array([0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5])
CURVES = ("deletion", "insertion")


class Key(NamedTuple):
    """Whose curve: scores of a method on a model, or a control of them (None: the scores themselves)."""

    model: str
    method: str
    control: str | None


def area_between(curves: np.ndarray, control: np.ndarray) -> np.ndarray:
    """Return float64 (n, 2): mean distance by which the scores' deletion curve lies below, and their insertion curve above, the control's.

    Trapezoids over the shares, divided by their range.

    Parameters
    ----------
    curves, control : float (2, n, F), deletion and insertion.
    """
    area = np.trapezoid(curves - control, SHARES, axis=2) / (SHARES[-1] - SHARES[0])
    return np.stack([-area[0], area[1]], axis=1)


def area_table(
    curves: Mapping[Key, np.ndarray], labels: np.ndarray, units: Mapping[str, np.ndarray], chance: dict[str, int]
) -> pl.DataFrame:
    """Return FAITHFULNESS: all classes together first, then each.

    Parameters
    ----------
    curves : key -> float (2, n, F), deletion and insertion.
    labels : (n,) of the sequences.
    units : model -> (n,), what is independent where its scores are compared: groups of sequences, or draws of a model.
    chance : resamples and seed.
    """
    tables = [empty(FAITHFULNESS)]
    classes: list[str | None] = [None, *sorted(set(labels.tolist()))]
    for label in classes if len(classes) > 2 else classes[:1]:
        chosen = np.ones(len(labels), dtype=bool) if label is None else labels == label
        for key, other, control in _comparisons(curves):
            values = area_between(curves[key], curves[other])[chosen]
            unit = units[key.model if other.model == TRAINED else other.model][chosen]
            low, high = group_mean_intervals(values, unit, **chance)
            p_values = sign_flip_p(values, unit, seed=chance["seed"])
            constant = {**key._asdict(), "control": control, "label": label, "n": len(values)}
            columns: dict[str, Any] = {name: [value] * len(CURVES) for name, value in constant.items()}
            columns |= {"curve": CURVES, "area": values.mean(axis=0), "low": low, "high": high}
            tables.append(_typed(columns | {"p_value": p_values, "q_value": p_values}, FAITHFULNESS))
    table = pl.concat(tables)
    return check(table.with_columns(q_value=benjamini_hochberg(table["p_value"].to_numpy())), FAITHFULNESS)


def _comparisons(curves: Mapping[Key, np.ndarray]) -> list[tuple[Key, Key, str]]:
    """Return (scores, what they are compared with, its name), by the scores' order in the curves."""
    own = [key for key in curves if key.control is None]
    pairs = [(key._replace(control=None), key, key.control) for key in curves if key.control is not None]
    pairs += [
        (key, other, other.method if other.model == key.model else other.model)
        for place, key in enumerate(own)
        for other in own[place + 1 :]
        if key.model == TRAINED and (other.model == TRAINED or other.method == key.method)
    ]
    return sorted(pairs, key=lambda pair: own.index(pair[0]))


def curve_table(
    curves: Mapping[Key, np.ndarray], units: Mapping[str, np.ndarray], chance: dict[str, int]
) -> pl.DataFrame:
    """Return FAITHFULNESS_CURVES, the mean curves; parameters as in `area_table`."""
    tables = [empty(FAITHFULNESS_CURVES)]
    for key, both in curves.items():
        for name, values in zip(CURVES, both, strict=True):
            low, high = group_mean_intervals(values, units[key.model], **chance)
            constant = {**key._asdict(), "curve": name, "n": len(values)}
            columns: dict[str, Any] = {column: [value] * len(SHARES) for column, value in constant.items()}
            columns |= {"share": SHARES, "mean": values.mean(axis=0), "low": low, "high": high}
            tables.append(_typed(columns, FAITHFULNESS_CURVES))
    return check(pl.concat(tables), FAITHFULNESS_CURVES)


def sanity_table(
    scores: Mapping[tuple[str, str], np.ndarray], units: Mapping[str, np.ndarray], chance: dict[str, int]
) -> pl.DataFrame:
    """Return SANITY: how alike the scores of other models are to the trained one's.

    Parameters
    ----------
    scores : (model, method) -> float (n, L).
    units, chance : as in `area_table`.
    """
    tables = [empty(SANITY)]
    for (model, method), values in scores.items():
        if model == TRAINED or (TRAINED, method) not in scores:
            continue
        alike = rank_correlation(values, scores[TRAINED, method])
        defined = ~np.isnan(alike)
        low, high = group_mean_intervals(alike[defined, None], units[model][defined], **chance)
        columns = {
            "method": [method], "model": [model], "n": [int(defined.sum())],
            "correlation": [float(alike[defined].mean()) if defined.any() else None], "low": low, "high": high,
        }  # fmt: skip
        tables.append(_typed(columns, SANITY))
    return check(pl.concat(tables), SANITY)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return float64 (n,): Spearman's correlation of two rows of scores over the bases that both score; NaN where a row is constant.

    Parameters
    ----------
    first, second : float (n, L), NaN where there is no score.
    """
    absent = np.isnan(first) | np.isnan(second)
    both = [np.where(absent, np.inf, x) for x in (first, second)]
    ranks = [np.where(absent, 0, rankdata(x, axis=1)) for x in both]
    count = np.maximum((~absent).sum(axis=1, keepdims=True), 1)
    centred = [np.where(absent, 0, r - r.sum(axis=1, keepdims=True) / count) for r in ranks]
    product = (centred[0] * centred[1]).sum(axis=1)
    scale = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    found: np.ndarray = np.divide(product, scale, out=np.full(len(product), np.nan), where=scale > 0)
    return found


def _typed(columns: Mapping[str, Any], schema: Schema) -> pl.DataFrame:
    types = {name: column.dtype for name, column in schema.columns.items()}
    table = pl.DataFrame({name: pl.Series(name, columns[name], dtype=dtype) for name, dtype in types.items()})
    return table.with_columns(pl.col("low", "high").fill_nan(None))
