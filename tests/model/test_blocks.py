"""Non-overlapping k-mers and letters against the tokenizers of transformers that they stand in for."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import ByT5Tokenizer, EsmTokenizer, PreTrainedTokenizerFast

from phenolens.core.settings_learn import TrainSettings
from phenolens.model.blocks import block_table
from phenolens.model.tokens import encode
from phenolens.model.vocabulary import folder_rule, tokenizer_rule

SETTINGS = TrainSettings.model_validate({})
DNA = st.lists(st.text("ACGTACGTACGTNRYacgtn", max_size=60), min_size=1, max_size=5)
SPECIAL = ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>"]


def esm(folder, k, letters="ATCGN", eos=None):
    """EsmTokenizer with all k-mers, as Nucleotide Transformer's, whose k is 6; k = 1 is letters alone."""
    words = ["".join(word) for word in itertools.product("ATCG", repeat=k)] if k > 1 else []
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *words, *letters]))
    return EsmTokenizer(str(folder / "vocab.txt"), eos_token=eos)


def letter_level(case=str):
    words = {word: i for i, word in enumerate(["[PAD]", "[UNK]", *map(case, "ACGTN")])}
    inner = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]")


def agree(rule, tokenizer, sequences):
    """Ids are the tokenizer's own; spans tile the sequence and spell every known token."""
    tokens = encode(rule, sequences)
    for i, sequence in enumerate(sequences):
        part = slice(tokens.offsets[i], tokens.offsets[i + 1])
        ids, spans = tokens.ids[part], tokens.spans[part]
        text = sequence.upper() if rule.upper else sequence.lower()
        assert ids.tolist() == tokenizer(text)["input_ids"]
        content = spans[:, 0] >= 0
        assert spans[content].ravel().tolist()[1:-1:2] == spans[content].ravel().tolist()[2::2]
        assert "".join(text[s:e] for s, e in spans[content]) == text
        for token, (start, end) in zip(ids[content].tolist(), spans[content].tolist(), strict=True):
            assert token == rule.unknown or tokenizer.convert_ids_to_tokens(token) == text[start:end]


@pytest.mark.parametrize(("k", "letters"), [(1, "ATCGN"), (2, "ATCGN"), (3, "ATCG"), (4, "NATCG"), (3, "ATCGNR")])
def test_blocks_are_what_esms_tokenizer_reads(tmp_path, k, letters):
    tokenizer = esm(tmp_path / "esm", k, letters)
    rule = tokenizer_rule(tokenizer, SETTINGS)
    assert (rule.kind, rule.k, rule.prefix, rule.suffix, rule.pad, rule.unknown) == ("blocks", k, (3,), (), 1, 0)

    @settings(max_examples=40, deadline=None)
    @given(DNA)
    def same(sequences):
        agree(rule, tokenizer, sequences)

    same()


def test_nucleotide_transformers_layout_in_six_bases_from_a_folder(tmp_path):
    tokenizer = esm(tmp_path / "nt", 6)
    tokenizer.save_pretrained(tmp_path / "nt")
    rule = folder_rule(tmp_path / "nt", SETTINGS)
    agree(rule, tokenizer, ["ACGTACGTACGTA", "ACGTACNGTACGTTTN", "nnacgtacgtacgtacgtac", "AC", "", "N" * 8])
    tokens = encode(rule, ["ACGTACGTACGTAnACG"])
    assert [tuple(s) for s in tokens.spans.tolist()] == [
        *[(-1, -1), (0, 6), (6, 12), (12, 13), (13, 14), (14, 15), (15, 16), (16, 17)]
    ]


def test_esms_own_end_token_is_kept(tmp_path):
    rule = tokenizer_rule(esm(tmp_path / "esm", 2, eos="<eos>"), SETTINGS)
    assert (rule.prefix, rule.suffix) == ((3,), (4,))


@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_letters_of_a_fast_tokenizer_are_looked_up_one_unknown_token_each(case):
    tokenizer = letter_level(case)
    rule = tokenizer_rule(tokenizer, SETTINGS)
    assert (rule.kind, rule.k, rule.upper) == ("blocks", 1, case is str.upper)
    agree(rule, tokenizer, ["ACGTNRYACGT", "RRR", "", "acgtnN", "A"])


def test_bytes_are_letters_of_both_cases():
    tokenizer = ByT5Tokenizer()
    rule = tokenizer_rule(tokenizer, SETTINGS)
    assert (rule.kind, rule.k) == ("blocks", 1)
    agree(rule, tokenizer, ["ACGTNRYACGT", "acgtn", ""])


def test_all_sequences_together_are_each_alone(tmp_path):
    rule = tokenizer_rule(esm(tmp_path / "esm", 3), SETTINGS)
    sequences = ["", "ACGTA", "", "NACG", "RR", "RACGT", "A", ""]
    together = encode(rule, sequences)
    for i, sequence in enumerate(sequences):
        alone, part = encode(rule, [sequence]), slice(together.offsets[i], together.offsets[i + 1])
        np.testing.assert_array_equal(together.ids[part], alone.ids)
        np.testing.assert_array_equal(together.spans[part], alone.spans)


def test_other_vocabularies_are_no_blocks():
    words = {word: i for i, word in enumerate(["A", "C", "G", "T", *map("".join, itertools.product("ACGT", repeat=2))])}
    assert block_table(words, joins=True).k == 2
    assert block_table({**words, "ACG": 20}, joins=True) is None  # BPE
    assert block_table({w: i for w, i in words.items() if w != "AC"}, joins=True) is None
    assert block_table({w: i for w, i in words.items() if len(w) > 1}, joins=True) is None
    assert block_table({}, joins=True) is None
