"""Tuned weights as what is served: the encoder's own graph with one byte a weight, held against torch before it is kept."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sizewise.core.errors import SizewiseError
from sizewise.models.onnx_door import onnx
from sizewise.models.reference import ModelFiles, file_sha256
from sizewise.specialists.heads import Singles
from sizewise.specialists.rounded_encoder import rounded
from sizewise.specialists.sentence_vectors import MODEL, TOKENIZER, TUNED, SentenceEncoder
from sizewise.specialists.train.bert import BertGraph
from sizewise.store.disk import copy_whole, explained, write_whole

PREFIX = "tuned/"
LEAST_SAME = 0.98  # of torch's answers: fewer, and something is broken, for rounding alone changes hardly any


def unrounded(base: SentenceEncoder, graph: BertGraph, weights: Mapping[str, Singles], prefix: str) -> SentenceEncoder:
    """An encoder that runs ``weights`` as they are, beside those of ``base``: what rounding is held against."""
    return _opened(base, beside(graph.model, graph.with_weights(weights)).SerializeToString(), prefix)


def beside(base: Any, tuned: Any) -> Any:
    """One graph that runs both: what both compute alike, the embeddings for instance, it computes once."""
    joined = type(base)()
    joined.CopyFrom(base)
    held = {table.name: table.raw_data for table in base.graph.initializer}
    other = {table.name for table in tuned.graph.initializer if table.raw_data != held[table.name]}
    for table in tuned.graph.initializer:
        if table.name in other:
            joined.graph.initializer.add().CopyFrom(table)
            joined.graph.initializer[-1].name = f"{PREFIX}{table.name}"
    for node in tuned.graph.node:
        if other & set(node.input):
            other |= set(node.output)
            copied = joined.graph.node.add()
            copied.CopyFrom(node)
            copied.name = f"{PREFIX}{node.name}"
            copied.input[:] = [f"{PREFIX}{name}" if name in other else name for name in node.input]
            copied.output[:] = [f"{PREFIX}{name}" for name in node.output]
    seen = joined.graph.output.add()
    seen.CopyFrom(tuned.graph.output[0])
    seen.name = f"{PREFIX}{seen.name}"
    if seen.name != TUNED:
        joined.graph.node.append(onnx().helper.make_node("Identity", [seen.name], [TUNED]))
        seen.name = TUNED
    return joined


def tuned_encoder(
    base: SentenceEncoder, graph: BertGraph, weights: Mapping[str, Singles], prefix: str
) -> SentenceEncoder:
    """An encoder that runs ``weights`` beside those of ``base``, a byte each. Its files go when it does: save it first."""
    return _opened(base, rounded(beside(graph.model, graph.with_weights(weights))).SerializeToString(), prefix)


def _opened(base: SentenceEncoder, model: bytes, prefix: str) -> SentenceEncoder:
    folder = Path(tempfile.mkdtemp(prefix="sizewise-tuned-"))
    paths = {name: folder / name for name in (TOKENIZER, MODEL)}
    with explained(folder):
        paths[MODEL].parent.mkdir(parents=True)
        write_whole(paths[MODEL], model)
        copy_whole(base.files.paths[TOKENIZER], paths[TOKENIZER])
    files = ModelFiles(base.files.reference, paths, {name: file_sha256(path) for name, path in paths.items()})
    encoder = SentenceEncoder(files, prefix=prefix)
    weakref.finalize(encoder, shutil.rmtree, folder, ignore_errors=True)
    return encoder


def same_answers(one: Singles, other: Singles) -> float:
    """The share of rows for which two tables (n, labels) of scores have their greatest at the same label."""
    return float((one.argmax(axis=1) == other.argmax(axis=1)).mean()) if len(one) else 1.0


def require_same(share: float, rows: int, least: float = LEAST_SAME) -> None:
    """Raise ``SizewiseError`` where what would be served answers otherwise than what was trained."""
    if share < least:
        raise SizewiseError(
            f"the tuned encoder with one byte a weight gives the answer of the trained one for {share:.1%} of {rows:,} rows, "
            f"and at least {least:.0%} are asked for: it is not saved. Run again without the rung encoder-tuned."
        )


def mean_weights(states: Sequence[Mapping[str, Singles]]) -> dict[str, Singles]:
    """The mean of several states of one network, which all began as the same (model soup, Wortsman et al. 2022).

    What was not tuned stays as it was, to the last bit: the graph then computes it once for both encoders.
    """
    first = states[0]
    alike = {name for name in first if all(np.array_equal(first[name], state[name]) for state in states[1:])}
    return {
        name: first[name] if name in alike else np.mean([state[name] for state in states], axis=0, dtype=np.float32)
        for name in first
    }
