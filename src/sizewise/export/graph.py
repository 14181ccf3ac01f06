"""A specialist as one ONNX graph: from tokens and n-grams of one text to the heads' scores and the answer.

What turns a text into numbers is no part of it: ONNX has no operator that cuts words into n-grams as these rungs do,
nor a tokenizer. Inputs are the positions and weights of the text's word and character n-grams and, for ``encoder``,
its tokens. Outputs are the joint scores, the probabilities, the position of the answer in ``labels.json``, and each
head's own scores, from which confidence is reckoned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.models.onnx_door import onnx
from sizewise.specialists.encoder_specialist import JOINT, EncoderSpecialist
from sizewise.specialists.encoder_views import GAMMA, TUNED, Views
from sizewise.specialists.heads import Head, Mixture
from sizewise.specialists.keywords import BLOCKS, KeywordsSpecialist
from sizewise.specialists.packed_rows import packed
from sizewise.specialists.rounded_encoder import FLOAT, rounded
from sizewise.specialists.sentence_vectors import MODEL, SentenceEncoder

INT64 = 7  # in ONNX's own numbering
OPSET, IR = 21, 10
TOKENS = ("input_ids", "attention_mask")


class Graph:
    """A graph in the making: operators are called by name and give the name of what they compute."""

    def __init__(self, small: bool, model: Any = None) -> None:
        self._helper, self._arrays = onnx().helper, onnx().numpy_helper
        self.small = small
        self.model = model or self._helper.make_model(
            self._helper.make_graph([], "specialist", [], []), ir_version=IR,
            opset_imports=[self._helper.make_opsetid("", OPSET)],
        )  # fmt: skip
        self._count = 0
        self._held: dict[int, tuple[Any, str]] = {}

    def __getattr__(self, operator: str) -> Any:
        """The operator of that name: a function of inputs (names or arrays) and attributes."""

        def add(*inputs: Any, **attributes: Any) -> str:
            self._count += 1
            out = f"specialist/{self._count}"
            names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
            self.model.graph.node.append(self._helper.make_node(operator, names, [out], **attributes))
            return out

        return add

    def constant(self, array: Any) -> str:
        """The name of an array that the graph holds, once however often it is asked for."""
        held = self._held.get(id(array))
        if held is None:
            name = f"specialist/held/{len(self._held)}"
            self.model.graph.initializer.append(self._arrays.from_array(np.array(array, order="C"), name))
            held = self._held[id(array)] = (array, name)  # the array too: its id must not become another's
        return held[1]

    def input(self, name: str, kind: int, shape: list[Any]) -> str:
        self.model.graph.input.append(self._helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, value: str, kind: int, shape: list[Any]) -> None:
        """Let ``value`` be seen as ``name``."""
        self.model.graph.node.append(self._helper.make_node("Identity", [value], [name]))
        self.model.graph.output.append(self._helper.make_tensor_value_info(name, kind, shape))

    def rows(self, table: NDArray[np.float32], columns: str) -> str:
        """Some rows of a table of weights, which a small graph holds in a byte each."""
        if not self.small:
            return str(self.Gather(table, columns))
        kept = packed(np.asarray(table, dtype=np.float32))
        whole = self.Cast(self.Gather(kept.table, columns), to=FLOAT)
        return str(self.Mul(whole, self.Gather(np.asarray(kept.scale)[:, None], columns)))


def graph_of(specialist: KeywordsSpecialist | EncoderSpecialist, small: bool) -> bytes:
    """The specialist as one ONNX file, for one text at a time."""
    keywords = specialist.keywords if isinstance(specialist, EncoderSpecialist) else specialist
    model = _encoder_model(specialist, small) if isinstance(specialist, EncoderSpecialist) else None
    graph = Graph(small, model)
    views: dict[str, Any] = _vectors(graph, specialist) if isinstance(specialist, EncoderSpecialist) else {}
    grams = {name: _grams(graph, name) for name in BLOCKS}
    scores = _scores(graph, specialist.first, views, grams) | _scores(graph, keywords.first, views, grams)
    if isinstance(specialist, EncoderSpecialist) and specialist.joint is not None:
        scores[JOINT] = _joined(graph, specialist.joint, _scores(graph, specialist.joint, views, grams))
    size = len(specialist.labels)
    _answer(graph, "", _joined(graph, specialist.first, scores), size)
    for name, score in scores.items():
        graph.output(f"{name}_scores", score, FLOAT, [1, size])
    if specialist.second is not None and keywords.second is not None:
        second = _scores(graph, specialist.second, views, grams) | _scores(graph, keywords.second, views, grams)
        _answer(graph, "second_", _joined(graph, specialist.second, second), size)
    onnx().checker.check_model(graph.model)
    return bytes(graph.model.SerializeToString())


def _answer(graph: Graph, prefix: str, joint: str, size: int) -> None:
    graph.output(f"{prefix}scores", joint, FLOAT, [1, size])
    graph.output(f"{prefix}probabilities", graph.Softmax(joint, axis=1), FLOAT, [1, size])
    graph.output(f"{prefix}answer", graph.ArgMax(joint, axis=1, keepdims=0), INT64, [1])


def _encoder_model(specialist: EncoderSpecialist, small: bool) -> Any:
    """The encoder's own graph, which takes tokens alone; nothing of it is an output yet."""
    path = specialist.encoder.files.paths[MODEL]
    model = rounded(path) if small else onnx().load(path)
    unused = [i for i in model.graph.input if i.name not in TOKENS]
    for given in unused:
        model.graph.input.remove(given)
        zeros = onnx().helper.make_node("Sub", ["input_ids", "input_ids"], [given.name])
        model.graph.node.insert(0, zeros)
    del model.graph.output[:]
    del model.graph.value_info[:]
    return model


def _grams(graph: Graph, name: str) -> tuple[str, str]:
    """The columns and weights of one kind of n-gram, of any number."""
    return (
        graph.input(f"{name}_columns", INT64, [f"{name}_known"]),
        graph.input(f"{name}_weights", FLOAT, [f"{name}_known"]),
    )


def _vectors(graph: Graph, specialist: EncoderSpecialist) -> dict[str, str]:
    """What the heads read of the encoder: components, likeness to anchors, and the first view."""
    encoder, views = specialist.encoder, specialist.views
    assert isinstance(encoder, SentenceEncoder)
    poolings, dimensions = views.centre.shape
    layers = [encoder.outputs[layer] for _, layer in encoder.poolings]
    pooled = [_pooled(graph, way, layer) for (way, _), layer in zip(encoder.poolings, layers, strict=True)]
    joined = graph.Concat(*pooled[:poolings], axis=1)
    shaped = graph.Reshape(joined, np.array([1, poolings, dimensions], dtype=np.int64))
    unit = _unit(graph, graph.Sub(shaped, views.centre))
    first = graph.Gather(unit, np.array(0, dtype=np.int64), axis=1)
    own = {}
    if views.tuned:
        poolings -= 1
        own = {TUNED: graph.Gather(unit, np.array(poolings, dtype=np.int64), axis=1)}
        unit = graph.Gather(unit, np.arange(poolings), axis=1)
    whole = graph.Reshape(unit, np.array([1, poolings * dimensions], dtype=np.int64))
    likeness = {"anchors": _kernel(graph, first, views)} if len(views.anchors) else {}
    return {
        "components": graph.Mul(whole, np.array(1 / np.sqrt(poolings), dtype=np.float32)),
        "names": first,
        **likeness,
        **own,
    }


def _pooled(graph: Graph, way: str, layer: str) -> str:
    tokens = np.array([1], dtype=np.int64)
    if way == "maximum":
        return str(graph.ReduceMax(layer, tokens, keepdims=0))
    if way == "minimum":
        return str(graph.ReduceMin(layer, tokens, keepdims=0))
    mean = graph.ReduceMean(layer, tokens, keepdims=0)
    if way == "mean":
        return str(mean)
    apart = graph.Sub(layer, graph.Unsqueeze(mean, tokens))
    return str(graph.Sqrt(graph.ReduceMean(graph.Mul(apart, apart), tokens, keepdims=0)))


def _unit(graph: Graph, vectors: str) -> str:
    length = graph.ReduceL2(vectors, np.array([-1], dtype=np.int64), keepdims=1)
    return str(graph.Div(vectors, graph.Max(length, np.array(1e-9, dtype=np.float32))))


def _kernel(graph: Graph, first: str, views: Views) -> str:
    cosines = graph.MatMul(first, np.ascontiguousarray(views.anchors.T))
    return str(graph.Exp(graph.Mul(graph.Sub(cosines, np.float32(1)), np.float32(GAMMA))))


def _scores(
    graph: Graph, mixture: Mixture, views: Mapping[str, str], grams: Mapping[str, tuple[str, str]]
) -> dict[str, str]:
    """Each head's scores of its view, centred."""
    return {
        name: _centred(
            graph, _weighed(graph, head, grams[name]) if name in grams else _product(graph, head, views[name])
        )
        for name, head in mixture.heads.items()
    }


def _product(graph: Graph, head: Head, view: str) -> str:
    return str(graph.Add(graph.MatMul(view, head.weights), head.bias))


def _weighed(graph: Graph, head: Head, gram: tuple[str, str]) -> str:
    columns, weights = gram
    along, across = np.array([1], dtype=np.int64), np.array([0], dtype=np.int64)
    weighed = graph.Mul(graph.rows(head.weights, columns), graph.Unsqueeze(weights, along))
    return str(graph.Add(graph.ReduceSum(weighed, across, keepdims=1), head.bias))


def _centred(graph: Graph, scores: str) -> str:
    return str(graph.Sub(scores, graph.ReduceMean(scores, np.array([1], dtype=np.int64), keepdims=1)))


def _joined(graph: Graph, mixture: Mixture, scores: Mapping[str, str]) -> str:
    shared = [graph.Mul(scores[name], np.float32(share)) for name, share in mixture.shares.items()]
    return str(graph.Sum(*shared))
