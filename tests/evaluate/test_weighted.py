"""Oracle: scikit-learn, called directly, with the weights as sample_weight; a slow ECE of our own."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from phenolens.core.ranking import rank, ranking_scores
from phenolens.evaluate.weighted import prepare, weighted_metrics


def slow_ece(truth: np.ndarray, p: np.ndarray, weights: np.ndarray) -> float:
    confidence, right = p.max(axis=1), p.argmax(axis=1) == truth
    total = 0.0
    for low in range(15):
        inside = (confidence > low / 15) & (confidence <= (low + 1) / 15)
        if weights[inside].sum():
            accuracy = np.average(right[inside], weights=weights[inside])
            gap = accuracy - np.average(confidence[inside], weights=weights[inside])
            total += weights[inside].sum() / weights.sum() * abs(gap)
    return total


def sklearn_metrics(truth: np.ndarray, p: np.ndarray, weights: np.ndarray) -> dict:
    classes = p.shape[1]
    w, hard, labels = {"sample_weight": weights}, p.argmax(axis=1), list(range(classes))
    score = p[:, 1] if classes == 2 else p
    one_hot = np.eye(classes)[truth]
    expected = {
        "accuracy": sk.accuracy_score(truth, hard, **w),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, hard, **w),
        "f1_weighted": sk.f1_score(truth, hard, average="weighted", zero_division=0, **w),
        "f1_macro": sk.f1_score(truth, hard, average="macro", zero_division=0, **w),
        "precision_weighted": sk.precision_score(truth, hard, average="weighted", zero_division=0, **w),
        "recall_weighted": sk.recall_score(truth, hard, average="weighted", **w),
        "auroc_macro": sk.roc_auc_score(truth, score, average="macro", multi_class="ovr", **w),
        "auroc_weighted": sk.roc_auc_score(truth, score, average="weighted", multi_class="ovr", **w),
        "auprc_macro": sk.average_precision_score(one_hot, p, average="macro", **w),
        "auprc_weighted": sk.average_precision_score(one_hot, p, average="weighted", **w),
        "mcc": sk.matthews_corrcoef(truth, hard, **w),
        "brier": sk.brier_score_loss(truth, p, labels=labels, **w),
        "log_loss": sk.log_loss(truth, p, labels=labels, **w),
        "ece": slow_ece(truth, p, weights),
    }
    expected = {(None, name): value for name, value in expected.items()}
    for c in range(classes):
        expected[c, "precision"] = sk.precision_score(truth == c, hard == c, zero_division=np.nan, **w)
        expected[c, "recall"] = sk.recall_score(truth == c, hard == c, **w)
        expected[c, "f1"] = sk.f1_score(truth == c, hard == c, zero_division=np.nan, **w)
        expected[c, "auroc"] = sk.roc_auc_score(truth == c, p[:, c], **w)
        expected[c, "auprc"] = sk.average_precision_score(truth == c, p[:, c], **w)
    return expected


def random_predictions(seed: int, n: int, classes: int, digits: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), generator.integers(0, classes, n - classes)])
    p = generator.dirichlet(np.full(classes, 0.7), n)
    p[np.arange(n), truth] += generator.uniform(0, 0.6, n)
    p /= p.sum(axis=1, keepdims=True)
    if digits:  # few distinct values: ties everywhere; exact fractions so that rows still sum to 1
        steps = 2**digits
        p = np.floor(p * steps) / steps
        p[:, 0] += 1 - p.sum(axis=1)
    return truth, p


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("digits", [0, 2, 4])
def test_every_metric_equals_scikit_learn_under_any_weights(classes: int, digits: int) -> None:
    truth, p = random_predictions(classes, 150, classes, digits)
    generator = np.random.default_rng(5)
    groups = generator.integers(0, 40, 150)
    groups[:40] = np.arange(40)
    # ones, whole numbers with zeros as in a bootstrap, fractions
    weights = np.stack([np.ones(40), generator.integers(0, 4, 40), generator.integers(0, 2, 40), generator.random(40)])
    found = weighted_metrics(prepare(truth, p, groups), weights)
    for at, row in enumerate(weights):
        expected = sklearn_metrics(truth, p, row[groups])
        assert set(found) == set(expected)
        for key, value in expected.items():
            np.testing.assert_allclose(found[key][at], value, rtol=1e-9, atol=1e-12, err_msg=str((key, at)))


def test_four_classes_by_hand() -> None:
    # confusion matrix (rows true): 2 1 0 0 / 0 3 0 0 / 1 0 1 0 / 0 0 1 1
    truth = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3, 3])
    hard = np.array([0, 0, 1, 1, 1, 1, 0, 2, 2, 3])
    p = np.full((10, 4), 0.1)
    p[np.arange(10), hard] = 0.7
    found = weighted_metrics(prepare(truth, p, np.arange(10)), np.ones((1, 10)))
    assert found[None, "accuracy"][0] == pytest.approx(7 / 10)
    assert found[None, "balanced_accuracy"][0] == pytest.approx((2 / 3 + 1 + 1 / 2 + 1 / 2) / 4)
    assert found[0, "precision"][0] == pytest.approx(2 / 3)
    assert found[2, "f1"][0] == pytest.approx(1 / 2)
    # (s c - sum t p) / sqrt((s^2 - sum p^2)(s^2 - sum t^2)), t = 3 3 2 2, p = 3 4 2 1
    assert found[None, "mcc"][0] == pytest.approx((70 - 27) / np.sqrt((100 - 30) * (100 - 26)))
    assert found[None, "ece"][0] == pytest.approx(0, abs=1e-12)  # seven of ten right at confidence 0.7
    assert found[None, "brier"][0] == pytest.approx((7 * (0.09 + 0.03) + 3 * (0.49 + 0.81 + 0.02)) / 10)
    # class 3: one positive at 0.7 above all, one at 0.1 level with eight negatives
    assert found[3, "auroc"][0] == pytest.approx((8 + 8 / 2) / 16)


def test_upper_edge_belongs_to_the_calibration_bin() -> None:
    # 0.6 = 9/15 shares a bin with 0.55 (right and wrong cancel), 0.61 does not
    p = np.array([[0.6, 0.4], [0.45, 0.55]])
    truth, ones = np.array([0, 0]), np.ones((1, 2))
    found = weighted_metrics(prepare(truth, p, np.arange(2)), ones)
    assert found[None, "ece"][0] == pytest.approx(abs(1 - 0.6 + 0 - 0.55) / 2) == slow_ece(truth, p, ones[0])
    p[0] = 0.61, 0.39
    found = weighted_metrics(prepare(truth, p, np.arange(2)), ones)
    assert found[None, "ece"][0] == pytest.approx((0.39 + 0.55) / 2) == slow_ece(truth, p, ones[0])


def test_ranking_does_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, p = random_predictions(1, 60, 2, 3)
    weights = np.random.default_rng(2).integers(0, 3, (50, 60)).astype(float)
    ranking = rank(truth == 1, p[:, 1], np.arange(60))
    whole = ranking_scores(ranking, weights)
    monkeypatch.setattr("phenolens.core.ranking.BLOCK_CELLS", 61)
    np.testing.assert_array_equal(ranking_scores(ranking, weights), whole)


def test_auroc_only_depends_on_the_order() -> None:
    truth, p = random_predictions(3, 100, 2, 0)
    ones = np.ones((1, 100))
    scores = [ranking_scores(rank(truth == 1, f(p[:, 1]), np.arange(100)), ones) for f in (np.asarray, np.log, np.cbrt)]
    assert scores[0] == scores[1] == scores[2]


def test_missing_class_is_left_out_of_averages() -> None:
    truth, p = random_predictions(6, 80, 3, 0)
    keep = truth != 2
    truth, p = truth[keep], p[keep]
    found = weighted_metrics(prepare(truth, p, np.arange(len(truth))), np.ones((1, len(truth))))
    for name in ("recall", "auroc", "auprc"):
        assert np.isnan(found[2, name][0])
    expected = np.mean([sk.roc_auc_score(truth == c, p[:, c]) for c in (0, 1)])
    assert found[None, "auroc_macro"][0] == pytest.approx(expected)
    hard = p.argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # scikit-learn warns of predicted classes without truth
        assert found[None, "balanced_accuracy"][0] == pytest.approx(sk.balanced_accuracy_score(truth, hard))
    assert found[None, "mcc"][0] == pytest.approx(sk.matthews_corrcoef(truth, hard))


def test_one_class_only_has_accuracy_but_no_ranking() -> None:
    p = np.array([[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    found = weighted_metrics(prepare(np.zeros(3, dtype=int), p, np.arange(3)), np.ones((1, 3)))
    assert found[None, "accuracy"][0] == pytest.approx(2 / 3)
    for name in ("auroc_macro", "auroc_weighted", "mcc"):
        assert np.isnan(found[None, name][0])
    right = weighted_metrics(prepare(np.zeros(3, dtype=int), p[[0, 2, 0]], np.arange(3)), np.ones((1, 3)))
    assert right[None, "accuracy"][0] == 1
    assert np.isnan(right[None, "mcc"][0])


def test_resample_that_loses_a_class_has_no_macro_average() -> None:
    truth, p = np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]])
    found = weighted_metrics(prepare(truth, p, truth), np.array([[2.0, 0.0], [1.0, 1.0]]))
    assert np.isnan(found[None, "balanced_accuracy"][0])
    assert np.isnan(found[None, "auroc_macro"][0])
    assert found[None, "accuracy"].tolist() == [0.5, 0.5]


def test_constant_predictions_have_no_correlation() -> None:
    truth = np.array([0, 1, 1, 0])
    found = weighted_metrics(prepare(truth, np.full((4, 2), 0.5), np.arange(4)), np.ones((1, 4)))
    assert found[None, "mcc"][0] == sk.matthews_corrcoef(truth, np.zeros(4)) == 0
    assert found[None, "auroc_macro"][0] == 0.5
    assert np.isnan(found[1, "precision"][0])  # never predicted
