"""What stands around the label in the answers of a log: so that a specialist can answer as the LLM did."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

from sizewise.core.form import AnswerForm, Escape
from sizewise.data.answers import fence, spelled_pattern

LONGEST = 4_000
#: the least share of the answers that must have one form: where fewer do, the answers are free text
LEAST_SHARE = 0.5
LEAST_ROWS = 5
MOST_PLACES = 8
_PROBE = 'a"b'


class Said(NamedTuple):
    """A raw answer, the label that it was read as, and its completion tokens where they are known."""

    raw: str
    label: str
    tokens: int | None = None


class _Place(NamedTuple):
    """Where in a raw answer its label stands: the text around it, and how the label is spelled there."""

    before: str
    after: str
    spelling: str
    is_ascii: bool = False


def learn(answers: Iterable[Said]) -> AnswerForm | None:
    """The form that most of ``answers`` have, ``None`` where half of them have none in common.

    Every place where an answer's label stands in it is looked at; the text around it that is commonest over all
    answers is the form. An answer that holds more than the label (a reason, a confidence) differs from row to row,
    and so has none.

    >>> form = learn([Said(f'{{"topic": "{label}"}}', label) for label in ["a", "b", "a", "c", "a"]])
    >>> form.before, form.after, form.escape, form.share
    ('{"topic": "', '"}', 'json', 1.0)
    """
    counts: Counter[Said] = Counter(said for said in answers if said.label)
    total = sum(counts.values())
    places: dict[tuple[str, str], list[_Place]] = {}
    around: Counter[tuple[str, str]] = Counter()
    for said, count in counts.items():
        key = (said.raw, said.label)
        if key not in places:
            places[key] = list(_places(said.raw, said.label))
        around.update(dict.fromkeys({(place.before, place.after) for place in places[key]}, count))
    if not around:
        return None
    (before, after), count = min(around.items(), key=lambda item: (-item[1], len(item[0][0]), item[0]))
    if count < LEAST_ROWS or count < LEAST_SHARE * total:
        return None
    return _form(before, after, counts, places, total)


def _form(
    before: str, after: str, counts: Counter[Said], places: dict[tuple[str, str], list[_Place]], total: int
) -> AnswerForm:
    spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    tokens: defaultdict[str, Counter[int]] = defaultdict(Counter)
    has_form, escaped = 0, False
    for said, count in counts.items():
        place = next((p for p in places[said.raw, said.label] if (p.before, p.after) == (before, after)), None)
        if place is None:
            continue
        has_form += count
        escaped = escaped or place.is_ascii
        spellings[said.label][place.spelling] += count
        if said.tokens is not None:
            tokens[said.label][said.tokens] += count
    commonest = {label: _commonest(spelled) for label, spelled in sorted(spellings.items())}
    return AnswerForm(
        before=before,
        after=after,
        escape=_escape(before, after, escaped),
        share=round(has_form / total, 4),
        rows=total,
        spelled={label: spelling for label, spelling in commonest.items() if spelling != label},
        tokens={label: _commonest(counted) for label, counted in sorted(tokens.items())},
    )


Counted = TypeVar("Counted", str, int)


def _commonest(counts: Counter[Counted]) -> Counted:
    return min(counts.items(), key=lambda item: (-item[1], item[0]))[0]


def _places(raw: str, label: str) -> Iterator[_Place]:
    if len(raw) > LONGEST:
        return
    for number, match in enumerate(spelled_pattern(label).finditer(raw)):
        if number == MOST_PLACES:
            break
        yield _Place(raw[: match.start()], raw[match.end() :], match[0])
    for is_ascii in (False, True):
        written = json.dumps(label, ensure_ascii=is_ascii)[1:-1]
        if written != label and (at := raw.find(written)) >= 0:
            yield _Place(raw[:at], raw[at + len(written) :], label, is_ascii)


def _escape(before: str, after: str, is_ascii: bool) -> Escape:
    """How a label is written there: as JSON where it stands inside a text of a JSON value."""
    whole = before + json.dumps(_PROBE)[1:-1] + after
    try:
        json.loads(fence(whole) or whole)
    except (ValueError, RecursionError):
        return "none"
    return "ascii" if is_ascii else "json"
