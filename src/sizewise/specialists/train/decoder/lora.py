"""A linear layer that is frozen, with a low-rank adapter beside it (LoRA, Hu et al. 2021)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Adapted(nn.Module):
    """``a`` (rank, in) and ``b`` (out, rank) are learned, in float32; the product counts alpha / rank times."""

    def __init__(self, weight: Tensor, bias: Tensor | None, rank: int, alpha: float, random: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("weight", weight.contiguous(), persistent=False)
        self.register_buffer("bias", None if bias is None else bias.to(weight.dtype), persistent=False)
        self.scale = alpha / rank if rank else 0.0
        if rank:
            bound = math.sqrt(3.0 / weight.shape[1])  # Kaiming's, as peft has it
            drawn = torch.rand(rank, weight.shape[1], generator=random)
            self.a = nn.Parameter((drawn * 2 - 1) * bound)
            self.b = nn.Parameter(torch.zeros(weight.shape[0], rank))

    def forward(self, seen: Tensor) -> Tensor:
        if not self.scale:
            return functional.linear(seen, self.weight, self.bias)
        flat = seen.reshape(-1, seen.shape[-1])
        made: Tensor = _LowRank.apply(flat, self.weight, self.bias, self.a, self.b, self.scale)
        return made.view(*seen.shape[:-1], -1)


class _LowRank(torch.autograd.Function):
    """x Wᵀ + s (x Aᵀ) Bᵀ, with a gradient for x, A and B alone, in the dtype of W."""

    @staticmethod
    def forward(
        ctx: Any, seen: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
    ) -> Tensor:
        narrow_a, narrow_b = a.to(weight.dtype), (b * scale).to(weight.dtype)
        low = seen @ narrow_a.t()
        ctx.save_for_backward(seen, weight, narrow_a, narrow_b, low)
        ctx.scale = scale
        return torch.addmm(functional.linear(seen, weight, bias), low, narrow_b.t())

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        seen, weight, a, b, low = ctx.saved_tensors
        back = upstream @ b
        for_seen = torch.addmm(upstream @ weight, back, a) if ctx.needs_input_grad[0] else None
        return for_seen, None, None, (back.t() @ seen).float(), (upstream.t() @ low).float() * ctx.scale, None
