"""Hugging Face folders as a pre-training leaves them, tiny and with random weights, one for each family of models."""

from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, PreTrainedTokenizerFast

_BERT = {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
SIZES = {
    "bert": {**_BERT, "max_position_embeddings": 40},
    "roberta": {**_BERT, "max_position_embeddings": 42},
    "esm": {**_BERT, "max_position_embeddings": 42, "emb_layer_norm_before": False},
    "modernbert": {**_BERT, "max_position_embeddings": 40, "local_attention": 8},
    "roformer": {**_BERT, "max_position_embeddings": 40, "embedding_size": 16},
    "megatron-bert": {**_BERT, "max_position_embeddings": 40},
    "gpt2": {"n_layer": 2, "n_embd": 16, "n_head": 2, "n_positions": 40},
    "mistral": {**_BERT, "num_key_value_heads": 1, "max_position_embeddings": 40, "sliding_window": 16},
}
CAUSAL = ("gpt2", "mistral")
_BERT_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_ESM_SPECIALS = ("<cls>", "<pad>", "<mask>", "<unk>")
_CAUSAL_SPECIALS = ("<|endoftext|>", "<unk>")


def letters(family: str) -> PreTrainedTokenizerFast:
    """Return a tokenizer of single letters with the special tokens as this family has them."""
    if family in CAUSAL:
        specials, names, template = _CAUSAL_SPECIALS, {"eos_token": 0, "unk_token": 1}, None
    elif family in ("esm", "roberta"):
        specials, template = _ESM_SPECIALS, "<cls> $A"
        names = {"cls_token": 0, "pad_token": 1, "mask_token": 2, "unk_token": 3}
    else:
        specials, template = _BERT_SPECIALS, "[CLS] $A [SEP]"
        names = {"pad_token": 0, "unk_token": 1, "cls_token": 2, "sep_token": 3, "mask_token": 4}
    vocabulary = {token: i for i, token in enumerate((*specials, *"ACGTN"))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=specials[names["unk_token"]]))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    if template:
        used = [(token, vocabulary[token]) for token in template.split() if token in vocabulary]
        tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=used)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **{name: specials[i] for name, i in names.items()},
        clean_up_tokenization_spaces=False,
    )


def tiny_folder(folder: Path, family: str, *, seed: int = 1, **changes) -> Path:
    """Write a masked (or causal) language model of a family with a tokenizer of single letters; `changes` go to its configuration."""
    tokenizer = letters(family)
    ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    ids |= (
        {"cls_token_id": tokenizer.cls_token_id, "sep_token_id": tokenizer.sep_token_id}
        if family == "modernbert"
        else {}
    )
    ids |= {"mask_token_id": tokenizer.mask_token_id} if family == "esm" else {}
    config = AutoConfig.for_model(family, **{"vocab_size": len(tokenizer), **SIZES[family], **ids, **changes})
    kind = AutoModelForCausalLM if family in CAUSAL else AutoModelForMaskedLM
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        kind.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
