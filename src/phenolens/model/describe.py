"""The facts of a model that a reader of its results needs: size, tokens, how much DNA it sees at once."""

from typing import Any

from phenolens.model.adapt import parameters
from phenolens.model.load import Loaded


def describe(loaded: Loaded) -> dict[str, Any]:
    """Return name, from_scratch (random weights at the start), parameters, trained (those that training moves; of a model as `load` returns it), tokens (a sentence), longest (bases that fit uncut; null for BPE, and for windows, which cut nothing), labels and notes, JSON-able."""
    rule = loaded.rule
    total, trained = parameters(loaded.model)
    longest = {"kmer": rule.room + rule.k - 1, "blocks": rule.room * rule.k}.get(rule.kind)
    if rule.kind == "blocks":
        unit = "single letters" if rule.k == 1 else f"{rule.k}-mers side by side and single letters for the rest"
        tokens = f"{unit}, at most {rule.max_tokens} tokens with the special ones"
    elif rule.kind == "kmer":
        tokens = f"overlapping {rule.k}-mers, at most {rule.max_tokens} tokens with the special ones"
    else:
        tokens = f"the model's own tokenizer ({len(rule.tokenizer):,} entries), at most {rule.max_tokens} tokens with the special ones"
    return {
        "name": loaded.name,
        "from_scratch": loaded.from_scratch,
        "family": loaded.model.config.model_type,
        "parameters": total,
        "trained": trained,
        "tokens": tokens,
        "longest": longest if rule.cut != "windows" else None,
        "labels": list(loaded.labels),
        "notes": list(loaded.notes),
    }
