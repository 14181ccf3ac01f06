"""A BERT encoder's weights out of its ONNX graph into torch, and tuned ones back into the same graph.

The graph stays what it was, so that what is served is what onnxruntime ran before: only its tables of numbers change,
and torch's own exporter, which writes another graph in every version, is not needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.errors import ModelReferenceError
from sizewise.models.onnx_door import onnx
from sizewise.models.reference import resolve
from sizewise.specialists.sentence_vectors import MODEL, SentenceEncoder, Vectors

CONFIG = "config.json"
SAME = 2e-3  # at the most may torch's vectors differ from the graph's before anything was tuned
PROBES = (
    "where is my order?",
    "1 2 3",
    "the quick brown fox jumps over the lazy dog, again and again, until night falls",
)
#: how other writers of ONNX call what torch calls by the second name; ``{}`` is the layer's number
_ALIASES = (
    (r"\.?model\.embeddings\.(\w+_embeddings)\.weight", r"embeddings.\1.weight"),
    (r"model\.layers\.-1\.embeddings_norm_layernorm\.(\w+)", r"embeddings.LayerNorm.\1"),
    (r"model\.layers\.(\d+)\.attn\.q_proj\.\w+\.(\w+)", r"encoder.layer.\1.attention.self.query.\2"),
    (r"model\.layers\.(\d+)\.attn\.k_proj\.\w+\.(\w+)", r"encoder.layer.\1.attention.self.key.\2"),
    (r"model\.layers\.(\d+)\.attn\.v_proj\.\w+\.(\w+)", r"encoder.layer.\1.attention.self.value.\2"),
    (r"model\.layers\.(\d+)\.attn\.o_proj\.\w+\.(\w+)", r"encoder.layer.\1.attention.output.dense.\2"),
    (r"model\.layers\.(\d+)\.attention_output_norm_layernorm\.(\w+)", r"encoder.layer.\1.attention.output.LayerNorm.\2"),
    (r"model\.layers\.(\d+)\.mlp\.fc1\.\w+\.(\w+)", r"encoder.layer.\1.intermediate.dense.\2"),
    (r"model\.layers\.(\d+)\.mlp\.fc2\.\w+\.(\w+)", r"encoder.layer.\1.output.dense.\2"),
    (r"model\.layers\.(\d+)\.mlp_output_norm_layernorm\.(\w+)", r"encoder.layer.\1.output.LayerNorm.\2"),
)  # fmt: skip
#: torch's own exporter keeps names, but for tables that are multiplied: those are known by the node that reads them
_KEPT = re.compile(r"(?:.*\.)?((?:embeddings|encoder\.layer\.\d+)\..+\.(?:weight|bias))")
_NODE = re.compile(
    r"(?:/.*)?/encoder/layer\.(\d+)/(attention/self|attention/output|intermediate|output)/(\w+)/MatMul\w*"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a weight of torch's stands in the graph, and whether it lies there the other way round."""

    name: str
    turned: bool


@dataclass(frozen=True, slots=True)
class BertGraph:
    """An encoder's ONNX ``model``, and by torch's name of each weight its ``places`` there. ``shape`` is what torch needs."""

    model: Any
    places: Mapping[str, Place]
    shape: Mapping[str, Any]

    @classmethod
    def of(cls, encoder: SentenceEncoder) -> BertGraph:
        """Read an encoder's graph. Raises ``ModelReferenceError`` where it is no BERT that this code knows."""
        model = onnx().load(encoder.files.paths[MODEL])
        places = dict(_places(model))
        reference = encoder.files.reference
        if "embeddings.word_embeddings.weight" not in places:
            raise ModelReferenceError(f"{reference} is no BERT whose weights can be found: it cannot be tuned here.")
        return cls(model, places, _shape(model, places, reference))

    def weights(self) -> dict[str, Vectors]:
        """Every weight by torch's name, shaped as torch has it."""
        arrays = onnx().numpy_helper
        held = {table.name: table for table in self.model.graph.initializer}
        found = {name: arrays.to_array(held[place.name]) for name, place in self.places.items()}
        return {name: np.array(a.T if self.places[name].turned else a, dtype=np.float32) for name, a in found.items()}

    def with_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> Any:
        """The model with ``weights`` in the places of its own, all in one."""
        arrays = onnx().numpy_helper
        changed = type(self.model)()
        changed.CopyFrom(self.model)
        held = {table.name: table for table in changed.graph.initializer}
        for name, place in self.places.items():
            array = np.ascontiguousarray(weights[name].T if place.turned else weights[name], dtype=np.float32)
            held[place.name].CopyFrom(arrays.from_array(array, place.name))
        return changed

    def network(self, dropout: float) -> Any:
        """torch's ``BertModel`` with the graph's weights."""
        import torch
        from transformers import BertConfig, BertModel

        # Without dropout of its weights attention takes a much faster way on a processor.
        config = BertConfig(
            **self.shape, hidden_act="gelu", hidden_dropout_prob=dropout, attention_probs_dropout_prob=0.0
        )
        network = BertModel(config, add_pooling_layer=False)
        told = network.load_state_dict({n: torch.from_numpy(w) for n, w in self.weights().items()}, strict=False)
        if missing := [name for name in told.missing_keys if not name.endswith("_ids")] + list(told.unexpected_keys):
            raise ModelReferenceError(f"the encoder's graph lacks weights of a BERT, or has others: {missing[:3]}.")
        return network


def _places(model: Any) -> Iterator[tuple[str, Place]]:
    for table in model.graph.initializer:
        if match := _KEPT.fullmatch(table.name):
            yield match[1], Place(table.name, turned=False)
            continue
        for pattern, ours in _ALIASES:
            if match := re.fullmatch(pattern, table.name):
                yield match.expand(ours), Place(table.name, len(table.dims) == 2 and "embeddings" not in table.name)
    for node in model.graph.node:
        if node.op_type == "MatMul" and (match := _NODE.fullmatch(node.name or node.output[0])):
            name = f"encoder.layer.{match[1]}.{match[2].replace('/', '.')}.{match[3]}.weight"
            yield name, Place(node.input[1], turned=True)


def _shape(model: Any, places: Mapping[str, Place], reference: str) -> dict[str, Any]:
    """The sizes of the network, from the graph's tables; the number of heads also from ``config.json`` beside it."""
    dims = {table.name: list(table.dims) for table in model.graph.initializer}
    sizes = {name: dims[place.name] for name, place in places.items()}
    words, positions = sizes["embeddings.word_embeddings.weight"], sizes["embeddings.position_embeddings.weight"]
    layers = 1 + max(int(name.split(".")[2]) for name in sizes if name.startswith("encoder.layer."))
    inner = sizes["encoder.layer.0.intermediate.dense.bias"][0]
    return {
        "vocab_size": words[0], "hidden_size": words[1], "max_position_embeddings": positions[0],
        "type_vocab_size": sizes["embeddings.token_type_embeddings.weight"][0], "num_hidden_layers": layers,
        "intermediate_size": inner, "num_attention_heads": _heads(model, reference),
        "layer_norm_eps": _attribute(model, "LayerNormalization", "epsilon") or 1e-12,
    }  # fmt: skip


def _heads(model: Any, reference: str) -> int:
    for operator in ("MultiHeadAttention", "Attention"):
        if heads := _attribute(model, operator, "num_heads"):
            return int(heads)
    from sizewise.store.arrays import load_json

    return int(load_json(resolve(reference, (CONFIG,), {}).paths[CONFIG])["num_attention_heads"])


def _attribute(model: Any, operator: str, name: str) -> Any:
    """The value of an attribute of the first node of ``operator`` that has it; ``None`` where none does."""
    for node in model.graph.node:
        if node.op_type == operator:
            for attribute in node.attribute:
                if attribute.name == name:
                    return onnx().helper.get_attribute_value(attribute)
    return None


def single_file(model: Any, path: Path) -> Path:
    """Write a model whose weights stand in the file itself; the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path
