"""The models that can be named in train.model, as rows of data; any other hub name or local folder works as well."""

from typing import Any, Literal, NamedTuple

# Dropout settings of each family. train.dropout sets these; dropout of attention weights is always 0, because on a
# CPU it makes a step three times slower (196 s against 60 s for the demo).
DROPOUT = {
    "bert": ("hidden_dropout_prob", "classifier_dropout"),
    "gpt2": ("resid_pdrop", "embd_pdrop", "summary_first_dropout"),
}
ATTENTION_DROPOUT = {"bert": "attention_probs_dropout_prob", "gpt2": "attn_pdrop"}


class Model(NamedTuple):
    """One row of the registry.

    family : model_type of the Hugging Face configuration.
    tokens : "kmer" or "bpe".
    k : bases of a k-mer, 0 for BPE.
    vocabulary : size of a BPE vocabulary that is trained on the training sequences; 0 where it is given.
    config : sizes of a model that starts from random weights; empty for a pre-trained one of the Hugging Face hub.
    meaning : what it is, in one sentence.
    """

    family: Literal["bert", "gpt2"]
    tokens: Literal["kmer", "bpe"]
    k: int
    vocabulary: int
    config: dict[str, Any]
    meaning: str

    @property
    def from_scratch(self) -> bool:
        """Whether it starts from random weights, without any download."""
        return bool(self.config)


# Two layers learn small data better than four, in half the time, and their attention finds the TATA box of 800 promoters; with
# BERT's usual initial range, 0.02 at a width of 768, attention at this width starts uniform and easy tasks leave it so.
_BERT_SMALL = {
    "num_hidden_layers": 2,
    "hidden_size": 128,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "initializer_range": 0.05,
}
_GPT2_SMALL = {"n_layer": 2, "n_embd": 128, "n_head": 4}

REGISTRY: dict[str, Model] = {
    "bert-small": Model("bert", "kmer", 6, 0, _BERT_SMALL, "6-mer BERT, 2 layers of 128, from random weights"),
    "gpt2-small": Model(
        "gpt2",
        "bpe",
        0,
        1024,
        _GPT2_SMALL,
        "GPT-2, 2 layers of 128, from random weights; BPE of the training sequences",
    ),
    **{
        f"zhihan1996/DNA_bert_{k}": Model(
            "bert", "kmer", k, 0, {}, f"DNABERT, 12 layers of 768, pre-trained on the human genome in {k}-mers"
        )
        for k in (3, 4, 5, 6)
    },
    "dnagpt/human_gpt2-v1": Model(
        "gpt2", "bpe", 0, 0, {}, "GPT-2 small, 12 layers of 768, pre-trained on human genomes in BPE"
    ),
}
