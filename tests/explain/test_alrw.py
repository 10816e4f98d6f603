from itertools import pairwise

import numpy as np
import oracles
import polars as pl
import pytest
import torch
from tiny import MOTIF, planted, random_sequences, tiny_loaded, tiny_settings

from phenolens.core.errors import DataError
from phenolens.core.settings_explain import ExplainSettings
from phenolens.explain.alrw import Options, alrw, alrw_blocks
from phenolens.explain.alrw_bases import paper_vectors
from phenolens.explain.attention import reading_attention
from phenolens.explain.regions import find_regions
from phenolens.model.predict import predict
from phenolens.model.tokens import encode
from phenolens.model.train import train

LENGTHS = [60, 5, 7, 30, 41, 64, 150, 12]


def mixed():
    return [s[:n] for s, n in zip(random_sequences(8, 150, 1), LENGTHS, strict=True)]


def sharpened(family, **changes):
    loaded = tiny_loaded(family, **changes)
    with torch.no_grad():
        for name, weight in loaded.model.named_parameters():
            if any(part in name for part in ("query", "key", "c_attn")) and weight.ndim == 2:
                weight.mul_(10)
    return loaded


def uniform(family, **changes):
    loaded = tiny_loaded(family, **changes)
    with torch.no_grad():
        for name, weight in loaded.model.named_parameters():
            if any(part in name for part in ("query", "key", "c_attn")):
                weight.zero_()
    return loaded


def attention_of(loaded, sequence):
    """Token attention summed over heads and token spans of one sequence alone, without special tokens; and the whole row."""
    tokens = encode(loaded.rule, [sequence])
    ids = torch.tensor([tokens.ids.tolist()])
    with torch.no_grad():
        row = reading_attention(loaded.model.eval(), ids, torch.ones_like(ids)).sum(dim=1)[0].double().tolist()
    real = [i for i, (start, _) in enumerate(tokens.spans.tolist()) if start >= 0]
    return [row[i] for i in real], [tuple(tokens.spans[i].tolist()) for i in real], row


def scores_of(loaded, sequences, **options):
    return alrw(loaded, [f"s{i}" for i in range(len(sequences))], sequences, **options)


@pytest.mark.parametrize("cut", ["head_tail", "head"])
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_equals_the_double_loop(family, cut):
    loaded, sequences = sharpened(family, cut=cut), mixed()
    found = scores_of(loaded, sequences)
    assert found.values.dtype == np.float32
    assert found.values.shape == (8, 150)
    for i, sequence in enumerate(sequences):
        values, spans, _ = attention_of(loaded, sequence)
        expected = oracles.alrw(values, spans, len(sequence)) if spans else [np.nan] * len(sequence)
        np.testing.assert_allclose(found.values[i, : len(sequence)], expected, atol=1e-6)
        assert np.isnan(found.values[i, len(sequence) :]).all()


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_windows_are_the_mean_over_those_that_cover_a_base(family):
    loaded, sequences = sharpened(family, cut="windows", max_tokens=20), mixed()
    found = scores_of(loaded, sequences, batch_size=3).values
    for i, sequence in enumerate(sequences):
        tokens, vectors = encode(loaded.rule, [sequence]), []
        for start, end in pairwise(tokens.offsets.tolist()):
            ids, spans = torch.tensor([tokens.ids[start:end].tolist()]), tokens.spans[start:end].tolist()
            with torch.no_grad():
                row = reading_attention(loaded.model.eval(), ids, torch.ones_like(ids)).sum(dim=1)[0].double().tolist()
            pairs = [(a, (s, e)) for a, (s, e) in zip(row, spans, strict=True) if s >= 0]
            if pairs:
                vectors.append(oracles.alrw([a for a, _ in pairs], [p for _, p in pairs], len(sequence)))
        if not vectors:
            assert np.isnan(found[i]).all()
            continue
        mean = np.ma.masked_invalid(vectors).mean(axis=0).filled(np.nan)
        np.testing.assert_allclose(found[i, : len(sequence)], mean / np.sqrt(np.nansum(mean**2)), atol=1e-6)
        assert np.isnan(found[i, len(sequence) :]).all()
        assert np.isfinite(found[i, : len(sequence)]).all()  # no base is left out, unlike with the other cuts


def test_a_base_without_a_token_is_nan_and_the_rest_has_norm_one():
    found = scores_of(sharpened("bert", cut="head_tail"), mixed()).values
    # 150 bases: the first 36 and the last 26 of 145 6-mers stay, which cover bases 0-40 and 119-149
    assert np.isnan(found[6, 41:119]).all()
    assert np.isfinite(found[6, :41]).all()
    assert np.isfinite(found[6, 119:]).all()
    assert np.isnan(found[1]).all()  # 5 bases have no 6-mer
    np.testing.assert_allclose(np.sqrt(np.nansum(found**2, axis=1))[[0, 2, 3, 4, 5, 6, 7]], 1, atol=1e-6)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_batch_size_order_and_case_change_nothing(family):
    loaded, sequences = sharpened(family), mixed()
    one = scores_of(loaded, sequences, batch_size=1).values
    for size in (3, 32):
        np.testing.assert_allclose(scores_of(loaded, sequences, batch_size=size).values, one, atol=1e-5)
    turned = scores_of(loaded, [s.lower() for s in sequences[::-1]], batch_size=4).values[::-1]
    np.testing.assert_allclose(turned, one, atol=1e-5)


@pytest.mark.parametrize("cut", ["head_tail", "windows", "paper"])
def test_uniform_attention_gives_a_flat_profile_at_every_length(cut):
    """At both edges, where head and tail were cut apart, and where windows overlap."""
    lengths = range(6, 513)
    text = random_sequences(1, 512, 5)[0]
    found = scores_of(uniform("bert", max_tokens=200, cut=cut), [text[:length] for length in lengths]).values
    for row, length in zip(found, lengths, strict=True):
        read = ~np.isnan(row)
        assert read[length:].sum() == 0
        assert read[:length].all() or (cut != "windows" and length > 198 + 5)
        np.testing.assert_allclose(row[read], 1 / np.sqrt(read.sum()), atol=1e-6)


def test_uniform_attention_in_paper_mode_is_diluted_at_the_last_five_bases():
    """The figures of METHOD 9."""
    found = scores_of(uniform("bert", max_tokens=512), random_sequences(1, 100, 2), mode="paper").values[0]
    np.testing.assert_allclose(found / found[0], [1] * 95 + [0.83, 0.67, 0.50, 0.33, 0.17], atol=5e-3)


@pytest.mark.parametrize("length", [20, 150, 304, 305, 306, 400, 511, 512, 513, 516, 700])
def test_paper_mode_equals_the_reference_loop_on_a_padded_row(length):
    loaded = sharpened("bert", cut="paper", max_tokens=512)
    sequence = random_sequences(1, length, 3)[0]
    _, spans, row = attention_of(loaded, sequence)
    vector = oracles.paper_vector(row + [0.0] * (512 - len(row)), 6)
    found = paper_vectors(np.array([row]), np.array([len(spans)]), 6, 512)[0]
    np.testing.assert_allclose(found, vector, atol=1e-12)
    count = length - 5
    joined = [*range(min(300, count)), *range(count - min(212, count), count)][:510]  # the k-mers, in the paper's order
    bases = [*joined, *range(joined[-1] + 1, joined[-1] + 6)]
    expected = np.full(length, np.nan)
    for position in range(min(len(bases), 512) - 1, -1, -1):
        expected[bases[position]] = vector[position]
    np.testing.assert_allclose(scores_of(loaded, [sequence], mode="paper").values[0], expected, atol=1e-6)


@pytest.mark.parametrize("content", [505, 506, 507, 510])
def test_paper_vector_at_the_full_row_follows_the_reference(content):
    """[SEP] counts 0 where padding follows it among the scored tokens, and counts where it is the last scored one."""
    row = np.zeros(512)
    row[: content + 2] = np.random.default_rng(content).random(content + 2)
    found = paper_vectors(row[None, : content + 2], np.array([content]), 6, 512)[0]
    np.testing.assert_allclose(found, oracles.paper_vector(row.tolist(), 6), atol=1e-12)


@pytest.mark.parametrize("cut", ["head_tail", "windows"])
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_blocks_hold_few_sequences_and_the_same_scores_heads_and_logits(family, cut):
    loaded, sequences = sharpened(family, cut=cut, max_tokens=30), mixed()
    names = [f"s{i}" for i in range(8)]
    whole = scores_of(loaded, sequences)
    blocks = list(alrw_blocks(loaded, names, sequences, Options(heads=True, block_bases=150, batch_size=3)))
    assert [name for block in blocks for name in block.scores.sequence_ids] == names
    assert [len(block.logits) for block in blocks] == [2, 3, 1, 1, 1]
    expected = predict(loaded, sequences)
    for block in blocks:
        n, width = block.scores.values.shape
        assert n * width <= 150
        rows = slice(block.first, block.first + n)
        np.testing.assert_allclose(block.scores.values, whole.values[rows, :width], atol=1e-6)
        np.testing.assert_allclose(torch.from_numpy(block.logits).softmax(dim=1), expected[rows], atol=1e-5)
        assert block.heads.shape == (n, 2, width)
        read = ~np.isnan(whole.values[rows, :width]).all(axis=1)
        np.testing.assert_allclose(np.sqrt(np.nansum(block.heads[read] ** 2, axis=2)), 1, atol=1e-5)
    assert [*alrw_blocks(loaded, [], [], Options(heads=True))] == []


def test_a_head_alone_is_what_the_model_with_that_head_alone_would_have():
    """Heads differ, and each is scored by the double loop over its own attention."""
    loaded, sequence = sharpened("gpt2"), random_sequences(1, 90, 4)[0]
    (block,) = alrw_blocks(loaded, ["s"], [sequence], Options(heads=True))
    tokens = encode(loaded.rule, [sequence])
    ids, spans = torch.tensor([tokens.ids.tolist()]), [tuple(span) for span in tokens.spans.tolist()]
    with torch.no_grad():
        rows = reading_attention(loaded.model.eval(), ids, torch.ones_like(ids))[0].double().tolist()
    for head, row in enumerate(rows):
        pairs = [(a, span) for a, span in zip(row, spans, strict=True) if span[0] >= 0]
        expected = oracles.alrw([a for a, _ in pairs], [span for _, span in pairs], 90)
        np.testing.assert_allclose(block.heads[0, head], expected, atol=1e-6)
    assert np.abs(block.heads[0, 0] - block.heads[0, 1]).max() > 0.01


@pytest.mark.parametrize("mode", ["default", "paper"])
def test_the_other_mode_comes_from_the_same_pass(mode):
    loaded, sequences = sharpened("bert", cut="paper", max_tokens=64), mixed()
    (block,) = alrw_blocks(loaded, list("abcdefgh"), sequences, Options(mode=mode, heads=True, other=True))
    for found in (block.scores, block.other):
        expected = scores_of(loaded, sequences, mode="paper" if found.method == "alrw-paper" else "default")
        np.testing.assert_allclose(found.values, expected.values, atol=1e-6)
    assert {block.scores.method, block.other.method} == {"alrw", "alrw-paper"}
    (block,) = alrw_blocks(tiny_loaded("gpt2"), ["a"], sequences[:1], Options(other=True))
    assert block.other is None


@pytest.mark.parametrize("layer", [0, "rollout"])
def test_another_layer_and_rollout_are_scored_alike(layer):
    loaded, sequences = sharpened("bert"), mixed()
    found = scores_of(loaded, sequences, layer=layer, batch_size=3)
    assert np.nanmax(np.abs(found.values - scores_of(loaded, sequences).values)) > 0.01
    for i, sequence in enumerate(sequences[:4]):
        tokens = encode(loaded.rule, [sequence])
        ids = torch.tensor([tokens.ids.tolist()])
        with torch.no_grad():
            row = reading_attention(loaded.model.eval(), ids, torch.ones_like(ids), layer=layer).sum(dim=1)[0].tolist()
        pairs = [(a, tuple(span)) for a, span in zip(row, tokens.spans.tolist(), strict=True) if span[0] >= 0]
        if pairs:
            expected = oracles.alrw([a for a, _ in pairs], [span for _, span in pairs], len(sequence))
            np.testing.assert_allclose(found.values[i, : len(sequence)], expected, atol=1e-6)


def test_paper_mode_does_not_depend_on_the_batch():
    loaded, sequences = sharpened("bert", cut="paper", max_tokens=64), mixed()
    np.testing.assert_allclose(
        scores_of(loaded, sequences, mode="paper", batch_size=1).values,
        scores_of(loaded, sequences, mode="paper").values,
        atol=1e-6,
    )


def test_paper_mode_has_no_windows():
    with pytest.raises(DataError, match=r"paper is not defined for sequences read in windows"):
        scores_of(tiny_loaded("bert", cut="windows"), mixed(), mode="paper")


def test_paper_mode_needs_kmers():
    with pytest.raises(DataError, match=r"paper is defined for k-mer models only; use explain.mode = default"):
        scores_of(tiny_loaded("gpt2"), mixed(), mode="paper")


def test_model_is_left_as_found_and_no_sequences_is_no_scores():
    loaded = tiny_loaded("bert", dropout=0.3)
    loaded.model.train()
    first, second = scores_of(loaded, mixed()).values, scores_of(loaded, mixed()).values
    np.testing.assert_array_equal(first, second)
    assert loaded.model.training
    assert scores_of(loaded, []).values.shape == (0, 0)


def test_regions_of_a_trained_model_are_the_planted_bases(tmp_path):
    """A model that learned a planted 8-mer: most sequences with it have a region, and most regions hold it."""
    found = planted(600, 40, 3)
    gentle = {"learning_rate": 5e-3, "epochs": 6}
    loaded = tiny_loaded("bert", **gentle)
    train(loaded, found.table, tmp_path, tiny_settings(**gentle), 1)
    null = pl.lit(None)
    columns = {
        "chrom": pl.String,
        "start": pl.Int64,
        "end": pl.Int64,
        "strand": pl.String,
        "allele": pl.String,
        "cigar": pl.String,
    }
    table = found.table.with_columns(null.cast(kind).alias(name) for name, kind in columns.items())
    table = table.with_columns(position=pl.Series(found.positions)).filter(
        (pl.col("split") == "test") & (pl.col("label") == "with")
    )
    scores = alrw(loaded, table["sequence_id"].to_list(), table["sequence"].to_list())
    regions = find_regions(scores, table, ExplainSettings(times_min=2, min_run=5)).join(
        table.select("sequence_id", "position"), on="sequence_id"
    )
    hit = (regions["sequence_start"] < regions["position"] + len(MOTIF)) & (
        regions["sequence_end"] > regions["position"]
    )
    assert regions.filter(hit)["sequence_id"].n_unique() > 0.8 * table.height
    assert hit.mean() > 0.8
