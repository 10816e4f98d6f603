from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny import random_sequences, tiny_loaded

from phenolens.core.errors import DataError
from phenolens.core.strands import reverse_complement
from phenolens.explain.attribution import integrated_gradients
from phenolens.explain.methods import METHODS, both_strands
from phenolens.explain.occlusion import occlusion
from phenolens.model.predict import predict
from phenolens.model.tokens import encode

LENGTHS = [60, 5, 7, 30, 41, 64, 150, 12]


def mixed():
    return [s[:n] for s, n in zip(random_sequences(8, 150, 1), LENGTHS, strict=True)]


def names(sequences):
    return [f"s{i}" for i in range(len(sequences))]


def sharpened(family, **changes):
    """A tiny classifier whose answer depends strongly on its input."""
    loaded = tiny_loaded(family, **{"max_tokens": 40, "labels": ("a", "b", "c"), **changes})
    with torch.no_grad():
        for weight in loaded.model.parameters():
            if weight.ndim == 2:
                weight.mul_(4)
    return loaded


def score_of(loaded, sequence, target):
    """Explained score from the probabilities of one sequence: log p of the class minus the mean log p of the others."""
    p = np.log(predict(loaded, [sequence], gated=False)[0].astype(np.float64))
    return p[target] - np.delete(p, target).mean()


@pytest.mark.parametrize(("family", "cut"), [("bert", "windows"), ("gpt2", "head_tail")])
def test_neither_batch_nor_order_nor_company_changes_a_score(family, cut):
    loaded, sequences = sharpened(family, cut=cut, max_tokens=20), [text[:60] for text in mixed()]
    for name, method in METHODS.items():
        whole = method(loaded, names(sequences), sequences)
        assert whole.values.dtype == np.float32
        assert whole.values.shape == (8, 60)
        scale = np.nanmax(np.abs(whole.values))
        for size, order in ((1, [1, 7, 3]), (3, [7, 6, 5, 4, 3, 2, 1, 0])):
            some = [sequences[i] for i in order]
            found = method(loaded, names(some), some, batch_size=size).values
            np.testing.assert_allclose(
                found, whole.values[order, : found.shape[1]], atol=2e-5 * scale, err_msg=f"{name} {size}"
            )


@pytest.mark.parametrize(("family", "cut"), [("bert", "head_tail"), ("gpt2", "windows")])
def test_mutagenesis_equals_a_loop_of_single_predictions(family, cut):
    loaded = sharpened(family, cut=cut, max_tokens=14)
    sequences = ["ACGTTGCAACNTAGGCTTAACGGA", "acgttgcaa", "ACG"]
    targets = [2, 0, 1]
    found = METHODS["mutagenesis"](loaded, names(sequences), sequences, target=np.array(targets)).values
    for row, (text, target) in enumerate(zip(sequences, targets, strict=True)):
        tokens = encode(loaded.rule, [text])
        read = {base for start, end in tokens.spans.tolist() for base in range(max(start, 0), end)}
        for base in range(found.shape[1]):
            if base not in read or text[base] == "N":
                assert np.isnan(found[row, base])
                continue
            others = [text[:base] + c + text[base + 1 :] for c in "ACGT" if c != text[base].upper()]
            expected = score_of(loaded, text, target) - np.mean([score_of(loaded, o, target) for o in others])
            assert found[row, base] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("window", [(10, 5), (7, 7), (6, 4), (40, 3)])
def test_occlusion_equals_a_loop_over_windows(window):
    loaded, sequences = sharpened("bert"), [random_sequences(1, 33, 4)[0], "ACGTTGCA"]
    found = occlusion(loaded, names(sequences), sequences, target=np.array([0, 1]), window=window).values
    for row, text in enumerate(sequences):
        starts = sorted({min(s, max(len(text) - window[0], 0)) for s in range(0, len(text), window[1])})
        drops = [[] for _ in text]
        for start in starts:
            end = min(start + window[0], len(text))
            drop = score_of(loaded, text, row) - score_of(loaded, text[:start] + "N" * (end - start) + text[end:], row)
            for base in range(start, end):
                drops[base].append(drop)
        np.testing.assert_allclose(found[row, : len(text)], [np.mean(d) for d in drops], atol=1e-5)


class Linear(torch.nn.Module):
    """A classifier whose logits are linear in the embeddings: sum over real tokens, weight of the class and of the position."""

    def __init__(self, vocabulary, classes, width=5, positions=64):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.embedding = torch.nn.Embedding(vocabulary, width)
        self.weight = torch.randn((classes, positions, width), generator=generator)
        self.device = torch.device("cpu")
        self.config = SimpleNamespace(model_type="linear")

    def get_input_embeddings(self):
        return self.embedding

    def forward(self, input_ids, attention_mask):
        real = self.embedding(input_ids) * attention_mask[..., None]
        return SimpleNamespace(logits=torch.einsum("btd,ctd->bc", real, self.weight[:, : input_ids.shape[1]]))


@pytest.mark.parametrize("baseline", ["mask", "padding"])
def test_integrated_gradients_of_a_linear_model_are_weight_times_change(baseline):
    loaded = sharpened("bert", max_tokens=64)
    model = Linear(len(loaded.rule.vocabulary), 3)
    loaded, sequences, targets = loaded._replace(model=model), mixed()[:6], np.array([0, 1, 2, 0, 1, 2])
    found = integrated_gradients(loaded, names(sequences), sequences, target=targets, baseline=baseline)
    absent = loaded.rule.vocabulary["[MASK]" if baseline == "mask" else "[PAD]"]
    table = model.embedding.weight.detach().numpy().astype(np.float64)
    weight = model.weight.numpy().astype(np.float64)
    for row, (text, target) in enumerate(zip(sequences, targets, strict=True)):
        tokens, expected = encode(loaded.rule, [text]), np.zeros(len(text))
        slope = weight[target] - np.delete(weight, target, axis=0).mean(axis=0)
        for place, (token, (start, end)) in enumerate(zip(tokens.ids, tokens.spans, strict=True)):
            for base in range(max(start, 0), end):
                expected[base] += slope[place] @ (table[token] - table[absent]) / (end - start)
        if (tokens.spans[:, 0] < 0).all():
            assert np.isnan(found.scores.values[row]).all()
        else:
            np.testing.assert_allclose(found.scores.values[row, : len(text)], expected, atol=1e-5)
    assert found.completeness["gap"].abs().max() < 1e-4


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_integrated_gradients_equal_a_fine_sum_over_the_models_own_embedding_argument(family):
    loaded, text = sharpened(family), mixed()[0][:30]
    found = integrated_gradients(loaded, ["x"], [text], target=np.array([1]))
    tokens = encode(loaded.rule, [text])
    ids, content = torch.tensor(tokens.ids.tolist()), torch.tensor(tokens.spans[:, 0] >= 0)
    absent = loaded.rule.vocabulary.get("[MASK]", loaded.rule.pad)
    model = loaded.model.eval()
    embed = model.get_input_embeddings()
    here, there = embed(ids).detach(), embed(torch.where(content, absent, ids)).detach()
    total, steps = torch.zeros_like(here), 300
    for step in range(steps):
        at = (there + (step + 0.5) / steps * (here - there))[None].requires_grad_()
        logits = model(inputs_embeds=at, attention_mask=torch.ones((1, len(ids)))).logits[0]
        (slope,) = torch.autograd.grad(logits[1] - (logits[0] + logits[2]) / 2, at)
        total += slope[0] / steps
    expected = np.zeros(len(text))
    for value, (start, end) in zip(((here - there) * total).sum(dim=1).tolist(), tokens.spans, strict=True):
        expected[max(start, 0) : end] += value / (end - start) if end > start else 0
    np.testing.assert_allclose(found.scores.values[0], expected, rtol=1e-2, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_scores_of_bases_add_up_to_the_difference_from_the_baseline(family):
    loaded, sequences = sharpened(family, cut="windows", max_tokens=20), mixed()
    found = integrated_gradients(loaded, names(sequences), sequences)
    table = found.completeness
    difference = (table["score"] - table["baseline_score"]).to_numpy()
    np.testing.assert_allclose(np.nansum(found.scores.values, axis=1), table["sum"], rtol=1e-5, atol=1e-6)
    assert np.ptp(difference) > 0.05
    assert (np.abs(table["gap"]) <= 0.02 * np.maximum(np.abs(difference), 0.5)).all()
    for row, text in enumerate(sequences):
        target = loaded.labels.index(table["target"][row])
        assert table["score"][row] == pytest.approx(score_of(loaded, text, target), abs=1e-5)


def test_both_strands_read_a_reverse_complement_back_to_front():
    loaded, sequences = sharpened("bert"), mixed()
    other = [reverse_complement(text) for text in sequences]
    for name in ("mutagenesis", "gradient_x_input"):
        method = both_strands(METHODS[name])
        found, turned = (method(loaded, names(texts), texts).values for texts in (sequences, other))
        for row, text in enumerate(sequences):
            n = len(text)
            np.testing.assert_allclose(turned[row, :n], found[row, :n][::-1], atol=1e-5)
            assert np.isnan(found[row, n:]).all()


def test_bases_that_the_model_does_not_read_have_no_score():
    loaded, sequences = sharpened("bert", cut="head", max_tokens=12), [random_sequences(1, 50, 2)[0]]
    for name, method in METHODS.items():
        values = method(loaded, ["x"], sequences).values[0]
        assert np.isfinite(values[:15]).all(), name  # ten 6-mers reach fifteen bases
        assert np.isnan(values[15:]).all(), name


@pytest.mark.parametrize("target", [[0], [0, 3], [0, -1]])
def test_a_class_that_is_not_there_is_refused(target):
    with pytest.raises(DataError, match="one number from 0 to 2 for each sequence"):
        METHODS["mutagenesis"](sharpened("bert"), ["a", "b"], ["ACGTTGCA", "ACGTTGCA"], target=np.array(target))


def test_model_is_left_as_it_was():
    loaded = sharpened("bert")
    loaded.model.train()
    before = loaded.model.get_input_embeddings().weight.detach().clone()
    for method in METHODS.values():
        method(loaded, ["a"], ["ACGTTGCACA"])
    assert loaded.model.training
    assert not loaded.model.get_input_embeddings()._forward_hooks
    assert all(weight.grad is None for weight in loaded.model.parameters())
    assert torch.equal(before, loaded.model.get_input_embeddings().weight)
