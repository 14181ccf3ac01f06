"""What a GGUF says of its architecture, as far as computing its layers needs it; architectures that are unknown are refused.

The names of the entries are those of llama.cpp (gguf-py/gguf/constants.py, src/llama-arch.cpp), the constants that no entry
carries those of its graphs (src/models/gemma3.cpp, llama.cpp, phi3.cpp, qwen2.cpp, qwen3.cpp).
"""

from __future__ import annotations

from dataclasses import dataclass

from sizewise.core.errors import ModelReferenceError
from sizewise.slm.header import Header


@dataclass(frozen=True, slots=True)
class Architecture:
    """What tells one architecture's layers from another's.

    ``paired`` rotary positions turn neighbouring numbers (2i, 2i + 1), as llama.cpp stores Llama's and Mistral's queries
    and keys; the others turn a head's first half with its second. ``every`` says which layers see everything where the
    others see a window: each sixth of Gemma 3.
    """

    paired: bool = False
    fused: bool = False
    gelu: bool = False
    scaled_input: bool = False
    every: int = 1
    window_base: float | None = None


ARCHITECTURES = {
    "gemma3": Architecture(gelu=True, scaled_input=True, every=6, window_base=10_000.0),
    "llama": Architecture(paired=True),
    "phi3": Architecture(fused=True),
    "qwen2": Architecture(),
    "qwen3": Architecture(),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """Sizes and constants of one model; ``head`` numbers a head, ``turned`` of them by rotary positions."""

    architecture: str
    kind: Architecture
    layers: int
    width: int
    inner: int
    heads: int
    groups: int
    head: int
    turned: int
    epsilon: float
    base: float
    stretched: float
    attention_factor: float
    window: int | None

    def sees_all(self, layer: int) -> bool:
        """Whether a layer's attention has no window."""
        return self.window is None or (layer + 1) % self.kind.every == 0

    def base_of(self, layer: int) -> tuple[float, float]:
        """The base of a layer's rotary frequencies, and by how much positions are stretched there."""
        if self.kind.window_base is not None and (layer + 1) % self.kind.every != 0:
            return self.kind.window_base, 1.0
        return self.base, self.stretched


def facts_of(header: Header, name: str) -> Facts:
    """The facts of the model called ``name``. Raises ``ModelReferenceError`` where it cannot be trained here."""
    kind = ARCHITECTURES.get(header.architecture)
    if kind is None:
        raise _refused(name, f"models of the architecture {header.architecture!r} are served, but not tuned")
    numbers = [
        header.number(key) for key in ("block_count", "embedding_length", "feed_forward_length", "attention.head_count")
    ]
    if None in numbers or header.number("expert_count"):
        raise _refused(name, "its sizes are not those of a plain decoder (a mixture of experts, or layers that differ)")
    layers, width, inner, heads = (int(number or 0) for number in numbers)
    head = header.number("attention.key_length") or width // heads
    if (header.number("attention.value_length") or head) != head:
        raise _refused(name, "its keys and values differ in length")
    scaling = str(_fact(header, "rope.scaling.type", "none"))
    if scaling not in ("none", "linear", "longrope"):
        raise _refused(name, f"its positions are stretched by {scaling!r}")
    return Facts(
        architecture=header.architecture, kind=kind, layers=layers, width=width, inner=inner, heads=heads,
        groups=header.number("attention.head_count_kv") or heads, head=head,
        turned=header.number("rope.dimension_count") or head,
        epsilon=float(_fact(header, "attention.layer_norm_rms_epsilon", 1e-6)),
        base=float(_fact(header, "rope.freq_base", 10_000.0)),
        stretched=float(_fact(header, "rope.scaling.factor", 1.0)) if scaling == "linear" else 1.0,
        attention_factor=float(_fact(header, "rope.scaling.attn_factor", 1.0)),
        window=header.number("attention.sliding_window") if header.architecture != "llama" else None,
    )  # fmt: skip


def _fact(header: Header, key: str, default: float | str) -> float | str:
    found: float | str = header.facts.get(f"{header.architecture}.{key}", default)
    return found


def _refused(name: str, why: str) -> ModelReferenceError:
    return ModelReferenceError(
        f"{name} cannot be tuned: {why}. Tuned are {', '.join(sorted(ARCHITECTURES))}: name another model, or use the rung "
        "slm-prompted with this one."
    )
