"""A BERT of a few thousand numbers as an ONNX graph, in the names of either writer, and its tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from sizewise.models.onnx_door import onnx

WIDTH, INNER, LAYERS, HEADS, POSITIONS = 64, 128, 2, 4, 300
CARRIER = {
    "embeddings": ".model.embeddings.{}.weight", "norm": "model.layers.-1.embeddings_norm_layernorm.{}",
    "self.query": "model.layers.{}.attn.q_proj.{}", "self.key": "model.layers.{}.attn.k_proj.{}",
    "self.value": "model.layers.{}.attn.v_proj.{}", "attention.output.dense": "model.layers.{}.attn.o_proj.{}",
    "attention.output.LayerNorm": "model.layers.{}.attention_output_norm_layernorm.{}",
    "intermediate.dense": "model.layers.{}.mlp.fc1.{}", "output.dense": "model.layers.{}.mlp.fc2.{}",
    "output.LayerNorm": "model.layers.{}.mlp_output_norm_layernorm.{}",
}  # fmt: skip


class _Graph:
    """Nodes and tables in the making; ``theirs`` says how torch's exporter would call tables and nodes."""

    def __init__(self, theirs: bool, seed: int) -> None:
        self.theirs = theirs
        self.random = np.random.default_rng(seed)
        self.helper, self.arrays = onnx().helper, onnx().numpy_helper
        self.nodes: list[Any] = []
        self.tables: list[Any] = []

    def node(self, operator: str, inputs: Sequence[str], out: str, **attributes: Any) -> str:
        self.nodes.append(self.helper.make_node(operator, list(inputs), [out], name=f"{out}_node", **attributes))
        return out

    def table(self, name: str, *shape: int, ones: bool = False) -> str:
        array = np.ones(shape) if ones else self.random.normal(0, 0.08, shape)
        self.tables.append(self.arrays.from_array(array.astype(np.float32), name))
        return name

    def linear(self, x: str, part: str, layer: int, inputs: int, outputs: int) -> str:
        path = f"encoder.layer.{layer}." + (f"attention.{part}" if part.startswith("self") else part)
        if self.theirs:
            weight, bias, out = (
                f"onnx::MatMul_{len(self.tables)}",
                f"{path}.bias",
                "/" + path.replace(".", "/").replace(f"layer/{layer}", f"layer.{layer}") + "/MatMul",
            )
        else:
            weight, bias, out = (
                CARRIER[part].format(layer, "MatMul.weight"),
                CARRIER[part].format(layer, "Add.bias"),
                f"/{layer}/{part}",
            )
        self.table(weight, inputs, outputs)
        self.nodes.append(self.helper.make_node("MatMul", [x, weight], [f"{out}_output_0"], name=out))
        return self.node("Add", [f"{out}_output_0", self.table(bias, outputs)], f"{out}_sum")

    def norm(self, x: str, part: str, layer: int | None) -> str:
        names = []
        for kind in ("weight", "bias"):
            if self.theirs:
                name = f"embeddings.LayerNorm.{kind}" if layer is None else f"encoder.layer.{layer}.{part}.{kind}"
            else:
                name = CARRIER["norm"].format(kind) if layer is None else CARRIER[part].format(layer, kind)
            names.append(self.table(name, WIDTH, ones=kind == "weight"))
        out = "last_hidden_state" if layer == LAYERS - 1 and part == "output.LayerNorm" else f"/{layer}/{part}/normed"
        return self.node("LayerNormalization", [x, *names], out, axis=-1, epsilon=1e-12)


def tiny_bert(folder: Path, texts: Sequence[str], *, theirs: bool = False, seed: int = 0) -> str:
    """Write the model's files below ``folder``, its words those of ``texts``; its reference."""
    words = sorted({word for text in texts for word in text.lower().split()})
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(["[UNK]", *words])}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="[UNK] $A", special_tokens=[("[UNK]", 0)])
    (folder / "onnx").mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "onnx" / "model.onnx").write_bytes(_model(len(words) + 1, theirs, seed).SerializeToString())
    return f"file:{folder}"


def _model(words: int, theirs: bool, seed: int) -> Any:
    graph = _Graph(theirs, seed)
    helper = graph.helper
    x = _embedded(graph, words)
    graph.node("Cast", ["attention_mask"], "mask", to=6)
    for layer in range(LAYERS):
        query, key, value = (graph.linear(x, f"self.{part}", layer, WIDTH, WIDTH) for part in ("query", "key", "value"))
        seen = graph.node(
            "MultiHeadAttention",
            [query, key, value, "", "mask"],
            f"/{layer}/seen",
            num_heads=HEADS,
            domain="com.microsoft",
        )
        out = graph.linear(seen, "attention.output.dense", layer, WIDTH, WIDTH)
        x = graph.norm(graph.node("Add", [out, x], f"/{layer}/one"), "attention.output.LayerNorm", layer)
        inner = graph.node("Gelu", [graph.linear(x, "intermediate.dense", layer, WIDTH, INNER)], f"/{layer}/gelu")
        out = graph.linear(inner, "output.dense", layer, INNER, WIDTH)
        x = graph.norm(graph.node("Add", [out, x], f"/{layer}/two"), "output.LayerNorm", layer)
    inputs = [
        helper.make_tensor_value_info(name, 7, ["n", "t"]) for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    outputs = [helper.make_tensor_value_info("last_hidden_state", 1, ["n", "t", WIDTH])]
    made = helper.make_graph(graph.nodes, "tiny", inputs, outputs, graph.tables)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(made, ir_version=9, opset_imports=opsets)


def _embedded(graph: _Graph, words: int) -> str:
    def name(part: str) -> str:
        return f"embeddings.{part}.weight" if graph.theirs else CARRIER["embeddings"].format(part)

    for value, called in ((0, "zero"), (1, "one")):
        graph.tables.append(graph.arrays.from_array(np.array(value, dtype=np.int64), called))
    graph.node("Shape", ["input_ids"], "shape")
    graph.node("Gather", ["shape", "one"], "length")
    graph.node("Range", ["zero", "length", "one"], "places")
    found = [
        graph.node("Gather", [graph.table(name("word_embeddings"), words, WIDTH), "input_ids"], "words"),
        graph.node("Gather", [graph.table(name("position_embeddings"), POSITIONS, WIDTH), "places"], "positions"),
        graph.node("Gather", [graph.table(name("token_type_embeddings"), 2, WIDTH), "token_type_ids"], "types"),
    ]
    graph.node("Add", found[:2], "words_there")
    return graph.norm(graph.node("Add", ["words_there", found[2]], "embedded"), "norm", None)
