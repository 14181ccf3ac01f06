"""Tiny random models of each family's architecture, written with the ``gguf`` package: real files for the real engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np

WIDTH, HEADS, GROUPS, LAYERS, INNER, CONTEXT = 64, 4, 2, 2, 128, 512


@dataclass(frozen=True)
class Family:
    """What tells one architecture's tensors from another's."""

    architecture: str
    markers: tuple[str, ...] = ()
    norms_of_heads: bool = False  # query and key
    norms_after: bool = False
    biases: bool = False
    fused: bool = False  # query, key and value in one; gate and up in one
    byte_pairs: bool = True  # else pieces with scores, as SentencePiece has them
    pre: str = "default"
    window: bool = False
    extra: Mapping[str, Any] | None = None


FAMILIES = {
    "gemma": Family(
        "gemma3", ("<start_of_turn>", "<end_of_turn>"), norms_of_heads=True, norms_after=True, byte_pairs=False, window=True
    ),
    "phi-3": Family("phi3", ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"), fused=True, byte_pairs=False, window=True),
    "phi-4": Family("phi3", ("<|im_start|>", "<|im_sep|>", "<|im_end|>"), fused=True, pre="gpt-2"),
    "llama-3": Family("llama", ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"), pre="llama-bpe"),
    "mistral-system": Family(
        "llama", ("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[INST]", "[/INST]", "</s>"), pre="tekken"
    ),
    "mistral": Family("llama", ("[INST]", "[/INST]", "</s>"), byte_pairs=False),
    "qwen-3": Family("qwen3", ("<|im_start|>", "<|im_end|>", "<think>", "</think>"), norms_of_heads=True, pre="qwen2"),
    "chatml": Family("qwen2", ("<|im_start|>", "<|im_end|>"), biases=True, pre="qwen2"),
}  # fmt: skip


def write_tiny(path: Path, family: Family, template: str | None = "never run", seed: int = 0) -> Path:
    """A random model of ``family`` at ``path``: 2 layers, 64 wide, a vocabulary of bytes and the family's markers."""
    writer = gguf.GGUFWriter(path, family.architecture)
    tokens = _vocabulary(writer, family)
    _dimensions(writer, family)
    if template is not None:
        writer.add_chat_template(template)
    random = np.random.default_rng(seed)

    def tensor(name: str, *shape: int) -> None:
        values = np.ones(shape) if "norm" in name else random.normal(0, 0.3, shape)
        writer.add_tensor(name, values.astype(np.float32))

    tensor("token_embd.weight", tokens, WIDTH)
    tensor("output_norm.weight", WIDTH)
    tensor("output.weight", tokens, WIDTH)
    for layer in range(LAYERS):
        _layer(lambda name, *shape, layer=layer: tensor(f"blk.{layer}.{name}.weight", *shape), family)
        if family.biases:
            for name, size in (("attn_q", WIDTH), ("attn_k", _kept()), ("attn_v", _kept())):
                writer.add_tensor(f"blk.{layer}.{name}.bias", random.normal(0, 0.1, size).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _kept() -> int:
    return WIDTH // HEADS * GROUPS


def _layer(tensor: Any, family: Family) -> None:
    tensor("attn_norm", WIDTH)
    tensor("ffn_norm", WIDTH)
    if family.fused:
        tensor("attn_qkv", WIDTH + 2 * _kept(), WIDTH)
        tensor("ffn_up", 2 * INNER, WIDTH)
    else:
        tensor("attn_q", WIDTH, WIDTH)
        tensor("attn_k", _kept(), WIDTH)
        tensor("attn_v", _kept(), WIDTH)
        tensor("ffn_gate", INNER, WIDTH)
        tensor("ffn_up", INNER, WIDTH)
    tensor("attn_output", WIDTH, WIDTH)
    tensor("ffn_down", WIDTH, INNER)
    if family.norms_of_heads:
        tensor("attn_q_norm", WIDTH // HEADS)
        tensor("attn_k_norm", WIDTH // HEADS)
    if family.norms_after:
        tensor("post_attention_norm", WIDTH)
        tensor("post_ffw_norm", WIDTH)


def _dimensions(writer: gguf.GGUFWriter, family: Family) -> None:
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(GROUPS)
    writer.add_key_length(WIDTH // HEADS)
    writer.add_value_length(WIDTH // HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    if family.window:
        writer.add_sliding_window(256)


def _vocabulary(writer: gguf.GGUFWriter, family: Family) -> int:
    """Bytes and markers, by the family's kind of tokeniser; how many tokens there are."""
    normal, control, byte = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL, gguf.TokenType.BYTE
    tokens: list[str] = ["<unk>", "<s>", "<end>"]
    kinds = [gguf.TokenType.UNKNOWN, control, control]
    if family.byte_pairs:
        tokens += [*_byte_letters(), "ab"]
        kinds += [normal] * 257
    else:
        tokens += [f"<0x{number:02X}>" for number in range(256)] + ["▁"] + [chr(c) for c in range(97, 123)]
        kinds += [byte] * 256 + [normal] * 27
    tokens += family.markers
    kinds += [control] * len(family.markers)
    writer.add_tokenizer_model("gpt2" if family.byte_pairs else "llama")
    if family.byte_pairs:
        writer.add_tokenizer_pre(family.pre)
        writer.add_token_merges(["a b"])
    else:
        writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    return len(tokens)


def _byte_letters() -> list[str]:
    """The letter that stands for each byte in byte-pair vocabularies (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, further = [], 0
    for number in range(256):
        if number in plain:
            letters.append(chr(number))
        else:
            letters.append(chr(256 + further))
            further += 1
    return letters
