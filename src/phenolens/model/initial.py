"""Models of random weights for pre-training, and a start from which a small BERT learns in minutes what k-mers are."""

from typing import Any

import torch
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

from phenolens.core.errors import SettingsError
from phenolens.core.settings_learn import PretrainSettings
from phenolens.model.blocks import BASES
from phenolens.model.masking import IGNORED
from phenolens.model.tokens import TokenRule

OFFSETS = (
    (-1, 1, -3, 3),
    (-2, 2, -6, 6),
)  # tokens between a token and what each head of the first layers looks at first
SHARPNESS = (
    1.5  # scale of these heads' queries and keys; a head then gives about a third of its attention to that token
)


class MaskedBert(BertForMaskedLM):  # type: ignore[no-untyped-call]  # transformers is typed in part
    """BERT that fills in hidden tokens, and whose [CLS] foretells which tokens the window has.

    Hidden tokens alone teach [CLS], from which classes are read later, nothing: a fine-tuned model would first have to learn to
    look at the whole window. Its second task uses the same output layer and has no weights of its own. The output layer, which
    costs as much as the whole small model, sees the hidden tokens and [CLS] only.
    """

    summary = 1.0

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor, words: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Return the loss, in nats: mean cross-entropy over the hidden tokens, while training plus `summary` times that of [CLS].

        Parameters
        ----------
        labels : int64 (B, T), -100 where a token is not hidden.
        words : int64 (B, T), the tokens before any was hidden, -100 for special ones and padding.
        """
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # (B, T, D)
        counted = labels != IGNORED
        logits = self.cls(hidden[counted]).float()  # (hidden tokens, V)
        loss = torch.nn.functional.cross_entropy(logits, labels[counted])
        if self.training and self.summary:
            foretold = self.cls(hidden[:, 0]).float().log_softmax(dim=1)  # (B, V)
            read = words != IGNORED
            loss = loss - self.summary * foretold.gather(1, words.clamp(min=0))[read].mean()
        return {"loss": loss}


def new_model(rule: TokenRule, settings: PretrainSettings) -> Any:
    """Return a model of random weights; dropout 0 because every window is read about once."""
    if settings.width % settings.heads:
        raise SettingsError(
            "settings", "pretrain.heads", f"{settings.heads} heads do not divide a width of {settings.width}"
        )
    if rule.kind == "kmer":
        model: Any = MaskedBert(
            BertConfig(
                vocab_size=len(rule.vocabulary),
                hidden_size=settings.width,
                num_hidden_layers=settings.layers,
                num_attention_heads=settings.heads,
                intermediate_size=settings.intermediate,
                max_position_embeddings=max(settings.lengths),
                initializer_range=settings.initializer_range,
                pad_token_id=rule.pad,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
            )
        )
        model.summary = settings.summary
        start_from_letters(model, rule)
        return model
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(rule.tokenizer),
            n_embd=settings.width,
            n_layer=settings.layers,
            n_head=settings.heads,
            n_inner=settings.intermediate,
            n_positions=max(settings.lengths),
            initializer_range=settings.initializer_range,
            pad_token_id=rule.pad,
            bos_token_id=rule.pad,
            eos_token_id=rule.pad,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        )
    )


def plain(model: Any) -> Any:
    """Return the model as Hugging Face's own class, whose name then stands in config.json."""
    if not isinstance(model, MaskedBert):
        return model
    own = BertForMaskedLM(model.config)
    own.load_state_dict(model.state_dict())
    return own


def start_from_letters(model: Any, rule: TokenRule) -> None:
    """Let a BERT begin with tokens that know their letters, positions that know their distance, and heads that look nearby.

    From independent random vectors it takes tens of millions of tokens until the model sees that neighbouring k-mers share
    letters. Here, in the first half of the width, the vector of a k-mer is the sum of one random vector for each (place in the
    k-mer, letter); in the second half positions are sinusoids (Vaswani et al. 2017). A shift by d tokens is a rotation R_d
    of these, so with keys K = c p and queries Q = c R_d p a head's scores are a sum of cosines of (i + d - j): it looks at the token
    d places on. All of it is a start and is trained like every other weight.

    Parameters
    ----------
    model : BERT whose output layer shares the token vectors.
    rule : of its k-mers.
    """
    embeddings, spread = model.bert.embeddings, model.config.initializer_range
    positions, width = embeddings.position_embeddings.weight.shape
    half = width // 2
    letters = torch.randn(rule.k, 4, half) * spread / rule.k**0.5
    frequency = 10_000 ** (-torch.arange(0, half, 2) / half)  # (half / 2,)
    angle = torch.arange(positions)[:, None] * frequency
    waves = torch.stack([angle.sin(), angle.cos()], dim=2).reshape(positions, half)
    with torch.no_grad():
        for word, number in rule.vocabulary.items():
            vector = torch.randn(half) * spread
            if set(word) <= set(BASES):
                vector = torch.stack([letters[place, BASES.index(x)] for place, x in enumerate(word)]).sum(dim=0)
            embeddings.word_embeddings.weight[number, :half] = vector
        embeddings.word_embeddings.weight[:, half:] = 0
        embeddings.position_embeddings.weight[:, :half] = 0
        embeddings.position_embeddings.weight[:, half:] = waves * spread * 2**0.5
        for layer, offsets in zip(model.bert.encoder.layer, OFFSETS, strict=False):
            own = width // model.config.num_attention_heads
            size = min(own, half)
            for head, offset in enumerate(offsets[: model.config.num_attention_heads]):
                rows = slice(head * own, head * own + size)
                query, key = (_rotation(frequency[: size // 2], d) for d in (offset, 0))
                columns = slice(half, half + size)
                for weight, values in (
                    (layer.attention.self.query.weight, query),
                    (layer.attention.self.key.weight, key),
                ):
                    weight[rows] = 0
                    weight[rows, columns] = SHARPNESS * values


def _rotation(frequency: torch.Tensor, offset: int) -> torch.Tensor:
    """Return the matrix (2 f, 2 f) that moves sinusoids (sin, cos pairs) on by an offset."""
    sin, cos = (frequency * offset).sin(), (frequency * offset).cos()
    place = torch.arange(0, 2 * len(frequency), 2)
    matrix = torch.zeros(2 * len(frequency), 2 * len(frequency))
    matrix[place, place] = matrix[place + 1, place + 1] = cos
    matrix[place, place + 1], matrix[place + 1, place] = sin, -sin
    return matrix
