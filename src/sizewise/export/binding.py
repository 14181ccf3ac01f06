"""What binds whoever passes a specialist on: the licence of its encoder, the terms of the model that taught it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sizewise.cascade.cascade import Cascade
from sizewise.core.record import RunRecord
from sizewise.models.catalogue import catalogue_name, licence
from sizewise.models.known_facts import Condition
from sizewise.models.listing import listing, llm, open_model
from sizewise.report.visible import visible
from sizewise.report.words import Words


def base_of(model: Cascade) -> str | None:
    """The reference of the local model that the specialist was learned on, where it rests on one."""
    found = getattr(getattr(model.specialist, "tuning", None), "model", None)
    return found if isinstance(found, str) else None


def public(reference: str) -> str:
    """A model's reference without where it lay on this machine.

    >>> public("file:/home/me/models/base.gguf"), public("hf:org/name")
    ('file:base.gguf', 'hf:org/name')
    """
    return f"file:{Path(reference).name}" if reference.startswith("file:") else reference


def bindings(record: RunRecord, words: Words, base: str | None = None) -> Iterator[str]:
    """A line for each thing that binds, with the address of its source and the day on which that was read.

    ``base`` is the local model that goes along, if one does.
    """
    if base is not None:
        named = catalogue_name(base)
        entry = open_model(named) if named else None
        fact = entry.licence if entry else "unknown"
        known = None if fact == "unknown" else str(fact.value)
        yield _dated(
            words("model_card.licence_base", reference=visible(public(base)), licence=known or words("unknown")),
            known.casefold() if known else "", ("commercial", "derived"), words,
        )  # fmt: skip
    encoder = record.provenance.encoder
    if encoder is not None:
        known = licence(encoder)
        yield _dated(
            words("model_card.licence_encoder", reference=visible(public(encoder)), licence=known or words("unknown")),
            known.casefold() if known else "", ("commercial", "derived"), words,
        )  # fmt: skip
    yield _teacher(record, words)


def _teacher(record: RunRecord, words: Words) -> str:
    """The terms of the large model whose answers were learned from, if any were."""
    if record.verdict.reference == "gold" and not record.data_check.trained_on_answers:
        return words("model_card.licence_gold")
    named = record.verdict.large.model if record.verdict.large else None
    if not named:
        return words("model_card.licence_teacher_unnamed")
    known = llm(named)
    if known is None:
        return words("model_card.licence_teacher_unknown", model=visible(named))
    terms = listing().terms[known.terms]
    said = words("model_card.licence_teacher", model=visible(named), terms=terms.name)
    return _dated(said, known.terms, ("training",), words)


def _dated(said: str, terms: str, about: tuple[str, ...], words: Words) -> str:
    found = listing().terms.get(terms)
    if found is None:
        return said + "."
    return "; ".join([said, *(_condition(getattr(found, name), name, words) for name in about)]) + "."


def dated(terms: str, about: tuple[str, ...], words: Words) -> str:
    """What the terms of that key say about each thing, with the address and the day of each source."""
    return _dated(listing().terms[terms].name, terms, about, words)


def _condition(condition: Condition, name: str, words: Words) -> str:
    source = listing().sources[condition.source]
    text = condition.ru if words.language == "ru" else condition.en
    read = words("model_card.read_on", day=str(source.seen))
    return f"{words(f'models.{name}').lower()}: {words(f'models.answer_{condition.answer}')}: {text} ({source.url}, {read})"
