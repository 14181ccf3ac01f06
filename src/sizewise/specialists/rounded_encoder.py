"""An encoder's ONNX graph with one byte a weight: a quarter of the size, and quicker where the processor can.

Each product with a table of weights becomes onnxruntime's ``MatMulNBits`` with 8 bits, in blocks of 64 numbers of one
column, each with its own scale; what it multiplies is rounded in the same blocks, row by row. So a text's vector does
not depend on what it is encoded together with, as it does where one scale serves a whole batch (dynamic quantisation).
Tables from which rows are looked up (the words) keep a byte a number and a scale a row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.models.onnx_door import onnx
from sizewise.specialists.packed_rows import MOST, packed

BLOCK = 64
BITS = 8
MANY_ROWS = 100  # of a table that rows are looked up in: a smaller one stays as it is
INTEGERS = 4  # the accuracy level at which onnxruntime multiplies bytes


def rounded(graph: Path | Any) -> Any:
    """The model in ``graph`` (a path, or the model itself, which is changed) with its weights rounded, all in one."""
    model = onnx().load(graph) if isinstance(graph, Path) else graph
    tables = {
        table.name: table for table in model.graph.initializer if len(table.dims) == 2 and table.data_type == FLOAT
    }
    nodes = []
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in tables and tables[node.input[1]].dims[0] % BLOCK == 0:
            nodes.append(_product(model.graph, node, tables[node.input[1]]))
        elif node.op_type == "Gather" and node.input[0] in tables and tables[node.input[0]].dims[0] > MANY_ROWS:
            nodes += _look_up(model.graph, node, tables[node.input[0]])
        else:
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    _without_unread(model.graph)
    return model


FLOAT = 1  # in ONNX's own numbering


def blocks(weights: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """(inputs, outputs) weights as (outputs, blocks, 64) bytes around 128, and (outputs, blocks) scales."""
    inputs, outputs = weights.shape
    parts = np.ascontiguousarray(weights.T).reshape(outputs, inputs // BLOCK, BLOCK)
    largest = np.abs(parts).max(axis=2)
    scales = np.where(largest > 0, largest / MOST, 1.0).astype(np.float32)
    return (np.rint(parts / scales[:, :, None]) + 128).astype(np.uint8), scales


def _product(graph: Any, node: Any, table: Any) -> Any:
    helper, arrays = onnx().helper, onnx().numpy_helper
    name, (inputs, outputs) = table.name, table.dims
    kept = {initializer.name for initializer in graph.initializer}
    if f"{name}.bytes" not in kept:
        whole, scales = blocks(arrays.to_array(table))
        graph.initializer.append(arrays.from_array(whole, f"{name}.bytes"))
        graph.initializer.append(arrays.from_array(scales, f"{name}.scales"))
    return helper.make_node(
        "MatMulNBits", [node.input[0], f"{name}.bytes", f"{name}.scales"], list(node.output), domain="com.microsoft",
        K=inputs, N=outputs, bits=BITS, block_size=BLOCK, accuracy_level=INTEGERS,
    )  # fmt: skip


def _look_up(graph: Any, node: Any, table: Any) -> list[Any]:
    helper, arrays = onnx().helper, onnx().numpy_helper
    name, rows, out = table.name, node.input[1], node.output[0]
    kept = packed(arrays.to_array(table))
    graph.initializer.append(arrays.from_array(kept.table, f"{name}.bytes"))
    graph.initializer.append(arrays.from_array(np.asarray(kept.scale)[:, None], f"{name}.scales"))
    return [
        helper.make_node("Gather", [f"{name}.bytes", rows], [f"{out}.bytes"]),
        helper.make_node("Cast", [f"{out}.bytes"], [f"{out}.numbers"], to=FLOAT),
        helper.make_node("Gather", [f"{name}.scales", rows], [f"{out}.scales"]),
        helper.make_node("Mul", [f"{out}.numbers", f"{out}.scales"], [out]),
    ]


def _without_unread(graph: Any) -> None:
    """Drop the tables that no node reads any more."""
    read = {name for node in graph.node for name in node.input}
    stay = [initializer for initializer in graph.initializer if initializer.name in read]
    del graph.initializer[:]
    graph.initializer.extend(stay)
