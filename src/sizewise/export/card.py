"""The model card: what the specialist does, how well, for what data, and what binds whoever has it.

The front matter follows the Hugging Face hub's specification of model cards
(https://github.com/huggingface/hub-docs/blob/main/modelcard.md): JSON in it, which YAML contains.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sizewise
from sizewise.cascade.cascade import Cascade
from sizewise.core.measurement import Measured
from sizewise.core.record import RunRecord
from sizewise.export.binding import base_of, bindings
from sizewise.export.comparison import Comparison
from sizewise.report.headline import contradictions, headline
from sizewise.report.visible import visible
from sizewise.report.words import Words
from sizewise.specialists.encoder_specialist import EncoderSpecialist

SHOWN_LABELS = 100
BARE = ("onnx", "gguf")  # kinds that answer without confidence and route
COMMON_LANGUAGE = 0.05
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~])")


@dataclass(frozen=True, slots=True)
class Card:
    """A card in one language. ``usage`` is the lines that show how this export is asked, each a fenced block's content."""

    record: RunRecord
    model: Cascade
    kind: str
    usage: Sequence[tuple[str, str]]
    small: bool
    comparison: Comparison | None
    words: Words

    def text(self) -> str:
        """The whole card as Markdown."""
        parts = [self._front_matter(), *self._sections()]
        return "\n\n".join(parts) + "\n"

    def plain_text(self) -> str:
        """The card without its front matter."""
        return "\n\n".join(self._sections()) + "\n"

    def _front_matter(self) -> str:
        rows = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in self._facts().items()]
        return "\n".join(["---", *rows, "---"])

    def _facts(self) -> dict[str, Any]:
        languages = self.record.data_check.languages
        common = [code for code, share in languages.items() if share.value >= COMMON_LANGUAGE and code != "und"]
        facts: dict[str, Any] = {
            "license": "other",
            "license_name": "to-be-decided-by-the-owner-of-the-data",
            "license_link": "README.md",
            "language": common,
            "tags": ["text-classification", "sizewise", self.model.specialist.name],
            "pipeline_tag": "text-classification",
            "model-index": [self._index()],
        }
        return {key: value for key, value in facts.items() if value}

    def _index(self) -> dict[str, Any]:
        verdict = self.record.verdict
        metrics = [
            {"type": kind, "name": name, "value": measured.value, "n": measured.n,
             "confidence_interval": [measured.low, measured.high]}
            for kind, name, measured in self._metrics()
        ]  # fmt: skip
        dataset = {"type": "private", "name": verdict.task, "split": "test", "revision": verdict.data.sha256}
        task = {"type": "text-classification", "name": verdict.task}
        return {"name": verdict.task, "results": [{"task": task, "dataset": dataset, "metrics": metrics}]}

    def _metrics(self) -> Iterator[tuple[str, str, Measured]]:
        english = Words("en")
        for kind, (measured, unit) in self._measures().items():
            if measured is not None and unit in ("share", "score"):
                known = {"macro_f1": "f1", "accuracy": "accuracy"}.get(kind, kind)
                yield known, english.known(f"measure.{kind}", kind), measured

    def _sections(self) -> Iterator[str]:
        words, verdict = self.words, self.record.verdict
        yield f"# {words('model_card.title', task=_plain(verdict.task))}"
        yield from (f"**{text}**" for text in contradictions(verdict, words))
        yield words("model_card.intro", version=sizewise.__version__)
        yield words("model_card.verdict", verdict=headline(self.record, words, _plain).rstrip("."))
        yield from self._use()
        yield f"## {words('model_card.task')}"
        yield self._labels()
        yield words("model_card.rung", rung=self.model.specialist.name,
                    meaning=words.known(f"rungs.{self.model.specialist.name}", ""))  # fmt: skip
        yield from self._data()
        yield from self._measured()
        yield from self._guarantee()
        yield from self._export()
        yield f"## {words('model_card.limits')}"
        yield "\n".join(f"- {_plain(words.reason(limit), 2_000)}" for limit in verdict.limit_codes)
        yield f"## {words('model_card.licence')}"
        yield "\n".join(f"- {line}" for line in self._binding())
        yield words("model_card.other")

    def _use(self) -> Iterator[str]:
        words, threshold = self.words, self.model.threshold
        yield f"## {words('model_card.use')}"
        yield words(f"model_card.use_{self.kind}")
        yield from (f"```{language}\n{code}\n```" for language, code in self.usage)
        if self.kind == "onnx":
            yield from self._numbers()
        if self.kind in BARE:
            return
        yield words("model_card.use_answer")
        if threshold is None:
            yield words("model_card.use_never_small")
        else:
            yield words("model_card.use_threshold", threshold=words.numbers.plain(threshold, 4))

    def _numbers(self) -> Iterator[str]:
        """How a text becomes what an ONNX graph reads."""
        about = [
            "words",
            "weights",
            *(["tokens"] if isinstance(self.model.specialist, EncoderSpecialist) else []),
            "outputs",
        ]
        yield "\n".join(f"- {self.words(f'model_card.onnx_{key}')}" for key in about)

    def _labels(self) -> str:
        words, labels = self.words, self.model.specialist.labels
        shown = ", ".join(_plain(label) for label in labels[:SHOWN_LABELS])
        count = words.numbers.count(len(labels))
        if len(labels) <= SHOWN_LABELS:
            return words("model_card.labels", count=count, labels=shown)
        return words("model_card.labels_more", count=count, shown=str(SHOWN_LABELS), labels=shown)

    def _data(self) -> Iterator[str]:
        words, verdict = self.words, self.record.verdict
        splits = {
            name: words.numbers.count(verdict.data.splits.get(name, 0)) for name in ("train", "calibrate", "test")
        }
        yield f"## {words('model_card.data')}"
        yield words("model_card.data_rows", rows=words.numbers.count(verdict.data.rows), sha256=verdict.data.sha256,
                    reference=words(f"model_card.reference_{verdict.reference}"), **splits)  # fmt: skip
        spoken = [
            f"{words.known(f'language.{code}', code)} {words.numbers.share(share.value)}"
            for code, share in self.record.data_check.languages.items()
        ]
        if spoken:
            yield words("model_card.data_languages", languages=", ".join(spoken))
        yield words("model_card.data_texts")

    def _measures(self) -> Mapping[str, tuple[Measured | None, str]]:
        """What was measured of the chosen rung, and the system's coverage, each with its unit."""
        small, cascade = self.record.verdict.small, self.record.verdict.cascade
        found: dict[str, tuple[Measured | None, str]] = {}
        if small is not None:
            found |= {
                "accuracy": (small.accuracy, "share"), "agreement": (small.agreement, "share"),
                "macro_f1": (small.macro_f1, "score"),
            }  # fmt: skip
        if cascade is not None:
            found |= {"coverage": (cascade.coverage, "share"), "answered": (cascade.answered_agreement, "share")}
        if small is not None:
            latency = small.latency_ms
            found |= {
                "latency_p50": (latency.p50 if latency else None, "ms"), "latency_p95": (latency.p95 if latency else None, "ms"),
                "memory": (small.peak_memory_mb, "MiB"),
            }  # fmt: skip
        return found

    def _measured(self) -> Iterator[str]:
        words = self.words
        yield f"## {words('model_card.measures')}"
        yield words("model_card.of_run", cpus=str(self.record.measurements.cpus))
        rows = [f"| {words('model_card.measure')} | {words('model_card.value')} | {words('model_card.interval')} | n |",
                "|---|---|---|---|"]  # fmt: skip
        for kind, (measured, unit) in self._measures().items():
            if measured is not None:
                name = words("model_card.answered") if kind == "answered" else words(f"measure.{kind}")
                interval = words.numbers.interval(measured, unit) or "—"
                rows.append(f"| {name} | {words.numbers.write(measured.value, unit)} | {interval} | "
                            f"{words.numbers.count(measured.n)} |")  # fmt: skip
        yield "\n".join(rows)

    def _guarantee(self) -> Iterator[str]:
        words, verdict = self.words, self.record.verdict
        guarantee, write = verdict.guarantee, words.numbers.write
        yield f"## {words('model_card.guarantee')}"
        if guarantee is None:
            yield words("model_card.no_guarantee")
            return
        about = "excess" if guarantee.quantity == "excess" else f"risk_{verdict.reference}"
        key = "guarantee_note" if guarantee.holds else "guarantee_fails"
        said = words(f"card.{key}", what=words(f"quantity.{about}"), limit=write(guarantee.limit, "level"),
                     certainty=write(1 - guarantee.delta, "level"))  # fmt: skip
        detail = words("card.guarantee_detail", method=words(f"method.{guarantee.method}"),
                       status=words(f"status.{guarantee.status}"), rows=words.numbers.count(guarantee.n_rows),
                       groups=words.numbers.count(guarantee.n_groups))  # fmt: skip
        yield f"{said[0].upper()}{said[1:]} ({detail})."
        if guarantee.holds and guarantee.bound is not None and guarantee.threshold is not None:
            yield words("model_card.guarantee_threshold", threshold=words.numbers.plain(guarantee.threshold, 4),
                        bound=write(guarantee.bound, "bound"))  # fmt: skip

    def _export(self) -> Iterator[str]:
        words = self.words
        yield f"## {words('model_card.export')}"
        if self.kind in BARE:
            yield words(f"model_card.export_{self.kind}")
        if self.small or self.kind not in BARE:
            yield words(f"model_card.export_{'small' if self.small else 'full'}")
        if self.comparison is not None:
            yield from self.comparison.said(words)
        elif self.small:
            yield words("model_card.export_not_compared")

    def _binding(self) -> Iterator[str]:
        yield self.words("model_card.licence_code")
        yield from (_linked(line) for line in bindings(self.record, self.words, base_of(self.model)))


def _plain(text: str, length: int = 80) -> str:
    """A name from outside as Markdown shows it, none of its signs taken for markup."""
    return _MARKUP.sub(r"\\\1", visible(text, length))


def _linked(line: str) -> str:
    """``line`` with its addresses as Markdown marks them."""
    return re.sub(r"(https://[^\s;,)]+)", r"<\1>", line)
