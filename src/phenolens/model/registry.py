"""The models that can be named in train.model, and what is particular to each family, as rows of data.

Any other sequence classifier of transformers works as well, by its folder or its name on the Hugging Face hub.
"""

from typing import Any, NamedTuple


class Family(NamedTuple):
    """What is particular to a family of models (model_type of its configuration).

    dropout : settings of the configuration that train.dropout sets.
    attention_dropout : setting of the dropout of attention weights, which is always 0: on a CPU it makes a step three
        times slower (196 s against 60 s for the demo); empty where there is none.
    lora : names of the modules that get low-rank updates with train.adapt = "lora".
    """

    dropout: tuple[str, ...]
    attention_dropout: str
    lora: tuple[str, ...]


_BERT_LIKE = Family(
    ("hidden_dropout_prob", "classifier_dropout"), "attention_probs_dropout_prob", lora=("query", "value")
)
_LLAMA_LIKE = Family((), "attention_dropout", lora=("q_proj", "v_proj"))

FAMILIES: dict[str, Family] = {
    "bert": _BERT_LIKE,
    "roberta": _BERT_LIKE,
    "xlm-roberta": _BERT_LIKE,
    "electra": _BERT_LIKE,
    "big_bird": _BERT_LIKE,
    "albert": _BERT_LIKE._replace(dropout=("hidden_dropout_prob", "classifier_dropout_prob")),
    "esm": _BERT_LIKE._replace(dropout=("hidden_dropout_prob",)),
    "roformer": _BERT_LIKE._replace(dropout=("hidden_dropout_prob",)),
    "deberta-v2": Family(
        ("hidden_dropout_prob", "pooler_dropout"), "attention_probs_dropout_prob", lora=("query_proj", "value_proj")
    ),
    "distilbert": Family(("dropout", "seq_classif_dropout"), "attention_dropout", lora=("q_lin", "v_lin")),
    "modernbert": Family(
        ("embedding_dropout", "mlp_dropout", "classifier_dropout"), "attention_dropout", lora=("Wqkv",)
    ),
    "gpt2": Family(("resid_pdrop", "embd_pdrop", "summary_first_dropout"), "attn_pdrop", lora=("c_attn",)),
    "gpt_neox": Family(("hidden_dropout",), "attention_dropout", lora=("query_key_value",)),
    "llama": _LLAMA_LIKE,
    "mistral": _LLAMA_LIKE,
    "mixtral": _LLAMA_LIKE,
}


class Model(NamedTuple):
    """One row of the registry.

    family : model_type of the Hugging Face configuration.
    tokens : "kmer" (overlapping), "blocks" (k-mers side by side) or "bpe".
    k : bases of a k-mer, 0 for BPE.
    vocabulary : size of a BPE vocabulary that is trained on the training sequences; 0 where it is given.
    config : sizes of a model that starts from random weights; empty where a folder or the hub has the model.
    meaning : what it is, in one sentence.
    folder : name of its folder in phenolens/weights; empty for a model that is not shipped.
    millions : millions of parameters, without the classes' head; 0 where not known.
    longest : longest input in tokens; 0 where it is train.max_tokens.
    """

    family: str
    tokens: str
    k: int
    vocabulary: int
    config: dict[str, Any]
    meaning: str
    folder: str = ""
    millions: float = 0
    longest: int = 0

    @property
    def built_in(self) -> bool:
        """Whether it needs no download: its weights are shipped, or it starts from random ones."""
        return bool(self.config or self.folder)


# Two layers learn small data better than four, in half the time, and their attention finds the TATA box of 800 promoters; with
# BERT's usual initial range, 0.02 at a width of 768, attention at this width starts uniform and easy tasks leave it so.
_BERT = {
    "num_hidden_layers": 2,
    "hidden_size": 128,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "initializer_range": 0.05,
}
_GPT2 = {"n_layer": 2, "n_embd": 128, "n_head": 4}


def _dnabert(k: int, millions: float) -> Model:
    meaning = f"DNABERT, 12 layers of 768, pre-trained on the human genome in {k}-mers"
    return Model("bert", "kmer", k, 0, {}, meaning, millions=millions, longest=512)


def _nucleotide_transformer(millions: float, genomes: str) -> Model:
    meaning = f"Nucleotide Transformer (first version), pre-trained on {genomes} in 6-mers side by side"
    return Model("esm", "blocks", 6, 0, {}, meaning, millions=millions, longest=1000)


REGISTRY: dict[str, Model] = {
    "bert-small": Model(
        "bert",
        "kmer",
        6,
        0,
        {},
        "6-mer BERT, 4 layers of 128, pre-trained on 22 Mb of human DNA",
        folder="bert-small",
        millions=1.1,
        longest=512,
    ),
    "gpt2-small": Model(
        "gpt2",
        "bpe",
        0,
        0,
        {},
        "GPT-2, 4 layers of 128, BPE, pre-trained on 22 Mb of human DNA",
        folder="gpt2-small",
        millions=1.1,
        longest=512,
    ),
    "bert-scratch": Model(
        "bert", "kmer", 6, 0, _BERT, "6-mer BERT, 2 layers of 128, from random weights", millions=1.0
    ),
    "gpt2-scratch": Model(
        "gpt2",
        "bpe",
        0,
        1024,
        _GPT2,
        "GPT-2, 2 layers of 128, from random weights; BPE of the training sequences",
        millions=0.6,
    ),
    "zhihan1996/DNA_bert_3": _dnabert(3, 86.1),
    "zhihan1996/DNA_bert_4": _dnabert(4, 86.2),
    "zhihan1996/DNA_bert_5": _dnabert(5, 86.8),
    "zhihan1996/DNA_bert_6": _dnabert(6, 89.2),
    "dnagpt/human_gpt2-v1": Model(
        "gpt2", "bpe", 0, 0, {}, "GPT-2 small, 12 layers of 768, pre-trained on human genomes in BPE", longest=1024
    ),
    "InstaDeepAI/nucleotide-transformer-500m-human-ref": _nucleotide_transformer(500, "the human reference genome"),
    "InstaDeepAI/nucleotide-transformer-500m-1000g": _nucleotide_transformer(500, "3,202 human genomes"),
    "InstaDeepAI/nucleotide-transformer-2.5b-1000g": _nucleotide_transformer(2500, "3,202 human genomes"),
    "InstaDeepAI/nucleotide-transformer-2.5b-multi-species": _nucleotide_transformer(2500, "850 genomes of all kinds"),
}
