"""How llama.cpp's server is asked how probable each of a few tokens is, and how its answer is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: a token that is to be among the likely ones gets so much added to its score; the one that is to be said, more
LIFTED, SAID = 100.0, 140.0


def question(prompt: Sequence[int], among: Sequence[int], harmless: Sequence[int]) -> dict[str, Any]:
    """The body of a request to ``/completion``.

    A token that ends the text, or is a part of a letter, comes without probabilities when it is the one that is said;
    so a harmless one is said, and the others are read beside it.
    """
    said = next(token for token in harmless if token not in among)
    return {
        "prompt": list(prompt),
        "n_predict": 1,
        "temperature": 1.0,
        "samplers": ["top_k", "temperature"],  # first the few that were lifted: the rest is never sorted
        "top_k": len(among) + 1,
        "n_probs": len(among) + 1,
        "post_sampling_probs": True,  # else the probabilities are those before the lift
        "logit_bias": [*([token, LIFTED] for token in among), [said, SAID]],
        "return_tokens": True,
    }


def read_shares(told: Mapping[str, Any], among: Sequence[int]) -> list[float]:
    """The probability of each, given that it is one of them. Raises ``ValueError`` where none has any."""
    found = {p["id"]: p["prob"] for p in told["completion_probabilities"][0]["top_probs"]}
    values = [max(0.0, float(found.get(token, 0.0))) for token in among]
    total = sum(values)
    if not total > 0:
        raise ValueError(f"none of {len(among)} tokens got any probability")
    return [value / total for value in values]


def with_adapter(count: int, place: int | None) -> dict[str, Any]:
    """Every adapter with its weight: whoever leaves one out is answered from what another request left behind."""
    return {"lora": [{"id": i, "scale": float(i == place)} for i in range(count)]} if count else {}
