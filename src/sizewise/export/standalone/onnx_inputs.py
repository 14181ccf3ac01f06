"""From a text to the numbers that an exported ONNX graph reads, and from its outputs to the answer.

Programs in other languages do the same; this is what they may be held against.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sizewise.core.answer import Answer
from sizewise.specialists.ngrams import NGrams

NGRAMS, LABELS, GRAPH, TOKENIZER = "ngrams.json", "labels.json", "model.onnx", "tokenizer.json"
LONGEST_TOKENS = 256


class OnnxSpecialist:
    """The graph in ``folder`` with what stands beside it. Safe to call from several threads."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        about = json.loads((folder / NGRAMS).read_text(encoding="utf-8"))
        words, characters = ({gram: i for i, gram in enumerate(about[name])} for name in ("words", "characters"))
        shifted = {gram: len(words) + i for gram, i in characters.items()}
        self.labels: list[str] = json.loads((folder / LABELS).read_text(encoding="utf-8"))
        self._ngrams = NGrams((words, shifted), np.array(about["idf"], dtype=np.float32))
        self._prefix: str = about["prefix"]
        self._session = onnxruntime.InferenceSession(folder / GRAPH, providers=["CPUExecutionProvider"])
        self._tokenizer = _tokenizer(folder / TOKENIZER)

    def inputs(self, text: str) -> dict[str, Any]:
        """What the graph is fed for one text."""
        columns, weights, _ = self._ngrams.row(text)
        cut = int((columns < self._ngrams.word_count).sum())
        fed: dict[str, Any] = {
            "words_columns": columns[:cut].astype(np.int64),
            "words_weights": weights[:cut],
            "characters_columns": (columns[cut:] - self._ngrams.word_count).astype(np.int64),
            "characters_weights": weights[cut:],
        }
        if self._tokenizer is not None:
            ids = np.array([self._tokenizer.encode(self._prefix + text).ids], dtype=np.int64)
            fed |= {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        return fed

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """An answer to each text, in order, with its probability as the heads see it: no confidence, no route."""
        return [self._one(text) for text in inputs]

    def _one(self, text: str) -> Answer:
        best, probabilities = self._session.run(["answer", "probabilities"], self.inputs(text))
        label = self.labels[int(best[0])]
        return Answer(label, probabilities={label: float(probabilities[0, best[0]])})


def _tokenizer(path: Path) -> Any:
    if not path.exists():
        return None
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(LONGEST_TOKENS)
    tokenizer.no_padding()
    return tokenizer
