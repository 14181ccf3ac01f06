"""The layers of a BERT on texts that lie one behind the other, without padding: only attention sees them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class Packing:
    """Where each of T tokens stands: in which of n texts (T,), and at which place of it (T,). ``allowed`` is the
    (n, 1, 1, longest) mask for attention, ``None`` where all texts are of one length; ``lengths`` is (n, 1)."""

    texts: Any
    places: Any
    lengths: Any
    allowed: Any

    @classmethod
    def of(cls, lengths: Sequence[int], device: Any) -> Packing:
        """Of texts with so many tokens each, at least one."""
        counts = torch.tensor(lengths, device=device)
        texts = torch.repeat_interleave(torch.arange(len(lengths), device=device), counts)
        places = torch.from_numpy(np.concatenate([np.arange(length) for length in lengths])).to(device)
        longest = torch.arange(max(lengths), device=device)
        allowed = None if min(lengths) == max(lengths) else (longest < counts[:, None])[:, None, None, :]
        return cls(texts, places, counts[:, None].float(), allowed)

    def side_by_side(self, values: Any, heads: int) -> Any:
        """(T, dimensions) as (n, heads, longest, dimensions of a head)."""
        count, longest = len(self.lengths), int(self.places.max()) + 1
        if self.allowed is None:
            table = values.view(count, longest, -1)
        else:
            table = values.new_zeros(count, longest, values.shape[1]).index_put((self.texts, self.places), values)
        return table.view(count, longest, heads, -1).transpose(1, 2)

    def behind_one_another(self, table: Any) -> Any:
        """The other way round: (n, heads, longest, dimensions of a head) as (T, dimensions)."""
        return table.transpose(1, 2).flatten(2)[self.texts, self.places]

    def mean(self, values: Any) -> Any:
        """The mean of each text's (T, dimensions) values, (n, dimensions)."""
        table = values.new_zeros(len(self.lengths), values.shape[1])
        return table.index_add(0, self.texts, values) / self.lengths


def embedded(network: Any, tokens: Any, packing: Packing) -> Any:
    """What ``network`` makes of (T,) token numbers before its first layer, (T, dimensions)."""
    return network.embeddings(input_ids=tokens[None], position_ids=packing.places[None])[0]


def through(layer: Any, values: Any, packing: Packing) -> Any:
    """What a layer makes of (T, dimensions)."""
    own, out = layer.attention.self, layer.attention.output
    heads = own.num_attention_heads
    asked, keys, found = (packing.side_by_side(part(values), heads) for part in (own.query, own.key, own.value))
    seen = torch.nn.functional.scaled_dot_product_attention(asked, keys, found, attn_mask=packing.allowed)
    values = out.LayerNorm(out.dropout(out.dense(packing.behind_one_another(seen))) + values)
    inner = layer.intermediate.intermediate_act_fn(layer.intermediate.dense(values))
    return layer.output.LayerNorm(layer.output.dropout(layer.output.dense(inner)) + values)
