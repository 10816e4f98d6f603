"""Models of random weights for pre-training: the loss over hidden tokens, and what a BERT knows before it has read anything."""

import numpy as np
import pytest
import torch
from tiny import random_sequences
from transformers import BertForMaskedLM

from phenolens.core.settings_learn import PretrainSettings, TrainSettings
from phenolens.model.initial import OFFSETS, MaskedBert, new_model
from phenolens.model.masking import Batches
from phenolens.model.vocabulary import kmer_rule, kmer_vocabulary

TINY = {"layers": 1, "width": 32, "heads": 2, "intermediate": 32, "k": 3, "lengths": (32,), "batch_tokens": 512}


def test_loss_equals_hugging_faces_own_over_all_tokens_and_a_loop_over_words():
    rule = kmer_rule(kmer_vocabulary(3), TrainSettings())
    settings = PretrainSettings(**TINY | {"lengths": (32, 48)}, summary=0.5)
    batch = Batches([s[: 20 + 9 * i] for i, s in enumerate(random_sequences(5, 80, 1))], rule, settings, 1, 1)[0]
    torch.manual_seed(0)
    ours = new_model(rule, settings).eval()
    theirs = BertForMaskedLM(ours.config).eval()
    theirs.load_state_dict(ours.state_dict())
    known = {name: batch[name] for name in ("input_ids", "attention_mask", "labels")}
    with torch.inference_mode():
        output = theirs(**known)
        torch.testing.assert_close(ours(**batch)["loss"], output.loss)
        original = torch.where(batch["labels"] >= 0, batch["labels"], batch["input_ids"])
        terms = [
            -float(output.logits[row, 0].softmax(dim=0)[token].log())
            for row in range(len(original))
            for token in original[row].tolist()
            if token not in {rule.vocabulary[x] for x in ("[PAD]", "[CLS]", "[SEP]", "[MASK]", "[UNK]")}
        ]
        both = ours.train()(**batch)["loss"]  # dropout is 0
    assert float(both) == pytest.approx(float(output.loss) + 0.5 * np.mean(terms), rel=1e-4)
    assert isinstance(ours, MaskedBert)


@pytest.fixture(scope="module")
def start():
    torch.manual_seed(3)
    rule = kmer_rule(kmer_vocabulary(4), TrainSettings())
    settings = PretrainSettings(layers=3, width=128, heads=4, lengths=(256,), k=4)
    return rule, new_model(rule, settings)


def test_kmers_that_share_letters_at_a_place_lie_close(start):
    rule, model = start
    vectors = torch.nn.functional.normalize(model.bert.embeddings.word_embeddings.weight.detach(), dim=1)
    of = {word: vectors[i] for word, i in rule.vocabulary.items()}
    same = np.mean([float(of["ACG" + x] @ of["ACG" + y]) for x, y in ("AC", "GT", "AT")])
    other = np.mean([float(of["ACGT"] @ of[w]) for w in ("CGTA", "GTAC", "TACG")])
    assert same == pytest.approx(0.75, abs=0.12)
    assert other == pytest.approx(0.0, abs=0.3)


def test_each_head_of_the_first_layers_looks_at_its_offset(start):
    rule, model = start
    model.set_attn_implementation("eager")
    ids = Batches(random_sequences(2, 400, 1), rule, PretrainSettings(lengths=(200,), k=4), 1, 1)[0]["input_ids"][:4]
    with torch.inference_mode():
        attention = model.bert(input_ids=ids, output_attentions=True).attentions
    model.set_attn_implementation("sdpa")
    for head, offset in enumerate(OFFSETS[0]):
        rows = attention[0][:, head, 20:180].mean(dim=0)  # (160, T)
        looked = rows.argmax(dim=1) - torch.arange(20, 180)
        assert int(looked.median()) == offset
        assert ((looked - offset).abs() <= 1).float().mean() > 0.9
