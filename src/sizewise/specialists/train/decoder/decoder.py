"""The decoder's layers in torch: frozen weights, an adapter beside each linear layer, and nothing that is not needed.

No vocabulary stands at its end: what is read off the last hidden states is its caller's affair. In the last layer only
the positions that are asked for go on behind the attention.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sizewise.specialists.train.decoder.facts import Facts
from sizewise.specialists.train.decoder.lora import Adapted
from sizewise.specialists.train.decoder.weights import Weights

#: up to so many tokens, attention by plain products is several times faster on a CPU than torch's own, backwards above all
SHORT = 96


class Decoder(nn.Module):
    """The model without its table of tokens. ``rank`` 0 leaves the adapters out."""

    def __init__(self, weights: Weights, rank: int, alpha: float, dtype: torch.dtype, seed: int = 0) -> None:
        from safetensors import safe_open

        super().__init__()
        self.facts, self.dtype = weights.facts, dtype
        with safe_open(str(weights.path), "pt") as file:
            held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        random = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleList(
            _Layer(self.facts, number, held, rank, alpha, dtype, random) for number in range(self.facts.layers)
        )
        self.register_buffer("norm", held["output_norm.weight"].float(), persistent=False)
        factors = held.get("rope_freqs.weight", held.get("rope_factors_short.weight"))
        self.register_buffer("factors", None if factors is None else factors.float(), persistent=False)

    def adapters(self) -> Iterator[tuple[str, Adapted]]:
        """Each adapted linear layer by its tensor's name, without ``.weight``."""
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, _Layer)
            for name, linear in layer.linears.items():
                yield f"blk.{number}.{name}", linear

    def forward(self, embedded: Tensor, rows: Tensor, places: Tensor) -> Tensor:
        """(asked, width) last hidden states after the last norm, in float32, of (batch, length, width) embeddings.

        ``rows`` and ``places`` (asked,) say which positions. Texts stand at the left; what is behind them is never seen.
        """
        hidden = embedded.to(self.dtype)
        if self.facts.kind.scaled_input:
            hidden = hidden * torch.tensor(math.sqrt(self.facts.width), dtype=self.dtype)
        length = embedded.shape[1]
        turns = {base: self._turns(length, *base) for base in {self.facts.base_of(n) for n in range(self.facts.layers)}}
        last = self.facts.layers - 1
        for number, layer in enumerate(self.layers):
            asked = (rows, places) if number == last else None
            hidden = layer(hidden, turns[self.facts.base_of(number)], self._mask(number, length, hidden.device), asked)
        return _normed(hidden.float(), self.norm, self.facts.epsilon)

    def _turns(self, length: int, base: float, stretched: float) -> tuple[Tensor, Tensor]:
        """Cosines and sines, (length, turned / 2), of each position."""
        facts, device = self.facts, self.norm.device
        steps = torch.arange(0, facts.turned, 2, dtype=torch.float32, device=device) / facts.turned
        frequencies = base**-steps / stretched
        if self.factors is not None:
            frequencies = frequencies / self.factors
        angles = torch.outer(torch.arange(length, dtype=torch.float32, device=device), frequencies)
        factor = facts.attention_factor
        return (angles.cos() * factor).to(self.dtype), (angles.sin() * factor).to(self.dtype)

    def _mask(self, layer: int, length: int, device: torch.device) -> Tensor | None:
        """Which positions may be seen, where the window makes a difference; else the plain causal mask will do."""
        window = self.facts.window
        if window is None or self.facts.sees_all(layer) or length <= window:
            return None
        back = torch.arange(length, device=device)[:, None] - torch.arange(length, device=device)[None, :]
        return (back >= 0) & (back < window)


class _Layer(nn.Module):
    """Attention and the two-way layer behind it, with the norms that the architecture has."""

    def __init__(
        self, facts: Facts, number: int, held: Mapping[str, Tensor], rank: int, alpha: float, dtype: torch.dtype,
        random: torch.Generator,
    ) -> None:  # fmt: skip
        super().__init__()
        self.facts, self.dtype = facts, dtype
        own = {name.removeprefix(f"blk.{number}."): t for name, t in held.items() if name.startswith(f"blk.{number}.")}
        for name in [name for name, tensor in own.items() if tensor.ndim == 1]:
            self.register_buffer(_plain_name(name), own[name].float(), persistent=False)
        self.linears = nn.ModuleDict()
        for name in [name for name, tensor in own.items() if tensor.ndim == 2]:
            plain = name.removesuffix(".weight")
            self.linears[plain] = Adapted(own[name].to(dtype), own.get(f"{plain}.bias"), rank, alpha, random)

    def forward(
        self, hidden: Tensor, turns: tuple[Tensor, Tensor], mask: Tensor | None, asked: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        attended = self._attention(self._norm(hidden, "attn_norm"), turns, mask)
        if asked is not None:
            hidden, attended = hidden[asked], attended[asked]
        hidden = hidden + self._after(self.linears["attn_output"](attended), "post_attention_norm")
        return hidden + self._after(self._inner(self._norm(hidden, "ffn_norm")), "post_ffw_norm")

    def _attention(self, seen: Tensor, turns: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        facts, (batch, length, _) = self.facts, seen.shape
        sizes = [facts.heads * facts.head, facts.groups * facts.head, facts.groups * facts.head]
        parts = (
            self.linears["attn_qkv"](seen).split(sizes, dim=-1)
            if facts.kind.fused
            else [self.linears[f"attn_{part}"](seen) for part in "qkv"]
        )
        query, key, value = (part.view(batch, length, -1, facts.head).transpose(1, 2) for part in parts)
        query, key = self._turned(query, turns, "attn_q_norm"), self._turned(key, turns, "attn_k_norm")
        if mask is None and length <= SHORT and not query.is_cuda:
            out = _attended(query, key, value)
        else:
            out = functional.scaled_dot_product_attention(
                query, key, value, attn_mask=mask, is_causal=mask is None, scale=facts.head**-0.5,
                enable_gqa=facts.groups != facts.heads,
            )  # fmt: skip
        return out.transpose(1, 2).reshape(batch, length, -1)

    def _turned(self, heads: Tensor, turns: tuple[Tensor, Tensor], norm: str) -> Tensor:
        if hasattr(self, norm):
            heads = _normed(heads, getattr(self, norm), self.facts.epsilon)
        return turned(heads, *turns, paired=self.facts.kind.paired)

    def _inner(self, seen: Tensor) -> Tensor:
        if self.facts.kind.fused:
            gate, up = self.linears["ffn_up"](seen).chunk(2, dim=-1)
        else:
            gate, up = self.linears["ffn_gate"](seen), self.linears["ffn_up"](seen)
        opened = functional.gelu(gate, approximate="tanh") if self.facts.kind.gelu else functional.silu(gate)
        down: Tensor = self.linears["ffn_down"](opened * up)
        return down

    def _norm(self, hidden: Tensor, name: str) -> Tensor:
        return _normed(hidden, getattr(self, name), self.facts.epsilon)

    def _after(self, made: Tensor, name: str) -> Tensor:
        return self._norm(made, name) if hasattr(self, name) else made


def turned(heads: Tensor, cosines: Tensor, sines: Tensor, *, paired: bool) -> Tensor:
    """(batch, heads, length, head) with its first numbers turned by their position (Su et al. 2021)."""
    size = 2 * cosines.shape[-1]
    part, rest = heads[..., :size], heads[..., size:]
    if paired:
        one, two = part[..., 0::2], part[..., 1::2]
        made = torch.stack([one * cosines - two * sines, one * sines + two * cosines], dim=-1).flatten(-2)
    else:
        one, two = part.chunk(2, dim=-1)
        made = torch.cat([one * cosines - two * sines, one * sines + two * cosines], dim=-1)
    return torch.cat([made, rest], dim=-1) if rest.shape[-1] else made


def _attended(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Causal attention of (batch, heads, length, head) queries, of which several share a key and a value."""
    batch, heads, length, size = query.shape
    groups = key.shape[1]
    joined = query.reshape(batch, groups, heads // groups * length, size)
    scores = (joined @ key.transpose(-1, -2)).view(batch, groups, -1, length, length).float() * size**-0.5
    hidden = torch.ones(length, length, dtype=torch.bool, device=query.device).triu(1)
    shares = scores.masked_fill(hidden, -torch.inf).softmax(dim=-1).to(query.dtype)
    return (shares.view(batch, groups, -1, length) @ value).view(batch, heads, length, size)


def _normed(hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    made: Tensor = _Norm.apply(hidden, weight, epsilon)
    return made


class _Norm(torch.autograd.Function):
    """Root-mean-square norm with a frozen weight, in float32 within: half the time of torch's own, there and back."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        wide = hidden.float()
        size = torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + epsilon)
        ctx.save_for_backward(hidden, weight, size)
        return (wide * size).mul_(weight).to(hidden.dtype)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        hidden, weight, size = ctx.saved_tensors
        weighed, unit = upstream.float() * weight, hidden.float() * size
        along = (weighed * unit).mean(dim=-1, keepdim=True)
        return weighed.sub_(unit.mul_(along)).mul_(size).to(hidden.dtype), None, None


def _plain_name(name: str) -> str:
    return name.removesuffix(".weight").replace(".", "_")
