"""Oracles: pairs counted one by one, scikit-learn called directly, and labels that mean nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from phenolens.explain.probe import out_of_fold, probe_scores, silhouettes, task, weighted_mean


def grouped(n, groups, classes, seed):
    """Labels and groups: a group has one class only."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    return [f"c{g % classes}" for g in group], [f"g{g}" for g in group]


def slow_scores(probabilities, asked, weights):
    """Balanced accuracy and AUROC (pairs of one fold only) of one weighting, sequence by sequence and pair by pair."""
    w = weights[asked.groups]
    shares, areas = [], []
    for c in range(asked.classes):
        mine = [i for i in range(len(w)) if asked.truth[i] == c]
        shares.append(sum(w[i] for i in mine if probabilities[i].argmax() == c) / sum(w[i] for i in mine))
        right = total = 0.0
        for i in mine:
            for j in range(len(w)):
                if asked.truth[j] != c and asked.folds[i] == asked.folds[j]:
                    total += w[i] * w[j]
                    a, b = probabilities[i, c], probabilities[j, c]
                    right += w[i] * w[j] * (1.0 if a > b else 0.5 if a == b else 0.0)
        areas.append(right / total)
    return np.mean(shares), np.mean(areas)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 60), st.integers(2, 25), st.integers(1, 4), st.integers(2, 6))
def test_no_group_is_ever_on_both_sides(seed, n, groups, classes, folds):
    rng = np.random.default_rng(seed)
    labels = [f"c{c}" for c in rng.integers(0, classes, n)]
    names = [f"g{g}" for g in rng.integers(0, groups, n)]
    asked = task(labels, names, folds=folds, seed=seed)
    if not len(asked.folds):
        assert asked.note
        return
    where = {}
    for row, fold in zip(asked.rows, asked.folds, strict=True):
        where.setdefault(names[row], set()).add(int(fold))
    assert all(len(parts) == 1 for parts in where.values())
    assert 2 <= len(set(asked.folds.tolist())) <= folds
    kept = [labels[row] for row in asked.rows]
    assert len({(a, b) for a, b in zip(kept, asked.truth, strict=True)}) == asked.classes == len(set(kept))


def test_every_class_has_its_share_in_every_fold():
    labels, groups = grouped(400, 80, 2, 1)
    asked = task(labels, groups, seed=3)
    for fold in range(5):
        assert 0.35 < asked.truth[asked.folds == fold].mean() < 0.65


def test_a_class_of_one_group_is_left_out_and_said():
    labels, groups = grouped(60, 12, 2, 1)
    asked = task([*labels, "alone", "alone"], [*groups, "x", "x"])
    assert asked.classes == 2
    assert len(asked.rows) == 60
    assert "alone" in asked.note


@pytest.mark.parametrize(("labels", "groups"), [([], []), (["a"] * 9, list("abcabcabc")), (list("aabb"), list("xxyy"))])
def test_one_class_or_too_few_groups_is_said(labels, groups):
    asked = task(labels, groups)
    assert len(asked.folds) == 0
    assert "cannot" in asked.note


@pytest.mark.parametrize("classes", [2, 3])
def test_scores_are_those_of_all_pairs_counted_one_by_one(classes):
    labels, groups = grouped(90, 25, classes, 2)
    asked = task(labels, groups, folds=3)
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.ones(classes), 90).round(1)  # rounded: ties
    weights = np.stack([np.ones(25), rng.integers(0, 3, 25), rng.random(25)])[:, : asked.groups.max() + 1]
    found = probe_scores(p, asked, weights)
    for r, row in enumerate(weights):
        accuracy, area = slow_scores(p, asked, row)
        assert found["balanced_accuracy"][r] == pytest.approx(accuracy)
        assert found["auroc_macro"][r] == pytest.approx(area)
    assert found["balanced_accuracy"][0] == pytest.approx(sk.balanced_accuracy_score(asked.truth, p.argmax(axis=1)))


def test_a_sequence_is_predicted_without_its_group_by_scaling_and_regression():
    labels, groups = grouped(80, 20, 3, 5)
    asked = task(labels, groups, folds=4)
    x = np.random.default_rng(1).normal(3, 2, (80, 7)) + asked.truth[:, None]
    found = out_of_fold(x, asked)
    for fold in range(4):
        out = asked.folds == fold
        mean, sd = x[~out].mean(axis=0), x[~out].std(axis=0)
        model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=300)
        model.fit((x[~out] - mean) / sd / np.sqrt(7), asked.truth[~out])
        np.testing.assert_allclose(found[out], model.predict_proba((x[out] - mean) / sd / np.sqrt(7)), atol=1e-5)
    np.testing.assert_allclose(found, out_of_fold(x * 100 - 7, asked), atol=2e-3)


def test_features_that_hold_the_class_are_found_and_permuted_labels_are_at_chance():
    rng = np.random.default_rng(4)
    values, truth = rng.normal(size=(300, 20)), np.repeat([0, 1, 2], 100)
    values[:, 3] += 4 * truth
    groups = [f"g{i // 3}" for i in range(300)]
    ones = np.ones((1, 100))
    good = task([f"c{c}" for c in truth], groups)
    found = probe_scores(out_of_fold(values, good), good, ones)
    assert found["balanced_accuracy"][0] > 0.9
    scores = []
    for seed in range(6):
        dealt = np.random.default_rng(seed).permutation(truth)
        nonsense = task([f"c{c}" for c in dealt], groups, seed=seed)
        scores.append([v[0] for v in probe_scores(out_of_fold(values, nonsense), nonsense, ones).values()])
    accuracy, area = np.mean(scores, axis=0)
    assert abs(accuracy - 1 / 3) < 0.05
    assert abs(area - 0.5) < 0.05


def test_rounding_errors_of_a_constant_feature_are_no_information():
    labels, groups = grouped(60, 20, 2, 1)
    asked = task(labels, groups)
    noise = 1e-7 * np.array([float(label == "c1") for label in labels])
    found = probe_scores(out_of_fold(np.ones((60, 4)) + noise[:, None], asked), asked, np.ones((1, 20)))
    assert found["balanced_accuracy"][0] == 0.5
    assert found["auroc_macro"][0] == 0.5
    assert silhouettes(np.ones((60, 4)) + noise[:, None], asked) is None


def test_silhouettes_are_those_of_centred_cosine_distances():
    labels, groups = grouped(40, 12, 2, 7)
    asked = task(labels, groups)
    x = np.random.default_rng(2).normal(2, 1, (40, 5))
    x[:, 0] += asked.truth
    found = silhouettes(x, asked)
    y = x - x.mean(axis=0)
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    for i in range(40):
        distance = [1 - float(y[i] @ y[j]) for j in range(40)]
        own = np.mean([distance[j] for j in range(40) if j != i and asked.truth[j] == asked.truth[i]])
        other = np.mean([distance[j] for j in range(40) if asked.truth[j] != asked.truth[i]])
        assert found[i] == pytest.approx((other - own) / max(own, other))
    weights = np.stack([np.ones(12), np.arange(12.0)])
    expected = [found.mean(), np.average(found, weights=asked.groups)]
    np.testing.assert_allclose(weighted_mean(found, asked, weights), expected)
