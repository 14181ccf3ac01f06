"""Dropout whose random numbers are one training's own: torch's are everybody's in the process."""

from __future__ import annotations

from typing import Any

import torch


class Dropout(torch.nn.Module):
    """Each number is nought with probability ``share``, by ``random``; the others are raised to make up for it."""

    def __init__(self, share: float, random: Any) -> None:
        super().__init__()
        self.share, self.random = share, random

    def forward(self, values: Any) -> Any:
        """``values``, in training with some of them left out."""
        if not self.training:
            return values
        kept = torch.empty_like(values).bernoulli_(1 - self.share, generator=self.random)
        return values * kept.mul_(1 / (1 - self.share))


def own_dropout(network: Any, random: Any) -> None:
    """Every dropout of ``network`` draws from ``random``."""
    for module in list(network.modules()):
        for name, part in module.named_children():
            if isinstance(part, Dropout):
                part.random = random
            elif isinstance(part, torch.nn.Dropout) and part.p:
                setattr(module, name, Dropout(part.p, random))
