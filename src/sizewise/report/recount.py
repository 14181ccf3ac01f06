"""A few lines of Python that count the run's figures again from its predictions: nobody has to believe the page."""

from __future__ import annotations

from collections.abc import Iterator

from sizewise.core.record import RunRecord


def recount(record: RunRecord) -> str:
    """The lines; empty for a run of an older version, whose predictions do not hold what they are held against."""
    return "\n".join(_lines(record)) if record.portions else ""


def _lines(record: RunRecord) -> Iterator[str]:
    verdict = record.verdict
    reference = "gold" if verdict.reference == "gold" else "llm"
    yield "import json"
    yield 'rows = [json.loads(line) for line in open("predictions.jsonl", encoding="utf-8")]'
    yield "n = len(rows)"
    for name, column in (("accuracy", "gold"), ("agreement", "llm")):
        if (verdict.small.accuracy if name == "accuracy" else verdict.small.agreement) if verdict.small else None:
            yield f'known = [r for r in rows if r["{column}"] is not None]'
            yield f'print("{name}", sum(r["answer"] == r["{column}"] for r in known) / len(known), "n =", len(known))'
    if verdict.cascade is not None:
        yield f'own = [r for r in rows if r["confidence"] >= {verdict.cascade.threshold!r}]'
        yield 'print("coverage", len(own) / n, "n =", n)'
        yield f'print("risk", sum(r["answer"] != r["{reference}"] for r in own) / n, "n =", n)'
        if verdict.cascade.excess is not None:
            yield 'lost = sum(r["answer"] != r["gold"] and r["llm"] in (r["gold"], None) for r in own)'
            yield 'won = sum(r["answer"] == r["gold"] and r["llm"] not in (r["gold"], None) for r in own)'
            yield 'print("excess", (lost - won) / n, "n =", n)'
