import threading

import numpy as np
import pytest
import torch
from tiny import random_sequences, tiny_loaded
from transformers import BertConfig, BertForSequenceClassification

from phenolens.model.forward import logits, shorten, spread
from phenolens.model.predict import predict
from phenolens.model.tokens import encode, padded


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("padding", [False, True])
def test_last_layer_at_the_first_token_alone_gives_hugging_faces_logits(layers, padding):
    torch.manual_seed(1)
    sizes = {"hidden_size": 24, "num_hidden_layers": layers, "num_attention_heads": 3, "intermediate_size": 40}
    config = BertConfig(vocab_size=30, num_labels=3, attn_implementation="sdpa", **sizes)
    model = BertForSequenceClassification(config).eval()
    for name, parameter in model.named_parameters():  # biases too, which start at 0
        torch.nn.init.normal_(parameter, mean=float("LayerNorm.weight" in name), std=0.4)
    ids, mask = torch.randint(1, 30, (5, 17)), torch.ones((5, 17), dtype=torch.long)
    if padding:
        mask[torch.arange(17) >= torch.tensor([17, 9, 3, 1, 12])[:, None]] = 0
    with torch.inference_mode():
        expected = model(input_ids=ids, attention_mask=mask).logits
        found = logits(model, ids, mask)
    assert expected.std(dim=0).min() > 0.05
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_a_decoder_and_eager_attention_take_the_plain_way():
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    ids = torch.randint(1, 30, (2, 7))
    for extra in ({"is_decoder": True}, {"attn_implementation": "eager"}):
        model = BertForSequenceClassification(BertConfig(vocab_size=30, **sizes, **extra)).eval()
        with torch.inference_mode():
            expected = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
            assert torch.equal(logits(model, ids, torch.ones_like(ids)), expected)


def test_gradients_of_the_short_way_are_hugging_faces():
    torch.manual_seed(1)
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40}
    nothing = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = BertForSequenceClassification(BertConfig(vocab_size=30, attn_implementation="sdpa", **sizes, **nothing))
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("LayerNorm.weight" in name), std=0.4)
    ids, mask = torch.randint(1, 30, (5, 17)), torch.ones((5, 17), dtype=torch.long)
    mask[2, 9:] = 0

    def gradients():
        model.zero_grad()
        model(input_ids=ids, attention_mask=mask).logits.square().sum().backward()
        return {name: parameter.grad for name, parameter in model.named_parameters()}

    expected = gradients()
    shorten(model)
    for name, gradient in gradients().items():
        if name == "bert.encoder.layer.1.attention.self.key.bias":  # a softmax does not see it
            assert gradient is None
            assert expected[name].abs().max() < 1e-4
        else:
            torch.testing.assert_close(gradient, expected[name], atol=1e-4, rtol=1e-3)
            assert gradient.abs().max() > 1e-2 or name.endswith("key.bias")


def test_dropout_before_the_head_stays_on_the_short_way():
    loaded = tiny_loaded("bert", dropout=0.5)
    ids = torch.randint(5, 30, (64, 9))
    for module in loaded.model.bert.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    shorten(loaded.model)
    first, second = (loaded.model.train()(input_ids=ids, attention_mask=torch.ones_like(ids)).logits for _ in range(2))
    assert not torch.equal(first, second)


def test_updates_of_lora_keep_their_own_way():
    model = tiny_loaded("bert", adapt="lora").model
    shorten(model)
    assert "forward" not in model.__dict__


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_threads_change_nothing(family):
    loaded, sequences = tiny_loaded(family), [s[: 10 + i] for i, s in enumerate(random_sequences(60, 90, 3))]
    tokens, threads = encode(loaded.rule, sequences), torch.get_num_threads()
    with torch.inference_mode():
        one_by_one = [
            logits(loaded.model.eval(), *(torch.from_numpy(a) for a in padded(loaded.rule, tokens, np.array([i]))[:2]))
            for i in range(60)
        ]
    expected = torch.cat(one_by_one).softmax(dim=1)
    try:
        torch.set_num_threads(3)
        found = predict(loaded, sequences, batch_size=2)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_work_is_spread_in_order_a_few_items_ahead_and_without_gradients():
    taken, threads = [], torch.get_num_threads()

    def items():
        for i in range(50):
            taken.append(i)
            yield i

    def work(i):
        assert torch.is_inference_mode_enabled()
        assert torch.get_num_threads() == 1
        return i * i, threading.get_ident()

    try:
        torch.set_num_threads(2)
        ahead, found = [], []
        for item, (square, thread) in spread(work, items()):
            ahead.append(len(taken) - item)
            found.append((item, square))
            assert thread != threading.get_ident()
    finally:
        torch.set_num_threads(threads)
    assert found == [(i, i * i) for i in range(50)]
    assert max(ahead) <= 5


def test_an_error_in_a_thread_is_the_callers_and_threads_come_back():
    def work(i):
        return 1 // (i - 3)

    threads = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        list(spread(work, range(10)))
    assert torch.get_num_threads() == threads
