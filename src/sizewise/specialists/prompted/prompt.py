"""The prompt: what all inputs share, worked out once, and the few pieces around each input."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from sizewise.core.wording import Order, Wording
from sizewise.slm.prompt_format import PLAIN, Message, Piece, PromptFormat

_HERE = "\x00"  # where the input will stand; no text of a log holds it after it was read


@dataclass(frozen=True, slots=True)
class Layout:
    """A prompt taken apart: ``prefix`` is the same for every input; each label ends with ``end``."""

    prefix: tuple[Piece, ...]
    before: str
    after: tuple[Piece, ...]
    lead: str
    labels: tuple[str, ...]
    end: Piece


def layout(
    form: PromptFormat, wording: Wording, labels: Sequence[str], examples: Sequence[tuple[str, str]], seed: int = 0
) -> Layout:
    """The prompt for ``labels`` with ``examples`` (input, label), in the family's own format."""
    shown = shown_labels(labels, wording)
    said = dict(zip(labels, shown, strict=True))
    ordered = _ordered(shown, wording.order, seed)
    head = wording.instructions
    if wording.listed:
        head += f"\n{wording.label_word}s{wording.between}" + ", ".join(ordered) + "."
    turns = _ordered([(text, said[label]) for text, label in examples], wording.order, seed)
    lead = " " if wording.between.endswith(" ") else ""
    between = wording.between.rstrip(" ")
    if form.name == PLAIN:
        start = f"{head}\n\n" + "".join(
            f"{wording.input_word}{wording.between}{text}\n{wording.label_word}{wording.between}{label}\n\n"
            for text, label in turns
        )
        prefix = (Piece(f"{start}{wording.input_word}{between}"),)
        after = (Piece(f"\n{wording.label_word}{between}"),)
        return Layout(prefix, lead, after, lead, shown, Piece("\n"))
    messages = [Message("system", head)]
    for text, label in [*turns, (_HERE, "")]:
        messages += [Message("user", f"{wording.input_word}{wording.between}{text}\n{wording.label_word}?")]
        messages += [Message("assistant", label)] if label else []
    pieces = form.pieces(messages)
    place = next(i for i, piece in enumerate(pieces) if _HERE in piece.text)
    before, _, after_it = pieces[place].text.partition(_HERE)
    return Layout(
        prefix=(*pieces[:place], Piece(before)),
        before="",
        after=(Piece(after_it), *pieces[place + 1 :]),
        lead=_lead(form),
        labels=shown,
        end=Piece(form.stop[0], ours=True),
    )


def shown_labels(labels: Sequence[str], wording: Wording) -> tuple[str, ...]:
    """The labels as the model reads and writes them: words, unless two would then be the same."""
    words = tuple(" ".join(label.replace("_", " ").replace("-", " ").split()) or label for label in labels)
    return words if wording.label_form == "words" and len(set(words)) == len(labels) else tuple(labels)


def _lead(form: PromptFormat) -> str:
    """What stands before an assistant's text in the family's format: some begin it with a space."""
    before = form.assistant.partition("{text}")[0]
    return " " if before.endswith(" ") else ""


def _ordered(items: Sequence[str | tuple[str, str]], order: Order, seed: int) -> list:  # type: ignore[type-arg]
    made = list(items)
    if order == "reversed":
        made.reverse()
    elif order == "shuffled":
        random.Random(seed).shuffle(made)
    return made
